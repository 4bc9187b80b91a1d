"""What columns mean. Oracle: docs/reference.md, sections 2, 3; lists of version 0.5.0 and the WSAS, typed by hand."""

import json
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from conftest import cohort, patient, study_text, write_csv
from copied_project import copy_package, environment

from durability_utils.study import columns
from durability_utils.study.columns import FOLLOW_UPS, TIMES, columns_with, completed, dictionary, totals
from durability_utils.study.parameters import PROJECT

MEASURED, ITEMS = ("phq9", "gad7", "adsm", "wsas"), {"phq9": 9, "gad7": 7, "wsas": 5}


def test_a_column_with_a_time_in_its_name_has_that_time_and_no_other_has_one():
    named = {name: re.search(r"_(baseline|end|6m|12m)(?=_|$)", name) for name in dictionary().index}
    assert {name: found[1] if found else "" for name, found in named.items()} == dictionary()["time"].to_dict()
    # and each time and each consent is one that cleaning knows
    assert set(dictionary()["time"]) == {"", *TIMES}
    assert set(dictionary()["consent"]) == {"", "upflow", "contact"}


def test_what_is_withheld_without_consent_to_upflow_and_to_contact():
    upflow = ["step", "sessions", "end_reason",
              *(f"{name}_{time}" for time in ("baseline", "end") for name in MEASURED),
              *(f"wsas_{time}_item{i}" for time in ("baseline", "end") for i in range(1, 6))]
    contact = [column for time in ("6m", "12m") for column in (
        f"followup_{time}_date", f"followup_{time}_mode", *(f"{name}_{time}" for name in MEASURED),
        *(f"{name}_{time}_item{i}" for name, n in ITEMS.items() for i in range(1, n + 1)))]
    assert sorted(columns.TREATMENT_DATA) == sorted(upflow)
    assert sorted(columns.FOLLOW_UP_DATA) == sorted(contact)
    assert columns_with(consent="upflow") == columns.TREATMENT_DATA
    assert sorted(columns.OUTCOME_DATA) == sorted(["consent_contact", "consent_upflow", "adsm", *upflow, *contact])
    # whatever is asked after discharge needs consent to contact
    asked = [name for time in FOLLOW_UPS for name in columns_with(time=time)]
    assert sorted(asked) == sorted(columns.FOLLOW_UP_DATA)


def test_totals_and_their_items():
    assert {time: totals(time) for time in TIMES} == {
        time: [f"{name}_{time}" for name in MEASURED] for time in ("baseline", "end", "6m", "12m")}
    assert columns.items_of("phq9_6m") == [f"phq9_6m_item{i}" for i in range(1, 10)]
    assert columns.items_of("gad7_12m") == [f"gad7_12m_item{i}" for i in range(1, 8)]
    assert columns.items_of("phq9_end") == columns.items_of("adsm_6m") == []


def test_what_contacts_give_is_what_it_was():
    pattern = re.compile(r"(phq9|gad7|adsm|wsas)_.*|followup_.*_date")  # of version 0.5.0, and the WSAS
    assert columns.from_contacts() == {name for name in dictionary().index if pattern.fullmatch(name)}


@pytest.mark.parametrize("time", FOLLOW_UPS)
def test_date_totals_and_items_show_that_an_answer_came_and_the_mode_does_not(time):
    assert sorted(columns.evidence(time)) == sorted(set(columns_with(time=time)) - {f"followup_{time}_mode"})


@pytest.mark.parametrize(("answer", "came_back"), [
    ({}, False),
    ({"followup_6m_mode": "post"}, False),  # a mode alone is no answer
    ({"followup_6m_date": pd.Timestamp("2016-12-01")}, True),
    ({"phq9_6m": 0}, True),  # a score of zero is a score
    ({"adsm_6m": 12}, True),
    ({"gad7_6m_item7": 0}, True),  # a single item too
    ({"phq9_12m": 3}, False),  # that is the other follow-up
])
def test_a_follow_up_was_completed_when_its_date_or_any_score_is_there(answer, came_back):
    assert completed(cohort(patient(**answer)), "6m")[0] == came_back


CLEAN = """
import json
from durability_utils.cohort.cleaning import clean_service
from durability_utils.outcomes.rules import carry_back
from durability_utils.study.columns import completed
from durability_utils.study.parameters import PROJECT
from durability_utils.study.study_file import read_study

cleaned = clean_service(read_study(PROJECT / "study.yaml"), "A")
cohort = cleaned.cohort.set_index("patient_id")
own = cohort[[name for name in cohort if name.startswith("wellbeing")]]
print(json.dumps({
    "cohort": json.loads(own.to_json(orient="index")),
    "refused": cleaned.rejected[["patient_id", "column", "value", "reason"]].to_numpy().tolist(),
    "completed": completed(cohort, "6m").to_dict(),
    "carried": json.loads(carry_back(cohort)[own.columns].to_json(orient="index")),
}))
"""
CONSENT = {"end": "upflow", "6m": "contact", "12m": "contact"}
MAP = """
columns: {patient_id: id, discharge_date: discharged, consent_contact: contact, consent_upflow: upflow,
          phq9_baseline: P0, gad7_baseline: G0, phq9_end: P1, gad7_end: G1,
          wellbeing_end: end, wellbeing_6m: half, wellbeing_12m: year}
"""


def test_a_column_that_needs_consent_is_withheld_from_whoever_refused_it(tmp_path):
    """In a copy of the package and of what it reads, with three columns more in the dictionary."""
    copy_package(tmp_path)
    shutil.copytree(PROJECT / "parameters", tmp_path / "parameters")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dictionary.csv").write_text(
        (PROJECT / "data" / "dictionary.csv").read_text(encoding="utf-8") + "".join(
            f"wellbeing_{time},whole_number,points,0,10,,blank,no,{time},{consent},how well one feels\n"
            for time, consent in CONSENT.items()), encoding="utf-8")
    (tmp_path / "a.yaml").write_text(MAP, encoding="utf-8")
    study = study_text(services={"A": {"file": "a.csv", "columns": "a.yaml"}})
    (tmp_path / "study.yaml").write_text(study, encoding="utf-8")
    about = {"discharged": "2016-06-15", "contact": "yes", "upflow": "yes",
             "P0": "20", "G0": "15", "P1": "8", "G1": "7"}
    rows = [{"id": "agreed", "end": "4", "half": "6"}, {"id": "no contact", "contact": "no", "end": "5", "half": "7"},
            {"id": "no upflow", "upflow": "no", "end": "9", "half": "8"}, {"id": "too high", "end": "1", "half": "11"},
            {"id": "late", "year": "3"}]
    write_csv(tmp_path / "a.csv", [about | row for row in rows])
    run = subprocess.run([sys.executable, "-c", CLEAN], cwd=tmp_path, env=environment(tmp_path), check=False,
                         capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    told = [(4, 6, None), (5, None, None), (None, 8, None), (1, None, None), (None, None, 3)]
    assert found["cohort"] == {row["id"]: dict(zip([f"wellbeing_{time}" for time in CONSENT], scores, strict=True))
                               for row, scores in zip(rows, told, strict=True)}
    # listed without their values, as everything that was withheld
    refused = {(name, column): (value, reason) for name, column, value, reason in found["refused"]}
    assert refused["no contact", "wellbeing_6m"] == ("", "no_contact_consent")
    assert refused["no upflow", "wellbeing_end"] == ("", "no_upflow_consent")
    assert refused["too high", "wellbeing_6m"] == ("11", "out_of_range")
    assert len([column for _, column in refused if column.startswith("wellbeing")]) == 3
    # a score of its own shows that the questionnaire came back, and it is carried back with the others
    assert [name for name, came_back in found["completed"].items() if came_back] == ["agreed", "no upflow"]
    assert found["carried"]["late"]["wellbeing_6m"] == 3
