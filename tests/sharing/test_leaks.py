"""The scan of a bundle: each kind of leak planted in each kind of file is found; the value is not repeated."""

import json
import struct
import zlib

import docx
import nbformat
import openpyxl
import pytest

from durability_utils.sharing.leaks import leaks

IDS = {"TT-02197", "007", "111", "Ref 12/A9"}
NHS_NUMBER = "943 476 5919"  # the NHS's own example of a valid check digit
PLANTED = {
    "a patient's id": "TT-02197",
    "a patient's id, leading zeros": "the one of 007 fell",
    "a patient's id, short": "patient 111 relapsed",
    "a patient's id, with a blank": "note: ref 12/a9.",
    "an NHS number": NHS_NUMBER,
    "an e-mail address": "jo@example.org",
    "a path of this machine": "/home/jo/exports/a.csv",
    "a path of this machine, Windows": r"C:\Users\jo\a.csv",
    "a path of this machine, share": r"\\server\share\a.csv",
    "the user's name": "made by jbloggs",
}


TEXTS = {"a.csv": "service,n\nA,{}\n", "a.html": "<p title='x'>{}</p>", "a.svg": "<p title='x'>{}</p>",
         "attribute.html": '<html><!-- {0} --><p title="{0}">x</p></html>'}


def write_text(path, text):
    path.write_text(TEXTS[path.name].format(text), encoding="utf-8")


def write_json(path, text):
    path.write_text(json.dumps({"message": text}), encoding="utf-8")


def write_notebook_metadata(path, text):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("x", id="a")], metadata={"made": text})
    nbformat.write(notebook, path)


def write_png(path, text):
    kind, body = b"tEXt", b"Comment\0" + text.encode()
    if path.stem == "packed":
        kind, body = b"zTXt", b"Comment\0\0" + zlib.compress(text.encode())
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)), (kind, body),
              (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks))


def write_workbook(path, text):
    book = openpyxl.Workbook()
    if path.stem == "cell":
        book.active["B3"] = text
    else:
        book.properties.description = text
    book.save(path)


def write_document(path, text):
    document = docx.Document()
    if path.stem == "paragraph":  # Word splits a word into runs when somebody edits it
        half = len(text) // 2
        document.add_paragraph(text[:half]).add_run(text[half:])
    elif path.stem == "table":
        document.add_table(1, 1).rows[0].cells[0].text = text
    else:
        document.core_properties.author = text
    document.save(path)


WRITERS = {**dict.fromkeys(TEXTS, write_text), "a.json": write_json, "a.ipynb": write_notebook_metadata,
           **dict.fromkeys(("a.png", "packed.png"), write_png),
           **dict.fromkeys(("cell.xlsx", "property.xlsx"), write_workbook),
           **dict.fromkeys(("paragraph.docx", "table.docx", "property.docx"), write_document)}


@pytest.fixture(autouse=True)
def jbloggs(monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "jbloggs")


@pytest.mark.parametrize("name", WRITERS)
def test_nothing_is_found_where_nothing_is_planted(tmp_path, name):
    WRITERS[name](tmp_path / name, "110 of 132 patients, 0.007 and 0.111; 1.2.0 of 2016-06-01")
    assert leaks(tmp_path, IDS, []) == []


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("kind", PLANTED)
def test_each_kind_planted_in_each_file_is_found(tmp_path, name, kind):
    text = PLANTED[kind]
    WRITERS[name](tmp_path / name, text)
    found = leaks(tmp_path, IDS, [])
    assert f"{name}: {kind.partition(',')[0]}" in found
    assert not any(text in line for line in found)


@pytest.mark.parametrize(("name", "content"), [
    ("rows.csv", "patient_id,n\nx,1\n"),
    ("cohort.csv", "age,gender,phq9_baseline\n40,female,12\n"),
    ("rows.html", "<table><tr><th>Age</th><th>Gender</th></tr><tr><td>40</td><td>male</td></tr></table>"),
])
def test_a_table_with_one_row_a_patient(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert leaks(tmp_path, IDS, []) == [f"{name}: a table with one row a patient"]


def test_a_table_of_patients_in_office_files(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["patient_id", "n"])
    book.save(tmp_path / "a.xlsx")
    document = docx.Document()
    cells = document.add_table(1, 2).rows[0].cells
    cells[0].text, cells[1].text = "age", "gender"
    document.save(tmp_path / "a.docx")
    assert leaks(tmp_path, IDS, []) == [f"a.{suffix}: a table with one row a patient" for suffix in ("docx", "xlsx")]


def test_names_of_files_and_own_folders(tmp_path):
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "TT-02197.csv").write_text("n\n5\n", encoding="utf-8")
    (bundle / "a.csv").write_text(f"n\n{tmp_path.resolve()}\n", encoding="utf-8")
    found = leaks(bundle, IDS, [tmp_path])
    assert {"TT-02197.csv: a patient's id", "a.csv: a path of this machine"} <= set(found)


def test_what_cannot_be_looked_into(tmp_path):
    (tmp_path / "cohort.parquet").write_bytes(b"PAR1")
    write_png(tmp_path / "a.png", "x")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes() + b"PK more")
    assert leaks(tmp_path, IDS, []) == ["a.png: something behind the end of a picture",
                                        "cohort.parquet: a file of a kind that cannot be looked into"]
