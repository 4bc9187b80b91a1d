"""What a file has that reading passes over in silence: other sheets, hidden rows, a torn end, text in two encodings."""

import csv
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from durability_utils.cohort.exports import DELIMITED, text_encoding
from durability_utils.cohort.workbooks import BROKEN, column_number, sheet_blocks, sheet_named, sheet_parts
from durability_utils.study.column_maps import ColumnMap

BLOCK = 4_000_000
TAIL_BYTES = 50_000
# the second and later bytes of a letter in UTF-8, as Windows-1252 and Latin-1 show them
_LATER = "[\u0080-\u00bf\u0152-\u0192\u02c6\u02dc\u2013-\u20ac\u2122]"
# what a text may hold that no export should: pattern, what it means
_SIGNS = {
    "nul_bytes": ("\0", "bytes that are no text (NUL), as where a disk or a copy has failed"),
    "lost_letters": ("\ufffd", "letters that were lost before the export was written (\ufffd in their place)"),
    "two_encodings": (f"[ÂÃ]{_LATER}|[âï]{_LATER}{{2}}",
                      "letters as in 'Ã©' for 'é': text in another encoding than the rest, or converted twice"),
}
_HIDDEN = re.compile(rb"\shidden=[\"'](?:1|true)[\"']")


class Note(NamedTuple):
    """Something that a file has: the `name` of a finding of study/findings.py, and in a sentence what it `means`."""

    name: str
    means: str


def file_notes(path: Path, columns: ColumnMap) -> list[Note]:
    """The notes on a file that `read_export` has read with these columns; of those on text with the lines.

    It is searched once more, as bytes and not as a table.
    """
    ending = path.suffix.lower()
    notes = list(_of_text(path, columns) if ending in DELIMITED else _of_workbook(path, columns)
                 if ending == ".xlsx" else ())
    header, data = columns.file.header, columns.file.data or columns.file.header + 1
    if data > 2:
        between = f" and {data - header - 1} between header and data" if data > header + 1 else ""
        notes.append(Note("lines_skipped", f"{_count(header - 1, 'line')} above the header{between} skipped, as the "
                                           "column map says"))
    return notes


def _of_text(path: Path, columns: ColumnMap) -> Iterator[Note]:
    encoding = text_encoding(columns)
    places, line, last = {name: [] for name in _SIGNS}, 1, "\n"
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        while block := file.read(BLOCK):
            for name, (pattern, _) in _SIGNS.items():
                # whether there is a sign beyond ASCII is known without a look
                if name == "nul_bytes" or not block.isascii():
                    places[name] += _lines(pattern, block, line)
            line, last = line + block.count("\n"), block[-1]
    for name, (_, means) in _SIGNS.items():
        if found := list(dict.fromkeys(places[name])):
            more = f" and {_count(len(found) - 1, 'other line')}" if len(found) > 1 else ""
            yield Note(name, f"line {found[0]}{more}: {means}")
    if torn := _torn(path, encoding, columns, last):
        yield Note("file_ends_in_the_middle", torn)


def _lines(pattern: str, block: str, line: int) -> Iterator[int]:
    """The lines of what is found in a block that begins on `line`."""
    counted = 0
    for at in re.finditer(pattern, block):
        line, counted = line + block.count("\n", counted, at.start()), at.start()
        yield line


def _torn(path: Path, encoding: str, columns: ColumnMap, last: str) -> str:
    """What speaks for a file that was cut off: a last row shorter than all before it; else an empty text."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES) // 4 * 4)  # no encoding has longer signs
        tail = file.read().decode(encoding, "replace").replace("\r\n", "\n").replace("\r", "\n")
    lines = tail.split("\n")[columns.file.header - 1 if size <= TAIL_BYTES else 1:]
    widths = [len(row) for row in csv.reader(lines, delimiter=columns.file.separator) if row]
    ended = last in "\r\n"
    if len(widths) < 2 or widths[-1] >= min(widths[:-1]) or (ended and widths[-1] == 1):  # 1: a remark below the table
        return ""
    return (f"the last line has {_count(widths[-1], 'cell')} and the one before it {widths[-2]}"
            f"{'' if ended else ', and no line end'}: was the file written to its end?")


def _of_workbook(path: Path, columns: ColumnMap) -> Iterator[Note]:
    sheet = sheet_named(path, columns.file.sheet)
    with zipfile.ZipFile(path) as book:
        others = [other for other in sheet_parts(book) if other != sheet and _holds_cells(path, other)]
    if others:
        yield Note("other_sheets", f"only sheet '{sheet}' is read, not {', '.join(others)}")
    rows = width = 0
    spans, merged = [], 0
    for prefix, block in sheet_blocks(path, sheet):
        if not width:
            letters = set(re.findall(rb'<%sc r="([A-Z]+)' % prefix, block))
            width = max((column_number(each.decode()) for each in letters), default=0)
            spans = [tuple(int(re.search(rb'%s="([0-9]+)"' % key, each)[1]) for key in (b"min", b"max"))
                     for each in re.findall(rb"<%scol\s[^>]*>" % prefix, block) if _HIDDEN.search(each)]
        if b" hidden=" in block:
            rows += sum(bool(_HIDDEN.search(each)) for each in re.findall(rb"<%srow\s[^>]*>" % prefix, block))
        merged += sum(int(line) >= columns.file.header for line in
                      re.findall(rb'<%smergeCell ref="[A-Z]+[0-9]+:[A-Z]+([0-9]+)"' % prefix, block))
    hidden = sum(max(0, min(last, width) - first + 1) for first, last in spans)
    for name, count, what in (("hidden_rows", rows, "hidden row"), ("hidden_columns", hidden, "hidden column")):
        if count:
            yield Note(name, f"{_count(count, what)} in sheet '{sheet}', read as the others are")
    if merged:
        yield Note("merged_cells", f"{_count(merged, 'range')} of merged cells: only the first cell of each has a "
                                   "value, the others are read as blank")


def _holds_cells(path: Path, sheet: str) -> bool:
    with suppress(*BROKEN):
        prefix, block = next(sheet_blocks(path, sheet))
        return re.search(rb"<%s[vt][\s>]" % prefix, block) is not None
    return False


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
