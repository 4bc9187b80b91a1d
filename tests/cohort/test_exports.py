"""Reading exports as text, and the files that cannot be used. Oracle: docs/reference.md, sections 2 and 3."""

import csv
import datetime as dt
import os
import random
import re
import socket
import subprocess
import sys
import zipfile
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import openpyxl
import pandas as pd
import pyreadstat
import pytest
from conftest import canonical_rows, study_text, write_csv

from durability_utils.cohort import exports
from durability_utils.cohort.cleaning import clean_service
from durability_utils.cohort.exports import read_export
from durability_utils.study.column_maps import ColumnMap, canonical_columns
from durability_utils.study.columns import dictionary
from durability_utils.study.errors import InputError
from durability_utils.study.study_file import read_study

REQUIRED = ["patient_id", "consent_contact"]
HEADER = "patient_id,consent_contact,sessions"
VALID_NHS_NUMBER = "9990000085"
NEWLINES = "p1,yes,3\n" * 9000


def read_table(path, **file) -> pd.DataFrame:
    return read_export(path, ColumnMap(columns=canonical_columns().columns, file=file), REQUIRED)


@pytest.fixture
def read(tmp_path):
    """read(content, name="a.csv", **what a column map says of the file)"""
    def of(content: str | bytes, name: str = "a.csv", **file):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_table(path, **file)
    return of


def rows_of(table: pd.DataFrame) -> list[tuple]:
    return list(table.itertuples(name=None))


class TestText:
    @pytest.mark.parametrize(("content", "rows"), [
        (f"{HEADER}\n007, yes ,12.0\n7,,\n", [(2, "007", "yes", "12.0"), (3, "7", "", "")]),
        (" patient_id , consent_contact\np,yes", [(2, "p", "yes")]),  # the header is trimmed too
        (f"{HEADER}\np1,yes", [(2, "p1", "yes", "")]),  # a short row is blank at its end
        # line 3 is empty; the row of p2 begins on line 4 and ends on 5, so p3 stands on line 6
        (f'{HEADER}\np1,yes,3\n\np2,yes,"a\nb"\np3,no,4\n',
         [(2, "p1", "yes", "3"), (4, "p2", "yes", "a\nb"), (6, "p3", "no", "4")]),
        (f'{HEADER}\n"p,1",yes,"he said ""no"""', [(2, "p,1", "yes", 'he said "no"')]),
        (f"{HEADER}\np1,yes,3".encode("utf-8-sig"), [(2, "p1", "yes", "3")]),  # a byte order mark needs no map
        ("patient_id,consent_contact,x,x\np1,yes,1,2", [(2, "p1", "yes", "1", "2")]),  # an unmapped column twice
    ])
    def test_cells_stay_as_written_without_outer_blanks_and_lines_are_counted(self, read, content, rows):
        table = read(content)
        assert list(table.columns[:2]) == REQUIRED and rows_of(table) == rows

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_line_ends_of_every_system(self, read, end):
        assert rows_of(read(end.join([HEADER, "p1,yes,3", "p2,no,4", ""]))) == [
            (2, "p1", "yes", "3"), (3, "p2", "no", "4")]

    def test_utf_16_without_a_byte_order_mark_needs_its_full_name(self, read):
        content = f"{HEADER}\np1,yes,3".encode("utf-16-le")
        with pytest.raises(InputError, match=r"line 1: cannot be read as utf-16 .*in file: \{encoding: utf-16-le\}$"):
            read(content, encoding="utf-16")
        assert rows_of(read(content, encoding="utf-16-le")) == [(2, "p1", "yes", "3")]

    @pytest.mark.parametrize("block", [1, 2, 3, 4, 100])
    def test_blocks_of_any_size_give_one_table(self, read, monkeypatch, block):
        monkeypatch.setattr(exports, "BLOCK_ROWS", block)
        table = read(f'{HEADER}\np1,yes,3\n\np2, yes ,"a\nb"\np3\np4,no,4\n')
        assert rows_of(table) == [(2, "p1", "yes", "3"), (4, "p2", "yes", "a\nb"), (6, "p3", "", ""),
                                  (7, "p4", "no", "4")]
        assert [str(dtype) for dtype in table.dtypes] == ["str"] * 3
        with pytest.raises(InputError, match=r"^a.csv: line 5: 4 cells, but the header has 3 columns$"):
            read(f"{HEADER}\np1,yes,3\np2,yes,3\np3,yes,3\np4,yes,3,\n")


class TestUnusable:
    """Each gives one message with the file's name and what is wrong where, and no table."""

    @pytest.mark.parametrize(("content", "message"), [
        ("", "a.csv: the file is empty; expected a header"),
        ("\n\n", "a.csv: the file is empty"),
        (HEADER, "a.csv: no data row below the header"),
        (f"{HEADER}\n\n\n", "a.csv: no data row below the header"),
        (f"{HEADER}\np1,yes,3\np2,yes,3,4", "a.csv: line 3: 4 cells, but the header has 3 columns"),
        # the surplus cell is blank, but what stands before it may have shifted
        (f"{HEADER}\np1,yes,,3", "a.csv: line 2: 4 cells, but the header has 3 columns"),
        (f'{HEADER}\np1,yes,3\np2,yes,"3\np3,yes,4\n', "a.csv: line 3: a quote is opened and never closed"),
        (f'{HEADER}\np1,yes,"3"4', "a.csv: line 2: not a table"),
        (f"{HEADER}\nRené,yes,3".encode("cp1252"), "a.csv: line 2: cannot be read as utf-8-sig"),
        (f"{HEADER}\np1,yes,3".encode("utf-16"),
         "a.csv: line 1: cannot be read as utf-8-sig (invalid start byte); name its encoding in the column map, as "
         "in file: {encoding: utf-16}"),
        # far enough into the file that it is read in blocks
        (f"{HEADER}\n{NEWLINES}René,yes,3".encode("cp1252"), "a.csv: line 9002: cannot be read as utf-8-sig"),
        (random.Random(1).randbytes(5000), "a.csv: "),
        (bytes(range(128)) * 9, "a.csv: line "),
        (b"\0" * 999, "a.csv: line 1: the required column 'patient_id' is absent"),
        ("patient_id,sessions\np1,3",
         "a.csv: line 1: the required column 'consent_contact' is absent; found patient_id, sessions"),
        ("patient_id,consent_contact,Patient_ID\np1,yes,p2", "a.csv: line 1: the column 'patient_id' is there twice"),
        # no required column, but which of the two would be read?
        ("patient_id,consent_contact,age,age\np1,yes,1,2", "a.csv: line 1: the column 'age' is there twice"),
        (f"{HEADER}\np1,yes,3".replace(",", ";"),
         "a.csv: line 1: the required column 'patient_id' is absent; nor is any other"),
        (f"{HEADER}\np1,yes,3\n{VALID_NHS_NUMBER},yes,3", "a.csv: line 3: column 'patient_id' holds an NHS number"),
        ("patient_id,consent_contact,free text\np1,yes,\np2,yes,9999999999",
         "a.csv: line 3: column 'free text' holds an NHS number"),
        ("patient_id,consent_contact,x\np1,yes,ann@example.org", "a.csv: line 2: column 'x' holds an e-mail address"),
    ])
    def test_text_files(self, read, content, message):
        with pytest.raises(InputError, match=f"^{re.escape(message)}") as caught:
            read(content)
        assert VALID_NHS_NUMBER not in str(caught.value)

    def test_without_a_header_no_message_shows_the_first_patient(self, read):
        number = VALID_NHS_NUMBER
        for first in ("Ann Bee,yes,3", f"{number},yes,3", f"{number};yes;3", "ann@example.org,yes,3"):
            with pytest.raises(InputError, match=r"^a.csv: line [12]: ") as caught:
                read(f"{first}\np2,yes,3")
            assert not re.search("Ann|ann@|999", str(caught.value)), first

    def test_no_such_file_and_another_kind_of_file(self, tmp_path):
        (tmp_path / "a.pdf").write_text("x")
        for name, message in (("absent.csv", "absent.csv: no such file"), ("absent", "absent: no such file"),
                              ("a.pdf/a.csv", "a.csv: no such file"), ("a\0.csv", "a\0.csv: no such file"),
                              ("a.pdf", "a.pdf: not a table that can be read; expected one of .csv, .tsv, .txt, ")):
            with pytest.raises(InputError, match=f"^{re.escape(message)}"):
                read_table(tmp_path / name)
        columns = ColumnMap(columns=canonical_columns().columns, source="ask the data team")
        with pytest.raises(InputError, match=r"no such file. ask the data team"):  # the map says where it comes from
            read_export(tmp_path / "absent.csv", columns, REQUIRED)

    @pytest.mark.skipif(os.name != "posix", reason="what Windows has none of")
    @pytest.mark.parametrize("ending", ["csv", "xlsx", "sav", "none"])
    def test_what_is_no_file_is_not_opened(self, tmp_path, monkeypatch, ending):
        monkeypatch.chdir(tmp_path)  # the name of a socket may not be long
        (tmp_path / f"folder.{ending}").mkdir()
        os.mkfifo(f"pipe.{ending}")  # reading it would wait for ever
        (tmp_path / f"device.{ending}").symlink_to("/dev/zero")
        (tmp_path / f"loop.{ending}").symlink_to(f"loop.{ending}")
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(f"socket.{ending}")
            for name in ("folder", "pipe", "device", "socket"):
                with pytest.raises(InputError, match=f"^{name}.{ending}: a {name}; expected a file$"):
                    read_table(Path(f"{name}.{ending}"))
        with pytest.raises(InputError, match=f"^loop.{ending}: cannot be read: Too many levels of symbolic links$"):
            read_table(Path(f"loop.{ending}"))
        with pytest.raises(InputError, match=r"^a{100}\.\.\.: cannot be read: File name too long$"):
            read_table(Path(f"{'a' * 300}.{ending}"))
        with pytest.raises(InputError, match=r"^\.: a folder; expected a file$"):
            read_table(Path())

    @pytest.mark.parametrize("reader", ["csv.reader", "_read_parquet"])
    def test_what_does_not_fit_into_memory(self, read, monkeypatch, reader):
        def too_large(*_, **__):
            raise MemoryError
        monkeypatch.setattr(exports, *(("csv", SimpleNamespace(reader=too_large, Error=csv.Error)) if "csv" in reader
                                       else (reader, too_large)))
        name = "a.csv" if "csv" in reader else "a.parquet"
        with pytest.raises(InputError, match=f"^{name}: too large for this machine's memory$"):
            read(HEADER, name)

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file")
    def test_a_file_that_may_not_be_read(self, read, tmp_path):
        (tmp_path / "a.csv").touch(mode=0o000)
        with pytest.raises(InputError, match=r"^a.csv: cannot be read: Permission denied"):
            read_table(tmp_path / "a.csv")

    @pytest.mark.parametrize("encoding", ["utf-9", "rot13", "base64"])
    def test_an_encoding_that_is_none(self, read, encoding):
        with pytest.raises(InputError, match=f"^a.csv: '{encoding}' in the column map is no known encoding"):
            read(f"{HEADER}\np1,yes,3", encoding=encoding)

    @pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a.sav", "a.dta", "a.parquet"])
    def test_a_file_without_a_byte(self, read, name):
        with pytest.raises(InputError, match=f"^{name}: the file is empty; expected a header and one row a patient$"):
            read(b"", name)

    @pytest.mark.parametrize("junk", [
        b"\0" * 500, b"PK\x03\x04 and nothing more", random.Random(2).randbytes(5000), b"patient_id\np1"])
    @pytest.mark.parametrize("name", ["a.xlsx", "a.sav", "a.dta", "a.parquet"])
    def test_junk_under_the_name_of_a_workbook_or_spss_file(self, read, name, junk):
        with pytest.raises(InputError, match=f"^{name}: not a table: no "):
            read(junk, name)


class TestAnotherContent:
    """A file that is not what its name says: the message says what it is, and what to do."""

    BOOK = "an Excel workbook; name it .xlsx"
    PAGE = "a web page or XML under the name of a table; open it in Excel and save it as .xlsx"
    OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

    @pytest.mark.parametrize(("name", "content", "message"), [
        ("a.xlsx", f"{HEADER}\np1,yes,3", "a.xlsx: not a table: no Excel workbook (.xlsx), but text; name it .csv"),
        ("a.xlsx", f"{HEADER}\nRené,yes,3".encode("utf-16"), "a.xlsx: not a table: no Excel workbook (.xlsx), but"),
        ("a.xls", "<html><table><tr><td>p1</td></tr></table></html>", f"a.xls: {PAGE}; expected one of .csv, "),
        ("a.xlsx", "\ufeff\n<!DOCTYPE HTML><html>", f"a.xlsx: not a table: {PAGE}"),
        ("a.csv", "<table><tr><td>p1</td></tr></table>".encode("utf-16"), f"a.csv: not a table: {PAGE}"),
        ("a.xls", '<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>', f"a.xls: {PAGE}"),
        ("a.xlsx", OLD + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"),
         "a.xlsx: not a table: an Excel workbook with a password; save it without one, as .xlsx"),
        ("a.xlsx", OLD + b"\0" * 600 + "Workbook".encode("utf-16-le"),
         "a.xlsx: not a table: an old Excel workbook (.xls); open it in Excel and save it as .xlsx"),
        ("a.xls", OLD, "a.xls: an old Excel workbook (.xls); open it in Excel and save it as .xlsx; expected one of"),
        ("a.csv", OLD, "a.csv: not a table: an old Excel workbook (.xls)"),
    ])
    def test_by_its_first_bytes(self, read, name, content, message):
        with pytest.raises(InputError, match=f"^{re.escape(message)}"):
            read(content, name)

    def test_a_zip(self, read, tmp_path):
        openpyxl.Workbook().save(tmp_path / "book")
        with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
            archive.writestr("a.csv", HEADER)
        for name, content, message in (("a.csv", "book", f"not a table: {self.BOOK}"),
                                       ("a.xls", "book", f"{self.BOOK}; expected one of"),
                                       ("a.txt", "zip", "not a table: a zip archive; expected the file in it"),
                                       ("a.zip", "zip", "a zip archive; expected the file in it; expected one of"),
                                       ("a.xlsx", "zip", "not a table: no Excel workbook (.xlsx)")):
            with pytest.raises(InputError, match=f"^{re.escape(f'{name}: {message}')}"):
                read((tmp_path / content).read_bytes(), name)


class TestLinesAboveTheHeader:
    @pytest.fixture(params=["csv", "xlsx"])
    def lines(self, request, read, tmp_path):
        """lines("a,b", ...): a file with these lines, as text and as workbook, as read_export gives it."""
        def of(*lines: str, **file):
            if request.param == "csv":
                return read("\n".join(lines), **file)
            book = openpyxl.Workbook()
            for line in lines:
                book.active.append([cell or None for cell in line.split(",")])
            book.save(tmp_path / "a.xlsx")
            return read_table(tmp_path / "a.xlsx", **file)
        return of

    WIDE = "Extract,of,June,2016,made,by,the,team"

    @pytest.mark.parametrize("title", [["Extract"], [WIDE, ""], ["", WIDE, "", ""], [""]])
    def test_are_skipped_where_the_map_says_so(self, lines, title):
        n = len(title)
        rows = [(n + 2, "p1", "yes", "3"), (n + 4, "p2", "no", "")]
        assert rows_of(lines(*title, HEADER, "p1,yes,3", "", "p2,no", header=n + 1)) == rows
        rows = [(n + 4, "p1", "yes", "3")]
        between = ["Which patient?,Did they agree?,How many?,surplus", "{1},{2},{3}"]
        assert rows_of(lines(*title, HEADER, *between, "p1,yes,3", header=n + 1, data=n + 4)) == rows

    @pytest.mark.parametrize("title", [["Extract"], [WIDE, "Team,North"], ["", "", WIDE], ["x"] * 18])
    def test_are_told_from_the_header_where_the_map_says_nothing(self, lines, title):
        first = next(line for line, text in enumerate(title, 1) if text)
        with pytest.raises(InputError) as caught:
            lines(*title, HEADER, "p1,yes,3")
        assert str(caught.value).split(": ", 1)[1] == (
            f"line {first}: not the header; most names of the column map stand in line {len(title) + 1}; say so in the "
            f"map, as in file: {{header: {len(title) + 1}}}")

    def test_where_another_line_is_named_the_message_names_both(self, lines):
        with pytest.raises(InputError, match=r"line 2: not the header; most .* in line 4; .*\{header: 4\}$"):
            lines("Extract", "of June", "", HEADER, "p1,yes,3", header=2)

    def test_far_below_no_header_is_looked_for(self, lines):
        with pytest.raises(InputError, match=r": line (1: the required column 'patient_id' is absent|21: 3 cells)"):
            lines(*["x"] * 20, HEADER, "p1,yes,3")

    def test_other_errors_count_from_the_file_s_first_line(self, lines):
        with pytest.raises(InputError, match=r"^a.\w+: line 3: the required column 'consent_contact' is absent; found"):
            lines("Extract", "", "patient_id,age", "p1,3", header=3)
        with pytest.raises(InputError, match=r"^a.\w+: line 3: the column 'age' is there twice"):
            lines("Extract", "", "patient_id,consent_contact,age,age", "p1,yes,3,4", header=3)
        with pytest.raises(InputError, match=r"^a.\w+: line 5: 4 cells, but the header has 3 columns"):
            lines("Extract", "", HEADER, "p1,yes,3", "p1,yes,3,4", header=3)
        with pytest.raises(InputError, match=r"^a.\w+: no data row below the header"):
            lines("Extract", HEADER, "p1,yes,3", header=2, data=4)
        with pytest.raises(InputError, match=r"^a.\w+: the file is empty"):
            lines("Extract", HEADER, "p1,yes,3", header=4)

    def test_a_row_of_several_lines_between_header_and_data(self, read):  # as a survey's questions are written
        content = f'{HEADER}\n"Which\n\npatient?",agreed,"How\nmany?"\n"{{""id"": 1}}",x,y\np1,yes,3'
        assert rows_of(read(content, data=7)) == [(7, "p1", "yes", "3")]

    def test_a_header_with_few_known_names_is_one(self, read):
        # the map names all canonical columns, and this export has three of them among its own
        assert len(read(f"{HEADER},x,y,z,u,v,w\np1,yes,3,,,,,,\n")) == 1


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such locale")
def test_names_beyond_ascii_in_a_locale_that_knows_only_that_and_an_id_of_240_letters(tmp_path):
    (tmp_path / "étude.yaml").write_text(study_text(services={"A": {"file": "données.csv", "columns": "clé.yaml"}}),
                                         encoding="utf-8")
    rows = [{"numéro" if name == "patient_id" else name: value for name, value in row.items()}
            for row in canonical_rows([{"patient_id": "é" * 240, "phq9_end": "28"}])]
    write_csv(tmp_path / "données.csv", rows)
    (tmp_path / "clé.yaml").write_text("columns:\n" + "".join(
        f"  {'patient_id' if name == 'numéro' else name}: {name}\n" for name in rows[0]), encoding="utf-8")
    answer = subprocess.run(
        [sys.executable, "-c", "from durability_utils.cli import app; app()", "check", tmp_path / "étude.yaml"],
        capture_output=True, encoding="utf-8", env=os.environ | {
            "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"})
    assert (answer.stderr, answer.returncode) == ("", 0)
    assert "1 rows read, 1 in the cohort" in answer.stdout and "patient_id from numéro" in answer.stdout
    listed = clean_service(read_study(tmp_path / "étude.yaml"), "A").rejected
    assert listed.loc[0, ["patient_id", "value"]].to_list() == ["é" * 240, "28"]


class TestExcel:
    @pytest.fixture
    def book(self, tmp_path):
        """book(row, row, ..., sheet=None): a workbook with these rows in its first sheet, as read_export gives it."""
        def of(*rows, **file):
            book = openpyxl.Workbook()
            for row in rows:
                book.active.append(row)
            book.create_sheet("second").append(["other"])
            book.save(tmp_path / "a.xlsx")
            return read_table(tmp_path / "a.xlsx", **file)
        return of

    def test_typed_cells_become_the_text_a_csv_would_hold(self, book):
        table = book([*HEADER.split(","), "discharge_date", "adsm_baseline"],
                     ["007", "yes", 12, dt.datetime(2016, 6, 1), 2.3],
                     [7, "no", 12.0, dt.datetime(2016, 6, 1, 10, 30), None])
        assert rows_of(table) == [(2, "007", "yes", "12", "2016-06-01", "2.3"),
                                  (3, "7", "no", "12", "2016-06-01 10:30:00", "")]

    def test_empty_lines_count_and_blank_cells_at_the_right_do_not(self, book):
        assert rows_of(book([*HEADER.split(","), None], ["p1", "yes", 1, " "], [], ["p2", "no"])) == [
            (2, "p1", "yes", "1"), (4, "p2", "no", "")]

    @pytest.mark.parametrize(("rows", "message"), [
        ([], "the file is empty"), ([HEADER.split(",")], "no data row below the header"),
        ([HEADER.split(","), ["p1", "yes", 1], ["p1", "yes", 1, 2]], "line 3: 4 cells, but the header has 3 columns"),
        # openpyxl writes formulas and never computes them: as a report program does that nobody opened in Excel
        ([HEADER.split(","), ["p1", "yes", 1], ["p2", "yes", "=1+1"]],
         "line 3: a formula whose result was never saved"),
        ([HEADER.split(","), ["p1", "yes", int(VALID_NHS_NUMBER)]], "line 2: column 'sessions' holds an NHS number"),
    ])
    def test_a_workbook_that_cannot_be_used(self, book, rows, message):
        with pytest.raises(InputError, match=f"^a.xlsx: {message}"):
            book(*rows)

    def test_the_sheet_is_the_first_or_the_named_one(self, book):
        rows = (HEADER.split(","), ["p1", "yes", 1])
        assert len(book(*rows)) == len(book(*rows, sheet="Sheet")) == 1
        with pytest.raises(InputError, match=r"^a.xlsx: line 1: the required column 'patient_id' is absent"):
            book(*rows, sheet="second")
        with pytest.raises(InputError, match=r"^a.xlsx: no sheet 'third'; there are Sheet, second"):
            book(*rows, sheet="third")

    def rewrite(self, path, part: str, change) -> None:
        """Change one XML part of a workbook; what is no longer a workbook is then on disk."""
        with zipfile.ZipFile(path) as old:
            parts = {name: old.read(name) for name in old.namelist()}
        with zipfile.ZipFile(path, "w") as new:
            for name, content in parts.items():
                new.writestr(name, change(content) if name == part else content)

    def test_rows_beyond_the_size_that_the_workbook_claims_are_read(self, book, tmp_path):
        # report writers are known to leave <dimension ref="A1"/>; read by that, two rows of three would be lost unseen
        table = book(HEADER.split(","), ["p1", "yes", 1], ["p2", "yes", 1], ["p3", "yes", 1])
        self.rewrite(tmp_path / "a.xlsx", "xl/worksheets/sheet1.xml",
                     lambda xml: xml.replace(b'ref="A1:C4"', b'ref="A1:B2"'))
        again = read_table(tmp_path / "a.xlsx")
        pd.testing.assert_frame_equal(again, table)

    @pytest.mark.filterwarnings("ignore:Workbook contains no stylesheet")
    @pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml",
                                      "[Content_Types].xml", "xl/_rels/workbook.xml.rels"])
    @pytest.mark.parametrize("change", [lambda xml: xml[:len(xml) // 2], lambda xml: b"", lambda xml: b"<a/>"])
    def test_a_workbook_with_a_broken_part_is_refused_or_read(self, book, tmp_path, part, change):
        # some parts can be done without (styles); what counts is that nothing but InputError comes out
        whole = book(HEADER.split(","), ["p1", "yes", 1], ["p2", "no", 1])
        self.rewrite(tmp_path / "a.xlsx", part, change)
        try:
            read = read_table(tmp_path / "a.xlsx")
        except InputError as error:
            assert str(error).startswith("a.xlsx: ")
        else:
            pd.testing.assert_frame_equal(read, whole)


def test_spss_and_parquet_cells_become_the_text_a_csv_would_hold(tmp_path):
    pyreadstat.write_sav(pd.DataFrame({
        "patient_id": ["007", "7"], "consent_contact": ["yes", "no"], "sessions": [12.0, float("nan")],
        "discharge_date": [dt.date(2016, 6, 1), None], "adsm_baseline": [2.3, 4.0],
    }), tmp_path / "a.sav")
    pd.DataFrame({
        "patient_id": pd.array([9_007_199_254_740_993, 7], "Int64"), "consent_contact": ["yes", None],
        "sessions": [12.0, float("nan")], "discharge_date": [dt.datetime(2016, 6, 1), None],
        "gender": pd.Categorical(["male", "female"]), "adsm_baseline": [Decimal("2.30"), None],
    }).to_parquet(tmp_path / "a.parquet")
    sav, parquet = (rows_of(read_table(tmp_path / f"a.{ending}")) for ending in ("sav", "parquet"))
    assert sav == [(2, "007", "yes", "12", "2016-06-01", "2.3"), (3, "7", "no", "", "", "4")]
    assert parquet == [(2, "9007199254740993", "yes", "12", "2016-06-01", "male", "2.30"),
                       (3, "7", "", "", "", "female", "")]


class TestRoundTrip:
    """One cohort, written in every form an export may have, is read as the same cohort."""

    ROWS = canonical_rows([
        {"patient_id": "007", "primary_problem": "Pánico with agoraphobia", "age": "41", "adsm": "IES-R",
         "adsm_baseline": "50", "followup_6m_date": "2016-12-20", "phq9_6m": "9", "gad7_6m": "5"},
        {"patient_id": "7", "consent_contact": "no", "sessions": "", "step": "step2+3"},
        {"gender": "female", "phq9_end": "28"},  # refused: 27 is the largest score
    ])

    def save(self, path, separator: str, encoding: str) -> None:
        ending = path.suffix.lower()
        if ending in (".csv", ".tsv", ".txt"):
            write_csv(path, self.ROWS, separator, encoding)
            return
        frame = pd.DataFrame(self.ROWS).fillna("")
        typed = {"whole_number": pd.to_numeric, "score": pd.to_numeric, "date": pd.to_datetime}
        for column, kind in dictionary()["type"].loc[frame.columns].items():
            frame[column] = typed.get(kind, pd.Series)(frame[column])
        if ending == ".xlsx":
            frame.to_excel(path, index=False)
        elif ending == ".parquet":
            frame.convert_dtypes().set_index("patient_id").to_parquet(path)  # with an index: it is a column, too
        elif ending == ".dta":
            frame.to_stata(path, write_index=False, version=118)
        else:
            dates = [column for column in frame if column.endswith("date")]
            frame[dates] = frame[dates].apply(lambda days: days.dt.date.astype("object").where(days.notna(), None))
            pyreadstat.write_sav(frame, path)

    # to UTF-8 a byte order mark belongs or not; á is one byte in Windows-1252 and two in UTF-8
    @pytest.mark.parametrize(("name", "separator", "encoding"), [
        ("a.csv", ",", "utf-8"), ("a.csv", ",", "utf-8-sig"), ("a.csv", ";", "windows-1252"), ("A.CSV", ",", "utf-8"),
        ("a.txt", "|", "UTF8"), ("a.tsv", "\t", "utf-16"),
        *((f"a.{ending}", ",", "utf-8") for ending in ("xlsx", "sav", "dta", "parquet"))])
    def test_the_same_cohort_comes_out(self, make_study, tmp_path, name, separator, encoding):
        write_csv(tmp_path / "a.csv", self.ROWS)
        expected = clean_service(make_study(), "A")
        assert list(expected.cohort["patient_id"]) == ["007", "7", "p4"]
        assert expected.cohort["primary_problem"][0] == "Pánico with agoraphobia"
        self.save(tmp_path / name, separator, encoding)
        names = "\n".join(f"  {column}: {column}" for column in dict.fromkeys(key for row in self.ROWS for key in row))
        study = make_study(f"file: {{separator: {separator!r}, encoding: {encoding}}}\ncolumns:\n{names}".replace(
            r"'\t'", r'"\t"'), file=name)
        found = clean_service(study, "A")
        for table in ("cohort", "rejected", "log"):
            of_file = ["file"] if table == "rejected" else []
            pd.testing.assert_frame_equal(*(getattr(each, table).drop(columns=of_file) for each in (found, expected)))
