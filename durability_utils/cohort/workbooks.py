"""Excel workbooks (.xlsx): the cells of a sheet as text, and what its XML says besides.

python-calamine reads millions of cells a second, but gives nothing for an error such as #N/A and for a formula whose
result was never saved, and an id of 17 digits it rounds. These are looked up in the sheet's XML.
"""

import datetime as dt
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

import psutil

from durability_utils.study.errors import InputError

BLOCK_BYTES = 4_000_000
# what calamine needs at most: for each cell of the rectangle that the sheet fills, and for each byte of its XML
BYTES_A_CELL, BYTES_A_BYTE = 32, 2
# what reading a broken workbook may raise; SyntaxError: a part that is no XML
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, LookupError, ValueError, NotImplementedError, RuntimeError,
          SyntaxError)
_RELATIONSHIP = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_RELATIONSHIP = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"


def sheet_rows(path: Path, sheet: str | None) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of each row with text of the named sheet, None: the first; blank cells at the right are left out.

    Raises InputError for no workbook, no such sheet, or a formula whose result was never saved (with its line).
    """
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        name = sheet_named(path, sheet)
        _refuse_too_large(path, name)
        told = _told_by_xml(path, name)
        with CalamineWorkbook.from_path(path) as book:
            cells = book.get_sheet_by_name(name)
        left = [""] * (cells.start or (0, 0))[1]  # blank columns before the first with a cell
        for line, row in enumerate(cells.iter_rows(), start=1):
            texts = left + [cell.strip() if type(cell) is str else cell_text(cell) for cell in row]
            for column, text in told.get(line, {}).items():
                texts[column - 1] = text
            while texts and not texts[-1]:
                texts.pop()
            if texts:
                yield line, texts
    except (*BROKEN, CalamineError):
        raise InputError(f"{path.name}: not a table: no Excel workbook (.xlsx)") from None


def cell_text(value) -> str:
    """A typed cell as text: 12.0 is written 12, a day as 2016-06-30, and nothing as an empty text."""
    if value is None or value != value:  # NaN and NaT differ from themselves
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(sep=" ")
    return str(value).strip()


def sheet_named(path: Path, sheet: str | None) -> str:
    """The name of the sheet to read: the given one, or the first. Raises InputError where there is no such."""
    with zipfile.ZipFile(path) as book:
        names = list(sheet_parts(book))
    if sheet is not None and sheet not in names:
        raise InputError(f"{path.name}: no sheet '{sheet}'; there are {', '.join(names)}")
    return sheet or names[0]


def sheet_parts(book: zipfile.ZipFile) -> dict[str, str]:
    """The sheets of a workbook that hold cells, in its order: name -> XML part within the file."""
    [workbook] = _targets(book, "", "officeDocument").values()
    parts = _targets(book, workbook, "worksheet")
    sheets = [each for each in ElementTree.fromstring(book.read(workbook)).iter() if each.tag.endswith("}sheet")]
    keys = [each.get(_RELATIONSHIP) or each.get(_STRICT_RELATIONSHIP) for each in sheets]
    return {each.get("name", ""): parts[key] for each, key in zip(sheets, keys, strict=True) if key in parts}


def _targets(book: zipfile.ZipFile, part: str, kind: str) -> dict[str, str]:
    """What a part of the workbook refers to, of one kind: key -> the other part."""
    folder, name = posixpath.split(part)
    found = ElementTree.fromstring(book.read(posixpath.join(folder, "_rels", f"{name}.rels")))
    return {each.get("Id"): posixpath.normpath(posixpath.join("/", folder, each.get("Target", ""))).lstrip("/")
            for each in found if each.get("Type", "").endswith(f"/{kind}")}


def sheet_blocks(path: Path, name: str) -> Iterator[tuple[bytes, bytes]]:
    """The XML of a sheet in blocks of some megabytes that end with a row, each with the prefix of its tags."""
    with zipfile.ZipFile(path) as book, book.open(sheet_parts(book)[name]) as file:
        rest = file.read(BLOCK_BYTES)
        prefix = (re.search(rb"<(\w+:)?sheetData", rest) or [b"", b""])[1] or b""
        end = b"</%srow>" % prefix
        while more := file.read(BLOCK_BYTES):
            whole, found, last = rest.rpartition(end)
            if found:
                yield prefix, whole + end
            rest = last + more
        yield prefix, rest


def column_number(letters: str) -> int:
    """The number of a column by its letters: A is 1, AA is 27."""
    return sum((ord(letter) - 64) * 26 ** place for place, letter in enumerate(reversed(letters)))


def _refuse_too_large(path: Path, name: str) -> None:
    """Raise InputError where a sheet does not fit: calamine would end the process, even for one cell far out."""
    size = lines = width = 0
    for prefix, block in sheet_blocks(path, name):
        size += len(block)
        for row in block.split(b"</%srow>" % prefix)[:-1]:
            lines, row = lines + 1, row.rpartition(b"</%sc>" % prefix)[0]  # up to its last cell that is not empty
            at = re.match(rb"([A-Z]+)([0-9]+)", row.rpartition(b' r="')[2])
            if at:
                width, lines = max(width, column_number(at[1].decode())), max(lines, int(at[2]))
    if BYTES_A_CELL * lines * width + BYTES_A_BYTE * size > _free_memory():
        raise InputError(f"{path.name}: too large for this machine's memory: the last cell of sheet '{name}' stands in "
                         f"line {lines}, the rightmost in column {width}")


def _free_memory() -> int:
    """The bytes that this process may still take."""
    free = psutil.virtual_memory().available
    with suppress(ImportError):  # Windows sets no limits
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            free = min(free, limit - psutil.Process().memory_info().vms)
    return free


def _told_by_xml(path: Path, name: str) -> dict[int, dict[int, str]]:
    """Line -> column -> text of the cells that calamine gives otherwise: errors, whole numbers of 16 digits or more.

    Raises InputError at a formula whose result was never saved.
    """
    told, line = {}, 0
    for prefix, block in sheet_blocks(path, name):
        formula, value = rb"<%sf[\s/>]" % prefix, rb"<%sv>" % prefix
        # each pattern alone: with a fixed begin it is found ten times as fast
        if not any(re.search(each, block) for each in (formula, rb"t=[\"']e[\"']", value + rb"-?[0-9]{16}")):
            line += block.count(b"</%srow>" % prefix)
            continue
        row_or_cell = rb"(<%srow(?=[\s/>])[^>]*>)|<%sc(?=[\s/>])([^>]*?)(?:/>|>(.*?)</%sc>)"
        for row, cell, content in re.findall(row_or_cell % (prefix, prefix, prefix), block, re.DOTALL):
            if row:
                at = re.search(rb"\sr=[\"']([0-9]+)", row)
                line, column = int(at[1]) if at else line + 1, 0
                continue
            at = re.search(rb"\sr=[\"']([A-Z]+)", cell)
            column = column_number(at[1].decode()) if at else column + 1
            kind = (re.search(rb"\st=[\"'](\w+)", cell) or [b"", b"n"])[1]
            saved = re.search(value + rb"([^<]+)", content)
            # the saved result of ="" is a text, and empty
            if not saved and kind != b"str" and re.search(formula, content):
                raise InputError(f"{path.name}: line {line}: a formula whose result was never saved; open the "
                                 "workbook in Excel, save it and export it again")
            if saved and (kind == b"e" or (kind == b"n" and re.fullmatch(rb"-?[0-9]{16,}", saved[1]))):
                told.setdefault(line, {})[column] = saved[1].decode()
    return told
