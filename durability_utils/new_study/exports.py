"""An export of a new study and its format, told from the file: separator and encoding, sheet, and labels."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path

import pandas as pd

from durability_utils.cohort.exports import DELIMITED, check_file, likely_encoding, read_export
from durability_utils.cohort.workbooks import BROKEN, as_text
from durability_utils.study.column_maps import ColumnMap, normalise
from durability_utils.study.measures import Measure

LOOKED_AT = 60  # rows at the begin of a file that tell its form
_NUMBER_OR_DAY = re.compile(r"[-+.,:/ TZ]*[0-9][-+.,:/ TZ0-9]*")
_OF_ALL = re.compile("((grand |sub)?totals?|sum|mean|average|median|counts?|sd|std|all patients|n ?=|notes?|source|report|"
                     r"printed|extracted|generated|end of)\b.*", re.IGNORECASE)


@dataclass(frozen=True)
class Export:
    """An export as `read_export` gives it, and the measures that its scores may be of; its file and format.

    `remarks`: what a person has to know of the file. What SPSS and Stata files say of columns: `descriptions`, by column; `labels`, by column and normalised code.
    """

    table: pd.DataFrame
    measures: dict[str, Measure]
    descriptions: dict[str, str] = field(default_factory=dict)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    path: Path = Path()
    form: dict[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

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
    remarks = (*_other_sheets(path, form), *_below_the_table(table))
    read = {".sav": pyreadstat.read_sav, ".dta": pyreadstat.read_dta}.get(path.suffix.lower())
    if read is None:
        return Export(table, measures, path=path, form=form, remarks=remarks)
    _, meta = read(path, metadataonly=True)
    labels = {name: {normalise(str(code)): label for code, label in codes.items()}
              for name, codes in meta.variable_value_labels.items()}
    descriptions = {name: label for name, label in meta.column_names_to_labels.items() if label}
    return Export(table, measures, descriptions, labels, path, form, remarks)


def file_format(path: Path) -> dict[str, str]:
    """How an export's file is written, as in a column map: `separator`, `encoding`, `sheet`, `header`, `data`.

    Only what is not the usual one; nothing where the file cannot be opened.
    """
    found, rows = {}, []
    with suppress(OSError):
        if path.suffix.lower() == ".xlsx":
            sheets = _sheets(path)
            sheet = max(sheets, key=lambda name: max(_widths(sheets[name]), default=0), default=None)
            found, rows = ({"sheet": sheet} if len(sheets) > 1 else {}), sheets.get(sheet, [])
        elif path.suffix.lower() in DELIMITED:
            content = path.read_bytes()
            encoding = likely_encoding(content)
            text = content[:1_000_000].decode(encoding, "ignore")
            read = {separator: _rows(text, separator) for separator in ",;\t|"}
            separator = max(read, key=lambda separator: _agreement(read[separator]))
            found, rows = {"separator": separator, "encoding": encoding}, read[separator]
    usual = {"separator": ",", "encoding": "utf-8"}
    return {key: value for key, value in found.items() if value != usual.get(key)} | _header_and_data(rows)


def _rows(text: str, separator: str) -> list[tuple[int, list[str]]]:
    """(line, cells) of the first rows with cells."""
    reader, rows, start = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=separator), [], 1
    with suppress(csv.Error):
        for row in islice(reader, LOOKED_AT):
            if any(cell.strip() for cell in row):
                rows.append((start, [cell.strip() for cell in row]))
            start = reader.line_num + 1
    return rows


def _agreement(rows: list[tuple[int, list[str]]]) -> tuple[int, int]:
    """How many rows have the commonest number of cells, and how many those are; the best separator has most."""
    widths = Counter(len(cells) for _, cells in rows if len(cells) > 1)
    return max(((count, width) for width, count in widths.items()), default=(0, 0))


def _sheets(path: Path) -> dict[str, list[tuple[int, list[str]]]]:
    """(line, cells) of the first rows with cells, for each sheet of a workbook."""
    from python_calamine import CalamineError, CalamineWorkbook

    with suppress(*BROKEN, CalamineError), CalamineWorkbook.from_path(path) as book:
        sheets = {}
        for name in book.sheet_names:
            rows = enumerate(islice(book.get_sheet_by_name(name).iter_rows(), LOOKED_AT), start=1)
            texts = [(line, [as_text(cell) for cell in cells]) for line, cells in rows]
            sheets[name] = [(line, cells) for line, cells in texts if any(cells)]
        return sheets
    return {}


def _widths(rows: list[tuple[int, list[str]]]) -> list[int]:
    return [sum(map(bool, cells)) for _, cells in rows]


def _header_and_data(rows: list[tuple[int, list[str]]]) -> dict[str, str]:
    """The lines of the names and of the first data, as in a column map, where not the first and the next.

    Titles above the names fill few cells. Further lines of names hold words where the columns hold numbers and days.
    """
    widths = _widths(rows)
    most = max(widths, default=0)
    if not rows or most < 2:
        return {}
    at = 0 if 2 * widths[0] >= most else next(n for n, width in enumerate(widths) if 5 * width >= 4 * most)
    first = at + 1
    while first < min(at + 4, len(rows) - 5) and _are_names(rows[first][1], [cells for _, cells in rows[first + 1:]]):
        first += 1
    header = {"header": str(rows[at][0])} if rows[at][0] > 1 else {}
    return header | ({"data": str(rows[first][0])} if first > at + 1 else {})


def _are_names(cells: list[str], below: list[list[str]]) -> bool:
    """Whether a row has words, different ones, in nearly all the columns that have numbers and days below it."""
    columns = [[row[n] for row in below if len(row) > n and row[n]] for n in range(len(cells))]
    of_numbers = [n for n, texts in enumerate(columns) if len(texts) >= 3
                  and sum(bool(_NUMBER_OR_DAY.fullmatch(text)) for text in texts) >= 0.8 * len(texts)]
    words = {cells[n] for n in of_numbers if re.search(r"[^\W\d]{2}", cells[n])}
    return len(words) >= max(3, 0.8 * len(of_numbers))


def _other_sheets(path: Path, form: dict[str, str]) -> list[str]:
    """A remark on the sheets of a workbook that are not read."""
    if "sheet" not in form:
        return []
    others = [f"{name} ({len(rows) if len(rows) < LOOKED_AT else f'{LOOKED_AT} or more'} rows)"
              for name, rows in _sheets(path).items() if name != form["sheet"]]
    return [f"sheet {form['sheet']} is read, being the widest; not read: {', '.join(others)}"]


def _below_the_table(table: pd.DataFrame) -> list[str]:
    """Remarks on the last rows where they are no patient's."""
    remarks = []
    for line, row in table.tail(5).iterrows():
        texts = [text for text in row if text]
        if texts and (_OF_ALL.fullmatch(texts[0]) or (len(texts) == 1 and len(row) > 3)):
            remarks.append(f"line {line} is no patient's, but a row of totals or a note: it will be refused")
    return remarks
