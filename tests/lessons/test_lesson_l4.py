"""Lesson 4. Oracle: the counts of the study's tables, and hand counts."""

from conftest import RULES, STUDY_2016, cohort, patient, table_at_6_months
from lesson_checks import assert_judges_rightly, assert_right

from durability_utils.lessons import l4_denominators as lesson
from durability_utils.outcomes.rules import in_step


def data_of(everybody, one_service) -> dict[str, list]:
    """What each exercise of the notebook computes from."""
    table = table_at_6_months(in_step(everybody, "step2"), "recovery")
    rates, everyone = (lesson.rates_of(patients, RULES) for patients in (one_service, everybody))
    counted = lesson.counted_at_six_months(everybody, RULES)
    return {"not_recovered": [table], "kept": [table], "nhs": [rates], "direction": [rates],
            "known_to_keep": [everyone], "carried": [everybody, counted]}


def test_every_exercise_accepts_its_solution_and_names_typical_mistakes(everybody):
    data = data_of(everybody, everybody[everybody["service"] == "C"])
    assert_judges_rightly(lesson.EXERCISES, "l4_denominators", data)
    assert STUDY_2016.rules == RULES


def test_on_another_cohort_other_answers_are_right():
    """By hand: of four in step 2 one had no recovery at end; two of three kept it; a fifth lacks his end scores.
    Of the three improved at end one answered at 12 months only: of one alone it is known that it lasted 6 months."""
    ours = cohort(
        patient((20, 15), (4, 3), step="step2", phq9_6m=4, gad7_6m=3),
        patient((20, 15), (4, 3), step="step2", phq9_12m=4, gad7_12m=3),
        patient((20, 15), (4, 3), step="step2", phq9_6m=20, gad7_6m=15),
        patient((20, 15), (20, 15), step="step2", phq9_6m=4, gad7_6m=3),
        patient((20, 15), (None, None), step="step2"))
    answers = {"not_recovered": 1 / 4, "kept": 2 / 3, "nhs": 3 / 5, "direction": "lower", "known_to_keep": 1 / 3,
               "carried": 1}
    assert_right(lesson.EXERCISES, answers, data_of(ours, ours))


def test_the_picture_counts_what_it_shows():
    """By hand: of 400 with a fifth missing 320 are known, half of them 160."""
    panels = lesson.missing_scores_figure([(0.5, 0), (0.5, 0.2)]).axes
    assert [text.get_text().split("\n")[0] for text in panels[1].texts] == ["160/320", "160/400"]
    assert [text.get_text().split("\n")[0] for text in panels[0].texts] == ["200/400", "200/400"]
