"""The follow-up desk. Oracle: docs/reference.md, section 6, with patients made for each of its sentences; and the
exports of the synthetic study, read with nothing but the standard library. The first row of a list is patient p2."""

import csv
import datetime as dt
import json
import os
import re
import stat
from dataclasses import replace

import pandas as pd
import pytest
from conftest import PHQ9, RULES
from typer.testing import CliRunner

from durability_utils.analyses import desk
from durability_utils.cli import app
from durability_utils.cohort.cleaning import write_cleaned
from durability_utils.results import cleaning_folder, restricted_folder
from durability_utils.study.errors import InputError
from durability_utils.study.holds import read_holds
from durability_utils.study.parameters import PROJECT

DAY = dt.date(2017, 3, 1)
NO_WINDOW = {"discharged": None}


def items(name, time, *answers):
    return {f"{name}_{time}_item{i}": str(answer) for i, answer in enumerate(answers, start=1)}


def phq9(time, *answers, date="2016-12-20"):
    return {f"followup_{time}_date": date, **items("phq9", time, *answers)}


def came_back(cleaned):
    return desk.answers(cleaned.cohort, cleaned.rejected, RULES)


def only(cleaned, *columns):
    """The given columns of the one questionnaire that came back."""
    table = came_back(cleaned)
    assert len(table) == 1
    return table.astype("object").where(table.notna(), None).loc[0, list(columns)].to_list()


class TestScoring:
    def test_nine_items_are_a_total_and_seven_another(self, clean):
        cleaned = clean([{**phq9("6m", 1, 2, 3, 0, 0, 1, 1, 1, 0), "followup_6m_mode": "post",
                          **items("gad7", "6m", 1, 1, 1, 1, 1, 1, 3)}])
        columns = ["patient_id", "time", "date", "mode", "phq9_items", "phq9_total", "phq9_no_total", "gad7_items",
                   "gad7_total", "gad7_no_total", "risk_answer", "risk"]
        assert list(came_back(cleaned).columns) == columns
        assert only(cleaned, *columns) == [
            "p2", "6m", pd.Timestamp("2016-12-20"), "post", 9, 9, "", 7, 9, "", 0, "zero"]

    def test_a_total_or_why_there_is_none(self, clean):
        cases = [
            (phq9("6m", 1, 1, 1, 1, 1, 1, 1, 1, ""), [8, None, "items_missing"]),
            (phq9("6m", 1, 1, 1, 1, 1, 1, 1, 4, 1), [8, None, "item_refused"]),
            ({**phq9("6m", 1, 1), "phq9_6m": "2"}, [2, None, "items_missing"]),
            ({"phq9_6m": "12"}, [0, 12, ""]),
            ({"phq9_6m": "28"}, [0, None, "total_refused"]),
            ({"gad7_6m": "3"}, [0, None, "not_answered"])]
        found = came_back(clean([row for row, _ in cases]))[["phq9_items", "phq9_total", "phq9_no_total"]]
        assert found.astype("object").where(found.notna(), None).to_numpy().tolist() == [said for _, said in cases]
        assert set(found["phq9_no_total"]) == {"", *desk.WHY_NO_TOTAL}  # every reason has words

    def test_each_follow_up_is_one_questionnaire(self, clean):
        cleaned = clean([{"phq9_6m": "3", "phq9_12m": "4"}, {}, {"followup_12m_date": "2017-06-20"}])
        assert came_back(cleaned)[["patient_id", "time"]].to_numpy().tolist() == [
            ["p2", "6m"], ["p2", "12m"], ["p4", "12m"]]

    @pytest.mark.parametrize("row", [{"phq9_6m": "x"}, {"followup_6m_date": "2016-01-01"}, {"gad7_6m_item3": "?"}])
    def test_what_cleaning_refused_came_back_too(self, clean, row):
        assert only(clean([row]), "patient_id", "time") == ["p2", "6m"]

    def test_neither_a_mode_alone_nor_anything_without_consent_to_contact_is_an_answer(self, clean):
        assert came_back(clean([{"followup_6m_mode": "post"}, {"followup_6m_mode": "pigeon"}, *(
            {"consent_contact": consent, "phq9_6m": "99", **phq9("12m", *[3] * 9)} for consent in ("no", "", "?"))]
        )).empty


class TestRiskItem:
    def test_each_answer(self, clean):
        alone = [items("phq9", "6m", *[""] * 8, answer) for answer in (1, "-1")]  # the only answer there is
        zero, one, three, four, word, words, blank = (
            phq9("6m", *[0] * 8, answer) for answer in (0, 1, 3, 4, "x", "1 or 2", ""))
        rows = {"zero": [zero], "above_zero": [one, three, alone[0]], "unreadable": [four, word, words, alone[1]],
                "not_answered": [blank, phq9("6m", "x")],
                "not_in_export": [{"phq9_6m": "27"}, {"followup_6m_date": "2016-12-20"}]}
        for risk, answers in rows.items():
            assert came_back(clean(answers))["risk"].to_list() == [risk] * len(answers)
        assert rows.keys() == desk.RISK.keys()

    def test_the_item_is_that_of_the_parameters(self, clean):
        cleaned = clean([phq9("6m", 0, 0, 2, *[0] * 6)])
        third = replace(RULES, measures=RULES.measures | {"PHQ-9": replace(PHQ9, risk_item=3)})
        assert desk.answers(cleaned.cohort, cleaned.rejected, third)["risk"].to_list() == ["above_zero"]
        assert came_back(cleaned)["risk"].to_list() == ["zero"]

    def test_an_unreadable_answer_is_found_in_the_written_files_whatever_the_id(self, clean, make_study, tmp_path):
        strange = ["=1+1", "-7", "@x", "007", "NA", "None", "1e1", "'=2", 'say "a,b"']
        cleaned = clean([{"patient_id": name, **phq9("6m", *[0] * 8, "x")} for name in strange])
        study = make_study()
        with pytest.raises(InputError, match=r"^no rejected.csv of service A: run the notebook 01_cleaning"):
            desk.read_rejected(tmp_path, study, "A")
        write_cleaned(cleaned, cleaning_folder(tmp_path, study, "A"))
        rejected = desk.read_rejected(tmp_path, study, "A")
        cohort = pd.read_parquet(cleaning_folder(tmp_path, study, "A") / "cohort.parquet")
        table = desk.telephone(desk.answers(cohort, rejected, RULES))
        assert sorted(table["patient_id"]) == sorted(strange)
        assert set(table["to_do"]) == {"unreadable: look at the questionnaire"}

    def test_a_kind_of_refusal_that_it_does_not_know_changes_nothing(self, clean):
        cleaned = clean([phq9("6m", *[0] * 9)])
        other = pd.DataFrame({"row": [9], "patient_id": ["p2"], "column": ["score"], "value": ["x"],
                              "reason": ["not_a_whole_number"], "refused": ["contact"]})
        assert desk.answers(cleaned.cohort, other, RULES).equals(came_back(cleaned))


class TestTelephone:
    def test_most_recent_first_and_before_all_whoever_has_no_date(self, clean):
        risk = [0] * 8
        table = desk.telephone(came_back(clean([
            phq9("6m", *risk, 1, date="2016-12-01"),
            phq9("6m", *risk, 0, date="2017-01-31"),                  # zero: not on the list
            phq9("6m", *risk, "x", date="2017-01-15"),
            phq9("12m", *risk, 3, date="2017-06-02"),
            phq9("6m", *risk, 2, date=""),
            {**phq9("6m", *risk, 1), **phq9("12m", *risk, 2, date="2017-06-01")},  # twice
        ])))
        assert list(zip(table["patient_id"], table["time"], table["risk"], strict=True)) == [
            ("p6", "6m", "above_zero"), ("p5", "12m", "above_zero"), ("p7", "12m", "above_zero"),
            ("p4", "6m", "unreadable"), ("p7", "6m", "above_zero"), ("p2", "6m", "above_zero")]
        assert list(table.columns) == ["patient_id", "time", "date", "mode", "risk", "to_do", "risk_answer",
                                       "phq9_total", "gad7_total"]
        assert table["risk_answer"].fillna(-1).to_list() == [2, 3, 2, -1, 1, 1]
        assert desk.telephone(came_back(clean([{}]))).empty


class TestUnseen:
    def test_rows_out_of_the_cohort_and_answers_without_consent(self, clean):
        risk = phq9("6m", *[0] * 8, 2)
        cleaned = clean([
            {"patient_id": "same", **risk}, {"patient_id": "same"},  # they differ: both are out
            {"patient_id": "twice", **risk}, {"patient_id": "twice", **risk},  # a copy: the first is in the cohort
            {"sessions": "1", **risk}, {"consent_contact": "no", **risk}, {"consent_contact": "no", "gad7_6m": "3"},
            {**risk, "age": "x"}])
        table = desk.unseen(cleaned.rejected, RULES)
        assert table.to_numpy().tolist() == [
            [2, "same", "patient_id", "conflicting_rows"], [3, "same", "patient_id", "conflicting_rows"],
            [6, "p6", "sessions", "too_few_sessions"], [7, "p7", "phq9_6m_item9", "no_contact_consent"]]
        assert set(desk.telephone(came_back(cleaned))["patient_id"]) == {"twice", "p9"}
        # contacts of a long export hold totals only, and there are thousands of them between baseline and end
        contacts = cleaned.rejected.assign(refused="contact", reason="not_attended")
        assert desk.unseen(contacts, RULES).empty


class TestDue:
    def due(self, cleaned, as_of=DAY):
        table = desk.due(cleaned.cohort, came_back(cleaned), as_of)
        return {row.patient_id: (row.time, f"{row.due:%Y-%m-%d}", row.answered) for row in table.itertuples()}

    def test_from_the_day_six_and_twelve_months_after_discharge_or_the_last_of_a_shorter_month(self, clean):
        days = ["2016-09-02", "2016-09-01", "2016-03-02", "2016-03-01", "2010-01-01"]
        assert self.due(clean([{"discharge_date": day} for day in days], **NO_WINDOW)) == {
            "p3": ("6m", "2017-03-01", "no"), "p4": ("6m", "2016-09-02", "no"), "p5": ("12m", "2017-03-01", "no"),
            "p6": ("12m", "2011-01-01", "no")}
        cleaned = clean([{"discharge_date": day} for day in ("2016-08-31", "2016-02-29")], **NO_WINDOW)
        assert self.due(cleaned, dt.date(2017, 2, 27)) == {"p3": ("6m", "2016-08-29", "no")}
        assert self.due(cleaned, dt.date(2017, 2, 28)) == {"p2": ("6m", "2017-02-28", "no"),
                                                           "p3": ("12m", "2017-02-28", "no")}

    def test_only_with_consent_and_a_discharge_date(self, clean):
        rows = [{"consent_contact": "no"}, {"consent_contact": ""}, {"consent_contact": "maybe"},
                {"discharge_date": ""}, {"discharge_date": "soon"}, {}]
        assert set(self.due(clean(rows, **NO_WINDOW))) == {"p7"}

    def test_who_has_answered(self, clean):
        rows = [{"phq9_6m": "3"}, {"followup_6m_date": "2016-12-20"}, {"phq9_6m": "x"}, {"phq9_12m": "3"}, {}]
        at_6m, at_12m = (self.due(clean(rows), day) for day in (DAY, dt.date(2017, 6, 15)))
        # unreadable is answered; so is 6 months where the 12-month questionnaire came early
        assert [at_6m[f"p{i}"][2] for i in range(2, 7)] == ["yes", "yes", "yes", "yes", "no"]
        # but an answer at 6 months is none at 12
        assert {time for time, *_ in at_12m.values()} == {"12m"}
        assert [at_12m[f"p{i}"][2] for i in range(2, 7)] == ["no", "no", "no", "yes", "no"]

    def test_longest_due_first(self, clean):
        days = ["2016-06-20", "2016-06-02", "2016-06-11"]
        cleaned = clean([{"discharge_date": day} for day in days])
        table = desk.due(cleaned.cohort, came_back(cleaned), DAY)
        assert list(table.columns) == ["patient_id", "discharge_date", "time", "due", "answered"]
        assert list(table["patient_id"]) == ["p3", "p4", "p2"]
        assert self.due(clean([{"patient_id": ""}])) == {}  # nobody

    @pytest.mark.parametrize("text", ["", "today", "25/06/2017", "2017-02-29"])
    def test_a_day_that_is_none(self, text):
        with pytest.raises(InputError, match=f"^as_of: expected a day as YYYY-MM-DD, found '{text}'$"):
            desk.day(text)
        assert desk.day("2017-03-01") == DAY


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_worklists_are_their_owners_from_the_first_byte(make_study, tmp_path, monkeypatch):
    folder = restricted_folder(tmp_path, make_study(), "A")
    assert folder == tmp_path / "durability_test/A/restricted"
    folder.mkdir(parents=True, mode=0o755)
    (folder / "old.csv").touch(mode=0o644)
    seen, to_csv = [], pd.DataFrame.to_csv

    def watched(table, path, **options):
        to_csv(table, path, **options)
        seen.append((path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777))

    monkeypatch.setattr(pd.DataFrame, "to_csv", watched)
    desk.write_worklists({"due": pd.DataFrame({"patient_id": ["=1", "2"]})}, folder)
    assert seen == [(0o700, 0o600)]
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == dict.fromkeys(
        ("due.csv", "due.json", "old.csv"), 0o600)
    assert read_holds(folder / "due.json").patients
    assert (folder / "due.csv").read_text() == "patient_id\n'=1\n2\n"
    usual = os.umask(0)
    os.umask(usual)
    (tmp_path / "after").touch()
    assert (tmp_path / "after").stat().st_mode & 0o077 == 0o666 & ~usual & 0o077  # others' files are as before


PATIENT_ID = re.compile(r"TT-\d{5}")  # as service B writes them


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What the desk of service B leaves behind, without anything else having run."""
    folder = tmp_path_factory.mktemp("results")
    study = str(PROJECT / "parameters" / "durability_2016.yaml")
    run = CliRunner().invoke(app, ["run", study, "--output", str(folder), "--service", "B", "--notebook", "07"])
    assert run.exit_code == 0, run.output
    assert not PATIENT_ID.search(run.output)
    assert "/durability_2016/B/restricted/ and stay with the service" in run.stdout
    return folder / "durability_2016"


def rows_of(path, encoding="utf-8", delimiter=","):
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def test_the_lists_of_service_b_are_those_of_its_export(results):
    restricted = results / "B" / "restricted"
    kept = set(pd.read_parquet(results / "B/cleaning/cohort.parquet")["patient_id"])
    export = rows_of(PROJECT / "data/raw/service_b.csv", "utf-8-sig")
    consented = {row["LocalID"]: row for row in export if row["LocalID"] in kept and row["ContactOK"] == "1"}
    above_zero = {(name, time) for name, row in consented.items()
                  for time, column in (("6m", "Dec16_PHQ9_9"), ("12m", "Jun17_PHQ9_9")) if row[column] in tuple("123")}
    told = rows_of(restricted / "telephone.csv")
    assert {(row["patient_id"], row["time"]) for row in told} == above_zero
    assert [row["date"] for row in told] == sorted((row["date"] for row in told), reverse=True)
    # the batch makes the lists of today, and everyone was discharged in June 2016
    assert {row["patient_id"] for row in rows_of(restricted / "due.csv")} == set(consented)
    answered = {name for name, row in consented.items() if row["Jun17_Date"] not in ("", "-99")}
    assert len(answered) == 40  # as the study printed them
    reminded = {row["patient_id"] for row in rows_of(restricted / "reminders.csv")}
    assert reminded == set(consented) - answered


def test_no_id_leaves_the_restricted_folder(results):
    lists = {f"B/restricted/{name}.csv" for name in ("telephone", "unseen", "due", "reminders", "answers")}
    of_cleaning = {"B/cleaning/cohort.parquet", "B/cleaning/rejected.csv"}
    files = {path.relative_to(results).as_posix(): path for path in results.rglob("*") if path.is_file()}
    holding = {name for name, path in files.items() if PATIENT_ID.search(path.read_bytes().decode("latin-1"))}
    assert holding - of_cleaning == lists
    beside = {name.replace(".csv", ".json") for name in (*lists, "B/cleaning/rejected.csv")}
    assert set(files) - of_cleaning - lists - beside - {".lock"} == {
        "index.html", "methods.html", "run.json", "B/index.html", "B/restricted/07_follow_up_desk.ipynb",
        "B/restricted/07_follow_up_desk.provenance.json", "B/cleaning/01_cleaning.ipynb", "B/cleaning/01_cleaning.html",
        "B/cleaning/01_cleaning.provenance.json", "B/cleaning/cleaning_log.csv", "B/cleaning/cleaning_log.json",
        "B/cleaning/figures/missing_values.png", "B/cleaning/findings.csv", "B/cleaning/findings.json",
        "B/cleaning/profile.json"}


def test_neither_does_one_stand_in_the_committed_notebook():
    executed = (PROJECT / "notebooks/07_follow_up_desk.ipynb").read_text(encoding="utf-8")
    assert "synthetic cohort" in executed
    shown = set(re.findall(r"\w+", executed))
    ids = {row["Pat_Ref"] for row in rows_of(PROJECT / "data/raw/service_a.csv", "windows-1252", ";")} - {""}
    # ids of service A are numbers of three digits, and so is its count of patients
    assert len(ids) > 100 and ids & shown <= {"132"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_the_folder_is_its_owners(results):
    restricted = results / "B" / "restricted"
    assert stat.S_IMODE(restricted.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in restricted.iterdir()} == {0o600}


def test_the_notebook_shows_counts_of_the_day_of_the_run(results):
    notebook = results / "B/restricted/07_follow_up_desk.ipynb"
    text = notebook.read_text(encoding="utf-8")
    record = json.loads(notebook.with_suffix(".provenance.json").read_text(encoding="utf-8"))
    assert f"as_of = \\\"{record['parameters']['as_of']}\\\"" in text
    assert {f"durability_2016/B/cleaning/{name}" for name in ("rejected.csv", "cohort.parquet")} <= {*record["inputs"]}
    assert "synthetic" in text
