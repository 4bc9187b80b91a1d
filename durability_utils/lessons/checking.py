"""Exercises that check themselves.

Right answers and likely mistakes are computed from the lesson's data, by the rules that the notebooks use; none of
them is written down. So an exercise also works on another cohort, and who reads its module learns how to think, not
what to type.
"""

from collections.abc import Callable, Sequence
from math import isclose
from typing import NamedTuple

from IPython.display import Markdown

Answer = float | str
Mistake = tuple[Callable[..., Answer] | Answer, str]


class Exercise(NamedTuple):
    """One question of a lesson.

    right: the answer, computed from the lesson's data: a number, or a word of `choices`. why: a sentence on why it
    matters. mistakes: likely wrong answers, computed in the same way or the same for all data, each with a hint. hint:
    for any other wrong answer. within: how far a number may be from the right one. choices: the words that may be
    answered, if it is no number.
    """

    right: Callable[..., Answer]
    why: str
    mistakes: Sequence[Mistake]
    hint: str = ""
    within: float = 0.005
    choices: Sequence[str] = ()


def exercise(right: Callable[..., Answer], why: str, *mistakes: Mistake, **others) -> Exercise:
    """An Exercise with its mistakes one below the other; `others` as Exercise has them."""
    return Exercise(right, why, mistakes, **others)


def in_words(difference: float, less: str, same: str, more: str, within: float = 0) -> str:
    """Whether something is less, the same (but for `within`) or more than what it was subtracted from."""
    return same if abs(difference) <= within else more if difference > 0 else less


def check(exercise: Exercise, answer: Answer | None, *data) -> Markdown:
    """What a learner is told: right, and why it matters; or a hint that names the likely mistake.

    answer: `None` or `...` as long as there is none. data: what the exercise computes from.
    """
    if answer is None or answer is ...:
        return Markdown("*Type your answer in place of the three dots and run the cell again.*")
    expected = f"one of {', '.join(exercise.choices)}" if exercise.choices else "a number, as in 0.45 or 14 / 31"
    try:
        given = str(answer).strip().casefold() if exercise.choices else float(answer)
    except (TypeError, ValueError):
        return _not_yet(f"Expected {expected}; found `{answer!r}`.")
    if exercise.choices and given not in exercise.choices:
        return _not_yet(f"Expected {expected}; found `{answer!r}`.")
    right = exercise.right(*data)
    if _same(given, right, exercise.within):
        return Markdown(f"**Right.** {exercise.why}")
    for mistake, hint in exercise.mistakes:
        if _same(given, mistake(*data) if callable(mistake) else mistake, exercise.within):
            return _not_yet(hint)
    if not exercise.choices and _same(given / 100, right, exercise.within):
        return _not_yet("That is per cent. The question asks for a share, between 0 and 1.")
    return _not_yet(exercise.hint)


def _same(given: Answer, expected: Answer, within: float) -> bool:
    if isinstance(given, str):
        return given == expected
    return isclose(given, expected, rel_tol=0, abs_tol=within + 1e-9)


def _not_yet(hint: str) -> Markdown:
    return Markdown(f"**Not yet.** {hint}")
