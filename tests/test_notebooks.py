"""The notebooks' contract: what every committed notebook keeps to, so that readers know their way in all of them."""

import ast
import re

import nbformat
import pytest

from durability_utils.runs.heads import question, read_heads
from durability_utils.shown import NAMES
from durability_utils.study.measures import read_measures
from durability_utils.study.parameters import PROJECT

PATHS = sorted((PROJECT / "notebooks").glob("[0-9]*.ipynb"))
EXAMPLES = sorted((PROJECT / "docs" / "examples").glob("*.ipynb"))
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|Users|root|tmp|work|opt|var|mnt)/\w|[A-Z]:\\\\")
LONGEST_CELL = 25


@pytest.fixture(params=[*PATHS, *EXAMPLES], ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def nodes(notebook, kind):
    """The nodes of this kind in the notebook's code."""
    code = ast.parse("\n".join(cell.source for cell in code_cells(notebook)))
    return [node for node in ast.walk(code) if isinstance(node, kind)]


def test_the_readme_has_every_notebook_with_its_question():
    tree = (PROJECT / "README.md").read_text(encoding="utf-8").partition("\nnotebooks/")[2].partition("\n  lessons/")[0]
    assert tree.splitlines()[1:] == [f"  {path.stem:<25}{question(path)}" for path in PATHS]


def test_all_are_run_by_a_batch_but_the_one_that_makes_the_study_s_exports():
    assert [head.path for head in read_heads(PROJECT / "notebooks")] == PATHS[1:]


def test_begins_with_its_question_and_says_what_it_reads_writes_and_does_not_show(notebook):
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert re.match(r"# .*\?\n", first.source)
    for word in ("reads", "writes", "does not show"):
        assert word in first.source


def test_exactly_one_parameters_cell_of_flat_annotated_values_each_of_which_is_used(notebook):
    tagged = [cell for cell in code_cells(notebook) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    read = {node.id for node in nodes(notebook, ast.Name) if isinstance(node.ctx, ast.Load)}
    for line in ast.parse(tagged[0].source).body:
        assert isinstance(line, ast.AnnAssign) and isinstance(line.value, ast.Constant), ast.unparse(line)
        assert type(line.value.value).__name__ == line.annotation.id, ast.unparse(line)
        assert line.target.id in read, ast.unparse(line)


def test_every_code_cell_was_executed_in_order_without_error(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    kinds = {output.output_type for cell in code_cells(notebook) for output in cell.outputs}
    assert "error" not in kinds
    assert not [output.text for cell in code_cells(notebook) for output in cell.outputs
                if output.output_type == "stream" and output.name == "stderr"]


def test_no_cell_is_longer_than_a_screen_and_no_four_are_in_a_row_without_prose(notebook):
    assert max(len(cell.source.splitlines()) for cell in code_cells(notebook)) <= LONGEST_CELL
    assert "cccc" not in "".join(cell.cell_type[0] for cell in notebook.cells)


def test_no_machine_path_and_no_trace_of_a_run(notebook):
    text = nbformat.writes(notebook)
    assert not MACHINE_PATH.search(text), MACHINE_PATH.search(text)
    assert "papermill" not in notebook.metadata
    assert not [cell for cell in notebook.cells if {"papermill", "execution"} & set(cell.metadata)]


def test_the_machine_path_pattern_finds_one():
    assert MACHINE_PATH.search("'/home/someone/results'") and not MACHINE_PATH.search("'../results/x'")


def test_no_threshold_is_retyped(notebook):
    compared = [side for node in nodes(notebook, ast.Compare) for side in (node.left, *node.comparators)]
    typed = {side.value for side in compared if isinstance(side, ast.Constant) and isinstance(side.value, int | float)}
    measures = read_measures("study_2016").values()
    assert not typed & {limit for measure in measures for limit in (measure.caseness, measure.reliable_change)}


# a code, what Python calls nothing and true, and a minus before nothing
NOT_FOR_PEOPLE = re.compile(r"^[a-z0-9]+(_[a-z0-9]+)+$|\b(nan|NaN|NaT|None|True|False)\b|-0(\.0*)?(?![.\d])")


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_table_is_for_people(path):
    cells = code_cells(nbformat.read(path, as_version=4))
    tables = [output.data["text/html"] for cell in cells for output in cell.outputs
              if "text/html" in output.get("data", {})]
    assert tables and all('class="shown"' in table for table in tables)
    for table in tables:
        heads = re.findall(r"<th .*?>(.*?)</th>", table)
        words = re.findall(r"<td.*?>(.*?)</td>", table, re.S)
        # columns of an export, and the like, are called as they are
        read = [word for at, word in enumerate(words) if heads[at % len(heads)] not in NAMES]
        assert not [word for word in [*heads, *read] if NOT_FOR_PEOPLE.search(word)]
