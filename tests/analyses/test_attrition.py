"""Estimators under non-response. Oracles: counts by hand, the formulas of their docstrings worked by hand,
statsmodels' own routines where a call stands beside it, and docs/reference.md for who counts."""

import conftest
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from conftest import RULES
from missing_answers import oracle_patients
from statsmodels.stats.proportion import proportion_confint

from durability_utils.analyses import attrition
from durability_utils.outcomes.rules import classify

KEPT = pd.Series([1.0] * 16 + [0.0] * 4 + [np.nan] * 80)


def cohort(*rows: dict) -> pd.DataFrame:
    """Patients with the canonical columns; what a row leaves open is that of one who reliably improved at end."""
    improved = {"phq9_baseline": 18, "phq9_end": 8, "gad7_baseline": 15, "gad7_end": 7, "step": "step2"}
    return conftest.cohort(*(improved | row for row in rows)).assign(service="A")


def well_at_end(patients: pd.DataFrame, outcome: str, time: str = "6m") -> pd.DataFrame:
    return attrition.well_at_end(patients, *(classify(patients, at, RULES) for at in ("end", time)), outcome, time,
                                 RULES)


def two_groups(answers: dict[float, tuple[int, int, int]]) -> pd.DataFrame:
    """Patients of two PHQ-9 scores at end: of each how many kept it, did not, and did not answer; all else alike."""
    rows = [(score, kept) for score, counts in answers.items()
            for kept, n in zip((1.0, 0.0, np.nan), counts, strict=True) for _ in range(n)]
    alike = {"anxiety_end": 1.0, "phq9_baseline": 15.0, "anxiety_baseline": 4.0, "step3": 0.0, "age": 40.0,
             "sessions": 6.0, "service": "A", "consented": True}
    return pd.DataFrame(rows, columns=["phq9_end", "kept"]).assign(**alike)


def test_everybody_with_the_outcome_at_end_is_in_it_and_kept_is_missing_where_6_months_are_not_known():
    patients = cohort(
        {"phq9_6m": 9, "gad7_6m": 9},       # 9 and 6 points better than at baseline: kept
        {"phq9_6m": 17, "gad7_6m": 14},     # 1 and 1: not kept
        {}, {"phq9_6m": 9},                 # did not answer; no anxiety score
        {"phq9_end": 17, "gad7_end": 14, "phq9_6m": 2, "gad7_6m": 2},   # not improved at end: not in it
        {"phq9_end": None})                 # not known at end: not in it
    assert well_at_end(patients, "improvement")["kept"].fillna(-1).tolist() == [1, 0, -1, -1]


def test_recovery_asks_for_scores_below_the_cut_offs_too():
    patients = cohort({"phq9_6m": 9, "gad7_6m": 7}, {"phq9_6m": 9, "gad7_6m": 8},  # GAD-7 of 8 is at caseness
                      {"phq9_end": 10, "phq9_6m": 2, "gad7_6m": 2})                # at caseness at end: not in it
    assert well_at_end(patients, "recovery")["kept"].tolist() == [1, 0]


def test_anxiety_stands_in_reliable_changes_of_the_patients_own_measure():
    patients = cohort({"gad7_6m": 11, "phq9_6m": 9},
                      {"adsm": "SPIN", "adsm_baseline": 40, "adsm_end": 15, "adsm_6m": 30, "phq9_6m": 9})
    found = well_at_end(patients, "improvement")
    columns = ["anxiety_baseline", "anxiety_end", "anxiety_later", "reliable_change", "caseness", "highest"]
    assert found[columns].to_numpy().tolist() == [[15 / 4, 7 / 4, 11 / 4, 4, 8, 21], [4, 1.5, 3, 10, 19, 68]]


@pytest.mark.parametrize("kept, not_kept, unanswered, words", [
    (25, 4, 99, "too few: 29 answered, fewer than 30"),
    (26, 4, 99, "too few: 26 kept it and 4 did not, fewer than 5 on one side"),
    (4, 26, 99, "too few: 4 kept it and 26 did not, fewer than 5 on one side"),
    (25, 5, 29, "too few: 29 did not answer, fewer than 30 (see the bounds)"),
    (25, 5, 30, ""), (0, 0, 0, "too few: 0 answered, fewer than 30")])
def test_too_few_for_a_model_is_said_in_words(kept, not_kept, unanswered, words):
    half = (kept // 2, not_kept // 2, unanswered // 2)
    rest = tuple(n - part for n, part in zip((kept, not_kept, unanswered), half, strict=True))
    assert attrition.why_no_model(two_groups({2.0: half, 9.0: rest})) == words


def test_no_overlap_is_said_in_words_and_not_in_warnings(recwarn):
    patients = many({"A": 50})
    patients["phq9_end"] = np.where(patients["kept"].notna(), 3, 9) + patients["age"] / 100
    assert attrition.why_no_model(patients).startswith("no overlap: ")
    assert not recwarn.list


def test_more_than_20000_patients_are_a_sample_for_models_the_same_each_time():
    patients = pd.DataFrame({"kept": np.arange(20_001) % 2.0})
    assert len(attrition.modelled(patients)) == 20_000
    assert attrition.modelled(patients).equals(attrition.modelled(patients))
    assert attrition.modelled(patients[1:]).equals(patients[1:])


def many(answers: dict[str, int], each: int = 100) -> pd.DataFrame:
    """`each` patients of every service, of whom so many answered, with scores that differ."""
    rng = np.random.default_rng(1)
    names = np.repeat(list(answers), each)
    kept = np.concatenate([np.where(np.arange(each) < n, np.arange(each) % 2, np.nan) for n in answers.values()])
    numbers = {name: rng.normal(10, 3, len(names)) for name in
               ("phq9_end", "anxiety_end", "phq9_baseline", "anxiety_baseline", "age", "sessions")}
    step3 = rng.integers(0, 2, len(names)).astype(float)
    return pd.DataFrame({"kept": kept, "service": names, "step3": step3, "consented": True, **numbers})


SCORES = ["phq9_end", "anxiety_end", "phq9_baseline", "anxiety_baseline"]


@pytest.mark.parametrize(("answers", "each", "further"), [
    # the four scores, and further variables for each ten who answered
    ({"A": 39}, 100, []), ({"A": 50}, 100, ["step3"]),
    ({"A": 45, "B": 45}, 100, ["service_B", "step3", "age", "sessions"]),
    # services with few answers are one group, the reference: C 2 and D 1 are 3 together, with E 4 they are 7
    ({"A": 40, "B": 40, "C": 2, "D": 1, "E": 4}, 100, ["service_A", "service_B", "step3", "age"]),
    ({"A": 90}, 200, ["step3", "age", "sessions"]),  # one service is no variable
    # those who did not answer limit the variables as much: 30 of them
    ({"A": 70}, 100, []),
    # all of A answered: with B, the first of those with the fewest answers, it is the reference
    ({"A": 100, "B": 50, "C": 50}, 100, ["service_C", "step3", "age", "sessions"]),
    # of 26 services the 20 with most answers have a variable, and the patients' own keep their place
    ({chr(65 + place): 40 - place for place in range(26)}, 100,
     [*(f"service_{chr(65 + place)}" for place in range(20)), "step3", "age", "sessions"]),
])
def test_the_variables_of_a_model(answers, each, further):
    patients = many(answers, each)
    assert list(attrition.covariates(patients, patients["kept"].notna().to_numpy())) == [*SCORES, *further]


def test_a_smaller_set_of_variables_and_none_where_few_are_on_a_side():
    patients = many({"A": 45, "B": 45})
    answered = patients["kept"].notna().to_numpy()
    assert list(attrition.covariates(patients, answered, "scores")) == SCORES
    assert list(attrition.covariates(patients, answered, "services")) == [*SCORES, "service_B"]
    assert list(attrition.covariates(patients, answered, "scores", ["age", "absent"])) == [*SCORES, "age"]
    assert attrition.covariates(patients, np.arange(len(patients)) < 29).shape == (len(patients), 0)


def test_a_missing_value_is_the_mean_and_a_column_without_differences_is_left_out():
    patients = many({"A": 90}, each=200).assign(step3=np.nan, sessions=7.0)
    patients.loc[3, "age"] = np.nan
    table = attrition.covariates(patients, patients["kept"].notna().to_numpy())
    assert list(table) == [*SCORES, "age"]
    assert table.loc[3, "age"] == 0
    known = patients["age"].dropna()
    assert table.loc[4, "age"] == pytest.approx((known[4] - known.mean()) / known.std())


def test_complete_cases_and_bounds_are_16_of_20_and_16_and_96_of_100_with_wilsons_interval():
    assert attrition.complete_cases(KEPT) == pytest.approx((0.8, *proportion_confint(16, 20, method="wilson")))
    found = attrition.bounds(KEPT)
    assert found["worst_case"] == pytest.approx((0.16, *proportion_confint(16, 100, method="wilson")))
    assert found["best_case"] == pytest.approx((0.96, *proportion_confint(96, 100, method="wilson")))


def test_nobody_and_no_answer_have_no_estimate():
    nobody, silent = pd.Series([], dtype=float), pd.Series([np.nan] * 3)
    assert np.isnan(attrition.complete_cases(silent)).all()
    assert attrition.bounds(silent)["worst_case"][0] == 0 and attrition.bounds(silent)["best_case"][0] == 1
    assert np.isnan(attrition.bounds(nobody)["best_case"]).all()


def test_probabilities_of_both_stages_are_those_of_statsmodels_logit():
    patients = oracle_patients()
    found = attrition.stages(patients)
    for stage, probability in zip(found, attrition.probabilities(found), strict=True):
        oracle = sm.Logit(stage.passed[stage.there].astype(float), stage.design[stage.there]).fit(disp=0)
        assert probability[stage.there] == pytest.approx(oracle.predict(), abs=1e-7)


def test_the_stages_of_the_synthetic_study_counted_by_hand():
    consent, answer = attrition.stages(oracle_patients())
    counts = [(stage.word, stage.there.sum(), stage.passed.sum()) for stage in (consent, answer)]
    assert counts == [("consented", 1092, 225), ("answered", 225, 55)]
    assert consent.names == [*SCORES, *(f"service_{name}" for name in "ABCDE"), "step3", "age", "sessions"]
    assert answer.names == [*SCORES, "service_B"]  # 55 answers: one variable more than the scores, where most answered
    assert not answer.design[~answer.there].any()
    (together,) = attrition.stages(oracle_patients(), apart=False)
    assert (together.there.sum(), together.passed.sum()) == (1092, 55)


def test_at_12_months_the_6_month_answer_stands_in_the_model_of_answering_only():
    consent, answer = attrition.stages(oracle_patients(time="12m"), "scores")
    assert (consent.names, answer.names) == (SCORES, [*SCORES, *attrition.AUXILIARY])
    # those without a 6-month answer have the mean of the others
    without = answer.there & ~(answer.design[:, 5] > 0)
    assert answer.design[without, 6] == pytest.approx(answer.design[without, 6][0])


def test_a_stage_that_all_pass_is_left_out_and_one_that_few_pass_has_no_variables():
    patients = many({"A": 40})
    assert [stage.word for stage in attrition.stages(patients)] == ["answered"]
    consent, answer = attrition.stages(patients.assign(consented=np.arange(100) < 80))
    assert (consent.names, answer.names) == ([], SCORES)
    assert attrition.probabilities([consent])[0] == pytest.approx(np.full(100, 0.8))


def test_logistic_regression_with_a_ridge_by_its_own_equations():
    rng = np.random.default_rng(3)
    design = np.column_stack([np.ones(50), rng.normal(size=(50, 2))])
    outcome, weights = rng.random(50), rng.random(50)
    found = attrition.logistic(design, outcome, weights, ridge=2.0)
    left = design.T @ (weights * (outcome - 1 / (1 + np.exp(-design @ found))))
    assert left == pytest.approx([0, 2 * found[1], 2 * found[2]], abs=1e-9)


def test_weights_have_mean_1_and_their_effective_n_by_hand():
    passed = np.array([True, True, True, False])
    stage = attrition.Stage("answered", np.ones((4, 1)), [], np.ones(4, bool), passed)
    weights = attrition.weights_of([stage], [np.array([0.5, 0.25, 0.25, 0.1])])  # 2, 4, 4: mean 10 / 3
    assert weights == pytest.approx([0.6, 1.2, 1.2, 0])
    assert attrition.effective_sample_size(np.array([1.0, 1.0, 2.0])) == pytest.approx(16 / 6)
    assert attrition.effective_sample_size(np.ones(7)) == 7


def test_positivity_is_judged_by_the_weights(monkeypatch):
    # 30 of 50 answered, and 5 of 2000, who stand for 400 each: 2050^2 / (5 * 400^2 + 30 * 1.67^2) = 5.25
    patients = two_groups({2.0: (20, 10, 20), 9.0: (3, 2, 1995)})
    assert attrition.why_no_model(patients) == (
        "little overlap: those who answered tell as much as 5.3, fewer than 10")
    monkeypatch.setattr(attrition, "LEAST_EFFECTIVE", 5)
    assert attrition.why_no_model(patients) == ""  # one of the five is 400 of 2050
    monkeypatch.setattr(attrition, "LARGEST_SHARE", 0.19)
    assert attrition.why_no_model(patients) == "little overlap: one patient would be 20% of the estimate, more than 19%"
