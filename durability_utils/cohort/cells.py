"""Reading of single cells: what a text means by the type of its column, and why one is refused.

Each reader takes a column's cells as text and gives the values, missing where refused, and the reasons.
"""

import re

import numpy as np
import pandas as pd

from durability_utils.study.column_maps import Column, normalise
from durability_utils.study.measures import Measure


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


def as_number(cells: pd.Series, minimum, maximum, decimal) -> tuple[pd.Series, pd.Series]:
    """A whole number within its limits; where `decimal`, any number."""
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
    """One date; NaT where it is none. ISO dates are read in every style: spreadsheets write them so."""
    day = re.sub(r"[T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?Z?$", "", text)  # the time of day, if there is one
    # pandas reads "today" and "now" in every format, as the day of the run
    if not day[:1].isdigit():
        return pd.NaT
    if style == "excel_serial" and re.fullmatch(r"[0-9]+(\.[0-9]*)?", day):
        read = pd.to_datetime(float(day), unit="D", origin="1899-12-30", errors="coerce")
    elif style == "day_first" and not day[:4].isdigit():
        day = day.replace(".", "/").replace("-", "/")
        read = pd.to_datetime(day, format="%d/%m/%Y", errors="coerce")
        read = pd.to_datetime(day, format="%d/%b/%Y", errors="coerce") if pd.isna(read) else read
    else:
        read = pd.to_datetime(day, format="%Y-%m-%d", errors="coerce")
    return read.floor("D") if pd.notna(read) and 1900 <= read.year <= 2100 else pd.NaT


def _reason(holds: pd.Series, reason: str, cells: pd.Series) -> pd.Series:
    return pd.Series(None, cells.index, dtype="str").mask(holds, reason)
