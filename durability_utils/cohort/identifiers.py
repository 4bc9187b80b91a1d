"""Refusing exports that hold what identifies a person."""

import re

import nhs_number
import pandas as pd

from durability_utils.study.errors import InputError

# Ten digits, often written 3-3-4, alone or within a text; 943.4765919 is a decimal number, 9434765919.0 is not.
# Digits within a longer word are none: a hashed id holds ten digits in a row often enough.
_GAP, _MARK = r"[\s\u2010-\u2015-]{0,2}", r"[./_]"
_TEN_DIGITS = re.compile(
    r"(?:(?<![0-9A-Za-z])|(?<=[Nn][Hh][Ss]))(?<![0-9]\.)"
    rf"(?:[0-9]{{3}}{_GAP}[0-9]{{3}}{_GAP}[0-9]{{4}}|[0-9]{{3}}{_MARK}[0-9]{{3}}{_MARK}[0-9]{{4}})"
    r"(?![0-9A-Za-z])(?!\.0*[1-9])"
)
_EMAIL = re.compile(r"[^@\s]@[^@\s]+\.[A-Za-z]{2,}")
_OUTWARD, _INWARD = "[A-Z]{1,2}[0-9][0-9A-Z]?", "[0-9][ABD-HJLNP-UW-Z]{2}"
_POSTCODE = re.compile(rf"(?<![0-9A-Za-z])(?:{_OUTWARD}\s{_INWARD}|GIR\s0AA)(?![0-9A-Za-z])", re.I)
_POSTCODE_IN_ONE = re.compile(f"(?:{_OUTWARD}{_INWARD}|GIR0AA)", re.I)
# a day, by its year: 1950-06-01, 1/6/1950, 01-Jun-50, with a time of day or without
_DAY = re.compile(r"(?:([0-9]{4})-[0-9]{2}-[0-9]{2}|[0-9]{1,2}[/. -](?:[0-9]{1,2}|[A-Za-z]{3,9})[/. -]"
                  r"([0-9]{4}|[0-9]{2}))(?:[ T].*)?")
_EXCEL_DAY = re.compile(r"[0-9]{5}(?:\.0+)?")
# names of columns, in small letters with `_` between words
_BIRTH = re.compile(r"(?:.*_)?(?:dob|d_o_b|born|birth|birthdate|birthday|birth_?date|date_?of_?birth)(?:_.*)?")
_PERSON = (r"(?:sur|fore|first|last|middle|given|family|full|maiden|preferred|patients?|clients?|persons?|pt|pat|"
           r"carers?|therapists?|clinicians?|practitioners?|gp|next_of_kin)")
_NAME = re.compile(rf"(?:names?|(?:.*_)?{_PERSON}_?names?)(?:_[0-9]+)?")
# A column of days is one of births where its middle lies so many years before another's, or before the services began.
YOUNGEST, FIRST_YEAR = 16, 2000


def refuse_identifiers(table: pd.DataFrame, file: str) -> None:
    """Raise InputError where the export holds an NHS number, e-mail address, UK postcode, full birth date or names.

    The message names the column and the first line, never the value. A ten-digit number with a valid check digit
    counts as an NHS number, whatever its column is called: one local number in eleven passes that check too, but the
    other error would be a leak. A postcode without its gap (`AB12DE` is also an id) counts where most of its column
    look so. Persons' names are told by the column's, dates of birth by its name or their years.
    """
    days = {}
    for position, name in enumerate(table.columns):
        if kind := identifier_in(name):
            raise InputError(f"{file}: line 1: the name of column {position + 1} holds {kind}; is there a header?")
        cells = table.iloc[:, position]
        kinds = {cell: kind for cell in cells.unique() if (kind := identifier_in(cell))}
        if not kinds:
            kinds = _by_column(name, [cell for cell in cells.unique() if cell])
        _refuse(kinds, cells, name, file)
        years = {cell: _year(day[1] or day[2]) for cell in cells.unique() if (day := _DAY.fullmatch(cell))}
        if 2 * cells.isin(years).sum() > (cells != "").sum():
            days[position] = years, cells.map(years).median()
    latest = max((middle for _, middle in days.values()), default=0)
    for position, (years, middle) in days.items():
        if middle < max(latest - YOUNGEST, FIRST_YEAR):
            births = dict.fromkeys(years, "a full date of birth")
            _refuse(births, table.iloc[:, position], table.columns[position], file)


def _year(digits: str) -> int:
    """A year of two digits may be that of a birth: from 31 on it is of the last century."""
    return int(digits) + (0 if len(digits) == 4 else 1900 if int(digits) > 30 else 2000)


def _refuse(kinds: dict[str, str], cells: pd.Series, name: str, file: str) -> None:
    found = cells[cells.isin(kinds)]
    if len(found):
        raise InputError(f"{file}: line {found.index[0]}: column '{name}' holds {kinds[found.iloc[0]]}; "
                         "use pseudonymous ids and leave identifiers out of the export")


def identifier_in(text: str) -> str | None:
    """What kind of identifier a text holds, if any."""
    if any(nhs_number.is_valid(re.sub(r"[^0-9]", "", found)) for found in _TEN_DIGITS.findall(text)):
        return "an NHS number"
    if _EMAIL.search(text):
        return "an e-mail address"
    return "a UK postcode" if _POSTCODE.search(text) else None


def _by_column(name: str, texts: list[str]) -> dict[str, str]:
    """Those of a column's distinct texts that identify somebody because of its name or of each other, with the kind."""
    name = re.sub(r"[\W_]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)).strip("_").casefold()
    if _NAME.fullmatch(name):
        return dict.fromkeys(texts, "names of persons")
    if _BIRTH.fullmatch(name):
        return dict.fromkeys(filter(lambda text: _DAY.fullmatch(text) or _EXCEL_DAY.fullmatch(text), texts),
                             "a full date of birth")
    postcodes = [text for text in texts if _POSTCODE_IN_ONE.fullmatch(text)]
    return dict.fromkeys(postcodes, "a UK postcode") if 2 * len(postcodes) > len(texts) else {}
