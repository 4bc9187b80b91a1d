"""What the tests of all lessons share: solutions are accepted, typical mistakes get a hint, nothing is left over."""

import ast
import re
import runpy
from importlib import import_module
from pathlib import Path

import nbformat

from durability_utils.lessons.checking import Exercise, Lesson
from durability_utils.study.parameters import PROJECT

LESSONS = PROJECT / "notebooks" / "lessons"
NOTEBOOKS = sorted(LESSONS.glob("L*.ipynb"))
CHECKED = re.compile(r'lesson\.check\("(\w+)"')


def module_of(notebook: Path) -> str:
    """The name of the module with the exercises of a lesson's notebook."""
    (path,) = (PROJECT / "durability_utils" / "lessons").glob(f"{notebook.stem[:2].lower()}_*.py")
    return path.stem


def exercises_of(module: str) -> dict[str, Exercise]:
    return import_module(f"durability_utils.lessons.{module}").EXERCISES


def solutions_of(module: str) -> dict:
    """What the solutions of a lesson say: SOLUTIONS and TYPICAL_MISTAKES."""
    return runpy.run_path(str(LESSONS / "solutions" / f"{module}.py"))


def told(exercise: Exercise, answers: list, *data) -> list[str]:
    """What a learner is told who gives these answers one after the other."""
    lesson = Lesson({"asked": exercise}, "")
    return [lesson.check("asked", answer, *data).data for answer in answers]


def gives_away(text: str, answer: float | str) -> bool:
    """Whether a hint has the number in it that is asked for, rounded to as many places as the hint has."""
    if isinstance(answer, str):
        return False  # a hint on a word may name all the words
    kind = r"\d+(?!\.?\d)" if isinstance(answer, int) else r"\d+\.\d+"
    numbers = re.findall(rf"(?<![\w.]){kind}(?!\w)", text)
    return any(float(number) == round(answer, len(number.partition(".")[2])) != 0 for number in numbers)


def assert_judges_rightly(exercises: dict, module: str, data: dict[str, list]) -> None:
    """Every exercise accepts its solution and names at least two typical mistakes; no first hint has the answer.

    The second wrong answer gets the second hint, and the third the last one.
    """
    found = solutions_of(module)
    assert set(found["SOLUTIONS"]) == set(found["TYPICAL_MISTAKES"]) == set(exercises) == set(data)
    for name, exercise in exercises.items():
        right, mistakes = found["SOLUTIONS"][name], found["TYPICAL_MISTAKES"][name]
        (praise,) = told(exercise, [right], *data[name])
        assert praise.startswith(f"**Right.** {exercise.why}"), (name, praise)
        nudges = [told(exercise, [wrong], *data[name])[0] for wrong in mistakes]
        named = {f"**Not yet.** {hint}" for _, hint in exercise.mistakes}
        assert all(nudge.startswith("**Not yet.**") for nudge in nudges), (name, nudges)
        assert len(named & set(nudges)) >= 2, (name, nudges)
        assert not [nudge for nudge in nudges if gives_away(nudge, right) or exercise.hints[1] in nudge], (name, nudges)
        assert len(exercise.hints) == (2 if exercise.choices else 3), name
        if not exercise.choices:
            nudge, look, formula = told(exercise, [-1001, -1002, -1003], *data[name])
            assert [nudge, look, formula] == [f"**Not yet.** {hint}" for hint in exercise.hints]
            assert not gives_away(look, right), (name, look)


def assert_right(exercises: dict, answers: dict, data: dict[str, list]) -> None:
    """Each of the answers is right on these data."""
    for name, answer in answers.items():
        assert told(exercises[name], [answer], *data[name])[0].startswith("**Right.**"), name


def asked(notebook: Path) -> list[str]:
    """The exercises that a lesson's notebook asks, in its order; each waits for an answer."""
    cells = nbformat.read(notebook, as_version=4).cells
    sources = [cell.source for cell in cells if cell.cell_type == "code" and CHECKED.search(cell.source)]
    assert all("my_answer = ...\n" in source for source in sources)
    return [CHECKED.search(source).group(1) for source in sources]


def shown_to(learner: dict, notebook: Path) -> dict[str, object]:
    """What each code cell shows, by its id, to a learner with these answers who runs all cells.

    learner: answers by exercise; where there is none, the three dots stay.
    """
    seen, names = {}, {}
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        name = CHECKED.search(cell.source)
        answer = f"my_answer = {learner[name[1]]!r}" if name and name[1] in learner else "my_answer = ..."
        *lines, last = ast.parse(cell.source.replace("my_answer = ...", answer)).body
        exec(compile(ast.Module(lines, []), cell.id, "exec"), names)
        if isinstance(last, ast.Expr):
            seen[cell.id] = eval(compile(ast.Expression(last.value), cell.id, "eval"), names)
        else:
            exec(compile(ast.Module([last], []), cell.id, "exec"), names)
    return seen
