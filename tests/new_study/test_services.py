"""Which services a new study has. Oracle: `docs/reference.md`, sections 1 and 2."""

import openpyxl
import pytest
import yaml
from conftest import canonical_rows, write_csv

from durability_utils.new_study.draft import column_map, new_services, study_file, summary
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


def test_months_of_one_service_are_one(exports, tmp_path):
    later = [row | {"patient_id": f"later {n}"} for n, row in enumerate(ROWS)]
    services = new_services(exports(**{"north_2024-05": later, "north_2024-04": ROWS, "south_2024-04": ROWS}))
    assert list(services) == ["north", "south_2024-04"]
    assert len(services["north"].export.table) == 16
    text = study_file("mine", services, tmp_path)
    assert yaml.safe_load(text)["services"]["north"]["file"] == ["north_2024-04.csv", "north_2024-05.csv"]
    assert any("CHECK: read as one export with north_2024-05.csv" in line
               for line in summary("north", services["north"]))


def test_months_of_other_columns_are_services_of_their_own(exports):
    other = [row | {"Team": "x"} for row in ROWS]
    assert len(new_services(exports(**{"north_2024-05": other, "north_2024-04": ROWS}))) == 2


def test_months_of_contacts_go_with_months_of_patients(exports, tmp_path):
    patients = [{key: row[key] for key in ("patient_id", "discharge_date", "consent_contact")} for row in ROWS]
    services = new_services(exports(**{"scores_2024-04": CONTACTS[::2], "patients_2024-04": patients[:4],
                                       "scores_2024-05": CONTACTS[1::2], "patients_2024-05": patients[4:]}))
    assert yaml.safe_load(study_file("mine", services, tmp_path))["services"] == {"patients": {
        "file": ["patients_2024-04.csv", "patients_2024-05.csv"], "columns": "mine_columns/patients.yaml",
        "contacts": ["scores_2024-04.csv", "scores_2024-05.csv"]}}


BARE = [{key: value for key, value in row.items() if "6m" not in key and key != "consent_contact"} for row in ROWS]
CONSENT = [{"Ref": row["patient_id"], "OK to contact": "yes"} for row in ROWS]
SURVEY = [{"Q1": row["patient_id"], "Q2": "12", "Q3": "9", "RecordedDate": "2016-12-20", "Q9": "thanks"}
          for row in ROWS[:6]]


class TestAFileBesideThePatients:
    """Consent and follow-up answers in files of their own, with the patient's id in a column of any name."""

    @pytest.fixture
    def files(self, exports, tmp_path):
        paths = exports(north=BARE, consents=CONSENT, survey_6m=SURVEY)
        names, *rows = paths[2].read_text(encoding="utf-8").splitlines()
        texts = "Your id,PHQ-9 total,GAD-7 total,Recorded date,Anything else?"
        ids = ",".join(f'"{{""ImportId"":""Q{n}""}}"' for n in range(5))
        paths[2].write_text("\n".join([names, texts, ids, *rows]), encoding="utf-8")
        return paths

    def test_they_are_joined_and_named_in_both_files(self, files, tmp_path):
        services = new_services(files)
        assert list(services) == ["north"]
        text = yaml.safe_load(column_map("north", services["north"]))
        assert text["joined"] == {
            "consents": {"columns": {"patient_id": "Ref", "consent_contact": "OK to contact"}},
            "survey_6m": {"file": {"data": 4}, "columns": {
                "patient_id": "Q1", "phq9_6m": "Q2", "gad7_6m": "Q3", "followup_6m_date": "RecordedDate"}}}
        assert yaml.safe_load(study_file("mine", services, tmp_path))["services"]["north"] == {
            "file": "north.csv", "columns": "mine_columns/north.yaml",
            "joined": {"consents": "consents.csv", "survey_6m": "survey_6m.csv"}}

    def test_what_they_tell_is_not_missed_and_what_has_no_place_is_said(self, files):
        lines = summary("north", *new_services(files).values())
        assert not any("REQUIRED consent_contact" in line or "NOT FOUND phq9_6m" in line for line in lines)
        assert lines[0].endswith("joined survey_6m: survey_6m.csv, 6 rows, 5 columns, data 4")
        assert "  no place for: Q9" in lines

    def test_strangers_are_not_joined(self, exports):
        strangers = [row | {"Ref": f"other {n}"} for n, row in enumerate(CONSENT)]
        assert len(new_services(exports(north=BARE, consents=strangers))) == 2
