"""Lesson 7. Oracle: the study's Table 6, published examples of the intervals, and hand counts."""

import pandas as pd
import pytest
from conftest import STUDY_2016, cohort, patient, texts
from lesson_checks import assert_judges_rightly, assert_right

from durability_utils.lessons import l7_small_numbers as lesson
from durability_utils.outcomes.proportions import proportion
from durability_utils.sharing.disclosure import Controlled


def data_of(patients, n, of, x, y, shown) -> dict[str, list]:
    """What each exercise of the notebook computes from."""
    exact = lesson.squares(lesson.six_month_tables(patients, STUDY_2016, "all", "recovery"))
    one = lesson.with_a_star(lesson.kept_by_service(patients, STUDY_2016, "recovery"))
    return {"lowest": [n, of], "two_services": [proportion(*x), proportion(*y)], "from_margins": [exact],
            "from_steps": [exact], "from_a_percentage": [one["lost"], one["at_end"]], "rounded": [shown]}


def small():
    """Step 2 of service X: three recovered at end, two of them lost it. Step 3 of service Y: one recovered late."""
    answer, relapse = {"phq9_6m": 4, "gad7_6m": 3}, {"phq9_6m": 20, "gad7_6m": 15}
    return cohort(
        patient((20, 15), (4, 3), step="step2", **answer), patient((20, 15), (4, 3), step="step2", **relapse),
        patient((20, 15), (4, 3), step="step2", **relapse), patient(step="step3", **answer),
    ).assign(service=list("XXXY"))


def test_every_exercise_accepts_its_solution_and_names_typical_mistakes(everybody):
    assert_judges_rightly(lesson.EXERCISES, "l7_small_numbers", data_of(everybody, 5, 5, (60, 100), (74, 100), 15))


def test_on_another_cohort_other_answers_are_right():
    """By hand; Wilson's interval of 0 of n begins at 0; 5 stands for 5, 6 and 7, since 3 and 4 are hidden."""
    answers = {"lowest": 0, "two_services": "zero inside", "from_margins": 2, "from_steps": 1, "from_a_percentage": 2,
               "rounded": 3}
    assert_right(lesson.EXERCISES, answers, data_of(small(), 0, 8, (60, 100), (61, 100), 5))


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


def test_tables_of_the_study_are_those_of_the_paper(everybody):
    """Table 6, recovery in step 2."""
    step2 = lesson.squares(lesson.six_month_tables(everybody, STUDY_2016, "all", "recovery"))["step2"]
    assert step2.to_numpy().tolist() == [[8, 6, 14], [2, 15, 17], [10, 21, 31]]
    assert lesson.starred(step2).to_numpy().tolist() == [["8", "6", "14"], ["*", "15", "17"], ["10", "21", "31"]]


def test_counts_of_services_by_hand():
    for outcome in ("recovery", "improvement"):
        found = lesson.kept_by_service(small(), STUDY_2016, outcome)
        assert found.to_numpy().tolist() == [["X", 3, 1, 2], ["Y", 0, 0, 0]]


def test_the_service_with_a_star_is_the_largest_with_a_small_number_lost():
    def services(*rows):
        return pd.DataFrame(rows, columns=["service", "at_end", "kept", "lost"])

    assert lesson.with_a_star(services(("A", 9, 6, 3), ("B", 26, 21, 5), ("D", 6, 5, 1)))["service"] == "A"
    assert lesson.with_a_star(services(("A", 9, 9, 0), ("B", 26, 21, 5)))["service"] == "B"


def test_counts_that_fit_a_percentage_by_hand():
    assert lesson.fitting(33, 9) == [3]
    assert lesson.fitting(50, 9) == []
    assert lesson.fitting(33, 300) == [98, 99, 100]  # 97 is 32.3, 101 is 33.7


def test_rates_as_shown(everybody):
    controlled = Controlled(lesson.six_month_tables(everybody, STUDY_2016, "all", "recovery"), "nhs")
    shown = lesson.shown_rates(controlled, "reliable_recovery")
    assert shown.loc["step2", ["n", "of", "percent"]].to_numpy().tolist() == [["*", "15", "*"], ["15", "15", "*"]]
    hidden = Controlled(lesson.six_month_tables(small(), STUDY_2016, "all", "recovery"), "nhs")
    assert lesson.shown_rates(hidden, "reliable_recovery").empty


def test_pictures_draw_what_was_asked_for():
    figure = lesson.intervals_figure([("A", 5, 5), ("B", 3, 4)], "Kept", "n beside each.")
    assert texts(figure.axes[0].get_yticklabels()) == ["A\n5 of 5", "B\n3 of 4"]
    assert [panel.get_title() for panel in lesson.coverage_figure([5, 20]).axes] == ["5 patients", "20 patients"]
    axes = lesson.possible_figure({"*": (0, 4), "5": (5, 7)}, "Possible", "No data.").axes[0]
    assert [list(line.get_xdata()) for line in axes.lines] == [[0, 1, 2, 3, 4], [5, 6, 7]]
