"""Definitions of durability: of those who were well at end of treatment, who still is?

Each rule gives `kept` or `lost` for every patient who counts, and nothing (missing) for the others: who was not well
at end in the sense of that definition, or lacks a score. They differ in whom they count and in what they call lost, so
their shares are comparable only on the patients whom all of them count.
"""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd

from durability_utils.analyses.reliable_change import own_criterion
from durability_utils.outcomes.proportions import with_proportions
from durability_utils.outcomes.rules import classify, expect_classified, relapsed_on
from durability_utils.study.columns import LATER_TIMES
from durability_utils.study.errors import InputError
from durability_utils.study.expected import expect_columns, expect_one_of, expect_rules, expect_same_rows
from durability_utils.study.holds import Holds
from durability_utils.study.rules import Rules

LOST_OR_KEPT = ("lost", "kept")
_KEPT_OF = {"reliable_improvement_kept": "reliably_improved_at_end",
            "reliable_recovery_kept": "reliably_recovered_at_end", "recovery_kept": "remission_at_end"}
KEPT_OF = _KEPT_OF | {f"{name}_gad7": of for name, of in _KEPT_OF.items()} | {
    "no_relapse_gad7": "remission_at_end", "own_criterion_kept_gad7": "improved_at_end_by_own_criterion"}
AS_PUBLISHED = ("reliable_improvement_kept", "reliable_recovery_kept", "recovery_kept_gad7", "no_relapse_gad7",
                "own_criterion_kept_gad7")
_OF_TWO = ("both", "first_only", "second_only", "neither")
HOLDS = {
    "shares": Holds("How many kept it, by definition", {
        "n": "kept/{definition}/{time}/{population}", "of": "well_at_end/{definition}/{time}/{population}"},
        {"": ("n", "of")}, words=("measures", "denominator")),
    "agreement": Holds("What two definitions say of the same patients", {
        column: f"agreement/{{time}}/{{first}}/{{second}}/{column}" for column in _OF_TWO}),
    "thresholds": Holds("Reliable change by each measure's own spread", {"n": "scored/{measure}"}, statistics={
        "mean": "mean", "sd": "sd", "reliability": "reliability"} | dict.fromkeys(
            ("own_criterion", "own_whole_points", "fixed"), "reliable change in points")),
    "classed_otherwise": Holds("Improvement by fixed thresholds and by the measures' own",
                               {"n": "by_criterion/{time}/{fixed}/{own}"}),
}


# -- the rules -------------------------------------------------------------------------------------

def reliable_improvement_kept(end: pd.DataFrame, later: pd.DataFrame) -> pd.Series:
    """Of those reliably improved at end, who is at follow-up: the durability study, notebook 03.

    `end` and `later`: what `outcomes.classify` gives for both times. Misuse: it asks for change, not for being well.
    """
    _expect_both(end, later)
    improved = "reliable_improvement"
    return _status((end["improvement"] == improved) & later["improvement"].notna(), later["improvement"] == improved)


def reliable_recovery_kept(end: pd.DataFrame, later: pd.DataFrame) -> pd.Series:
    """Of those reliably recovered at end, who is at follow-up: the durability study, notebook 04.

    `end` and `later`: what `outcomes.classify` gives for both times. Misuse: one point across a cut-off loses it.
    """
    _expect_both(end, later)
    recovered = "reliable_recovery"
    return _status((end["recovery"] == recovered) & later["recovery"].notna(), later["recovery"] == recovered)


def recovery_kept(end: pd.DataFrame, later: pd.DataFrame) -> pd.Series:
    """Of those in remission at end, who is not at caseness at follow-up (Clark et al. 2009: no reliable change asked).

    Whoever lost it has returned to caseness: this is `return to caseness alone`, told from the other side. `end` and
    `later`: what `outcomes.classify` gives for both times. Misuse: a return may be smaller than measurement error.
    """
    _expect_both(end, later)
    return _status(remission(end) & later["recovery"].notna(), ~later["case_later"])


def no_relapse(cohort: pd.DataFrame, time: str, rules: Rules) -> pd.Series:
    """Of those in remission at end, who has not relapsed at `time`: `outcomes.relapsed_on` PHQ-9 or GAD-7.

    A relapse is an increase since end of treatment (`rules.relapse_increase`) to the cut-off or above, on either
    measure. Source: Ali et al. (2017), Delgadillo et al. (2018). Misuse: they asked every month, so that a relapse
    between two follow-ups counted; here it does not, if the patient is well again at `time`.
    """
    expect_rules(rules)
    end, later = (classify(cohort, when, rules.on_pair()) for when in ("end", time))
    relapsed = [relapsed_on(*(cohort[f"{measure.columns}_{when}"].to_numpy(float, na_value=np.nan)
                              for when in ("end", time)), rules.relapse_increase(measure), measure.caseness)
                for measure in rules.pair]
    return _status(remission(end) & later["recovery"].notna(), pd.Series(~np.logical_or(*relapsed), cohort.index))


def remission(end: pd.DataFrame) -> pd.Series:
    """True for those at caseness at baseline and not at caseness at end: both scores below their cut-offs."""
    expect_classified(end=end)
    return end["recovery"].notna() & ~end["case_later"]


def with_own_criteria(rules: Rules, sds: dict[str, float]) -> Rules:
    """The rules on the pair of measures, with Jacobson and Truax's criterion from these SDs as reliable change.

    In points. Compared as it is: of whole points, those above it count. Missing for a missing SD: `by_own_criteria`.
    """
    own = {name: replace(rules.measures[name], reliable_change=own_criterion(sd, rules.measures[name].reliability))
           for name, sd in sds.items()}
    return replace(rules.on_pair(), measures=rules.measures | own)


def by_own_criteria(cohort: pd.DataFrame, time: str, own: Rules) -> pd.DataFrame:
    """`outcomes.classify` on PHQ-9 and GAD-7 `with_own_criteria`; no improvement status where one is missing."""
    found = classify(cohort, time, own)
    known = all(measure.reliable_change > 0 for measure in own.pair)
    return found if known else found.assign(improvement=found["improvement"].mask(np.ones(len(found), bool)))


def _status(counts: pd.Series, kept: pd.Series) -> pd.Series:
    codes = np.where(counts, kept.astype(int), -1)
    return pd.Series(pd.Categorical.from_codes(codes, list(LOST_OR_KEPT), ordered=True), counts.index)


def _expect_both(end: pd.DataFrame, later: pd.DataFrame) -> None:
    expect_classified(end=end, later=later)
    expect_same_rows(end=end, later=later)


def _expect_statuses(statuses: pd.DataFrame, time: str) -> None:
    expect_one_of(time, LATER_TIMES, "time")
    expect_columns(statuses, [], "statuses")
    if wrong := [name for name in statuses if name not in KEPT_OF or set(statuses[name].dropna()) - {*LOST_OR_KEPT}]:
        raise InputError(f"statuses: found the column {wrong[0]}, expected definitions with kept or lost, as "
                         "`every_status` gives them")


# -- all of them -----------------------------------------------------------------------------------

def every_status(cohort: pd.DataFrame, time: str, rules: Rules, own: Rules) -> pd.DataFrame:
    """LOST_OR_KEPT of every patient by every definition at `time`, a column a definition, in the order of KEPT_OF.

    `own`: the rules `with_own_criteria`. Definitions ending in `_gad7` take PHQ-9 and GAD-7; the others the study's own
    measures, so where these are PHQ-9 and GAD-7 they are the same and stand there once, under the shorter name.
    """
    expect_rules(rules)
    found = {}
    for suffix, by in {"": rules, "_gad7": rules.on_pair()}.items():
        if suffix and by == rules:
            continue
        end, later = (classify(cohort, when, by) for when in ("end", time))
        found |= {f"{kept.__name__}{suffix}": kept(end, later)
                  for kept in (reliable_improvement_kept, reliable_recovery_kept, recovery_kept)}
    found["no_relapse_gad7"] = no_relapse(cohort, time, rules)
    end, later = (by_own_criteria(cohort, when, own) for when in ("end", time))
    found["own_criterion_kept_gad7"] = reliable_improvement_kept(end, later)
    return pd.DataFrame(found)[[name for name in KEPT_OF if name in found]]


def shares_kept(statuses: pd.DataFrame, time: str, rules: Rules) -> pd.DataFrame:
    """How many kept it by each definition.

    Columns: `definition, measures, time, population, denominator, n, of, share, low, high`, Wilson 95 % intervals.
    `population` is `own` (whom the definition counts) or `common` (whom all count).
    """
    _expect_statuses(statuses, time)
    rows = []
    for population, people in {"own": statuses, "common": statuses.dropna()}.items():
        for name in statuses:
            pair = rules == rules.on_pair() or name.endswith("_gad7")
            rows.append((name, "phq9_gad7" if pair else "phq9_relevant_anxiety", time, population, KEPT_OF[name],
                         int((people[name] == "kept").sum()), int(people[name].notna().sum())))
    columns = ["definition", "measures", "time", "population", "denominator", "n", "of"]
    return with_proportions(pd.DataFrame(rows, columns=columns), "n", "of")


def agreement(statuses: pd.DataFrame, time: str) -> pd.DataFrame:
    """Each two definitions on the patients whom both count.

    Columns: `time, first, second, both, first_only, second_only, neither`: how many kept it by both, one, neither. They
    add up to the patients whom both count.
    """
    _expect_statuses(statuses, time)
    rows = []
    for first, second in combinations(statuses, 2):
        one, two = ((statuses[[first, second]].dropna() == "kept")[name] for name in (first, second))
        counts = (int(both.sum()) for both in (one & two, one & ~two, ~one & two, ~one & ~two))
        rows.append((time, first, second, *counts))
    return pd.DataFrame(rows, columns=["time", "first", "second", *_OF_TWO])


def patterns(statuses: pd.DataFrame, time: str) -> pd.DataFrame:
    """How many patients have each combination of statuses, most frequent first: `time`, a column a definition, `n`.

    By definitions with the measures of their sources (AS_PUBLISHED), of whom any counts; `not_counted` by the others.
    """
    _expect_statuses(statuses, time)
    statuses = statuses[[name if name in statuses else name.removesuffix("_gad7") for name in AS_PUBLISHED]]
    counted = statuses.dropna(how="all").astype("str").fillna("not_counted")
    found = counted.value_counts(sort=False).rename("n").reset_index()
    found = found.sort_values(["n", *statuses], ascending=[False, *[True] * statuses.shape[1]], ignore_index=True)
    found.insert(0, "time", time)
    return found


def patterns_holds(found: pd.DataFrame) -> Holds:
    """What a table of `patterns` holds."""
    definitions = "/".join(f"{{{name}}}" for name in found.columns.drop(["time", "n"]))
    return Holds("What the definitions say of the same patients", {"n": f"pattern/{{time}}/{definitions}"})


def classed_otherwise(cohort: pd.DataFrame, time: str, rules: Rules, own: Rules) -> pd.DataFrame:
    """Improvement on PHQ-9 and GAD-7 by fixed thresholds and by own criteria: `time, fixed, own, n`, zeros left out."""
    expect_rules(rules)
    pairs = pd.DataFrame({"fixed": classify(cohort, time, rules.on_pair())["improvement"],
                          "own": by_own_criteria(cohort, time, own)["improvement"]})
    counts = pairs.dropna().astype("str").value_counts(sort=False).rename("n").reset_index()
    counts.insert(0, "time", time)
    return counts.sort_values(["fixed", "own"], ignore_index=True)
