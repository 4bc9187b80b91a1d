"""Lesson 5. Oracle: people counted by hand, and what the simulation was asked for."""

import numpy as np
import pandas as pd
from conftest import PHQ9
from lesson_checks import assert_judges_rightly, assert_right

from durability_utils.lessons import l5_regression as lesson

SEVEN = pd.DataFrame(  # the first six are selected from 20 points, three of them treated
    [(26, 20, 14, 22, True), (24, 23, 20, 18, True), (22, 20, 14, 14, True),
     (26, 20, 24, 20, False), (24, 24, 22, 24, False), (22, 19, 20, 22, False),
     (10, 14, 10, 4, True)],
    columns=["referral", "start", "end", "follow_up", "treated"])


def data_of(people, reliability, gain) -> dict[str, list]:
    """What each exercise of the notebook computes from."""
    selected = people[people["referral"] >= 20]
    return {"nothing_done": [selected], "expected_gain": [people, selected, reliability],
            "called_better": [people, selected, PHQ9], "second_baseline": [selected], "design": [selected, gain],
            "lost_at_follow_up": [people, PHQ9]}


def test_every_exercise_accepts_its_solution_and_names_typical_mistakes(everybody):
    baseline = everybody["phq9_baseline"].astype(float)
    people = lesson.simulated_people(0.75, baseline.mean(), baseline.std(), PHQ9.maximum, lesson.TRUE_GAIN)
    assert_judges_rightly(lesson.EXERCISES, "l5_regression", data_of(people, 0.75, lesson.TRUE_GAIN))


def test_on_other_people_other_answers_are_right():
    """By hand. Referral: mean 24 of the six, 22 of all seven; start: 21 of the six, two of them 6 points better.
    The treated gain 20, 23, 20 less 14, 20, 14: 5. Since referral they gain 8 and the others 2, which is 6.
    Improved at end are the first and the third, at follow-up of these the third only."""
    answers = {"nothing_done": "lower", "expected_gain": 0.5 * (24 - 154 / 7), "called_better": 2 / 6,
               "second_baseline": 5, "design": "control group", "lost_at_follow_up": 1 / 2}
    assert_right(lesson.EXERCISES, answers, data_of(SEVEN, 0.5, 6))


def test_direction_follows_the_scores():
    worse = SEVEN.assign(start=SEVEN["referral"] + 1)
    alike = SEVEN.assign(start=SEVEN["referral"])
    assert [lesson.EXERCISES["nothing_done"].right(people) for people in (worse, alike)] == ["higher", "the same"]


def test_gains_judged_in_three_ways():
    """By hand: the three treated gain 12, 4 and 8, the others 2, 2 and 2."""
    assert lesson.designs(SEVEN.head(6)).to_dict() == {"few patients": 8, "more patients": 8, "control group": 6}


def test_the_expected_gain_by_hand():
    assert lesson.expected_gain(0.75, 22, 14) == 2
    assert lesson.expected_gain(1, 22, 14) == 0
    assert lesson.expected_gain(0.75, 10, 14) == -1  # selected on a low score: worse at the second


def test_status_is_the_rule_of_one_measure():
    before, later = pd.Series([20, 20, 20, 20]), pd.Series([14, 15, 26, 25])
    assert lesson.status(before, later, PHQ9).tolist() == [
        "reliable_improvement", "no_reliable_improvement", "reliable_deterioration", "no_reliable_improvement"]


def test_simulated_people_are_what_was_asked_for():
    people = lesson.simulated_people(0.6, 14, 5, 27, 3)
    scores = people.drop(columns="treated")
    assert people["treated"].mean() == 0.5
    assert scores.min().min() >= 0 and scores.max().max() <= 27 and (scores % 1 == 0).all().all()
    assert np.allclose([scores["referral"].mean(), scores["referral"].std()], [14, 5], atol=0.15)
    assert np.isclose(scores["referral"].corr(scores["start"]), 0.6, atol=0.02)
    gains = (people["start"] - people["end"]).groupby(people["treated"]).mean()
    assert np.allclose(gains, [0, 3], atol=0.1)
    pd.testing.assert_frame_equal(people, lesson.simulated_people(0.6, 14, 5, 27, 3))


def test_simulation_and_formula_agree():
    people = lesson.simulated_people(0.75, 14, 4.9, 27, 0)
    selected = people[people["referral"] >= 18].mean()
    gain = selected["referral"] - selected["start"]
    assert np.isclose(gain, lesson.expected_gain(0.75, selected["referral"], 14), atol=0.1)


def test_the_picture_says_how_many_were_selected_and_how_much_better_they_are():
    panels = lesson.regression_figure([(1, 0), (0.5, 28)], 14, 5, 27).axes
    assert panels[0].get_title().startswith("reliability 1, selected from 0 points\n20000 selected, mean 14.")
    assert panels[0].get_title().endswith(": 0.0 points better")
    assert panels[1].get_title() == "reliability 0.5, selected from 28 points\nnobody selected"
