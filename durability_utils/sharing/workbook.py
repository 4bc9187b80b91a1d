"""An Excel workbook that says what it holds: a sheet of contents, then a sheet a table, with numbers as numbers.

It knows nothing of disclosure control: whatever it is given, it writes.
"""

import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.hyperlink import Hyperlink

WIDEST, LINE = 60, 15  # characters, points
BOLD = Font(name="Calibri", size=11, bold=True)


class Share(float):
    """A number from 0 to 1 that is read in per cent."""


class PValue(float):
    """A number that is read with three decimals."""


FORMATS = {int: "#,##0", Share: "0 %", PValue: "0.000", float: "0.0"}


class Sheet(NamedTuple):
    """A table with its name, in a line what it holds, and of whom.

    Numbers are of the kinds of FORMATS, in columns of objects, lest pandas makes plain floats of them.
    """

    name: str
    holds: str
    of_whom: str
    table: pd.DataFrame


def write_workbook(path: Path, title: str, notices: Sequence[str], sheets: Sequence[Sheet]) -> None:
    """Write the sheets behind one that lists them with links, below the title and the notices."""
    book = Workbook()
    book.properties.creator, book.properties.title = "", title
    contents = book.active
    contents.title = "Contents"
    for text in (title, *notices):
        contents.append([text])
        contents.merge_cells(start_row=contents.max_row, end_row=contents.max_row, start_column=1, end_column=4)
        cell = contents.cell(contents.max_row, 1)
        cell.alignment = Alignment(wrap_text=True, vertical="top")
        contents.row_dimensions[cell.row].height = LINE * (1 + len(text) // 110)
    contents["A1"].font = Font(name="Calibri", size=14, bold=True)
    contents.append([])
    contents.append(["Sheet", "What it holds", "Of whom", "Rows"])
    for cell in contents[contents.max_row]:
        cell.font = BOLD
    for sheet in sheets:
        added = book.create_sheet(re.sub(r"[\[\]:*?/\\]", " ", sheet.name)[:28])  # two alike get a number behind
        _fill(added, sheet.table)
        contents.append([added.title, sheet.holds, sheet.of_whom, len(sheet.table)])
        link = contents.cell(contents.max_row, 1)
        link.hyperlink = Hyperlink(ref=link.coordinate, location=f"'{added.title}'!A1")
        link.style = "Hyperlink"
    for column, width in zip("ABCD", (30, 56, 50, 8), strict=True):
        contents.column_dimensions[column].width = width
    _set_page(contents)
    book.save(path)


def _fill(sheet, table: pd.DataFrame) -> None:
    for texts in ([list(table.columns)], table.astype("object").itertuples(index=False, name=None)):
        for row in texts:
            sheet.append([None if cell == "" else cell for cell in row])
    columns = table.astype("str").to_dict("list")
    widths = [min(WIDEST, max(max(map(len, str(name).split()), default=0) + 3,  # a header may stand in two lines
                              len(str(name)) // 2 + 3, *map(len, texts)) + 2) for name, texts in columns.items()]
    for column in sheet.iter_cols():
        numbers = any(isinstance(cell.value, int | float) for cell in column)
        for cell in column:
            cell.number_format = FORMATS.get(type(cell.value), "General")
            if cell.data_type == "f":  # a text that begins with = is no formula
                cell.data_type = "s"
            cell.alignment = Alignment(horizontal="right" if numbers else None, vertical="top",
                                       wrap_text=len(str(cell.value or "")) > WIDEST - 2 or cell.row == 1)
    for at, row in enumerate(zip(*columns.values(), strict=True), start=2):  # else lines lie over each other
        sheet.row_dimensions[at].height = LINE * max(len(textwrap.wrap(text, WIDEST - 8)) or 1 for text in row)
    for cell in sheet[1]:
        cell.font = BOLD
    sheet.row_dimensions[1].height = 2 * LINE
    sheet.freeze_panes = "B2"  # header and first column
    sheet.auto_filter.ref = sheet.dimensions
    sheet.print_title_rows = "1:1"
    _set_page(sheet)
    for at, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(at)].width = width


def _set_page(sheet) -> None:
    sheet.page_setup.paperSize, sheet.page_setup.orientation = sheet.PAPERSIZE_A4, "landscape"
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.page_setup.fitToHeight = 0
