"""Dates that cannot be what they are called: each look yields what it found, and nothing where all is well."""

from collections.abc import Iterator

import pandas as pd

from durability_utils.cohort.cells import as_date
from durability_utils.cohort.seen import FEW, MANY, Found, Seen, rows_where
from durability_utils.study.column_maps import Column
from durability_utils.study.columns import FOLLOW_UPS, dictionary

# no service's records of this kind begin earlier
FIRST_YEAR = 2000
# years between a date and the middle of all; only where few are so far, since an export may hold many years
YEARS_OFF, SHARE_OFF = 5, 0.05
SHARE_ONE_DAY = 0.9
# of 20 dates none has a day above 12: by chance (12/30)**20, one in 90 million
DATES_WITHOUT_HIGH_DAY = 20
# half of the way to the other follow-up, as in the windows that docs/reference.md recommends
NOMINAL = {"6m": (91, 273), "12m": (274, 456)}
ANSWERS = 10  # of which one may stand out
SHARE_ON_DAY = 0.05


def dates_of(seen: Seen, column: str) -> pd.Series:
    """The dates of a column by row; of discharge also those that lie outside the study's window."""
    dates = seen.cohort[column].dropna()
    if column != "discharge_date":
        return dates
    outside = seen.rejected[seen.rejected["reason"] == "outside_window"].set_index("row")["value"]
    read, _ = as_date(outside, seen.raw.columns.columns.get(column, Column()))
    return pd.concat([dates, read.dropna()])


def _columns(seen: Seen) -> list[str]:
    kinds = dictionary()["type"]
    return [name for name in kinds.index[kinds == "date"] if seen.filled[name].any()]


def one_by_one(seen: Seen) -> Iterator[Found]:
    for column in _columns(seen):
        dates = dates_of(seen, column)
        if not len(dates):
            continue
        far = abs(dates.dt.year - dates.dt.year.median()) >= YEARS_OFF
        few = len(dates) >= ANSWERS and far.sum() <= max(1, SHARE_OFF * len(dates))
        off = (dates.dt.year < FIRST_YEAR) | (far & few)
        future = (dates > seen.today) & ~off
        for name, holds in (("year_off", off), ("in_the_future", future)):
            if holds.any():
                yield Found(name, column, rows_where(holds), len(dates))


def together(seen: Seen) -> Iterator[Found]:
    for column in _columns(seen):
        dates = seen.cohort[column].dropna()
        days = dates.dt.day
        if len(dates) < DATES_WITHOUT_HIGH_DAY:
            continue
        same_day = days == days.mode()[0]
        if dates.min() == dates.max():
            if column == "discharge_date" and len(dates) >= MANY:
                yield Found("one_discharge_day", column, dates.index, len(dates))
        elif same_day.mean() >= SHARE_ONE_DAY:
            if dates[same_day].min() < dates[same_day].max():
                yield Found("one_day_of_the_month", column, rows_where(same_day), len(dates))
        elif days.max() <= 12 and dates.dt.month.min() < dates.dt.month.max():  # else exported on the twelfth
            yield Found("day_and_month_swapped", column, dates.index, len(dates))


def follow_ups(seen: Seen) -> Iterator[Found]:
    discharge = seen.cohort["discharge_date"]
    for time in FOLLOW_UPS:
        column = f"followup_{time}_date"
        days = (seen.cohort[column] - discharge).dt.days.dropna()
        if not len(days):
            continue
        first, last = NOMINAL[time]
        on_day, far = days == 0, (days < first) | (days > last)
        if on_day.sum() >= max(FEW, SHARE_ON_DAY * len(days)):
            yield Found("follow_up_on_day_of_discharge", column, rows_where(on_day), len(days))
        if len(days) >= ANSWERS and not first <= days.median() <= last:
            yield Found("follow_up_at_another_time", column, rows_where(far), len(days))
    six, twelve = (seen.cohort[f"followup_{time}_date"] for time in FOLLOW_UPS)
    if (before := twelve < six).any():
        both = six.notna() & twelve.notna()
        yield Found("follow_ups_out_of_order", "followup_6m_date, followup_12m_date", rows_where(before), both.sum())


def referral_after_discharge(seen: Seen) -> Iterator[Found]:
    if "referral_date" in seen.cohort:
        referral, discharge = seen.cohort["referral_date"], seen.cohort["discharge_date"]
        if (later := referral > discharge).any():
            both = referral.notna() & discharge.notna()
            yield Found("referral_after_discharge", "referral_date, discharge_date", rows_where(later), both.sum())


LOOKS = (one_by_one, together, follow_ups, referral_after_discharge)
