"""The maps from a service's own columns to the canonical ones (`data/dictionary.csv`), and code lists."""

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, create_model

from durability_utils.study.columns import KEYS, TIMES, dictionary
from durability_utils.study.errors import InputError
from durability_utils.study.parameters import PROJECT, FileModel, Text, holds, read_checked

CODES_PATH = PROJECT / "parameters" / "codes.yaml"
# what kind of contact it was; the NHS counts as treatment those with `treatment` in their name
APPOINTMENTS = ("assessment", "treatment", "assessment_and_treatment", "review", "review_and_treatment", "follow_up",
                "other")
DATE_STYLES = ("iso", "day_first", "excel_serial", "excel_serial_1904")
# the columns of a contact in a long export, each with its codes and whether it must be there
CONTACT_COLUMNS = {
    "patient_id": ("", True), "referral_id": ("", False), "contact_id": ("", False), "date": ("", True),
    "measure": ("", True), "item": ("", False), "score": ("", True), "attended": ("yes|no", False),
    "planned": ("yes|no", False), "appointment": ("|".join(APPOINTMENTS), False)}
SESSIONS = ("attended_days", "treatment_contacts")


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

    where = property(lambda self: self.source, doc="The column in a table of one row a patient; None of a constant.")


class TimedColumn(Column):
    """The same where a patient has a row an event: the value stands in the row of `time`."""

    time: Literal[TIMES]

    where = property(lambda self: f"{self.source} at {self.time}", doc="The column in a table of one row a patient.")


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
    `tables`: that it is a folder of tables, and of which data set; None: a file.
    """

    separator: Annotated[str, holds(lambda text: len(text) == 1 and text not in '"\r\n')] = Field(
        ",", description="one character")
    encoding: Text = "utf-8-sig"
    sheet: Text = None
    header: _LineNumber = 1
    data: Annotated[_LineNumber, AfterValidator(_below_header)] = None
    tables: Literal["talking_therapies"] = None


class Events(FileModel):
    """Of an export with one row a patient and event: the column that names the event, and at what time each is."""

    column: Text
    times: Annotated[dict[str, Literal[*TIMES]], AfterValidator(lambda times: {
        normalise(event): time for event, time in times.items()})] = Field(
            min_length=1, description=f"`event: time` lines with the times {', '.join(TIMES)}")


class _Section(FileModel):
    source: Text = ""
    file: FileFormat = FileFormat()
    missing: _MissingCodes = frozenset()
    dates: _Dates = "iso"
    decimal: _Decimal = "point"


class _Contacts(_Section):
    sessions: Literal[*SESSIONS] = SESSIONS[0]
    columns: create_model("_ContactColumns", __base__=FileModel, **{
        name: (_Line, ... if required else None) for name, (_, required) in CONTACT_COLUMNS.items()})


class _Patients(_Section):
    events: Events = None
    columns: dict[str, _Line]


class ColumnMap(_Patients):
    """How one service's export is read: its file's format and its columns, by canonical name.

    `events`: how the rows of a patient are told apart; None: there is one. `contacts`: the same of a long export's
    contacts, by the names of CONTACT_COLUMNS; None: no long one; `sessions` there: how they are counted, one of
    SESSIONS. `joined`: by name the same of each file beside the patients'.
    """

    contacts: _Contacts = None
    joined: dict[str, _Patients] = Field({})

    @property
    def everywhere(self) -> dict[str, Column]:
        """The columns of the patients' file and of those joined to it, by canonical name."""
        return {name: column for part in (*self.joined.values(), self) for name, column in part.columns.items()}


def canonical_columns() -> ColumnMap:
    """The map of an export that uses the canonical names: UTF-8, commas, ISO dates, blanks for missing."""
    return ColumnMap(columns={name: name for name in dictionary().index})


def read_column_map(path: Path | None) -> ColumnMap:
    """The column map in a YAML file, else the canonical; InputError names file, key, what was found and expected."""
    if path is None:
        return canonical_columns()
    found = read_checked(ColumnMap, path, text_only=True)
    try:
        patients = _with_columns(found, found, "")
        joined = {name: _with_columns(part, found, f"joined: {name}: ") for name, part in found.joined.items()}
        _check_joined({"": patients, **{f"joined: {name}: ": part for name, part in joined.items()}})
        contacts = found.contacts and _with_columns(found.contacts, found, "contacts: ")
    except InputError as error:
        raise InputError(f"{path.name}: {error}") from None
    return patients.model_copy(update={"contacts": contacts, "joined": joined})


def _with_columns(section: _Section, above: ColumnMap, key: str) -> _Section:
    """A section with its lines by canonical name; what it leaves open is as in the rest of the map."""
    open_ones = _Section.model_fields.keys() - section.model_fields_set
    section = section.model_copy(update={name: getattr(above, name) for name in open_ones})
    if isinstance(section, _Contacts):
        lines = [(name, line, (), "", CONTACT_COLUMNS[name][0]) for name, line in section.columns if line]
    else:
        lines = [(canonical, line, numbers, time, dictionary().at[canonical, "allowed"])
                 for name, line in section.columns.items()
                 for canonical, numbers, time in _family(f"{key}columns", name, section.events)]
    columns = {name: _column(f"{key}columns: {name}", line, *meaning, section) for name, line, *meaning in lines}
    _check_sources(f"{key}columns", columns)
    return section.model_copy(update={"columns": columns})


def _check_joined(sections: dict[str, _Patients]) -> None:
    """Each joined file says whose its rows are, and no column is told twice."""
    told = {}
    for key, section in sections.items():
        if key and not section.columns.keys() & {*KEYS}:
            raise InputError(f"{key}columns: found neither {' nor '.join(KEYS)}, expected one: whose is a row?")
        for name in section.columns.keys() - {*KEYS}:
            if told.setdefault(name, key) != key:
                raise InputError(f"{key}columns: {name}: found in {told[name]}columns too, expected in one place only")


def _check_sources(key: str, columns: dict[str, Column]) -> None:
    readers = {}
    for canonical, column in columns.items():
        other = column.where and readers.setdefault(column.where.casefold(), canonical)
        if other and other != canonical:
            raise InputError(f"{key}: {other} and {canonical} both read '{column.where}'; "
                             "expected a column of its own for each")


def _family(key: str, name: str, events: Events | None) -> list[tuple[str, tuple[str, ...], str]]:
    """The canonical columns that one line of a map stands for, each with what every `*` and the `<time>` mean in it."""
    if "<time>" in name and not events:
        raise InputError(f"{key}: {name}: found <time>, expected a time, or `events:`, which says which rows are at it")
    found = []
    for time in dict.fromkeys(events.times.values()) if "<time>" in name else [""]:
        pattern = re.compile(re.escape(name).replace("<time>", time).replace(r"\*", r"(\d+)"))
        matches = filter(None, map(pattern.fullmatch, dictionary().index))
        found += [(match.group(), match.groups(), time) for match in matches]
    if not found:
        raise InputError(f"{key}: found '{name}', expected a canonical column, as data/dictionary.csv lists them")
    return found


def _column(key: str, line: Column, numbers: tuple[str, ...], time: str, allowed: str,
            section: _Section) -> Column:
    source = line.source
    if source and source.count("*") < len(numbers):
        raise InputError(f"{key}: found '{source}', expected a `*` in it for each of the line's own")
    for number in numbers if source else ():
        source = source.replace("*", number, 1)
    for code, meaning in line.codes:
        if allowed and meaning and meaning not in allowed.split("|"):
            raise InputError(f"{key}: codes: {code}: found '{meaning}', expected one of {allowed}")
    line = line.model_copy(update={"source": source, "missing": section.missing | line.missing,
                                   **{key: getattr(line if key in line.model_fields_set else section, key)
                                      for key in ("dates", "decimal")}})
    return TimedColumn.model_construct(**dict(line), time=time) if time else line
