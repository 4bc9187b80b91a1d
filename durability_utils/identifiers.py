"""Refusing exports that hold what identifies a person."""

import re

import nhs_number
import pandas as pd

from durability_utils.errors import InputError

# Ten digits, often written 3-3-4, alone or within a text; 943.4765919 is a decimal number, 9434765919.0 is not.
# Digits within a longer word are none: a hashed id holds ten digits in a row often enough.
_GAP, _MARK = r"[\s\u2010-\u2015-]{0,2}", r"[./_]"
_TEN_DIGITS = re.compile(
    r"(?:(?<![0-9A-Za-z])|(?<=[Nn][Hh][Ss]))(?<![0-9]\.)"
    rf"(?:[0-9]{{3}}{_GAP}[0-9]{{3}}{_GAP}[0-9]{{4}}|[0-9]{{3}}{_MARK}[0-9]{{3}}{_MARK}[0-9]{{4}})"
    r"(?![0-9A-Za-z])(?!\.0*[1-9])"
)
_EMAIL = re.compile(r"[^@\s]@[^@\s]+\.[A-Za-z]{2,}")


def refuse_identifiers(table: pd.DataFrame, file: str) -> None:
    """Raise InputError where a column's name or a cell of the export (text) holds an NHS number or an e-mail address.

    The message names the column and the first line, never the value. A ten-digit number with a valid
    check digit counts as an NHS number, whatever its column is called: one local number in eleven passes
    that check too, but the other error would be a leak.
    """
    for position, name in enumerate(table.columns):
        if kind := _identifier(name):
            raise InputError(f"{file}: line 1: the name of column {position + 1} holds {kind}; is there a header?")
        cells = table.iloc[:, position]
        kinds = {cell: kind for cell in cells.unique() if (kind := _identifier(cell))}
        found = cells[cells.isin(kinds)]
        if len(found):
            raise InputError(f"{file}: line {found.index[0]}: column '{name}' holds {kinds[found.iloc[0]]}; "
                             "use pseudonymous ids and leave identifiers out of the export")


def _identifier(text: str) -> str | None:
    """What kind of identifier a text holds, if any."""
    if any(nhs_number.is_valid(re.sub(r"[^0-9]", "", found)) for found in _TEN_DIGITS.findall(text)):
        return "an NHS number"
    return "an e-mail address" if _EMAIL.search(text) else None
