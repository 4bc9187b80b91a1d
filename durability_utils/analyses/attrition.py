"""How far could non-response move the share who kept their gains? Estimators under different assumptions.

The estimand is the same for all: of the patients with an outcome (reliable improvement, or reliable recovery) at end of
treatment, the share (0 to 1) who still had it at 6 months. Those who did not answer are in its denominator; what each
method assumes of them is in ASSUMPTIONS. Multiple imputation stands in `imputation.py`.
"""

import warnings

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from durability_utils.outcomes.proportions import proportion
from durability_utils.outcomes.rules import OUTCOMES, STEP_GROUPS, expect_classified, relevant_anxiety
from durability_utils.study.errors import InputError
from durability_utils.study.expected import (
    expect,
    expect_columns,
    expect_one_of,
    expect_rules,
    expect_same_rows,
)
from durability_utils.study.holds import Holds
from durability_utils.study.rules import Rules

ASSUMPTIONS = {
    "complete_cases": "Those who answered at 6 months are a random sample of all.",
    "complete_cases_carried_back": "Those who answered at 6 or 12 months are a random sample of all, and nothing "
                                   "changed between the two.",
    "weighting": "Among patients with the same recorded characteristics, answering does not depend on the outcome; "
                 "the model of answering is right.",
    "imputation": "Among patients with the same recorded characteristics, answering does not depend on the outcome; "
                  "the model of the follow-up scores is right.",
    "worst_case": "None: nobody who did not answer kept it.",
    "best_case": "None: everybody who did not answer kept it.",
}
# Below these numbers a model of answering or of scores says more about itself than about the patients: of those who
# answered and of those who did not, of those who kept it and those who did not, answers a variable, answers in a group.
LEAST_ON_A_SIDE, LEAST_OF_EACH, ANSWERED_A_VARIABLE, LEAST_IN_GROUP = 30, 5, 10, 5
LARGEST_WEIGHT = 10  # times the mean weight
MOST_MODELLED = 20_000  # of more patients the models see a random sample: resampling a million would take hours
RESAMPLES, SEED = 500, 2016
_ESTIMATE = dict.fromkeys(("estimate", "low", "high"), "estimated share with its interval")
HOLDS = {
    "estimates": Holds("The share who kept it, by method", {
        name: f"well_at_end/{{outcome}}/{{method}}/{name}" for name in ("of", "answered", "kept")},
        statistics=_ESTIMATE, words=("assumption", "note")),
    "tipping": Holds("How many of those who did not answer may have lost it", {
        name: f"well_at_end/{{outcome}}/{name}" for name in ("answered", "unanswered")},
        statistics={"not_kept": "number needed"} | dict.fromkeys(
            ("threshold_share", "answered_not_kept_share", "not_kept_share"), "share of one column in another"),
        words=("threshold",)),
    "weights": Holds("The weights of those who answered", {
        name: f"well_at_end/{{outcome}}/{name}" for name in ("of", "answered", "trimmed", "with_missing_values")},
        statistics={"effective_sample_size": "effective sample size", "largest_weight": "weight"},
        words=("variables",)),
    "balance": Holds("Those who answered against all", words=("outcome", "variable"),
                     statistics=dict.fromkeys(("before", "after"), "standardised mean difference")),
    "delta": Holds("The share who kept it, if those who did not answer did worse by so many points",
                   statistics=_ESTIMATE | {"delta": "points of the PHQ-9"}, words=("outcome",)),
}


# -- who is in it ----------------------------------------------------------------------------------

def well_at_end(cohort: pd.DataFrame, end: pd.DataFrame, later: pd.DataFrame, outcome: str,
                rules: Rules) -> pd.DataFrame:
    """The patients with the outcome (a key of OUTCOMES) at end of treatment, one row each.

    `end`, `later`: what `classify` gives for the cohort at end and 6m.
    `kept`: 1 or 0 at 6 months, missing where that is not known. `phq9_baseline`, `phq9_end`, `phq9_6m`: points.
    `anxiety_baseline`, `anxiety_end`, `anxiety_6m`: the relevant anxiety measure in reliable changes of that measure,
    so that patients with different measures can stand in one column; its `reliable_change`, `caseness`, `lowest` and
    `highest` in points, `whole` where they are whole. `age` (years), `sessions`, `step3` (1, 0), `service`.
    """
    expect_one_of(outcome, OUTCOMES, "outcome")
    expect_rules(rules)
    expect_columns(cohort, ["service"])
    expect(cohort, ["age", "sessions", "step", *(f"phq9_{time}" for time in ("baseline", "end", "6m"))], rules)
    expect_classified(end=end, later=later)
    expect_same_rows(cohort=cohort, end=end, later=later)
    anxiety = relevant_anxiety(cohort, "end", rules)
    named = {key: anxiety["measure"].map({name: getattr(measure, key) for name, measure in rules.measures.items()})
             for key in ("minimum", "maximum", "scale")}
    known = cohort["step"].isin([code for codes in STEP_GROUPS.values() for code in codes])
    before = anxiety["baseline"] / anxiety["reliable_change"]
    patients = pd.DataFrame({
        "kept": (later[outcome] == OUTCOMES[outcome]).astype(float).where(later[outcome].notna()),
        **{f"phq9_{time}": cohort[f"phq9_{time}"].astype(float) for time in ("baseline", "end", "6m")},
        "anxiety_baseline": before,
        "anxiety_end": anxiety["later"] / anxiety["reliable_change"],
        "anxiety_6m": before - later["anxiety_change"] / relevant_anxiety(cohort, "6m", rules)["reliable_change"],
        "reliable_change": anxiety["reliable_change"], "caseness": anxiety["caseness"],
        "lowest": named["minimum"].astype(float), "highest": named["maximum"].astype(float),
        "whole": named["scale"] == "sum",
        "age": cohort["age"].astype(float), "sessions": cohort["sessions"].astype(float),
        "step3": cohort["step"].isin(STEP_GROUPS["step3"]).astype(float).where(known),
        "service": cohort["service"].astype("str"),
    }, index=cohort.index)
    return patients[end[outcome] == OUTCOMES[outcome]].reset_index(drop=True)


def why_no_model(patients: pd.DataFrame) -> str:
    """Why no model is fitted to these patients (rows of `well_at_end`), in words; nothing where one can be."""
    known = patients["kept"].notna().to_numpy()
    answered, silent, well = int(known.sum()), int((~known).sum()), int(patients["kept"].sum())
    if answered < LEAST_ON_A_SIDE:
        return f"too few: {answered} answered, fewer than {LEAST_ON_A_SIDE}"
    if min(well, answered - well) < LEAST_OF_EACH:
        return f"too few: {well} kept it and {answered - well} did not, fewer than {LEAST_OF_EACH} on one side"
    if silent < LEAST_ON_A_SIDE:
        return f"too few: {silent} did not answer, fewer than {LEAST_ON_A_SIDE} (see the bounds)"
    probability, _ = answering(covariates(patients), known)
    if probability[known].min() > probability[~known].max():
        return "no overlap: what is recorded tells without exception who answered"
    return ""


def covariates(patients: pd.DataFrame) -> pd.DataFrame:
    """What answering and follow-up scores are modelled by, in units of their standard deviation, mean 0.

    The four scores at end and baseline; then services, step, age and sessions, in this order, as far as there are
    ANSWERED_A_VARIABLE patients for each variable who answered, and as many who did not. Services with fewer than
    LEAST_IN_GROUP answers are one group, the reference (at least the one with the fewest). A missing value is the mean
    of the others; a column without differences, or one of two values of which one has fewer than LEAST_IN_GROUP who
    answered or who did not, is left out.
    """
    scores = ["phq9_end", "anxiety_end", "phq9_baseline", "anxiety_baseline"]
    table = patients[scores].join(_services(patients)).join(patients[["step3", "age", "sessions"]])
    answered = patients["kept"].notna()

    def tells(column: pd.Series) -> bool:
        counts = pd.crosstab(column, answered)
        return len(counts) > 2 or (counts.shape == (2, 2) and counts.min(axis=None) >= LEAST_IN_GROUP)

    usable = [name for name in table if tells(table[name])]
    most = min(answered.sum(), (~answered).sum()) // ANSWERED_A_VARIABLE
    chosen = table[usable[:max(len(scores), most)]]
    return ((chosen - chosen.mean()) / chosen.std()).fillna(0)


def _services(patients: pd.DataFrame) -> pd.DataFrame:
    # a column for each service but those pooled: from the fewest answers on, until the pool and the next have enough
    answers = patients["kept"].notna().groupby(patients["service"]).sum().sort_values(kind="stable")
    pool = answers.cumsum().shift(fill_value=0)
    own = answers.index[(pool >= LEAST_IN_GROUP) & (answers >= LEAST_IN_GROUP)]
    return pd.DataFrame({f"service_{name}": (patients["service"] == name).astype(float) for name in sorted(own)})


def modelled(patients: pd.DataFrame) -> pd.DataFrame:
    """The patients that models are fitted to: all, or of more than MOST_MODELLED so many at random."""
    return patients if len(patients) <= MOST_MODELLED else patients.sample(MOST_MODELLED, random_state=SEED)


def estimate(outcome: str, method: str, patients: pd.DataFrame, found: tuple = (np.nan,) * 3, note: str = "") -> dict:
    """One row of the table of estimates: `found` is a share with the ends of its interval, `note` why there is none."""
    kept = patients["kept"]
    return {"outcome": outcome, "method": method, "of": len(kept), "answered": int(kept.notna().sum()),
            "kept": int(kept.sum()), **dict(zip(("estimate", "low", "high"), found, strict=True)),
            "assumption": ASSUMPTIONS[method], "note": note}


# -- without a model -------------------------------------------------------------------------------

def complete_cases(kept: pd.Series) -> tuple[float, float, float]:
    """Share kept of those who answered, with Wilson's 95 % interval. Misuse: to read it as the share of all."""
    _expect_kept(kept)
    return proportion(kept.sum(), kept.notna().sum())[2:]


def bounds(kept: pd.Series) -> dict[str, tuple[float, float, float]]:
    """Share of all if nobody (`worst_case`) or everybody (`best_case`) not answering kept it, Wilson's 95 % interval.

    The truth for these patients lies between the two shares whatever the reason for not answering; the lower limit of
    the first and the upper of the second hold that of the population with at least 95 % (Manski 1990; outer limits are
    wider than those of Imbens & Manski 2004). Misuse: to take the middle for an estimate.
    """
    _expect_kept(kept)
    well, unanswered = kept.sum(), kept.isna().sum()
    return {"worst_case": proportion(well, len(kept))[2:], "best_case": proportion(well + unanswered, len(kept))[2:]}


def tipping_points(kept: pd.Series) -> pd.DataFrame:
    """How many of those who did not answer must not have kept it for the share of all to fall below a threshold.

    Thresholds: `complete_cases_low`, the lower Wilson limit of those who answered (below it their interval misleads),
    and `one_half` (below it most have not kept it). Columns: `threshold`, `threshold_share` (0 to 1), `answered`,
    `answered_not_kept_share`, `unanswered`, `not_kept` (the smallest number; missing where all of them would not be
    enough, or where nobody answered), `not_kept_share` of `unanswered`. Misuse: they do not say how likely that is.
    """
    _expect_kept(kept)
    answered, well, everyone = int(kept.notna().sum()), int(kept.sum()), len(kept)
    share, low, _ = complete_cases(kept)
    rows = []
    for name, threshold in (("complete_cases_low", low), ("one_half", 0.5)):
        # strictly below; the small number is for products such as 0.07 * 100
        most_kept = np.ceil(threshold * everyone - 1e-9) - 1
        needed = max(well + (everyone - answered) - most_kept, 0)
        rows.append((name, threshold, answered, 1 - share, everyone - answered,
                     needed if needed <= everyone - answered else np.nan))
    table = pd.DataFrame(rows, columns=["threshold", "threshold_share", "answered", "answered_not_kept_share",
                                        "unanswered", "not_kept"])
    return table.assign(not_kept_share=table["not_kept"] / table["unanswered"].where(table["unanswered"] > 0))


def _expect_kept(kept: pd.Series) -> None:
    if not isinstance(kept, pd.Series) or not kept.dropna().isin([0, 1]).all() or kept.dtype == bool:
        raise InputError("kept: found something else, expected 1 or 0 for every patient, and nothing (NaN) where it is "
                         "not known, as `well_at_end` gives it")


# -- weighting -------------------------------------------------------------------------------------

def answering(table: pd.DataFrame, answered: np.ndarray, times: np.ndarray | None = None,
              start: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Each patient's probability of answering by logistic regression on `table`, and the model's coefficients.

    `times`: how often each patient counts (in a resample), `start`: coefficients to begin from.
    """
    import statsmodels.api as sm  # more than a second to import
    from statsmodels.tools.sm_exceptions import PerfectSeparationWarning

    model = sm.GLM(answered.astype(float), sm.add_constant(table.to_numpy()), family=sm.families.Binomial(),
                   freq_weights=times)
    with warnings.catch_warnings(), np.errstate(over="ignore"):
        # without overlap: `why_no_model` says so of the patients, and in a resample all weights are near 1
        warnings.simplefilter("ignore", PerfectSeparationWarning)
        fitted = model.fit(start_params=start)
    return fitted.fittedvalues, fitted.params


def weights_of(probability: np.ndarray, times: np.ndarray | float = 1.0) -> tuple[np.ndarray, int]:
    """Weights 1 / probability of those who answered, with mean 1, and how many of them were trimmed.

    Weights of more than LARGEST_WEIGHT times the mean are set to that; trimming trades a little bias for spread.
    """
    weights = 1 / probability
    mean = np.average(weights, weights=np.broadcast_to(times, weights.shape))
    trimmed = np.minimum(weights / mean, LARGEST_WEIGHT)
    return trimmed, int((weights / mean > LARGEST_WEIGHT).sum())


def effective_sample_size(weights: np.ndarray) -> float:
    """Kish's (sum w)^2 / sum w^2: how many equally weighted patients would tell as much (Kish 1965)."""
    return float(weights.sum() ** 2 / (weights ** 2).sum())


def weighted_share(patients: pd.DataFrame, resamples: int = RESAMPLES, seed: int = SEED) -> tuple[float, float, float]:
    """The share kept, each patient who answered counted 1 / (probability of answering) times, and its 95 % interval.

    sum(w * kept) / sum(w) over those who answered (Hajek 1971; Robins, Rotnitzky & Zhao 1994). The interval is normal
    on the logit scale; its standard error is that of `resamples` bootstrap samples of the patients, in each of which
    model, trimming and share are made anew. Misuse: the interval does not hold what the model leaves out.
    """
    table, answered = covariates(patients), patients["kept"].notna().to_numpy()
    kept = patients["kept"].to_numpy()
    rng, everyone = np.random.default_rng(seed), np.ones(len(patients))
    probability, start = answering(table, answered)

    def share(probability, times):
        there = answered & (times > 0)
        weights, _ = weights_of(probability[there], times[there])
        return np.average(kept[there], weights=weights * times[there])

    found = share(probability, everyone)
    redrawn = []
    for _ in range(resamples):
        times = rng.multinomial(len(patients), everyone / len(patients)).astype(float)
        redrawn.append(share(answering(table, answered, times, start)[0], times))
    least = 0.5 / answered.sum()  # where everybody or nobody in a resample kept it the logit does not exist
    spread = np.std(logit(np.clip(redrawn, least, 1 - least)), ddof=1)
    return float(found), *(float(limit) for limit in expit(logit(found) + 1.959964 * spread * np.array([-1, 1])))


def balance(table: pd.DataFrame, answered: np.ndarray, weights: np.ndarray) -> pd.DataFrame:
    """Standardised mean differences of those who answered from all patients, before and after weighting.

    (mean of those who answered - mean of all) / standard deviation of all (Austin & Stuart 2015). Columns: `variable`,
    `before`, `after`. Below 0.1 is commonly called small.
    """
    everyone, own = table.mean(), table[answered]
    after = pd.Series(np.average(own, axis=0, weights=weights), table.columns)
    differences = pd.DataFrame({"before": own.mean() - everyone, "after": after - everyone})
    return differences.div(table.std(), axis="index").rename_axis("variable").reset_index()
