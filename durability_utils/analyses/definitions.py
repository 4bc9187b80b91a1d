"""Definitions of durability: of those who were well at end of treatment, who still is?

Each rule gives `kept` or `lost` for every patient who counts, and nothing (missing) for the others: who was not well
at end in the sense of that definition, or lacks a score. They differ in whom they count and in what they call lost, so
their shares are comparable only on the patients whom all of them count.
"""

import numpy as np
import pandas as pd

from durability_utils.outcomes.proportions import with_proportions
from durability_utils.outcomes.rules import OUTCOMES, classify, expect_classified, relapsed_on, reliable_improvement
from durability_utils.study.columns import LATER_TIMES
from durability_utils.study.errors import InputError
from durability_utils.study.expected import expect_columns, expect_one_of, expect_rules, expect_same_rows, scores_in
from durability_utils.study.holds import Holds
from durability_utils.study.rules import Rules

LOST_OR_KEPT = ("lost", "kept")
KEPT_OF = {"reliable_improvement_kept": "reliably_improved_at_end",
           "reliable_recovery_kept": "reliably_recovered_at_end", "no_return_to_caseness": "remission_at_end",
           "no_relapse": "remission_at_end", "noticed_change_kept": "noticed_change_at_end"}
ON_PAIR = ("no_relapse", "noticed_change_kept")  # on PHQ-9 and GAD-7 whatever else the study's rules take
AGREEMENT = ("all_kept", "all_lost", "some_kept")
HOLDS = {
    "patterns": Holds("What the definitions say of the same patients", {
        "n": f"pattern/{{time}}/{'/'.join(f'{{{name}}}' for name in KEPT_OF)}"}),
    "agreement": Holds("Patients whom every definition counts: do all say the same?", {
        "n": "agreement/{time}/{said}", "of": "agreement/{time}/total"}, {"": ("n", "of")}),
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


def no_return_to_caseness(end: pd.DataFrame, later: pd.DataFrame) -> pd.Series:
    """Of those in remission at end, who is not at caseness at follow-up (Clark et al. 2009: no reliable change asked).

    `end` and `later`: what `outcomes.classify` gives for both times. Misuse: a return may be smaller than measurement
    error.
    """
    _expect_both(end, later)
    return _status(remission(end) & later["recovery"].notna(), ~later["case_later"])


def no_relapse(cohort: pd.DataFrame, time: str, rules: Rules) -> pd.Series:
    """Of those in remission at end, who has not relapsed at `time`: `outcomes.relapsed_on` PHQ-9 or GAD-7.

    A relapse is an increase since end of treatment (`rules.relapse_increase`) to the cut-off or above, on either
    measure. In the manner of Ali et al. (2017). Misuse: they asked every month, so that a relapse between two
    follow-ups counted; here it does not, if the patient is well again at `time`: no year without relapse.
    """
    expect_rules(rules)
    end, later = (classify(cohort, when, rules.on_pair()) for when in ("end", time))
    relapsed = [relapsed_on(*(cohort[f"{measure.columns}_{when}"].to_numpy(float, na_value=np.nan)
                              for when in ("end", time)), rules.relapse_increase(measure), measure.caseness)
                for measure in rules.pair]
    return _status(remission(end) & later["recovery"].notna(), pd.Series(~np.logical_or(*relapsed), cohort.index))


def noticed_change_kept(cohort: pd.DataFrame, time: str, rules: Rules) -> pd.Series:
    """Of those with a fall since baseline at end as large as one that patients noticed, who still has one at `time`.

    On PHQ-9 or GAD-7 a fall of at least the measure's `noticed_points` and of at least `noticed_share` of the score at
    baseline, and on neither a rise as large. Both are asked since they were found together, at scores of about 8 on the
    PHQ-9: from a higher score patients who felt better had fallen by more points, from a lower one by a larger share.
    Source: Kounali et al. (2022). Misuse: they asked after two weeks, in primary care, and nobody asks our patients
    whether they feel better; and a change may be noticed that is within measurement error.
    """
    expect_rules(rules)
    end, later = (_noticed(cohort, when, rules) for when in ("end", time))
    noticed = "reliable_improvement"
    return _status((end == noticed) & later.notna(), later == noticed)


def remission(end: pd.DataFrame) -> pd.Series:
    """True for those at caseness at baseline and not at caseness at end: both scores below their cut-offs."""
    expect_classified(end=end)
    return end["recovery"].notna() & ~end["case_later"]


def _noticed(cohort: pd.DataFrame, time: str, rules: Rules) -> pd.Series:
    changes, criteria = [], []
    for measure in rules.pair:
        before, later = (scores_in(cohort, f"{measure.columns}_{when}", rules) for when in ("baseline", time))
        changes.append(before - later)
        criteria.append(np.maximum(measure.noticed_points or np.nan, (measure.noticed_share or np.nan) * before))
    return pd.Series(reliable_improvement(*changes, *criteria), cohort.index)


def _status(counts: pd.Series, kept: pd.Series) -> pd.Series:
    codes = np.where(counts, kept.astype(int), -1)
    return pd.Series(pd.Categorical.from_codes(codes, list(LOST_OR_KEPT), ordered=True), counts.index)


def _expect_both(end: pd.DataFrame, later: pd.DataFrame) -> None:
    expect_classified(end=end, later=later)
    expect_same_rows(end=end, later=later)


def _expect_statuses(statuses: pd.DataFrame, time: str) -> None:
    expect_one_of(time, LATER_TIMES, "time")
    expect_columns(statuses, KEPT_OF, "statuses")
    if wrong := [name for name in statuses if name not in KEPT_OF or set(statuses[name].dropna()) - {*LOST_OR_KEPT}]:
        raise InputError(f"statuses: found the column {wrong[0]}, expected definitions with kept or lost, as "
                         "`every_status` gives them")


# -- all of them -----------------------------------------------------------------------------------

def every_status(cohort: pd.DataFrame, time: str, rules: Rules) -> pd.DataFrame:
    """LOST_OR_KEPT of every patient by every definition at `time`, a column a definition, in the order of KEPT_OF.

    ON_PAIR are on PHQ-9 and GAD-7, as in their sources; the others on the measures of the study's rules.
    """
    expect_rules(rules)
    end, later = (classify(cohort, when, rules) for when in ("end", time))
    of_classes = (reliable_improvement_kept, reliable_recovery_kept, no_return_to_caseness)
    of_scores = (no_relapse, noticed_change_kept)
    return pd.DataFrame({kept.__name__: kept(end, later) for kept in of_classes}
                        | {kept.__name__: kept(cohort, time, rules) for kept in of_scores})


def shares_kept(statuses: pd.DataFrame, time: str, rules: Rules) -> pd.DataFrame:
    """How many kept it by each definition.

    Columns: `definition, measures, time, population, denominator, n, of, share, low, high`, Wilson 95 % intervals.
    `population` is `own` (whom the definition counts) or `common` (whom all count).
    """
    _expect_statuses(statuses, time)
    rows = []
    for population, people in {"own": statuses, "common": statuses.dropna()}.items():
        for name in statuses:
            pair = rules == rules.on_pair() or name in ON_PAIR
            rows.append((name, "phq9_gad7" if pair else "phq9_relevant_anxiety", time, population, KEPT_OF[name],
                         int((people[name] == "kept").sum()), int(people[name].notna().sum())))
    columns = ["definition", "measures", "time", "population", "denominator", "n", "of"]
    return with_proportions(pd.DataFrame(rows, columns=columns), "n", "of")


def shares_holds(shares: pd.DataFrame) -> Holds:
    """What a table of `shares_kept` holds; the 6-month tables of improvement and recovery count two definitions."""
    table = {f"{code}_kept": f"{outcome}_6m/{code}" for outcome, code in OUTCOMES.items()}
    n, of = [], []
    for name, time, population in shares[["definition", "time", "population"]].itertuples(index=False):
        in_table = name in table and (time, population) == ("6m", "own")
        more = "" if population == "own" else f"/{population}"
        n.append(f"{table[name]}/{name.removesuffix('_kept')}" if in_table else f"kept/{name}/{time}{more}")
        of.append(f"{table[name]}/total" if in_table else f"followed/{name}/{time}{more}")
    return Holds("How many kept it, by definition", {"n": n, "of": of}, {"": ("n", "of")},
                 words=("definition", "measures", "time", "population", "denominator"))


def agreement(statuses: pd.DataFrame, time: str) -> pd.DataFrame:
    """Of the patients whom every definition counts, of how many all say kept, all say lost, or some say kept.

    Columns: `time, said, n, of, share, low, high`, `said` one of AGREEMENT, Wilson 95 % intervals.
    """
    _expect_statuses(statuses, time)
    kept = statuses.dropna() == "kept"
    counts = [int(kept.all(axis=1).sum()), int((~kept.any(axis=1)).sum())]
    counts.append(len(kept) - sum(counts))
    return with_proportions(pd.DataFrame({"time": time, "said": AGREEMENT, "n": counts, "of": len(kept)}), "n", "of")


def lost_in_words(found: pd.DataFrame) -> str:
    """Of those whom any definition calls lost, how many all do: `of the 9 whom any calls lost all call lost only 3`.

    `found`: the `agreement` of one time. Most are kept, so that agreement on everybody says little of these.
    """
    n = found.set_index("said")["n"]
    by_any, by_all = n["all_lost"] + n["some_kept"], n["all_lost"]
    if not by_any:
        return "none calls anybody lost"
    few = "all" if by_all == by_any else f"only {by_all}" if by_all else "none"
    return f"of the {by_any} whom any calls lost all call lost {few}"


def measure_and_rule_in_words(on_study: pd.DataFrame, on_pair: pd.DataFrame) -> str:
    """What the measure does to *no return to caseness*, and then the rule, on the same patients, as n/N.

    `on_study`, `on_pair`: `shares_kept` of one time, by the study's rules and by those on PHQ-9 and GAD-7.
    """
    of_study, of_pair = (table[table["population"] == "own"].set_index("definition") for table in (on_study, on_pair))
    names = ("no_return_to_caseness", "no_relapse")
    study, pair, rule = (f"{row['n']}/{row['of']}" for row in (
        of_study.loc[names[0]], *(of_pair.loc[name] for name in names)))
    return (f"the measure: {study} against {pair} not at caseness; the rule, on the same patients: {pair} not at "
            f"caseness against {rule} not in relapse")


def patterns(statuses: pd.DataFrame, time: str) -> pd.DataFrame:
    """How many patients have each combination of statuses, most frequent first: `time`, a column a definition, `n`.

    Of those whom any definition counts; `not_counted` by the others.
    """
    _expect_statuses(statuses, time)
    counted = statuses.dropna(how="all").astype("str").fillna("not_counted")
    found = counted.value_counts(sort=False).rename("n").reset_index()
    found = found.sort_values(["n", *statuses], ascending=[False, *[True] * statuses.shape[1]], ignore_index=True)
    found.insert(0, "time", time)
    return found
