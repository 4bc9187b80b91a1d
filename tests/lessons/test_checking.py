"""What a learner is told. Oracle: the exercise below, worked by hand: 14 of 31 is 0.45, 14 of 17 is 0.82."""

import pytest

from durability_utils.lessons.checking import Exercise, Lesson

SHARE = Exercise(right=lambda of: 14 / of, why="The denominator decides.", explain="More of it.",
                 mistakes=[(lambda of: 14 / 17, "17 are those who recovered."), (lambda of: of, "That is everybody.")],
                 hints=("Of whom?", "Look at the total.", "Divide by everybody."))
WORD = Exercise(right=lambda _: "wider", why="Fewer patients.", mistakes=[(lambda _: "narrower", "Other way round.")],
                hints=("Think.", "Look at n."), choices=("wider", "narrower", "equal"))


def lesson():
    return Lesson({"share": SHARE, "word": WORD}, """
        - Ask of whom.
    """)


@pytest.mark.parametrize(("name", "answer", "told"), [
    ("share", 14 / 31, "**Right.** The denominator decides.\n\nMore of it."),
    ("share", 0.45, "**Right.** The denominator decides.\n\nMore of it."),
    ("share", "0.452", "**Right.** The denominator decides.\n\nMore of it."),
    ("share", 14 / 17, "**Not yet.** 17 are those who recovered."),
    ("share", 31, "**Not yet.** That is everybody."),
    ("share", 0.46, "**Not yet.** Of whom?"),
    ("share", 45.2, "**Not yet.** That is per cent. The question asks for a share, between 0 and 1."),
    ("share", "about half", "**Not yet.** Expected a number, as in 0.45 or 14 / 31; found `'about half'`."),
    *(("share", nothing, "*Type your answer in place of the three dots and run the cell again.*")
      for nothing in (None, ...)),
    ("word", " Wider", "**Right.** Fewer patients."),
    ("word", "narrower", "**Not yet.** Other way round."),
    ("word", "larger", "**Not yet.** Expected one of wider, narrower, equal; found `'larger'`."),
])
def test_what_a_learner_is_told(name, answer, told):
    assert lesson().check(name, answer, 31).data == told


def test_each_further_wrong_answer_gets_the_next_hint_and_the_same_one_the_same():
    """By hand: nudge, what to look at, formula; what names the mistake comes before; `about half` is no answer."""
    ours = lesson()
    hints = [ours.check("share", answer, 31).data.removeprefix("**Not yet.** ")
             for answer in (0.1, "about half", 0.1, 14 / 17, 0.2, 0.3, 0.1, 31)]
    assert hints[0] == hints[2] == hints[6] == "Of whom?"
    assert hints[3:6] == ["17 are those who recovered. Look at the total.", "Divide by everybody.",
                          "Divide by everybody."]
    assert hints[7] == "That is everybody. Divide by everybody."


def test_what_answers_a_question_opens_when_it_is_right_and_stays_open():
    ours, closed = lesson(), "*Opens when your answer to question 2 is right. Then run this cell again.*"
    assert ours.after("word", "a table").data == closed
    for answer in ("narrower", "larger", None):
        ours.check("word", answer, 31)
        assert ours.after("word", "a table").data == closed
    for answer in ("wider", "narrower"):
        ours.check("word", answer, 31)
        assert ours.after("word", "a table") == "a table"
    assert ours.after("share", "a picture").data.startswith("*Opens when your answer to question 1")


def test_the_summary_opens_when_all_are_right():
    ours = lesson()
    assert ours.take_with_you().data.endswith("Still to be answered: question 1, 2.*")
    ours.check("share", 0.45, 31)
    assert ours.take_with_you().data.endswith("Still to be answered: question 2.*")
    ours.check("word", "wider", 31)
    assert ours.take_with_you().data == "- Ask of whom."


def test_answers_follow_the_data():
    assert lesson().check("share", 14 / 62, 62).data.startswith("**Right.**")
    assert lesson().check("share", 14 / 31, 62).data.startswith("**Not yet.**")
    assert lesson().check("share", 14 / 17, 17).data.startswith("**Right.**")  # a mistake that happens to be right
