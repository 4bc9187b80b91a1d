"""A notebook of one's own, as docs/own_notebook.md says it, from an empty folder. Oracle: scores counted by hand."""

import json
import re
import shutil

import nbformat
import pandas as pd
import pytest
from conftest import PATIENT, write_csv
from typer.testing import CliRunner

from durability_utils.cli import app
from durability_utils.runs.heads import read_head
from durability_utils.study.measures import read_measures
from durability_utils.study.parameters import PROJECT

PAGE = (PROJECT / "docs" / "own_notebook.md").read_text(encoding="utf-8")
EXAMPLE = PROJECT / "docs" / "examples" / "12_functioning.ipynb"
MEASURES = read_measures("nhs_talking_therapies")
MEASURE = MEASURES.get("WSAS", MEASURES["PHQ-9"])  # WSAS wherever the project has it
# step, baseline, end: changes of 10, 6, 2 and -2 points; two patients lack one score
SCORES = [("step2", 20, 10), ("step2", 18, 12), ("step3", 12, 10), ("step3", 16, 18), ("step3", "", 9),
          ("step2", 15, "")]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder with what the page tells to put there: the study file, its export, the copied example."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_study.yaml").write_text(re.search(r"```yaml\n(.*?)```", PAGE, re.S)[1], encoding="utf-8")
    write_export(tmp_path, SCORES)
    (tmp_path / "my").mkdir()
    notebook = nbformat.read(EXAMPLE, as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace('measure: str = "WSAS"', f'measure: str = "{MEASURE.name}"')
    nbformat.write(notebook, tmp_path / "my" / EXAMPLE.name)
    return tmp_path


def write_export(folder, scores):
    baseline, end = f"{MEASURE.columns}_baseline", f"{MEASURE.columns}_end"
    write_csv(folder / "north.csv", [{"patient_id": f"p{line}", **PATIENT, "step": step, baseline: before, end: after}
                                     for line, (step, before, after) in enumerate(scores, start=2)])


def durability(*arguments):
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_example_runs_as_the_page_says_and_is_not_run_again(folder):
    command = re.search(r"```console\n\$ durability (.*)\n```", PAGE)[1].split()
    assert "3 succeeded, 0 failed, 0 skipped" in durability(*command)
    root = folder / "results" / "my_study"
    for service in ("north", "all"):
        table = pd.read_csv(root / service / "all" / "tables" / "functioning.csv").set_index("step")
        assert table[["n", "of"]].to_numpy().tolist() == [[4, 6], [2, 3], [2, 3]]
        assert table["mean_baseline"].tolist() == [16.5, 19, 14]
        assert table["mean_change"].tolist() == [4, 8, 0]
        # t(0.975, 3 df) = 3.1824 times the standard error, sqrt(80 / 3) / 2
        assert table.loc["all", ["low", "high"]].round(3).tolist() == [-4.217, 12.217]
        assert (root / service / "all" / "figures" / "functioning.png").is_file()
    assert '<a href="all/12_functioning.html">Does functioning get better' in (
        root / "north" / "index.html").read_text(encoding="utf-8")
    record = json.loads((root / "all/all/12_functioning.provenance.json").read_text(encoding="utf-8"))
    assert {"my/12_functioning.ipynb", "my_study/north/cleaning/cohort.parquet"} <= set(record["inputs"])
    assert {"tables/functioning.csv", "figures/functioning.png"} <= set(record["outputs"])
    assert "0 succeeded, 0 failed, 0 skipped, 3 unchanged" in durability(*command)


@pytest.mark.parametrize("scores", [[], [("step2", 20, 10)]])
def test_the_example_comes_to_its_end_where_nobody_or_one_can_be_counted(folder, scores):
    write_export(folder, scores or [("step2", "", "")])
    durability("run", "my_study.yaml", "--notebook", "12", "--service", "north")
    table = pd.read_csv(folder / "results/my_study/north/all/tables/functioning.csv")
    assert table["n"].tolist() == ([1, 1, 0] if scores else [0, 0, 0])
    assert table[["low", "high"]].isna().all(axis=None)


def test_a_second_notebook_of_that_name_is_refused_before_anything_runs(folder):
    study = folder / "my_study.yaml"
    shutil.copy(folder / "my" / EXAMPLE.name, folder / EXAMPLE.name)
    text = study.read_text(encoding="utf-8")
    study.write_text(text.replace("ipynb]", "ipynb, 12_functioning.ipynb]"), encoding="utf-8")
    done = CliRunner().invoke(app, ["run", "my_study.yaml"])
    assert done.exit_code == 2
    assert done.stderr.startswith("12_functioning.ipynb: its name or number is that of 12_functioning.ipynb; rename it")
    assert not (folder / "results").exists()


def test_the_page_shows_the_table_of_the_example():
    table = re.search(r"```markdown\n(.*?)```", PAGE, re.S)[1]
    assert table in nbformat.read(EXAMPLE, as_version=4).cells[0].source + "\n"
    assert read_head(EXAMPLE).writes == ("functioning*",)
