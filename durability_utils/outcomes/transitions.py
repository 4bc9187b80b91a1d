"""From end of treatment to follow-up: counts of patients by their outcome at one time and a later one."""

import numpy as np
import pandas as pd

from durability_utils.outcomes.proportions import proportion, with_proportions
from durability_utils.outcomes.rules import expect_classified, expect_codes
from durability_utils.study.columns import completed
from durability_utils.study.expected import expect, expect_bool, expect_columns, expect_same_rows
from durability_utils.study.holds import Holds

INCLUSION = ("no_upflow_consent", "no_6_month_follow_up", "scores_missing", "below_caseness", "counted")
_WORDS = {"improvement": "Reliable improvement", "recovery": "Reliable recovery"}
_WELL = {"reliable_improvement": "reliably improved", "reliable_recovery": "reliably recovered"}
SIX_MONTHS = {outcome: Holds(counts={"n": f"{outcome}_6m/{{end}}/{{follow_up}}"}) for outcome in _WORDS}
BY_STATUS_AT_END = {outcome: Holds(
    f"{words}: end of treatment against 6 months",
    SIX_MONTHS[outcome].counts | {"of": f"{outcome}_6m/{{end}}/total"}, {"": ("n", "of")})
    for outcome, words in _WORDS.items()}
PATHS = {outcome: Holds(
    f"{words}: end of treatment, 6 and 12 months", {"n": f"{outcome}_path/{{end}}/{{at_6m}}/{{at_12m}}"})
    for outcome, words in _WORDS.items()}


def inclusion(participants: pd.DataFrame, end: pd.DataFrame, follow_up: pd.DataFrame) -> pd.Series:
    """Whether each participant is in the six-month tables, and why not: one of INCLUSION, the first that holds.

    `participants` after carry back where the study has it, `end` and `follow_up` what `classify` gives for them at end
    and 6m. `below_caseness` is in the table of improvement and not in that of recovery, `counted` is in both.
    Raises InputError where they are not about the same patients.
    """
    expect(participants, ["consent_upflow"], name="participants")
    expect_classified(end=end, follow_up=follow_up)
    expect_same_rows(participants=participants, end=end, follow_up=follow_up)
    no_improvement, no_recovery = (end[outcome].isna() | follow_up[outcome].isna() for outcome in _WORDS)
    withheld = (participants["consent_upflow"] == "no").fillna(False).to_numpy(bool)
    holds = [withheld, ~completed(participants, "6m"), no_improvement, no_recovery]  # in the order of INCLUSION
    return pd.Series(pd.Categorical(np.select(holds, INCLUSION[:-1], INCLUSION[-1]), INCLUSION), participants.index)


def six_month_table(end: pd.Series, follow_up: pd.Series) -> pd.DataFrame:
    """Counts of end against the 6-month follow-up: `end, follow_up, n`, one row a pair of codes, zeros too.

    `end`, `follow_up`: one outcome (`improvement` or `recovery`) as `classify` gives it at both times, after carry back
    where the study has it. Over those who count for both. Raises InputError for anything else.
    """
    _expect_outcomes(end=end, follow_up=follow_up)
    return count(pd.DataFrame({"end": end, "follow_up": follow_up}))


def path_table(end: pd.Series, at_6m: pd.Series, at_12m: pd.Series, both: pd.Series) -> pd.DataFrame:
    """Counts along end, 6 and 12 months: `end, at_6m, at_12m, n`, over those who completed `both` follow-ups.

    Nothing is carried back to whoever answered twice. Only those who count at all three times. Raises InputError for
    anything but one outcome as `classify` gives it, and True or False.
    """
    _expect_outcomes(end=end, at_6m=at_6m, at_12m=at_12m)
    expect_bool(both, "both")
    expect_same_rows(end=end, both=both)
    return count(pd.DataFrame({"end": end, "at_6m": at_6m, "at_12m": at_12m})[both])


def kept_in_words(at_end: int, end: pd.Series, later: pd.Series, late: pd.Series, at_6m: pd.Series,
                  few: int = 0) -> str:
    """Of `at_end` patients well at end, how many still were at 6 and at 12 months, and of how many that is not known.

    `end`, `later`, `late`: one outcome of those who answered, as `classify` gives it at end, at 6m (after carry back
    where the study has it) and at 12m; `at_6m`: whether they completed the 6-month follow-up, True or False. Of fewer
    patients than `few` only counts. Raises InputError for anything else.
    """
    _expect_outcomes(end=end, later=later, late=late)
    expect_bool(at_6m, "at_6m")
    expect_same_rows(end=end, at_6m=at_6m)
    code = end.cat.categories[-1]
    had, well = f"had {_WELL[code]} at end of treatment", end == code
    first, second = (well & outcome.notna() for outcome in (later, late))
    seen = int((first | second).sum())
    if not seen:
        return (f"Of {at_end:,} who {had} none has scores at follow-up: whether they still were is not known." if at_end
                else f"Nobody {had}.")
    at_6 = _still_were(first, later == code, "6 months", few)
    if stands_in := int((first & ~at_6m).sum()):
        own = first & at_6m
        without = f"{(own & (later == code)).sum()} of {own.sum()}" if own.any() else "nobody has scores"
        at_6 += f" (for {stands_in} the 12-month answer stands in; without it {without})"
    words = (f"Of {at_end:,} who {had} {seen:,} {'has' if seen == 1 else 'have'} scores at follow-up: {at_6}, and "
             f"{_still_were(second, late == code, '12 months', few)}.")
    if first.any() and second.any() and (first != second).any():
        words += " Not the same patients answered at 6 and at 12 months."
    if at_end > seen:
        words += f" Of the other {at_end - seen:,} it is not known whether they still were."
    return words


def _still_were(known: pd.Series, now: pd.Series, time: str, few: int) -> str:
    n, of = int((known & now).sum()), int(known.sum())
    if not of:
        return f"nobody has scores at {time}"
    # as `shown.rate`, which this room cannot import
    return f"{f'{n} of {of}' if of < few else proportion(n, of).text()} still were at {time}"


def _expect_outcomes(**codes: pd.Series) -> None:
    for name, outcome in codes.items():
        expect_codes(outcome, name)
    expect_same_rows(**codes)


def count(codes: pd.DataFrame) -> pd.DataFrame:
    """Every combination of the columns' categories with its number of rows `n`, those with a missing code left out."""
    counts = codes.dropna().groupby(list(codes), observed=False).size().reset_index(name="n")
    return counts.astype(dict.fromkeys(codes, "str"))


def by_status_at_end(table: pd.DataFrame) -> pd.DataFrame:
    """A six-month table with, of those with the same status at end (`of`), the share and its Wilson interval."""
    expect_columns(table, ["end", "follow_up", "n"], "table")
    return with_proportions(table.assign(of=table.groupby("end", sort=False)["n"].transform("sum")), "n", "of")


def margin(table: pd.DataFrame, column: str) -> pd.Series:
    """Counts of one column's codes over all others, in the order of the table."""
    expect_columns(table, [column, "n"], "table")
    return table.groupby(column, sort=False)["n"].sum()


def as_square(table: pd.DataFrame) -> pd.DataFrame:
    """A six-month table as the paper prints it: rows end, columns follow-up, both with totals."""
    expect_columns(table, ["end", "follow_up", "n"], "table")
    square = table.pivot(index="end", columns="follow_up", values="n")
    codes = list(dict.fromkeys(table["end"]))
    square = square.loc[codes, codes]
    square["total"] = square.sum(axis=1)
    square.loc["total"] = square.sum()
    return square
