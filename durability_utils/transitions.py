"""From end of treatment to follow-up: counts of patients by their outcome at one time and a later one."""

from itertools import product

import pandas as pd

from durability_utils.measures import Measure
from durability_utils.outcomes import LATER_TIMES, carry_back, classify, completed
from durability_utils.proportions import with_proportions

INCLUSION = ("no_upflow_consent", "no_6_month_follow_up", "scores_missing", "below_caseness", "counted")


def inclusion(participants: pd.DataFrame, end: pd.DataFrame, follow_up: pd.DataFrame) -> pd.Series:
    """Whether each participant is in the six-month tables, and why not: one of INCLUSION, the first that holds.

    `participants` after carry back where the study has it, `end` and `follow_up` what `classify` gives for them at end
    and 6m. `below_caseness` is in the table of improvement and not in that of recovery, `counted` is in both.
    """
    improvement, recovery = (end[outcome].notna() & follow_up[outcome].notna()
                             for outcome in ("improvement", "recovery"))
    holds = {
        "no_upflow_consent": (participants["consent_upflow"] == "no").fillna(False),
        "no_6_month_follow_up": ~completed(participants, "6m"),
        "scores_missing": ~improvement,
        "below_caseness": ~recovery,
    }
    codes = pd.Series("counted", participants.index, dtype="str")
    for code, where in reversed(holds.items()):
        codes = codes.mask(where, code)
    return codes.astype(pd.CategoricalDtype(list(INCLUSION)))


def outcomes_at(cohort: pd.DataFrame, outcome: str, measures: dict[str, Measure], rule: str) -> pd.DataFrame:
    """The code of one outcome (`improvement` or `recovery`) for each patient: columns end, 6m, 12m."""
    return pd.DataFrame({time: classify(cohort, time, measures, rule)[outcome] for time in LATER_TIMES})


def six_month_table(cohort: pd.DataFrame, outcome: str, measures: dict[str, Measure], rule: str,
                    carried_back: bool) -> pd.DataFrame:
    """Counts of end against the 6-month follow-up: `end, follow_up, n`, one row a pair of codes, zeros too.

    Over those who count for both. With `carried_back` a missing 6-month answer is the 12-month one.
    """
    cohort = carry_back(cohort) if carried_back else cohort
    found = outcomes_at(cohort, outcome, measures, rule)
    return count(found[["end", "6m"]]).set_axis(["end", "follow_up", "n"], axis="columns")


def path_table(cohort: pd.DataFrame, outcome: str, measures: dict[str, Measure], rule: str) -> pd.DataFrame:
    """Counts along end, 6 and 12 months: `end, at_6m, at_12m, n`, over those who completed both follow-ups.

    Nothing is carried back. Only those who count at all three times.
    """
    both = cohort[completed(cohort, "6m") & completed(cohort, "12m")]
    found = outcomes_at(both, outcome, measures, rule)
    return count(found).set_axis(["end", "at_6m", "at_12m", "n"], axis="columns")


def count(codes: pd.DataFrame) -> pd.DataFrame:
    """Every combination of the columns' categories with its number of rows `n`, those with a missing code left out."""
    found = codes.dropna().astype("str").value_counts()
    combinations = list(product(*(codes[column].cat.categories for column in codes)))
    counts = [int(found.get(combination, 0)) for combination in combinations]
    return pd.DataFrame(combinations, columns=list(codes)).assign(n=counts)


def by_status_at_end(table: pd.DataFrame) -> pd.DataFrame:
    """A six-month table with, of those with the same status at end (`of`), the share and its Wilson interval."""
    return with_proportions(table.assign(of=table.groupby("end", sort=False)["n"].transform("sum")), "n", "of")


def margin(table: pd.DataFrame, column: str) -> pd.Series:
    """Counts of one column's codes over all others, in the order of the table."""
    return table.groupby(column, sort=False)["n"].sum()


def as_square(table: pd.DataFrame) -> pd.DataFrame:
    """A six-month table as the paper prints it: rows end, columns follow-up, both with totals."""
    square = table.pivot(index="end", columns="follow_up", values="n")
    codes = list(dict.fromkeys(table["end"]))
    square = square.loc[codes, codes]
    square["total"] = square.sum(axis=1)
    square.loc["total"] = square.sum()
    return square
