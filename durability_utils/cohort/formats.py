"""How the file of an export is written, told from its first rows: separator and encoding, sheet, lines of names."""

import csv
import io
import re
from collections import Counter
from contextlib import suppress
from itertools import islice
from pathlib import Path

from durability_utils.cohort.exports import DELIMITED, likely_encoding
from durability_utils.cohort.workbooks import BROKEN, cell_text

LOOKED_AT = 60  # rows at the begin of a file that tell its form
_NUMBER_OR_DAY = re.compile(r"[-+.,:/ TZ]*[0-9][-+.,:/ TZ0-9]*")
_Rows = list[tuple[int, list[str]]]  # line and cells


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


def _rows(text: str, separator: str) -> _Rows:
    """(line, cells) of the first rows with cells."""
    reader, rows, start = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=separator), [], 1
    with suppress(csv.Error):
        for row in islice(reader, LOOKED_AT):
            if any(cell.strip() for cell in row):
                rows.append((start, [cell.strip() for cell in row]))
            start = reader.line_num + 1
    return rows


def _agreement(rows: _Rows) -> tuple[int, int]:
    """How many rows have the commonest number of cells, and how many those are; the best separator has most."""
    widths = Counter(len(cells) for _, cells in rows if len(cells) > 1)
    return max(((count, width) for width, count in widths.items()), default=(0, 0))


def _sheets(path: Path) -> dict[str, _Rows]:
    """(line, cells) of the first rows with cells, for each sheet of a workbook."""
    from python_calamine import CalamineError, CalamineWorkbook

    with suppress(*BROKEN, CalamineError), CalamineWorkbook.from_path(path) as book:
        sheets = {}
        for name in book.sheet_names:
            rows = enumerate(islice(book.get_sheet_by_name(name).iter_rows(), LOOKED_AT), start=1)
            texts = [(line, [cell_text(cell) for cell in cells]) for line, cells in rows]
            sheets[name] = [(line, cells) for line, cells in texts if any(cells)]
        return sheets
    return {}


def _widths(rows: _Rows) -> list[int]:
    return [sum(map(bool, cells)) for _, cells in rows]


def _header_and_data(rows: _Rows) -> dict[str, str]:
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
