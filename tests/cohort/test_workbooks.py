"""Cells of workbooks. Oracles: openpyxl, which reads the same files, and sheets written by hand (ECMA-376, part 1)."""

import datetime as dt
import random
import zipfile

import openpyxl
import pytest
from openpyxl.utils.datetime import MAC_EPOCH, WINDOWS_EPOCH

from durability_utils.cohort import workbooks
from durability_utils.cohort.workbooks import cell_text, sheet_rows
from durability_utils.study.errors import InputError
from durability_utils.study.parameters import PROJECT

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"


def by_openpyxl(path) -> list[tuple[int, list[str]]]:
    sheet = openpyxl.load_workbook(path, read_only=True, data_only=True).worksheets[0]
    rows = [[cell_text(value) for value in row] for row in sheet.iter_rows(values_only=True)]
    last = [max((at for at, text in enumerate(row, 1) if text), default=0) for row in rows]
    return [(line, row[:end]) for line, (row, end) in enumerate(zip(rows, last, strict=True), start=1) if end]


def some_cell(rng: random.Random):
    day = dt.datetime(2016, 1, 1) + dt.timedelta(rng.randrange(-40_000, 30_000))
    return rng.choice([
        None, rng.randrange(-5, 400), rng.random() * 100, round(rng.random(), rng.randrange(5)),
        10 ** rng.randrange(22), rng.randrange(10 ** 15),
        rng.random() < .5, day.date(), day + dt.timedelta(seconds=rng.randrange(86_400)),
        day + dt.timedelta(milliseconds=rng.randrange(86_400_000)), dt.time(rng.randrange(24), rng.randrange(60), 7),
        dt.timedelta(seconds=rng.randrange(10 ** 6)), rng.choice(["#N/A", "#DIV/0!", "#REF!", "#NAME?", "#VALUE!"]),
        rng.choice(["é", "  x ", "a&b <c>", "\n", "007", 't="e"', "<f>", "</row>", "TRUE", "1e5"])])


@pytest.mark.parametrize("block", [300, 4_000_000])
@pytest.mark.parametrize("epoch", [WINDOWS_EPOCH, MAC_EPOCH])
def test_every_kind_of_cell_is_the_text_that_openpyxl_gives(tmp_path, monkeypatch, epoch, block):
    monkeypatch.setattr(workbooks, "BLOCK_BYTES", block)
    rng, book = random.Random(4), openpyxl.Workbook()
    book.epoch = epoch
    for line in {*range(5, 150)} - {7, 8, 100}:  # rows and columns may begin late, and lack in between
        for column in range(3, 20):
            value = some_cell(rng)
            if epoch == WINDOWS_EPOCH or not isinstance(value, dt.date) or value.year > 1904:
                book.active.cell(line, column).value = value
    book.save(tmp_path / "a.xlsx")
    assert list(sheet_rows(tmp_path / "a.xlsx", None)) == by_openpyxl(tmp_path / "a.xlsx")


def test_the_synthetic_workbook_cell_by_cell():
    path = PROJECT / "data" / "raw" / "service_d.xlsx"
    assert list(sheet_rows(path, None)) == by_openpyxl(path)


@pytest.fixture
def rows(tmp_path):
    """rows(sheet data): the rows of a workbook whose only sheet has this XML within its sheetData."""
    def of(data: str, main: str = MAIN, prefix: str = "", before: str = "", after: str = "", properties: str = ""):
        office, package = ("http://schemas.openxmlformats.org/" + name for name in (
            "officeDocument/2006/relationships", "package/2006/relationships"))
        if main == STRICT:
            office = "http://purl.oclc.org/ooxml/officeDocument/relationships"
        name = f"xmlns:{prefix[:-1]}" if prefix else "xmlns"
        with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as book:
            for folder, kind, target in (("", "officeDocument", "xl/workbook.xml"),
                                         ("xl/", "worksheet", "/xl/worksheets/one.xml")):
                book.writestr(f"{folder}_rels/{'workbook.xml' if folder else ''}.rels",
                              f'<Relationships xmlns="{package}"><Relationship Id="r1" Type="{office}/{kind}" '
                              f'Target="{target}"/>' + (folder and f'<Relationship Id="r2" Target="sharedStrings.xml" '
                                                        f'Type="{office}/sharedStrings"/>') + "</Relationships>")
            book.writestr("xl/workbook.xml", f'<workbook xmlns="{main}" xmlns:r="{office}">{properties}<sheets>'
                                             '<sheet name="One" sheetId="1" r:id="r1"/></sheets></workbook>')
            book.writestr("xl/sharedStrings.xml", f'<sst xmlns="{main}"><si><t>id</t></si><si><r><t>ri</t></r><r>'
                                                  '<t>ch</t></r><rPh><t>not</t></rPh></si></sst>')
            book.writestr("xl/worksheets/one.xml", f'<{prefix}worksheet {name}="{main}">{before}<{prefix}sheetData>'
                                                   f"{data}</{prefix}sheetData>{after}</{prefix}worksheet>")
        return list(sheet_rows(tmp_path / "a.xlsx", None))
    return of


class TestXml:
    def test_texts_shared_by_cells_and_what_calamine_gives_otherwise(self, rows):
        assert rows('<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row>'
                    '<row r="3"><c r="B3"><v>9007199254740993</v></c><c r="C3" t="e"><f>A1/0</f><v>#DIV/0!</v></c>'
                    '<c r="D3" t="d"><v>2016-06-01T10:00:00</v></c><c r="AA3" t="b"><v>1</v></c></row>') == [
            (1, ["id", "", "rich"]),
            (3, ["", "9007199254740993", "#DIV/0!", "2016-06-01 10:00:00", *[""] * 22, "True"])]

    def test_cells_may_tell_no_place_and_tags_may_have_a_prefix(self, rows):
        assert rows('<row><c t="s"><v>0</v></c><c/><c t="e"><v>#N/A</v></c></row><row/>'
                    '<row><c t="e"><v>#REF!</v></c></row>') == [(1, ["id", "", "#N/A"]), (3, ["#REF!"])]
        assert rows('<x:row r="2"><x:c r="B2" t="e"><x:v>#N/A</x:v></x:c></x:row>', prefix="x:") == [(2, ["", "#N/A"])]
        assert rows('<row r="1"><c r="A1" t="s"><v>0</v></c></row>', main=STRICT) == [(1, ["id"])]

    @pytest.mark.parametrize("cell", ['<c r="B4"><f>1+1</f></c>', '<c r="B4"><f t="shared" si="0"/><v/></c>',
                                      '<c r="B4"><f>1+1</f><v></v></c>', '<c><f>1+1</f></c>'])
    def test_a_formula_without_a_result_is_refused_with_its_line(self, rows, monkeypatch, cell):
        before = "".join(f'<row r="{line}"><c r="A{line}"><v>1</v></c></row>' for line in (1, 2, 3))
        for block in (40, 4_000_000):
            monkeypatch.setattr(workbooks, "BLOCK_BYTES", block)
            with pytest.raises(InputError, match=r"^a.xlsx: line 4: a formula whose result was never saved"):
                rows(f'{before}<row r="4">{cell}</row><row r="5"><c r="A5"><v>1</v></c></row>')

    def test_a_formula_with_a_result_is_read_the_empty_text_too(self, rows):
        assert rows('<row r="1"><c r="A1"><f>1+1</f><v>2</v></c><c r="B1" t="str"><f>""</f><v></v></c>'
                    '<c r="C1" t="str"><f>"a"</f><v>a</v></c></row>') == [(1, ["2", "", "a"])]

    def test_days_of_a_workbook_that_counts_from_1904(self, rows, tmp_path):
        book = openpyxl.Workbook()
        book.epoch = MAC_EPOCH
        book.active.append([dt.date(2016, 6, 30), 41089])  # a number that is not formatted as a day stays one
        book.save(tmp_path / "a.xlsx")
        assert list(sheet_rows(tmp_path / "a.xlsx", None)) == [(1, ["2016-06-30", "41089"])]

    @pytest.mark.parametrize("far", ['<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
                                     '<row r="9"><c r="ZZZZZZZ9"><v>1</v></c></row>',
                                     '<row r="99999999999"><c r="A99999999999"><v>1</v></c></row>'])
    def test_one_cell_far_out_does_not_end_the_process(self, rows, far):
        with pytest.raises(InputError, match=r"^a.xlsx: too large for this machine's memory: the last cell of"):
            rows(f'<row r="1"><c r="A1"><v>1</v></c></row>{far}')

    def test_far_out_but_empty_is_nothing(self, rows):
        assert rows('<row r="1"><c r="A1"><v>1</v></c><c r="XFD1" s="0"/></row><row r="1048576">'
                    '<c r="XFD1048576" s="0"/></row>') == [(1, ["1"])]

    @pytest.mark.parametrize("data", ['<row r="1"><c r="A1" t="s"><v>77</v></c></row>',  # no such shared text
                                      '<row r="0"><c r="A0"><v>1</v></c></row>', '<row r="1"><c r="A1"><v>'])
    def test_what_cannot_be_read_is_no_workbook(self, rows, data):
        with pytest.raises(InputError, match=r"^a.xlsx: not a table: no Excel workbook \(.xlsx\)$"):
            rows(data)
