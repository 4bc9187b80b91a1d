"""A Word document of numbered tables, to paste into a paper: A4, three rules, fitted columns, notes below.

It knows nothing of disclosure control: whatever it is given, it writes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import docx
import pandas as pd
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

FONT, SIZE = "Arial", 8.5  # of tables, in points
MEASURED = FontProperties(family="DejaVu Sans", size=SIZE)  # wherever it runs; each letter at least as wide as in Arial
A4, MARGIN = (21.0, 29.7), 2.0  # cm
PADDING = 6.0  # points of a cell's margins, left and right together
KEPT = 42  # rows of a table that is kept on one page


class Section(NamedTuple):
    """A part of a page or of a document: heading with its level, text, table, notes, figures by the path of the PNG.

    A row of the table whose cells are blank but for the first is a heading of the rows below it.
    """

    level: int
    heading: str
    text: str = ""
    table: pd.DataFrame | None = None
    figures: Sequence[str] = ()
    notes: str = ""


def write_document(path: Path, title: str, notices: Sequence[str], tables: Sequence[Section],
                   chapters: Sequence[Section]) -> None:
    """Write the tables, numbered, each with heading and text as its caption, and then the chapters with headings.

    notices: paragraphs below the title; the first one heads every page. Tables are of texts.
    """
    document = docx.Document()
    document.core_properties.author = document.core_properties.comments = ""
    document.core_properties.title = title
    _set_styles(document)
    page = document.sections[0]
    page.page_width, page.page_height = map(Cm, A4)
    page.left_margin = page.right_margin = page.bottom_margin = Cm(MARGIN)
    page.top_margin = Cm(MARGIN + 0.5)  # its header may have two lines
    page.header.paragraphs[0].text = ". ".join([title, *notices[:1]])
    foot = page.footer.paragraphs[0]
    foot.alignment = WD_ALIGN_PARAGRAPH.CENTER
    _add_field(foot, "PAGE", "1")
    document.add_heading(title, 0)
    for notice in notices:
        document.add_paragraph(notice)
    for number, section in enumerate(tables, start=1):
        caption = document.add_paragraph(style="Caption")
        caption.add_run("Table ").bold = True
        _add_field(caption, "SEQ Table \\* ARABIC", str(number))
        caption.add_run(f". {section.heading}.").bold = True
        caption.add_run(f" {section.text}")
        _add_table(document, section.table, with_next=True)
        document.add_paragraph(section.notes, style="Notes")
    for section in chapters:
        document.add_heading(section.heading, section.level)
        if section.text:
            document.add_paragraph(section.text).paragraph_format.keep_with_next = section.table is not None
        if section.table is not None:
            _add_table(document, section.table)
    document.save(path)


def fitted(table: pd.DataFrame, room: float) -> list[float]:
    """The width of each column in points, together at most `room`: no less than its longest word, but where these have
    no room the widest column gives way; then as its longest cell, and what is left for its name. Non-breaking spaces
    hold words together.
    """
    rows = table[~_is_heading(table)]
    names, cells = list(map(str, table.columns)), [list(rows.iloc[:, at]) for at in range(table.shape[1])]
    widths = [max(_width(word) for text in (name, *column) for word in text.split(" ")) + PADDING
              for name, column in zip(names, cells, strict=True)]
    if sum(widths) > room:  # a code of many letters: the numbers beside it stay whole
        widest = widths.index(max(widths))
        widths[widest] = max(widths[widest] + room - sum(widths), 4 * PADDING)
        return widths
    for texts in (cells, [[name] for name in names]):
        wished = [max(width, *(_width(text) + PADDING for text in column))
                  for width, column in zip(widths, texts, strict=True)]
        more = sum(wished) - sum(widths)
        share = min(1.0, (room - sum(widths)) / more) if more else 0.0
        widths = [low + share * (high - low) for low, high in zip(widths, wished, strict=True)]
    return widths


def _width(text: str) -> float:
    return text_to_path.get_text_width_height_descent(text, MEASURED, ismath=False)[0] if text else 0.0


def _is_heading(table: pd.DataFrame) -> pd.Series:
    return table.iloc[:, 1:].eq("").all(axis=1) & (table.shape[1] > 1)


def _set_styles(document) -> None:
    styles = document.styles
    language = styles.element.find(f".//{qn('w:rPrDefault')}//{qn('w:lang')}")
    language.set(qn("w:val"), "en-GB")
    for name in ("Cell", "Notes"):
        styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH).base_style = styles["Normal"]
    for name, size, before, after in [
            ("Normal", 10, 0, 6), ("Title", 16, 0, 8), ("Heading 1", 14, 18, 6), ("Heading 2", 11, 12, 4),
            ("Header", 8, 0, 0), ("Footer", 8, 0, 0), ("Caption", 10, 14, 4), ("Cell", SIZE, 1.5, 1.5),
            ("Notes", 8, 3, 6)]:
        style = styles[name]
        style.font.name, style.font.size, style.font.color.rgb = FONT, Pt(size), RGBColor(0, 0, 0)
        fonts = style.element.rPr.rFonts
        for theme in [key for key in fonts.attrib if key.endswith("Theme")]:
            del fonts.attrib[theme]  # a theme's font would go before
        space = style.paragraph_format
        space.space_before, space.space_after, space.line_spacing = Pt(before), Pt(after), 1.0
    styles["Caption"].font.bold = False
    styles["Caption"].paragraph_format.keep_with_next = True
    border = styles["Title"].element.pPr.find(qn("w:pBdr"))
    styles["Title"].element.pPr.remove(border)


def _add_table(document, cells: pd.DataFrame, *, with_next: bool = False) -> None:
    """Three rules, the header repeated on each page and kept with the rows that follow.

    with_next: its notes follow, on the page of its last row; and if it is short it stands on one page.
    """
    widths = fitted(cells, Cm(A4[0] - 2 * MARGIN).pt)
    rows = [list(map(str, cells.columns)), *cells.to_numpy().tolist()]
    headings = [False, *_is_heading(cells)]
    right = [_holds_numbers(cells.iloc[:, at]) for at in range(cells.shape[1])]
    table = document.add_table(len(rows), len(widths))
    table.autofit = False
    _set(table._tbl.tblPr, "w:tblBorders", top=_RULE, bottom=_RULE)
    margin = {"w": round(10 * PADDING), "type": "dxa"}  # half of it in twentieths of a point
    _set(table._tbl.tblPr, "w:tblCellMar", left=margin, right=margin)
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Pt(width)
    for at, (row, texts) in enumerate(zip(table.rows, rows, strict=True)):
        _set(row._tr.get_or_add_trPr(), "w:cantSplit")
        if at == 0:
            _set(row._tr.trPr, "w:tblHeader")
        ends = at in (0, 1, len(rows) - 2) or headings[at]
        kept = with_next if at == len(rows) - 1 else ends or (with_next and len(rows) <= KEPT)
        for cell, text, width, is_number in zip(row.cells, texts, widths, right, strict=True):
            cell.width = Pt(width)
            paragraph = cell.paragraphs[0]
            paragraph.style, paragraph.paragraph_format.keep_with_next = "Cell", kept
            paragraph.add_run(text).italic = headings[at] or None
            if is_number:
                paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
            if at == 0:
                _set(cell._tc.get_or_add_tcPr(), "w:tcBorders", bottom=_RULE)
        if headings[at]:
            row.cells[0].merge(row.cells[-1])
            for empty in row.cells[0].paragraphs[1:]:
                empty._p.getparent().remove(empty._p)


_RULE = {"val": "single", "sz": 6, "space": 0, "color": "000000"}


def _holds_numbers(column: pd.Series) -> bool:
    words = column[column != ""].str.match(r"[A-Za-z]{2}")
    return len(words) > 0 and not words.any()


def _set(parent, tag: str, **children: dict[str, str | int]) -> None:
    """A property of a table, row or cell, at the place that the schema has for it."""
    element = OxmlElement(tag)
    for name, attributes in children.items():
        child = OxmlElement(f"w:{name}")
        for key, value in attributes.items():
            child.set(qn(f"w:{key}"), str(value))
        element.append(child)
    after = {"w:tblBorders": ("w:shd", "w:tblLayout", "w:tblCellMar", "w:tblLook"), "w:tblCellMar": ("w:tblLook",),
             "w:tcBorders": ("w:shd", "w:vAlign")}.get(tag, ())
    behind = next((found for name in after if (found := parent.find(qn(name))) is not None), None)
    parent.append(element) if behind is None else behind.addprevious(element)


def _add_field(paragraph, instruction: str, text: str) -> None:
    """What Word counts itself, as the number of a table, with the text until it does."""
    for kind in ("begin", instruction, "separate", text, "end"):
        run = paragraph.add_run()
        run.bold = paragraph.style.name == "Caption" or None
        if kind == text:
            run.text = text
        elif kind == instruction:
            element = OxmlElement("w:instrText")
            element.text = instruction
            run._r.append(element)
        else:
            element = OxmlElement("w:fldChar")
            element.set(qn("w:fldCharType"), kind)
            run._r.append(element)
