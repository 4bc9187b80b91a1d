"""Which services a new study has. Oracle: `docs/reference.md`, sections 1 and 2."""

import openpyxl
import pytest
from conftest import canonical_rows, write_csv

from durability_utils.new_study.draft import new_services
from durability_utils.study.errors import InputError

ROWS = canonical_rows([{}] * 8)
CONTACTS = [{"Client": row["patient_id"], "Date": f"2016-0{month}-01", "Tool": tool, "Score": "12"}
            for row in ROWS for month in (1, 5) for tool in ("PHQ9", "GAD7")]


@pytest.fixture
def exports(tmp_path):
    """exports(name=rows, ...): the files that were written, in a folder."""
    def write(**files):
        paths = []
        for name, rows in files.items():
            paths.append(tmp_path / f"{name}.csv")
            write_csv(paths[-1], rows)
        return paths
    return write


def test_each_export_is_a_service(exports):
    services = new_services(exports(north=ROWS, south=ROWS))
    assert list(services) == ["north", "south"]
    assert len(services["north"].export.table) == 8 and services["north"].contacts is None
    assert "consent_contact" in services["north"].placed


def test_a_file_of_contacts_goes_with_its_patients_and_is_a_service_where_they_are_nobodys(exports):
    patients = [{key: row[key] for key in ("patient_id", "discharge_date", "consent_contact")} for row in ROWS]
    strangers = [row | {"patient_id": f"other {row['patient_id']}"} for row in patients]
    services = new_services(exports(south=strangers, scores=CONTACTS, north=patients))
    assert list(services) == ["south", "north"] and services["south"].contacts is None
    contacts = services["north"].contacts
    assert contacts.export.path.name == "scores.csv" and len(contacts.export.table) == len(CONTACTS)
    (alone,) = new_services(exports(scores=CONTACTS)).values()
    assert alone.contacts.export is alone.export and "consent_contact" in alone.absent


@pytest.mark.parametrize(("content", "message"), [
    ("id,phq\n", "bad.csv: no data row"), ("", "bad.csv: the file is empty"),
    ("id,phq\n1,2,3\n", "bad.csv: line 2: 3 cells"), ('id,phq\n1,"2\n', "bad.csv: line 2: a quote"),
    ("id,contact\n1,a@b.org\n", "bad.csv: line 2: column 'contact' holds an e-mail address"),
    ("P4711,Ann,17\nP4712,Bob,3\n", "bad.csv: line 1: no name of a column is understood; is line 1 the header?"),
])
def test_an_export_that_cannot_be_used_is_named(exports, tmp_path, content, message):
    (tmp_path / "bad.csv").write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as error:
        new_services([*exports(north=ROWS), tmp_path / "bad.csv"])
    assert str(error.value).startswith(message)
    assert not any(text in str(error.value) for text in ("Ann", "a@b.org", str(tmp_path)))


def test_what_is_no_export_or_named_twice_is_refused(exports, tmp_path):
    for name in ("none.csv", "none.pdf", "none.xlsx", ""):
        with pytest.raises(InputError):
            new_services([tmp_path / name])
    (north,) = exports(north=ROWS)
    with pytest.raises(InputError, match="named twice"):
        new_services([north, north.parent / "." / "north.csv"])


def test_the_sheet_of_a_workbook_is_found(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["Extract of June"])
    data = book.create_sheet("Data")
    for row in [list(ROWS[0]), *(list(row.values()) for row in ROWS)]:
        data.append(row)
    book.save(tmp_path / "north.xlsx")
    (north,) = new_services([tmp_path / "north.xlsx"]).values()
    assert north.export.form == {"sheet": "Data"} and len(north.export.table) == 8
