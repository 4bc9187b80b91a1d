"""Another threshold in the one cell of a notebook that holds the rules: everything below follows, and says so.

Oracle: the same notebook, unchanged, of a study file that has the threshold under `thresholds`, run by the command.
"""

import json
import shutil

import nbformat
import pytest
from nbclient import NotebookClient
from typer.testing import CliRunner

from durability_utils.cli import app
from durability_utils.study.parameters import PROJECT

CHANGE = 'rules = rules.changed("PHQ-9", reliable_change=4, caseness=12)'
NOTE = "PHQ-9 caseness 12, not 10; PHQ-9 reliable change 4, not 6."
RULES = "rules = the_study.rules\n"
ALL = "durability_2016/all/all"
# the notebooks that classify: how their tables begin, and the end of one in which the threshold has to show; 05 and 07
# have none
TABLES = {
    "02_response_rates": ("response", "_flow"), "03_reliable_improvement": ("reliable_improvement", "_6m"),
    "04_reliable_recovery": ("reliable_recovery", "_6m"), "06_published_figures": ("published", "_figures"),
    "08_attrition": ("attrition", "_estimates"), "09_definitions": ("definitions", ""),
    "10_relapse": ("relapse", "_included"), "11_services": ("services", "_counts"),
}
# every caption of a figure, as it is drawn
RECORD = """
import matplotlib.figure as _figure
_captions, _drawn = [], _figure.Figure.supxlabel
_figure.Figure.supxlabel = lambda self, text, **style: (_captions.append(text), _drawn(self, text, **style))[1]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two study files, one with the threshold, and what the command makes of both."""
    folder = tmp_path_factory.mktemp("changed")
    for name in ("parameters", "data"):
        shutil.copytree(PROJECT / name, folder / name)
    path = folder / "parameters" / "durability_2016.yaml"
    changed = path.with_name("changed.yaml")
    changed.write_text(path.read_text(encoding="utf-8")
                       + "thresholds:\n  PHQ-9: {reliable_change: 4, caseness: 12}\n", encoding="utf-8")
    for study, output in ((path, "plain"), (changed, "by_file")):
        wanted = [option for name in TABLES for option in ("--notebook", name)]
        done = CliRunner().invoke(app, ["run", str(study), "--output", str(folder / output), "--service", "all",
                                        "--step", "all", "--quiet", *wanted])
        assert done.exit_code == 0, done.output
    shutil.copytree(folder / "plain", folder / "by_cell")
    return folder


def outputs(notebook) -> list:
    """What the code cells show, without the numbers of their execution."""
    return [[{key: value for key, value in output.items() if key != "execution_count"} for output in cell.outputs]
            for cell in notebook.cells if cell.cell_type == "code" and "parameters" not in str(cell.metadata)]


@pytest.fixture(scope="module", params=TABLES)
def changed(request, folder):
    """The notebook executed with the change in its rules' cell, its captions, and its name."""
    notebook = nbformat.read(PROJECT / "notebooks" / f"{request.param}.ipynb", as_version=4)
    given = {"study": "durability_2016.yaml", "results": "../by_cell", "service": "all", "step": "all"}
    parameters = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    parameters.source += "\n" + "\n".join(f"{name} = {value!r}" for name, value in given.items()
                                          if f"{name}: str" in parameters.source)
    holding = [cell for cell in notebook.cells if RULES in cell.source]
    assert len(holding) == 1, "one cell holds the rules"
    holding[0].source = holding[0].source.replace(RULES, f"{RULES}{CHANGE}\n")
    notebook.cells[1].source = RECORD + notebook.cells[1].source
    last = nbformat.v4.new_code_cell("import json; print(json.dumps(_captions))")
    notebook.cells.append(last)
    NotebookClient(notebook, resources={"metadata": {"path": str(folder / "parameters")}}, timeout=300).execute()
    notebook.cells.remove(last)
    return notebook, json.loads(last.outputs[0].text), request.param


def test_every_table_is_that_of_the_changed_study_file(changed, folder):
    beginning, end = TABLES[changed[-1]]
    by_cell, by_file, plain = (
        {path.name: path.read_bytes() for path in folder.glob(f"{output}/{ALL}/tables/{beginning}*.csv")}
        for output in ("by_cell", "by_file", "plain"))
    assert by_cell == by_file
    assert by_cell[f"{beginning}{end}.csv"] != plain[f"{beginning}{end}.csv"]


def test_every_number_and_picture_below_is_too(changed, folder):
    notebook, _, name = changed
    by_file, plain = (nbformat.read(folder / output / ALL / f"{name}.ipynb", as_version=4)
                      for output in ("by_file", "plain"))
    assert outputs(notebook) == outputs(by_file)
    assert outputs(notebook) != outputs(plain)


def test_every_caption_below_says_what_was_changed(changed):
    _, captions, name = changed
    assert captions or name == "06_published_figures"
    # 08's exhibit of simulated cohorts is about no patient of the study
    assert all(NOTE in " ".join(caption.split()) for caption in captions if not caption.startswith("Synthetic data. n"))
