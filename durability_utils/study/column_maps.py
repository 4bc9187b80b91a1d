"""The maps from a service's own columns to the canonical ones (`data/dictionary.csv`), and code lists."""

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, create_model

from durability_utils.study.columns import dictionary, from_contacts
from durability_utils.study.errors import InputError
from durability_utils.study.parameters import PROJECT, FileModel, Text, holds, read_checked

CODES_PATH = PROJECT / "parameters" / "codes.yaml"
DATE_STYLES = ("iso", "day_first", "excel_serial", "excel_serial_1904")
# the columns of a contact in a long export, each with its codes and whether it must be there
CONTACT_COLUMNS = {"patient_id": ("", True), "date": ("", True), "measure": ("", True), "score": ("", True),
                   "attended": ("yes|no", False)}


def normalise(text: str) -> str:
    """A code for comparing: no case, no outer blanks, one `_` for `_`, `-` or blanks; 02 and 2.0 are 2, -2 is not."""
    text = re.sub(r"(?<=\w)[\s_-]+", "_", text.strip().casefold())
    return re.sub(r"^(-?)0*(\d+)(\.0+)?$", r"\1\2", text)


class _CodeList(FileModel):
    source: Text
    version: Text
    codes: dict[str, str]


@cache
def code_lists() -> dict[str, dict[str, str]]:
    """The code lists of `parameters/codes.yaml` by name: code as written there -> canonical code, or blank."""
    return {name: found.codes for name, found in read_checked(dict[str, _CodeList], CODES_PATH, text_only=True).items()}


def _listed(codes):
    if not isinstance(codes, str):
        return codes
    if codes not in code_lists():
        raise ValueError(f"`code: meaning` lines, or one of {', '.join(code_lists())}")
    return code_lists()[codes]


def _pairs(codes: dict[str, str]) -> tuple[tuple[str, str], ...]:
    meanings = {}
    for code, meaning in codes.items():
        if meanings.setdefault(normalise(code), meaning) != meaning:
            raise ValueError(f"one meaning of code '{code}', of which letter case and leading zeros do not count")
    return tuple(meanings.items())


_MissingCodes = Annotated[list[str], AfterValidator(lambda codes: frozenset(map(normalise, codes))),
                          Field(description="a list of missing codes, as in [NULL, -99]")]
_Dates = Literal[*DATE_STYLES]
_Decimal = Literal["point", "comma"]
_LineNumber = Annotated[int, Field(strict=False, ge=1, description="the number of a line, 1 or more")]


class Column(FileModel):
    """Where the values of one canonical column come from, and how the service writes them.

    `source`: the column of the export; None: `constant` in every row. `codes`: pairs (code as `normalise` gives it,
    canonical code); `missing`: missing codes as `normalise` gives them.
    """

    source: Text = Field(None, alias="column")
    constant: Text = ""
    codes: Annotated[dict[str, str], BeforeValidator(_listed), AfterValidator(_pairs)] = ()
    missing: _MissingCodes = frozenset()
    dates: _Dates = "iso"
    decimal: _Decimal = "point"


_Line = Annotated[
    Column, BeforeValidator(lambda line: {"column": line} if isinstance(line, str) and line else line),
    holds(lambda line: bool(line.source) != bool(line.constant)),
    Field(description="a column of the export, {column: ...} or {constant: ...}")]


def _below_header(line: int, info: ValidationInfo) -> int:
    if line <= info.data.get("header", 0):
        raise ValueError("a line below the header's")
    return line


class FileFormat(FileModel):
    """How the file of an export is written.

    `sheet`: of an Excel workbook, None: its first. `header`: the line of the columns' names; `data`: the first line of
    data, None: the next. Lines above the header, and between the two, are skipped.
    """

    separator: Annotated[str, holds(lambda text: len(text) == 1 and text not in '"\r\n')] = Field(
        ",", description="one character")
    encoding: Text = "utf-8-sig"
    sheet: Text = None
    header: _LineNumber = 1
    data: Annotated[_LineNumber, AfterValidator(_below_header)] = None


class _Section(FileModel):
    file: FileFormat = FileFormat()
    missing: _MissingCodes = frozenset()
    dates: _Dates = "iso"
    decimal: _Decimal = "point"


class _Contacts(_Section):
    columns: create_model("_ContactColumns", __base__=FileModel, **{
        name: (_Line, ... if required else None) for name, (_, required) in CONTACT_COLUMNS.items()})


class ColumnMap(_Section):
    """How one service's export is read: its file's format and its columns, by canonical name.

    `contacts`: how a long export's contacts are read, a ColumnMap by the names of CONTACT_COLUMNS; None: no long one.
    """

    source: Text = ""
    columns: dict[str, _Line]
    contacts: _Contacts = None


def canonical_columns() -> ColumnMap:
    """The map of an export that uses the canonical names: UTF-8, commas, ISO dates, blanks for missing."""
    return ColumnMap(columns={name: name for name in dictionary().index})


def read_column_map(path: Path | None) -> ColumnMap:
    """The column map in a YAML file, else the canonical; InputError names file, key, what was found and expected."""
    if path is None:
        return canonical_columns()
    found = read_checked(ColumnMap, path, text_only=True)
    try:
        columns = {canonical: _column(f"columns: {canonical}", line, numbers, found,
                                      dictionary().at[canonical, "allowed"])
                   for name, line in found.columns.items() for canonical, numbers in _family(name)}
        _check_sources("columns", columns)
        contacts = _contacts(found, columns) if found.contacts else None
    except InputError as error:
        raise InputError(f"{path.name}: {error}") from None
    return found.model_copy(update={"columns": columns, "contacts": contacts})


def _contacts(found: ColumnMap, patients: dict[str, Column]) -> ColumnMap:
    """The section `contacts` of a column map; what it leaves open is as in the rest of the map."""
    for name in patients:
        if name in from_contacts():
            raise InputError(f"columns: {name}: the contacts give it; expected it in one place only")
    section = found.model_copy(update={key: getattr(found.contacts, key) for key in found.contacts.model_fields_set})
    columns = {name: _column(f"contacts: columns: {name}", line, (), section, CONTACT_COLUMNS[name][0])
               for name, line in section.columns if line}
    _check_sources("contacts: columns", columns)
    return section.model_copy(update={"columns": columns, "contacts": None})


def _check_sources(key: str, columns: dict[str, Column]) -> None:
    readers = {}
    for canonical, column in columns.items():
        other = column.source and readers.setdefault(column.source.casefold(), canonical)
        if other and other != canonical:
            raise InputError(f"{key}: {other} and {canonical} both read '{column.source}'; "
                             "expected a column of its own for each")


def _family(name: str) -> list[tuple[str, tuple[str, ...]]]:
    """The canonical columns that one line of a map stands for, each with what every `*` means in it."""
    pattern = re.compile(re.escape(name).replace(r"\*", r"(\d+)"))
    found = [(match.group(), match.groups()) for match in map(pattern.fullmatch, dictionary().index) if match]
    if not found:
        raise InputError(f"columns: found '{name}', expected a canonical column, as data/dictionary.csv lists them")
    return found


def _column(key: str, line: Column, numbers: tuple[str, ...], section: _Section, allowed: str) -> Column:
    source = line.source
    if source and source.count("*") < len(numbers):
        raise InputError(f"{key}: found '{source}', expected a `*` in it for each of the line's own")
    for number in numbers if source else ():
        source = source.replace("*", number, 1)
    for code, meaning in line.codes:
        if allowed and meaning and meaning not in allowed.split("|"):
            raise InputError(f"{key}: codes: {code}: found '{meaning}', expected one of {allowed}")
    return line.model_copy(update={"source": source, "missing": section.missing | line.missing,
                                   **{key: getattr(line if key in line.model_fields_set else section, key)
                                      for key in ("dates", "decimal")}})
