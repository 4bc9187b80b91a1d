"""What names of columns may mean. Oracle: as a person reads them who knows services' exports."""

import re
from dataclasses import replace

import pandas as pd
import pytest

from durability_utils.new_study import names
from durability_utils.new_study.names import Names, suggested, told
from durability_utils.study.errors import InputError
from durability_utils.study.measures import read_measures

NAMES = Names(read_measures("nhs_talking_therapies"))
ALONE = NAMES.learned([])  # a name of which nothing else in its export says more


def columns(name, known=ALONE):
    return [meaning.column for meaning in known.meanings(name)]


@pytest.mark.parametrize(("name", "spoken"), [
    ("PHQ9_Score_First", "phq 9 score first"), ("phq9_t1", "phq 9 t 1"), ("PHQ-9 last", "phq 9 last"),
    ("GAD7End", "gad 7 end"), ("PHQfinal", "phq final"), ("FU1_PHQ", "fu 1 phq"), ("Dec16_PHQ9", "dec 16 phq 9"),
    ("AgeAtReferral", "age at referral"), ("LocalID", "local id"), ("preGAD7", "pre gad 7"), ("6mth", "6 mth"),
    ("Zoë's  Café", "zoë s café"), ("", ""), ("***", "")])
def test_names_are_taken_apart(name, spoken):
    assert NAMES.words(name) == spoken


@pytest.mark.parametrize(("name", "column"), [
    ("PHQ9_Score_First", "phq9_baseline"), ("PHQ-9 last", "phq9_end"), ("FU1_PHQ", "phq9_6m"), ("GAD7_FU2", "gad7_12m"),
    ("phq9_disch", "phq9_end"), ("PHQ9 (Assessment)", "phq9_baseline"), ("gad7_6mth", "gad7_6m"),
    ("GAD-7 twelve months", "gad7_12m"), ("gad7_1yr", "gad7_12m"), ("PHQ9_26wk", "phq9_6m"), ("phq9_m12", "phq9_12m"),
    ("PHQ-9 total score at first follow-up", "phq9_6m"), ("ADSM_Last", "adsm_end"), ("Other 6m", "adsm_6m"),
    ("Disorder-specific anxiety measure", "adsm"), ("FU1_Date", "followup_6m_date"), ("12m how", "followup_12m_mode"),
    ("PHQ9_FU1_Date", "followup_6m_date"), ("Emp_Last", "employment_end"), ("Sess_Attended", "sessions"),
    ("FU_Consent", "consent_contact"), ("Happy to be contacted?", "consent_contact"), ("UpflowOK", "consent_upflow"),
    ("Consent to share data", "consent_upflow"), ("Date of discharge", "discharge_date"), ("Pat_Ref", "patient_id"),
    ("Reason for discharge", "end_reason"), ("Age in years at referral", "age")])
def test_a_name_suggests_a_column(name, column):
    assert columns(name)[0] == column


@pytest.mark.parametrize("name", [
    "PHQ9_change", "PHQ9_first_to_last_diff", "phq9_first_caseness", "GAD7_severity_last", "phq9_reliable_improvement",
    "PHQ9_First_Q9", "phq9 item 3 last", "PHQ9_First_Date",  # no totals
    "phq9_3m", "PHQ9 18 months", "phq9_fu3", "PHQ9_24m", "PHQ9_session_4", "phq9",  # no time of ours
    "FU1_sent", "6m due date", "Date of first reminder", "Team", "Notes",
    "PHQ9 first and last",
    "PHQ2_first", "PHQ-2 last", "GAD2_6m", "PHQ 15 baseline", "phq8_end", "GAD-2", "PHQ_4 first",  # other measures
    "No consent", "Consent_declined", "OptOut of data sharing", "Consent withdrawn",
    # a yes that is a no
    "Consent revoked", "Agreed to be excluded from follow up", "Objects to contact", "Consent never given"])
def test_a_name_that_means_none_of_ours_suggests_nothing(name):
    assert columns(name) == []


@pytest.mark.parametrize("name", ["Consent", "Research consent", "GDPR consent", "Consent to contact by SMS"])
def test_consent_to_something_is_doubted(name):
    (meaning,) = ALONE.meanings(name)
    assert meaning.column == "consent_contact" and "consent to what?" in meaning.doubt


@pytest.mark.parametrize(("names", "numbers"), [
    (["PHQ_T0", "PHQ_T1", "PHQ_T2", "PHQ_T3"], {0: "baseline", 1: "end", 2: "6m", 3: "12m"}),
    (["phq9_t1", "phq9_t2", "phq9_t3", "phq9_t4"], {1: "baseline", 2: "end", 3: "6m", 4: "12m"}),
    (["phq9_1", "phq9_2"], {1: "baseline", 2: "end"}),
    (["phq_6", "phq_12"], {6: "6m", 12: "12m"}),
    (["phq_t0", "phq_t1", "phq_t6", "phq_t12"], {0: "baseline", 1: "end", 6: "6m", 12: "12m"}),
    ([f"phq9_t{n}" for n in range(6)], {}),  # a score at each of six times: nobody knows which are ours
    (["phq9_t2", "phq9_t3"], {}),
    (["PHQ9_first", "PHQ9_last", "Sess_3"], {})])
def test_numbered_times_are_counted_from_the_first(names, numbers):
    assert NAMES.learned(names).numbers == numbers


def test_numbered_times_and_follow_ups_are_doubted_and_the_only_follow_up_may_be_the_6_month_one():
    names = NAMES.learned(["PHQ_T0", "PHQ_T1", "PHQ_T2"])
    assert "0 = baseline, 1 = end, 2 = 6m" in names.meanings("PHQ_T1")[0].doubt
    assert "6-month" in ALONE.meanings("PHQ_FU1")[0].doubt
    assert ALONE.meanings("PHQ_6m")[0].doubt == ""
    only = NAMES.learned(["phq9_pre", "phq9_followup"])
    assert columns("phq9_followup", only) == ["phq9_6m"] and only.meanings("phq9_followup")[0].doubt
    assert columns("phq9_followup", NAMES.learned(["phq9_12m", "phq9_followup"])) == []


def test_months_of_the_calendar_count_from_discharge():
    names = ["Dec16_PHQ9", "Jun17_PHQ9", "Sep16_PHQ9"]
    known = NAMES.learned(names, pd.Period("2016-06"))
    assert [columns(name, known) for name in names] == [["phq9_6m"], ["phq9_12m"], []]
    assert columns("Dec16_PHQ9", NAMES.learned(names)) == []


@pytest.mark.parametrize(("line", "message"), [
    ("names: [NHS number]", r"words.yaml: 'NHS number': no group NHS; there are NUMBER, "),
    ("names: age", r"words.yaml: columns: age: found .*, expected a list of `names`"),
    ("nmaes: [age]", r"words.yaml: columns: age: found .*nmaes"),
    ("names: [age]\n    code: {}", r"words.yaml: columns: age: found .*'code'")])
def test_words_that_cannot_be_used_are_named(tmp_path, monkeypatch, line, message):
    text = names.PATH.read_text(encoding="utf-8")
    text = re.sub("  age:\n    names: .*", f"  age:\n    {line}", text)
    (tmp_path / "words.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(names, "PATH", tmp_path / "words.yaml")
    cached = (names.read_words, names.told)
    for function in cached:
        function.cache_clear()
    try:
        with pytest.raises(InputError, match=message):
            ALONE.meanings("Age")
    finally:
        monkeypatch.undo()
        for function in cached:
            function.cache_clear()


def test_columns_of_contacts():
    found = {name: [meaning.column for meaning in suggested(told("contacts"), NAMES.words(name))] for name in (
        "ContactDate", "ToolCode", "PERSON SCORE", "Attendance", "Discharge date", "Referral Date", "Client ID")}
    assert found == {"ContactDate": ["date"], "ToolCode": ["measure"], "PERSON SCORE": ["score"],
                     "Attendance": ["attended"], "Discharge date": [], "Referral Date": [], "Client ID": ["patient_id"]}


def test_a_score_is_no_core():
    # CORE-10 as a declared measure: its name is within `score`
    core = replace(next(iter(NAMES.measures.values())), name="CORE-10", columns="core10")
    known = Names(NAMES.measures | {"CORE-10": core})
    assert known.words("PHQ9_Score_First") == "phq 9 score first" and known.words("COREfirst") == "core first"
    assert columns("PHQ9_Score_First", known.learned([])) == ["phq9_baseline"]
    assert columns("TotalScore_Last", known.learned([])) == []
