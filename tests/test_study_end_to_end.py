"""The study from its six exports to the published figures, and whole runs of the command.

Oracle of the first part: `parameters/published/durability_2016.yaml`, every figure that the paper prints, and the
numbers of each service that follow from its totals and ranges.
"""

import json
import os
import re
from pathlib import Path

import pandas as pd
import pytest
from copied_project import durability

from durability_utils.analyses.published import compare, our_figures, read_published
from durability_utils.cohort.cleaning import clean_service
from durability_utils.outcomes.response import STAGES, response_rates
from durability_utils.study.parameters import PROJECT
from durability_utils.study.study_file import read_study

STUDY_FILE = PROJECT / "parameters" / "durability_2016.yaml"
MONTHLY_FILE = PROJECT / "parameters" / "monthly_2017.yaml"
PORT_FILE = PROJECT / "parameters" / "port.yaml"
SERVICES = {  # discharged, consented, first, second, both, either
    "A": (132, 65, 17, 10, 5, 22),
    "B": (900, 60, 40, 40, 27, 53),
    "C": (1000, 62, 5, 0, 0, 5),
    "D": (350, 50, 10, 4, 2, 12),
    "E": (400, 44, 7, 2, 2, 7),
    "F": (245, 42, 6, 1, 0, 7),
    "all": (3027, 323, 85, 57, 36, 106),
}


@pytest.fixture(scope="module")
def study():
    return read_study(STUDY_FILE)


@pytest.fixture(scope="module")
def cohort(study):
    """All six exports, cleaned."""
    return pd.concat([clean_service(study, name).cohort.assign(service=name) for name in study.services],
                     ignore_index=True)


# -- the figures -----------------------------------------------------------------------------------

def test_every_published_figure_comes_out_of_the_exports(study, cohort):
    printed = read_published(study.published)
    table = compare(printed, our_figures(cohort, study, study.rules))
    differing = table[table["verdict"] == "differs"]
    # the paper has another window than the form
    assert differing["figure"].tolist() == ["measures.IES-R.window"], differing.to_string()
    assert differing[["published", "ours"]].to_numpy().tolist() == [["past month", "past seven days"]]
    contradicted = table[table["verdict"] == "paper_contradicts_itself"].set_index("figure")["ours"]
    assert contradicted.to_dict() == {  # what the paper's own counts give
        "sample.printed_n": "106", "response.participants_of_discharged_percent": "4",
        "reliable_improvement.text_percent.table3.still_none": "38",
        "reliable_improvement.text_percent.table3.gained": "63"}
    assert len(table) > 200


@pytest.mark.parametrize("service", ["A", "B", "C", "D", "E", "F", None])
def test_a_part_of_the_study_is_compared_without_an_error(study, cohort, service):
    # one service alone, and nobody at all: cells are empty, and most figures then differ, which is a result
    part = cohort[cohort["service"] == service] if service else cohort.iloc[:0]
    table = compare(read_published(study.published), our_figures(part, study, study.rules))
    assert len(table) > 200
    assert {"agrees", "differs"} <= set(table["verdict"])


def test_each_service_has_its_numbers(cohort):
    rates = response_rates(cohort).set_index("service")
    found = {name: tuple(rates.loc[name, ["discharged", *STAGES]].astype(int)) for name in rates.index}
    assert found == SERVICES


# -- the command -----------------------------------------------------------------------------------

def test_one_service_end_to_end(tmp_path):
    run = durability("run", STUDY_FILE, "--output", tmp_path, "--service", "F")
    assert run.returncode == 0, run.stderr
    root = tmp_path / "durability_2016"
    assert (root / "index.html").is_file()
    assert (root / "F" / "cleaning" / "rejected.csv").is_file()
    rates = pd.read_csv(root / "F" / "all" / "tables" / "response_rates.csv")
    assert tuple(rates.loc[0, ["discharged", *STAGES]]) == SERVICES["F"]
    for step in ("all", "step2", "step3"):
        assert len(pd.read_csv(root / "F" / step / "tables" / "reliable_improvement_6m.csv")) == 9
        assert len(pd.read_csv(root / "F" / step / "tables" / "reliable_recovery_6m.csv")) == 4
    for page in root.rglob("*.html"):  # nothing that a browser would fetch, and no code
        # but for the first page's own script, which stands in it
        html = page.read_text(encoding="utf-8").replace("<script>", "", int(page == root / "index.html"))
        assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//|@import|<script|url\((?!["']?data:)""", html), page
        assert "read_cohort" not in html
    executed = list(root.rglob("*.ipynb"))
    assert len(executed) == 1 + 3 + 5 * 3
    for notebook in executed:
        record = json.loads(notebook.with_suffix(".provenance.json").read_text(encoding="utf-8"))
        assert record["status"] == "succeeded"
        for file in (notebook, notebook.with_suffix(".html"), notebook.with_suffix(".provenance.json")):
            text = file.read_text(encoding="utf-8")
            assert str(tmp_path) not in text and str(PROJECT) not in text and str(Path.home()) not in text


@pytest.mark.slow("runs a second study, which 10_relapse is about: 15 seconds")
def test_the_monthly_study_gives_back_the_published_relapses(tmp_path):
    # Ali et al. 2017: 439 in remission, 53 % relapsed within a year (233), 79 % of these within six months (184)
    command = ("run", MONTHLY_FILE, "--output", tmp_path, "--service", "M", "--step", "all", "--notebook", "10",
               "--notebook", "03")
    run = durability(*command)
    assert run.returncode == 0, run.stderr
    folder = tmp_path / "monthly_2017" / "M"
    tables = folder / "all" / "tables"
    months = pd.read_csv(tables / "relapse_by_month.csv").query("variable == 'all'").set_index("month")["relapses"]
    assert (months.sum(), months.loc[:6].sum()) == (233, 184)
    assert pd.read_csv(tables / "relapse_groups.csv").loc[0, ["n", "relapses"]].tolist() == [439, 233]
    ratios = pd.read_csv(tables / "relapse_model.csv").set_index("variable")["hazard_ratio"]
    assert round(ratios["residual_phq9"], 2) == 1.90
    assert len(pd.read_parquet(folder / "cleaning" / "after_discharge.parquet")) > 9000
    # without the scores after discharge cleaning is run again; it gives the same, so nothing else is
    (folder / "cleaning" / "after_discharge.parquet").unlink()
    durability(*command)
    account = json.loads((tmp_path / "monthly_2017" / "run.json").read_text(encoding="utf-8"))["runs"]
    assert {entry["notebook"]: entry["status"] for entry in account} == {
        "01_cleaning": "succeeded", "03_reliable_improvement": "unchanged", "10_relapse": "unchanged"}


@pytest.mark.slow("runs a third study: 15 seconds")
def test_the_real_cohort_runs_through_the_same_notebooks(tmp_path):
    export = read_study(PORT_FILE).services["port"].file[0]
    if not export.is_file():
        pytest.skip(f"{os.path.relpath(export, PROJECT)} is not there: the PORT data are not part of this project; "
                    "parameters/columns/port.yaml says where they come from")
    run = durability("run", PORT_FILE, "--output", tmp_path, "--service", "all", "--step", "all")
    assert run.returncode == 0, run.stderr
    tables = tmp_path / "port" / "all" / "all" / "tables"
    # counted with pandas alone from the published file: rows with all six scores; PHQ-9 6 points, GAD-7 4 points
    scores = pd.read_csv(export)[[f"{name}_{time}" for name in ("phq9", "gad7") for time in
                                  ("treatment_total_1", "treatment_total_final", "followup_total")]].dropna()
    fell = {when: [(scores[f"{name}_treatment_total_1"] - scores[f"{name}_{when}"]) / criterion
                   for name, criterion in (("phq9", 6), ("gad7", 4))]
            for when in ("treatment_total_final", "followup_total")}
    improved = {when: ((a >= 1) | (b >= 1)) & (a > -1) & (b > -1) for when, (a, b) in fell.items()}
    table = pd.read_csv(tables / "reliable_improvement_6m.csv").set_index(["end", "follow_up"])["n"]
    good = "reliable_improvement"
    assert table.sum() == len(scores)
    assert table[good].sum() == improved["treatment_total_final"].sum()
    assert table[good, good] == (improved["treatment_total_final"] & improved["followup_total"]).sum()
    assert not (tables / "published_figures.csv").exists()
