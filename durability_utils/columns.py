"""The canonical columns (`data/dictionary.csv`) and the maps from a service's own columns to them."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from durability_utils.errors import InputError
from durability_utils.parameters import read_yaml

PROJECT = Path(__file__).parents[1]
DICTIONARY_PATH = PROJECT / "data" / "dictionary.csv"
CODES_PATH = PROJECT / "parameters" / "codes.yaml"
DATE_STYLES = ("iso", "day_first", "excel_serial")
_COLUMN_KEYS = ("column", "constant", "codes", "missing", "dates")
_FILE_KEYS = ("separator", "encoding", "sheet")


@cache
def dictionary() -> pd.DataFrame:
    """The data dictionary, one row a canonical column (the index), in the order of the cohort."""
    table = pd.read_csv(DICTIONARY_PATH, dtype=str, keep_default_na=False, index_col="column")
    return table.assign(minimum=pd.to_numeric(table["minimum"]), maximum=pd.to_numeric(table["maximum"]))


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
    """How one service's export is read: its file format and its columns, by canonical name."""

    columns: dict[str, Column]
    separator: str = ","
    encoding: str = "utf-8-sig"
    sheet: str | None = None
    source: str = ""


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
    _known(path, "", content, ("source", "file", "missing", "dates", "columns"))
    file = _mapping(path, "file", content.get("file", {}))
    _known(path, "file: ", file, _FILE_KEYS)
    for key, value in file.items():
        _text(path, f"file: {key}", value)
    if len(file.get("separator", ",")) != 1 or file.get("separator") in ('"', "\r", "\n"):
        raise InputError(f"{path.name}: file: separator: expected one character, found {file['separator']!r}")
    source = _text(path, "source", content["source"]) if "source" in content else ""
    shared = {"missing": _codes_list(path, "missing", content.get("missing", [])),
              "dates": content.get("dates", "iso")}
    columns = {}
    for name, entry in _mapping(path, "columns", content.get("columns")).items():
        entry = {"column": entry} if isinstance(entry, str) else _mapping(path, f"columns: {name}", entry)
        for canonical, numbers in _family(path, name):
            columns[canonical] = _column(path, canonical, entry, numbers, shared)
    readers = {}
    for canonical, column in columns.items():
        other = readers.setdefault(column.source and column.source.casefold(), canonical)
        if column.source and other != canonical:
            raise InputError(f"{path.name}: columns: {other} and {canonical} both read '{column.source}'; "
                             "expected a column of its own for each")
    return ColumnMap(columns=columns, source=source, **file)


def _family(path: Path, name: str) -> list[tuple[str, tuple[str, ...]]]:
    """The canonical columns that one line of a map stands for, each with what every `*` means in it."""
    pattern = re.compile(re.escape(name).replace(r"\*", r"(\d+)"))
    found = [(match.group(), match.groups()) for match in map(pattern.fullmatch, dictionary().index) if match]
    if not found:
        raise InputError(f"{path.name}: columns: '{name}' is no canonical column; data/dictionary.csv lists them")
    return found


def _column(path: Path, name: str, entry: dict, numbers: tuple[str, ...], shared: dict) -> Column:
    key = f"columns: {name}"
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
        codes=_codes(path, name, entry.get("codes", {})),
        missing=shared["missing"] | _codes_list(path, f"{key}: missing", entry.get("missing", [])),
        dates=dates,
    )


def _codes(path: Path, name: str, codes) -> tuple[tuple[str, str], ...]:
    """Pairs (normalised code, canonical code or blank), from a mapping or the name of a shared list."""
    if isinstance(codes, str):
        lists = code_lists()
        if codes not in lists:
            raise InputError(f"{path.name}: columns: {name}: no code list '{codes}' in {CODES_PATH.name}; "
                             f"there are {', '.join(lists)}")
        codes = lists[codes]
    allowed = dictionary().at[name, "allowed"]
    meanings = {}
    for code, meaning in _mapping(path, f"columns: {name}: codes", codes).items():
        if not isinstance(meaning, str):
            raise InputError(f"{path.name}: columns: {name}: code '{code}': expected one code, found {meaning!r}")
        if meanings.setdefault(normalise(code), meaning) != meaning:
            raise InputError(f"{path.name}: columns: {name}: code '{code}': there twice (letter case and "
                             "leading zeros do not count), "
                             "with different meanings")
        if allowed and meaning and meaning not in allowed.split("|"):
            raise InputError(f"{path.name}: columns: {name}: code '{code}': expected one of {allowed}, "
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
