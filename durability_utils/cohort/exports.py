"""Reading a service's export as text, exactly as it was written: nothing is interpreted here.

Every reader returns (line, cells) for each row, the header's first: line 1, unless the column map says another.
"""

import csv
import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, dropwhile, islice
from pathlib import Path

import pandas as pd

from durability_utils.cohort.identifiers import refuse_identifiers
from durability_utils.cohort.workbooks import cell_text, sheet_rows
from durability_utils.study.column_maps import ColumnMap
from durability_utils.study.columns import dictionary
from durability_utils.study.errors import InputError

# the place of a row: the number of its file times this, and its line; in the first file the line itself
LINES_A_FILE = 10**9
DELIMITED = (".csv", ".tsv", ".txt")
READABLE = (*DELIMITED, ".xlsx", ".sav", ".dta", ".parquet")
BLOCK_ROWS = 20_000
HEADER_WITHIN = 20  # lines in which a header is looked for where line 1 is none
_NO_FILES = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device",
             stat.S_IFBLK: "a device"}
# a quoted cell may be long, but what is longer than this is no cell of a table
csv.field_size_limit(10_000_000)


def read_export(path: Path, columns: ColumnMap, required: list[str]) -> pd.DataFrame:
    """The export as text: one row a line (the index: line in the file, header = 1), its own column names.

    Outer blanks of names and cells are removed; an empty cell is an empty text. Raises InputError, naming file, column
    and line, for an export that cannot be used at all: no such file, not a table, no data row, a row longer than the
    header, a quote never closed, a column of `required` (canonical names) absent or any mapped column there twice, an
    identifier such as an NHS number, a file too large for this machine.
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
    check_file(path, columns.source)
    readers = {**dict.fromkeys(DELIMITED, _read_delimited), ".xlsx": _read_excel, ".sav": _read_statistical,
               ".dta": _read_statistical, ".parquet": _read_parquet}
    reader = readers.get(path.suffix.lower())
    try:
        if path.stat().st_size == 0:
            raise StopIteration
        other = _other_content(path)
        if reader is None:
            raise InputError(f"{path.name}: {other or 'not a table that can be read'}; expected one of "
                             f"{', '.join(READABLE)}")
        if other and reader in (_read_delimited, _read_excel):
            raise InputError(f"{path.name}: not a table: {other}")
        header, rows = _header_and_rows(path, reader(path, columns), columns)
        return _table(path, header, islice(rows, most))
    except StopIteration:
        raise InputError(f"{path.name}: the file is empty; expected a header and one row a patient") from None
    except MemoryError:
        raise InputError(f"{path.name}: too large for this machine's memory") from None
    except OSError as error:
        raise InputError(f"{path.name}: cannot be read: {error.strerror or type(error).__name__}") from None


def check_file(path: Path, source: str = "") -> None:
    """Raise InputError where `path` is no file that can be opened, such as a pipe, of which reading never ends.

    `source`: what the column map says of where the export comes from.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a name with a NUL in it
        raise InputError(f"{path.name}: no such file{'. ' + source if source else ''}") from None
    except OSError as error:
        name = path.name if len(path.name) < 100 else f"{path.name[:100]}..."
        raise InputError(f"{name}: cannot be read: {error.strerror or type(error).__name__}") from None
    if not stat.S_ISREG(mode):
        raise InputError(f"{path.name or path}: {_NO_FILES.get(stat.S_IFMT(mode), 'no file')}; expected a file")


def _other_content(path: Path) -> str:
    """What the file is, by its first bytes, where that is not what its name says; else an empty text."""
    with path.open("rb") as file:
        start = file.read(1000)
    text, ending = start.replace(b"\0", b""), path.suffix.lower()
    if start.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        if "EncryptedPackage".encode("utf-16-le") in path.read_bytes():
            return "an Excel workbook with a password; save it without one, as .xlsx"
        return "an old Excel workbook (.xls); open it in Excel and save it as .xlsx"
    if re.match(rb"(?:\xef\xbb\xbf|\xff\xfe)?\s*<(?:!doctype html|html|head|meta|table|\?xml)", text, re.I):
        return "a web page or XML under the name of a table; open it in Excel and save it as .xlsx"
    if start.startswith(b"PK\x03\x04") and ending != ".xlsx":
        with suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
            if any(name.startswith("xl/") for name in archive.namelist()):
                return "an Excel workbook; name it .xlsx"
        return "a zip archive; expected the file in it"
    if ending == ".xlsx" and re.fullmatch(rb"[^\x00-\x08\x0e-\x1f]+", text):
        return "no Excel workbook (.xlsx), but text; name it .csv"
    return ""


def _header_and_rows(path: Path, rows: Iterator[tuple[int, list[str]]],
                     columns: ColumnMap) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The names of the columns and the rows of data, without the lines that the map skips.

    Raises InputError where it is another line that holds the names.
    """
    names = {column.source.casefold() for column in columns.columns.values() if column.source}

    def is_header(cells: list[str]) -> bool:
        texts = {cell.strip().casefold() for cell in cells} - {""}
        known = len(texts & names)
        return 2 * known > len(names) > 0 or (known > 1 and 2 * known > len(texts))

    rows = dropwhile(lambda row: row[0] < columns.file.header, rows)
    at, header = next(rows)
    begin = list(islice(rows, HEADER_WITHIN))
    other = [line for line, cells in begin if line <= HEADER_WITHIN and is_header(cells)]
    if other and not is_header(header):
        raise InputError(f"{path.name}: line {at}: not the header; most names of the column map stand in line "
                         f"{other[0]}; say so in the map, as in file: {{header: {other[0]}}}")
    return ([name.strip() for name in header],
            (row for row in chain(begin, rows) if row[0] >= (columns.file.data or columns.file.header + 1)))


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
    found, line = [name.casefold() for name in header], columns.file.header
    for column in columns.columns.values():
        if column.source is not None and found.count(column.source.casefold()) > 1:
            raise InputError(f"{path.name}: line {line}: the column '{column.source}' is there twice; expected once")
    for canonical in required:
        column = columns.columns.get(canonical)
        if column is None:
            raise InputError(f"{path.name}: the column map does not say where '{canonical}' stands "
                             f"({dictionary().at[canonical, 'description']})")
        if column.source is not None and column.source.casefold() not in found:
            known = any(other.source and other.source.casefold() in found for other in columns.columns.values())
            # without one known column, the line may be a patient's: nothing of it belongs into a message
            hint = (f"found {', '.join(header)[:300]}" if known else
                    f"nor is any other of the column map; are the separator and line {line}, the header, right?")
            raise InputError(f"{path.name}: line {line}: the required column '{column.source}' is absent; {hint}")


def _read_delimited(path: Path, columns: ColumnMap) -> Iterator[tuple[int, list[str]]]:
    encoding = text_encoding(columns)
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


def text_encoding(columns: ColumnMap) -> str:
    """The encoding that a map names; in UTF-8 a byte order mark may stand first."""
    return "utf-8-sig" if columns.file.encoding.lower() in ("utf-8", "utf8") else columns.file.encoding


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


def _read_excel(path: Path, columns: ColumnMap) -> Iterator[tuple[int, list[str]]]:
    return sheet_rows(path, columns.file.sheet)


def _read_statistical(path: Path, columns: ColumnMap) -> Iterator[tuple[int, list[str]]]:
    import pyreadstat

    program, read = {".sav": ("SPSS", pyreadstat.read_sav), ".dta": ("Stata", pyreadstat.read_dta)}[path.suffix.lower()]
    try:
        frame, _ = read(path)
    except (pyreadstat.ReadstatError, pyreadstat.PyreadstatError, UnicodeError) as error:
        raise InputError(f"{path.name}: not a table: no {program} file ({error})") from None
    yield 1, list(frame.columns)
    yield from enumerate(map(list, zip(*(map(cell_text, frame[name]) for name in frame), strict=True)), start=2)


def _read_parquet(path: Path, columns: ColumnMap) -> Iterator[tuple[int, list[str]]]:
    import pyarrow as pa
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            yield 1, list(file.schema_arrow.names)
            line = 2
            # not by way of pandas: it would take whole numbers with gaps between them for decimal ones
            for batch in file.iter_batches(BLOCK_ROWS):
                rows = zip(*(map(cell_text, column.to_pylist()) for column in batch.columns), strict=True)
                yield from enumerate(map(list, rows), start=line)
                line += batch.num_rows
    except MemoryError:  # Arrow has one of its own
        raise
    except pa.ArrowException as error:
        raise InputError(f"{path.name}: not a table: no Parquet file ({' '.join(str(error).split())[:200]})") from None
