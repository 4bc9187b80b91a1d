"""Exercises that check themselves, and what stays closed until they are right.

Right answers and likely mistakes are computed from the lesson's data, by the rules that the notebooks use; none of
them is written down. So an exercise also works on another cohort, and who reads its module learns how to think, not
what to type.
"""

from collections.abc import Callable, Sequence
from inspect import cleandoc
from math import isclose
from typing import NamedTuple

from IPython.display import Markdown

Answer = float | str
Mistake = tuple[Callable[..., Answer] | Answer, str]


class Exercise(NamedTuple):
    """One question of a lesson.

    right: the answer, computed from the lesson's data: a number, or a word of `choices`. why: a sentence on why it
    matters. explain: more of it, in Markdown. mistakes: likely wrong answers, computed in the same way or the same for
    all data, each with words that say what it is, and not what would be right. hints: one for each further wrong
    answer, from a nudge over what to look at to the formula; the last one stays. within: how far a number may be from
    the right one. choices: the words that may be answered, if it is no number.
    """

    right: Callable[..., Answer]
    why: str
    mistakes: Sequence[Mistake]
    hints: Sequence[str]
    explain: str = ""
    within: float = 0.005
    choices: Sequence[str] = ()


def exercise(right: Callable[..., Answer], why: str, *mistakes: Mistake, **others) -> Exercise:
    """An Exercise with its mistakes one below the other; `others` as Exercise has them."""
    return Exercise(right, why, mistakes, **others)


def in_words(difference: float, less: str, same: str, more: str, within: float = 0) -> str:
    """Whether something is less, the same (but for `within`) or more than what it was subtracted from."""
    return same if abs(difference) <= within else more if difference > 0 else less


class Lesson:
    """A learner's way through the exercises of a lesson: what is right so far, and what opens with it.

    exercises: by name, in the order of their questions. summary: what to take with you, in Markdown.
    """

    def __init__(self, exercises: dict[str, Exercise], summary: str):
        self._exercises, self._summary = exercises, summary
        self._right: set[str] = set()
        self._wrong: dict[str, list[Answer]] = {name: [] for name in exercises}

    def check(self, name: str, answer: Answer | None, *data) -> Markdown:
        """What a learner is told: right, why it matters and an explanation; or a hint.

        The first wrong answer gets a nudge, or words that name the mistake; the second what to look at, the third the
        formula. The same wrong answer again gets no further. answer: `None` or `...` as long as there is none. data:
        what the exercise computes from.
        """
        exercise, wrong = self._exercises[name], self._wrong[name]
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
            self._right.add(name)
            return Markdown(f"**Right.** {exercise.why}\n\n{cleandoc(exercise.explain)}".strip())
        if not exercise.choices and _same(given / 100, right, exercise.within):
            return _not_yet("That is per cent. The question asks for a share, between 0 and 1.")
        if given not in wrong:
            wrong.append(given)
        step = min(wrong.index(given), len(exercise.hints) - 1)
        named = [hint for mistake, hint in exercise.mistakes
                 if _same(given, mistake(*data) if callable(mistake) else mistake, exercise.within)]
        return _not_yet(" ".join([*named[:1], *([] if named and step == 0 else [exercise.hints[step]])]))

    def after(self, name: str, shown):
        """`shown` once this exercise is right; before, a line that says which answer opens it."""
        if name in self._right:
            return shown
        number = self._number(name)
        return Markdown(f"*Opens when your answer to question {number} is right. Then run this cell again.*")

    def take_with_you(self) -> Markdown:
        """The summary once all answers are right; before, which questions are still to be answered."""
        missing = [str(self._number(name)) for name in self._exercises if name not in self._right]
        if not missing:
            return Markdown(cleandoc(self._summary))
        return Markdown(f"*Opens when all answers are right. Still to be answered: question {', '.join(missing)}.*")

    def _number(self, name: str) -> int:
        return list(self._exercises).index(name) + 1


def _same(given: Answer, expected: Answer, within: float) -> bool:
    if isinstance(given, str):
        return given == expected
    return isclose(given, expected, rel_tol=0, abs_tol=within + 1e-9)


def _not_yet(hint: str) -> Markdown:
    return Markdown(f"**Not yet.** {hint}")
