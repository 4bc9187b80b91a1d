"""What the values of an export's column are, taken for a canonical column: whether they can be it, and how."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from durability_utils.new_study.codes import NOTHING, guess_codes
from durability_utils.new_study.formats import Labels
from durability_utils.study.column_maps import normalise
from durability_utils.study.columns import dictionary
from durability_utils.study.measures import Measure

MISSING_NUMBERS = {"-1", "-8", "-9", "-88", "-99", "-999", "-9999", "88", "99", "888", "999", "8888", "9999"}
AGREE = 0.75  # of a column's values at least so many must be what its name suggests
SHOWN = 5     # what stands in fewer rows may be one patient's value, and is not shown
NO_VALUES = "no values"
DAY_OR_MONTH = "no day is above 12, so it may be the month that comes first"
_KINDS = {"consent_contact": "consent", "consent_upflow": "consent", "adsm": "measure",
          "employment_baseline": "employment", "employment_end": "employment",
          "followup_6m_mode": "mode", "followup_12m_mode": "mode"}
_NUMBER = re.compile(r"-?[0-9]+(\.0+)?")
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_TIME_OF_DAY = r"(?:[T ][0-9]{1,2}:[0-9]{2}.*)?"
_ISO = re.compile(rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{_TIME_OF_DAY}")
_DAY_MONTH = re.compile(rf"([0-9]{{1,2}})[/.-]([0-9]{{1,2}}|[A-Za-z]{{3}})[/.-][0-9]{{4}}{_TIME_OF_DAY}")
_SERIAL = re.compile(r"[34][0-9]{4}(?:\.[0-9]*)?")


@dataclass(frozen=True)
class Export:
    """An export as `read_export` gives it, the labels in its file, and the measures that its scores may be of."""

    table: pd.DataFrame
    labels: Labels
    measures: dict[str, Measure]

    @cached_property
    def counts(self) -> dict[str, pd.Series]:
        """For each column with a name of its own: value -> rows, the commonest first, without blanks."""
        found = Counter(name.casefold() for name in self.table)
        return {name: self.table[name].value_counts().drop("", errors="ignore")
                for name in self.table if name and found[name.casefold()] == 1}


@dataclass(frozen=True)
class Reading:
    """What the values of a column are, taken for a canonical column.

    `why`: what they look like. `readable`: whether a text is a value. `missing`: missing codes, normalised. `codes`,
    `dates`: as in a column map. `largest`: of numbers. `meant`: the canonical codes that occur.
    """

    why: str
    readable: Callable[[str], bool]
    missing: frozenset[str] = frozenset()
    doubt: str = ""
    codes: str | dict[str, str] | None = None
    dates: str = ""
    largest: float = float("nan")
    meant: frozenset[str] = frozenset()


class Contradiction(Exception):
    """The values of a column are not what its name suggests; the message says what they are."""


def read_values(export: Export, column: str, name: str, counts: pd.Series | None = None) -> Reading:
    """What the values of the column `name` are, taken for a canonical column; `counts`: of other values than its own.

    Raises Contradiction where they are something else.
    """
    counts = export.counts[name] if counts is None else counts
    labels = export.labels.codes.get(name, {})
    entry = dictionary().loc[column]
    adsms = [name for name, measure in export.measures.items() if measure.role == "disorder_specific"]
    match entry["type"]:
        case "text" if column == "patient_id":
            return _read_ids(counts, lambda different: different >= 0.75, "different in nearly every row")
        case "text":
            return _read_text(counts, labels)
        case "date":
            return _read_date(counts)
        case "code":
            return _read_codes(counts, _KINDS.get(column, column), entry["allowed"].split("|"), labels)
        case "measure":
            return _read_codes(counts, "measure", adsms, labels)
        case "score":
            return _read_number(counts, 0, max(export.measures[name].maximum for name in adsms), _DECIMAL)
        case "whole_number":
            reading = _read_number(counts, entry["minimum"], entry["maximum"], _NUMBER)
            if entry["unit"] == "points" and "_item" not in column and reading.largest <= 3 and counts.sum() >= 20:
                raise Contradiction("no value is above 3, as in an item")
            return reading


def read_contact_values(export: Export, column: str, name: str) -> Reading:
    """The same for the columns of contacts: `patient_id`, `date`, `measure`, `score`, `attended`."""
    counts, labels = export.counts[name], export.labels.codes.get(name, {})
    match column:
        case "patient_id":
            return _read_ids(counts, lambda different: different < 0.7, "several rows each")
        case "date":
            return _read_date(counts)
        case "measure":
            # services score other questionnaires too
            reading = _read_codes(counts, "measure", list(export.measures), labels, agree=0.25)
            if not {"PHQ-9", "GAD-7"} & reading.meant:
                raise Contradiction("it names neither the PHQ-9 nor the GAD-7")
            return reading
        case "score":
            return _read_number(counts, 0, max(measure.maximum for measure in export.measures.values()), _DECIMAL)
        case "attended":
            return _read_codes(counts, "attended", ["yes", "no"], labels)


def is_item(counts: pd.Series) -> bool:
    """Whether the values are answers to one item of the PHQ-9 or GAD-7."""
    try:
        _read_number(counts, 0, 3, _NUMBER)
    except Contradiction:
        return False
    return True


def _read_ids(counts: pd.Series, expected: Callable[[float], bool], words: str) -> Reading:
    missing = frozenset(normalise(text) for text in counts.index) & NOTHING
    real = counts[[normalise(text) not in missing for text in counts.index]]
    if not expected(len(real) / max(real.sum(), 1)):
        raise Contradiction(f"its values are not {words}")
    return Reading(words, lambda text: text not in NOTHING, missing)


def _read_text(counts: pd.Series, labels: dict[str, str]) -> Reading:
    missing = frozenset(normalise(text) for text in counts.index) & NOTHING
    real = counts[[normalise(text) not in missing for text in counts.index]]
    if len(real) > real.sum() / 2 and real.sum() >= 20:
        raise Contradiction("nearly every row differs, as in free text")
    codes = {code: label for code, label in labels.items() if normalise(label) not in NOTHING} or None
    return Reading(f"{len(real)} different texts", lambda text: text not in NOTHING, missing, codes=codes)


def _read_number(counts: pd.Series, least: float, most: float, pattern: re.Pattern) -> Reading:
    def readable(text: str) -> bool:
        return pattern.fullmatch(text) is not None and least <= float(text) <= most

    whole = "whole " if pattern is _NUMBER else ""
    missing = _agreeing(counts, readable, f"not all are {whole}numbers from {least:g} to {most:g}")
    rows = Counter()
    for text, n in counts.items():
        if readable(text):
            rows[float(text)] += n
    if not rows:
        return Reading(NO_VALUES, readable, missing)
    common = [number for number, n in rows.items() if n >= SHOWN]
    seen = f", most from {min(common):g} to {max(common):g}" if len(common) > 1 else ""
    return Reading(f"{whole}numbers{seen}", readable, missing, largest=max(rows))


def _read_date(counts: pd.Series) -> Reading:
    patterns = {"iso": _ISO, "day_first": _DAY_MONTH, "excel_serial": _SERIAL}
    rows = {style: sum(n for text, n in counts.items() if pattern.fullmatch(text))
            for style, pattern in patterns.items()}
    style = max(rows, key=rows.get)

    def readable(text: str) -> bool:
        return any(patterns[name].fullmatch(text) for name in ("iso", style))

    missing = _agreeing(counts, readable, "not all are dates as 2016-06-30, 30/06/2016 or Excel's numbers")
    doubt = ""
    if style == "day_first":
        parts = [match.groups() for text in counts.index if (match := _DAY_MONTH.fullmatch(text))]
        firsts = sum(int(first) > 12 or not second.isdigit() for first, second in parts)
        seconds = sum(second.isdigit() and int(second) > 12 for _, second in parts)
        if seconds > firsts:
            raise Contradiction("its dates have the month first; export them as 2016-06-30")
        doubt = "" if firsts else DAY_OR_MONTH
    if not rows[style]:
        return Reading(NO_VALUES, readable, missing)
    why = {"iso": "ISO dates", "day_first": "dates, day first", "excel_serial": "Excel's day numbers"}[style]
    return Reading(why, readable, missing, doubt, dates=style)


def _read_codes(counts: pd.Series, kind: str, allowed: list[str], labels: dict[str, str],
                agree: float = AGREE) -> Reading:
    found = [text for text in counts.index if normalise(text) not in NOTHING]
    guessed = guess_codes(kind, found, allowed, labels)

    def readable(text: str) -> bool:
        return normalise(text) in guessed.known

    unknown = _shown(counts, lambda text: not readable(text) and normalise(text) not in NOTHING | MISSING_NUMBERS)
    missing = _agreeing(counts, readable, f"its codes are not understood{f': {unknown}' if unknown else ''}", agree)
    question = f"{unknown}: no measure of this study" if kind == "measure" else f"what does {unknown} mean?"
    doubts = [guessed.doubt, question if unknown else ""]
    known = _shown(counts, readable)
    why = "labels in the file" if labels else f"codes {known}" if known else "few codes"
    if not any(map(readable, counts.index)):
        why = NO_VALUES
    meant = {guessed.known[code] for text in counts.index if (code := normalise(text)) in guessed.known}
    return Reading(why, readable, missing, "; ".join(filter(None, doubts)), guessed.codes, meant=frozenset(meant))


def _agreeing(counts: pd.Series, readable: Callable[[str], bool], otherwise: str,
              agree: float = AGREE) -> frozenset[str]:
    """The missing codes among values that cannot be read. Raises Contradiction where too many others cannot."""
    unread = Counter()
    for text, rows in counts.items():
        if not readable(text):
            unread[normalise(text)] += rows
    right = counts.sum() - unread.total()
    wrong = sum(rows for code, rows in unread.items() if code not in NOTHING | MISSING_NUMBERS)
    if wrong > (1 - agree) * (wrong + right):
        raise Contradiction(otherwise)
    # one 88 is a slip, several are a code
    return frozenset(code for code, rows in unread.items()
                     if code in NOTHING or (code in MISSING_NUMBERS and rows >= 3))


def _shown(counts: pd.Series, which: Callable[[str], bool]) -> str:
    spelt = {normalise(text): text for text, rows in reversed(list(counts.items())) if rows >= SHOWN and which(text)}
    codes = sorted(spelt.values(), key=lambda text: -counts[text])
    return ", ".join(text[:40] for text in codes[:6]) + (", ..." if len(codes) > 6 else "")
