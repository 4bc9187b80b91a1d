"""An export of a new study and its format, told from the file: separator and encoding, sheet, and labels."""

import csv
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from durability_utils.cohort.exports import DELIMITED, check_file, likely_encoding, read_export
from durability_utils.study.column_maps import ColumnMap, normalise
from durability_utils.study.measures import Measure


@dataclass(frozen=True)
class Export:
    """An export as `read_export` gives it, and the measures that its scores may be of; its file and format.

    What SPSS and Stata files say of columns: `descriptions`, by column; `labels`, by column and normalised code.
    """

    table: pd.DataFrame
    measures: dict[str, Measure]
    descriptions: dict[str, str] = field(default_factory=dict)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    path: Path = Path()
    form: dict[str, str] = field(default_factory=dict)

    @cached_property
    def counts(self) -> dict[str, pd.Series]:
        """For each column with a name of its own: value -> rows, the commonest first, without blanks."""
        names = pd.Series(self.table.columns)
        own = names[(names != "") & ~names.str.casefold().duplicated(keep=False)]
        return {name: self.table[name].value_counts().drop("", errors="ignore") for name in own}

    def counted(self, names: Iterable[str]) -> pd.Series:
        """The same of several columns together."""
        return pd.concat([self.counts[name] for name in names]).groupby(level=0).sum().sort_values(ascending=False)


def read_new_export(path: Path, measures: dict[str, Measure]) -> Export:
    """An export that nobody has described. Raises InputError where it cannot be used."""
    import pyreadstat

    check_file(path)
    form = file_format(path)
    table = read_export(path, ColumnMap(columns={}, file=form), [])
    read = {".sav": pyreadstat.read_sav, ".dta": pyreadstat.read_dta}.get(path.suffix.lower())
    if read is None:
        return Export(table, measures, path=path, form=form)
    _, meta = read(path, metadataonly=True)
    labels = {name: {normalise(str(code)): label for code, label in codes.items()}
              for name, codes in meta.variable_value_labels.items()}
    descriptions = {name: label for name, label in meta.column_names_to_labels.items() if label}
    return Export(table, measures, descriptions, labels, path, form)


def file_format(path: Path) -> dict[str, str]:
    """The `separator`, `encoding`, `sheet` of an export's file where not the usual; none where it cannot be opened."""
    found = {}
    with suppress(OSError):
        if path.suffix.lower() == ".xlsx":
            found = _sheet(path)
        elif path.suffix.lower() in DELIMITED:
            content = path.read_bytes()
            encoding = likely_encoding(content)
            lines = content[:1_000_000].decode(encoding, "ignore").splitlines()[:50]
            separator = max(",;\t|", key=lambda separator: _agreement(lines, separator))
            found = {"separator": separator, "encoding": encoding}
    return {key: value for key, value in found.items() if value != {"separator": ",", "encoding": "utf-8"}.get(key)}


def _agreement(lines: list[str], separator: str) -> tuple[int, int]:
    """How many rows have as many cells as the header, and how many those are; the best separator has most."""
    widths = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
    return (widths.count(widths[0]), widths[0]) if widths and widths[0] > 1 else (0, 0)


def _sheet(path: Path) -> dict[str, str]:
    """The sheet whose first row is the widest, where a workbook has several."""
    import openpyxl

    widths = {}
    with suppress(zipfile.BadZipFile, LookupError, ValueError, TypeError, SyntaxError):
        for sheet in openpyxl.load_workbook(path, read_only=True, data_only=True).worksheets:
            sheet.reset_dimensions()
            first = next(sheet.iter_rows(max_row=1, values_only=True), ())
            widths[sheet.title] = sum(cell is not None for cell in first)
    return {"sheet": max(widths, key=widths.get)} if len(widths) > 1 else {}
