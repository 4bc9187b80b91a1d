"""The outcome rules, patient by patient. Oracle throughout: the study's definitions, worked by hand. PHQ-9: reliable
change 6, cut-off 10. Unless said otherwise the second measure is GAD-7: 4 and 8."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import PAIR_RULES, PHQ9, RULES, cohort, patient
from hypothesis import given
from hypothesis import strategies as st

from durability_utils.outcomes import rules as outcomes
from durability_utils.outcomes.rules import IMPROVEMENT, RECOVERY
from durability_utils.study.measures import read_measures

MODERN = replace(RULES, measures=read_measures("nhs_talking_therapies"))


def at_end(*patients, rules=RULES) -> pd.DataFrame:
    return outcomes.classify(cohort(*patients), "end", rules)


FALLS = {  # the points by which PHQ-9 and GAD-7 fell
    "reliable_improvement": [
        (6, 0), (7, 0), (0, 4), (0, 5),  # one at its reliable change, or beyond: enough, the other unchanged
        (6, 4), (6, -3)],  # both; worse on the other, but within its error
    "no_reliable_improvement": [
        (0, 0), (5, 0), (0, 3), (-5, 0), (0, -3),  # nothing changed, or a point short
        (5, 3),  # both a point short: two near misses do not add up
        (6, -4), (-6, 4)],  # mixed: better on one, reliably worse on the other
    "reliable_deterioration": [(-6, 0), (0, -4), (-6, -4), (-6, 3)],  # the last: better on the other, within its error
}


@pytest.mark.parametrize(("phq9_fall", "gad7_fall", "expected"), [
    (*falls, code) for code, pairs in FALLS.items() for falls in pairs])
def test_improvement_below_at_and_above_each_threshold(phq9_fall, gad7_fall, expected):
    found = at_end(patient(baseline=(12, 10), end=(12 - phq9_fall, 10 - gad7_fall)))
    assert found["improvement"][0] == expected
    mixed = (phq9_fall >= 6 and gad7_fall <= -4) or (phq9_fall <= -6 and gad7_fall >= 4)
    assert found["mixed"][0] == mixed


@pytest.mark.parametrize("name", RULES.adsms)
@pytest.mark.parametrize(("short_by", "expected"), [
    (1, "no_reliable_improvement"), (0, "reliable_improvement"), (-1, "reliable_improvement")])
def test_each_adsm_below_at_and_above_its_reliable_change(name, short_by, expected):
    measure = RULES.measures[name]
    later = measure.maximum - measure.reliable_change + short_by
    found = at_end(patient(adsm=name, adsm_baseline=measure.maximum, adsm_end=later))
    assert found["improvement"][0] == expected


@pytest.mark.parametrize(("later", "expected"), [
    (2.28, "no_reliable_improvement"),  # 0.72
    (2.27, "reliable_improvement"),  # 0.73; to a computer 3.00 - 2.27 is 0.7299999999999999...
    (2.26, "reliable_improvement")])
def test_mobility_inventory_as_an_item_mean_is_exact_at_its_threshold(later, expected):
    found = at_end(patient(adsm="MI", adsm_baseline=3.0, adsm_end=later), rules=MODERN)
    assert found["improvement"][0] == expected


@pytest.mark.parametrize(("lacking", "measure", "improvement"), [
    ({}, "OCI", "no_reliable_improvement"),  # GAD-7 fell by 10, OCI did not
    ({"gad7_end": None, "adsm_end": 28}, "OCI", "reliable_improvement"),  # it makes up for a missing GAD-7
    *(({column: None}, "GAD-7", "reliable_improvement") for column in ("adsm_baseline", "adsm_end", "adsm"))])
def test_adsm_counts_in_place_of_gad7_where_it_has_its_name_and_both_scores(lacking, measure, improvement):
    found = at_end(patient(end=(20, 5), **{"adsm": "OCI", "adsm_baseline": 60, "adsm_end": 60} | lacking))
    assert list(found.loc[0, ["anxiety_measure", "improvement"]]) == [measure, improvement]


def test_gad7_for_all_where_the_study_file_says_so():
    # PDSS is not among the study's measures, which does not matter then
    found = at_end(patient(end=(20, 5), adsm="OCI", adsm_baseline=60, adsm_end=60),
                   patient(end=(20, 5), adsm="PDSS", adsm_baseline=20, adsm_end=20), rules=PAIR_RULES)
    assert list(found["anxiety_measure"]) == ["GAD-7", "GAD-7"]
    assert list(found["improvement"]) == ["reliable_improvement", "reliable_improvement"]


def test_a_measure_that_is_no_adsm_never_decides():
    # by WSAS, were it asked, this patient improved reliably; PHQ-9 and GAD-7 have not changed
    wsas = replace(MODERN.measures["WSAS"], caseness=10, reliable_change=8)
    rules = replace(RULES, measures=RULES.measures | {"WSAS": wsas})
    found = at_end(patient(adsm="WSAS", adsm_baseline=30, adsm_end=5), rules=rules).iloc[0]
    assert (found["improvement"], found["anxiety_measure"]) == ("no_reliable_improvement", "GAD-7")


def test_relevant_measure_is_chosen_anew_for_each_time():
    person = cohort(patient(adsm="OCI", adsm_baseline=60, adsm_end=20, phq9_6m=20, gad7_6m=15))  # no OCI at 6 months
    assert outcomes.classify(person, "end", RULES)["anxiety_measure"][0] == "OCI"
    assert outcomes.classify(person, "6m", RULES)["anxiety_measure"][0] == "GAD-7"


@pytest.mark.parametrize("lacking", ["phq9_baseline", "phq9_end", "gad7_baseline", "gad7_end"])
def test_a_patient_without_one_of_the_four_scores_does_not_count(lacking):
    found = at_end(patient(end=(0, 0)) | {lacking: None})
    assert found[["improvement", "recovery"]].isna().all(axis=None)


@pytest.mark.parametrize(("baseline", "case"), [  # both a point below, PHQ-9 at its cut-off, GAD-7, both
    ((9, 7), False), ((10, 7), True), ((9, 8), True), ((10, 8), True)])
def test_caseness_at_baseline_needs_one_measure_at_its_cut_off(baseline, case):
    found = at_end(patient(baseline=baseline, end=(0, 0)))
    assert found["case_baseline"][0] == case
    assert found["recovery"].notna()[0] == case  # those below are left out of recovery, improved or not
    assert found["improvement"][0] == "reliable_improvement"


@pytest.mark.parametrize(("baseline", "end", "expected"), [
    ((20, 15), (9, 7), "reliable_recovery"),  # both a point below: not at caseness
    ((20, 15), (10, 7), "no_reliable_recovery"),  # PHQ-9 still at its cut-off
    ((20, 15), (9, 8), "no_reliable_recovery"),  # GAD-7 still at its cut-off
    ((11, 7), (9, 7), "no_reliable_recovery"),  # below both, but without reliable improvement
])
def test_recovery_needs_both_measures_below_their_cut_offs(baseline, end, expected):
    assert at_end(patient(baseline, end))["recovery"][0] == expected


@pytest.mark.parametrize("name", RULES.adsms)
@pytest.mark.parametrize(("above", "case"), [(-1, False), (0, True), (1, True)])
def test_each_adsm_below_at_and_above_its_cut_off(name, above, case):
    score = RULES.measures[name].caseness + above
    assert at_end(patient((0, 0), (0, 0), adsm=name, adsm_baseline=score, adsm_end=score))["case_baseline"][0] == case


@pytest.mark.parametrize(("end", "later", "expected"), [
    (4, 10, True),  # six more, and at the cut-off
    (4, 9, False),  # below the cut-off, and five more
    (3, 9, False),  # six more, and still below the cut-off
    (9, 14, False), (9, 15, True),  # over the cut-off, by five points only and by six
    (np.nan, 15, False), (4, np.nan, False)])
def test_relapse_needs_a_reliable_increase_and_caseness_on_the_same_measure(end, later, expected):
    assert outcomes.relapsed_on(end, later, PHQ9.reliable_change, PHQ9.caseness) == expected


def test_an_item_mean_that_rose_by_the_reliable_change_is_a_relapse():
    assert outcomes.relapsed_on(2.27, 3.00, 0.73, 2.3)  # 0.73, though a computer makes it 0.7299999


def test_carry_back_takes_the_12_month_answer_only_where_nothing_came_at_6_months():
    people = cohort(
        {"phq9_12m": 3, "gad7_12m": 2, "adsm_12m": 7, "followup_12m_mode": "post"},  # only late: carried
        {"phq9_6m": 9, "phq9_12m": 3, "gad7_12m": 2},  # partly answered at 6 months: stays, incomplete
        {"followup_6m_date": pd.Timestamp("2016-12-01"), "phq9_12m": 3},  # came back blank: stays
    )
    carried = outcomes.carry_back(people)
    assert list(carried.loc[0, ["phq9_6m", "gad7_6m", "adsm_6m", "followup_6m_mode"]]) == [3, 2, 7, "post"]
    assert carried.loc[1, "phq9_6m"] == 9
    assert pd.isna(carried.loc[1, "gad7_6m"]) and pd.isna(carried.loc[2, "phq9_6m"])
    pd.testing.assert_frame_equal(carried.filter(like="_12m"), people.filter(like="_12m"))


def test_steps_two_and_three_together_are_step_3_and_a_blank_step_counts_in_all_only():
    people = cohort(*({"step": step} for step in ("step2", "step3", "step2+3", None)))
    members = {step: list(outcomes.in_step(people, step).index) for step in ("all", "step2", "step3")}
    assert members == {"all": [0, 1, 2, 3], "step2": [0], "step3": [1, 2]}


change = st.integers(-27, 27) | st.just(np.nan)
criterion = st.integers(1, 32)


@given(st.lists(st.tuples(change, change), min_size=1), criterion, criterion)
def test_classes_of_any_two_changes(pairs, criterion_a, criterion_b):
    a, b = np.array(pairs, float).T
    found = outcomes.reliable_improvement(a, b, criterion_a, criterion_b)
    # exclusive, and exhaustive over those with both changes
    both = ~np.isnan(a) & ~np.isnan(b)
    assert list(found.notna()) == list(both)
    assert sum((found == code).sum() for code in IMPROVEMENT) == both.sum()
    # the same where the two measures are swapped
    assert outcomes.reliable_improvement(b, a, criterion_b, criterion_a).equals(found)
    # a change of sign turns improvement into deterioration
    back = outcomes.reliable_improvement(-a, -b, criterion_a, criterion_b)
    assert list(found == "reliable_improvement") == list(back == "reliable_deterioration")
    assert list(found == "no_reliable_improvement") == list(back == "no_reliable_improvement")


scores = st.tuples(st.integers(0, 27), st.integers(0, 21))


@given(st.lists(st.tuples(scores, scores), min_size=1, max_size=30))
def test_recovery_implies_improvement_and_caseness_and_is_decided_for_every_case(people):
    found = at_end(*(patient(baseline=before, end=after) for before, after in people))
    assert list(found["recovery"].notna()) == list(found["case_baseline"])
    recovered = found[found["recovery"] == RECOVERY[1]]
    assert (recovered["improvement"] == "reliable_improvement").all()
    assert not recovered["case_later"].any()
