"""How far could non-response move the share who kept their gains? Estimators under different assumptions.

The estimand is the same for all: of the patients with an outcome (reliable improvement, or reliable recovery) at end of
treatment, the share (0 to 1) who have it at 6 or at 12 months. Those who did not consent to be contacted and those who
consented and did not answer are in its denominator. Weighted and doubly robust estimates stand in `weighting.py`,
multiple imputation in `imputation.py`; `specifications.py` puts all beside each other.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit

from durability_utils.outcomes.proportions import proportion
from durability_utils.outcomes.rules import OUTCOMES, STEP_GROUPS, expect_classified, relevant_anxiety
from durability_utils.study.columns import FOLLOW_UPS
from durability_utils.study.errors import InputError
from durability_utils.study.expected import (
    expect,
    expect_columns,
    expect_one_of,
    expect_rules,
    expect_same_rows,
)
from durability_utils.study.rules import Rules

# Below these numbers a model of answering or of scores says more about itself than about the patients: of those who
# did (consent, answer) and did not, of those who kept it and did not, of answers a variable, of answers in a group.
LEAST_ON_A_SIDE, LEAST_OF_EACH, A_VARIABLE, LEAST_IN_GROUP = 30, 5, 10, 5
MOST_SERVICES = 20  # that have a variable of their own: hundreds would leave no room for other variables
LEAST_EFFECTIVE, LARGEST_SHARE = 10, 0.25  # effective sample after both stages; one patient's part of all weights
MOST_MODELLED = 20_000  # of more patients the models see a random sample: resampling a million would take hours
SEED = 2016
# Which variables a model may have, as far as there are numbers for them: each set is the one before it and more, but
# for the first, in which services come before the scores at baseline.
VARIABLES = {"services_first": [], "scores": ["phq9_end", "anxiety_end", "phq9_baseline", "anxiety_baseline"],
             "services": ["service"], "all": ["step3", "age", "sessions"]}
AUXILIARY = ["answered_6m", "phq9_6m", "anxiety_6m"]  # what a 6-month answer tells of one at 12 months


# -- who is in it ----------------------------------------------------------------------------------

def well_at_end(cohort: pd.DataFrame, end: pd.DataFrame, later: pd.DataFrame, outcome: str, time: str,
                rules: Rules) -> pd.DataFrame:
    """The patients with the outcome (a key of OUTCOMES) at end of treatment, one row each.

    `end`, `later`: what `classify` gives for the cohort at end and at `time` (6m or 12m).
    `consented` (bool) to be contacted; `kept`: 1 or 0 at `time`, missing where that is not known. `phq9_baseline`,
    `phq9_end`, `phq9_later`: points. `anxiety_baseline`, `anxiety_end`, `anxiety_later`: the relevant anxiety measure
    in reliable changes of that measure, so that patients with different measures can stand in one column; its
    `reliable_change`, `caseness`, `lowest` and `highest` in points, `whole` where they are whole. `age` (years),
    `sessions`, `step3` (1, 0), `service`. At 12m also `phq9_6m`, `anxiety_6m`, both missing where one is.
    """
    expect_one_of(outcome, OUTCOMES, "outcome")
    expect_one_of(time, FOLLOW_UPS, "time")
    expect_rules(rules)
    expect_columns(cohort, ["service"])
    times = ["6m", "12m"][:FOLLOW_UPS.index(time) + 1]
    expect(cohort, ["consent_contact", "age", "sessions", "step", "phq9_baseline", "phq9_end",
                    *(f"phq9_{at}" for at in times)], rules)
    expect_classified(end=end, later=later)
    expect_same_rows(cohort=cohort, end=end, later=later)
    anxiety = relevant_anxiety(cohort, "end", rules)
    named = {key: anxiety["measure"].map({name: getattr(measure, key) for name, measure in rules.measures.items()})
             for key in ("minimum", "maximum", "scale")}
    known = cohort["step"].isin([code for codes in STEP_GROUPS.values() for code in codes])
    before = anxiety["baseline"] / anxiety["reliable_change"]
    scores = {}
    for at, name in zip(times, [f"{at}" for at in times[:-1]] + ["later"], strict=True):
        then = relevant_anxiety(cohort, at, rules)
        # a change in the measure of that time, counted from the baseline of the measure at end
        pair = pd.DataFrame({f"phq9_{name}": cohort[f"phq9_{at}"].astype(float),
                             f"anxiety_{name}": before - (then["baseline"] - then["later"]) / then["reliable_change"]})
        scores |= dict(pair.where(pair.notna().all(axis="columns")))
    patients = pd.DataFrame({
        "consented": cohort["consent_contact"] == "yes",
        "kept": (later[outcome] == OUTCOMES[outcome]).astype(float).where(later[outcome].notna()),
        **{f"phq9_{at}": cohort[f"phq9_{at}"].astype(float) for at in ("baseline", "end")},
        "anxiety_baseline": before,
        "anxiety_end": anxiety["later"] / anxiety["reliable_change"],
        **scores,
        "reliable_change": anxiety["reliable_change"], "caseness": anxiety["caseness"],
        "lowest": named["minimum"].astype(float), "highest": named["maximum"].astype(float),
        "whole": named["scale"] == "sum",
        "age": cohort["age"].astype(float), "sessions": cohort["sessions"].astype(float),
        "step3": cohort["step"].isin(STEP_GROUPS["step3"]).astype(float).where(known),
        "service": cohort["service"].astype("str"),
    }, index=cohort.index)
    return patients[end[outcome] == OUTCOMES[outcome]].reset_index(drop=True)


def modelled(patients: pd.DataFrame) -> pd.DataFrame:
    """The patients that models are fitted to: all, or of more than MOST_MODELLED so many at random."""
    return patients if len(patients) <= MOST_MODELLED else patients.sample(MOST_MODELLED, random_state=SEED)


# -- the stages ------------------------------------------------------------------------------------

class Stage(NamedTuple):
    """A stage that a patient passes or not: `design` (patients x variables, the first 1), who is there, who passes.

    `word`: consented or answered. `there`, `passed`: an array of bool, a patient each; `passed` only of those there.
    `names` are those of the variables after the 1; without any, all who are there are taken to pass with the same
    probability.
    """

    word: str
    design: np.ndarray
    names: list[str]
    there: np.ndarray
    passed: np.ndarray


def stages(patients: pd.DataFrame, variables: str = "all", apart: bool = True) -> list[Stage]:
    """Consent, then answering among those who consented; or with `apart=False` answering as one stage of all.

    `patients`: rows of `well_at_end`; `variables`: a key of VARIABLES. A 6-month answer is known only of those who
    consented, so it tells of answering at 12 months only where the stages are apart. A stage that all pass is left out;
    one that fewer than LEAST_ON_A_SIDE pass, or do not pass, has no variables.
    """
    everyone = np.ones(len(patients), bool)
    consented, answered = patients["consented"].to_numpy(), patients["kept"].notna().to_numpy()
    if not apart:
        return [_stage("answered", patients, everyone, answered, variables)]
    if "phq9_6m" in patients:
        early = patients[AUXILIARY[1:]]
        patients = patients.assign(answered_6m=early["phq9_6m"].notna().astype(float), **early.fillna(early.mean()))
    both = [_stage("consented", patients, everyone, consented, variables),
            _stage("answered", patients, consented, consented & answered, variables, AUXILIARY)]
    return [stage for stage in both if stage.passed.sum() < stage.there.sum()]


def _stage(word: str, patients: pd.DataFrame, there: np.ndarray, passed: np.ndarray, variables: str,
           also: list[str] = ()) -> Stage:
    table = covariates(patients[there], passed[there], variables, also)
    design = np.zeros((len(patients), 1 + table.shape[1]))
    design[there] = np.column_stack([np.ones(there.sum()), table])
    return Stage(word, design, list(table), there, passed)


def covariates(patients: pd.DataFrame, passed: np.ndarray, variables: str = "all",
               also: list[str] = ()) -> pd.DataFrame:
    """What passing a stage and follow-up scores are modelled by, in units of their standard deviation, mean 0.

    The four scores at end and baseline, and those of the columns `also` that the patients have; then, for sets of
    VARIABLES up to `variables`, services (first those with most who passed), step, age and sessions, in this order, as
    far as there are A_VARIABLE patients for each variable who `passed` and as many who did not. With `services_first`
    services come before the scores at baseline, which give way where numbers are few. Services with fewer
    than LEAST_IN_GROUP who passed are one group, the reference (at least the one with the fewest), and so are all but
    the MOST_SERVICES with most who passed. A missing value is the mean of the others; a column without differences, or
    one of two values of which one has fewer than LEAST_IN_GROUP who passed or who did not, is left out. No column where
    fewer than LEAST_ON_A_SIDE passed, or did not.
    """
    sides = min(passed.sum(), (~passed).sum())
    always = VARIABLES["scores"] + [name for name in also if name in patients]
    table = patients[always]
    if variables != "scores":
        table = table.join(_services(patients["service"], passed))
    if variables == "all":
        table = table.join(patients[VARIABLES["all"]])

    def tells(column: np.ndarray) -> bool:
        values = np.unique(column[~np.isnan(column)])
        return len(values) > 2 or (len(values) == 2 and all(
            ((column == value) & side).sum() >= LEAST_IN_GROUP for value in values for side in (passed, ~passed)))

    usable = [name for name in table if tells(table[name].to_numpy())] if sides >= LEAST_ON_A_SIDE else []
    if variables == "services_first":
        usable.sort(key=lambda name: name.endswith("_baseline"))
    room = usable[:max(len(always), sides // A_VARIABLE)]
    chosen = table[[name for name in table if name in room]]
    return ((chosen - chosen.mean()) / chosen.std()).fillna(0)


def _services(service: pd.Series, passed: np.ndarray) -> pd.DataFrame:
    # a column for each service but those pooled: from the fewest who passed on, until the pool and the next have enough
    numbers = pd.Series(passed, service.index).groupby(service).sum().sort_values(kind="stable")
    pool = numbers.cumsum().shift(fill_value=0)
    own = numbers[(pool >= LEAST_IN_GROUP) & (numbers >= LEAST_IN_GROUP)].sort_index()
    most_first = own.sort_values(ascending=False, kind="stable").index[:MOST_SERVICES]
    return pd.DataFrame({f"service_{name}": (service == name).astype(float) for name in most_first})


def probabilities(found: list[Stage]) -> list[np.ndarray]:
    """Each patient's probability of passing each stage, by logistic regression among those who are there.

    For patients who are not there it means nothing.
    """
    return [expit(stage.design @ logistic(stage.design, stage.passed, stage.there)) for stage in found]


def logistic(design: np.ndarray, outcome: np.ndarray, weights: np.ndarray, ridge: float = 0.0,
             start: np.ndarray | float = 0.0) -> np.ndarray:
    """Coefficients of a logistic regression of the outcome (0 to 1; also a share), each patient counted `weights`.

    Newton's method, from the coefficients `start`. `ridge` / 2 times the sum of the squared coefficients, the first
    aside, is the penalty. Where groups are separated coefficients have no end; they are then those of the last step.
    """
    counted = weights > 0  # most patients are not there to answer
    design, outcome, weights = design[counted], outcome[counted], weights[counted]
    coefficients, penalty = np.full(design.shape[1], start), ridge * (np.arange(design.shape[1]) > 0)
    for _ in range(40):
        fitted = expit(design @ coefficients)
        slope = design.T @ (weights * (outcome - fitted)) - penalty * coefficients
        curvature = (design.T * (weights * fitted * (1 - fitted))) @ design + np.diag(penalty)
        step = np.clip(np.linalg.lstsq(curvature, slope)[0], -2, 2)
        coefficients = coefficients + step
        if np.abs(step).max() < 1e-10:
            break
    return coefficients


def weights_of(found: list[Stage], fitted: list[np.ndarray]) -> np.ndarray:
    """Of each patient who passed all stages 1 / (product of the probabilities), with mean 1; 0 of the others."""
    weights = found[-1].passed / np.prod(fitted, axis=0)
    return weights / weights.sum() * found[-1].passed.sum()


def effective_sample_size(weights: np.ndarray) -> float:
    """Kish's (sum w)^2 / sum w^2: how many equally weighted patients would tell as much (Kish 1965)."""
    return float(weights.sum() ** 2 / (weights ** 2).sum())


def why_no_model(patients: pd.DataFrame) -> str:
    """Why no model is fitted to these patients (rows of `well_at_end`), in words; nothing where one can be.

    First the numbers on each side, then positivity, judged on both stages: probabilities that overlap, an effective
    sample of LEAST_EFFECTIVE after them, and no patient who stands for more than LARGEST_SHARE of all.
    """
    known = patients["kept"].notna().to_numpy()
    answered, silent, well = int(known.sum()), int((~known).sum()), int(patients["kept"].sum())
    if answered < LEAST_ON_A_SIDE:
        return f"too few: {answered} answered, fewer than {LEAST_ON_A_SIDE}"
    if min(well, answered - well) < LEAST_OF_EACH:
        return f"too few: {well} kept it and {answered - well} did not, fewer than {LEAST_OF_EACH} on one side"
    if silent < LEAST_ON_A_SIDE:
        return f"too few: {silent} did not answer, fewer than {LEAST_ON_A_SIDE} (see the bounds)"
    return why_no_weights(stages(patients))


def why_no_weights(found: list[Stage]) -> str:
    """Why those who passed these stages cannot stand for the others, in words: the second part of `why_no_model`."""
    fitted = probabilities(found)
    for stage, probability in zip(found, fitted, strict=True):
        left = stage.there & ~stage.passed
        if stage.names and probability[stage.passed].min() > probability[left].max():
            return f"no overlap: what is recorded tells without exception who {stage.word}"
    weights = weights_of(found, fitted)
    effective, largest = effective_sample_size(weights), weights.max() / weights.sum()
    if effective < LEAST_EFFECTIVE:
        return f"little overlap: those who answered tell as much as {effective:.1f}, fewer than {LEAST_EFFECTIVE}"
    if largest > LARGEST_SHARE:
        return f"little overlap: one patient would be {largest:.0%} of the estimate, more than {LARGEST_SHARE:.0%}"
    return ""


# -- without a model -------------------------------------------------------------------------------

def complete_cases(kept: pd.Series) -> tuple[float, float, float]:
    """Share kept of those who answered, with Wilson's 95 % interval. Misuse: to read it as the share of all."""
    _expect_kept(kept)
    return proportion(kept.sum(), kept.notna().sum())[2:]


def bounds(kept: pd.Series) -> dict[str, tuple[float, float, float]]:
    """Share of all if nobody (`worst_case`) or everybody (`best_case`) not answering kept it, Wilson's 95 % interval.

    The truth for these patients lies between the two shares whatever the reason for not answering; the lower limit of
    the first and the upper of the second hold that of the population with at least 95 % (Manski 1990; outer limits are
    wider than those of Imbens & Manski 2004). Misuse: to take the middle for an estimate, or answers carried back from
    12 months for known ones.
    """
    _expect_kept(kept)
    well, unanswered = kept.sum(), kept.isna().sum()
    return {"worst_case": proportion(well, len(kept))[2:], "best_case": proportion(well + unanswered, len(kept))[2:]}


def _expect_kept(kept: pd.Series) -> None:
    if not isinstance(kept, pd.Series) or not kept.dropna().isin([0, 1]).all() or kept.dtype == bool:
        raise InputError("kept: found something else, expected 1 or 0 for every patient, and nothing (NaN) where it is "
                         "not known, as `well_at_end` gives it")
