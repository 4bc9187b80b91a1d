"""What the values of an export's column are, taken for a canonical column: whether they can be it, and how."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import pandas as pd

from durability_utils.cohort.cells import read_day
from durability_utils.new_study.exports import Export
from durability_utils.new_study.names import Meaning, Told
from durability_utils.study.column_maps import CONTACT_COLUMNS, DATE_STYLES, code_lists, normalise
from durability_utils.study.columns import TIMES, dictionary

NOTHING = {"", "null", "na", "n/a", "#n/a", "nan", ".", "_", "-", "--", "?", "missing", "nil", "unknown", "not_known",
           "not_recorded", "not_applicable", "blank"}
MISSING_NUMBERS = {"-1", "-8", "-9", "-88", "-99", "-999", "-9999", "88", "99", "888", "999", "8888", "9999"}
AGREE = 0.75  # of a column's values at least so many must be what its name suggests
SHOWN = 5     # what stands in fewer rows may be one patient's value, and is not shown
ENOUGH = 20   # so many values show what a measure's never are
DAY_OR_MONTH = "no day is above 12, so it may be the month that comes first"
SERIALS = "days are numbers, read as Excel counts them from 1900; if from 1904, they are four years later"
MONTH_FIRST = "dates have the month first: export them as 2016-06-30 or 30/06/2016"
MIDNIGHT_IN_UTC = "times are 23:00 or 00:00, as midnight is in UTC: days in summer may be one early; export the zone"
ROUNDED_IDS = "ids such as 4.51E+12 were rounded by Excel, and patients may share one: export them as text"
_WHOLE, _DECIMAL = r"-?[0-9]+([.,]0+)?", r"-?[0-9]+([.,][0-9]+)?"


@dataclass(frozen=True)
class Reading:
    """What the values of a column are, taken for a canonical column.

    `why`: what they look like. `meant`: text -> the number, day or canonical code that it is. `missing`: texts that
    stand for nothing. `codes`, `dates`, `decimal`: as in a column map.
    """

    why: str
    meant: dict
    missing: frozenset[str] = frozenset()
    doubt: str = ""
    codes: str | dict[str, str] | None = None
    dates: str = ""
    decimal: str = ""


class Contradiction(Exception):
    """The values of a column are not what its name suggests; the message says what they are."""


def read_values(export: Export, meaning: Meaning, name: str, counts: pd.Series | None = None) -> Reading:
    """What a column's values (or `counts`) are, taken for what its name means; Contradiction where something else."""
    counts = export.counts[name] if counts is None else counts
    labels, column, told = export.labels.get(name, {}), meaning.column, meaning.told
    of_contacts = told.type
    # a patient's own measure is an ADSM; contacts are scored in any, also in such as this study has not
    measures = {name: measure for name, measure in export.measures.items()
                if of_contacts or measure.role == "disorder_specific"}
    match of_contacts or dictionary().at[column, "type"]:
        case "id":
            return _read_texts(counts, "ids", 0, 1)
        case "item":
            return read_numbers(counts, 1, 99)
        case "text" if of_contacts:
            return _read_texts(counts, "several rows each", 0, 0.7)
        case "text" if column == "patient_id":
            rounded = counts.index.str.fullmatch(r"[0-9](\.[0-9]+)?E\+?[0-9]+", case=False).any()
            doubt = ROUNDED_IDS if rounded else ""
            return replace(_read_texts(counts, doubt or "different in nearly every row", 0.75, 1), doubt=doubt)
        case "text" if column == "referral_id":
            return _read_texts(counts, "different in nearly every row", 0.75, 1)
        case "text":
            return _read_texts(counts, "the same in many rows", 0, 0.5 if counts.sum() >= 20 else 1, labels)
        case "date":
            return read_dates(counts)
        case "code":
            allowed = CONTACT_COLUMNS[column][0] if of_contacts else dictionary().at[column, "allowed"]
            return _read_codes(counts, told, allowed.split("|"), labels)
        case "measure":
            reading = _read_codes(counts, told, list(measures), labels, 0.25 if of_contacts else AGREE)
            if of_contacts and not {"depression", "anxiety"} & {measures[name].role for name in reading.meant.values()}:
                raise Contradiction("it names no measure of depression or anxiety")
            return reading
        case "score":
            return read_numbers(counts, 0, max(measure.maximum for measure in measures.values()), _DECIMAL)
        case "whole_number":
            reading = read_numbers(counts, *dictionary().loc[column, ["minimum", "maximum"]])
            if reading.meant and counts[list(reading.meant)].sum() >= ENOUGH:
                _refuse_small(column, max(reading.meant.values()), export.measures)
            return reading


def _refuse_small(column: str, found: float, measures: dict) -> None:
    """Raise Contradiction where the highest of many values is too low for an age or a total: of an item, of PHQ-2."""
    if column == "age" and found <= 12:
        raise Contradiction("nobody is above 12")
    for measure in measures.values():
        if column in (f"{measure.columns}_{time}" for time in TIMES):
            most = measure.item_range[1]
            if found <= most:
                raise Contradiction(f"no value is above {most}, as in an item")
            if found <= 2 * most and measure.role in ("depression", "anxiety"):
                raise Contradiction(f"nobody is above {2 * most}, as in a form of two items")


def read_numbers(counts: pd.Series, least: float, most: float, pattern: str = _WHOLE) -> Reading:
    """What values are, taken for numbers from `least` to `most`. Raises Contradiction where they are something else."""
    meant = {text: float(text.replace(",", ".")) for text in counts.index if re.fullmatch(pattern, text)}
    meant = {text: number for text, number in meant.items() if least <= number <= most}
    rows = counts[list(meant)].groupby(meant).sum()
    common = rows.index[rows >= SHOWN]
    numbers = "whole numbers" if pattern is _WHOLE else "numbers"
    shown = f", most from {common.min():g} to {common.max():g}" if len(common) > 1 else ""
    reading = _reading(counts, meant, f"{numbers}{shown}", f"not all are {numbers} from {least:g} to {most:g}")
    return replace(reading, decimal="comma" if any("," in text for text in meant) else "")


def _read_texts(counts: pd.Series, expected: str, least: float, most: float, labels: dict | None = None) -> Reading:
    """`least`, `most`: different texts a row."""
    meant = {text: text for text in counts.index if normalise(text) not in NOTHING}
    if not least <= len(meant) / max(counts[list(meant)].sum(), 1) <= most:
        raise Contradiction(f"its values are not {expected}")
    codes = {code: label for code, label in (labels or {}).items() if normalise(label) not in NOTHING}
    return Reading(expected, meant, frozenset(counts.index) - meant.keys(), codes=codes or None)


def read_dates(counts: pd.Series) -> Reading:
    """What values are, taken for days. Raises Contradiction where they are something else."""
    # from 1980: what else is a number is no day of Excel's
    read = {style: {text: day for text in counts.index if pd.notna(day := read_day(text, style)) and day.year >= 1980}
            for style in DATE_STYLES}
    style = max(DATE_STYLES, key=lambda style: counts[list(read[style])].sum())
    day, month = "(1[3-9]|2[0-9]|3[01])", "(0?[1-9]|1[0-2])"
    month_first, day_first = (counts[counts.index.str.match(f"{first}[/.-]{second}[/.-]")].sum()
                              for first, second in ((month, day), (day, month)))
    if month_first > max(day_first, counts.sum() / 20):
        raise Contradiction(MONTH_FIRST)
    why = {"iso": "ISO dates", "day_first": "dates, day first"}.get(style, "Excel's day numbers")
    otherwise = "not all are dates as 2016-06-30, 30/06/2016 (day first) or Excel's numbers"
    told = style != "day_first" or any(day.day > 12 or re.search("[a-z]{2}", text) for text, day in read[style].items())
    doubt = SERIALS if style == "excel_serial" and read[style] else "" if told else DAY_OR_MONTH
    if month_first >= SHOWN:
        doubt = "some dates have the day first and some the month; those that fit both may be wrong"
    hours = counts.index.str.extract(r"[ T]([0-9]{2}):[0-9]{2}[0-9:.]*$", expand=False)
    if counts[hours == "23"].sum() >= SHOWN and counts[hours.isin(["23", "00"])].sum() == counts[hours.notna()].sum():
        doubt = MIDNIGHT_IN_UTC
    return replace(_reading(counts, read[style], why, otherwise), doubt=doubt, dates=style if read[style] else "")


def _read_codes(counts: pd.Series, told: Told, allowed: list[str], labels: dict, agree: float = AGREE) -> Reading:
    found = [text for text in counts.index if normalise(text) not in NOTHING]
    guessed = guess_codes(told, found, allowed, labels)
    meant = {text: guessed.meant[normalise(text)] for text in counts.index if normalise(text) in guessed.meant}
    known = _shown(counts, meant)
    unknown = _shown(counts, [text for text in found if text not in meant and normalise(text) not in MISSING_NUMBERS])
    why = "labels in the file" if labels else f"codes {known}" if known else "few codes"
    reading = _reading(counts, meant, why, f"its codes are not understood{f': {unknown}' if unknown else ''}", agree)
    doubts = [guessed.doubt, f"what does {unknown} mean?" if unknown else ""]
    return replace(reading, doubt="; ".join(filter(None, doubts)), codes=guessed.codes)


def guess_codes(told: Told, found: list[str], allowed: list[str], labels: dict[str, str]) -> Reading:
    """What a column's codes mean: from the labels in its file, a national list, or plain words.

    `found`: the codes, the commonest first; `allowed`: the canonical codes; `labels`: normalised code -> label.
    `meant` of the reading: normalised code -> canonical code, of all that are understood.
    """
    words = {_letters(word): code for code in reversed(allowed)
             for word in (*told.codes.get(code, "").split(", "), code)}
    own, spelt = ({normalise(code): code for code in codes} for codes in (allowed, reversed(found)))
    labelled = {code: words.get(_letters(label), "") for code, label in labels.items()
                if _letters(label) in words or normalise(label) in NOTHING}
    if spelt.keys() & labelled.keys():
        return Reading("labels", own | labelled, codes=labelled)
    plain = {code: words[_letters(text)] for code, text in spelt.items() if _letters(text) in words}
    lists = {name: {normalise(code): meaning for code, meaning in code_lists()[name].items()} for name in told.lists}
    best = max(lists, key=lambda name: len(lists[name].keys() & spelt.keys()), default="")
    listed = {spelt[code]: meaning for code, meaning in sorted(lists.get(best, {}).items()) if code in spelt}
    if len(listed) > len(plain):
        # a service may count in its own way
        counted = all(re.fullmatch("0|[1-9][0-9]{0,2}", code) for code in listed)
        shown = ", ".join(f"{code} = {meaning or 'missing'}" for code, meaning in [*listed.items()][:3])
        doubt = f"plain numbers, read as in {best}: {shown}" if counted else ""
        return Reading(best, own | lists[best], doubt=doubt, codes=best)
    doubts = []
    if told.habit.keys() & spelt.keys() and "0" not in spelt:  # 0 and 1 tell it themselves
        plain |= told.habit
        shown = ", ".join(f"{code} = {meaning}" for code, meaning in told.habit.items())
        doubts.append(f"read as {shown}; nothing in the export says so")
    # where nobody refused yet, the map still has to know a refusal: an unknown code would keep what has to be removed
    opposites = {normalise(opposite): opposite for code, opposite in told.opposites.items() if code in plain}
    plain |= {code: words[code] for code in opposites}
    for code, meaning in plain.items():
        others = [other for other in allowed if len(code) == 1 and other[0] == code and other not in plain.values()]
        doubts += [f"{code.upper()} is read as {meaning}; or is it {other}?" for other in others]
    if plain.keys() <= own.keys():
        return Reading("", own)
    spelt = {code: code for code in plain} | opposites | spelt
    codes = {spelt[code]: plain[code] for code in sorted(plain, key=lambda code: allowed.index(plain[code]))}
    return Reading("words", own | plain, doubt="; ".join(doubts), codes=codes)


def _letters(text: str) -> str:
    return "".join(re.findall(r"[^\W_]", text.casefold()))


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
    doubt = f"{wrong} values: {otherwise}" if 50 * wrong >= counts.sum() and wrong >= SHOWN else ""
    return Reading(why if meant else "no values", meant, missing, doubt)


def _shown(counts: pd.Series, texts: Iterable[str]) -> str:
    """The commonest of the texts, each once; none that stands in a few rows only."""
    spelt = {}
    for text in texts:
        if counts[text] >= SHOWN:
            spelt.setdefault(normalise(text), text[:40])
    return ", ".join(list(spelt.values())[:6]) + (", ..." if len(spelt) > 6 else "")
