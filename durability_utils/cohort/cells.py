"""Reading of single cells: what a text means by the type of its column, and why one is refused.

Each reader takes a column's cells as text and gives the values, missing where refused, and the reasons.
"""

import datetime as dt
import re
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from durability_utils.study.column_maps import Column, normalise
from durability_utils.study.measures import Measure

_UK = ZoneInfo("Europe/London")
_CLOCK = re.compile(r"[T ](?P<hour>[0-9]{1,2}):(?P<minutes>[0-9]{2})(:[0-9]{2}(\.[0-9]+)?)?"
                    r" ?(?P<zone>Z|[+-][0-9]{2}(:?[0-9]{2})?)?$")
_ISO = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_DAY_FIRST = re.compile(r"([0-9]{1,2})[./-]([0-9]{1,2}|[A-Za-z]{3})[./-]([0-9]{4}|[0-9]{2})")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_SERIAL = re.compile(r"[0-9]+(\.[0-9]*)?")
_DAY_ZERO = {"excel_serial": dt.date(1899, 12, 30), "excel_serial_1904": dt.date(1904, 1, 1)}


def limits_of(names: pd.Series, measures: dict[str, Measure]):
    """Smallest and largest score, and whether it is an item mean, of the measure in each row; none: no limits."""
    def of(key):
        return names.map({name: getattr(measure, key) for name, measure in measures.items()})
    return of("minimum").astype(float), of("maximum").astype(float), of("scale").eq("item_mean")


def as_text(cells: pd.Series, column: Column) -> tuple[pd.Series, pd.Series]:
    """Any text, with the meaning of the map's codes."""
    # "in the words of the service or of its column map"
    codes = dict(column.codes)
    meanings = {cell: codes[code] for cell in cells.unique() if (code := normalise(cell)) in codes} if codes else {}
    return cells.replace(meanings).mask(cells == ""), pd.Series(None, cells.index, dtype="str")


def as_code(cells: pd.Series, column: Column, allowed: list[str]) -> tuple[pd.Series, pd.Series]:
    """One of the `allowed` codes, as written or by the map's codes."""
    known = {normalise(code): code for code in allowed} | dict(column.codes)
    # not everything: a map may name a measure that this version of the measures does not have
    known = {code: meaning for code, meaning in known.items() if meaning in allowed}
    meanings = {cell: known.get(normalise(cell)) for cell in cells.unique()}
    read = cells.map(meanings).astype("str")
    return read, _reason(read.isna(), "unknown_code", cells)


def as_number(cells: pd.Series, minimum, maximum, decimal, comma: bool = False) -> tuple[pd.Series, pd.Series]:
    """A whole number within its limits; where `decimal`, any number.

    `comma`: 12,0 is twelve. A spreadsheet's own numbers have a point there too; 1.000 could be a thousand, and is none.
    """
    if comma:
        thousands = cells.str.fullmatch(r"-?[0-9]+(\.[0-9]{3})+(,[0-9]*)?")
        cells = cells.mask(thousands, "").str.replace(",", ".")
    whole = cells.str.fullmatch(r"-?[0-9]+(\.0+)?")
    number = cells.str.fullmatch(r"-?[0-9]+(\.[0-9]+)?")
    readable = whole | (number & decimal)
    read = pd.to_numeric(cells.where(readable), errors="coerce").astype(float)
    # a number too long for a computer reads as infinite: outside every range, and no cohort can hold it
    outside = (read < minimum) | (read > maximum) | np.isinf(read)
    reason = _reason(outside, "out_of_range", cells).mask(~readable, "not_a_whole_number")
    return read.mask(outside), reason


def as_date(cells: pd.Series, column: Column) -> tuple[pd.Series, pd.Series]:
    """A day of the calendar in the date style of the map."""
    days = {cell: read_day(cell, column.dates) for cell in cells.unique()}
    read = pd.to_datetime(cells.map(days)).astype("datetime64[us]")
    return read, _reason(read.isna(), "impossible_date", cells)


def read_day(text: str, style: str) -> pd.Timestamp:
    """One date; NaT where it is none. ISO dates are read in every style: spreadsheets write them so.

    The year of two digits is of this century. A time of day is left out; one with its zone is first turned into UK
    local time, so that 2016-06-30T23:00:00Z is 1 July.
    """
    clock = _CLOCK.search(text)
    day = text[:clock.start()] if clock else text
    try:
        read = _day(day, style)
        if clock and clock["zone"]:
            # Python reads each of these zones, but for the short +01
            zone = clock["zone"] if clock["zone"] == "Z" or len(clock["zone"]) > 3 else f"{clock['zone']}:00"
            instant = dt.datetime.fromisoformat(f"{read.isoformat()}T{clock['hour']:0>2}:{clock['minutes']}{zone}")
            read = instant.astimezone(_UK).date()
    except (ValueError, OverflowError):  # no day of the calendar, or no time of a day
        return pd.NaT
    return pd.Timestamp(read).as_unit("us") if 1900 <= read.year <= 2100 else pd.NaT


def _day(text: str, style: str) -> dt.date:
    if style in _DAY_ZERO and _SERIAL.fullmatch(text):
        return _DAY_ZERO[style] + dt.timedelta(int(float(text)))
    if found := _ISO.fullmatch(text):
        return dt.date(*map(int, found.groups()))
    if style == "day_first" and (found := _DAY_FIRST.fullmatch(text)):
        day, month, year = found.groups()
        number = int(month) if month.isdigit() else _MONTHS.index(month.casefold()) + 1
        return dt.date(int(year) + (2000 if len(year) == 2 else 0), number, int(day))
    raise ValueError("no date in this style")


def _reason(holds: pd.Series, reason: str, cells: pd.Series) -> pd.Series:
    return pd.Series(None, cells.index, dtype="str").mask(holds, reason)
