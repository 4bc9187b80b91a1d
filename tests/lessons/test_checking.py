"""What a learner is told. Oracle: the exercise below, worked by hand: 14 of 31 is 0.45, 14 of 17 is 0.82."""

import pytest

from durability_utils.lessons.checking import Exercise, check

SHARE = Exercise(right=lambda of: 14 / of, why="The denominator decides.",
                 mistakes=[(lambda of: 14 / 17, "17 are those who recovered."), (lambda of: of, "That is everybody.")],
                 hint="Divide by everybody.")
WORD = Exercise(right=lambda _: "wider", why="Fewer patients.", mistakes=[(lambda _: "narrower", "Other way round.")],
                hint="", choices=("wider", "narrower", "equal"))


@pytest.mark.parametrize(("answer", "told"), [
    (14 / 31, "**Right.** The denominator decides."),
    (0.45, "**Right.** The denominator decides."),
    ("0.452", "**Right.** The denominator decides."),
    (14 / 17, "**Not yet.** 17 are those who recovered."),
    (31, "**Not yet.** That is everybody."),
    (0.46, "**Not yet.** Divide by everybody."),
    (45.2, "**Not yet.** That is per cent. The question asks for a share, between 0 and 1."),
    ("about half", "**Not yet.** Expected a number, as in 0.45 or 14 / 31; found `'about half'`."),
    (None, "*Type your answer in place of the three dots and run the cell again.*"),
    (..., "*Type your answer in place of the three dots and run the cell again.*"),
])
def test_a_number(answer, told):
    assert check(SHARE, answer, 31).data == told


@pytest.mark.parametrize(("answer", "told"), [
    (" Wider", "**Right.** Fewer patients."),
    ("narrower", "**Not yet.** Other way round."),
    ("larger", "**Not yet.** Expected one of wider, narrower, equal; found `'larger'`."),
])
def test_a_word(answer, told):
    assert check(WORD, answer, 31).data == told


def test_answers_follow_the_data():
    assert check(SHARE, 14 / 62, 62).data.startswith("**Right.**")
    assert check(SHARE, 14 / 31, 62).data.startswith("**Not yet.**")


def test_a_mistake_that_happens_to_be_right_is_right():
    assert check(SHARE, 14 / 17, 17).data.startswith("**Right.**")
