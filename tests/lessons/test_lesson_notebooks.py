"""What every lesson's notebook keeps to, so that learners know their way in all of them.

Oracles: the answers in notebooks/lessons/solutions, and a learner who gives them, or none.
"""

import re
from inspect import cleandoc

import nbformat
import pytest
from IPython.display import Markdown
from lesson_checks import NOTEBOOKS, asked, exercises_of, module_of, shown_to, solutions_of
from test_notebooks import LONGEST_CELL, MACHINE_PATH, code_cells

from durability_utils import results

CLOSED = re.compile(r"\*Opens when (your answer to question \d|all answers) (is|are) right")
WORDS_A_MINUTE, QUESTION, WORD_QUESTION, PICTURE = 180, 2, 1, 0.5  # minutes to answer, or to look
# other patients, as many by chance: in the table of lesson 4's question 1, in the rounded ones of lesson 8
GIVEN = {"cell-04": {"carried"}, "l7-41": {"rounded"}, "l7-47": {"rounded"}}


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def lesson(path):
    return nbformat.read(path, as_version=4)


@pytest.fixture
def cleaned(monkeypatch, everybody, path):
    """What the cleaning leaves of the study's exports, read without a run; a learner's folder is the lessons'."""
    def read_cohort(_results, _study, service, columns):
        ours = everybody if service == "all" else everybody[everybody["service"] == service]
        return ours.reset_index(drop=True), frozenset()

    monkeypatch.setattr(results, "read_cohort", read_cohort)
    monkeypatch.chdir(path.parent)


def printed(text: str, answer: float | str) -> list[float | str]:
    """What a text has of the kind of an answer: words, whole numbers, or numbers with a point or per cent as shares."""
    if isinstance(answer, str):
        return re.findall(rf"\b{answer}\b", text)
    if isinstance(answer, int):
        without_row_numbers = re.sub(r"^\d+ ", "", text, flags=re.M)
        return [int(n) for n in re.findall(r"(?<![\w.])\d+(?![\w.])", without_row_numbers)]
    return [*(float(n) for n in re.findall(r"(?<![\w.])\d+\.\d+(?!\w)", text)),
            *(float(n) / 100 for n in re.findall(r"(?<![\w.])(\d+(?:\.\d+)?) ?%", text))]


def test_begins_with_a_question_how_long_it_takes_and_what_it_needs(lesson):
    first = lesson.cells[0]
    assert first.cell_type == "markdown"
    assert re.match(r"# .*\?\n", first.source)
    assert re.search(r"\d+ minutes", first.source) and "need" in first.source


def test_takes_as_long_as_it_says_and_no_more_than_half_an_hour(lesson, path):
    """By a rule of thumb: prose and explanations read once, each cell run and looked at, each question answered."""
    exercises = exercises_of(module_of(path)).values()
    prose = [cell.source.partition("## References")[0] for cell in lesson.cells if cell.cell_type == "markdown"]
    words = len(" ".join([*prose, *(f"{exercise.why} {exercise.explain}" for exercise in exercises)]).split())
    minutes = (words / WORDS_A_MINUTE + PICTURE * len(code_cells(lesson))
               + sum(WORD_QUESTION if exercise.choices else QUESTION for exercise in exercises))
    said = int(re.search(r"about (\d+) minutes", lesson.cells[0].source)[1])
    assert said == 5 * round(minutes / 5) <= 30


def test_sliders_and_all_that_answers_a_question_open_with_its_answer(lesson):
    sources = [cell.source for cell in code_cells(lesson)]
    assert all("lesson.after(" in source for source in sources if "with_sliders(" in source)
    assert sources[-1] == "lesson.take_with_you()"
    assert not [cell.source for cell in lesson.cells if "**Explain.**" in cell.source]
    for cell in code_cells(lesson):
        if "lesson.after(" in cell.source or cell.source == sources[-1]:
            (output,) = cell.outputs
            assert CLOSED.match(output["data"]["text/markdown"]) and set(output["data"]) == {
                "text/markdown", "text/plain"}
    assert "widgets" not in lesson.metadata


def test_stored_outputs_hold_no_answer(lesson, path):
    exercises, solutions = exercises_of(module_of(path)), solutions_of(module_of(path))["SOLUTIONS"]
    for cell in code_cells(lesson):
        texts = [output["data"].get("text/markdown", output["data"]["text/plain"]) for output in cell.outputs]
        for text in (text for text in texts if not CLOSED.match(text)):
            found = {name for name, answer in solutions.items() for word in printed(text, answer)
                     if isinstance(word, str) or abs(word - answer) <= exercises[name].within}
            assert found <= GIVEN.get(cell.id, set()), text


def test_answers_are_left_to_the_learner(lesson):
    asking = [cell for cell in code_cells(lesson) if "my_answer" in cell.source]
    assert 4 <= len(asking) <= 6
    assert all("Type your answer" in str(cell.outputs) for cell in asking)


def test_run_all_of_a_fresh_lesson_opens_nothing(path, lesson, cleaned):
    seen = shown_to({}, path)
    for cell in code_cells(lesson):
        if "lesson." in cell.source:
            assert isinstance(seen[cell.id], Markdown)
            assert re.match(rf"\*Type your answer|{CLOSED.pattern}", seen[cell.id].data), cell.source


def test_right_answers_open_everything(path, lesson, cleaned):
    seen = shown_to(solutions_of(module_of(path))["SOLUTIONS"], path)
    for cell in code_cells(lesson):
        if "lesson.check(" in cell.source:
            assert seen[cell.id].data.startswith("**Right.**"), cell.source
    assert not [words.data for words in seen.values() if isinstance(words, Markdown) and CLOSED.match(words.data)]
    *_, last = seen.values()
    assert last.data.startswith("- ") and last.data == cleandoc(last.data)


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


def test_every_exercise_of_a_lesson_is_asked_in_its_notebook(path):
    assert asked(path) == list(exercises_of(module_of(path)))
