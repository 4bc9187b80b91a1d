"""Several referrals of a patient. Oracle: docs/reference.md, sections 2 and 3, counted by hand."""

import datetime as dt

import pandas as pd
import pytest
from conftest import study_text, write_csv

from durability_utils.cohort.cleaning import clean_service
from durability_utils.cohort.referrals import re_referrals
from durability_utils.study.study_file import read_study

WINDOWS = {"6m": [91, 273], "12m": [274, 456]}
MAP = """
columns:
  patient_id: person
  referral_id: referral
  referral_date: received
  discharge_date: discharged
  consent_contact: consent
contacts:
  columns:
    patient_id: person
    referral_id: referral
    date: day
    measure: tool
    score: score
    attended: seen
"""
FIRST = {"person": "p", "referral": "r1", "received": "2016-01-04", "discharged": "2016-06-15", "consent": "yes"}
SECOND = {"person": "p", "referral": "r2", "received": "2016-10-03", "discharged": "2017-01-20", "consent": "yes"}


def contact(day, score, referral="r1", person="p", tool="PHQ-9", **more):
    return {"person": person, "referral": referral, "day": day, "tool": tool, "score": score, "seen": "yes", **more}


# of the first referral baseline and end, then a second one, whose first session lies in the window of 6 months
CONTACTS = [contact("2016-01-10", 20), contact("2016-06-15", 5), contact("2016-10-10", 19, "r2"),
            contact("2017-01-20", 6, "r2")]


@pytest.fixture
def cleaned(tmp_path):
    """cleaned(patients, contacts, columns=MAP, **study keys)."""
    def make(patients, contacts, columns=MAP, **keys):
        keys = {"follow_up_windows": WINDOWS, "minimum_sessions": 0, "discharged": None, **keys}
        (tmp_path / "a.yaml").write_text(columns, encoding="utf-8")
        service = {"file": "p.csv", "columns": "a.yaml"} | ({"contacts": "c.csv"} if contacts else {})
        (tmp_path / "study.yaml").write_text(study_text(services={"A": service}, **keys), encoding="utf-8")
        write_csv(tmp_path / "p.csv", patients)
        write_csv(tmp_path / "c.csv", contacts or [{"x": ""}])
        return clean_service(read_study(tmp_path / "study.yaml"), "A")
    return make


def scores(cleaned) -> list[dict]:
    names = [f"phq9_{time}" for time in ("baseline", "end", "6m", "12m")]
    return [row.dropna().astype(int).to_dict() for _, row in cleaned.cohort[names].iterrows()]


def refused(cleaned, kind="contact") -> list[tuple]:
    rows = cleaned.rejected[cleaned.rejected["refused"] == kind]
    return list(rows[["row", "reason"]].itertuples(index=False, name=None))


@pytest.mark.parametrize(("rule", "ids", "found"), [
    ("first", ["r1"], [{"phq9_baseline": 20, "phq9_end": 5}]),
    ("last", ["r2"], [{"phq9_baseline": 19, "phq9_end": 6}]),
    ("all", ["r1", "r2"], [{"phq9_baseline": 20, "phq9_end": 5}, {"phq9_baseline": 19, "phq9_end": 6}])])
def test_contacts_of_another_referral_are_never_its_scores(cleaned, rule, ids, found):
    result = cleaned([FIRST, SECOND], CONTACTS, referrals=rule)
    assert list(result.cohort["referral_id"]) == ids and scores(result) == found
    other = {"first": [(3, "other_referral")], "last": [(2, "other_referral")], "all": []}[rule]
    assert refused(result, "row") == other
    lines = {"first": [4, 5], "last": [2, 3], "all": []}[rule]
    assert refused(result) == [(line, "patient_refused") for line in lines]


def test_the_next_referral_is_told_with_its_day(cleaned):
    result = cleaned([FIRST, SECOND], CONTACTS)
    assert list(result.cohort["re_referred_date"]) == [pd.Timestamp("2016-10-03")]  # 110 days after 15 June
    bands = re_referrals(result.cohort).set_index("days")["n"].to_dict()
    assert bands == {"within 91 days": 0, "92 to 182 days": 1, "183 to 273 days": 0, "more than 273 days": 0,
                     "not referred again": 0}
    # whoever refused to be contacted is shown, too: that a patient came back needs no consent
    silent = cleaned([{**FIRST, "consent": "no"}, {**SECOND, "consent": "no"}], CONTACTS)
    assert silent.cohort["re_referred_date"].notna().all()


def test_a_window_takes_the_first_referral_that_is_in_the_study(cleaned):
    window = {"from": dt.date(2017, 1, 1), "to": dt.date(2017, 1, 31)}
    result = cleaned([FIRST, SECOND], CONTACTS, discharged=window)
    assert list(result.cohort["referral_id"]) == ["r2"] and refused(result, "row") == [(2, "outside_window")]


def test_without_ids_of_contacts_a_contact_belongs_to_the_referral_begun_by_its_day(cleaned):
    columns = MAP.replace("    referral_id: referral\n    date", "    date")
    result = cleaned([FIRST, SECOND], CONTACTS, columns, referrals="all")
    assert scores(result) == [{"phq9_baseline": 20, "phq9_end": 5}, {"phq9_baseline": 19, "phq9_end": 6}]
    # one between discharge and the next referral is a follow-up of the first
    between = [*CONTACTS, contact("2016-09-20", 4)]
    assert scores(cleaned([FIRST, SECOND], between, columns))[0]["phq9_6m"] == 4


def test_without_ids_of_referrals_in_the_patients_file_it_is_that_of_the_last_contact_up_to_discharge(cleaned):
    columns = MAP.replace("  referral_id: referral\n  referral_date: received\n", "", 1)
    follow_up = [*CONTACTS, contact("2016-09-20", 4), contact("2017-05-20", 3, "")]
    result = cleaned([FIRST], follow_up, columns)
    assert scores(result) == [{"phq9_baseline": 20, "phq9_end": 5, "phq9_6m": 4}]
    assert refused(result) == [(4, "other_referral"), (5, "other_referral"), (7, "after_re_referral")]
    assert list(result.cohort["re_referred_date"]) == [pd.Timestamp("2016-10-10")]  # its first contact


def test_scores_after_a_re_referral_are_follow_ups_only_where_the_study_file_says_so(cleaned):
    late = [*CONTACTS, contact("2016-11-01", 7)]  # of the first referral, after the second began
    assert refused(cleaned([FIRST, SECOND], late))[-1] == (6, "after_re_referral")
    allowed = cleaned([FIRST, SECOND], late, follow_ups_after_re_referral=True)
    assert scores(allowed) == [{"phq9_baseline": 20, "phq9_end": 5, "phq9_6m": 7}]


def test_in_a_wide_export_they_are_refused_as_values(tmp_path):
    row = {"patient_id": "p", "discharge_date": "2016-06-15", "re_referred_date": "2016-10-03", "sessions": 6,
           "consent_contact": "yes", "phq9_baseline": 20, "gad7_baseline": 9, "phq9_end": 5, "gad7_end": 3,
           "followup_6m_date": "2016-12-01", "phq9_6m": 7, "gad7_6m": 2, "followup_12m_date": "2016-10-02"}
    write_csv(tmp_path / "a.csv", [row, {**row, "patient_id": "q", "re_referred_date": "2016-06-01"}])
    for allowed, kept in ((False, [False, True]), (True, [True, True])):
        (tmp_path / "study.yaml").write_text(study_text(
            services={"A": {"file": "a.csv"}}, follow_ups_after_re_referral=allowed), encoding="utf-8")
        result = clean_service(read_study(tmp_path / "study.yaml"), "A")
        assert list(result.cohort["phq9_6m"].notna()) == kept
        assert list(result.cohort["followup_12m_date"].notna()) == [True, True]
    assert refused(result, "value") == [(3, "before_discharge")]


@pytest.mark.parametrize(("rule", "counted"), [("attended_days", "2"), ("treatment_contacts", "3")])
def test_sessions_by_either_rule(cleaned, rule, counted):
    kinds = [  # day, contact, attended, planned, kind
        ("2016-01-05", "c1", "yes", "yes", "assessment"), ("2016-02-01", "c2", "yes", "yes", "treatment"),
        ("2016-02-01", "c3", "yes", "yes", "review_and_treatment"), ("2016-03-01", "c4", "no", "yes", "treatment"),
        ("2016-04-01", "c5", "", "no", "assessment_and_treatment"), ("2016-07-01", "c6", "yes", "yes", "treatment")]
    rows = [{**contact(day, "", tool="", seen=seen), "contact": number, "planned": planned, "kind": kind}
            for day, number, seen, planned, kind in kinds]
    columns = MAP + "    contact_id: contact\n    planned: planned\n    appointment: kind\n"
    columns = columns.replace("contacts:\n", f"contacts:\n  sessions: {rule}\n")
    result = cleaned([FIRST], rows, columns)
    assert list(result.cohort["sessions"].astype(str)) == [counted] and refused(result) == []


def test_the_answers_to_single_questions_are_summed_to_a_score(cleaned):
    def answers(day, values, **more):
        return [contact(day, value, tool="PHQ-9", item=number, **more) for number, value in enumerate(values, start=1)]

    rows = [*answers("2016-01-10", [2] * 9), *answers("2016-06-15", [1, 0, 0, 1, 0, 0, 0, 0, 0]),
            *answers("2016-09-20", [1] * 8), *answers("2016-03-01", [1] * 8 + [7])]
    result = cleaned([FIRST], rows, MAP + "    item: item\n")
    assert scores(result) == [{"phq9_baseline": 18, "phq9_end": 2}]
    assert refused(result) == [*((line, "incomplete_items") for line in range(20, 36)), (36, "out_of_range")]
    named = [{**row, "tool": f"PHQ9 Q{row['item']}", "item": ""} for row in rows]
    assert scores(cleaned([FIRST], named)) == scores(result)


def test_the_measure_that_goes_with_the_presenting_complaint_counts(cleaned):
    columns = MAP.replace("contacts:\n", "  adsm: {column: complaint, codes: nhs_adsm_of_complaint}\ncontacts:\n")
    rows = [contact("2016-01-10", 30, tool="OCI"), contact("2016-02-10", 40, tool="SPIN"),
            contact("2016-03-10", 33, tool="PCL-5"), contact("2016-03-12", 44, tool="IES-R")]
    found = {}
    for complaint in ("F401", "F42", "F431", "F320", "F32"):
        result = cleaned([{**FIRST, "complaint": complaint}], rows, columns, measures="nhs_talking_therapies")
        found[complaint] = result.cohort.loc[0, ["adsm", "adsm_baseline"]].fillna("").to_list()
    assert found == {"F401": ["SPIN", 40], "F42": ["OCI", 30], "F431": ["PCL-5", 33], "F320": ["", ""], "F32": ["", ""]}


def test_an_answer_joined_by_the_patient_s_id_is_that_of_the_referral_before_it(tmp_path):
    columns = MAP[:MAP.index("contacts:")] + """
  phq9_baseline: P
  gad7_baseline: G
  phq9_end: P1
  gad7_end: G1
joined:
  survey: {columns: {patient_id: who, followup_6m_date: day, phq9_6m: score}}
"""
    scores_there = {"P": 20, "G": 15, "P1": 5, "G1": 4}
    third = {"person": "q", "referral": "r3", "received": "2016-01-04", "discharged": "2016-06-15", "consent": "yes"}
    write_csv(tmp_path / "p.csv", [row | scores_there for row in (FIRST, SECOND, third, third | {
        "referral": "r4", "received": "2016-10-03", "discharged": "2017-01-20"})])
    write_csv(tmp_path / "s.csv", [{"who": "p", "day": "2017-07-20", "score": 7}, {"who": "q", "day": "", "score": 8}])
    (tmp_path / "a.yaml").write_text(columns, encoding="utf-8")
    (tmp_path / "study.yaml").write_text(study_text(discharged=None, minimum_sessions=0, referrals="all", services={
        "A": {"file": "p.csv", "columns": "a.yaml", "joined": {"survey": "s.csv"}}}), encoding="utf-8")
    found = clean_service(read_study(tmp_path / "study.yaml"), "A").cohort.set_index("referral_id")["phq9_6m"]
    assert found.dropna().to_dict() == {"r2": 7, "r3": 8}
