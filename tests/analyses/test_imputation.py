"""Multiple imputation of follow-up scores. Oracles: R's mice (`tests/oracles/attrition.R`), Rubin's rules worked by
hand, outcomes counted by hand, and the standard error of a prediction by statsmodels' OLS."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from conftest import RULES
from missing_answers import oracle_patients
from r_says import r_says

from durability_utils.analyses import imputation
from durability_utils.analyses.attrition import covariates

R = r_says("attrition")


def patients(n: int, answered: int, error: float = 0.0, seed: int = 1) -> pd.DataFrame:
    """n patients whose scores at 6 months follow a line in those at end, up to an error with this SD."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"phq9_baseline": rng.normal(16, 4, n), "anxiety_baseline": rng.normal(3, 1, n),
                          "phq9_end": rng.normal(6, 3, n), "anxiety_end": rng.normal(1, 0.5, n),
                          "step3": 0.0, "age": 40.0, "sessions": 6.0, "service": "A"})
    table["phq9_later"] = 2 + 0.8 * table["phq9_end"] + error * rng.standard_normal(n)
    table["anxiety_later"] = 0.2 + 0.9 * table["anxiety_end"] + 0.05 * table["phq9_later"]
    table["kept"] = 1.0
    unknown = np.arange(n) >= answered
    return table.assign(**{name: table[name].mask(unknown) for name in ("kept", "phq9_later", "anxiety_later")})


def shares(table: pd.DataFrame, model: str, outcome: str, imputations: int) -> np.ndarray:
    """The share kept in each completed cohort, with the four scores as variables."""
    drawn = imputation.draw_scores(table, model, "scores", imputations)
    counts = imputation.kept_of(table, drawn, outcome, RULES)
    return (table["kept"].sum() + counts["no_consent"] + counts["silent"]) / len(table)


@pytest.mark.parametrize("outcome", ["improvement", "recovery"])
@pytest.mark.parametrize(("model", "mice"), [("normal", "norm"), ("pmm", "pmm")])
def test_completed_cohorts_are_those_of_mice(model, mice, outcome):
    """300 imputations on both sides: the mean within three, the spread within some four Monte-Carlo errors.

    For `pmm` R draws those who answered anew, then calls mice's `pmm` with one donor and `matchtype = 0`, 300 times.
    """
    found = shares(oracle_patients(outcome), model, outcome, 300)
    mean, sd = (R[f"mice_{mice}_{outcome}_{name}"] for name in ("mean", "sd"))
    assert found.mean() == pytest.approx(mean, abs=3 * sd * np.sqrt(2 / 300))
    assert found.std(ddof=1) == pytest.approx(sd, rel=0.2)


def test_chained_equations_with_6_months_are_those_of_mice():
    """100 imputations on both sides, by mice with 10 rounds for everybody."""
    found = shares(oracle_patients(time="12m"), "normal", "improvement", 100)
    sd = R["mice_norm_improvement_12m_sd"]
    assert found.mean() == pytest.approx(R["mice_norm_improvement_12m_mean"], abs=3 * sd * np.sqrt(2 / 100))
    assert found.std(ddof=1) == pytest.approx(sd, rel=0.3)


def test_scores_on_a_line_are_imputed_on_it():
    table = patients(100, 40)
    phq9, anxiety = imputation.draw_scores(table, imputations=5)
    lost = table[40:]
    on_the_line = 2 + 0.8 * lost["phq9_end"]
    assert phq9 == pytest.approx(np.tile(on_the_line, (5, 1)))
    assert anxiety == pytest.approx(np.tile(0.2 + 0.9 * lost["anxiety_end"] + 0.05 * on_the_line, (5, 1)))


def test_imputed_means_differ_between_imputations_by_the_standard_error_of_a_prediction():
    table = patients(2000, 80, error=3.0)
    lost, known = table["kept"].isna().to_numpy(), table["kept"].notna().to_numpy()
    design = sm.add_constant(covariates(table, known).to_numpy())
    fitted = sm.OLS(table.loc[known, "phq9_later"], design[known]).fit()
    error = fitted.get_prediction(design[lost].mean(axis=0)).se_mean[0]
    phq9, _ = imputation.draw_scores(table, imputations=2000)
    expected = np.sqrt(error ** 2 + fitted.scale / lost.sum())
    assert phq9.mean(axis=1).std() == pytest.approx(expected, rel=0.1)
    assert phq9.std(axis=0).mean() == pytest.approx(fitted.get_prediction(design[lost]).se_obs.mean(), rel=0.05)


def test_the_donor_is_the_one_predicted_nearest():
    known = np.array([4.0, 0, 2, 6])  # of 1, 2, 3, 4: least squares predict 1.8, 2.6, 3.4, 4.2
    design = np.column_stack([np.ones(4), [1, 2, 3, 4]])
    wanted = np.column_stack([np.ones(6), [-9, 1.4, 1.6, 2.6, 3.4, 9]])
    assert imputation._matched(known, design, wanted, None).tolist() == [4, 4, 0, 2, 2, 6]


def test_donors_are_drawn_anew_for_each_completed_cohort():
    """Of n alike the share who give is 1 - (1 - 1/n)^n, .634 of 80, in each; and both scores come from those drawn."""
    table = patients(300, 80, error=2.0)
    table["phq9_later"] += np.linspace(0, 1e-6, 300)  # so that each value tells its donor
    phq9, _ = imputation.draw_scores(table, "pmm", imputations=200)
    donors = [len(set(one)) for one in phq9]
    assert max(donors) <= 65 and np.mean(donors) < 0.634 * 80 + 1


def test_what_pmm_draws_somebody_answered():
    table = oracle_patients(time="12m")
    phq9, anxiety = imputation.draw_scores(table, "pmm", imputations=3)
    assert set(phq9.ravel()) <= set(table["phq9_later"]) and set(anxiety.ravel()) <= set(table["anxiety_later"])


def test_the_same_seed_gives_the_same_scores_and_another_seed_others():
    table = patients(60, 40, error=2.0)
    for model in imputation.MODELS:
        first, again, other = (imputation.draw_scores(table, model, imputations=3, seed=seed) for seed in (1, 1, 2))
        assert (first == again).all() and (first != other).any()


def test_returned_to_baseline_the_draws_of_each_patient_lie_around_the_own_baseline():
    table = patients(60, 40, error=2.0)
    drawn = imputation.draw_scores(table)
    moved = imputation.returned_to_baseline(table, drawn)
    assert moved.mean(axis=1) == pytest.approx(table.loc[40:, ["phq9_baseline", "anxiety_baseline"]].to_numpy().T)
    assert moved.std(axis=1) == pytest.approx(drawn.std(axis=1))


def lost(**values) -> pd.DataFrame:
    """One patient who answered and kept it, and one who did not answer: PHQ-9 18 and GAD-7 15 at baseline."""
    row = {"kept": [1.0, np.nan], "phq9_baseline": 18.0, "anxiety_baseline": 15 / 4, "reliable_change": 4.0,
           "caseness": 8.0, "consented": True, "lowest": 0.0, "highest": 21.0, "whole": True}
    return pd.DataFrame(row | values)


@pytest.mark.parametrize("phq9, gad7, improved, recovered", [
    (12, 15, True, False), (13, 15, False, False),      # 6 points better on the PHQ-9, just enough, and 5
    (12.4, 15, True, False), (12.6, 15, False, False),  # rounded to 12 and to 13
    (13, 11, True, False), (13, 12, False, False),      # 4 points better on the GAD-7, and 3
    (12, 19, False, False),                             # 4 points worse on the other
    (9, 7, True, True), (10, 7, True, False),           # below both cut-offs, and PHQ-9 at its own
    (-3, -1, True, True)])                              # below the range: 0
def test_drawn_scores_are_classified_by_the_outcome_rules(phq9, gad7, improved, recovered):
    drawn = np.array([[float(phq9)]]), np.array([[gad7 / 4]])
    for outcome, holds in (("improvement", improved), ("recovery", recovered)):
        assert imputation.kept_of(lost(), drawn, outcome, RULES)["silent"] == [holds]


def test_a_shift_of_points_moves_the_anxiety_measure_by_the_same_part_of_its_reliable_change():
    drawn = np.array([[12.0]]), np.array([[11 / 4]])  # just enough on both
    kept = [imputation.kept_of(lost(), drawn, "improvement", RULES, delta)["silent"][0] for delta in (-1, 0, 1, 2)]
    # one point more is 13 and 11.67, which is 12: neither is enough
    assert kept == [1, 1, 0, 0]


def test_item_means_are_not_rounded():
    # 3 at baseline, 2.4 later: 0.6 better, not enough for 0.73; rounded to 2 it would be 1 better
    mean = {"reliable_change": 0.73, "caseness": 2.3, "anxiety_baseline": 3 / 0.73, "highest": 5.0}
    drawn = np.array([[18.0]]), np.array([[2.4 / 0.73]])
    kept = [imputation.kept_of(lost(whole=whole, **mean), drawn, "improvement", RULES)["silent"][0]
            for whole in (False, True)]
    assert kept == [0, 1]


def test_a_shift_of_its_own_for_those_without_consent_and_those_silent():
    # on the edge of an improvement: two points more are too many. One of three answered and kept it
    rows = pd.concat([lost(), lost(consented=False)[1:]], ignore_index=True)
    drawn = np.full((2, 2), 12.0), np.full((2, 2), 11 / 4)
    counts = [imputation.kept_of(rows, drawn, "improvement", RULES, delta) for delta in (0, 2)]
    assert [(group["no_consent"][0], group["silent"][0]) for group in counts] == [(1, 1), (0, 0)]
    shares = [imputation.imputed(rows, drawn, "improvement", RULES, *deltas)[0] for deltas in ((2, 0), (0, 2), (2, 2))]
    assert shares == pytest.approx([2 / 3, 2 / 3, 1 / 3])


def test_a_shift_may_differ_between_imputations():
    drawn = np.full((3, 1), 12.0), np.full((3, 1), 11 / 4)
    found = imputation.kept_of(lost(), drawn, "improvement", RULES, np.array([0.0, 2.0, -1.0]))
    assert found["silent"].tolist() == [1, 0, 1]


def test_rubins_rules_worked_by_hand():
    # Q = 12, U = 4, B = 4, T = 4 + 4/3 * 4 = 28/3, lambda = (16/3) / (28/3) = 4/7
    # df: 2 / (4/7)^2 = 6.125; 51/53 * 50 * 3/7 = 20.62; 1 / (1/6.125 + 1/20.62) = 4.722
    found = imputation.rubin(np.array([10.0, 12.0, 14.0]), np.array([3.0, 4.0, 5.0]), complete_df=50)
    assert (found.estimate, found.variance, found.missing_information) == pytest.approx((12, 28 / 3, 4 / 7))
    assert found.df == pytest.approx(4.722, abs=5e-4)
    # without difference between imputations the complete data remain
    found = imputation.rubin(np.full(5, 2.0), np.full(5, 0.25), complete_df=99)
    assert (found.estimate, found.variance, found.df) == (2, 0.25, pytest.approx(100 / 102 * 99))


def test_rubins_rules_are_those_of_mice():
    found = imputation.rubin(np.array([1.2, 1.5, 1.1, 1.4, 1.3]), np.full(5, 0.04), complete_df=199)
    assert (found.variance, found.df) == pytest.approx((R["rubin_variance"], R["rubin_df"]))


def test_pooled_shares_stand_on_the_logit_scale_with_a_t_interval():
    # 0.8 in each of 1000 patients: logit 1.386, SE sqrt(1 / (1000 * 0.16)) = 0.0791, t of 997 df 1.962
    share, low, high = imputation.pooled_share(np.full(10, 0.8), 1000)
    logits = [np.log(p / (1 - p)) for p in (share, low, high)]
    assert logits == pytest.approx([1.386, 1.386 - 1.962 * 0.0791, 1.386 + 1.962 * 0.0791], abs=1e-3)
    # everybody or nobody in all imputations still has an interval within 0 and 1
    for share in (0.0, 1.0):
        found = imputation.pooled_share(np.full(10, share), 50)
        assert min(found) > 0 and max(found) < 1
