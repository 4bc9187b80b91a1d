"""Reading a service's export as text, exactly as it was written: nothing is interpreted here.

Every reader returns the header and (line, cells) for each row; line 1 is the header.
"""

import csv
import datetime as dt
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import pandas as pd

from durability_utils.cohort.identifiers import refuse_identifiers
from durability_utils.study.column_maps import ColumnMap
from durability_utils.study.columns import dictionary
from durability_utils.study.errors import InputError

# the place of a row: the number of its file times this, and its line; in the first file the line itself
LINES_A_FILE = 10**9
DELIMITED = (".csv", ".tsv", ".txt")
BLOCK_ROWS = 20_000
# a quoted cell may be long, but what is longer than this is no cell of a table
csv.field_size_limit(10_000_000)


def read_export(path: Path, columns: ColumnMap, required: list[str]) -> pd.DataFrame:
    """The export as text: one row a line (the index: line in the file, header = 1), its own column names.

    Outer blanks of names and cells are removed; an empty cell is an empty text. Raises InputError, naming file, column
    and line, for an export that cannot be used at all: no such file, not a table, no data row, a row longer than the
    header, a quote never closed, a column of `required` (canonical names) absent or any mapped column there twice, an
    identifier such as an NHS number.
    """
    table = read_as_text(path, columns)
    refuse_identifiers(table, path.name)  # first: the other messages name columns
    check_header(path, list(table.columns), columns, required)
    if table.empty:
        raise InputError(f"{path.name}: no data row below the header")
    return table


def read_as_text(path: Path, columns: ColumnMap, most: int | None = None) -> pd.DataFrame:
    """The table as `read_export` gives it, of at most so many rows, whatever its columns and what they hold.

    Nothing is checked: an identifier may be in it. Raises InputError where it is no table that can be read.
    """
    readers = {**dict.fromkeys(DELIMITED, _read_delimited), ".xlsx": _read_excel, ".sav": _read_statistical,
               ".dta": _read_statistical, ".parquet": _read_parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path.name}: not a table that can be read; expected one of {', '.join(readers)}")
    try:
        if not path.is_file():
            raise InputError(f"{path.name}: no such file{'. ' + columns.source if columns.source else ''}")
        rows = reader(path, columns)
        header = [name.strip() for name in next(rows)[1]]
        return _table(path, header, islice(rows, most))
    except StopIteration:
        raise InputError(f"{path.name}: the file is empty; expected a header and one row a patient") from None
    except OSError as error:
        raise InputError(f"{path.name}: cannot be read: {error.strerror or type(error).__name__}") from None


def _table(path: Path, header: list[str], rows: Iterator[tuple[int, list[str]]]) -> pd.DataFrame:
    # block by block: as Python's own texts a large export would take several times its size
    blocks = [_block(path, len(header), [])]
    while block := list(islice(rows, BLOCK_ROWS)):
        blocks.append(_block(path, len(header), block))
    return pd.concat(blocks).set_axis(header, axis="columns")


def _block(path: Path, width: int, rows: list[tuple[int, list[str]]]) -> pd.DataFrame:
    for line, row in rows:
        # even where the surplus cell is blank: a stray separator has then shifted the cells before it
        if len(row) > width:
            raise InputError(f"{path.name}: line {line}: {len(row)} cells, but the header has {width} columns")
    index = pd.Index([line for line, _ in rows], name="row", dtype="int64")
    columns = zip(*(row + [""] * (width - len(row)) for _, row in rows), strict=True)
    return pd.DataFrame({position: pd.Series(map(str.strip, cells), index, dtype="str")
                         for position, cells in enumerate(columns)}, index, range(width), dtype="str")


def check_header(path: Path, header: list[str], columns: ColumnMap, required: list[str]) -> None:
    """Raise InputError where a column of `required` (canonical names) is absent or a mapped one there twice."""
    found = [name.casefold() for name in header]
    for column in columns.columns.values():
        if column.source is not None and found.count(column.source.casefold()) > 1:
            raise InputError(f"{path.name}: line 1: the column '{column.source}' is there twice; expected once")
    for canonical in required:
        column = columns.columns.get(canonical)
        if column is None:
            raise InputError(f"{path.name}: the column map does not say where '{canonical}' stands "
                             f"({dictionary().at[canonical, 'description']})")
        if column.source is not None and column.source.casefold() not in found:
            known = any(other.source and other.source.casefold() in found for other in columns.columns.values())
            # without one known column, line 1 may be a patient's: nothing of it belongs into a message
            hint = (f"found {', '.join(header)[:300]}" if known else
                    "nor is any other of the column map; are the separator and line 1, the header, right?")
            raise InputError(f"{path.name}: line 1: the required column '{column.source}' is absent; {hint}")


def _read_delimited(path: Path, columns: ColumnMap) -> Iterator[tuple[int, list[str]]]:
    encoding = "utf-8-sig" if columns.file.encoding.lower() in ("utf-8", "utf8") else columns.file.encoding
    start = 1
    try:
        with path.open(encoding=encoding, newline="") as file:
            reader = csv.reader(file, delimiter=columns.file.separator, strict=True)
            for row in reader:
                if row:
                    yield start, row
                start = reader.line_num + 1
    except csv.Error as error:
        never_closed = "unexpected end" in str(error)
        problem = "a quote is opened and never closed" if never_closed else f"not a table ({error})"
        raise InputError(f"{path.name}: line {start}: {problem}") from None
    except UnicodeError as error:
        raise _wrong_encoding(path, encoding, error) from None
    except (LookupError, ValueError):  # ValueError: a name with a NUL in it
        raise InputError(f"{path.name}: {encoding!r} in the column map is no known encoding") from None


def _wrong_encoding(path: Path, encoding: str, error: UnicodeError) -> InputError:
    """The error of a file that is not in this encoding, with the line where that shows."""
    content, start = path.read_bytes(), 0
    if "BOM" not in str(error):  # a mark is missing at the begin, though the rest may be decoded without
        try:
            content.decode(encoding)  # `error` counts from the block that was being read
        except UnicodeError as whole:
            start = getattr(whole, "start", 0)
    likely = likely_encoding(content)
    line = content.count(b"\n", 0, start) + 1
    return InputError(f"{path.name}: line {line}: cannot be read as {encoding} ({getattr(error, 'reason', error)}); "
                      f"name its encoding in the column map, as in file: {{encoding: {likely}}}")


def likely_encoding(content: bytes) -> str:
    """The encoding of a text, as its bytes tell it: UTF-16, UTF-8, or else what Western Windows writes."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if content[1:2] == b"\0":
        return "utf-16-le"
    for encoding in ("utf-8", "windows-1252"):
        with suppress(UnicodeError):
            content.decode(encoding)
            return encoding
    return "latin-1"


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


def _read_excel(path: Path, columns: ColumnMap) -> Iterator[tuple[int, list[str]]]:
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        # read twice: the values that were saved, and the formulas behind them
        sheets = []
        for values_only in (True, False):
            book = openpyxl.load_workbook(path, read_only=True, data_only=values_only)
            names = [sheet.title for sheet in book.worksheets]
            if columns.file.sheet is not None and columns.file.sheet not in names:
                raise InputError(f"{path.name}: no sheet '{columns.file.sheet}'; there are {', '.join(names)}")
            sheet = book[columns.file.sheet or names[0]]
            sheet.reset_dimensions()  # some programs write a size smaller than the sheet; the rest would be lost
            sheets.append(sheet.iter_rows(values_only=True))
        for line, (row, formulas) in enumerate(zip(*sheets, strict=True), start=1):
            if any(value is None and formula is not None for value, formula in zip(row, formulas, strict=True)):
                raise InputError(f"{path.name}: line {line}: a formula whose result was never saved; open the "
                                 "workbook in Excel, save it and export it again")
            cells = [_text(value) for value in row]
            while cells and not cells[-1]:
                cells.pop()
            if cells:
                yield line, cells
    # SyntaxError: what a broken XML part within the workbook gives
    except (zipfile.BadZipFile, zlib.error, EOFError, InvalidFileException, LookupError, ValueError, TypeError,
            SyntaxError):
        raise InputError(f"{path.name}: not a table: no Excel workbook (.xlsx)") from None


def _read_statistical(path: Path, columns: ColumnMap) -> Iterator[tuple[int, list[str]]]:
    import pyreadstat

    program, read = {".sav": ("SPSS", pyreadstat.read_sav), ".dta": ("Stata", pyreadstat.read_dta)}[path.suffix.lower()]
    try:
        frame, _ = read(path)
    except (pyreadstat.ReadstatError, pyreadstat.PyreadstatError, UnicodeError) as error:
        raise InputError(f"{path.name}: not a table: no {program} file ({error})") from None
    yield 1, list(frame.columns)
    yield from enumerate(map(list, zip(*(map(_text, frame[name]) for name in frame), strict=True)), start=2)


def _read_parquet(path: Path, columns: ColumnMap) -> Iterator[tuple[int, list[str]]]:
    import pyarrow as pa
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            yield 1, list(file.schema_arrow.names)
            line = 2
            # not by way of pandas: it would take whole numbers with gaps between them for decimal ones
            for batch in file.iter_batches(BLOCK_ROWS):
                rows = zip(*(map(_text, column.to_pylist()) for column in batch.columns), strict=True)
                yield from enumerate(map(list, rows), start=line)
                line += batch.num_rows
    except pa.ArrowException as error:
        raise InputError(f"{path.name}: not a table: no Parquet file ({' '.join(str(error).split())[:200]})") from None


def _text(value) -> str:
    """A typed cell as text: 12.0 is written 12, a day as 2016-06-30, and nothing as an empty text."""
    if value is None or value != value:  # NaN and NaT differ from themselves
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ")
    return str(value).strip()
