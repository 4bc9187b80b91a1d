"""What the values of an export's column are, taken for a canonical column: whether they can be it, and how."""

import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from durability_utils.cohort.cells import read_day
from durability_utils.new_study.codes import NOTHING, guess_codes
from durability_utils.new_study.formats import Labels
from durability_utils.new_study.names import Items, Meaning
from durability_utils.new_study.words import Told
from durability_utils.study.column_maps import normalise
from durability_utils.study.columns import TIMES, dictionary
from durability_utils.study.measures import Measure

MISSING_NUMBERS = {"-1", "-8", "-9", "-88", "-99", "-999", "-9999", "88", "99", "888", "999", "8888", "9999"}
AGREE = 0.75  # of a column's values at least so many must be what its name suggests
SHOWN = 5     # what stands in fewer rows may be one patient's value, and is not shown
DAY_OR_MONTH = "no day is above 12, so it may be the month that comes first"
_WHOLE, _DECIMAL = r"-?[0-9]+(\.0+)?", r"-?[0-9]+(\.[0-9]+)?"
_TIME_OF_DAY = "(?:[T ][0-9]{1,2}:[0-9]{2}.*)?"
# style of dates in a column map: pattern, and how it is called
_DATES = {"iso": (f"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{_TIME_OF_DAY}", "ISO dates"),
          "day_first": (f"[0-9]{{1,2}}[/.-]([0-9]{{1,2}}|[A-Za-z]{{3}})[/.-][0-9]{{4}}{_TIME_OF_DAY}", "dates, day first"),
          "excel_serial": (r"[34][0-9]{4}(\.[0-9]*)?", "Excel's day numbers")}


@dataclass(frozen=True)
class Export:
    """An export as `read_export` gives it, its labels, the measures that its scores may be of; its file and format."""

    table: pd.DataFrame
    labels: Labels
    measures: dict[str, Measure]
    path: Path = Path()
    form: dict[str, str] = field(default_factory=dict)

    @cached_property
    def counts(self) -> dict[str, pd.Series]:
        """For each column with a name of its own: value -> rows, the commonest first, without blanks."""
        found = Counter(name.casefold() for name in self.table)
        return {name: self.table[name].value_counts().drop("", errors="ignore")
                for name in self.table if name and found[name.casefold()] == 1}

    def counted(self, names: Iterable[str]) -> pd.Series:
        """The same of several columns together."""
        return pd.concat([self.counts[name] for name in names]).groupby(level=0).sum().sort_values(ascending=False)


@dataclass(frozen=True)
class Reading:
    """What the values of a column are, taken for a canonical column.

    `why`: what they look like. `meant`: text -> the number, day or canonical code that it is. `missing`: texts that
    stand for nothing. `codes`, `dates`: as in a column map.
    """

    why: str
    meant: dict
    missing: frozenset[str]
    doubt: str = ""
    codes: str | dict[str, str] | None = None
    dates: str = ""


class Contradiction(Exception):
    """The values of a column are not what its name suggests; the message says what they are."""


def read_values(export: Export, meaning: Meaning, name: str, counts: pd.Series | None = None) -> Reading:
    """What the values of the column `name` are, taken for the column that its name means.

    `counts`: of other values than its own. Raises Contradiction where they are something else.
    """
    counts = export.counts[name] if counts is None else counts
    labels, column, told = export.labels.codes.get(name, {}), meaning.column, meaning.told
    entry = dictionary().loc[column] if not told.kind else {"allowed": "|".join(told.codes)}
    adsms = {name: measure for name, measure in export.measures.items() if measure.role == "disorder_specific"}
    match told.kind or entry["type"]:
        case "repeated_text":
            return _read_texts(counts, "several rows each", 0, 0.7)
        case "text" if column == "patient_id":
            return _read_texts(counts, "different in nearly every row", 0.75, 1)
        case "text":
            return _read_texts(counts, "the same in many rows", 0, 0.5 if counts.sum() >= 20 else 1, labels)
        case "date":
            return _read_dates(counts)
        case "code":
            return _read_codes(counts, told, entry["allowed"].split("|"), labels)
        case "measure":
            return _read_codes(counts, told, list(adsms), labels)
        case "any_measure":
            reading = _read_codes(counts, told, list(export.measures), labels, 0.25)  # services score others too
            if not any(export.measures[name].role in ("depression", "anxiety") for name in reading.meant.values()):
                raise Contradiction("it names no measure of depression or anxiety")
            return reading
        case "score":
            return _read_numbers(counts, 0, max(measure.maximum for measure in adsms.values()), _DECIMAL)
        case "any_score":
            return _read_numbers(counts, 0, max(measure.maximum for measure in export.measures.values()), _DECIMAL)
        case "whole_number":
            reading = _read_numbers(counts, entry["minimum"], entry["maximum"])
            items = [measure.item_range for measure in export.measures.values()
                     if column in (f"{measure.columns}_{time}" for time in TIMES)]
            if items and reading.meant and counts.sum() >= 20 and max(reading.meant.values()) <= items[0][1]:
                raise Contradiction(f"no value is above {items[0][1]}, as in an item")
            return reading


def read_items(export: Export, items: Items) -> Reading | None:
    """What the values of a measure's items are, taken together; None where they are no answers to items."""
    with suppress(Contradiction):
        return _read_numbers(export.counted(items.names), *items.measure.item_range)


def _read_texts(counts: pd.Series, expected: str, least: float, most: float, labels: dict[str, str] = {}) -> Reading:
    """`least`, `most`: different texts a row."""
    meant = {text: text for text in counts.index if normalise(text) not in NOTHING}
    if not least <= len(meant) / max(counts[list(meant)].sum(), 1) <= most:
        raise Contradiction(f"its values are not {expected}")
    codes = {code: label for code, label in labels.items() if normalise(label) not in NOTHING}
    return Reading(expected, meant, frozenset(counts.index) - meant.keys(), codes=codes or None)


def _read_numbers(counts: pd.Series, least: float, most: float, pattern: str = _WHOLE) -> Reading:
    meant = {text: float(text) for text in counts.index if re.fullmatch(pattern, text) and least <= float(text) <= most}
    numbers = "whole numbers" if pattern is _WHOLE else "numbers"
    rows = counts[list(meant)].groupby(meant).sum()
    common = rows.index[rows >= SHOWN]
    shown = f", most from {common.min():g} to {common.max():g}" if len(common) > 1 else ""
    return _reading(counts, meant, f"{numbers}{shown}", f"not all are {numbers} from {least:g} to {most:g}")


def _read_dates(counts: pd.Series) -> Reading:
    rows = {style: counts[counts.index.str.fullmatch(pattern)].sum() for style, (pattern, _) in _DATES.items()}
    style = max(rows, key=rows.get)
    pattern, why = _DATES[style]
    read = {text: read_day(text, style) for text in counts.index if re.fullmatch(f"{_DATES['iso'][0]}|{pattern}", text)}
    meant = {text: day for text, day in read.items() if pd.notna(day)}
    told = any(day.day > 12 or re.search("[a-z]{2}", text) for text, day in meant.items()) or style != "day_first"
    reading = _reading(counts, meant, why, "not all are dates as 2016-06-30, 30/06/2016 (the day first) or Excel's numbers")
    return replace(reading, doubt="" if told else DAY_OR_MONTH, dates=style if meant else "")


def _read_codes(counts: pd.Series, told: Told, allowed: list[str], labels: dict[str, str], agree: float = AGREE) -> Reading:
    codes = guess_codes(told, [text for text in counts.index if normalise(text) not in NOTHING], allowed, labels)
    meant = {text: codes.known[normalise(text)] for text in counts.index if normalise(text) in codes.known}
    unknown = _shown(counts, [text for text in counts.index
                              if text not in meant and normalise(text) not in NOTHING | MISSING_NUMBERS])
    known = _shown(counts, meant)
    why = "labels in the file" if labels else f"codes {known}" if known else "few codes"
    reading = _reading(counts, meant, why, f"its codes are not understood: {unknown}".removesuffix(": "), agree)
    doubts = [codes.doubt, f"what does {unknown} mean?" if unknown else ""]
    return replace(reading, doubt="; ".join(filter(None, doubts)), codes=codes.codes)


def _reading(counts: pd.Series, meant: dict, why: str, otherwise: str, agree: float = AGREE) -> Reading:
    """Raises Contradiction where too many texts are neither values nor missing codes."""
    others = counts.drop(list(meant))
    codes = others.index.map(normalise)
    wrong = others[~codes.isin(NOTHING | MISSING_NUMBERS)].sum()
    if wrong > (1 - agree) * (wrong + counts.sum() - others.sum()):
        raise Contradiction(otherwise)
    # one 88 is a slip, several are a code
    often = others.groupby(codes).transform("sum") >= 3
    missing = frozenset(others.index[codes.isin(NOTHING) | (codes.isin(MISSING_NUMBERS) & often)])
    return Reading(why if meant else "no values", meant, missing)


def _shown(counts: pd.Series, texts: Iterable[str]) -> str:
    """The commonest of the texts, each once; none that stands in a few rows only."""
    spelt = {}
    for text in texts:
        if counts[text] >= SHOWN:
            spelt.setdefault(normalise(text), text[:40])
    return ", ".join(list(spelt.values())[:6]) + (", ..." if len(spelt) > 6 else "")
