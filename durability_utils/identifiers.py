"""Refusing exports that hold what identifies a person."""

import nhs_number
import pandas as pd

from durability_utils.errors import InputError

_TEN_DIGITS = r"\d{3}[ -]?\d{3}[ -]?\d{4}"
_EMAIL = r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"


def refuse_identifiers(table: pd.DataFrame, file: str) -> None:
    """Raise InputError where a cell of the export (text) is an NHS number or an e-mail address.

    The message names the column and the first line, never the value. A ten-digit number with a valid
    check digit counts as an NHS number, whatever its column is called: one local number in eleven passes
    that check too, but the other error would be a leak.
    """
    for position, name in enumerate(table.columns):
        cells = table.iloc[:, position]
        numbers = cells[cells.str.fullmatch(_TEN_DIGITS)]
        nhs = numbers[[nhs_number.is_valid(number) for number in numbers]]
        email = cells[cells.str.fullmatch(_EMAIL)]
        for kind, found in (("an NHS number", nhs), ("an e-mail address", email)):
            if len(found):
                raise InputError(f"{file}: line {found.index[0]}: column '{name}' holds {kind}; "
                                 "use pseudonymous ids and leave identifiers out of the export")
