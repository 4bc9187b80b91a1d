"""An export's format. Oracle: what wrote the file, and the hand-written column maps of the committed exports."""

import codecs

import openpyxl
import pandas as pd
import pyreadstat
import pytest
from conftest import STUDY_2016

from durability_utils.cohort.formats import file_format
from durability_utils.new_study.exports import read_new_export, without_date
from durability_utils.study.column_maps import read_column_map

TEXT = "id;name, of problem;phq\n1;\"a; b, c, d\";12\n2;Sorge, Kummer, é;7\n"


@pytest.mark.parametrize("service", ["A", "B", "C", "F"])
def test_the_committed_exports(service):
    form = file_format(STUDY_2016.services[service].file[0])
    written = read_column_map(STUDY_2016.services[service].columns)
    assert form.get("separator", ",") == written.file.separator
    assert form.get("encoding", "utf-8") == written.file.encoding.removesuffix("-sig")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1252"])
def test_separator_and_encoding(tmp_path, separator, encoding):
    path = tmp_path / "a.csv"
    path.write_text(TEXT.replace(", ", " ").replace(";", separator), encoding=encoding)
    expected = {} if separator == "," else {"separator": separator}
    if encoding in ("utf-16", "windows-1252"):
        expected["encoding"] = encoding
    assert file_format(path) == expected


def test_commas_within_cells_do_not_separate_and_a_late_letter_tells_the_encoding(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(TEXT, encoding="utf-8")
    assert file_format(path) == {"separator": ";"}
    path.write_bytes(b"id,team\n" + b"1,North\n" * 300_000 + "2,Café\n".encode("windows-1252"))
    assert file_format(path) == {"encoding": "windows-1252"}


@pytest.mark.parametrize("content", [codecs.BOM_UTF8, b"", b"\x81\x8d", b'"', b"\0" * 50, b"one column\n1\n"])
def test_any_bytes_have_a_format_and_a_file_that_is_not_there_has_none(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    assert file_format(tmp_path / "a.csv").keys() <= {"separator", "encoding"}
    assert all(file_format(tmp_path / f"none.{suffix}") == {} for suffix in ("csv", "xlsx", "sav", "pdf"))


def test_of_several_sheets_the_widest_first_row(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["Extract of June"])
    book.create_sheet("Data").append(["id", "phq", "gad"])
    book.save(tmp_path / "a.xlsx")
    assert file_format(tmp_path / "a.xlsx") == {"sheet": "Data"}
    del book["Sheet"]
    book.save(tmp_path / "b.xlsx")
    assert file_format(tmp_path / "b.xlsx") == {}
    (tmp_path / "c.xlsx").write_bytes(b"no workbook")
    assert file_format(tmp_path / "c.xlsx") == {}


@pytest.mark.parametrize(("ending", "write"), [(".sav", pyreadstat.write_sav), (".dta", pyreadstat.write_dta)])
def test_labels_of_a_statistics_package(tmp_path, ending, write):
    path = tmp_path / f"a{ending}"
    write(pd.DataFrame({"v1": [1, 2], "v2": [3, 4]}), path, column_labels=["Consent to contact", ""],
          variable_value_labels={"v1": {1: "Yes", 2: "No"}})
    export = read_new_export(path, {})
    assert export.descriptions == {"v1": "Consent to contact"}
    assert export.labels == {"v1": {"1": "Yes", "2": "No"}}


ROWS = "".join(f"p{n};{n % 28};{n % 22};0{n % 9 + 1}/06/2016\n" for n in range(30))
NAMES = "id;phq;gad;discharged\n"


@pytest.mark.parametrize(("above", "between", "form"), [
    ("", "", {}), ("Extract of June 2016\n", "", {"header": "2"}), ("Extract;;;\n;;;\n", "", {"header": "3"}),
    ("Extract, of June, by Ann\n\n", "", {"header": "3"}), ('"A title\non two lines"\n', "", {"header": "3"}),
    (";Baseline;;\n", "", {"header": "2"}), ("", "Client;PHQ-9 total;GAD-7 total;Day of discharge\n", {"data": "3"}),
    ("", 'Your id;"How\nlow?";How anxious?;When?\n"{""ImportId"":""Q1""}";"{""ImportId"":""Q2""}";'
         '"{""ImportId"":""Q3""}";"{""ImportId"":""Q4""}"\n', {"data": "5"}),
    ("Survey\n", "Client;PHQ-9 total;GAD-7 total;Day of discharge\n", {"header": "2", "data": "4"}),
    ("", "p99;NULL;NULL;NULL\n", {}), ("", "p99;not known;not known;01/06/2016\n", {})])
def test_lines_above_and_below_the_names_of_columns(tmp_path, above, between, form):
    path = tmp_path / "a.csv"
    path.write_text(above + NAMES + between + ROWS, encoding="utf-8")
    assert file_format(path) == {"separator": ";"} | form
    table = read_new_export(path, {}).table
    assert list(table.columns) == ["id", "phq", "gad", "discharged"]
    assert len(table) - ("p99" in between) == 30


def test_a_workbook_with_a_title_and_other_sheets(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    book.active.append(["Extract of June"])
    data = book.create_sheet("Data")
    for line in ("Extract", "", *NAMES.splitlines(), *ROWS.splitlines()):
        data.append(line.split(";"))
    book.create_sheet("May").append(["id", "phq"])
    book.save(tmp_path / "a.xlsx")
    export = read_new_export(tmp_path / "a.xlsx", {})
    assert export.form == {"sheet": "Data", "header": "3"} and list(export.table.columns)[:2] == ["id", "phq"]
    assert export.remarks[0] == "only sheet 'Data' is read, not Notes, May"


@pytest.mark.parametrize(("last", "said"), [
    ("Total;412;300;\n", "line 32 is no patient's"), ("Mean;13.7;10;\n", "line 32"), (";;;\nN = 30;;;\n", "line 33"),
    ("Printed on 1 July;;;\n", "line 32"), ("whatever;;;\n", "line 32"), ("p31;4;3;01/06/2016\n", None)])
def test_rows_below_the_table_are_said(tmp_path, last, said):
    path = tmp_path / "a.csv"
    path.write_text(NAMES + ROWS + last, encoding="utf-8")
    remarks = read_new_export(path, {}).remarks
    assert len(remarks) == bool(said) and (said or "") in "".join(remarks)


@pytest.mark.parametrize(("name", "left"), [
    ("north_2024-04", "north"), ("north_202404", "north"), ("apr_2024_north", "north"), ("north April 2024", "north"),
    ("north-2024.04.30", "north"), ("north_q1_2024", "north"), ("north 04-2024", "north"), ("north_apr24", "north"),
    ("north_2024", "north"), ("2024-04", ""), ("north", None), ("north_2", None), ("ward 20", None), ("a4711", None),
    ("marsh_team", None)])
def test_dates_in_names_of_files(name, left):
    assert without_date(name) == left


def test_names_of_further_lines_describe_their_columns(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(NAMES + "Client;PHQ-9 total;GAD-7 total;Day of discharge\n" + ROWS, encoding="utf-8")
    assert read_new_export(path, {}).descriptions == {
        "id": "Client", "phq": "PHQ-9 total", "gad": "GAD-7 total", "discharged": "Day of discharge"}
