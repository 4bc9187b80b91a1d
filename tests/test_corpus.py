"""Four hundred unusable or odd exports, column maps and study files, as `durability check` answers them.

Oracle: docs/reference.md, sections 1 to 4: exit code 0 where every export can be used, 1 where one cannot, 2 where
the study file cannot; a message that names the file and the column, row or key, and no identifier's value.
"""

import csv
import io
import random
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import openpyxl
import pandas as pd
import pyreadstat
import pytest
from conftest import PATIENT, canonical_rows, study_text
from copied_project import durability
from typer.testing import CliRunner

from durability_utils.cli import app

HEADER = ["patient_id", *PATIENT]
NHS_NUMBER = "9990000085"
IDENTIFIERS = {
    "an NHS number": (NHS_NUMBER, "999 000 0085", "NHS no. 999-000-0085"),
    "an e-mail address": ("ann.bee@example.org", "mail ann.bee@example.org"),
    "a UK postcode": ("ZZ99 3WZ", "lives at ZZ99 3WZ"),
}
BORN, NAMED = "1950-02-03", "Annabel Beeton"
SECRETS = [NHS_NUMBER, "999 000 0085", "999-000-0085", "ann.bee@", "ZZ99", BORN, NAMED]


@dataclass(frozen=True)
class Case:
    """Files of a study of service A, and what `durability check` must answer to them."""

    id: str
    code: int
    says: str
    content: bytes = b""
    file: str = "a.csv"
    columns: str | None = None
    study: str | None = None


def frame(*patients: dict) -> pd.DataFrame:
    """An export, all of it text, with every column that any of the patients has."""
    return pd.DataFrame(canonical_rows(list(patients) or [{}, {}])).fillna("")


def text(*patients: dict, separator: str = ",") -> str:
    return frame(*patients).to_csv(index=False, sep=separator, lineterminator="\n")


WRITERS = {"csv": partial(pd.DataFrame.to_csv, index=False), "xlsx": partial(pd.DataFrame.to_excel, index=False),
           "sav": pyreadstat.write_sav, "dta": pyreadstat.write_dta, "parquet": pd.DataFrame.to_parquet}
BINARY = [kind for kind in WRITERS if kind != "csv"]


def table(kind: str, *patients: dict) -> bytes:
    """The bytes of the same export in any format."""
    with TemporaryDirectory() as folder:  # pyreadstat writes to paths only
        path = Path(folder, f"a.{kind}")
        WRITERS[kind](frame(*patients), path)
        return path.read_bytes()


def sheet(*lines: list) -> bytes:
    book, buffer = openpyxl.Workbook(), io.BytesIO()
    for line in lines:
        book.active.append(line)
    book.save(buffer)
    return buffer.getvalue()


GOOD = text().encode()
JUNK = random.Random(4).randbytes(3000)
# all patients' lines; what is wrong stands on line 3
FINE, PLAIN = "p1,2016-06-15,yes,6,18,15,8,7", ",".join(HEADER)


def lines(third: str, header: str = PLAIN) -> bytes:
    return f"{header}\n{FINE}\n{third}\n".encode()


def map_of(**columns: str) -> str:
    """A column map of the canonical names, with these changed."""
    return "columns:\n" + "".join(f"  {name}: {source}\n" for name, source in
                                  ({name: name for name in HEADER} | columns).items())


def unreadable_exports():
    for name, content, says in (
        ("nothing", b"", "a.csv: the file is empty"), ("line ends", b"\n\r\n\n", "a.csv: the file is empty"),
        ("a mark alone", b"\xef\xbb\xbf", "a.csv: the file is empty"),
        ("a blank", b" ", "a.csv: line 1: the required column 'patient_id' is absent"),
        ("header", PLAIN.encode(), "a.csv: no data row below the header"),
        ("header and blank lines", f"{PLAIN}\n\n\n".encode(), "a.csv: no data row"),
        ("junk", JUNK, "a.csv: line 1"), ("NULs", b"\0" * 2000, "a.csv: line 1: the required column"),
        ("a picture", b"\x89PNG\r\n\x1a\n" + JUNK, "a.csv: line 1: cannot be read as utf-8-sig"),
        ("a workbook by a wrong name", table("xlsx"), "a.csv: not a table: an Excel workbook; name it .xlsx"),
        ("a Parquet file by a wrong name", table("parquet"), "a.csv: line "),
        ("a page", b"<!DOCTYPE html>\n<table><tr><td>1</td></tr></table>", "a.csv: not a table: a web page"),
        ("JSON", b'{"patient_id": ["p1"], "phq9_end": [3]}', "a.csv: line 1: "),
        ("quote never closed", lines('"p2,2016-06-15,yes'), "a.csv: line 3: a quote is opened and never closed"),
        ("quote never closed in the header", b'"patient_id,x\np1,2\n', "a.csv: line 1: a quote is opened"),
        ("text after a quote", lines('"p2"x,2016-06-15,yes'), "a.csv: line 3: not a table"),
        ("one cell too many", lines("p2,2016-06-15,yes,6,18,15,8,7,1"),
         "a.csv: line 3: 9 cells, but the header has 8 columns"),
        ("one blank too many", lines("p2,2016-06-15,yes,6,18,15,8,7,"), "a.csv: line 3: 9 cells"),
        ("a thousand cells", lines("," * 999), "a.csv: line 3: 1000 cells"),
        ("UTF-16", text().encode("utf-16"), "encoding: utf-16}"),
        ("UTF-16, big end first, with mark", b"\xfe\xff" + text().encode("utf-16-be"), "encoding: utf-16}"),
        ("UTF-16 without mark", text().encode("utf-16-le"), "a.csv: line 1"),
        ("UTF-16 without mark, big end first", text().encode("utf-16-be"), "a.csv: line 1"),
        ("UTF-32", text().encode("utf-32"), "a.csv: line 1: cannot be read as utf-8-sig"),
        ("Latin 1", text({}, {"primary_problem": "Pánico"}).encode("latin-1"), "line 3: cannot be read as utf-8"),
        ("half a character", lines("p2\xe2").replace(b"\xc3\xa2", b"\xe2"), "a.csv: line 3: cannot be read as utf-8"),
        ("column twice", text().replace("phq9_end", "gad7_end", 1).encode(), "the column 'gad7_end' is there twice"),
        ("column twice but for case", text().replace("phq9_end", "GAD7_End", 1).encode(), "'gad7_end' is there twice"),
        ("id twice", text().replace("sessions", "patient_id", 1).encode(), "the column 'patient_id' is there twice"),
        ("no header", f"{FINE}\n{FINE}\n".encode(), "a.csv: line 1: the required column 'patient_id' is absent"),
        ("a title above the header", b"Report of June\n" + GOOD, "a.csv: line "),
        ("header in two lines", text().replace("consent_contact", '"consent\ncontact"').encode(),
         "the required column 'consent_contact' is absent"),
        ("all names blank", b"," * 7 + b"\n" + FINE.encode(), "a.csv: line 1: the required column 'patient_id'"),
        ("a cell of eleven million", lines(f'p2,2016-06-15,yes,6,"{"x" * 11_000_000}"'), "a.csv: line 3: not a table"),
    ):
        yield Case(f"csv: {name}", 1, says, content)
    for column in ("patient_id", "consent_contact", "discharge_date"):
        yield Case(f"csv: without {column}", 1, f"a.csv: line 1: the required column '{column}' is absent",
                   text().replace(column, "other", 1).encode())
        yield Case(f"csv: {column} without its name", 1, f"a.csv: line 1: the required column '{column}' is absent",
                   text().replace(column, "", 1).encode())
    for separator in (";", "\t", "|", "^"):
        yield Case(f"csv: separated by {separator!r}", 1, "a.csv: line 1: the required column 'patient_id' is absent",
                   text(separator=separator).encode())
    for suffix in ("", ".xls", ".ods", ".pdf", ".docx", ".json", ".xlsm", ".rds", ".csv.gz", ".zip", ".mdb", ".tab"):
        yield Case(f"suffix {suffix or 'none'}", 1, f"a{suffix}: not a table that can be read", GOOD, f"a{suffix}")
    for kind in BINARY:
        whole = table(kind)
        for name, content in (("nothing", b""), ("junk", JUNK), ("a CSV", GOOD), ("NULs", b"\0" * 999),
                              ("another format", table("parquet" if kind != "parquet" else "xlsx")),
                              ("its first half", whole[:len(whole) // 2]), ("its first bytes", whole[:40]),
                              ("its end cut", whole[:-30] if kind != "dta" else whole[:len(whole) // 4]),
                              ("its second half", whole[len(whole) // 2:])):
            yield Case(f"{kind}: {name}", 1, f"a.{kind}: ", content, f"a.{kind}")
    for name, content, says in (
        ("an empty sheet", sheet(), "a.xlsx: the file is empty"),
        ("a header", sheet(HEADER), "a.xlsx: no data row below the header"),
        ("a title above the header", sheet(["Report of June"], HEADER, FINE.split(",")), "line 1: not the header; "),
        ("a row too long", sheet(HEADER, [*FINE.split(","), "x"]), "a.xlsx: line 2: 9 cells"),
        ("a formula", sheet(HEADER, [*FINE.split(",")[:7], "=1+1"]), "a.xlsx: line 2: a formula whose result"),
        ("a column twice", sheet([*HEADER, "sessions"], [*FINE.split(","), 3]), "'sessions' is there twice"),
        ("numbers for names", sheet(list(range(8)), FINE.split(",")), "a.xlsx: line 1: the required column"),
    ):
        yield Case(f"xlsx: {name}", 1, says, content, "a.xlsx")


def exports_with_identifiers():
    for kind in WRITERS:
        for what, spellings in IDENTIFIERS.items():
            for spelling in spellings:
                yield Case(f"{kind}: {spelling}", 1, f"a.{kind}: line 3: column 'notes' holds {what}",
                           table(kind, {"notes": "none"}, {"notes": spelling}), f"a.{kind}")
        for column, value, what in (("dob", BORN, "a full date of birth"), ("surname", NAMED, "names of persons"),
                                    ("seen", BORN, "a full date of birth")):
            yield Case(f"{kind}: {column}", 1, f"a.{kind}: line 2: column '{column}' holds {what}",
                       table(kind, {column: value}, {column: value}), f"a.{kind}")
    for what, spellings in IDENTIFIERS.items():
        yield Case(f"csv: {what} as a name of a column", 1, f"a.csv: line 1: the name of column 9 holds {what}",
                   f"{PLAIN},{spellings[0]}\n{FINE},1\n".encode())
        yield Case(f"csv: {what} as an id", 1, f"a.csv: line 2: column 'patient_id' holds {what}",
                   text({"patient_id": spellings[0]}).encode())


def odd_exports():
    """Exports that can be used: what is odd is refused by row or value, and shown with its line."""
    for column, reason, spellings in (
        ("phq9_end", "not_a_whole_number", ("1O", "1e1", "8,5", "8.5", "eight", "+8", "0x8", "8 8", "1_0", "٨", "²",
                                            "NaN", "inf", "--8", "8.", ".5", "#REF!", "=8", "NULL", "8\u00a08", "8'")),
        ("phq9_end", "out_of_range", ("28", "-1", "99", "9" * 400, "-" + "9" * 400, "100.0", "0028")),
        ("discharge_date", "no_discharge_date", ("15/06/2016", "2016-06-31", "2016-13-01", "20160615", "2016/06/15",
                                                 "June", "today", "now", "42536", "0000-00-00", "2016-6", "15 Jun 2016",
                                                 "1899-06-15", "9999-12-31", "2016-06-15T25", "NaT", "-2016-06-15")),
        ("discharge_date", "outside_window", ("2016-05-31", "1900-01-01", "2100-01-01", "2016-07-01 0:00")),
        ("gender", "unknown_code", ("f", "0", "woman", "female;male", "F!", "\x00", "f\u0435male", "\u202eelamef")),
        ("sessions", "too_few_sessions", ("0", "1", "1.0", "01")),
        ("sessions", "not_a_whole_number", ("six", "6 (six)")),
    ):
        for spelling in spellings:
            yield Case(f"{column} {spelling[:12]!r}", 0, reason, text({}, {}, {column: spelling}).encode())
    for name, content, says in (
        ("a patient twice", text({"patient_id": "p"}, {"patient_id": "p"}), "copy"),
        ("a patient twice, otherwise", text({"patient_id": "p"}, {"patient_id": "p", "age": "3"}), "conflicting_rows"),
        ("a patient a hundred times", text(*[{"patient_id": "p"}] * 100), "100 rows read, 1 in the cohort"),
        ("no ids", text({"patient_id": ""}, {"patient_id": "  "}), "no_patient_id"),
        ("all refused", text(*[{"sessions": "1"}] * 3), "3 rows read, 0 in the cohort"),
        ("blank cells in a row", f"{PLAIN}\n{FINE}\n,,,\n", "no_patient_id"),
        ("a row too short", f"{PLAIN}\n{FINE}\np2,2016-06-20,yes\n", "2 rows read, 2 in the cohort"),
        ("a nameless column", f"{PLAIN},\n{FINE},x\n", "1 rows read, 1 in the cohort"),
        ("nameless columns", f"{PLAIN},,,\n{FINE},x,,y\n", "1 rows read, 1 in the cohort"),
        ("an unused column twice", f"{PLAIN},x,x\n{FINE},1,2\n", "in the export, but not used: x"),
        ("names in capitals", text().replace(PLAIN, PLAIN.upper()), "2 rows read, 2 in the cohort"),
        ("a mark before the header", "\ufeff" + text(), "2 rows read, 2 in the cohort"),
        ("old Mac line ends", text().replace("\n", "\r"), "2 rows read, 2 in the cohort"),
        ("Windows line ends", text().replace("\n", "\r\n"), "2 rows read, 2 in the cohort"),
        ("no end of the last line", text().rstrip(), "2 rows read, 2 in the cohort"),
        ("a long problem", text({"primary_problem": "x" * 1_000_000}), "1 rows read, 1 in the cohort"),
        ("a long score", text({"phq9_end": "x" * 1_000_000}), "2: " + "x" * 20 + "\n"),
        ("a long name", f"{PLAIN},{'x' * 100_000}\n{FINE},1\n", "1 rows read, 1 in the cohort"),
        ("a thousand columns", f"{PLAIN},{','.join(f'x{i}' for i in range(1000))}\n{FINE}\n", "1 rows read"),
        ("what clears a screen", text({"gender": "\x1b[2J\x07"}), r"2: \x1b[2J\x07"),
        ("a line end in a cell", text({"gender": "a\nb"}), r"2: a\nb"),
        ("a line end in a name", f'{PLAIN},"a\nb"\n{FINE},1\n', "1 rows read, 1 in the cohort"),
    ):
        yield Case(name, 0, says, content.encode())
    for hostile in ('=HYPERLINK("http://x","y")', "<script>alert(1)</script>", "../../x", "{{ 7*7 }}", "%s%n",
                    "'; DROP TABLE patients; --", "@SUM(A1)", "\\\\server\\share", "$(reboot)", "[red]x[/red]"):
        for column, says in (("primary_problem", "1 rows read, 1 in the cohort"), ("gender", "unknown_code"),
                             ("patient_id", "1 rows read, 1 in the cohort")):
            yield Case(f"{column} {hostile}", 0, says, text({column: hostile}).encode())
    for kind in BINARY:
        yield Case(f"{kind}: fine", 0, "2 rows read, 2 in the cohort", table(kind), f"a.{kind}")
        yield Case(f"{kind}: hostile", 0, "unknown_code", table(kind, {"gender": "<script>"}), f"a.{kind}")


def column_maps():
    good = map_of()
    for name, columns, says in (
        ("nothing", "", "a.yaml: expected `key: value` lines"), ("a list", "[1, 2]", "a.yaml: expected `key: value`"),
        ("a text", "columns", "a.yaml: expected `key: value` lines"), ("no YAML", "columns: {", "a.yaml, line "),
        ("a tab", "columns:\n\tpatient_id: id", "a.yaml, line 2: not valid YAML"),
        ("a tag", "columns: !!python/object/apply:os.system [ls]", "a.yaml, line 1: not valid YAML"),
        ("an alias of nothing", "columns: *x", "a.yaml, line 1: not valid YAML"),
        ("deep", "[" * 3000, "a.yaml: nested too deeply"), ("NUL", "columns: \0", "a.yaml"),
        ("without columns", "source: x", "a.yaml: the key 'columns' is missing; expected"),
        ("unknown key", good + "colums: {}", "a.yaml: unknown key 'colums'"),
        ("unknown key of the file", good + "file: {sep: ','}", "a.yaml: file: unknown key 'sep'"),
        ("separator of two", good + "file: {separator: ',,'}", "a.yaml: file: separator: found ',,', expected one"),
        ("unknown encoding", good + "file: {encoding: utf-9}", "a.csv: 'utf-9' in the column map is no known encoding"),
        ("encoding of no text", good + "file: {encoding: hex}", "a.csv: 'hex' in the column map is no known encoding"),
        ("encoding with a NUL", good + 'file: {encoding: "a\\0b"}', "a.csv: 'a\\x00b' in the column map is no known"),
        ("wrong encoding", good + "file: {encoding: utf-16}", "in file: {encoding: utf-8}"),
        ("encoding undefined", good + "file: {encoding: undefined}", "a.csv: "),
        ("wrong separator", good + "file: {separator: ';'}", "a.csv: line 1: the required column 'patient_id'"),
        ("separator of a NUL", good + 'file: {separator: "\\0"}', "a.csv: line 1: "),
        ("separator of a blank", good + "file: {separator: ' '}", "a.csv: line 1: the required column 'patient_id'"),
        ("unknown dates", good + "dates: us", "dates: found 'us', expected iso or day_first or excel_serial"),
        ("missing no list", good + "missing: NULL", "a.yaml: missing: found 'NULL', expected a list of"),
        ("no canonical column", map_of(phq="x"), "columns: found 'phq', expected a canonical column"),
        ("two from one", map_of(phq9_end="phq9_baseline"), "both read 'phq9_baseline'"),
        ("not in the export", map_of(patient_id="case"), "a.csv: line 1: the required column 'case' is absent"),
        ("unknown code list", map_of(gender="{column: g, codes: iso_5218}"), "gender: codes: found 'iso_5218', "),
        ("unknown meaning", map_of(gender="{column: g, codes: {1: man}}"), "gender: codes: 1: found 'man', "),
        ("code twice", map_of(gender="{column: g, codes: {1: male, 01: female}}"), "one meaning of code '01'"),
        ("column and constant", map_of(age="{column: a, constant: b}"), "columns: age: found {column: a, constant: b}"),
        ("neither", map_of(age="{missing: [NULL]}"), "columns: age: found {missing: ['NULL']}"),
        ("no source", map_of(age=""), "columns: age: found '', expected a column"),
        ("a list of sources", map_of(age="[a, b]"), "columns: age: found [a, b], expected a column"),
        ("no id", "columns: {phq9_end: phq9_end}", "a.csv: the column map does not say where 'patient_id' stands"),
        ("one star of two", map_of(**{"phq9_*m_item*": "x*"}), "found 'x*', expected a `*` in it for each"),
        ("contacts of nothing", good + "contacts: {}", "a.yaml: "),
        ("contacts no mapping", good + "contacts: yes", "a.yaml: contacts: found 'yes', expected `key: value`"),
    ):
        yield Case(f"map: {name}", 1, says, GOOD, columns=columns)
    for name, columns in (("a constant", map_of(adsm="{constant: OCI}")), ("a byte order mark", "\ufeff" + good),
                          ("an unmatched column", map_of(age="Age at referral"))):
        yield Case(f"map: {name}", 0, "2 rows read, 2 in the cohort", GOOD, columns=columns)


def study_files():
    services = {"A": {"file": "a.csv"}}
    good = study_text(services=services)
    for key in ("study", "title", "measures", "minimum_sessions", "carry_back", "anxiety_measure"):
        yield Case(f"study: without {key}", 2, f"study.yaml: the key '{key}' is missing",
                   study=study_text(services=services, **{key: None}))
    yield Case("study: without services", 2, "study.yaml: the key 'services' is missing", study=study_text())
    for name in ("../../x", "..", ".", "/tmp/x", "a/b", "a\\b", "C:x", "a b", "", "x\0y", "é", "<b>", "=1+1", "a\n"):
        yield Case(f"study: id {name!r}", 2, "study.yaml: study: found ",
                   study=study_text(services=services, study=name))
        yield Case(f"study: service {name!r}", 2, "study.yaml: services: ",
                   study=study_text(services={name: {"file": "a.csv"}}))
    for name in ("no", "on", "null", "~", "1", "01", "1_000", "2016-06-01", "0x1F", "12:30:00", ".inf"):
        yield Case(f"study: service {name}, unquoted", 2, "expected for each service an id, in quotes",
                   study=study_text() + f"services:\n  {name}: {{file: a.csv}}\n")
        yield Case(f"study: id {name}, unquoted", 2, "study.yaml: study: found ",
                   study=good.replace("study: durability_test", f"study: {name}"))
    for line, says in (
        ("minimum_session: 2", "unknown key 'minimum_session'"), ("study: b", "the key 'study' stands there twice"),
        ("disclosure: gdpr", "disclosure: found 'gdpr', expected none or nhs or"), ("disclosure: 5", "disclosure: "),
        ("table1_services: [Z]", "table1_services: found [Z], expected services of this"),
        ("published: ../../x.yaml", "found '../../x.yaml', expected the path of a YAML file that is there"),
        # too long for the system: an error of its own, without the folder
        (f"published: {'x' * 300}.yaml", "published: found '" + "x" * 50),
        ("published: .", "published: found '.', expected the path of a YAML file that is there"),
        ("follow_up_windows: {6m: [1, 2]}", "follow_up_windows: found {6m: [1, 2]}, "),
        ("2016: x", "unknown key '2016'"), ("no: x", "unknown key 'False'"),
        ("? [a]\n: b", "a key that is a list or mapping"),
        ("x: {", "study.yaml, line"), ("\tx: 1", "study.yaml, line"),
        ("x: !!python/name:os.system", "study.yaml, line"),
    ):
        yield Case(f"study: {line[:60]!r}", 2, says, study=good + line + "\n")
    for key, values in (("minimum_sessions", ("-1", "two", "2.5", "yes", "[2]")), ("carry_back", ("1", "'yes'")),
                        ("measures", ("iapt", "2016", "[a]")), ("anxiety_measure", ("phq9", "yes")),
                        ("title", ("[a]", "3"))):
        for value in values:
            changed = "".join(f"{key}: {value}\n" if line.startswith(f"{key}:") else line
                              for line in good.splitlines(keepends=True))
            yield Case(f"study: {key} {value}", 2, f"study.yaml: {key}: ", study=changed)
    for name, content in (("nothing", ""), ("a list", "- a"), ("a text", "a"), ("NUL", "\0"), ("deep", "[" * 3000)):
        yield Case(f"study: {name}", 2, "study.yaml", study=content)
    for entry, code, says in (({"file": "absent.csv"}, 1, "absent.csv: no such file"),
                              ({"file": "."}, 1, "a folder; expected a file"),
                              ({"file": "a.csv", "columns": "absent.yaml"}, 1, "absent.yaml: no such file"),
                              ({"file": "a.csv", "columns": "."}, 1, "cannot be read as a UTF-8 text file"),
                              ({"file": "x" * 300 + ".csv"}, 1, "File name too long"),
                              ({"file": "a\0.csv"}, 1, "no such file"),
                              ({"file": "a.csv", "sheet": "x"}, 2, "services: A: unknown key 'sheet'; known keys: "),
                              ({"columns": "a.yaml"}, 2, "services: A: the key 'file' is missing"),
                              ("a.csv", 2, "services: A: found 'a.csv', expected {file: ...")):
        yield Case(f"study: service {str(entry)[:40]}", code, says, GOOD, study=study_text(services={"A": entry}))


CASES = [*unreadable_exports(), *exports_with_identifiers(), *odd_exports(), *column_maps(), *study_files()]


def write(case: Case, folder: Path) -> Path:
    (folder / case.file).write_bytes(case.content)
    service = {"file": case.file}
    if case.columns is not None:
        (folder / "a.yaml").write_text(case.columns, encoding="utf-8")
        service["columns"] = "a.yaml"
    path = folder / "study.yaml"
    path.write_text(study_text(services={"A": service}) if case.study is None else case.study, encoding="utf-8")
    return path


def test_the_corpus_is_of_four_hundred_different_cases():
    assert len({case.id for case in CASES}) == len(CASES) > 400


@pytest.mark.parametrize("case", CASES, ids=lambda case: ascii(case.id))
def test_check_answers_with_code_and_place(tmp_path, case):
    study = write(case, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    result = CliRunner().invoke(app, ["check", str(study)])
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == case.code, result.output
    assert case.says in result.output
    assert "Traceback" not in result.output and str(tmp_path) not in result.output
    assert not [secret for secret in SECRETS if secret in result.output]
    assert sorted(tmp_path.rglob("*")) == before


# -- what a run leaves behind ----------------------------------------------------------------------

UNUSABLE = ("csv: nothing", "csv: header", "csv: NULs", "csv: quote never closed", "csv: one cell too many",
            "csv: UTF-16", "csv: column twice", "csv: dob", "xlsx: its first half", "parquet: its first half")


def files_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_run_of_unusable_exports_names_each_and_leaves_no_table(tmp_path):
    cases = [next(case for case in CASES if case.id == name) for name in UNUSABLE]
    services = {f"S{i}": {"file": f"S{i}{Path(case.file).suffix}"} for i, case in enumerate(cases)}
    for case, service in zip(cases, services.values(), strict=True):
        (tmp_path / service["file"]).write_bytes(case.content)
    (tmp_path / "study.yaml").write_text(study_text(services=services), encoding="utf-8")
    result = durability("run", tmp_path / "study.yaml", "--output", tmp_path / "results", "--notebook", "01")
    assert result.returncode == 1
    assert "Traceback" not in result.stdout + result.stderr
    assert not [secret for secret in SECRETS if secret in result.stdout + result.stderr]
    kinds = ("html", "ipynb", "provenance.json")
    expected = {f"{service}/cleaning/01_cleaning.{kind}" for service in services for kind in kinds}
    expected |= {f"{service}/index.html" for service in services}
    left = set(files_below(tmp_path / "results" / "durability_test"))
    assert left - {".lock"} == {*expected, "index.html", "methods.html", "run.json"}
    for case, (service, entry) in zip(cases, services.items(), strict=True):
        said = [line for line in result.stderr.splitlines() if line.startswith(f"service {service}: ")]
        assert len(said) == 1 and case.says.replace(case.file, entry["file"]) in said[0], said
        page = (tmp_path / "results" / "durability_test" / service / "cleaning" / "01_cleaning.html").read_text("utf-8")
        assert "Traceback" not in page and not [secret for secret in SECRETS if secret in page]


HOSTILE = ('=HYPERLINK("http://x","y")', "<script>alert(1)</script>", "../../x", "x" * 10_000_000)


def test_hostile_texts_do_no_harm_in_tables_pages_and_paths(tmp_path):
    follow_up = {"followup_6m_date": "2016-12-15", "phq9_6m": "6", "gad7_6m": "5", "age": "40", "<b onload=x>": "1"}
    patients = [{"primary_problem": hostile, **follow_up} for hostile in HOSTILE]
    patients += [{"gender": hostile} for hostile in HOSTILE]  # no code: these go into rejected.csv
    inputs = tmp_path / "in"
    inputs.mkdir()
    (inputs / "a.csv").write_text(text(*patients), encoding="utf-8")
    study = inputs / "study.yaml"
    study.write_text(study_text(services={"A": {"file": "a.csv"}}, title=HOSTILE[1]), encoding="utf-8")
    output = tmp_path / "out" / "results"
    result = durability("run", study, "--output", output, "--service", "A", "--service", "all", "--step", "all",
                        "--notebook", "01", "--notebook", "02", "--notebook", "05")
    assert result.returncode == 0, result.stderr[-2000:]
    assert len(result.stdout + result.stderr) < 10_000
    # nothing beside the results: ../../x would lie here
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]
    assert files_below(inputs) == ["a.csv", "study.yaml"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["results"]
    assert not [path for path in output.rglob("*") if path.name == "x" or "script" in path.name]

    with (output / "durability_test" / "A" / "cleaning" / "rejected.csv").open(encoding="utf-8", newline="") as file:
        values = [row["value"] for row in csv.DictReader(file)]
    assert values == [f"'{HOSTILE[0]}", *HOSTILE[1:]]  # whole: a spreadsheet runs none, and nothing is lost
    tables = list(output.rglob("*.csv"))
    assert {path.stem for path in tables} >= {"rejected", "cleaning_log", "response_rates", "sample_characteristics"}
    for path in tables:
        cells = pd.read_csv(path, dtype=str, keep_default_na=False).melt(value_name="cell")["cell"]
        run_as_formula = cells[cells.str.match(r"[=+@-]") & pd.to_numeric(cells, errors="coerce").isna()]
        assert run_as_formula.empty, (path.name, run_as_formula.str[:40].to_list())
        assert path.name == "rejected.csv" or path.stat().st_size < 1_000_000

    pages = list(output.rglob("*.html"))
    assert len(pages) == 9  # methods and the pages of A and of all among them
    for page in pages:
        html = page.read_text(encoding="utf-8")
        own = html.replace('<script>"use strict";', "", 1)  # that of the first page: its policy lets no other run
        assert "<script" not in own and "<b onload" not in html, page.name
        assert 'href="http://x' not in html and len(html) < 2_000_000, page.name
    assert "&lt;script&gt;alert(1)" in (output / "durability_test" / "index.html").read_text(encoding="utf-8")
    for notebook in output.rglob("*.ipynb"):
        assert notebook.stat().st_size < 2_000_000
