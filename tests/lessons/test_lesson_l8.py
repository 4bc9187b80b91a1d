"""Lesson 8. Oracle: the study's Table 6, and hand counts."""

import pandas as pd
from conftest import STUDY_2016, cohort, patient
from lesson_checks import assert_judges_rightly, assert_right

from durability_utils.lessons import l8_hidden_numbers as lesson
from durability_utils.lessons.l7_small_numbers import kept_by_service
from durability_utils.sharing.disclosure import Controlled


def data_of(patients, service, shown) -> dict[str, list]:
    """What each exercise of the notebook computes from."""
    exact = lesson.squares(lesson.six_month_tables(patients, STUDY_2016, "all", "recovery"))
    one = lesson.with_a_star(kept_by_service(patients, STUDY_2016, "recovery"))
    ours = lesson.six_month_tables(patients[patients["service"] == service], STUDY_2016, service, "improvement")
    return {"from_margins": [exact], "from_steps": [exact], "from_a_percentage": [one["lost"], one["at_end"]],
            "rounded": [shown], "from_rounded": [Controlled(ours, "nhs")]}


def small():
    """Step 2 of service X: three recovered at end, two of them lost it. Step 3 of service Y: one recovered late."""
    answer, relapse = {"phq9_6m": 4, "gad7_6m": 3}, {"phq9_6m": 20, "gad7_6m": 15}
    return cohort(
        patient((20, 15), (4, 3), step="step2", **answer), patient((20, 15), (4, 3), step="step2", **relapse),
        patient((20, 15), (4, 3), step="step2", **relapse), patient(step="step3", **answer),
    ).assign(service=list("XXXY"))


def test_every_exercise_accepts_its_solution_and_names_typical_mistakes(everybody):
    assert_judges_rightly(lesson.EXERCISES, "l8_hidden_numbers", data_of(everybody, "B", 15))


def test_on_another_cohort_other_answers_are_right():
    """By hand; 5 stands for 5, 6 and 7, since 3 and 4 are hidden; of Y all is hidden."""
    answers = {"from_margins": 2, "from_steps": 1, "from_a_percentage": 2, "rounded": 3, "from_rounded": 4}
    assert_right(lesson.EXERCISES, answers, data_of(small(), "Y", 5))


def test_tables_of_the_study_are_those_of_the_paper(everybody):
    """Table 6, recovery in step 2."""
    step2 = lesson.squares(lesson.six_month_tables(everybody, STUDY_2016, "all", "recovery"))["step2"]
    assert step2.to_numpy().tolist() == [[8, 6, 14], [2, 15, 17], [10, 21, 31]]
    assert lesson.starred(step2).to_numpy().tolist() == [["8", "6", "14"], ["*", "15", "17"], ["10", "21", "31"]]


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


def test_the_picture_has_a_square_for_each_number():
    axes = lesson.possible_figure({"*": (0, 4), "5": (5, 7)}, "Possible", "No data.").axes[0]
    assert [list(line.get_xdata()) for line in axes.lines] == [[0, 1, 2, 3, 4], [5, 6, 7]]
