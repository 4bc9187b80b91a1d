"""What every lesson's notebook keeps to, so that learners know their way in all of them."""

import re
from importlib import import_module

import nbformat
import pytest
from lesson_checks import LESSONS, asked
from test_notebooks import LONGEST_CELL, MACHINE_PATH, code_cells


@pytest.fixture(params=sorted(LESSONS.glob("L*.ipynb")), ids=lambda path: path.stem)
def lesson(request):
    return nbformat.read(request.param, as_version=4)


def test_begins_with_a_question_how_long_it_takes_and_what_it_needs(lesson):
    first = lesson.cells[0]
    assert first.cell_type == "markdown"
    assert re.match(r"# .*\?\n", first.source)
    assert re.search(r"\d+ minutes", first.source) and "need" in first.source


def test_every_picture_with_sliders_is_followed_by_a_static_one(lesson):
    cells = code_cells(lesson)
    sliders = [place for place, cell in enumerate(cells) if "with_sliders(" in cell.source]
    assert sliders
    for place in sliders:
        assert {"widget", "nbval-ignore-output", "remove-output"} <= set(cells[place].metadata["tags"])
        shown = [output.get("data", {}) for output in cells[place + 1].outputs]
        assert any("image/png" in data for data in shown)
    assert "widgets" not in lesson.metadata


def test_answers_are_left_to_the_learner(lesson):
    asking = [cell for cell in code_cells(lesson) if "my_answer" in cell.source]
    assert 4 <= len(asking) <= 6
    assert all("Type your answer" in str(cell.outputs) for cell in asking)


def test_was_executed_in_order_without_a_word_on_stderr(lesson):
    counts = [cell.execution_count for cell in code_cells(lesson)]
    assert counts == list(range(1, len(counts) + 1))
    outputs = [output for cell in code_cells(lesson) for output in cell.outputs]
    assert {output.output_type for output in outputs} <= {"execute_result", "display_data"}


def test_can_be_read_offline_and_tells_nothing_of_a_machine(lesson):
    prose = "\n".join(cell.source for cell in lesson.cells if cell.cell_type == "markdown")
    assert not re.search(r"\$|<\w+", prose), "formulas and HTML of their own need more than the book has"
    assert not MACHINE_PATH.search(nbformat.writes(lesson))
    assert max(len(cell.source.splitlines()) for cell in code_cells(lesson)) <= LONGEST_CELL


@pytest.mark.parametrize("module", sorted(LESSONS.glob("solutions/l*.py")), ids=lambda path: path.stem)
def test_every_exercise_of_a_lesson_is_asked_in_its_notebook(module):
    (notebook,) = LESSONS.glob(f"{module.stem[:2].upper()}_*.ipynb")
    assert asked(notebook.stem) == list(import_module(f"durability_utils.lessons.{module.stem}").EXERCISES)
