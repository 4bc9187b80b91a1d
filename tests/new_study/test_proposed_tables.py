"""A folder for `durability new`: of tables, of ordinary exports, of neither. Oracle: docs/talking_therapies.md, and the
committed example, of which this or that is taken away."""

import re
import shutil

import pandas as pd
import pytest
import yaml

from durability_utils.cohort.cleaning import clean_service
from durability_utils.new_study.draft import new_study
from durability_utils.study.errors import InputError
from durability_utils.study.parameters import PROJECT
from durability_utils.study.study_file import read_study
from durability_utils.synthetic.example import FOLDER, IN_TABLES

EXAMPLE = PROJECT / "data" / "example"


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(EXAMPLE / FOLDER, tmp_path / FOLDER)
    return tmp_path / FOLDER


def propose(folder, *others):
    """What is said, and the column map."""
    said = new_study("mine", [folder, *others], folder.parent, force=True)
    return said, yaml.safe_load((folder.parent / "mine_columns" / f"{FOLDER}.yaml").read_text(encoding="utf-8"))


def cleaned(folder):
    return clean_service(read_study(folder.parent / "mine.yaml"), FOLDER).cohort


def change(path, **columns):
    pd.read_csv(path, dtype=str, keep_default_na=False).assign(**columns).to_csv(path, index=False)


def test_columns_by_their_names_codes_by_their_national_lists(folder):
    said, found = propose(folder)
    assert found["file"] == {"tables": "talking_therapies"}
    assert found["columns"] == {
        "patient_id": "LocalPatientId", "referral_id": "ServiceRequestId",
        "referral_date": "ReferralRequestReceivedDate", "discharge_date": "ServDischDate",
        "gender": {"column": "Gender", "codes": "nhs_gender"}, "age": "AgeAtReferral",
        "ethnicity": {"column": "EthnicCategory", "codes": "nhs_ethnic_category"},
        "end_reason": {"column": "EndCode", "codes": "nhs_end_code"}}
    assert found["contacts"]["sessions"] == "treatment_contacts"
    assert found["contacts"]["columns"]["measure"] == {"column": "CodedAssToolType", "codes": "nhs_assessment_tool"}
    assert found["joined"]["local"]["columns"]["referral_id"] == "ServiceRequestId"
    assert found["joined"]["survey"]["columns"]["patient_id"] == "LocalPatientId"
    scores = pd.read_csv(folder / "IDS606CodedScoreAssessmentRefer.csv", dtype=str)
    of_pswq = ((scores["CodedAssToolType"] == "446517006") & (scores["IsLatest_SubmissionID"] == "1")).sum()
    assert any(f"tools that the study does not use: PSWQ ({of_pswq} scores)" in line for line in said)
    assert any("PHQ9_FirstScore" in line and "derived; the scores and contacts themselves are there" in line
               for line in said)
    assert len(cleaned(folder)) == IN_TABLES


def test_consent_is_required_where_no_file_has_it_and_may_be_named_beside_the_folder(folder):
    (folder / "local.csv").rename(folder.with_name("local.csv"))
    assert any(line.startswith("  REQUIRED consent_contact") for line in propose(folder)[0])
    said, found = propose(folder, folder.with_name("local.csv"))
    assert "consent_contact" in found["joined"]["local"]["columns"]
    assert not any(line.startswith("  REQUIRED") for line in said)


def test_files_that_fit_nowhere_are_said_and_no_value_of_theirs(folder):
    (folder / "letter.docx").write_text("x")
    (folder / "staff.csv").write_text("Therapist,Band\nX1,6\nX2,7\n")
    (folder / "numbers.csv").write_text("LocalPatientId,NHS\n1,943 476 5919\n")
    left = "\n".join(line for line in propose(folder)[0] if "left aside" in line)
    assert "staff.csv" in left and "letter.docx" in left and "numbers.csv: line 2: column 'NHS'" in left
    assert "5919" not in left


def test_identifiers_that_are_left_out_are_told_by_their_columns(folder):
    change(folder / "IDS001MPI.csv", NHSNumber="9434765919", Postcode="ZZ99 3WZ", PersonBirthDate="1980-02-01")
    said = "\n".join(propose(folder)[0])
    assert "identifiers, which are left out: NHSNumber, Postcode, PersonBirthDate" in said
    assert not re.search("9434765919|ZZ99|1980-02", said)


def test_the_adsm_is_told_by_the_presenting_complaint_else_by_the_earliest_score(folder):
    change(folder / "local.csv", adsm="F431", primary_problem="F431")
    said, found = propose(folder)
    assert found["joined"]["local"]["columns"]["adsm"]["codes"] == "nhs_adsm_of_complaint"
    assert any(line.startswith("  CHECK adsm: by the presenting complaint") for line in said)
    pd.read_csv(folder / "local.csv", dtype=str).drop(columns=["adsm", "primary_problem"]).to_csv(
        folder / "local.csv", index=False)
    assert any("CHECK: the relevant anxiety measure of a patient is that of the earliest score" in line
               for line in propose(folder)[0])


def test_a_table_without_a_row_marked_as_the_latest_is_asked_about(folder):
    assert not any("marked as the latest" in line for line in propose(folder)[0])
    change(folder / "IDS607CodedScoreAssessmentAct.csv", IsLatest_SubmissionID="0")
    assert any("CHECK: no row of IDS607 is marked as the latest" in line for line in propose(folder)[0])


def test_a_code_of_no_list_is_asked_about(folder):
    table = pd.read_csv(folder / "IDS101Referral.csv", dtype=str)
    change(folder / "IDS101Referral.csv", EndCode=table["EndCode"].where(table["EndCode"] != "46", "77").fillna(""))
    assert any(re.match(r"  CHECK end_reason: not in nhs_end_code: 77 \([0-9]+ rows\)", line)
               for line in propose(folder)[0])


def test_where_no_table_has_a_score_the_first_and_last_ones_of_the_referrals_are_read(folder):
    expected = propose(folder) and cleaned(folder).set_index("patient_id")
    for path in folder.glob("IDS[26]*"):
        path.unlink()
    said, found = propose(folder)
    assert any("CHECK: no table has a score" in line for line in said)
    assert {found["columns"][name] for name in ("phq9_baseline", "phq9_end", "gad7_baseline")} == {
        "PHQ9_FirstScore", "PHQ9_LastScore", "GAD_FirstScore"}
    wide = cleaned(folder).set_index("patient_id").loc[expected.index]
    scores = ["phq9_baseline", "gad7_baseline"]
    pd.testing.assert_frame_equal(wide[scores], expected[scores])


def test_of_a_folder_of_ordinary_exports_each_is_as_if_named(tmp_path):
    (tmp_path / "exports").mkdir()
    shutil.copy(EXAMPLE / "riverside.csv", tmp_path / "exports")
    new_study("mine", [tmp_path / "exports"], tmp_path)
    by_folder = (tmp_path / "mine.yaml").read_text(encoding="utf-8")
    new_study("mine", [tmp_path / "exports" / "riverside.csv"], tmp_path, force=True)
    assert (tmp_path / "mine.yaml").read_text(encoding="utf-8") == by_folder


def test_a_folder_without_a_table_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "read me.docx").write_text("x")
    with pytest.raises(InputError, match=r"^empty: no table in this folder; expected tables of the Talking Therapies"):
        new_study("mine", [tmp_path / "empty"], tmp_path)
