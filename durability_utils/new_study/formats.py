"""The format of an export, told from the file itself: separator and encoding, sheet, and the labels that it holds."""

import codecs
import csv
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from durability_utils.cohort.exports import DELIMITED
from durability_utils.study.column_maps import normalise

SEPARATORS = (",", ";", "\t", "|")
_LINES, _BLOCK = 50, 1_000_000


@dataclass(frozen=True)
class Labels:
    """What SPSS and Stata files say of columns: `names`, column -> description; `codes`, column -> code -> label."""

    names: dict[str, str] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)


def file_format(path: Path) -> dict[str, str]:
    """The entry `file` of a column map for an export: `separator`, `encoding`, `sheet`, where not the usual ones.

    Empty for a file that cannot be opened: reading it says what is wrong.
    """
    try:
        if path.suffix.lower() in DELIMITED:
            return _text_format(path)
        return _sheet(path) if path.suffix.lower() == ".xlsx" else {}
    except OSError:
        return {}


def read_labels(path: Path) -> Labels:
    """The labels in an SPSS or Stata file that can be read; none for any other."""
    import pyreadstat

    read = {".sav": pyreadstat.read_sav, ".dta": pyreadstat.read_dta}.get(path.suffix.lower())
    if read is None:
        return Labels()
    _, meta = read(path, metadataonly=True)
    codes = {name: {normalise(str(code)): label for code, label in labels.items()}
             for name, labels in meta.variable_value_labels.items()}
    return Labels({name: label for name, label in meta.column_names_to_labels.items() if label}, codes)


def _text_format(path: Path) -> dict[str, str]:
    content = path.read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif content[1:2] == b"\0":
        encoding = "utf-16-le"
    else:
        encoding = next((name for name in ("utf-8", "windows-1252") if _is_in(content, name)), "latin-1")
    lines = content[:_BLOCK].decode(encoding, "ignore").splitlines()[:_LINES]
    separator = max(SEPARATORS, key=lambda separator: _agreement(lines, separator))
    usual = {"separator": ",", "encoding": "utf-8"}
    return dict({"separator": separator, "encoding": encoding}.items() - usual.items())


def _is_in(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _agreement(lines: list[str], separator: str) -> tuple[int, int]:
    """How many rows have as many cells as the header, and how many those are; the best separator has most."""
    try:
        widths = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
    except csv.Error:
        return 0, 0
    return (widths.count(widths[0]), widths[0]) if widths and widths[0] > 1 else (0, 0)


def _sheet(path: Path) -> dict[str, str]:
    """The sheet whose first row is the widest, where a workbook has several."""
    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        widths = {}
        for sheet in book.worksheets:
            sheet.reset_dimensions()
            first = next(sheet.iter_rows(max_row=1, values_only=True), ())
            widths[sheet.title] = sum(cell is not None for cell in first)
    except (zipfile.BadZipFile, LookupError, ValueError, TypeError, SyntaxError):
        return {}
    return {"sheet": max(widths, key=widths.get)} if len(widths) > 1 else {}
