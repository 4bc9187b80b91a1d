"""From exports that nobody has described to cohorts, by the files of `durability new`. Oracle: `docs/reference.md`,
section 2; for the cohorts what the hand-written column maps give."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import STUDY_2016
from strangers_export import cohort_texts, strangers_table, write_strangers_export

from durability_utils.cohort.cleaning import clean_service
from durability_utils.new_study.draft import new_services, new_study
from durability_utils.study.errors import InputError
from durability_utils.study.measures import read_measures
from durability_utils.study.study_file import read_study


def propose(folder, *exports, study="mine"):
    """The study as `durability new` writes it, read back."""
    new_study(study, list(exports), folder)
    return read_study(folder / f"{study}.yaml")


def durability(*arguments, folder):
    command = shutil.which("durability", path=Path(sys.executable).parent)
    return subprocess.run([command, *map(str, arguments)], cwd=folder, capture_output=True, text=True,
                          encoding="utf-8", check=False)


@pytest.fixture
def stranger(tmp_path):
    write_strangers_export(tmp_path / "north.csv")
    return tmp_path / "north.csv"


@pytest.fixture
def long_export(tmp_path):
    """Baseline, end and follow-ups of service B's patients as contacts, and the patients: two files, and both in one.
    Two weeks before the end each has a score that counts for nothing."""
    cohort = cohort_texts()
    treated = ["discharge_date", "phq9_baseline", "gad7_baseline", "phq9_end", "gad7_end"]
    cohort = cohort[(cohort[treated] != "").all(axis="columns")].head(60)
    discharged = pd.to_datetime(cohort["discharge_date"])
    contacts = pd.concat([
        pd.DataFrame({"ClientID": cohort["patient_id"],
                      "ContactDate": (discharged + pd.Timedelta(days=days)).dt.strftime("%d/%m/%Y"), "ToolCode": tool,
                      "Score": cohort[f"{measure}_{time}"], "Attendance": "5"})
        for time, days in (("baseline", -100), ("baseline", -14), ("end", 0), ("6m", 180), ("12m", 370))
        for measure, tool in (("phq9", "720433000"), ("gad7", "445455005"))])
    contacts = contacts[contacts["Score"] != ""]
    patients = pd.DataFrame({"ClientID": cohort["patient_id"], "Discharged": discharged.dt.strftime("%d/%m/%Y"),
                             "ContactConsent": cohort["consent_contact"].map({"yes": "Y", "no": "N"})})
    patients.to_csv(tmp_path / "patients.csv", index=False)
    contacts.to_csv(tmp_path / "scores.csv", index=False, sep=";")
    contacts.merge(patients).to_csv(tmp_path / "contacts.csv", index=False)
    return cohort


def test_service_ids_are_plain_and_differ(tmp_path, stranger):
    names = ["Zoë's export (2).csv", "a b.csv", "a_b.csv", "A_B.txt", "all.csv", "NUL.csv", "...csv.csv", "年度.csv"]
    for name in names:
        shutil.copy(stranger, tmp_path / name)
    ids = list(new_services([tmp_path / name for name in names]))
    assert ids == ["Zoe_s_export_2", "a_b", "a_b_2", "A_B_3", "service_all", "service_NUL", "csv", "service"]
    assert list(propose(tmp_path, *(tmp_path / name for name in names)).services) == ids


def test_the_study_file_and_that_paths_start_from_it(tmp_path, stranger):
    study = propose(tmp_path, stranger)
    assert (study.id, study.title, study.discharged, study.follow_up_windows) == ("mine", "mine", None, None)
    assert list(study.rules.measures) == list(read_measures("nhs_talking_therapies"))
    text = study.path.read_text(encoding="utf-8")
    assert "# discharged: {from: 2016-06-01, to: 2016-06-30}" in text
    uncommented = yaml.safe_load(text.replace("# discharged", "discharged"))
    assert uncommented["services"] == {"north": {"file": "north.csv", "columns": "mine_columns/north.yaml"}}
    assert str(uncommented["discharged"]["to"]) == "2016-06-30"
    (tmp_path / "here").mkdir()
    study = propose(tmp_path / "here", stranger)
    assert yaml.safe_load(study.path.read_text(encoding="utf-8"))["services"]["north"]["file"] == "../north.csv"
    assert len(clean_service(study, "north").cohort) == 900


@pytest.mark.parametrize("name", ["1", "no", "null", "0x1F", "2016-06-01", "1e3"])
def test_names_that_yaml_would_read_as_something_else(tmp_path, stranger, name):
    export = stranger.rename(tmp_path / f"{name}.csv")
    study = propose(tmp_path, export, study=name)
    assert (study.id, study.title, list(study.services)) == (name, name, [name])


def test_what_is_required_and_was_not_found_is_a_line_to_fill_in(tmp_path):
    table = strangers_table().drop(columns=["PHQ9_Score_Last", "FU 6mth GAD7"])
    table.to_csv(tmp_path / "a.csv", index=False)
    study = propose(tmp_path, tmp_path / "a.csv")
    lines = study.services["a"].columns.read_text(encoding="utf-8").splitlines()
    assert [line.split()[1:5:3] for line in lines if "REQUIRED" in line] == [["phq9_end:", "PHQ-9"]]
    assert any(line.startswith("  # gad7_6m:") and "NOT FOUND" in line for line in lines)
    with pytest.raises(InputError, match="phq9_end"):
        clean_service(study, "a")


def test_all_files_are_written_or_none(tmp_path, stranger, monkeypatch):
    propose(tmp_path, stranger)
    texts = [tmp_path / "mine_columns" / "north.yaml", tmp_path / "mine.yaml"]
    for path in texts:
        path.write_text("by hand")
    real = Path.replace

    def replace(path, target):
        if target.name == "mine.yaml":
            raise PermissionError(13, "open in an editor")
        return real(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(PermissionError):
        new_study("mine", [stranger], tmp_path, force=True)
    assert [path.read_text() for path in texts] == ["by hand", "by hand"]
    for path in texts:
        path.unlink()
    (tmp_path / "mine_columns").rmdir()
    with pytest.raises(PermissionError):
        new_study("mine", [stranger], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["north.csv"]


def test_six_exports_go_from_the_command_to_the_cohorts_of_the_hand_written_maps(tmp_path):
    exports = [entry.file[0] for entry in STUDY_2016.services.values()]
    assert durability("new", "six", *exports, folder=tmp_path).returncode == 0
    file = tmp_path / "six.yaml"
    # the study of 2016 had a window and its own version of the measures: that is for a person to say
    text = file.read_text(encoding="utf-8").replace("# discharged:", "discharged:")
    file.write_text(text.replace("measures: nhs_talking_therapies", "measures: study_2016"), encoding="utf-8")
    checked = durability("check", "six.yaml", folder=tmp_path)
    assert checked.returncode == 0 and "in the map, but not in the export" not in checked.stdout
    ran = durability("run", "six.yaml", "--notebook", "01", "--jobs", "2", folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    for service, entry in STUDY_2016.services.items():
        by_hand = clean_service(STUDY_2016, service)
        folder = tmp_path / "results" / "six" / entry.file[0].stem / "cleaning"
        pd.testing.assert_frame_equal(pd.read_parquet(folder / "cohort.parquet"), by_hand.cohort)
        rejected = pd.read_csv(folder / "rejected.csv", dtype="str", keep_default_na=False)
        assert len(rejected) == len(by_hand.rejected)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "xlsx", "sav", "dta", "parquet"])
def test_a_strangers_export_in_every_format(tmp_path, stranger, suffix):
    import pyreadstat

    table = strangers_table()
    short = table.rename(columns=lambda name: name.replace(" ", "_"))
    path = tmp_path / f"copy.{suffix}"
    {"csv": lambda: table.to_csv(path, index=False, encoding="utf-16"),
     "tsv": lambda: table.to_csv(path, index=False, sep="\t"),
     "xlsx": lambda: table.to_excel(path, index=False),
     "sav": lambda: pyreadstat.write_sav(short, path),
     "dta": lambda: pyreadstat.write_dta(short, path),
     "parquet": lambda: table.to_parquet(path, index=False)}[suffix]()
    study = propose(tmp_path, stranger, path)
    pd.testing.assert_frame_equal(clean_service(study, "copy").cohort, clean_service(study, "north").cohort)


@pytest.mark.parametrize("files", [["scores.csv", "patients.csv"], ["patients.csv", "scores.csv"], ["contacts.csv"]])
def test_a_long_export(tmp_path, long_export, files):
    study = propose(tmp_path, *(tmp_path / name for name in files))
    assert study.follow_up_windows == {"6m": (91, 273), "12m": (274, 456)}
    (service, entry), = study.services.items()
    assert (service, entry.contacts) == (("patients", (tmp_path / "scores.csv",)) if len(files) == 2 else
                                         ("contacts", ()))
    cohort = clean_service(study, service).cohort.set_index("patient_id")
    expected = long_export.set_index("patient_id").loc[cohort.index]
    assert len(cohort) == len(long_export)
    agreed = expected["consent_contact"] == "yes"
    for measure in ("phq9", "gad7"):
        for time in ("baseline", "end", "6m", "12m"):
            wanted = expected[f"{measure}_{time}"].where(agreed | (time in ("baseline", "end")), "")
            assert cohort[f"{measure}_{time}"].astype("str").fillna("").tolist() == wanted.tolist()


def test_the_frame_of_an_analysis_plan_is_written_where_it_is_asked_for(stranger, tmp_path):
    """It has a section for the estimand, the definition and the missing answers, and no result."""
    new_study("mine", [stranger], tmp_path)
    assert not (tmp_path / "mine_plan.md").exists()
    ended = durability("new", "--force", "--plan", "mine", stranger, folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "mine_plan.md" in ended.stdout
    plan = (tmp_path / "mine_plan.md").read_text(encoding="utf-8")
    assert plan.startswith("# Analysis plan: mine\n")
    assert "- **Services:** north\n" in plan
    assert [line for line in plan.splitlines() if line.startswith("## ")][:3] == [
        "## 1. Question and estimand", "## 2. Definitions", "## 3. Missing answers (notebook 08)"]
    # what the study file sets stands in it, no date and no threshold of success does
    study = read_study(tmp_path / "mine.yaml")
    for said in (f"after at least {study.rules.minimum_sessions}",
                 f"`carry_back: {str(study.rules.carry_back).lower()}`",
                 f"`anxiety_measure: {study.rules.anxiety_measure}`",
                 f"`relapse: {study.rules.relapse}`",
                 f"of fewer than {study.few} patients", "[1, ____-__-__]", "**Without scores at baseline or end:** ["):
        assert said in plan
    assert not re.search(r"20\d\d-|more than half|Cochran", plan)
