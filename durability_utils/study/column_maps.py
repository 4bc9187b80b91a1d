"""The maps from a service's own columns to the canonical ones (`data/dictionary.csv`), and code lists."""

import re
from dataclasses import dataclass
from pathlib import Path

from durability_utils.study.columns import dictionary, from_contacts
from durability_utils.study.errors import InputError
from durability_utils.study.parameters import PROJECT, read_yaml

CODES_PATH = PROJECT / "parameters" / "codes.yaml"
DATE_STYLES = ("iso", "day_first", "excel_serial")
_COLUMN_KEYS = ("column", "constant", "codes", "missing", "dates")
_FILE_KEYS = ("separator", "encoding", "sheet")
# the columns of a contact in a long export, each with its codes and whether it must be there
CONTACT_COLUMNS = {"patient_id": ("", True), "date": ("", True), "measure": ("", True), "score": ("", True),
                   "attended": ("yes|no", False)}


@dataclass(frozen=True)
class Column:
    """Where the values of one canonical column come from, and how the service writes them."""

    source: str | None                # the column of the export; None: `constant` in every row
    constant: str = ""
    codes: tuple[tuple[str, str], ...] = ()   # (code as `normalise` gives it, canonical code)
    missing: frozenset[str] = frozenset()     # missing codes as `normalise` gives them
    dates: str = "iso"


@dataclass(frozen=True)
class ColumnMap:
    """How one service's export is read: its file format and its columns, by canonical name.

    `contacts`: how the contacts of a long export are read, by the names of CONTACT_COLUMNS; None: no long export.
    """

    columns: dict[str, Column]
    separator: str = ","
    encoding: str = "utf-8-sig"
    sheet: str | None = None
    source: str = ""
    contacts: "ColumnMap | None" = None


def normalise(text: str) -> str:
    """A code for comparing: case, outer blanks, and `_`, `-` or blanks between words don't count.

    `02` and `2.0` are 2; the sign of a negative number stays.
    """
    text = re.sub(r"(?<=\w)[\s_-]+", "_", text.strip().casefold())
    return re.sub(r"^(-?)0*(\d+)(\.0+)?$", r"\1\2", text)


def code_lists() -> dict[str, dict[str, str]]:
    """The code lists of `parameters/codes.yaml` by name: code as written there -> canonical code, or blank."""
    return {name: entry["codes"] for name, entry in read_yaml(CODES_PATH, text_only=True).items()}


def canonical_columns() -> ColumnMap:
    """The map of an export that uses the canonical names: UTF-8, commas, ISO dates, blanks for missing."""
    return ColumnMap({name: Column(name) for name in dictionary().index})


def read_column_map(path: Path | None) -> ColumnMap:
    """The column map in a YAML file, or the canonical one where there is no file.

    Raises InputError naming the file, the key and what was expected.
    """
    if path is None:
        return canonical_columns()
    content = read_yaml(path, text_only=True)
    _known(path, "", content, ("source", "file", "missing", "dates", "columns", "contacts"))
    file = _file(path, "file", content.get("file", {}))
    source = _text(path, "source", content["source"]) if "source" in content else ""
    shared = {"missing": _codes_list(path, "missing", content.get("missing", [])),
              "dates": content.get("dates", "iso")}
    columns = {}
    for name, entry in _mapping(path, "columns", content.get("columns")).items():
        entry = {"column": entry} if isinstance(entry, str) else _mapping(path, f"columns: {name}", entry)
        for canonical, numbers in _family(path, name):
            columns[canonical] = _column(path, f"columns: {canonical}", entry, numbers, shared,
                                         dictionary().at[canonical, "allowed"])
    _check_sources(path, "columns", columns)
    contacts = _contacts(path, content["contacts"], columns, shared, source, file) if "contacts" in content else None
    return ColumnMap(columns=columns, source=source, contacts=contacts, **file)


def _contacts(path: Path, content, patients: dict[str, Column], shared: dict, source: str, file: dict) -> ColumnMap:
    """The section `contacts` of a column map; what it leaves open is as in the rest of the map."""
    content = _mapping(path, "contacts", content)
    _known(path, "contacts: ", content, ("file", "missing", "dates", "columns"))
    for name in patients:
        if name in from_contacts():
            raise InputError(f"{path.name}: columns: {name}: the contacts give it; expected it in one place only")
    if "file" in content:
        file = _file(path, "contacts: file", content["file"])
    if "missing" in content:
        shared = shared | {"missing": _codes_list(path, "contacts: missing", content["missing"])}
    shared = shared | {"dates": content.get("dates", shared["dates"])}
    columns = {}
    entries = _mapping(path, "contacts: columns", content.get("columns"))
    _known(path, "contacts: columns: ", entries, tuple(CONTACT_COLUMNS))
    for name, (allowed, required) in CONTACT_COLUMNS.items():
        if name in entries:
            key = f"contacts: columns: {name}"
            entry = {"column": entries[name]} if isinstance(entries[name], str) else _mapping(path, key, entries[name])
            columns[name] = _column(path, key, entry, (), shared, allowed)
        elif required:
            raise InputError(f"{path.name}: contacts: columns: the key '{name}' is missing; "
                             "expected the column in which it stands")
    _check_sources(path, "contacts: columns", columns)
    return ColumnMap(columns=columns, source=source, **file)


def _file(path: Path, key: str, file) -> dict:
    file = _mapping(path, key, file)
    _known(path, f"{key}: ", file, _FILE_KEYS)
    for name, value in file.items():
        _text(path, f"{key}: {name}", value)
    if len(file.get("separator", ",")) != 1 or file.get("separator") in ('"', "\r", "\n"):
        raise InputError(f"{path.name}: {key}: separator: expected one character, found {file['separator']!r}")
    return file


def _check_sources(path: Path, key: str, columns: dict[str, Column]) -> None:
    readers = {}
    for canonical, column in columns.items():
        other = readers.setdefault(column.source and column.source.casefold(), canonical)
        if column.source and other != canonical:
            raise InputError(f"{path.name}: {key}: {other} and {canonical} both read '{column.source}'; "
                             "expected a column of its own for each")


def _family(path: Path, name: str) -> list[tuple[str, tuple[str, ...]]]:
    """The canonical columns that one line of a map stands for, each with what every `*` means in it."""
    pattern = re.compile(re.escape(name).replace(r"\*", r"(\d+)"))
    found = [(match.group(), match.groups()) for match in map(pattern.fullmatch, dictionary().index) if match]
    if not found:
        raise InputError(f"{path.name}: columns: '{name}' is no canonical column; data/dictionary.csv lists them")
    return found


def _column(path: Path, key: str, entry: dict, numbers: tuple[str, ...], shared: dict, allowed: str) -> Column:
    _known(path, f"{key}: ", entry, _COLUMN_KEYS)
    if ("column" in entry) == ("constant" in entry):
        raise InputError(f"{path.name}: {key}: expected either `column:` or `constant:`")
    dates = entry.get("dates", shared["dates"])
    if dates not in DATE_STYLES:
        raise InputError(f"{path.name}: {key}: dates: expected {' or '.join(DATE_STYLES)}, found '{dates}'")
    source = _text(path, key, entry["column"]) if "column" in entry else None
    if source and source.count("*") < len(numbers):
        raise InputError(f"{path.name}: {key}: expected a `*` in '{source}' for each of the line's own")
    for number in numbers if source else ():
        source = source.replace("*", number, 1)
    return Column(
        source=source,
        constant=_text(path, key, entry["constant"]) if "constant" in entry else "",
        codes=_codes(path, key, entry.get("codes", {}), allowed),
        missing=shared["missing"] | _codes_list(path, f"{key}: missing", entry.get("missing", [])),
        dates=dates,
    )


def _codes(path: Path, key: str, codes, allowed: str) -> tuple[tuple[str, str], ...]:
    """Pairs (normalised code, canonical code or blank), from a mapping or the name of a shared list."""
    if isinstance(codes, str):
        lists = code_lists()
        if codes not in lists:
            raise InputError(f"{path.name}: {key}: no code list '{codes}' in {CODES_PATH.name}; "
                             f"there are {', '.join(lists)}")
        codes = lists[codes]
    meanings = {}
    for code, meaning in _mapping(path, f"{key}: codes", codes).items():
        if not isinstance(meaning, str):
            raise InputError(f"{path.name}: {key}: code '{code}': expected one code, found {meaning!r}")
        if meanings.setdefault(normalise(code), meaning) != meaning:
            raise InputError(f"{path.name}: {key}: code '{code}': there twice (letter case and "
                             "leading zeros do not count), "
                             "with different meanings")
        if allowed and meaning and meaning not in allowed.split("|"):
            raise InputError(f"{path.name}: {key}: code '{code}': expected one of {allowed}, "
                             f"found '{meaning}'")
    return tuple(meanings.items())


def _codes_list(path: Path, key: str, codes) -> frozenset[str]:
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        raise InputError(f"{path.name}: {key}: expected a list of missing codes, as in [NULL, -99]")
    return frozenset(normalise(code) for code in codes)


def _text(path: Path, key: str, value) -> str:
    if not isinstance(value, str) or not value:
        raise InputError(f"{path.name}: {key}: expected a text, found {value!r}")
    return value


def _mapping(path: Path, key: str, value) -> dict:
    if not isinstance(value, dict):
        raise InputError(f"{path.name}: {key}: expected `key: value` lines, found {value!r}")
    return value


def _known(path: Path, key: str, entry: dict, known: tuple[str, ...]) -> None:
    for name in entry:
        if name not in known:
            raise InputError(f"{path.name}: {key}unknown key '{name}'; known keys: {', '.join(known)}")
