"""Exports with a row an event, or a row an answer. Oracle: the maps that a person would write for them, by the grammar
of `docs/reference.md`."""

import numpy as np
import pandas as pd
import pytest
import yaml

from durability_utils.new_study.draft import column_map, summary
from durability_utils.new_study.exports import Export
from durability_utils.new_study.proposal import propose
from durability_utils.study.column_maps import CONTACT_COLUMNS
from durability_utils.study.measures import read_measures

MEASURES = read_measures("nhs_talking_therapies")
EVENTS = {"baseline_arm_1": "baseline", "end_arm_1": "end", "6_months_arm_1": "6m", "12_months_arm_1": "12m"}
DAYS = {"end_arm_1": "2016-06-10", "6_months_arm_1": "2016-12-10", "12_months_arm_1": "2017-06-10"}


def of_events(event="redcap_event_name", rows=40):
    """A row a patient and event: who the patient is at the first, the day of discharge at the second."""
    rng, table = np.random.default_rng(3), []
    for patient in range(rows):
        for name in (*EVENTS, "withdrawn_arm_1"):
            row = {"record_id": str(patient), event: name}
            if name == "baseline_arm_1":
                row |= {"sex": "FM"[patient % 2], "consent_followup": ["yes", "no"][patient % 2]}
            if name == "end_arm_1":
                row["discharge_date"] = DAYS[name]
            if name in EVENTS:
                row |= {"phq9_total": f"{rng.integers(0, 28)}", "gad7_total": f"{rng.integers(0, 22)}", "notes": "x"}
            if "months" in name:
                row["followup_date"] = DAYS[name]
                row |= {f"phq9_{item}": f"{rng.integers(0, 4)}" for item in range(1, 10)}
            table.append(row)
    return pd.DataFrame(table).fillna("").astype("str")


@pytest.mark.parametrize("event", ["redcap_event_name", "Event", "Visit", "Time point"])
def test_events_as_rows(event):
    proposal = propose(Export(of_events(event), MEASURES))
    found = yaml.safe_load(column_map("north", proposal))
    assert found["events"] == {"column": event, "times": EVENTS}
    assert found["columns"] == {
        "patient_id": "record_id", "discharge_date": "discharge_date", "consent_contact": "consent_followup",
        "gender": {"column": "sex", "codes": {"F": "female", "M": "male"}}, "phq9_<time>": "phq9_total",
        "gad7_<time>": "gad7_total", "phq9_<time>_item*": "phq9_*", "followup_<time>_date": "followup_date"}
    lines = summary("north", proposal)
    assert any("CHECK: a row a patient and event; baseline_arm_1 = baseline, end_arm_1 = end" in line
               and "no time of ours: withdrawn_arm_1" in line for line in lines)
    assert "  no place for: notes" in lines and not any("REQUIRED" in line for line in lines)


def test_events_of_two_arms_are_at_the_same_times():
    table = of_events()
    second = table["record_id"].astype(int) % 2 == 1
    table["redcap_event_name"] = table["redcap_event_name"].mask(second, table["redcap_event_name"].str[:-1] + "2")
    found = yaml.safe_load(column_map("north", propose(Export(table, MEASURES))))
    assert found["events"]["times"] == EVENTS | {f"{event[:-1]}2": time for event, time in EVENTS.items()}
    assert found["columns"]["phq9_<time>"] == "phq9_total"


def test_visits_that_tell_no_time_are_no_events():
    table = of_events("Visit").assign(Visit="1")
    assert propose(Export(table, MEASURES)).events is None


def test_a_row_an_answer(monkeypatch):
    monkeypatch.setitem(CONTACT_COLUMNS, "item", ("", False))
    rng = np.random.default_rng(4)
    table = pd.DataFrame([
        {"Client ID": f"p{patient}", "Completed date": f"2016-0{month}-01", "Questionnaire": tool,
         "Question No": f"{item}", "Answer": f"{rng.integers(0, 4)}"}
        for patient in range(20) for month in (1, 5) for tool, items in (("PHQ9", 9), ("GAD7", 7))
        for item in range(1, items + 1)])
    found = yaml.safe_load(column_map("north", propose(Export(table, MEASURES))))
    assert found["contacts"]["columns"] == {
        "patient_id": "Client ID", "date": "Completed date", "item": "Question No", "score": "Answer",
        "measure": {"column": "Questionnaire", "codes": {"PHQ9": "PHQ-9", "GAD7": "GAD-7"}}}
