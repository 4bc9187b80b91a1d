"""What a learner is told. Oracle: the exercise below, worked by hand: 14 of 31 is 0.45, 14 of 17 is 0.82."""

import pytest

from durability_utils.lessons.checking import Exercise, check

SHARE = Exercise(right=lambda of: 14 / of, why="The denominator decides.",
                 mistakes=[(lambda of: 14 / 17, "17 are those who recovered."), (lambda of: of, "That is everybody.")],
                 hint="Divide by everybody.")
WORD = Exercise(right=lambda _: "wider", why="Fewer patients.", mistakes=[(lambda _: "narrower", "Other way round.")],
                hint="", choices=("wider", "narrower", "equal"))


@pytest.mark.parametrize(("exercise", "answer", "told"), [
    (SHARE, 14 / 31, "**Right.** The denominator decides."),
    (SHARE, 0.45, "**Right.** The denominator decides."),
    (SHARE, "0.452", "**Right.** The denominator decides."),
    (SHARE, 14 / 17, "**Not yet.** 17 are those who recovered."),
    (SHARE, 31, "**Not yet.** That is everybody."),
    (SHARE, 0.46, "**Not yet.** Divide by everybody."),
    (SHARE, 45.2, "**Not yet.** That is per cent. The question asks for a share, between 0 and 1."),
    (SHARE, "about half", "**Not yet.** Expected a number, as in 0.45 or 14 / 31; found `'about half'`."),
    *((SHARE, nothing, "*Type your answer in place of the three dots and run the cell again.*")
      for nothing in (None, ...)),
    (WORD, " Wider", "**Right.** Fewer patients."),
    (WORD, "narrower", "**Not yet.** Other way round."),
    (WORD, "larger", "**Not yet.** Expected one of wider, narrower, equal; found `'larger'`."),
])
def test_what_a_learner_is_told(exercise, answer, told):
    assert check(exercise, answer, 31).data == told


def test_answers_follow_the_data():
    assert check(SHARE, 14 / 62, 62).data.startswith("**Right.**")
    assert check(SHARE, 14 / 31, 62).data.startswith("**Not yet.**")
    assert check(SHARE, 14 / 17, 17).data.startswith("**Right.**")  # a mistake that happens to be right
