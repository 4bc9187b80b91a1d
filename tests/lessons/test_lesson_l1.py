"""Lesson 1. Oracle: the study's rules worked by hand, and the counts of the study's tables."""

import pytest
from conftest import GAD7, PHQ9, RULES, cohort, patient
from lesson_checks import assert_judges_rightly, assert_right

from durability_utils.lessons.l1_caseness import EXERCISES, case, cut_off_figure, recovered, recovery_rate
from durability_utils.outcomes.rules import classify

PATIENTS = cohort(
    patient((20, 15), (9, 7)),    # recovered, reliably
    patient((10, 7), (9, 7)),     # recovered, by a point
    patient((20, 15), (9, 8)),    # still a case by the GAD-7
    patient((9, 7), (5, 5)),      # never a case
    patient((20, 15), (12, 7)),   # a case, unless the cut-off is 13
    patient((20, 15), (None, None)))


def at_end(patients, rules=RULES):
    return classify(patients, "end", rules)


def data_of(patients) -> dict[str, list]:
    """What each exercise of the notebook computes from."""
    found = at_end(patients)
    return {"case": [PHQ9, GAD7], "recovered_patient": [PHQ9, GAD7], "below_at_start": [found], "recovery": [found],
            "by_a_hair": [found], "higher_cut_off": [patients, RULES]}


def test_every_exercise_accepts_its_solution_and_names_typical_mistakes(everybody):
    assert_judges_rightly(EXERCISES, "l1_caseness", data_of(everybody))


def test_on_another_cohort_other_answers_are_right():
    """By hand, of the patients above: 5 have a status, 4 were cases, 2 recovered, 1 of them by a point."""
    answers = {"below_at_start": 1 / 5, "recovery": 2 / 4, "by_a_hair": 1 / 2, "higher_cut_off": "higher"}
    assert_right(EXERCISES, answers, data_of(PATIENTS))


@pytest.mark.parametrize(("scores", "expected"), [((9, 7), "no"), ((10, 0), "yes"), ((0, 8), "yes"), ((27, 21), "yes")])
def test_one_measure_is_enough_for_caseness(scores, expected):
    assert case(*scores, PHQ9, GAD7) == expected


def test_recovery_by_hand():
    assert recovered(at_end(PATIENTS)).tolist() == [True, True, False, False, False, False]
    assert recovery_rate(at_end(PATIENTS)) == 2 / 4
    # with a cut-off of 13 the second is no case at baseline any more, and the fifth has recovered
    assert recovery_rate(at_end(PATIENTS, RULES.changed("PHQ-9", caseness=13))) == 2 / 3


def test_the_picture_counts_by_the_phq9_alone():
    """By hand: at baseline 4 of the 5 with both scores have 10 or more; 3 of them have less at end."""
    panel = cut_off_figure(PATIENTS, [10], 27, "Made up").axes[0]
    assert panel.get_title().split("\n")[1].startswith("3/4")
