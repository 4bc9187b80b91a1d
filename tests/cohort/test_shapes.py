"""Exports that are not one file with one row a patient: several files, joined files, events as rows, rows of totals.

Oracle: docs/reference.md, section 2, counted by hand; and one row a patient in one file, which gives the same cohort.
"""

import pandas as pd
import pytest
from conftest import PATIENT, canonical_rows, study_text, write_csv

from durability_utils.cohort.cleaning import clean_service
from durability_utils.study.errors import InputError
from durability_utils.study.study_file import read_study

ANSWER = {"followup_6m_date": "2016-12-20", "phq9_6m": "7", "gad7_6m": "6"}


@pytest.fixture
def of_files(tmp_path):
    """of_files({"a.csv": rows, ...}, service={...}, columns=map, **study keys): what cleaning gives for service A."""
    def make(files, service, columns=None, **keys):
        for name, rows in files.items():
            write_csv(tmp_path / name, rows)
        if columns is not None:
            (tmp_path / "a.yaml").write_text(columns, encoding="utf-8")
            service = {**service, "columns": "a.yaml"}
        (tmp_path / "study.yaml").write_text(study_text(services={"A": service}, **keys), encoding="utf-8")
        return clean_service(read_study(tmp_path / "study.yaml"), "A")
    return make


def listed(cleaned, *kinds) -> list[tuple]:
    """(file, line, reason) of what was refused, of these kinds only."""
    rows = cleaned.rejected[cleaned.rejected["refused"].isin(kinds or ["row"])]
    return list(rows[["file", "row", "reason"]].itertuples(index=False, name=None))


def log(cleaned) -> dict[str, int]:
    return dict(zip(cleaned.log["rule"], cleaned.log["rows"], strict=True))


def same_cohort(one, other):
    pd.testing.assert_frame_equal(one.cohort, other.cohort)


ROWS = canonical_rows([{}, {"age": "40"}, {**ANSWER}, {"consent_contact": "no"}])


class TestSeveralFiles:
    @pytest.mark.parametrize("file", [["m1.csv", "m2.csv"], "m*.csv"])
    def test_a_list_or_a_pattern_is_one_export(self, of_files, file):
        whole = of_files({"whole.csv": ROWS}, {"file": "whole.csv"})
        parts = of_files({"m1.csv": ROWS[:3], "m2.csv": ROWS[3:]}, {"file": file})
        same_cohort(whole, parts)
        assert log(parts)["rows_read"] == 4

    def test_a_patient_of_two_files_is_judged_as_in_one(self, of_files):
        again = [ROWS[0], {**ROWS[1], "age": "41"}]
        cleaned = of_files({"m1.csv": ROWS, "m2.csv": again}, {"file": ["m1.csv", "m2.csv"]})
        assert listed(cleaned) == [("m1.csv", 3, "conflicting_rows"), ("m2.csv", 2, "copy"),
                                   ("m2.csv", 3, "conflicting_rows")]
        assert list(cleaned.cohort["patient_id"]) == ["p2", "p4", "p5"]

    def test_columns_in_another_order_or_absent_in_one_of_them(self, of_files):
        turned = [dict(reversed(row.items())) for row in ROWS[2:]]
        renamed = [{name.upper(): cell for name, cell in row.items()} for row in turned]
        parts = of_files({"m1.csv": ROWS[:2], "m2.csv": renamed}, {"file": ["m1.csv", "m2.csv"]})
        same_cohort(of_files({"whole.csv": ROWS}, {"file": "whole.csv"}), parts)

    def test_the_one_that_cannot_be_used_is_named(self, of_files, tmp_path):
        with pytest.raises(InputError, match=r"^m2\.csv: no such file"):
            of_files({"m1.csv": ROWS}, {"file": ["m1.csv", "m2.csv"]})
        with pytest.raises(InputError, match=r"^x_\*.csv: no such file"):
            of_files({"m1.csv": ROWS}, {"file": "x_*.csv"})
        without = [{name: cell for name, cell in row.items() if name != "gad7_end"} for row in ROWS]
        with pytest.raises(InputError, match=r"^m3\.csv: line 1: the required column 'gad7_end' is absent"):
            of_files({"m1.csv": ROWS, "m3.csv": without}, {"file": ["m1.csv", "m3.csv"]})


NAMES = [*PATIENT, "patient_id", "age"]
WIDE = "columns:\n" + "".join(f"  {name}: {name}\n" for name in NAMES)
JOINED = """
joined:
  consent: {columns: {patient_id: who, consent_contact: agreed}}
  survey: {dates: day_first, columns: {patient_id: Q1, followup_6m_date: when, phq9_6m: P, gad7_6m: G}}
"""


JOINED_MAP = WIDE.replace("  consent_contact: consent_contact\n", "") + JOINED
PATIENTS = [{name: row.get(name, "") for name in NAMES if name != "consent_contact"} for row in ROWS]
CONSENTS = [{"who": row["patient_id"], "agreed": row["consent_contact"]} for row in ROWS]
SURVEY = [{"Q1": "p4", "when": "20/12/2016", "P": "7", "G": "6"}]


class TestJoinedFiles:
    def made(self, of_files, survey=SURVEY, columns=JOINED_MAP):
        return of_files({"p.csv": PATIENTS, "c.csv": CONSENTS, "s.csv": survey},
                        {"file": "p.csv", "joined": {"consent": "c.csv", "survey": "s.csv"}}, columns)

    def test_they_give_the_same_cohort_as_one_file(self, of_files):
        same_cohort(of_files({"whole.csv": ROWS}, {"file": "whole.csv"}), self.made(of_files))

    def test_each_row_is_used_or_listed(self, of_files):
        survey = [*SURVEY, SURVEY[0], {"Q1": "p2", "P": "1"}, {"Q1": "p2", "P": "2"}, {"Q1": "zz", "P": "1"},
                  {"Q1": "", "P": "3"}]
        cleaned = self.made(of_files, survey=survey)
        assert listed(cleaned, "joined") == [("s.csv", 7, "no_patient_id"), ("s.csv", 6, "no_such_patient"),
                                             ("s.csv", 4, "conflicting_rows"), ("s.csv", 5, "conflicting_rows"),
                                             ("s.csv", 3, "copy")]
        assert log(cleaned)["joined_survey_read"] == 6 and log(cleaned)["joined_consent_read"] == 4
        assert list(cleaned.cohort["phq9_6m"].fillna(-1)) == [-1, -1, 7, -1]

    def test_a_value_is_refused_where_it_stands(self, of_files):
        cleaned = self.made(of_files, survey=[{**SURVEY[0], "P": "28"}])
        assert listed(cleaned, "value") == [("s.csv", 2, "out_of_range")]

    @pytest.mark.parametrize(("change", "message"), [
        (("patient_id: Q1, ", ""), "a.yaml: joined: survey: columns: found neither patient_id nor referral_id"),
        (("phq9_6m: P", "age: P"), "joined: survey: columns: age: found in columns too, expected in one place only"),
        (("  survey:", "  answers:"), "study.yaml: joined: answers is missing, which a.yaml names; expected it in"),
    ])
    def test_a_map_that_is_wrong_is_refused(self, of_files, change, message):
        with pytest.raises(InputError) as error:
            self.made(of_files, columns=JOINED_MAP.replace(*change))
        assert message in str(error.value)


EVENTS = """
events: {column: redcap_event_name, times: {baseline_arm_1: baseline, end_arm_1: end, 6_months_arm_1: 6m}}
columns:
  patient_id: record_id
  discharge_date: discharged
  consent_contact: consent
  sessions: sessions
  age: age
  phq9_<time>: phq9_total
  gad7_<time>: gad7_total
  followup_<time>_date: returned
"""


def events(row: dict) -> list[dict]:
    """A canonical row as REDCap exports it: one row an event."""
    fixed = {"discharged": row["discharge_date"], "consent": row["consent_contact"], "sessions": row["sessions"],
             "age": row.get("age", "")}
    found = []
    for event, time in (("baseline_arm_1", "baseline"), ("end_arm_1", "end"), ("6_months_arm_1", "6m")):
        scores = {f"{name}_total": row.get(f"{name}_{time}", "") for name in ("phq9", "gad7")}
        if any(scores.values()):
            found.append({"record_id": row["patient_id"], "redcap_event_name": event, **scores,
                          **(fixed if time == "baseline" else {}), "returned": row.get(f"followup_{time}_date", "")})
    return found


class TestEvents:
    def test_rows_of_events_give_the_same_cohort_as_one_row_a_patient(self, of_files):
        rows = [event for row in ROWS for event in events(row)]
        cleaned = of_files({"redcap.csv": rows}, {"file": "redcap.csv"}, EVENTS)
        same_cohort(of_files({"whole.csv": ROWS}, {"file": "whole.csv"}), cleaned)
        assert (log(cleaned)["events_read"], log(cleaned)["rows_read"]) == (9, 4)
        assert cleaned.unused == [] and cleaned.unmatched == []

    def test_what_has_no_time_is_listed_and_what_contradicts_refuses_the_patient(self, of_files):
        first, second = events(ROWS[0]), events(ROWS[1])
        screening = {**first[0], "redcap_event_name": "screening_arm_1"}
        cleaned = of_files({"r.csv": [*first, screening, first[1], *second, {**second[1], "phq9_total": "3"}]},
                           {"file": "r.csv"}, EVENTS)
        assert listed(cleaned, "event") == [("r.csv", 4, "unknown_event"), ("r.csv", 5, "copy")]
        assert listed(cleaned) == [("r.csv", 6, "conflicting_rows"), ("r.csv", 8, "conflicting_rows")]
        assert list(cleaned.cohort["patient_id"]) == ["p2"]

    def test_a_time_without_events_is_refused(self, of_files):
        with pytest.raises(InputError, match="columns: phq9_<time>: found <time>, expected a time, or `events:`"):
            of_files({"r.csv": events(ROWS[0])}, {"file": "r.csv"}, EVENTS.replace("\nevents:", "\n# "))


@pytest.mark.parametrize(("row", "reason"), [
    ({"patient_id": "Total", "age": "81", "phq9_baseline": "36"}, "not_a_patient"),
    ({"patient_id": "Mean (n = 2)", "phq9_baseline": "18"}, "not_a_patient"),
    ({"patient_id": "N = 34"}, "not_a_patient"),
    ({"patient_id": "Report run on 3 July by the data team"}, "not_a_patient"),
    ({"patient_id": "", "age": "81"}, "no_patient_id"),
    ({name: name for name in ("patient_id", *PATIENT)}, "not_a_patient"),  # files put together with their headers
    ({"patient_id": "Totally"}, "no_discharge_date"),  # an odd id is an id
])
def test_totals_and_notes_are_listed_and_are_no_patients(of_files, row, reason):
    cleaned = of_files({"a.csv": [*ROWS, row]}, {"file": "a.csv"})
    assert listed(cleaned) == [("a.csv", 6, reason)]
    if reason == "not_a_patient":  # nothing may search a bundle for the word as for an id
        assert list(cleaned.rejected["patient_id"]) == [""]


def test_a_second_header_in_another_order_refuses_the_file(of_files):
    names = [*ROWS[2]]
    turned = dict(zip(names, reversed(names), strict=True))
    with pytest.raises(InputError, match=r"^a\.csv: line 6: a header whose columns stand in another order"):
        of_files({"a.csv": [*ROWS, turned | {"patient_id": "age", "age": "patient_id"}]}, {"file": "a.csv"})
