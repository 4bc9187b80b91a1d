"""What reading passes over in silence. Oracle: files written by hand, each with one thing to note."""

import openpyxl
import pytest

from durability_utils.cohort import file_notes as module
from durability_utils.cohort.file_notes import file_notes
from durability_utils.study.column_maps import ColumnMap

HEADER = "id,a,b\n"
ROWS = "p1,1,2\np2,3,4\n"


@pytest.fixture
def notes(tmp_path):
    """notes(content, name="a.csv", **what a column map says of the file): {name: what it means}"""
    def of(content: str | bytes, name: str = "a.csv", **file):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return {note.name: note.means for note in file_notes(path, ColumnMap(columns={}, file=file))}
    return of


class TestText:
    @pytest.mark.parametrize("content", [HEADER + ROWS, (HEADER + ROWS).strip(), HEADER + "é,€,â\nÂge,Ã,São\nSÃO,1,2",
                                         HEADER + '"p\n1",1,2\n"p\n2",3,4', "", HEADER, "id\np1\np2",
                                         HEADER + "p1\np2,1\np3\n",  # a program that leaves blanks out at the end
                                         HEADER + ROWS + "exported in June\n"])
    def test_of_a_sound_file_there_is_nothing_to_say(self, notes, content):
        assert notes(content) == {}

    @pytest.mark.parametrize(("end", "means"), [
        ("p3,1", "the last line has 2 cells and the one before it 3, and no line end: was the file written to its "),
        ("p3", "the last line has 1 cell and the one before it 3, and no line end"),
        ("p3,1\n", "the last line has 2 cells and the one before it 3: was"),
        ("p3,1\r\n", "the last line has 2 cells and the one before it 3: was")])
    @pytest.mark.parametrize("rows", [1, 30_000])
    def test_a_file_that_ends_in_the_middle(self, notes, rows, end, means):
        assert notes(HEADER + ROWS * rows + end)["file_ends_in_the_middle"].startswith(means)
        title = "Extract of June\n\n" + HEADER
        assert notes(title + ROWS * rows + end, header=3)["file_ends_in_the_middle"].startswith(means)
        wide = (HEADER + ROWS * rows + end).encode("utf-16-le")
        assert "file_ends_in_the_middle" in notes(wide, encoding="utf-16-le")

    @pytest.mark.parametrize("block", [1, 7, 4_000_000])
    def test_signs_that_no_export_should_hold_with_their_lines(self, notes, monkeypatch, block):
        monkeypatch.setattr(module, "BLOCK", max(block, 2))
        found = notes(HEADER + ROWS + "p3,Ã©,Ã©\np4,\0,1\np5,it\ufffds,2\np6,x,2\np7,\ufffd,2\n")
        assert {name: means.partition(":")[0] for name, means in found.items()} == {
            "two_encodings": "line 4", "nul_bytes": "line 5", "lost_letters": "line 6 and 1 other line"}

    @pytest.mark.parametrize(("content", "encoding"), [
        ("é".encode().decode("cp1252").encode(), "utf-8"), ("€".encode().decode("cp1252").encode(), "utf-8"),
        ("Ü£".encode().decode("cp1252").encode(), "utf-8"),
        ("é".encode("cp1252") + "é".encode(), "windows-1252"), ("€".encode(), "latin-1")])
    def test_text_in_two_encodings(self, notes, content, encoding):
        assert list(notes(HEADER.encode() + b"p1,2," + content, encoding=encoding)) == ["two_encodings"]

    def test_lines_that_the_map_skips(self, notes):
        content = "title\n\n" + HEADER + "question,question,question\nx,y,z\n" + ROWS
        assert notes(content, header=3, data=6) == {
            "lines_skipped": "2 lines above the header and 2 between header and data skipped, as the column map says"}
        assert notes("title\n" + HEADER + ROWS, header=2) == {
            "lines_skipped": "1 line above the header skipped, as the column map says"}


class TestWorkbook:
    def test_sheets_hidden_rows_and_columns_and_merged_cells(self, tmp_path):
        book = openpyxl.Workbook()
        for row in (["Extract"], ["id", "a", "b"], ["p1", 1, 2], ["p2", 3, 4], ["p3", 5, 6]):
            book.active.append(row)
        book.active.merge_cells("A1:C1")  # of the title, above the header
        book.active.merge_cells("A4:A5")
        for line in (3, 5):
            book.active.row_dimensions[line].hidden = True
        book.active.column_dimensions["B"].hidden = True
        book.active.column_dimensions.group("D", "XFD", hidden=True)  # nothing stands there
        book.create_sheet("May").append(["p0"])
        book.create_sheet("empty")
        book.save(tmp_path / "a.xlsx")
        assert file_notes(tmp_path / "a.xlsx", ColumnMap(columns={}, file={"header": 2})) == [
            ("other_sheets", "only sheet 'Sheet' is read, not May"),
            ("hidden_rows", "2 hidden rows in sheet 'Sheet', read as the others are"),
            ("hidden_columns", "1 hidden column in sheet 'Sheet', read as the others are"),
            ("merged_cells", "1 range of merged cells: only the first cell of each has a value, the others "
                                        "are read as blank"),
            ("lines_skipped", "1 line above the header skipped, as the column map says")]
        of_may = file_notes(tmp_path / "a.xlsx", ColumnMap(columns={}, file={"sheet": "May"}))
        assert [note.name for note in of_may] == ["other_sheets"]

    def test_of_other_formats_nothing_is_known(self, tmp_path):
        assert file_notes(tmp_path / "a.parquet", ColumnMap(columns={})) == []
