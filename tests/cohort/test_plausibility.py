"""What looks wrong is found, with the number counted by hand, and nothing else is; on a sound cohort nothing.

Oracle: forty made-up people, of whom each test changes some in a way that services really do; it says how many.
"""

import datetime as dt
import re
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from conftest import STUDY_2016, canonical_rows, study_text, write_csv

from durability_utils.cohort import plausibility
from durability_utils.cohort.cleaning import clean_service
from durability_utils.cohort.file_notes import Note
from durability_utils.cohort.odd_dates import referral_after_discharge
from durability_utils.cohort.plausibility import (
    examples,
    look,
    refuse_stops,
    rows_of,
    same_people,
    shown,
    write_findings,
)
from durability_utils.study.errors import InputError
from durability_utils.study.findings import FINDINGS, LEVELS
from durability_utils.study.study_file import read_study

TODAY = pd.Timestamp("2018-01-01")
N = 40
OPEN = {"discharged": None, "minimum_sessions": 0}


def day(after: int, first=dt.date(2016, 6, 1)) -> str:
    return (first + dt.timedelta(days=after)).isoformat()


def people(n=N) -> list[dict]:
    """Sound patients P1000, P1001, ... on lines 2, 3, ...: they improve, and all answer after 170 to 194 days."""
    return [{
        "patient_id": f"P{1000 + i}", "discharge_date": day(i % 30), "consent_contact": "yes", "gender": "female",
        "age": 20 + i * 7 % 50, "sessions": 4 + i % 9, "phq9_baseline": 8 + i * 7 % 17, "gad7_baseline": 6 + i * 5 % 15,
        "phq9_end": i * 3 % 13, "gad7_end": i * 4 % 11, "phq9_6m": (i * 5 + 2) % 15, "gad7_6m": (i * 3 + 1) % 12,
        "followup_6m_date": day(i % 30 + 170 + i % 25),
    } for i in range(n)]


def changed(first: int, last: int | None = None, **values) -> list[dict]:
    """The people, and from `first` up to `last` of them with other values; a function gets the row."""
    rows = people()
    for row in rows[first:last]:
        row.update({name: value(row) if callable(value) else value for name, value in values.items()})
    return rows


def items(row: dict, total: str, n: int, low: int, high: int) -> dict:
    """Answers from `low` to `high`, and their sum as the total."""
    answers = [low + (k + 1) * int(row["patient_id"][1:]) % (high - low + 1) for k in range(n)]
    return {total: sum(answers)} | {f"{total}_item{k}": answer for k, answer in enumerate(answers, start=1)}


@pytest.fixture
def looked(make_study, tmp_path):
    """looked(rows, columns=None, **study keys): the findings, and what they are about."""
    def make(rows, columns=None, **keys):
        study = make_study(columns, **OPEN | keys)
        write_csv(tmp_path / "a.csv", rows)
        cleaned = clean_service(study, "A")
        return look(study, "A", cleaned, today=TODAY), cleaned, study
    return make


def test_sound_people_are_left_alone(looked):
    findings, *_ = looked(people())
    assert findings.empty
    assert list(findings.columns) == ["name", "level", "column", "count", "of", "lines", "means", "do", "acknowledged"]


@pytest.mark.parametrize("service", list(STUDY_2016.services))
def test_of_the_study_of_2016_only_the_column_that_is_blank_is_found(service):
    findings = look(STUDY_2016, service, clean_service(STUDY_2016, service), today=TODAY)
    # service C has not asked after 12 months, and exports the columns all the same
    assert list(findings["name"]) == (["mapped_but_blank"] if service == "C" else [])


# what is changed; the finding, its columns, how many of how many, and the first of their lines
SCORES = [
    (changed(0, phq9_baseline=lambda row: row["phq9_baseline"] % 7, phq9_end=1),
     "phq2_in_phq9", "phq9_baseline", 40, 40, 2),
    (changed(0, gad7_baseline=lambda row: row["gad7_baseline"] % 7, gad7_end=lambda row: row["gad7_end"] % 2),
     "gad2_in_gad7", "gad7_baseline", 40, 40, 2),
    # scores of 22 to 24 have no place in GAD-7: those of patients 2, 7, 12, 19, 24, 29 and 36
    (changed(0, phq9_baseline=lambda row: row["gad7_baseline"], gad7_baseline=lambda row: row["phq9_baseline"]),
     "measures_swapped", "phq9_baseline, gad7_baseline", 7, 40, 4),
    (changed(0, 32, phq9_end=lambda row: min(27, row["phq9_baseline"] + 9)),
     "first_and_last_swapped", "phq9_baseline, phq9_end", 33, 40, 2),
    (changed(0, phq9_6m=lambda row: 27 - row["phq9_6m"] % 2, gad7_6m=lambda row: 21 - row["gad7_6m"] % 2),
     "follow_up_above_baseline", "phq9_6m, gad7_6m", 40, 40, 2),
    (changed(0, 30, phq9_baseline=lambda row: row["phq9_baseline"] % 5, phq9_end=0),
     "low_at_baseline", "phq9_baseline", 30, 40, 2),
    (changed(0, sessions=6), "constant_column", "sessions", 40, 40, 2),
    (changed(0, age=45), "constant_column", "age", 40, 40, 2),
    (changed(0, age=lambda row: row["age"] // 10 * 10), "heaping", "age", 40, 40, 2),
    (changed(0, phq9_end=lambda row: row["phq9_end"] // 5 * 5), "heaping", "phq9_end", 40, 40, 2),
    # four of five without a date; the fifth is somebody who answered
    ([*changed(0, 4, phq9_6m=0, gad7_6m=0, followup_6m_date="")[:4],
      *changed(4, 5, followup_6m_date="")[4:]], "zeros_where_nobody_answered", "phq9_6m, gad7_6m", 4, 5, 2),
    # no date at all: twelve of forty, where one in twenty would be many
    (changed(0, followup_6m_date="")[12:] + changed(0, 12, phq9_6m=0, gad7_6m=0, followup_6m_date="")[:12],
     "zeros_where_nobody_answered", "phq9_6m, gad7_6m", 12, 40, 30),
    (changed(2, 7, phq9_end=9, gad7_end=8, phq9_6m=9, gad7_6m=8, followup_6m_date=""),
     "carried_forward", "phq9_6m, gad7_6m", 5, 5, 4),
    (changed(2, 17, phq9_6m=lambda row: row["phq9_end"], gad7_6m=lambda row: row["gad7_end"]),
     "carried_forward", "phq9_6m, gad7_6m", 13, 35, 4),
]
ITEMS = [
    ([row | items(row, "phq9_6m", 9, 1, 4) for row in people()], "items_from_1", "phq9_6m_item*", 40, 40, 2),
    ([row | items(row, "gad7_6m", 7, 0, 3) | {"gad7_6m": 20 if i < 30 else items(row, "gad7_6m", 7, 0, 3)["gad7_6m"]}
      for i, row in enumerate(people())], "totals_never_match", "gad7_6m", 30, 40, 2),
    (changed(0, phq9_6m=lambda row: 2 * (row["phq9_6m"] + 5)), "totals_from_1", "phq9_6m", 13, 40, 4),
    (changed(0, **{name: lambda row, name=name: row[name] + 9 for name in ("phq9_baseline", "phq9_end", "phq9_6m")}),
     "totals_from_1", "phq9_baseline, phq9_end, phq9_6m, phq9_12m", 14, 120, 4),
    (changed(0, phq9_end=lambda row: round(row["phq9_end"] / 27 * 200)), "percentages", "phq9_end", 27, 40, 4),
]
DATES = [
    (changed(3, 4, discharge_date="1916-06-04"), "year_off", "discharge_date", 1, 40, 5),
    (changed(3, 5, followup_6m_date="2061-12-01"), "year_off", "followup_6m_date", 2, 40, 5),
    (changed(3, 5, followup_6m_date="2018-12-01"), "in_the_future", "followup_6m_date", 2, 40, 5),
    (changed(0, discharge_date=lambda row: f"2016-{1 + row['age'] % 6:02}-01", followup_6m_date=""),
     "one_day_of_the_month", "discharge_date", 40, 40, 2),
    (changed(0, discharge_date="2016-06-30"), "one_discharge_day", "discharge_date", 40, 40, 2),
    (changed(0, discharge_date=lambda row: f"2016-0{5 + row['age'] % 2}-{1 + row['age'] % 12:02}"),
     "day_and_month_swapped", "discharge_date", 40, 40, 2),
    (changed(0, 4, followup_6m_date=lambda row: row["discharge_date"]),
     "follow_up_on_day_of_discharge", "followup_6m_date", 4, 40, 2),
    (changed(0, followup_6m_date=lambda row: day(30, dt.date.fromisoformat(row["discharge_date"]))),
     "follow_up_at_another_time", "followup_6m_date", 40, 40, 2),
    (changed(0, 3, followup_12m_date=lambda row: day(100, dt.date.fromisoformat(row["discharge_date"]))),
     "follow_ups_out_of_order", "followup_6m_date, followup_12m_date", 3, 3, 2),
]
ROWS = [
    (changed(5, 7, patient_id="4.51E+12")[:6] + people()[6:], "id_in_scientific_notation", "patient_id", 1, 40, 7),
    ([row | {"patient_id": str(100_000 + 7919 * i * i % 900_000 if i > 3 else 912 + i)}
      for i, row in enumerate(people())], "id_without_leading_zeros", "patient_id", 4, 40, 2),
    (changed(5, 6, patient_id="p 1004"), "ids_equal_but_for_case", "patient_id", 2, 40, 6),
    (changed(5, 6, patient_id="05-Jan"), "date_as_id", "patient_id", 1, 40, 7),
    (changed(0, consent_contact="no"), "nobody_consents", "consent_contact", 40, 40, None),
    (changed(0, phq9_6m="", gad7_6m="", followup_6m_date=""), "nobody_answered",
     "followup_6m_date, followup_12m_date", 40, 40, None),
    (changed(5, 6, **dict.fromkeys(list(people()[0])[1:], "")), "row_with_only_an_id", "patient_id", 1, 40, 7),
    (changed(5, 7, **dict.fromkeys(["gender", "age", "sessions", "phq9_baseline", "gad7_baseline", "phq9_end"], "?"),
             gad7_end="", phq9_6m="", gad7_6m="", followup_6m_date=""), "row_shifted", "", 2, 40, 7),
    (changed(5, 8, age=99), "age_is_a_code", "age", 3, 40, 7),
    (changed(5, 6, age=0), "age_is_a_code", "age", 1, 40, 7),
    (changed(5, 8, primary_problem="Angst (caf\u00c3\u00a9)"), "mojibake", "primary_problem", 3, 3, 7),
    (changed(0, 10, gender="F3"), "many_refused", "gender", 10, 40, 2),
    (changed(0, 30, sessions=-1), "many_refused", "sessions", 30, 40, 2),
]


@pytest.mark.parametrize(("rows", "name", "column", "count", "of", "line"), [
    pytest.param(*case, id=f"{case[1]}-{number}") for number, case in enumerate([*SCORES, *ITEMS, *DATES, *ROWS])])
def test_what_services_do_is_found_and_counted(looked, rows, name, column, count, of, line):
    findings, *_ = looked(rows)
    found = findings[(findings["name"] == name) & (findings["column"] == column)]
    assert len(found) == 1, findings[["name", "column", "count", "of", "lines"]]
    row = rows_of(found)[0]
    assert (row.count, row.of, row.lines[0] if row.lines else None) == (count, of, line)
    assert (row.level, row.do) == (FINDINGS[name].level, FINDINGS[name].do)
    assert row.means.startswith(FINDINGS[name].means)
    # and little else: what damages one thing damages others rarely
    assert set(findings["name"]) <= {name, "many_refused", "mapped_but_blank", "constant_column", "low_at_baseline",
                                     "two_encodings"}


@pytest.mark.parametrize("rows", [
    changed(0, 1, phq9_6m=0, gad7_6m=0, followup_6m_date=""),  # one who lost the date
    changed(0, 7, phq9_6m=0, gad7_6m=0),  # many are well
    changed(2, 4, phq9_end=9, gad7_end=8, phq9_6m=9, gad7_6m=8),
    changed(0, 12, phq9_end=0, gad7_end=1, phq9_6m=0, gad7_6m=1),  # well, and still well
    changed(5, 6, age=99), changed(0, 2, gender="?"), changed(0, 1, discharge_date="2013-06-01"),
    changed(0, 2, followup_6m_date=lambda row: row["discharge_date"]),
    [row | items(row, "gad7_6m", 7, 0, 3) for row in people()],
    [row | items(row, "gad7_6m", 7, 1, 3) for row in people()],  # nobody is free of any symptom, or counted from 1
    [row | {"patient_id": str(980 + i)} for i, row in enumerate(people())],  # a counter
    [row | {"patient_id": str(999_995 + i)} for i, row in enumerate(people())],
    changed(0, discharge_date=lambda row: f"2016-06-{1 + row['age'] % 12:02}"),  # exported on 12 June
    people(8),
])
def test_what_chance_does_is_left_alone(looked, rows):
    findings, *_ = looked(rows)
    assert findings.empty, findings[["name", "column", "count", "of", "lines"]]


@pytest.mark.parametrize(("values", "columns", "more"), [
    ({"discharge_date": lambda row: "/".join(reversed(row["discharge_date"].split("-")))}, "",
     "`dates: day_first` in the column map would read them."),
    ({"followup_6m_date": lambda row: f"06/{13 + row['age'] % 12}/2016"}, "",
     "They have the month first"),
    ({"phq9_end": lambda row: f"{row['phq9_end']},0"}, "", "`decimal: comma` in the column map would read them."),
    ({"phq9_end": lambda row: f"{row['phq9_end']} %"}, "", "They are percentages"),
    ({"employment_end": "08"}, "", "`codes: nhs_employment_status` in the column map would read them"),
    ({"gender": "2"}, "", "`codes: nhs_gender` in the column map would read them"),
    ({"gender": "woman"}, "", "Write what its codes mean under `codes:`"),
])
def test_a_column_that_cannot_be_read_says_which_decision_would_read_it(looked, values, columns, more):
    findings, *_ = looked(changed(0, **values))
    found = findings[findings["name"] == "many_refused"]
    assert list(found["column"]) == list(values) and list(found["count"]) == [N]
    assert more in found["means"].iloc[0]


def test_most_rows_refused_for_one_reason(looked):
    findings, *_ = looked(changed(0, 24, sessions=0), minimum_sessions=2)
    assert [tuple(row)[:6] for row in rows_of(findings)] == [
        ("rows_refused", "warning", "sessions", 24, 40, (2, 3, 4, 5, 6))]
    assert "too_few_sessions" in findings["means"].iloc[0]
    window = {"from": dt.date(2016, 7, 1), "to": dt.date(2016, 7, 30)}
    findings, *_ = looked(people(), discharged=window)  # an export of more than the study: it may be meant
    assert [(row.name, row.level, row.count) for row in rows_of(findings)] == [("rows_refused", "note", 40)]


def test_low_scores_of_all_are_only_a_warning_later_than_at_baseline(looked):
    findings, *_ = looked(changed(0, gad7_end=lambda row: row["gad7_end"] % 7))
    assert [(row.name, row.level, row.column) for row in rows_of(findings)] == [
        ("gad2_in_gad7", "warning", "gad7_end")]


def test_answers_of_those_who_did_not_agree(looked):
    for n, found in ((10, [("answers_without_consent", 10, 40)]), (9, [])):
        findings, *_ = looked(changed(0, n, consent_contact="no"))
        assert [(row.name, row.count, row.of) for row in rows_of(findings)] == found


def test_people_under_two_ids(looked):
    again = [row | {"patient_id": f"X{row['patient_id']}", "phq9_6m": "", "gad7_6m": ""} for row in people()[:3]]
    findings, *_ = looked([*people(), *again])
    assert [(row.name, row.count, row.of, row.lines) for row in rows_of(findings)] == [
        ("same_person_twice", 3, 43, (42, 43, 44))]
    assert looked([*people(), *again[:2]])[0].empty


@pytest.mark.parametrize("change", [
    lambda answers: [row | {"id": f"x{row['id']}"} if i < 10 else row for i, row in enumerate(answers)],
    lambda answers: [*answers, *(row | {"phq9_6m": 27} for row in answers[:5])]])
def test_rows_of_a_survey_that_are_lost(tmp_path, change):
    answers = [{"id": row["patient_id"], "phq9_6m": row["phq9_6m"], "gad7_6m": row["gad7_6m"]} for row in people()]
    own = [name for name in people()[0] if name not in ("phq9_6m", "gad7_6m")]
    write_csv(tmp_path / "a.csv", [{name: row[name] for name in own} for row in people()])
    (tmp_path / "a.yaml").write_text("columns:\n" + "".join(f"  {name}: {name}\n" for name in own) + (
        "joined: {survey: {columns: {patient_id: id, phq9_6m: phq9_6m, gad7_6m: gad7_6m}}}\n"), encoding="utf-8")
    (tmp_path / "study.yaml").write_text(study_text(services={
        "A": {"file": "a.csv", "columns": "a.yaml", "joined": {"survey": "s.csv"}}}, **OPEN), encoding="utf-8")
    study = read_study(tmp_path / "study.yaml")
    for rows, lost in ((answers, []), (change(answers), [("joined_rows_lost", "phq9_6m, gad7_6m", 10)])):
        write_csv(tmp_path / "s.csv", rows)
        findings = look(study, "A", clean_service(study, "A"), today=TODAY)
        assert [(row.name, row.column, row.count) for row in rows_of(findings)] == lost


def test_a_referral_after_the_discharge():
    days = pd.to_datetime(["2016-06-01", "2016-06-02", None])
    cohort = pd.DataFrame({"referral_date": days[[1, 0, 1]], "discharge_date": days[[0, 1, 2]]}, index=[2, 3, 4])
    found, = referral_after_discharge(SimpleNamespace(cohort=cohort))
    assert (found.name, list(found.rows), found.of) == ("referral_after_discharge", [2], 2)


def test_a_column_that_is_mapped_and_blank(looked):
    map_of = "columns:\n" + "".join(f"  {name}: {name}\n" for name in [*people()[0], "ethnicity", "phq9_12m"])
    findings, *_ = looked([row | {"ethnicity": "", "phq9_12m": ""} for row in people()], map_of)
    assert [(row.level, row.column, row.count) for row in rows_of(findings)] == [
        ("warning", "ethnicity", 40), ("note", "phq9_12m", 40)]


class TestLong:
    MAP = """
columns: {patient_id: patient_id, discharge_date: discharge_date, consent_contact: consent_contact}
contacts:
  columns: {patient_id: id, date: day, measure: tool, score: score, attended: seen}
"""

    @pytest.fixture
    def found(self, tmp_path):
        def make(contacts):
            (tmp_path / "a.yaml").write_text(self.MAP, encoding="utf-8")
            (tmp_path / "study.yaml").write_text(study_text(
                services={"A": {"file": "a.csv", "columns": "a.yaml", "contacts": "c.csv"}},
                follow_up_windows={"6m": [91, 273], "12m": [274, 456]}, **OPEN), encoding="utf-8")
            write_csv(tmp_path / "a.csv", [{name: row[name] for name in ("patient_id", "discharge_date",
                                                                         "consent_contact")} for row in people()])
            write_csv(tmp_path / "c.csv", contacts)
            study = read_study(tmp_path / "study.yaml")
            return look(study, "A", clean_service(study, "A"), today=TODAY)
        return make

    @staticmethod
    def contacts(baseline=-60, **more):
        """Both measures at baseline, end and after half a year; `more`: by days after discharge whether attended."""
        return [{"id": row["patient_id"], "day": day(days, dt.date.fromisoformat(row["discharge_date"])), "tool": tool,
                 "score": row[f"{column}_{time}"], "seen": "yes"}
                for row in people() for days, time in ((baseline, "baseline"), (0, "end"), (180, "6m"))
                for tool, column in (("PHQ-9", "phq9"), ("GAD-7", "gad7"))]

    def test_sound_contacts_are_left_alone(self, found):
        assert found(self.contacts()).empty

    def test_contacts_of_nobody(self, found):
        contacts = self.contacts()
        for row in contacts[:60]:  # ten people of 40
            row["id"] = f"x{row['id']}"
        findings = found(contacts)
        assert ("contacts_of_nobody", 60, 240) in [(row.name, row.count, row.of) for row in rows_of(findings)]

    def test_days_with_different_scores(self, found):
        others = [row | {"score": row["score"] + 1} for row in self.contacts()]
        assert ("scores_lost", 60, 270) in [(row.name, row.count, row.of) for row in rows_of(
            found([*self.contacts(), *others[:30]]))]  # five people: 30 scores twice
        assert found([*self.contacts(), *others[:6]]).empty

    def test_a_baseline_years_before(self, found):
        contacts = self.contacts()
        for row in contacts[:2]:
            row["day"] = "2013-01-01"
        assert [(row.name, row.count, row.of) for row in rows_of(found(contacts))] == [("contact_long_before", 2, 80)]

    def test_sessions_after_discharge_are_a_new_treatment(self, found):
        later = [{"id": f"P{1000 + i}", "day": day(60 + 7 * k), "tool": "PHQ-9", "score": 15, "seen": "yes"}
                 for i in range(3) for k in range(2)]
        assert [(row.name, row.count, row.of) for row in rows_of(found(self.contacts() + later))] == [
            ("treated_again", 3, 40)]

    def test_so_are_weekly_scores_and_monthly_ones_are_none(self, found):
        for days, names in ((7, ["treated_again"]), (30, [])):
            later = [{"id": "P1000", "day": day(60 + days * k), "tool": "PHQ-9", "score": 15} for k in range(3)]
            assert list(found(self.contacts() + later)["name"]) == names

    def test_measures_are_judged_over_all_contacts(self, found):
        contacts = self.contacts()
        for row in contacts:
            if row["tool"] == "PHQ-9":
                row["score"] %= 7
        findings = found(contacts)
        assert ("phq2_in_phq9", "the contacts' score, PHQ-9", 120, 120) in [
            (row.name, row.column, row.count, row.of) for row in rows_of(findings)]


class TestSeveralServices:
    def cohorts(self, clean, *lists):
        return {name: clean(rows, **OPEN).cohort for name, rows in zip("ABC", lists, strict=False)}

    def test_the_same_people_under_other_ids_are_found(self, clean, make_study):
        others = [row | {"patient_id": row["patient_id"].replace("P", "X"), "age": 91 - row["age"]} for row in people()]
        twice = [row | {"patient_id": row["patient_id"].replace("P", "Y")} for row in people()[:7]] + others[7:]
        findings = same_people(make_study(), self.cohorts(clean, people(), others, twice))
        assert [(row.name, row.column, row.count, row.of) for row in rows_of(findings)] == [
            ("same_people", "A, C", 7, 40), ("same_people", "B, C", 33, 40)]

    def test_long_ids_in_both_are_a_note_and_short_ones_none(self, clean, make_study):
        def with_ids(shape, age):
            return [row | {"patient_id": shape.format(i), "age": age - row["age"]} for i, row in enumerate(people())]

        for shape, names in (("AB-{:06}", ["same_ids"]), ("{}", [])):
            findings = same_people(make_study(), self.cohorts(clean, with_ids(shape, 90), with_ids(shape, 111)))
            assert list(findings["name"]) == names

    def test_the_services_of_2016_share_nobody(self):
        cohorts = {service: clean_service(STUDY_2016, service).cohort for service in STUDY_2016.services}
        assert same_people(STUDY_2016, cohorts).empty


class TestAcknowledged:
    SWAPPED = next(case[0] for case in SCORES if case[1] == "measures_swapped")

    def test_a_stop_is_refused_in_words_that_say_how_to_go_on(self, looked):
        findings, _, study = looked(self.SWAPPED)
        with pytest.raises(InputError) as error:
            refuse_stops(findings, study, "A")
        assert str(error.value).startswith(
            "service A: a.csv: measures_swapped (phq9_baseline, gad7_baseline, 7 of 40): GAD-7 has scores of 22")
        assert str(error.value).endswith("write `acknowledged: {measures_swapped: why}` into study.yaml")

    @pytest.mark.parametrize("key", ["measures_swapped", "A/measures_swapped"])
    def test_an_acknowledged_one_is_shown_with_its_reason(self, looked, key, tmp_path):
        findings, _, study = looked(self.SWAPPED, acknowledged={key: "a trial arm"})
        refuse_stops(findings, study, "A")
        assert shown(findings, ["a.csv"])["what to do"].iloc[0] == "Acknowledged: a trial arm"
        write_findings(findings, tmp_path, ["a.csv"])
        written = pd.read_csv(tmp_path / "findings.csv", keep_default_na=False)
        assert (written["acknowledged"].iloc[0], written["lines"].iloc[0]) == ("a trial arm", "4; 9; 14; 21; 26")
        assert (tmp_path / "findings.csv").stat().st_mode & 0o077 == 0

    @pytest.mark.parametrize(("key", "message"), [
        ("measures_swaped", "found 'measures_swaped', which no finding is called; did you mean 'measures_swapped'?"),
        ("B/measures_swapped", "found service 'B', expected one of A"),
        ("x", "known findings: phq2_in_phq9, gad2_in_gad7"),
    ])
    def test_a_name_that_no_finding_has_is_refused(self, make_study, key, message):
        with pytest.raises(InputError, match=f"^study.yaml: acknowledged: .*{re.escape(message)}"):
            make_study(acknowledged={key: "why"})

    @pytest.mark.parametrize("value", ["", ["x"], {"x": 1}])
    def test_it_says_why(self, make_study, value):
        with pytest.raises(InputError, match=r"^study.yaml: acknowledged: "):
            make_study(acknowledged={"heaping": value})


def test_stops_come_first_and_notes_last(looked):
    rows = changed(0, phq9_baseline=lambda row: row["phq9_baseline"] % 7, sessions=6)
    rows[3]["age"] = 0
    findings, *_ = looked(rows)
    assert list(findings["level"]) == sorted(findings["level"], key=LEVELS.index)
    assert list(findings["name"]) == ["phq2_in_phq9", "first_and_last_swapped", "constant_column", "age_is_a_code"]


def test_examples_show_values_but_none_that_is_withheld(looked):
    rows = changed(2, 7, phq9_end=9, gad7_end=8, phq9_6m=9, gad7_6m=8, followup_6m_date="")
    findings, cleaned, _ = looked(rows)
    assert examples(rows_of(findings)[0], cleaned) == [f"{line}: 9 8" for line in range(4, 9)]
    rows = changed(0, sessions=0, consent_upflow="no")
    findings, cleaned, _ = looked(rows, minimum_sessions=2)
    assert examples(rows_of(findings)[0], cleaned) == ["2", "3", "4", "5", "6"]


# told of the file, whose own tests are in test_file_notes.py
OF_FILES = ("lines_skipped", "other_sheets", "hidden_rows", "hidden_columns", "merged_cells", "file_ends_in_the_middle",
            "two_encodings", "lost_letters", "nul_bytes")


@pytest.mark.parametrize("name", OF_FILES)
def test_what_the_reader_notes_is_a_finding(monkeypatch, make_study, tmp_path, name):
    write_csv(tmp_path / "a.csv", canonical_rows([{}]))
    study = make_study()
    monkeypatch.setattr(plausibility, "file_notes", lambda path, columns: [Note(name, f"{path.name} has it")])
    found = look(study, "A", clean_service(study, "A")).set_index("name").loc[name]
    assert found["level"] == FINDINGS[name].level and found["means"].endswith("a.csv: a.csv has it.")


def test_every_finding_has_a_test_and_two_sentences():
    tests = Path(__file__).read_text(encoding="utf-8") + Path(__file__).with_name("test_last_month.py").read_text(
        encoding="utf-8")
    assert not [name for name in FINDINGS if f'"{name}"' not in tests]
    for level, means, do in FINDINGS.values():
        assert level in LEVELS and means.endswith(".") and do.endswith(".")
