"""Every estimate of the share who kept their gains side by side: by method, variables, stages and assumption."""

import numpy as np
import pandas as pd

from durability_utils.analyses.attrition import (
    AUXILIARY,
    SEED,
    VARIABLES,
    bounds,
    complete_cases,
    covariates,
    effective_sample_size,
    modelled,
    probabilities,
    stages,
    weights_of,
    why_no_model,
    why_no_weights,
)
from durability_utils.analyses.imputation import (
    MODELS,
    NOT_ANSWERED,
    draw_scores,
    imputed,
    imputed_first,
    kept_of,
    pooled_share,
    returned_to_baseline,
)
from durability_utils.analyses.weighting import doubly_robust, weighted
from durability_utils.outcomes.rules import OUTCOMES
from durability_utils.study.holds import Holds
from durability_utils.study.labels import label
from durability_utils.study.rules import Rules

ASSUMPTIONS = {
    "complete_cases": "Those who answered are a random sample of all.",
    "complete_cases_carried_back": "Those who answered at 6 or 12 months are a random sample of all, and nothing "
                                   "changed between the two.",
    "weighting": "Among patients alike in what was recorded, neither consenting nor then answering depends on the "
                 "outcome; the models of both are right.",
    "doubly_robust": "Consenting and answering as for weighting; their models are right, or those of the outcome.",
    "normal": "Among patients alike in what was recorded, answering does not depend on the outcome; scores follow a "
              "linear model with normal errors.",
    "pmm": "The same, but scores need not be normal: somebody predicted to be about alike must have answered.",
    "prior": "Those who did not answer did worse than imputed by a shift that is drawn from the stated prior.",
    "returned_to_baseline": "The scores of those who did not answer lie around their own at baseline.",
    "worst_case": "No assumption: nobody whose outcome is not known kept it.",
    "best_case": "No assumption: everybody whose outcome is not known kept it.",
}
_ESTIMATE = dict.fromkeys(("estimate", "low", "high"), "estimated share with its interval")
_PLACE = "well_at_end/{outcome}/{time}"
NO_OUTCOME_MODEL = "too few: of those who answered, or were silent, for a model of the outcome"
SHARED = ("weighting", "doubly_robust", "normal", "pmm", "prior")  # rows that a bundle may have, of counts that it has
HOLDS = {
    "curve": Holds("The share who kept it, by every specification", statistics=_ESTIMATE,
                   words=("outcome", "time", "method", "stages", "variables", "printed")),
    "stages": Holds("Who consented, and who of these answered", {
        name: f"{_PLACE}/{{stage}}/{name}" for name in ("there", "passed", "unreached")},
        statistics={"effective": "effective sample size", "least_probability": "probability",
                    "largest_weight": "weight"}, words=("variables",)),
    "balance": Holds("Those who passed a stage against all", words=("outcome", "time", "stage", "variable"),
                     statistics=dict.fromkeys(("before", "after"), "standardised mean difference")),
    "delta": Holds("The share who kept it, if those without consent, or silent, did worse by so many points",
                   statistics=_ESTIMATE | dict.fromkeys(NOT_ANSWERED, "points of the PHQ-9"),
                   words=("outcome", "time")),
}

COLUMNS = {
    "stages": ["stage", "there", "passed", "effective", "least_probability", "unreached", "largest_weight",
               "variables"],
    "balance": ["stage", "variable", "before", "after"],
    "delta": [*NOT_ANSWERED, "estimate", "low", "high"],
}


def gathered(tables: dict[tuple[str, str], pd.DataFrame], kind: str = "") -> pd.DataFrame:
    """The tables of outcomes and times as one, `outcome` and `time` first; without any, the COLUMNS of this kind."""
    if not tables:
        return pd.DataFrame(columns=["outcome", "time", *COLUMNS[kind]])
    table = pd.concat(tables, names=["outcome", "time"])
    return table.reset_index(["outcome", "time"]).reset_index(drop=True)


def estimates_holds(table: pd.DataFrame, rules: Rules) -> Holds:
    """What the table of all methods holds: rows of a sample, or of another method than SHARED, are of other counts."""
    everyone = table.groupby(["outcome", "time"])["of"].transform("max")
    names = {"of": [], "answered": [], "kept": []}
    for (_, found), most in zip(table.iterrows(), everyone, strict=True):
        outcome, time, well = found["outcome"], found["time"], OUTCOMES[found["outcome"]]
        if found["method"] not in SHARED or found["of"] < most:
            of, answered, kept = (f"{_PLACE.format_map(found)}/{found['method']}/{name}" for name in names)
        elif time == "6m" and not rules.carry_back:
            of, answered, kept = f"service/{well}", f"{outcome}_6m/{well}/total", f"{outcome}_6m/{well}/{well}"
        else:
            at = "6m_only" if time == "6m" else time
            of, answered, kept = f"service/{well}", f"followed/{well}_kept/{at}", f"kept/{well}_kept/{at}"
        for column, name in zip(names, (of, answered, kept), strict=True):
            names[column].append(name)
    return Holds("The share who kept it, by method", names, statistics={"effective": "effective"},
                 estimates={"estimate": "answered"}, words=("outcome", "time", "method", "assumption"),
                 private=("note",))


def row(patients: pd.DataFrame, method: str, found: tuple = (np.nan,) * 3, note: str = "",
        effective: float = np.nan) -> dict:
    """One row of the table of estimates: `found` is a share with the ends of its interval, `note` why there is none."""
    kept = patients["kept"]
    return {"method": method, "of": len(kept), "answered": int(kept.notna().sum()), "kept": int(kept.sum()),
            "effective": effective, **dict(zip(("estimate", "low", "high"), found, strict=True)),
            "assumption": ASSUMPTIONS[method], "note": note}


def normal_draws(patients: pd.DataFrame) -> np.ndarray | None:
    """`draw_scores` of those of these patients that models are fitted to; None where there is no model."""
    return None if why_no_model(some := modelled(patients)) else draw_scores(some)


def of_those_who_answered(patients: pd.DataFrame, method: str, few: int) -> dict:
    """The row of `complete_cases`, or of those carried back; of fewer than `few` who answered the counts alone."""
    answered = patients["kept"].notna().sum()
    if answered < few:
        return row(patients, method, note=f"too few: {answered} answered, fewer than {few}")
    return row(patients, method, complete_cases(patients["kept"]))


def estimates(patients: pd.DataFrame, drawn: np.ndarray | None, outcome: str, rules: Rules,
              few: int = 0) -> pd.DataFrame:
    """What is printed of these patients (rows of `well_at_end`): a row a method, with its largest set of variables.

    `drawn`: `normal_draws` of them. Columns: `method` (of ASSUMPTIONS), `of`, `answered`, `kept`, `effective` (sample,
    of weighted methods), `estimate`, `low`, `high` (shares, 95 %), `assumption`, `note` (why there is no estimate:
    `attrition.why_no_model`; where the outcome has no variables, as it has those of answering, nothing is doubly
    robust; of those who answered where they are fewer than `few`).
    """
    some, limits = modelled(patients), bounds(patients["kept"])
    note, rows = why_no_model(some), [of_those_who_answered(patients, "complete_cases", few)]
    for method, estimator in (("weighting", weighted), ("doubly_robust", doubly_robust)):
        said = note or ("" if method == "weighting" or stages(some)[-1].names else NO_OUTCOME_MODEL)
        *found, effective = (np.nan,) * 4 if said else estimator(some)
        rows.append(row(some, method, tuple(found), said, effective))
    for model in MODELS:
        found = (np.nan,) * 3 if note else imputed(
            some, drawn if model == "normal" else draw_scores(some, model), outcome, rules)
        rows.append(row(some, model, found, note))
    return pd.DataFrame([*rows, *(row(patients, method, limits[method]) for method in limits)])


def curve(patients: pd.DataFrame, printed: pd.DataFrame, outcome: str, rules: Rules) -> pd.DataFrame:
    """Each estimate that assumes no shift, over methods, sets of variables, and consent and answer apart or as one.

    `printed`: what `estimates` gives of the same patients. Columns: `method` (with `g_formula`, which has no interval),
    `stages` (`consented, answered` where apart), `variables` (of each stage: `a, b; a`), `estimate`, `low`, `high`,
    `printed` (bool). Of sets that come to the same variables there is one, of stages with too little overlap none (see
    `why_no_model`); where there is no model, those who answered.
    """
    some, ready = modelled(patients), printed.set_index("method")[["estimate", "low", "high"]]
    rows, answered = {("complete_cases", "", ""): ready.loc["complete_cases"]}, some["kept"].notna().to_numpy()
    for variables in reversed(VARIABLES) if ready["estimate"].notna()["weighting"] else ():
        largest = variables == list(VARIABLES)[-1]
        for apart in (True, False):
            found = stages(some, variables, apart)
            if why_no_weights(found):
                continue
            key = ", ".join(stage.word for stage in found), "; ".join(", ".join(stage.names) for stage in found)
            for method in ("weighting", "doubly_robust", "g_formula")[:3 if found[-1].names else 1]:
                if (method, *key) not in rows:
                    rows[method, *key] = (
                        ready.loc[method] if largest and apart and method in ready.index
                        else weighted(some, found)[:3] if method == "weighting"
                        else doubly_robust(some, found, method == "doubly_robust")[:3])
        early = AUXILIARY[1:] if imputed_first(some) else []
        key = "", ", ".join([*covariates(some, answered, variables), *early])
        for model in MODELS:
            if (model, *key) not in rows:
                rows[model, *key] = ready.loc[model] if largest else imputed(
                    some, draw_scores(some, model, variables), outcome, rules)
    table = pd.DataFrame([(*key, *found) for key, found in rows.items()],
                         columns=["method", "stages", "variables", "estimate", "low", "high"])
    return table.assign(printed=table["method"].isin(ready.index) & ~table.duplicated("method"))


def span(shares: pd.Series) -> str:
    """From the least to the largest of these shares, for a reader: `75 to 88 %`, or `75 %` of one."""
    return " to ".join(dict.fromkeys(f"{100 * share:.0f}" for share in (shares.min(), shares.max()))) + " %"


def no_model(printed: pd.DataFrame) -> str:
    """Why a table of `estimates` has none by a model, or nothing."""
    return printed.set_index("method").at["weighting", "note"]


def allowed_for(curve: pd.DataFrame) -> pd.DataFrame:
    """Of a `curve` the specifications that allow for who answered: all but those who answered as they are."""
    return curve[curve["method"] != "complete_cases"]


def answer_in_words(wells: dict[tuple[str, str], pd.DataFrame], printed: dict, curves: dict) -> str:
    """Two sentences: what share still has each outcome by the models, and of how few it is known, with the bounds.

    By outcome and time: `wells` (rows of `well_at_end`), `printed` (of `estimates`), `curves` (of `curve`).
    """
    shares, known, limits = [], [], []
    for outcome, code in OUTCOMES.items():
        keys = [key for key in wells if key[0] == outcome and len(wells[key])]
        if not keys:
            continue
        spans = ["an unknown share" if no_model(printed[key]) else span(allowed_for(curves[key])["estimate"])
                 for key in keys]
        shares.append((f"{len(wells[keys[0]]):,} with {label(code)} at end", " and ".join(
            f"{found} at {label(time)}" for found, (_, time) in zip(spans, keys, strict=True))))
        known.append(" and ".join(f"{wells[key]['kept'].notna().sum()} at {label(key[1])}" for key in keys))
        limits.append(" and ".join(span(printed[key]["estimate"].tail(2)) for key in keys))
    if not shares:
        return "Nobody had reliably improved or recovered at end."
    first = (f"If those who did not consent or did not answer fare as patients alike in what was recorded, of "
             f"{'; of '.join(map(' '.join, shares))} still have it, by the method")
    if not any("%" in found for _, found in shares):
        first = ("No method that allows for who answered can be used here: what share still has it, of "
                 f"{' and of '.join(whom for whom, _ in shares)}, nobody can say")
    return (f"{first}. It is known of {', and of '.join(known)}: if nothing is assumed of the others, "
            f"{', and '.join(limits)} are possible.")


def overview(wells: dict[tuple[str, str], pd.DataFrame], printed: dict, curves: dict) -> pd.DataFrame:
    """The answer as a table, in words: a row an outcome and time that anybody had at end; as `answer_in_words`."""
    rows = []
    for (outcome, time), well in wells.items():
        if not len(well):
            continue
        table, found = printed[outcome, time], allowed_for(curves[outcome, time])
        said = {"share": no_model(table).partition(":")[0]}
        if not no_model(table):
            said = {"share": span(found["estimate"]), "specifications": len(found),
                    "limits": f"{100 * found['low'].min():.0f} to {100 * found['high'].max():.0f} %"}
        rows.append({"had it at end": f"{len(well):,} {label(OUTCOMES[outcome])}", "asked at": label(time),
                     "agreed to be contacted": well["consented"].sum(), "known": well["kept"].notna().sum(),
                     "still have it": said["share"], "by specifications": said.get("specifications", np.nan),
                     "their intervals": said.get("limits", ""), "nothing assumed": span(table["estimate"].tail(2))})
    return pd.DataFrame(rows)


def left_unlike(patients: pd.DataFrame) -> pd.Series:
    """In which `variable` those who answered differ most from all after weighting: `before`, `after` it, in SDs."""
    rows = balance(patients).query("stage == 'answered'").reset_index(drop=True)
    return rows.loc[rows["after"].abs().idxmax()]


def unlike_in_words(wells: dict[tuple[str, str], pd.DataFrame], printed: dict) -> str:
    """Where weighting leaves, or makes, those who answered unlike all, and services of which nobody answered."""
    said, silent = [], []
    for (outcome, time), well in wells.items():
        if no_model(printed[outcome, time]):
            continue
        row, where = left_unlike(modelled(well)), f"{label(OUTCOMES[outcome])}, {label(time)}"
        said.append(f"{label(row['variable'])} {row['after']:+.2f} SD ({where}; {row['before']:+.2f} before)")
        known = well["kept"].notna().groupby(well["service"]).agg(["sum", "size"])
        without = known.loc[known["sum"] == 0, "size"]
        if len(without):
            silent.append(f"{', '.join(without.index)} ({where}), {without.sum():,} of {len(well):,} patients")
    unlike = f"After weighting those who answered still differ from all in {', '.join(said)}: where it is more than " \
             "before, weighting one thing has unbalanced another. " if said else ""
    return unlike + (f"Nobody answered of services {'; '.join(silent)}: others stand for them." if silent else "")


def trust_in_words(coverage: pd.DataFrame, settings: dict, names: dict[str, str], least: float = 0.92) -> str:
    """When each method held on simulated cohorts, and when not, for a reader; `names`: what they are called there.

    `coverage`, `settings`: as `synthetic.attrition.stored_coverage` gives them.
    """
    seen, unseen = (coverage[((coverage["mechanism"] == "unseen") == right) & (coverage["method"] != "bounds")]
                    for right in (False, True))
    held, failed = [], []
    for method, rows in seen.groupby("method", sort=False):
        short = rows[rows["coverage"].round(2) < least]  # as it is printed
        if short.empty:
            off = 100 * rows["bias"].abs().max()
            held.append(f"{names[method]} ({span(rows['coverage'])}; off by up to {off:.0f} points on average)")
            continue
        where = short.groupby("outcome", sort=False)["generator"].unique()
        all_of = rows.groupby("outcome")["generator"].unique()
        cases = [outcome + ("" if len(of) == len(all_of[outcome]) else f" where the cohort is {label(of[0])}")
                 for outcome, of in where.items()]
        failed.append(f"{names[method]}, for {' and '.join(cases)} ({span(short['coverage'])})")
    high = unseen.groupby("method", sort=False)["bias"].agg(["min", "max"]).mul(100).round().astype(int)
    too_high = ", ".join(f"{names[method]} {' to '.join(dict.fromkeys(map(str, row)))}"
                         for method, row in high.iterrows())
    answers = " or ".join(f"{n * settings['consenting'] * settings['answering']:.0f}"
                          for n in settings["patients"].values())
    return (
        f"On simulated cohorts with some {answers} answers in which consent and answer depend on scores that the "
        f"models have, and not on the service, 95 % intervals held the truth in {100 * least:.0f} % or more for: "
        f"{', '.join(held)}. They did not for: {'; '.join(failed)}. Up to {100 * seen['refused'].max():.0f} % of these "
        "cohorts had too few answers or too little overlap for a model. Where answering depended on the outcome itself "
        "(who did worse answers less) estimates were too high on average, in points: "
        f"{too_high}; and intervals held the truth in {span(unseen['coverage'])}. The bounds hold it by construction; "
        "what is not named was not tried.")


def other_assumptions(patients: pd.DataFrame, drawn: np.ndarray, outcome: str, rules: Rules,
                      prior: dict[str, tuple[float, float]], seed: int = SEED) -> list[dict]:
    """Rows of `estimates` where answering depends on the outcome: `prior` and `returned_to_baseline`.

    `drawn`: `normal_draws` of these patients; `prior`: mean and SD (points of the PHQ-9) of the shift of each of
    NOT_ANSWERED, drawn from a normal distribution once an imputation, so that what is not known of it widens the
    interval (Rubin 1987, ch. 6). Misuse: a prior is a judgement; no data speak to it.
    """
    rng = np.random.default_rng(seed)
    deltas = [rng.normal(*prior[group], drawn.shape[1]) for group in NOT_ANSWERED]
    return [row(patients, "prior", imputed(patients, drawn, outcome, rules, *deltas)),
            row(patients, "returned_to_baseline",
                imputed(patients, returned_to_baseline(patients, drawn), outcome, rules))]


def shifted(patients: pd.DataFrame, drawn: np.ndarray, outcome: str, rules: Rules) -> pd.DataFrame:
    """The imputed share, if those who did not consent and those silent did worse by 0, 1, ... up to a reliable change.

    `drawn`: `normal_draws` of these patients. Columns: `no_consent`, `silent` (points of the PHQ-9), `estimate`, `low`,
    `high`.
    """
    points = np.arange(rules.depression.reliable_change + 1)
    counts = [kept_of(patients, drawn, outcome, rules, delta) for delta in points]
    rows = [(without, silent, *pooled_share(
        (patients["kept"].sum() + of_without["no_consent"] + of_silent["silent"]) / len(patients), len(patients)))
        for without, of_without in zip(points, counts, strict=True)
        for silent, of_silent in zip(points, counts, strict=True)]
    return pd.DataFrame(rows, columns=COLUMNS["delta"])


# -- the stages, looked at -------------------------------------------------------------------------

def passed(patients: pd.DataFrame) -> pd.DataFrame:
    """Each stage of weighting: `stage`, how many were `there` and `passed`, `effective` (sample) after it.

    Also `least_probability` of those who passed, and `unreached`: how many did not pass whose probability is below it,
    for whom nobody stands and the model extrapolates; `largest_weight` (times the mean, of all stages so far),
    `variables`.
    """
    found = stages(patients)
    fitted, rows = probabilities(found), []
    for place, stage in enumerate(found, start=1):
        weights, probability = weights_of(found[:place], fitted[:place]), fitted[place - 1]
        least = probability[stage.passed].min()
        rows.append((stage.word, stage.there.sum(), stage.passed.sum(), effective_sample_size(weights), least,
                     (probability[stage.there & ~stage.passed] < least).sum(), weights.max(), ", ".join(stage.names)))
    return pd.DataFrame(rows, columns=COLUMNS["stages"])


def balance(patients: pd.DataFrame) -> pd.DataFrame:
    """Standardised mean differences of those who passed each stage from all, before and after weighting.

    (mean of those who passed - mean of all) / standard deviation of all (Austin & Stuart 2015), of the variables of the
    first stage that has any. Columns: `stage`, `variable`, `before`, `after`. Below 0.1 is commonly called small.
    """
    found = stages(patients)
    fitted, rows = probabilities(found), []
    first = next(stage for stage in found if stage.names)
    for place, stage in enumerate(found, start=1):
        weights = weights_of(found[:place], fitted[:place])
        # the variables have mean 0 and SD 1 among all
        before, after = (np.average(first.design, axis=0, weights=own)[1:] for own in (stage.passed, weights))
        rows += [(stage.word, *values) for values in zip(first.names, before, after, strict=True)]
    return pd.DataFrame(rows, columns=COLUMNS["balance"])
