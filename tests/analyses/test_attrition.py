"""Estimators under non-response. Oracles: counts by hand, the formulas of their docstrings worked by hand,
statsmodels' own routines where a call stands beside it, and docs/reference.md for who counts."""

import conftest
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from conftest import RULES
from statsmodels.stats.proportion import proportion_confint

from durability_utils.analyses import attrition
from durability_utils.outcomes.rules import classify

KEPT = pd.Series([1.0] * 16 + [0.0] * 4 + [np.nan] * 80)


def cohort(*rows: dict) -> pd.DataFrame:
    """Patients with the canonical columns; what a row leaves open is that of one who reliably improved at end."""
    improved = {"phq9_baseline": 18, "phq9_end": 8, "gad7_baseline": 15, "gad7_end": 7, "step": "step2"}
    return conftest.cohort(*(improved | row for row in rows)).assign(service="A")


def well_at_end(patients: pd.DataFrame, outcome: str) -> pd.DataFrame:
    return attrition.well_at_end(patients, *(classify(patients, time, RULES) for time in ("end", "6m")), outcome, RULES)


def two_groups(answers: dict[float, tuple[int, int, int]]) -> pd.DataFrame:
    """Patients of two PHQ-9 scores at end: of each how many kept it, did not, and did not answer; all else alike."""
    rows = [(score, kept) for score, counts in answers.items()
            for kept, n in zip((1.0, 0.0, np.nan), counts, strict=True) for _ in range(n)]
    alike = {"anxiety_end": 1.0, "phq9_baseline": 15.0, "anxiety_baseline": 4.0, "step3": 0.0, "age": 40.0,
             "sessions": 6.0, "service": "A"}
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
    columns = ["anxiety_baseline", "anxiety_end", "anxiety_6m", "reliable_change", "caseness", "highest"]
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
    return pd.DataFrame({"kept": kept, "service": names, "step3": step3, **numbers})


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
])
def test_the_variables_of_a_model(answers, each, further):
    assert list(attrition.covariates(many(answers, each))) == [*SCORES, *further]


def test_a_missing_value_is_the_mean_and_a_column_without_differences_is_left_out():
    patients = many({"A": 90}, each=200).assign(step3=np.nan, sessions=7.0)
    patients.loc[3, "age"] = np.nan
    table = attrition.covariates(patients)
    assert list(table) == [*SCORES, "age"]
    assert table.loc[3, "age"] == 0
    known = patients["age"].dropna()
    assert table.loc[4, "age"] == pytest.approx((known[4] - known.mean()) / known.std())


def test_complete_cases_and_bounds_are_16_of_20_and_16_and_96_of_100_with_wilsons_interval():
    assert attrition.complete_cases(KEPT) == pytest.approx((0.8, *proportion_confint(16, 20, method="wilson")))
    found = attrition.bounds(KEPT)
    assert found["worst_case"] == pytest.approx((0.16, *proportion_confint(16, 100, method="wilson")))
    assert found["best_case"] == pytest.approx((0.96, *proportion_confint(96, 100, method="wilson")))


def test_tipping_points_by_hand_and_by_trying_every_number():
    # half of 100 is 50, so 49 may keep it: 96 - 49 = 47. Wilson's lower limit of 16/20 is 0.584: 96 - 58 = 38
    found = attrition.tipping_points(KEPT).set_index("threshold")
    assert found["not_kept"].to_dict() == {"complete_cases_low": 38, "one_half": 47}
    assert found["not_kept_share"].tolist() == [38 / 80, 47 / 80]
    assert found["answered_not_kept_share"].tolist() == [pytest.approx(0.2)] * 2
    for row in found.itertuples():
        assert row.not_kept == next(n for n in range(81) if (96 - n) / 100 < row.threshold_share)
    # none where all of those who did not answer would not be enough
    found = attrition.tipping_points(pd.Series([1.0] * 60 + [np.nan] * 10))  # 60 of 70 is above both
    assert found.set_index("threshold")["not_kept"].isna().to_dict() == {"complete_cases_low": False, "one_half": True}


def test_nobody_and_no_answer_have_no_estimate():
    nobody, silent = pd.Series([], dtype=float), pd.Series([np.nan] * 3)
    assert np.isnan(attrition.complete_cases(silent)).all()
    assert attrition.bounds(silent)["worst_case"][0] == 0 and attrition.bounds(silent)["best_case"][0] == 1
    assert attrition.tipping_points(silent)["not_kept"].fillna(-1).tolist() == [-1, 2]  # 1 of 3 is below one half
    assert attrition.tipping_points(nobody)["not_kept"].isna().all()
    assert np.isnan(attrition.bounds(nobody)["best_case"]).all()


GROUPS = two_groups({2.0: (36, 4, 60), 9.0: (12, 8, 180)})


def test_probabilities_of_answering_are_those_of_statsmodels_logit():
    patients = many({"A": 30, "B": 60})
    table, answered = attrition.covariates(patients), patients["kept"].notna().to_numpy()
    oracle = sm.Logit(answered.astype(float), sm.add_constant(table.to_numpy())).fit(disp=0)
    probability, coefficients = attrition.answering(table, answered)
    assert probability == pytest.approx(oracle.predict(), abs=1e-6)
    assert coefficients == pytest.approx(oracle.params, abs=1e-5)


def test_with_two_groups_weighting_is_standardisation_by_hand():
    # of 100 patients 40 answered and 36 kept it, of 200 20 answered and 12 kept it: 1/3 * 0.9 + 2/3 * 0.6
    share, low, high = found = attrition.weighted_share(GROUPS, resamples=20)
    assert share == pytest.approx(0.9 / 3 + 0.6 * 2 / 3)
    assert low < share < high
    assert found == attrition.weighted_share(GROUPS, 20) != attrition.weighted_share(GROUPS, 20, seed=1)


def test_the_bootstrap_interval_is_as_wide_as_the_standardised_shares_variance_says():
    # sum of (N_g / N)^2 p q / n_g, and the variance of N_g / N times the squared difference of the shares: a formula
    # for large groups
    patients = two_groups({2.0: (360, 40, 600), 9.0: (120, 80, 1800)})
    share = 0.7
    variance = (0.9 * 0.1 / 400) / 9 + 4 * (0.6 * 0.4 / 200) / 9 + (1 / 3) * (2 / 3) / 3000 * 0.3 ** 2
    _, low, high = attrition.weighted_share(patients, resamples=1500)
    on_the_logit = np.log(high / (1 - high)) - np.log(low / (1 - low))
    assert on_the_logit == pytest.approx(2 * 1.96 * np.sqrt(variance) / (share * (1 - share)), rel=0.05)


def test_weights_have_mean_1_those_above_ten_times_that_are_trimmed_and_counted_and_their_effective_n_by_hand():
    weights, trimmed = attrition.weights_of(np.array([0.5, 0.25, 0.25]))  # 2, 4, 4: mean 10 / 3
    assert weights == pytest.approx([0.6, 1.2, 1.2]) and trimmed == 0
    # 20 ones and a 1000: mean 1020 / 21, and the last is 20.6 times that
    weights, trimmed = attrition.weights_of(np.array([1.0] * 20 + [0.001]))
    assert (weights.max(), trimmed) == (10, 1)
    assert attrition.effective_sample_size(np.array([1.0, 1.0, 2.0])) == pytest.approx(16 / 6)
    assert attrition.effective_sample_size(np.ones(7)) == 7


def test_standardised_mean_differences_by_hand():
    table = pd.DataFrame({"age": [20.0, 30.0, 40.0, 50.0]})
    found = attrition.balance(table, np.array([True, True, False, False]), np.array([1.0, 3.0]))
    sd = np.sqrt((15 ** 2 + 5 ** 2 + 5 ** 2 + 15 ** 2) / 3)  # around a mean of 35
    assert found.to_dict("list") == {"variable": ["age"], "before": [pytest.approx(-10 / sd)],
                                     "after": [pytest.approx((27.5 - 35) / sd)]}
