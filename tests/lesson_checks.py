"""What the tests of all lessons share: solutions are accepted, typical mistakes get a hint, nothing is left over."""

import re
import runpy

import nbformat

from durability_utils.lessons.checking import check
from durability_utils.study.parameters import PROJECT

LESSONS = PROJECT / "notebooks" / "lessons"


def assert_judges_rightly(exercises: dict, module: str, data: dict[str, list]) -> None:
    """Every exercise accepts its solution and refuses at least two typical mistakes, with a hint that names them."""
    found = runpy.run_path(str(LESSONS / "solutions" / f"{module}.py"))
    assert set(found["SOLUTIONS"]) == set(found["TYPICAL_MISTAKES"]) == set(exercises) == set(data)
    for name, exercise in exercises.items():
        told = check(exercise, found["SOLUTIONS"][name], *data[name]).data
        assert told == f"**Right.** {exercise.why}", (name, told)
        hints = [check(exercise, wrong, *data[name]).data for wrong in found["TYPICAL_MISTAKES"][name]]
        named = {f"**Not yet.** {hint}" for _, hint in exercise.mistakes}
        assert all(hint.startswith("**Not yet.**") for hint in hints), (name, hints)
        assert len(named & set(hints)) >= 2, (name, hints)


def assert_right(exercises: dict, answers: dict, data: dict[str, list]) -> None:
    """Each of the answers is right on these data."""
    for name, answer in answers.items():
        assert check(exercises[name], answer, *data[name]).data.startswith("**Right.**"), name


def asked(notebook: str) -> list[str]:
    """The exercises that a lesson's notebook asks, in its order; each waits for an answer."""
    cells = nbformat.read(LESSONS / f"{notebook}.ipynb", as_version=4).cells
    sources = [cell.source for cell in cells if cell.cell_type == "code" and "check(EXERCISES[" in cell.source]
    assert all("my_answer = ...\n" in source for source in sources)
    return [re.search(r'EXERCISES\["(\w+)"\]', source).group(1) for source in sources]
