"""What somebody who opens a file can read in it: its texts and tables, whatever the file is made of."""

import base64
import binascii
import csv
import html
import io
import json
import re
import struct
import unicodedata
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

UNKNOWN = "a file of a kind that cannot be looked into"
_END = "\x1f"  # between two texts that nobody reads as one
_DATA = re.compile(r"data:([\w/+.-]*)[\w;=-]*?(;base64)?,([^\"'\s<>)]*)")
# numbers that are drawn; a word among them is no path of a drawing
_DRAWING = re.compile(r"\s(?:d|points|transform|viewBox)=\""
                      r"(?:[MLHVCSQTAZmlhvcsqtaz](?=[\s\d.\"-])|translate|scale|matrix|rotate|[\s\d.,()-])*+\"")
# a colour and a cell's place in a sheet may look like an id
_NO_TEXT = re.compile(r"(?:fill|stroke|color|color w:val)(?:=\"|: ?)#?[0-9A-Fa-f]{6}\b"
                      r"|\bcalcId=\"\d+\"|\b(?:r|ref|sqref|activeCell|topLeftCell)=\"[A-Z]{1,3}\d+(?::[A-Z]{1,3}\d+)?\"")
_TEXT = re.compile(r"<text\b[^>]*>\s*(\S*?)\s*</text>", re.I)
_COMMENT = re.compile(r"<!--(.*?)-->", re.S)
_TAG = re.compile(r"<[^<>]*>")
_INLINE = re.compile(r"</?(?:a|abbr|b|bdi|bdo|big|cite|code|del|dfn|em|font|i|ins|kbd|mark|q|s|samp|small|span|strong|"
                     r"sub|sup|tspan|textPath|tt|u|var|wbr)\b[^<>]*>", re.I)
_BREAK = re.compile(r"<(?:w:)?(?:br|tab|cr)\b[^<>]*>", re.I)
# in Office files a text is a paragraph or a cell; all else within it is style
_OFFICE = re.compile(r"<(?!/?(?:\w+:)?(?:p|tc|tr|tbl|c|row|si|v|f|comment|author|definedName|(?:odd|even|first)"
                     r"(?:Header|Footer))[\s/>])[^<>]*>")
_ROW = re.compile(r"<tr\b.*?</tr>", re.S | re.I)
_CELL = re.compile(r"<t[hd]\b[^>]*>(.*?)</t[hd]>", re.S | re.I)
_ESCAPED = re.compile(r"\\u(?:\{0*([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{4}))|\\x([0-9A-Fa-f]{2})|\\(?=[-_.])")
# letters of other alphabets that look like Latin ones
_ALIKE = str.maketrans("АВЕЅІЈКМНОРСТХУаеіјорсухѕԁԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧοѵ",  # noqa: RUF001
                       "ABESIJKMHOPCTXYaeijopcyxsdqwABEZHIKMNOPTYXov")
_SILENT = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"bKGD", b"pHYs", b"tIME"}

_VERSION = re.compile(r"\d+(?:\.\d+)+")

Rows = list[list[str]]


@dataclass
class Reading:
    """The texts and tables of a file or several, each once, and what nobody can look into."""

    texts: dict[str, None] = field(default_factory=dict)
    tables: list[Rows] = field(default_factory=list)
    troubles: dict[str, None] = field(default_factory=dict)

    def file(self, name: str, content: bytes) -> None:
        """Read a file by the ending of its name."""
        kind = Path(name).suffix.lower()
        try:
            if kind == ".png":
                self._picture(content)
            elif kind in (".xlsx", ".docx"):
                self._office(kind, content)
            elif kind in (".html", ".svg"):
                self._markup(content.decode("utf-8", "replace"))
            elif kind in (".json", ".ipynb"):
                self._value(json.loads(content.decode("utf-8", "replace"), object_pairs_hook=tuple))
            elif kind == ".csv":
                self._rows(content.decode("utf-8", "replace"))
            elif kind in (".md", ".txt"):
                self._markup(content.decode("utf-8", "replace"))
            else:
                self.troubles[UNKNOWN] = None
        except Exception:  # whatever is wrong with it: what cannot be read cannot be shared
            self.troubles["a file that cannot be read"] = None

    def text(self, text: str) -> None:
        for part in text.split(_END):
            if part := part.strip():
                self.texts[part] = None

    def _rows(self, text: str) -> None:
        rows = list(csv.reader(io.StringIO(text)))
        self._table(rows)
        for row in rows:
            if len(row) != len(rows[0]):  # a comma of a text, and no end of a cell
                self.text(",".join(row))

    def _table(self, rows: Rows) -> None:
        self.tables.append(rows)
        for row in rows:
            for cell in row:
                self.text(cell)

    def _markup(self, text: str, inline: re.Pattern = _INLINE) -> None:
        """What is seen, with tags within a word left out; and tags and comments themselves."""
        text = _DATA.sub(self._embedded, text)
        text = _DRAWING.sub("", text)
        if re.search("<bdo|bidi-override", text, re.I):
            self.troubles["a text that runs backwards"] = None
        if "<tr" in text.casefold():
            self.tables.append([[html.unescape(_TAG.sub("", cell)).strip() for cell in _CELL.findall(row)]
                                for row in _ROW.findall(text)])
        for comment in _COMMENT.findall(text):
            self.text(comment)
        text = _COMMENT.sub("", text)
        for tag in dict.fromkeys(_TAG.findall(text)):
            self.text(html.unescape(_NO_TEXT.sub("", tag.strip("<>/"))))
        if "<text" in text:  # of a drawing may hold a letter each
            self.text("".join(f"{letter}" if len(letter) == 1 else _END for letter in _TEXT.findall(text)))
        self.text(html.unescape(_TAG.sub(_END, inline.sub("", _BREAK.sub("\n", text)))))

    def _embedded(self, found: re.Match) -> str:
        kind, is_base64, content = found.groups()
        try:
            content = base64.b64decode(content, validate=True) if is_base64 else unquote(content).encode()
        except binascii.Error:
            return found.group()
        endings = {"image/png": "a.png", "image/svg+xml": "a.svg", "text/html": "a.html"}
        self.file(endings.get(kind, "a.txt" if kind.startswith("text/") or not kind else kind), content)
        return ""

    def _value(self, value, key: str = "") -> None:
        """A value of a JSON file; an object is a tuple of its pairs, a key that stands there twice included."""
        if isinstance(value, tuple):
            self.tables.append([[name for name, entry in value  # a kernel's name, a cell's id, a package
                                  if name not in ("name", "id") and not _VERSION.fullmatch(str(entry))]])
            for name, entry in value:
                self.text(f"{name}: {entry}" if isinstance(entry, str | int) else name)
                self._value(entry, name)
        elif isinstance(value, list):
            if all(isinstance(entry, str) for entry in value):
                self._value("".join(value), key)
            for entry in value:
                self._value(entry)
        elif key == "image/png":
            self.file("a.png", base64.b64decode(value))
        elif isinstance(value, str) and ("<" in value or "data:" in value):
            self._markup(value)
        else:
            self.text(str(value))

    def _office(self, kind: str, content: bytes) -> None:
        """The tables, and every part of the package: properties, comments, relations, pictures."""
        import docx
        import openpyxl
        from openpyxl.writer.theme import theme_xml

        if kind == ".xlsx":
            for sheet in openpyxl.load_workbook(io.BytesIO(content)).worksheets:
                self._table([["" if cell is None else str(cell) for cell in row]
                             for row in sheet.iter_rows(values_only=True)])
        else:
            for table in docx.Document(io.BytesIO(content)).tables:
                self._table([[cell.text for cell in row.cells] for row in table.rows])
        usual = zipfile.ZipFile(Path(docx.__file__).parent / "templates" / "default.docx")
        usual_parts = {usual.read(name) for name in usual.namelist()} | {theme_xml.encode()}  # its thumbnail for one
        with usual, zipfile.ZipFile(io.BytesIO(content)) as package:
            if package.comment or not content.startswith(b"PK"):
                self.troubles["something beside the parts of a file"] = None
            for part in package.infolist():
                body = package.read(part)
                if part.is_dir() or body in usual_parts:  # as in every new document
                    continue
                self.text(part.filename)
                if part.filename.endswith((".xml", ".rels", ".vml")):
                    inline = _OFFICE if part.filename.startswith(("word/", "xl/")) else _INLINE
                    self._markup(body.decode("utf-8", "replace"), inline)
                elif part.filename.endswith(".png"):
                    self._picture(body)
                else:
                    self.troubles["a part of a kind that cannot be looked into"] = None

    def _picture(self, content: bytes) -> None:
        """The texts that a PNG holds beside the picture; PNG specification, chapters 5 and 11."""
        place = 8
        while place + 8 <= len(content):
            length, kind = struct.unpack(">I4s", content[place:place + 8])
            body = content[place + 8:place + 8 + length]
            place += length + 12
            if kind not in _SILENT:
                for text in (body, *_unpacked(body)):
                    self.text(text.replace(b"\0", b" ").decode("utf-8", "replace"))
                    self.text(text.replace(b"\0", b" ").decode("latin-1"))
            elif kind == b"IEND":
                break
        if place < len(content):
            self.troubles["something behind the end of a picture"] = None


def _unpacked(body: bytes) -> list[bytes]:
    for begin in re.finditer(b"\x78", body):  # where a zlib stream begins
        with suppress(zlib.error):
            return [zlib.decompress(body[begin.start():])]
    return []


def plain(text: str) -> str:
    """A text as a person sees it: escapes resolved, letters and digits of one kind, nothing invisible, `-` and blanks.

    What is written from right to left stands there a second time the other way round, what has tags without them.
    """
    for _ in range(4):  # an escape of an escape, and so on
        before = text
        if "&" in text:
            text = html.unescape(text)
        if "%" in text:
            text = unquote(text)
        if "\\" in text:
            text = _ESCAPED.sub(_letter, text)
        if text == before:
            break
    if "<" in text:
        text += f"\n{_TAG.sub('', _BREAK.sub(' ', text))}"
    if text.isascii() and text.isprintable():
        return text
    if "\u202e" in text:
        text += f"\n{text[::-1]}"
    return "".join(map(_seen, unicodedata.normalize("NFKD", text).translate(_ALIKE)))


def _letter(escaped: re.Match) -> str:
    code = next(filter(None, escaped.groups()), "")
    return chr(min(int(code, 16), 0x10ffff)) if code else ""


def _seen(letter: str) -> str:
    if letter.isascii():
        return letter if letter.isprintable() or letter in "\n\r\t" else ""
    match unicodedata.category(letter):
        case "Nd":
            return str(unicodedata.decimal(letter))
        case "Pd":
            return "-"
        case "Zs" | "Zl" | "Zp":
            return " "
        case "Mn" | "Me" | "Cf" | "Cc" | "Cs" | "Cn" | "Co":
            return ""
    return "-" if letter == "\u2212" else letter
