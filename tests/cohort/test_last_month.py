"""What has changed since the export before. Oracle: counts by hand, on the people of test_plausibility.py."""

import json

import pytest
from conftest import write_csv
from test_plausibility import OPEN, TODAY, changed, people

from durability_utils.cohort.cleaning import clean_service
from durability_utils.cohort.last_month import profile_of, read_profile, write_profile
from durability_utils.cohort.plausibility import look, rows_of


@pytest.fixture
def month(make_study, tmp_path):
    """month(rows, last profile): profile and findings of an export, without what is wrong in it alone."""
    def make(rows, last=None):
        study = make_study(**OPEN)
        write_csv(tmp_path / "a.csv", rows)
        cleaned = clean_service(study, "A")
        profile = profile_of(study, "A", cleaned, last)
        alone = set(look(study, "A", cleaned, today=TODAY)["name"])
        findings = look(study, "A", cleaned, profile, TODAY)
        return profile, [(row.name, row.column, row.count, row.of, row.means.partition(". ")[2])
                         for row in rows_of(findings) if row.name not in alone]
    return make


MONTHS = people(80)


@pytest.mark.parametrize(("rows", "expected"), [
    (people(80), []), (people(81), []), (people(60), []),  # fewer by a quarter
    (people(30), [("fewer_rows", "", 30, 30, "There were 80.")]),
    (people(240), [("more_rows", "", 240, 240, "There were 80.")]),
    ([row | {"team": "x"} for row in MONTHS], [("column_new", "team", 80, 80, "")]),
    ([{name: value for name, value in row.items() if name != "age"} for row in MONTHS],
     [("column_gone", "age", 80, 80, "")]),
    ([row | {"age": "" if i < 20 else row["age"]} for i, row in enumerate(MONTHS)],
     [("more_blank", "age", 20, 80, "25 % now, 0 % before.")]),
    ([row | {"age": "old" if i < 12 else row["age"]} for i, row in enumerate(MONTHS)], []),  # 15 %: 3.6 deviations
    ([row | {"age": "old" if i < 24 else row["age"]} for i, row in enumerate(MONTHS)],
     [("more_refused", "age", 24, 80, "30 % now, 0 % before.")]),
    ([row | {"gender": "male" if i < 40 else "female"} for i, row in enumerate(MONTHS)],
     [("code_new", "gender", 40, 80, "It is 'male'.")]),
    ([row | {"gender": "male"} for row in MONTHS],
     [("code_new", "gender", 80, 80, "It is 'male'."), ("code_gone", "gender", 80, 80, "It is 'female'.")]),
])
def test_what_has_changed_is_told_and_no_more(month, rows, expected):
    last, nothing = month(MONTHS)
    assert nothing == [] and last["before"] is None
    found = [row for row in month(rows, last)[1] if row[0] != "many_refused"]
    assert found == expected


def test_fewer_blank_says_that_something_is_filled_in(month):
    last, _ = month([row | {"age": "" if i < 30 else row["age"]} for i, row in enumerate(MONTHS)])
    assert month(MONTHS, last)[1] == [("fewer_blank", "age", 0, 80, "0 % now, 38 % before.")]


def test_the_same_export_again_says_what_had_changed_since_the_one_before(month):
    first, _ = month(MONTHS)
    second, changes = month(people(30), first)
    again, the_same = month(people(30), second)
    assert changes == the_same and again == second
    third, _ = month(people(31), again)  # what had been before that is no longer kept
    assert third["before"] == {key: value for key, value in second.items() if key != "before"}


def test_a_profile_of_a_version_that_told_less_is_not_compared(month):
    last, _ = month(MONTHS)
    del last["codes"]
    profile, changes = month(people(30), last)
    assert profile["before"] is None and changes == []


def test_a_profile_holds_counts_and_only_codes_that_five_have(month, tmp_path):
    rows = changed(0, 4, gender="secret code")
    rows[4]["age"] = "secret age"
    profile, _ = month(rows)
    write_profile(profile, tmp_path)
    text = (tmp_path / "profile.json").read_text(encoding="utf-8")
    assert "secret" not in text and "P1001" not in text
    assert (tmp_path / "profile.json").stat().st_mode & 0o077 == 0
    assert read_profile(tmp_path) == profile
    assert profile["codes"]["gender"] == {"female": 36} and profile["refused"]["gender"] == {"unknown_code": 4}


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"export": "x"})])
def test_what_is_no_profile_is_none(tmp_path, text):
    assert read_profile(tmp_path) is None
    (tmp_path / "profile.json").write_text(text, encoding="utf-8")
    assert read_profile(tmp_path) is None
