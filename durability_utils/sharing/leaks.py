"""The last look at files that leave the service: whether any of them holds what must not."""

import csv
import getpass
import html
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from durability_utils.cohort.identifiers import identifier_in
from durability_utils.study.column_maps import normalise
from durability_utils.study.columns import dictionary

TEXTS = (".html", ".svg", ".csv", ".json", ".ipynb", ".md", ".txt")
OFFICE = (".xlsx", ".docx")
# `root` and its like name nobody, and stand in style sheets
NOBODY = {"root", "user", "admin", "administrator", "runner"}
_PICTURE = re.compile(r"data:image/\w+;base64,[A-Za-z0-9+/=\s]+")
_DRAWING = re.compile(r"\s(?:d|points|transform|viewBox)=\"[^\"]*\"")
_TAG = re.compile(r"<[^>]*>")
_ROW = re.compile(r"<tr.*?</tr>", re.S | re.I)
_CELL = re.compile(r"<t[hd][^>]*>(.*?)</t[hd]>", re.S | re.I)
# words, and words with what ids have between their parts; 0.036 is not the id 036
_WORDS = (re.compile(r"(?<![\w.])\w+(?!\w|\.\d)"), re.compile(r"(?<![\w.])\w[\w./:-]*\w"))
_MEANT = re.compile(r"\b(?:patient|pat|client|person|case|id|ref(?:erence)?|record)(?:[\s_]?(?:id|ref|no|number))?"
                    r"[\s:#=.\"'-]{1,4}(\w+)", re.I)
_PATH = re.compile(r"(?<![\w.:/<-])/(?:home|Users|root|tmp|var|mnt|media|opt|srv|private|Volumes)/\w"
                   r"|(?<![A-Za-z0-9])[A-Za-z]:\\+\w|\\\\[\w.-]+\\[\w$.-]+|file://")


def leaks(folder: Path, patient_ids: Iterable[str], private_folders: Iterable[Path]) -> list[str]:
    """What must not leave, in any file below `folder`: one line each with the file and the kind, never the value.

    Looked for: a patient's id, a table with one row a patient, NHS numbers, e-mail addresses and postcodes, paths of
    this machine (any, and `private_folders`), the user's name; in names, texts, and metadata of HTML, SVG, CSV, JSON,
    notebooks, PNG, XLSX and DOCX. A file of another kind cannot be looked into and counts as a leak. A short number
    could be a count: as an id it is found where a word such as *patient* stands before it, and in a column of ids.
    """
    ids = {text.casefold() for text in patient_ids}
    distinctive = {text for text in ids if _is_distinctive(text)}
    spaced = sorted(text for text in distinctive if not _WORDS[1].fullmatch(text))
    places = {str(place) for path in private_folders for place in (path.absolute(), path.resolve())
              if len(path.resolve().parts) > 1}
    places |= {place.replace("\\", "\\\\") for place in places}
    names = {getpass.getuser().casefold(), Path.home().name.casefold()} - NOBODY - {""}

    def kinds(text: str) -> Iterator[str]:
        folded = text.casefold()
        words = {word for pattern in _WORDS for word in pattern.findall(folded)}
        words |= {part for word in words if not word.replace(".", "").isdecimal() for part in re.split("[./:]", word)}
        if words & distinctive or any(spaced_id in folded for spaced_id in spaced) or ids.intersection(
                _MEANT.findall(folded)):
            yield "a patient's id"
        if kind := identifier_in(text):
            yield kind
        if _PATH.search(text) or any(place in text for place in places):
            yield "a path of this machine"
        if words & names:
            yield "the user's name"

    found: dict[str, None] = {}
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = file.relative_to(folder).as_posix()
        for kind in (*kinds(name), *_in_file(file, kinds)):
            found[f"{name}: {kind}"] = None
    return list(found)


def _is_distinctive(text: str) -> bool:
    """Whether an id can be told from a count or a word of the report wherever it stands."""
    if text.isdecimal():
        return len(text) >= 6 or (text.startswith("0") and len(text) >= 3)
    return len(text) >= 4 and any(map(str.isdecimal, text))


def _in_file(file: Path, kinds: Callable[[str], Iterator[str]]) -> Iterator[str]:
    content = file.read_bytes()
    if file.suffix == ".png":
        yield from _in_picture(content, kinds)
    elif file.suffix in OFFICE:
        yield from _in_office(file, content, kinds)
    elif file.suffix in TEXTS:
        yield from _in_text(file.suffix, content.decode("utf-8", "replace"), kinds)
    else:
        yield "a file of a kind that cannot be looked into"


def _in_text(suffix: str, text: str, kinds: Callable[[str], Iterator[str]]) -> Iterator[str]:
    if suffix in (".html", ".svg", ".ipynb", ".json"):
        text = _PICTURE.sub("", text)
    if suffix in (".html", ".svg"):
        text = _DRAWING.sub("", text)
        yield from _in_rows([[_plain(cell) for cell in _CELL.findall(row)] for row in _ROW.findall(text)])
        yield from kinds(_plain(text))
        yield from kinds(html.unescape(text))  # what stands in attributes and comments
    else:
        if suffix == ".csv":
            yield from _in_rows(list(csv.reader(io.StringIO(text))))
        yield from kinds(text)
        if suffix in (".json", ".ipynb"):
            yield from kinds(text.replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\"))


def _plain(markup: str) -> str:
    return html.unescape(_TAG.sub(" | ", markup)).strip(" |")


def _in_rows(rows: list[list[str]]) -> Iterator[str]:
    """A header with the id's name, or with several columns of the cohort: then the rows are patients."""
    columns = set(dictionary().index) - {"step"}
    for row in rows:
        names = {normalise(cell) for cell in row}
        if "patient_id" in names or len(names & columns) > 1:
            yield "a table with one row a patient"
            return


def _in_office(file: Path, content: bytes, kinds: Callable[[str], Iterator[str]]) -> Iterator[str]:
    """The cells and paragraphs, and every part of the package as text: properties, comments, relations."""
    if file.suffix == ".xlsx":
        import openpyxl

        sheets = openpyxl.load_workbook(io.BytesIO(content)).worksheets
        tables = [[["" if cell is None else str(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
                  for sheet in sheets]
        texts = [cell for rows in tables for row in rows for cell in row]
    else:
        import docx

        document = docx.Document(io.BytesIO(content))
        tables = [[[cell.text for cell in row.cells] for row in table.rows] for table in document.tables]
        texts = [paragraph.text for paragraph in document.paragraphs]
    for rows in tables:
        yield from _in_rows(rows)
    yield from kinds("\n".join(texts))
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        for part in package.namelist():
            if part.endswith((".xml", ".rels")):
                yield from kinds(_plain(package.read(part).decode("utf-8", "replace")))
            elif not part.endswith((".jpeg", "/")):  # the empty thumbnail of a new document
                yield "a part of a kind that cannot be looked into"


def _in_picture(content: bytes, kinds: Callable[[str], Iterator[str]]) -> Iterator[str]:
    """The texts that a PNG holds beside the picture; PNG specification, chapters 5 and 11."""
    place = 8
    while place + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[place:place + 8])
        body = content[place + 8:place + 8 + length]
        place += length + 12
        if kind in (b"zTXt", b"iTXt"):
            for text in (body, *_unpacked(body)):
                yield from kinds(text.replace(b"\0", b" ").decode("utf-8", "replace"))
        elif kind in (b"tEXt", b"eXIf"):
            yield from kinds(body.replace(b"\0", b" ").decode("latin-1"))
        elif kind == b"IEND":
            break
    if place < len(content):
        yield "something behind the end of a picture"


def _unpacked(body: bytes) -> list[bytes]:
    for begin in re.finditer(b"\x78", body):  # where a zlib stream begins
        with suppress(zlib.error):
            return [zlib.decompress(body[begin.start():])]
    return []
