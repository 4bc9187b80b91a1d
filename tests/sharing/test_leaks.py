# ruff: noqa: RUF001 (letters that look like others are the subject)
"""The scan of a bundle: each kind of leak planted in each kind of file is found; the value is not repeated."""

import base64
import json
import struct
import time
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


# what a person reads as one of these, however it is written: the kind, the text
ID, NHS, POSTCODE, BIRTH = "a patient's id", "an NHS number", "a UK postcode", "a date of birth"
PATH, PHONE, INSURANCE, MAIL = ("a path of this machine", "a phone number", "a National Insurance number",
                                "an e-mail address")
DISGUISED = [
    *((ID, text) for text in (
        "TT02197", "TT 02197", "tt-02197", "TT\u201102197", "TT\u00ad-02197", "TT-02\u200b197", "TT\u2212 02197",
        "T\u200dT-0\u20602197", "\ufeffTT-02197", "ＴＴ－０２１９７", "TT-𝟎𝟐𝟏𝟗𝟕", "TT-٠٢١٩٧", "T.T.0.2.1.9.7",
        "T T 0 2 1 9 7", "TT_02197", "TT/02197", "TT--02197", "TT · 02197", "TT\u00a002197", "TT\u300002197",
        "ТТ-02197",
        "T\u0332T\u0332-02197", "\u202e79120-TT\u202c", "TT\\u002d02197", "TT\\x2d02197", "TT&#45;02197",
        "TT&amp;#45;02197",
        "TT%2D02197", "T<b>T</b>-02<i>197</i>", "TT-<span class='x'>021</span>97", "TT-<br>02197",
        "<!-- TT-02197 -->",
        "PatientTT02197", "figure_TT02197_2", "TT,02197", "TT🙂02197", "TT-⁰²¹⁹⁷", "007", "nr. 007", "id=111",
        "Patient no. 111",
        "patient_id: 111",
        "pat. (111)", "ref 12 a9", "quiet heron", "Quiet-Heron", "QUIETHERON", "406 123", "40-61-23", "(406123)",
        "a1b2c3d4e5f6")),
    *((NHS, text) for text in (
        "9434765919", "943-476-5919", "94 34 76 59 19", "94-34-76-59-19", "943,476,5919", "943, 476, 5919",
        "943.476.5919",
        "9 4 3 4 7 6 5 9 1 9", "９４３ ４７６ ５９１９", "943\u200b4765919", "943&nbsp;476&nbsp;5919",
        "NHS9434765919",
        "nhs_9434765919", "943 476 5919 of 12", "9434765919.0", "943<b>476</b>5919", "943/476/5919",
        "943 – 476 – 5919",
        "٩٤٣٤٧٦٥٩١٩", "94347 65919", "943 4765919")),
    *((POSTCODE, text) for text in ("SW1A 1AA", "SW1A1AA", "sw1a1aa", "SW1A\u00a01AA", "SW1A-1AA", "E1 6AN", "e16an",
        "ＳＷ１Ａ　１ＡＡ",
                                    "SW1A &#49;AA", "GIR 0AA", "SW1A<b> 1AA</b>", "SW1A&amp;nbsp;1AA")),
    *((BIRTH, text) for text in ("1950-06-01", "01/06/1950", "1.6.1950", "1 June 1950", "1st of June 1950",
        "June 1, 1950",
                                 "01-Jun-50", "19500601", "1950/06/01", "born 3/4/2009", "DOB: 2009-04-03",
                                 "01/06/50",
                                 "1950-06-01T00:00:00", "date of birth 03 04 2009", "born on 1.6.50",
                                 "01061950", "né le 1 juin 1950, born 1.6.2009")),
    *((MAIL, text) for text in ("jo＠example.org", "jo (at) example.org", "jo [at] example [dot] org",
        "jo&#64;example.org",
                                "mailto:jo.b@example.co.uk", "jo\u200b@example.org",
                                "jo at example dot org")),
    *((PHONE, text) for text in ("07700 900123", "07700900123", "+44 7700 900123", "+44 (0)20 7946 0958",
        "020 7946 0958",
                                 "(01632) 960983", "0300-123-4567", "0044 7700 900 123", "0161 496 0000",
                                 "+1 202 555 0143")),
    *((INSURANCE, text) for text in ("QQ 12 34 56 C", "QQ123456C", "qq123456c", "QQ-12-34-56-C", "ab 12 34 56 c",
        "ＱＱ１２３４５６Ｃ")),
    *((PATH, text) for text in (
        "/data/exports/a.csv", "/home/jo", "from:/data/exports/a.csv", "D:/exports/a.csv", r"D:\exports",
        r"\\nhs-fs01\talking",
        "//nhs-fs01/talking/a", "file:///data/a", "file:/data/a", "smb://server/share", "s3://bucket/a",
        "~/exports/a.csv",
        r"~jo\exports", "$HOME/exports", r"%USERPROFILE%\a", "%2Fdata%2Fexports%2Fa.csv", "/mnt/c/Users/jo",
        "D:\\\\exports\\\\a",
        r"\\?\C:\exports", "/cohort.csv", "&#47;data&#47;exports")),
    *(("a person's name", text) for text in ("patient name: John", "Surname = Smith", "Mrs Smith", "Mr. John Smith")),
]
READ = {**{name: write for name, write in WRITERS.items() if name not in ("a.svg", "packed.png", "attribute.html")},
        "a.md": lambda path, text: path.write_text(f"# x\n\n{text}\n", encoding="utf-8"),
        "b.png": write_png}
MORE_IDS = IDS | {"quiet heron", "406123", "A1B2-C3D4-E5F6"}


@pytest.mark.parametrize(("kind", "text"), DISGUISED, ids=[ascii(text) for _, text in DISGUISED])
def test_what_a_person_reads_is_found_however_it_is_written(tmp_path, kind, text):
    for name, write in READ.items():
        write(tmp_path / name, text)
    found = leaks(tmp_path, MORE_IDS, [])
    assert [name for name in READ if f"{name}: {kind}" not in found] == []
    assert not any(text in line for line in found)


HARMLESS = [
    "versions 8.10.0, 1.0.36 and 3.11.7", "110 of 132 patients (83 %, 76 to 89)", "patients 110 of 132, patient 8 %",
    "0.036, 1.036 and 0.4061230", "10, 15, 20, 25, 30 and 35", "0 10 20 30 40 50 60", "1 2 3 4 5 6 7 8 9 10",
    "100, 200, 3000 and 100,000", "2016-06-01 to 2016-06-30", "from 1 June 2016 to 30 June 2017",
    "2026-11-26T11:59:51+00:00",
    "in 2016, 2017 and 2018", "0.9434765919 and 943.4765919", "doi 10.1016/j.brat.2008.02.003", "ISBN 0-19-852663-6",
    "ORCID 0000-0002-1825-0097", "https://www.england.nhs.uk/publication/a/b",
    "http://www.w3.org/TR/2001/REC-SVG-20010904",
    "improved and/or recovered, n/N, yes/no/unknown", "step 2, step2 and step 3; GAD-7 and PHQ-9",
    "service E1 2nd follow-up, 3rd",
    "Bonett DG (2008), RECORD 6.1 and 12.3", "6/12 months, 12/12/24 weeks", "missing, unknown, not stated",
    "~5/10 and 1:2",
    "5 @ 3.5 points", "colour #b123ed and #406", "3304f1367a834c2caee1ba33fd2e5c1bde8c48c6", "case 8 of 12, id 8.10",
    "<b>5</b> of <b>10</b>", "p = 0.007; g = -0.111", "$\\frac{1}{2}$",
    "tables/all/step2/reliable_improvement_6m.csv",
    "Service A 123 patients; service TT: 2195", "Missing: service D, response rates",
    "urn:schemas-microsoft-com:office",
    "to 10 15 20 a week", "version 1.6.50", "the .csv/.xlsx files",
    "40612 and 061230, 4061231", "MS (2008), SD 12 (3)", "pp. 406-123", "406/123", "The national average is 943 476",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_alike_is_no_reason_to_refuse(tmp_path, text):
    ids = {*map(str, range(1, 1000)), "036", "A123", "TT21", "unknown", "Not stated", "service", "step2", "MS20",
    "E12N",
           "20160601", "A", "none", "n/a", "test", "123ed", "MS2008", "406123"}
    for name, write in READ.items():
        write(tmp_path / name, text)
    assert leaks(tmp_path, ids, []) == []


def test_a_picture_within_a_page_is_looked_into(tmp_path):
    write_png(tmp_path / "a.png", "TT-02197")
    picture = base64.b64encode((tmp_path / "a.png").read_bytes()).decode()
    drawing = base64.b64encode(b"<svg><text>TT-<tspan>02197</tspan></text></svg>").decode()
    for name, data in {"b.html": f"image/png;base64,{picture}", "c.html": f"image/svg+xml;base64,{drawing}",
                       "d.html": "text/plain,TT%2D02197", "e.html": "application/pdf;base64,AAAA"}.items():
        (tmp_path / name).write_text(f'<p><img src="data:{data}"></p>', encoding="utf-8")
    (tmp_path / "a.png").unlink()
    assert leaks(tmp_path, IDS, []) == [*(f"{name}.html: a patient's id" for name in "bcd"),
                                        "e.html: a file of a kind that cannot be looked into"]


def test_letters_that_stand_apart_and_text_that_runs_backwards(tmp_path):
    letters = "".join(f'<text x="{place}">{letter}</text>' for place, letter in enumerate("TT-02197"))
    (tmp_path / "a.svg").write_text(f"<svg>{letters}</svg>", encoding="utf-8")
    (tmp_path / "b.html").write_text('<p><bdo dir="rtl">79120-TT</bdo></p>', encoding="utf-8")
    assert leaks(tmp_path, IDS, []) == ["a.svg: a patient's id", "b.html: a text that runs backwards"]


@pytest.mark.parametrize("name", ["a.xlsx", "a.docx", "a.png", "a.json"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"\x89PNG\r\n\x1a\n\0\0\0\0tEXt", b"{"])
def test_what_is_broken_is_refused_and_no_traceback(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert all(line.startswith(f"{name}: ") for line in leaks(tmp_path, IDS, []))


@pytest.mark.parametrize("heading", ["NHS Number", "nhs_no", "Surname", "patientName", "DateOfBirth", "DOB",
                                     "Postcode", "e-mail",
                                     "Address", "MRN", "Pat_Ref", "Local patient identifier", "Record number",
                                     "NI number",
                                     "Phone number", "Hospital number", "ID"])
def test_a_column_of_what_identifies_persons_is_told_by_its_name(tmp_path, heading):
    (tmp_path / "a.csv").write_text(f"{heading},n\nx,5\n", encoding="utf-8")
    (tmp_path / "b.html").write_text(f"<table><tr><th>{heading}</th><th>n</th></tr></table>", encoding="utf-8")
    (tmp_path / "c.json").write_text(json.dumps({heading if heading != "ID" else "MRN": "x"}), encoding="utf-8")
    assert {f"{name}: a column of what identifies persons" for name in ("a.csv", "b.html", "c.json")} <= {
        *leaks(tmp_path, IDS, [])}


def test_long_texts_take_no_longer_than_their_length(tmp_path):
    for number, text in enumerate(("x", "1", "1 ", "a1", "/a", "a.", "0 1-", "<b", "\\u", "&", "=", "TT-", "12/",
                                    "a@")):
        (tmp_path / f"long{number}.md").write_text(text * (300_000 // len(text)), encoding="utf-8")
    started = time.perf_counter()
    leaks(tmp_path, IDS, [])
    assert time.perf_counter() - started < 60


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
    (bundle / "111").mkdir()  # no name of a file is a count
    (bundle / "111" / "b.csv").write_text("n\n5\n", encoding="utf-8")
    (bundle / "a.csv").write_text(f"n\n{tmp_path.resolve()}\n", encoding="utf-8")
    assert set(leaks(bundle, IDS, [tmp_path])) >= {
        "a file whose name is not repeated: a patient's id", "a.csv: a path of this machine"}
    assert not any("02197" in line or "111" in line for line in leaks(bundle, IDS, []))


def test_what_cannot_be_looked_into(tmp_path):
    (tmp_path / "cohort.parquet").write_bytes(b"PAR1")
    write_png(tmp_path / "a.png", "x")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes() + b"PK more")
    assert leaks(tmp_path, IDS, []) == ["a.png: something behind the end of a picture",
                                        "cohort.parquet: a file of a kind that cannot be looked into"]
