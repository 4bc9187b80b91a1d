"""What a result says of its making, and what it does not say of the machine."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_study import make_study

from durability_utils.runs import plan, provenance
from durability_utils.runs.provenance import PROJECT


def test_names_stand_below_the_first_folder_that_holds_the_file(tmp_path):
    inner = tmp_path / "results"
    file = inner / "A" / "cohort.parquet"
    assert provenance.name_below(file, [inner, tmp_path]) == "A/cohort.parquet"
    assert provenance.name_below(file, [tmp_path]) == "results/A/cohort.parquet"
    assert provenance.name_below(file, [tmp_path / "other"]) == "cohort.parquet"


def test_hashes_are_sha256_and_leave_out_what_is_not_there(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    assert provenance.hashes([tmp_path / "a.csv", tmp_path / "b.csv"], [tmp_path]) == {
        "a.csv": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}


ROOMS = sorted({path.parent.relative_to(provenance.PACKAGE).as_posix() for kind in ("*.py", "*.html")
                for path in provenance.PACKAGE.rglob(kind)})


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package, in whose place it is hashed."""
    copy = tmp_path / "durability_utils"
    shutil.copytree(provenance.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    provenance.own_code.cache_clear()
    original = provenance.own_code()
    monkeypatch.setattr(provenance, "PACKAGE", copy)
    provenance.own_code.cache_clear()
    assert provenance.own_code() == original
    yield copy
    provenance.own_code.cache_clear()


@pytest.mark.parametrize("room", ROOMS)
def test_a_change_in_any_room_leaves_no_run_unchanged(package, tmp_path, room):
    study, notebooks = make_study(tmp_path, {"A": "fine"})
    run = plan.plan(study, tmp_path / "results", names=["01"], notebooks=notebooks)[0]
    record = {"status": "succeeded", "parameters": run.shown_parameters, "versions": provenance.versions(),
              "inputs": plan.input_hashes(run)}

    def is_current():
        provenance.own_code.cache_clear()
        return plan.is_current(run, record)

    assert is_current()
    largest = max((path for path in (package / room).iterdir() if path.suffix in (".py", ".html")),
                  key=lambda path: path.stat().st_size)
    original = largest.read_bytes()
    largest.write_bytes(original + b"\n")
    assert not is_current()
    largest.write_bytes(original)  # and back, as `git stash` would
    assert is_current()
    largest.rename(largest.with_stem("renamed"))
    assert not is_current()


def test_versions_are_those_of_python_and_the_declared_packages():
    versions = provenance.versions()
    assert versions["python"] == sys.version.split()[0]
    assert {"pandas", "papermill", "statsmodels"} <= set(versions)
    assert "ruff" not in versions


@pytest.fixture
def commit(tmp_path):
    """commit(): what is said of a folder as it now is."""
    def now():
        provenance.commit.cache_clear()
        return provenance.commit(tmp_path)
    yield now
    provenance.commit.cache_clear()


def test_a_commit_is_named_with_whether_files_differ_from_it(commit, tmp_path):
    if not provenance.shutil.which("git"):
        pytest.skip("no git here")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    assert commit() is None
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "--no-verify", "-m", "first"], check=True)
    found = commit()
    assert len(found["commit"]) == 40
    assert not found["dirty"]
    (tmp_path / "new").touch()
    assert commit()["dirty"]


def test_without_git_no_commit_is_named(commit, monkeypatch):
    monkeypatch.setattr(provenance.shutil, "which", lambda name: None)
    assert commit() is None


@pytest.mark.parametrize("text, expected", [
    (f"see {PROJECT / 'data' / 'a.csv'}:3", f"see {Path('data', 'a.csv')}:3"),
    (f"\x1b[32m{PROJECT / 'a.py'}\x1b[39m", "\x1b[32ma.py\x1b[39m"),
    (f"in '{PROJECT}'", "in '.'"),
    (f"kept{PROJECT.as_posix()}/a.csv", f"kept{PROJECT.as_posix()}/a.csv"),
    ("no path, 3/4", "no path, 3/4"),
])
def test_paths_of_this_machine_are_cut(text, expected):
    assert provenance.without_machine_paths(text) == expected


def test_a_folder_that_only_begins_like_a_known_one_is_another():
    assert provenance.without_machine_paths("/far/study-old/a.csv", (Path("/far/study"),)) == "/far/study-old/a.csv"


def test_texts_of_an_output_are_cut_and_images_are_not(tmp_path):
    output = {"data": {"text/plain": [f"{tmp_path}/x"], "image/png": f"{tmp_path}/x"}, "execution_count": 1}
    assert provenance.without_machine_paths(output, (tmp_path,)) == {
        "data": {"text/plain": ["x"], "image/png": f"{tmp_path}/x"}, "execution_count": 1}
