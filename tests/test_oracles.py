"""Every stored answer of R is what R answers: scripts run again where R and their packages are installed."""

import csv
import re
import shutil
import subprocess

import pytest
from r_says import ORACLES, r_says

SCRIPTS = sorted(path.stem for path in ORACLES.glob("*.R") if path.stem != "answers")


@pytest.mark.parametrize("topic", SCRIPTS)
def test_stored_answers_are_those_of_the_script(topic, tmp_path):
    if not shutil.which("Rscript"):
        pytest.skip("R is not installed")
    shutil.copytree(ORACLES, tmp_path / "oracles")
    (tmp_path / "oracles" / f"{topic}.csv").unlink()
    ran = subprocess.run(["Rscript", f"{topic}.R"], cwd=tmp_path / "oracles", capture_output=True, text=True)
    if "there is no package called" in ran.stderr:
        pytest.skip(ran.stderr.strip().splitlines()[-1])
    again = (tmp_path / "oracles" / f"{topic}.csv")
    assert again.is_file(), ran.stderr
    stored = r_says(topic)
    lines = again.read_text(encoding="utf-8")
    assert lines.count("\n") == len(stored) + 1
    found = {row["name"]: float(row["value"]) for row in csv.DictReader(lines.splitlines())}
    assert found == pytest.approx(stored, rel=1e-6, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("topic", SCRIPTS)
def test_what_stands_as_the_call_is_one(topic):
    """No name of something that a call left behind, as `found$share` or `mean(found)`."""
    with (ORACLES / f"{topic}.csv").open(encoding="utf-8") as file:
        calls = [row["call"] for row in csv.DictReader(file)]
    assert calls and not [call for call in calls if re.fullmatch(r"(mean|sd)\(\w+\)|[^(]*", call)]
