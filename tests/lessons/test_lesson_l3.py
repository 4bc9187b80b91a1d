"""Lesson 3. Oracle: the study's rule worked by hand, the normal distribution, and the counts of the study's tables."""

import pytest
from conftest import GAD7, PHQ9, RULES, cohort, patient
from lesson_checks import assert_judges_rightly, assert_right
from scipy.stats import norm

from durability_utils.lessons import l3_two_measures as lesson
from durability_utils.outcomes.rules import classify


def data_of(patients) -> dict[str, list]:
    """What each exercise of the notebook computes from."""
    at_end = classify(patients, "end", RULES)
    return {"mixed_patient": [PHQ9, GAD7], "nearly": [PHQ9, GAD7], "phq9_alone": [at_end, PHQ9], "mixed": [at_end],
            "on_either": [lesson.unchanged_people(0)], "alike": []}


def test_every_exercise_accepts_its_solution_and_names_typical_mistakes(everybody):
    assert_judges_rightly(lesson.EXERCISES, "l3_two_measures", data_of(everybody))


def test_on_another_cohort_other_answers_are_right():
    """By hand: of three with a status one is better on the PHQ-9, and one is mixed."""
    ours = cohort(patient((20, 15), (14, 20)), patient((20, 15), (20, 5)), patient((20, 15), (20, 15)),
                  patient((20, 15), (None, None)))
    assert_right(lesson.EXERCISES, {"phq9_alone": 1 / 3, "mixed": 1}, data_of(ours))


def test_most_whom_only_both_measures_call_improved_had_room_to_fall_on_the_phq_9(everybody):
    """As the explanation of `phq9_alone` says: a PHQ-9 of less than its reliable change cannot fall by as much."""
    at_end = classify(everybody, "end", RULES)
    by_both_only = (at_end["improvement"] == "reliable_improvement") & (at_end["phq9_change"] < PHQ9.reliable_change)
    assert (everybody.loc[by_both_only, "phq9_baseline"] >= PHQ9.reliable_change).mean() > 0.9


@pytest.mark.parametrize(("falls", "expected"), [((8, -5), "neither"), ((6, 0), "improved"), ((6, -3), "improved"),
                                                 ((-6, 3), "deteriorated"), ((5, 3), "neither")])
def test_the_status_of_two_changes(falls, expected):
    assert lesson.status(*falls, PHQ9, GAD7) == expected


def test_false_improvement_by_the_normal_distribution():
    """Independent errors: up on at least one and down on none, with p = P(Z >= 1.96): (1 - p)^2 - (1 - 2p)^2."""
    p = norm.sf(1.96)
    found = lesson.called_changed(lesson.unchanged_people(0))
    assert found["improved"] == pytest.approx((1 - p) ** 2 - (1 - 2 * p) ** 2, abs=0.002)
    assert found["mixed"] == pytest.approx(2 * p * p, abs=0.0005)
    assert found["improved by the first measure alone"] == pytest.approx(p, abs=0.0015)


def test_pictures_have_a_panel_a_setting_and_a_bar_a_share():
    assert len(lesson.rule_figure([(6, 4), (10, 10)]).axes) == 2
    assert len(lesson.chance_figure([0, 0.9]).axes[0].patches) == 6
