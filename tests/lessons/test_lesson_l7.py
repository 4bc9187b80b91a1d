"""Lesson 7. Oracle: published examples of the intervals, the binomial distribution, and hand counts."""

import pytest
from conftest import STUDY_2016, cohort, patient, texts
from lesson_checks import assert_judges_rightly, assert_right

from durability_utils.lessons import l7_small_numbers as lesson
from durability_utils.outcomes.proportions import proportion

SIZES = 5, 20, 50, 100


def data_of(n, of, x, y, seen, share) -> dict[str, list]:
    """What each exercise of the notebook computes from."""
    return {"lowest": [n, of], "how_many": [], "held": [seen, share], "two_services": [proportion(*x), proportion(*y)],
            "first": [lesson.first_by_chance(SIZES, share)]}


def test_every_exercise_accepts_its_solution_and_names_typical_mistakes():
    data = data_of(5, 5, (60, 100), (74, 100), 20, 0.9) | {"first": [lesson.first_by_chance(SIZES, 0.85)]}
    assert_judges_rightly(lesson.EXERCISES, "l7_small_numbers", data)


def test_on_other_numbers_other_answers_are_right():
    """By hand; Wilson's interval of 0 of n begins at 0. Of one patient the naive interval is a point, 0 or 1, and never
    holds a half. Where nearly nobody keeps the gains, the largest service is most often the only one with somebody."""
    answers = {"lowest": 0, "two_services": "zero inside", "held": 0}
    assert_right(lesson.EXERCISES, answers, data_of(0, 8, (60, 100), (61, 100), 1, 0.5))
    rare = {"first": [lesson.first_by_chance((5, 400), 0.001)]}
    assert_right(lesson.EXERCISES, {"first": "the largest"}, rare)


def test_who_stands_first_by_the_binomial_distribution():
    """Of 1 and 2 patients with a half: 1 of 1 is never beaten; 0 of 1 only ties with 0 of 2: 1/2 + 1/2 x 1/4 = 0.625.
    2 of 2 is never beaten (1/4); 1 of 2 stands first where the other has none (1/4), 0 of 2 ties with none (1/8)."""
    found = lesson.first_by_chance((1, 2), 0.5)
    assert found.to_dict() == pytest.approx({1: 0.625, 2: 0.625}, abs=0.015)


def test_intervals_against_published_examples():
    """Newcombe (1998), his method 10: 56/70 less 48/80 is 0.0524 to 0.3339. The naive interval by hand."""
    assert lesson.difference(proportion(48, 80), proportion(56, 70)) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert lesson.naive_interval(50, 100) == pytest.approx((0.402, 0.598), abs=5e-4)
    assert lesson.naive_interval(8, 10) == pytest.approx((0.552, 1), abs=5e-4)
    assert lesson.naive_interval(5, 5) == (1, 1)


def test_how_often_an_interval_holds_the_truth_by_hand():
    """Of one patient: the interval of nobody is 0 to 0.5, that of everybody 0.5 to 1."""
    for truth, held in ((0.2, 0.8), (0.5, 1), (0.9, 0.9)):
        assert lesson.coverage([(0, 0.5), (0.5, 1)], truth) == pytest.approx(held)


def test_overlap_by_hand():
    low, middle, high = (proportion(n, 100) for n in (20, 60, 74))
    assert lesson.overlap(middle, high)  # 0.50 to 0.69, 0.65 to 0.82
    assert not lesson.overlap(low, high) and not lesson.overlap(high, low)


def test_counts_of_services_by_hand():
    answer, relapse = {"phq9_6m": 4, "gad7_6m": 3}, {"phq9_6m": 20, "gad7_6m": 15}
    few = cohort(patient((20, 15), (4, 3), **answer), patient((20, 15), (4, 3), **relapse),
                 patient((20, 15), (4, 3), **relapse), patient(**answer)).assign(service=list("XXXY"))
    for outcome in ("recovery", "improvement"):
        found = lesson.kept_by_service(few, STUDY_2016, outcome)
        assert found.to_numpy().tolist() == [["X", 3, 1, 2], ["Y", 0, 0, 0]]


def test_pictures_draw_what_was_asked_for():
    figure = lesson.intervals_figure([("A", 5, 5), ("B", 3, 4)], "Kept", "n beside each.")
    assert texts(figure.axes[0].get_yticklabels()) == ["A\n5 of 5", "B\n3 of 4"]
    assert [panel.get_title() for panel in lesson.coverage_figure([5, 20]).axes] == ["5 patients", "20 patients"]
