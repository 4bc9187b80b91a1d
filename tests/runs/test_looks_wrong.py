"""What looks wrong on the terminal and on the report's first page, month after month, with the real notebook 01.

Oracle: the people of tests/cohort/test_plausibility.py, of whom nothing is found where nobody changed them.
"""

import json

import pytest
from conftest import study_text, write_csv
from typer.testing import CliRunner

from durability_utils.cli import app

ZEROS = {"phq9_6m": 0, "gad7_6m": 0, "followup_6m_date": ""}
SAID = ("service A: zeros_where_nobody_answered (phq9_6m, gad7_6m, 4 of 4): Zeros on all measures where nobody seems "
        "to have answered: each counts as a recovered patient.")


def person(i: int) -> dict:
    return {"patient_id": f"P{1000 + i}", "discharge_date": f"2016-06-{1 + i % 30:02}", "consent_contact": "yes",
            "gender": "female", "age": 20 + i * 7 % 50, "sessions": 4 + i % 9, "phq9_baseline": 8 + i * 7 % 17,
            "gad7_baseline": 6 + i * 5 % 15, "phq9_end": i * 3 % 13, "gad7_end": i * 4 % 11,
            "phq9_6m": (i * 5 + 2) % 15, "gad7_6m": (i * 3 + 1) % 12, "followup_6m_date": f"2016-12-{1 + i % 31:02}"}


def people(n=40, first=0) -> list[dict]:
    return [person(i) for i in range(first, first + n)]


WITH_ZEROS = [row | (ZEROS if i < 4 else {}) for i, row in enumerate(people())]
SWAPPED = [row | {"phq9_baseline": row["gad7_baseline"], "gad7_baseline": row["phq9_baseline"]} for row in people()]


@pytest.fixture
def durability(tmp_path, monkeypatch):
    """durability(command, *options, A=rows, **study keys): the result of the command on these exports."""
    monkeypatch.chdir(tmp_path)
    services = {}

    def run(command, *options, keys=(), **exports):
        for service, rows in exports.items():
            write_csv(tmp_path / f"{service}.csv", rows)
            services[service] = {"file": f"{service}.csv"}
        (tmp_path / "study.yaml").write_text(study_text(services=dict(services), **dict(keys)), encoding="utf-8")
        options = options if command == "check" else ("--notebook", "01", *options)
        return CliRunner().invoke(app, [command, "study.yaml", *options])

    return run


def said(result) -> list[str]:
    return [line for line in result.stderr.splitlines() if line.startswith("service ")]


def first_page(folder) -> str:
    return (folder / "results" / "durability_test" / "index.html").read_text(encoding="utf-8")


def test_warnings_are_said_also_when_quiet_until_somebody_acknowledges_them(durability, tmp_path):
    result = durability("run", "--quiet", A=WITH_ZEROS)
    assert (result.exit_code, result.stdout, result.stderr.splitlines()) == (0, "", [SAID])
    assert "<strong>zeros_where_nobody_answered</strong> (phq9_6m, gad7_6m, 4 of 4)" in first_page(tmp_path)
    assert "P1000" not in first_page(tmp_path)
    again = durability("run", "--quiet", "--strict")  # nothing has changed, nor has what is wrong
    assert (again.exit_code, again.stderr.splitlines()) == (1, [SAID])
    assert durability("check").exit_code == 0
    checked = durability("check", "--strict")
    assert checked.exit_code == 1
    assert "warning zeros_where_nobody_answered (phq9_6m, gad7_6m, 4 of 4): Zeros on all" in checked.stdout
    assert "rows 2: 0 0, 3: 0 0, 4: 0 0, 5: 0 0" in checked.stdout
    known = {"acknowledged": {"A/zeros_where_nobody_answered": "answered on paper"}}
    result = durability("run", "--strict", keys=known)
    assert (result.exit_code, said(result)) == (0, [])
    assert "Acknowledged: answered on paper" in first_page(tmp_path)
    checked = durability("check", "--strict", keys=known)
    assert checked.exit_code == 0 and "acknowledged: answered on paper" in checked.stdout


def test_a_month_is_compared_with_the_last_one_that_came_to_its_end(durability, tmp_path):
    profile = tmp_path / "results" / "durability_test" / "A" / "cleaning" / "profile.json"
    fewer = "service A: fewer_rows (40 of 40): The export has clearly fewer rows than last time: it may end in the " \
            "middle. There were 90."
    assert said(durability("run", A=people(90))) == []
    checked = durability("check", A=people())
    assert "warning fewer_rows (40 of 40)" in checked.stdout and "There were 90." in checked.stdout
    # one that is refused says nothing of the next
    broken = durability("run", A=SWAPPED)
    assert broken.exit_code == 1
    assert said(broken)[0].startswith("service A: 01_cleaning failed: A.csv: measures_swapped (phq9_baseline, "
                                      "gad7_baseline, 7 of 40): GAD-7 has scores of 22 to 27")
    assert [path.name for path in profile.parent.glob("*") if path.suffix in (".parquet", ".csv")] == []
    assert said(durability("run", A=people())) == [fewer]
    assert said(durability("run", "--fresh")) == [fewer]
    # nor does one that somebody has touched
    profile.write_text(profile.read_text(encoding="utf-8").replace('"rows": 40', '"rows": 400'), encoding="utf-8")
    assert said(durability("run", A=people(41))) == []
    record = json.loads(profile.with_name("01_cleaning.provenance.json").read_text(encoding="utf-8"))
    assert {"findings.csv", "profile.json"} <= record["outputs"].keys()


def test_a_stop_that_is_acknowledged_goes_on(durability):
    assert durability("check", A=SWAPPED).exit_code == 1
    known = {"acknowledged": {"measures_swapped": "a trial arm"}}
    assert durability("check", keys=known).exit_code == 0
    assert durability("run", "--strict", keys=known).exit_code == 0


def test_people_of_two_services_are_found_where_all_are_there(durability, tmp_path):
    twice = [row | {"patient_id": f"x{i}"} for i, row in enumerate(people(10))] + people(30, first=40)
    expected = "service all: same_people (A, B, 10 of 40): More patients than chance allows have the same dates and " \
               "scores in two services: they count twice."
    result = durability("run", "--strict", A=people(), B=twice)
    assert (result.exit_code, said(result)) == (1, [expected])
    assert "<summary>All services: 1 question</summary>" in first_page(tmp_path)
    checked = durability("check", "--strict")
    assert checked.exit_code == 1
    assert "all services\n  what looks wrong:\n    warning same_people (A, B, 10 of 40): More" in checked.stdout
