"""The WSAS, the first measure that decides nothing: read, checked, withheld like any other score.

Oracle: Mundt et al. 2002 (five items of 0 to 8, a total of 0 to 40; work may be not applicable) and sums by hand.
"""

import pandas as pd
import pytest
from conftest import canonical_rows, write_csv

from durability_utils.cohort.cleaning import clean_service
from durability_utils.outcomes.rules import classify
from durability_utils.study.columns import LATER_TIMES
from durability_utils.study.parameters import PROJECT
from durability_utils.study.study_file import read_study


def items(time: str, *answers) -> dict:
    return {f"wsas_{time}_item{number}": str(answer) for number, answer in enumerate(answers, start=1)}


@pytest.mark.parametrize(("row", "total", "reason"), [
    (items("baseline", 8, 7, 6, 5, 4), 30, None),                                            # no total in the export
    (items("end", 8, 8, 8, 8, 8) | {"wsas_end": "40"}, 40, None),
    (items("6m", 1, 1, 1, 1, 1) | {"wsas_6m": "7", "followup_6m_date": "2016-12-20"}, 5, "contradicts_items"),
    (items("baseline", 9, 7, 6, 5, 4), None, None),                                          # work: not applicable
    (items("baseline", 9, 7, 6, 5, 4) | {"wsas_baseline": "22"}, None, "incomplete_items"),  # no sum of four
    ({"wsas_baseline": "40"}, 40, None),
    ({"wsas_baseline": "41"}, None, "out_of_range"),
    (items("baseline", 8, 9, 6, 5, 4), None, "out_of_range"),                                # 9 is for work only
])
def test_totals_and_items(clean, row, total, reason):
    cleaned = clean([row], measures="nhs_talking_therapies")
    (time,) = {name.split("_")[1] for name in row if name.startswith("wsas")}
    value = cleaned.cohort[f"wsas_{time}"].iloc[0]
    assert pd.isna(value) if total is None else value == total
    assert list(cleaned.rejected["reason"]) == ([reason] if reason else [])


def test_not_applicable_is_missing_and_no_refusal(clean):
    cleaned = clean([items("baseline", 9, 1, 1, 1, 1)], measures="nhs_talking_therapies")
    assert pd.isna(cleaned.cohort["wsas_baseline_item1"].iloc[0]) and cleaned.rejected.empty


def test_it_is_withheld_like_any_other_score(clean):
    cleaned = clean([
        {"consent_upflow": "no", "wsas_baseline": "20", "wsas_end": "9"},
        {"consent_contact": "no", "wsas_6m": "12"},
    ], measures="nhs_talking_therapies")
    assert cleaned.cohort.filter(like="wsas").isna().all(axis=None)
    refused = cleaned.rejected[cleaned.rejected["column"].str.startswith("wsas")]
    assert sorted(zip(refused["column"], refused["reason"], refused["value"], strict=True)) == [
        ("wsas_6m", "no_contact_consent", ""), ("wsas_baseline", "no_upflow_consent", ""),
        ("wsas_end", "no_upflow_consent", "")]


@pytest.fixture
def long(tmp_path):
    """long(scores): what cleaning gives for contacts (date, measure, score) of one patient discharged on 2016-06-15."""
    def make(scores):
        patient = {"patient_id": "p", "discharge_date": "2016-06-15", "consent_contact": "yes"}
        contacts = [dict(zip(("patient_id", "date", "measure", "score"), ("p", *row), strict=True)) for row in scores]
        write_csv(tmp_path / "patients.csv", [patient])
        write_csv(tmp_path / "scores.csv", contacts)
        columns = (f"columns: {{{', '.join(f'{name}: {name}' for name in patient)}}}\n"
                   f"contacts: {{columns: {{{', '.join(f'{name}: {name}' for name in contacts[0])}}}}}\n")
        (tmp_path / "map.yaml").write_text(columns, encoding="utf-8")
        (tmp_path / "study.yaml").write_text(
            "study: long\ntitle: Long\nmeasures: nhs_talking_therapies\nminimum_sessions: 0\ncarry_back: false\n"
            "anxiety_measure: adsm_else_gad7\nfollow_up_windows: {6m: [91, 273], 12m: [274, 456]}\n"
            "services: {A: {file: patients.csv, columns: map.yaml, contacts: scores.csv}}\n", encoding="utf-8")
        return clean_service(read_study(tmp_path / "study.yaml"), "A")
    return make


def test_from_contacts_it_has_its_own_first_last_and_follow_up_scores(long):
    cleaned = long([
        ("2016-03-01", "PHQ-9", "18"), ("2016-03-01", "GAD-7", "12"), ("2016-03-08", "wsas", "25"),
        ("2016-06-14", "PHQ-9", "9"), ("2016-06-14", "WSAS", "11"), ("2016-12-20", "W S A S", "8"),
        ("2016-12-20", "WSAS", "41")])
    patient = cleaned.cohort.iloc[0]
    assert list(patient[["wsas_baseline", "wsas_end", "wsas_6m"]]) == [25, 11, 8]
    assert pd.isna(patient["adsm"])
    assert list(zip(cleaned.rejected["reason"], cleaned.rejected["value"], strict=True)) == [("out_of_range", "41")]
    assert list(cleaned.after_discharge["measure"]) == ["WSAS"]


def test_it_decides_nothing(tmp_path, make_study):
    """Oracle: the same cohort without it, patient by patient, at all times."""
    study = make_study(measures="nhs_talking_therapies")
    rows = canonical_rows([{"phq9_6m": "12", "gad7_6m": "9", "followup_6m_date": "2016-12-20"} for _ in range(3)])
    extreme = [{"wsas_baseline": "40", "wsas_end": "0", "wsas_6m": "40"}, {"wsas_baseline": "0", "wsas_end": "40"}, {}]
    found = []
    for told in (extreme, [{}] * 3):
        write_csv(tmp_path / "a.csv", [row | more for row, more in zip(rows, told, strict=True)])
        cohort = clean_service(study, "A").cohort
        found.append(pd.concat([classify(cohort, time, study.rules) for time in LATER_TIMES]))
    pd.testing.assert_frame_equal(*found)
    assert "WSAS" not in study.rules.deciding and "WSAS" in study.rules.measures


def test_the_synthetic_monthly_study_has_it():
    """Oracle: its own description: at four times, correlated with the PHQ-9, a few missing, within its range."""
    cohort = clean_service(read_study(PROJECT / "parameters" / "monthly_2017.yaml"), "M").cohort
    for time in ("baseline", "end", "6m", "12m"):
        both = cohort[[f"phq9_{time}", f"wsas_{time}"]].dropna().astype(float)
        assert 0.5 < both.corr().iloc[0, 1] < 0.95 and both[f"wsas_{time}"].between(0, 40).all()
        assert 0.6 < len(both) / cohort[f"phq9_{time}"].notna().sum() < 0.95
