"""Lesson 6. Oracle: the published numbers of each stage (discharged 3027 to 83 in Table 5), and hand counts."""

import pandas as pd
import pytest
from conftest import STUDY_2016, cohort, patient, texts
from lesson_checks import assert_judges_rightly, assert_right

from durability_utils.lessons import l6_who_answers as lesson

SETTINGS = 0.7, 0.3, 0.6


def data_of(patients, settings) -> dict[str, list]:
    """What each exercise of the notebook computes from."""
    counts = lesson.kept_gains(patients, STUDY_2016)
    return {"answered": [lesson.funnel(patients, STUDY_2016)], "seen": list(settings), "worst": [counts],
            "best": [counts], "direction": [lesson.who_would_answer(*settings, n=2000)],
            "interval": [lesson.intervals_with_truth(*settings, n=2000)]}


def small():
    """Six patients: four improved at end, of whom one kept it, one lost it, one has an answer without scores, one did
    not answer; one did not improve and answered late; one did not consent."""
    asked = {"consent_contact": "yes"}
    return cohort(
        patient((20, 15), (4, 3), phq9_6m=4, gad7_6m=3, **asked),
        patient((20, 15), (4, 3), phq9_6m=20, gad7_6m=15, **asked),
        patient((20, 15), (4, 3), followup_6m_date=pd.Timestamp("2017-01-01"), **asked),
        patient((20, 15), (4, 3), **asked),
        patient((8, 15), (8, 15), phq9_12m=8, gad7_12m=5, **asked),
        patient((20, 15), (20, 15), consent_contact="no"))


def test_every_exercise_accepts_its_solution_and_names_typical_mistakes(everybody):
    assert_judges_rightly(lesson.EXERCISES, "l6_who_answers", data_of(everybody, SETTINGS))


def test_on_another_cohort_other_answers_are_right():
    """By hand, with those who lost their gains answering more often: 0.5 of 0.2, against 0.5 of 0.3."""
    answers = {"answered": 4 / 6, "direction": "too low", "seen": 0.1 / 0.25, "interval": "far fewer", "worst": 1 / 4,
               "best": 3 / 4}
    assert_right(lesson.EXERCISES, answers, data_of(small(), (0.5, 0.2, -0.5)))


def test_the_funnel_and_what_is_known_by_hand():
    assert lesson.funnel(small(), STUDY_2016).to_dict() == {
        "discharged": 6, "consented": 5, "answered": 4, "improvement": 3, "recovery": 3}
    assert lesson.kept_gains(small(), STUDY_2016).to_dict() == {"improved_at_end": 4, "known": 2, "kept": 1}


def test_what_is_known_needs_no_carrying_back():
    """By hand: who answered at 12 months only is not known at 6."""
    late = cohort(patient((20, 15), (4, 3), phq9_12m=4, gad7_12m=3))
    assert STUDY_2016.rules.carry_back
    assert lesson.kept_gains(late, STUDY_2016).to_dict() == {"improved_at_end": 1, "known": 0, "kept": 0}


def test_by_chance_alone_it_is_about_right():
    assert lesson.EXERCISES["direction"].right(lesson.who_would_answer(0.7, 0.3, 0, n=20_000)) == "about right"
    assert lesson.EXERCISES["interval"].right(lesson.intervals_with_truth(0.7, 0.3, 0, n=500)) == "about 95"


def test_who_answers_by_chance_or_not():
    people = lesson.who_would_answer(0.7, 1, 1, n=20_000)
    assert (people["kept"] == people["answered"]).all()
    people = lesson.who_would_answer(0.7, 0.3, 0.6, n=20_000)
    rates = people.groupby("kept")["answered"].mean()
    assert abs(people["kept"].mean() - 0.7) < 0.01
    assert abs(rates[True] - 0.3) < 0.01 and abs(rates[False] - 0.12) < 0.01
    pd.testing.assert_frame_equal(people, lesson.who_would_answer(0.7, 0.3, 0.6, n=20_000))


def test_the_share_seen_and_complete_cases_by_hand():
    assert lesson.seen_share(0.7, 0.3, 0.6) == pytest.approx(210 / 246)
    assert lesson.seen_share(0.7, 0.3, 0) == pytest.approx(0.7)
    people = pd.DataFrame({"kept": [True, True, False, True], "answered": [True, True, True, False]})
    assert lesson.complete_cases(people)[:2] == (2, 3)


def test_worst_and_best_by_hand():
    """61 kept, 10 lost, 29 unknown of 100: 61 at least, 90 at most."""
    assert lesson.worst_and_best(61, 71, 100) == (0.61, 0.9)
    assert lesson.worst_and_best(61, 71, 71) == (61 / 71, 61 / 71)  # nothing unknown


def test_more_people_make_the_interval_miss_more_surely():
    assert lesson.intervals_with_truth(0.7, 0.3, 0.6, 100) > lesson.intervals_with_truth(0.7, 0.3, 0.6, 2000) == 0


def test_pictures_tell_n_and_missing():
    figure = lesson.drop_out_figure([(0, 500), (0.6, 500)], 0.7, 1)
    lost = (~lesson.who_would_answer(0.7, 1, 0.6, 500)["answered"]).sum()
    assert texts(figure.axes[0].get_yticklabels()) == [
        "0 % less often\nn = 500, missing 0", f"60 % less often\nn = 500, missing {lost}"]
    figure = lesson.bounds_figure(lesson.kept_gains(small(), STUDY_2016), "Kept", "Six patients.")
    words = " ".join(figure.get_supxlabel().split())
    assert words == ("Six patients. n = 4 who had reliably improved at end; known at 6 months: 2, missing: 2. "
                     "Certain without any assumption: between 25 % and 75 %.")
