"""Lesson 2. Oracle: Jacobson and Truax's formula by hand, the normal distribution, and people counted by hand."""

import pandas as pd
import pytest
from conftest import PHQ9
from lesson_checks import assert_judges_rightly, assert_right
from scipy.stats import norm

from durability_utils.analyses.reliable_change import own_criterion, standard_error
from durability_utils.lessons import l2_reliable_change as lesson
from durability_utils.lessons.l5_regression import simulated_people


def data_of(baseline: pd.Series, reliability: float, index: float = 5.20) -> dict[str, list]:
    """What each exercise of the notebook computes from."""
    mean, sd = baseline.mean(), baseline.std()
    people = simulated_people(reliability, mean, sd, PHQ9.maximum, 0)
    return {"error": [sd, reliability], "index": [sd, reliability], "whole_points": [index],
            "one_point": [people, PHQ9], "by_error": [people, PHQ9], "better_questionnaire": [sd, reliability]}


def test_every_exercise_accepts_its_solution_and_names_typical_mistakes(everybody):
    baseline = everybody["phq9_baseline"].astype(float)
    assert_judges_rightly(lesson.EXERCISES, "l2_reliable_change", data_of(baseline, PHQ9.reliability))


def test_other_people_have_another_criterion():
    """By hand: SD 10 and a reliability of 0.75 give an error of 5 and an index of 1.96 x 1.414 x 5 = 13.86."""
    answers = {"error": 5, "index": 13.86, "whole_points": 14, "better_questionnaire": "smaller"}
    assert_right(lesson.EXERCISES, answers, data_of(pd.Series([0.0, 10.0, 20.0]), 0.75, index=13.86))


def test_error_alone_by_the_normal_distribution():
    """A fall of 6 or more in whole points is one of 5.5 or more before rounding, near enough."""
    people = simulated_people(0.89, 14, 4.9, 27, 0)
    expected = norm.sf(5.5 / (2 ** 0.5 * standard_error(4.9, 0.89)))
    assert lesson.called_improved(people["referral"], people["start"], 6).mean() == pytest.approx(expected, abs=0.003)


@pytest.mark.parametrize(("index", "points"), [(5.20, 6), (3.53, 4), (5.99, 6), (5.0, 6)])
def test_the_smallest_whole_change_exceeds_the_index(index, points):
    assert lesson.smallest_whole_change(index) == points


def test_improved_from_the_criterion_on():
    falls = pd.Series([5.0, 6.0, 7.0, -6.0])
    assert lesson.called_improved(falls, 0 * falls, 6).tolist() == [False, True, True, False]


def test_the_picture_counts_beyond_its_criterion():
    """By hand: an SD of 5 at 0.9 gives 1.96 x 1.414 x 1.58 = 4.4, so 5 points: two of three with both scores."""
    assert own_criterion(5, 0.9) == pytest.approx(4.38, abs=0.01)
    cohort = pd.DataFrame({"phq9_baseline": [20, 20, 20, 20], "phq9_end": [15, 10, 16, None]}, dtype="Float64")
    title = lesson.jacobson_figure(cohort, [(0.9, 5, 10)], 27, "Made up").axes[0].get_title()
    assert "reliable from 5 points" in title and "2/3" in title
