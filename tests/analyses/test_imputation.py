"""Multiple imputation of follow-up scores. Oracles: Rubin's rules worked by hand, outcomes counted by hand, and the
standard error of a prediction by statsmodels' OLS, and the mean of its MICE."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from conftest import RULES
from statsmodels.imputation.mice import MICEData

from durability_utils.analyses import imputation
from durability_utils.analyses.attrition import covariates
from durability_utils.synthetic.attrition import simulated


def patients(n: int, answered: int, error: float = 0.0, seed: int = 1) -> pd.DataFrame:
    """n patients whose scores at 6 months follow a line in those at end, up to an error with this SD."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"phq9_baseline": rng.normal(16, 4, n), "anxiety_baseline": rng.normal(3, 1, n),
                          "phq9_end": rng.normal(6, 3, n), "anxiety_end": rng.normal(1, 0.5, n),
                          "step3": 0.0, "age": 40.0, "sessions": 6.0, "service": "A"})
    table["phq9_6m"] = 2 + 0.8 * table["phq9_end"] + error * rng.standard_normal(n)
    table["anxiety_6m"] = 0.2 + 0.9 * table["anxiety_end"] + 0.05 * table["phq9_end"]
    table["kept"] = 1.0
    unknown = np.arange(n) >= answered
    return table.assign(**{name: table[name].mask(unknown) for name in ("kept", "phq9_6m", "anxiety_6m")})


def test_scores_on_a_line_are_imputed_on_it():
    table = patients(100, 40)
    phq9, anxiety = imputation.draw_scores(table, imputations=5)
    lost = table[40:]
    assert phq9 == pytest.approx(np.tile(2 + 0.8 * lost["phq9_end"], (5, 1)))
    assert anxiety == pytest.approx(np.tile(0.2 + 0.9 * lost["anxiety_end"] + 0.05 * lost["phq9_end"], (5, 1)))


def test_imputed_means_differ_between_imputations_by_the_standard_error_of_a_prediction():
    table = patients(2000, 80, error=3.0)
    lost, known = table["kept"].isna().to_numpy(), table["kept"].notna().to_numpy()
    design = sm.add_constant(covariates(table).to_numpy())
    fitted = sm.OLS(table.loc[known, "phq9_6m"], design[known]).fit()
    error = fitted.get_prediction(design[lost].mean(axis=0)).se_mean[0]
    phq9, _ = imputation.draw_scores(table, imputations=2000)
    expected = np.sqrt(error ** 2 + fitted.scale / lost.sum())
    assert phq9.mean(axis=1).std() == pytest.approx(expected, rel=0.1)
    assert phq9.std(axis=0).mean() == pytest.approx(fitted.get_prediction(design[lost]).se_obs.mean(), rel=0.05)


def test_the_mean_is_near_that_of_statsmodels_mice():
    """Oracle: `MICEData(table, k_pmm=5)`, `update_all(2)` before each of 10 imputations, classified by the same rules.
    Measured on these four simulated cohorts: 0.795 by ours, 0.81 by MICE; those who answered are at 0.89."""
    def by_mice(table):
        lost = table["kept"].isna().to_numpy()
        mice = MICEData(covariates(table).join(table[["phq9_6m", "anxiety_6m"]].astype(float)), k_pmm=5)
        drawn = []
        for _ in range(10):
            mice.update_all(2)
            drawn.append([mice.data[name].to_numpy()[lost] for name in ("phq9_6m", "anxiety_6m")])
        return np.moveaxis(np.array(drawn), 1, 0)

    np.random.seed(1)  # noqa: NPY002 - statsmodels draws from the global generator
    tables = [simulated(1500, "observed", np.random.default_rng(seed)) for seed in range(4)]
    ours, theirs = (np.mean([imputation.shares_kept(table, draw(table), "improvement", RULES).mean()
                             for table in tables]) for draw in (imputation.draw_scores, by_mice))
    assert ours == pytest.approx(theirs, abs=0.03)
    assert max(ours, theirs) < np.mean([table["kept"].mean() for table in tables]) - 0.03


def test_both_residuals_come_from_one_patient():
    table = patients(300, 100, error=3.0)
    table["anxiety_6m"] = table["phq9_6m"] / 6
    phq9, anxiety = imputation.draw_scores(table, imputations=3)
    assert anxiety == pytest.approx(phq9 / 6)


def test_the_same_seed_gives_the_same_scores_and_another_seed_others():
    table = patients(60, 40, error=2.0)
    first, again, other = (imputation.draw_scores(table, 3, seed)[0] for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()


def lost(**values) -> pd.DataFrame:
    """One patient who answered and kept it, and one who did not answer: PHQ-9 18 and GAD-7 15 at baseline."""
    row = {"kept": [1.0, np.nan], "phq9_baseline": 18.0, "anxiety_baseline": 15 / 4, "reliable_change": 4.0,
           "caseness": 8.0, "lowest": 0.0, "highest": 21.0, "whole": True}
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
        assert imputation.shares_kept(lost(), drawn, outcome, RULES) == [(1 + holds) / 2]


def test_a_shift_of_points_moves_the_anxiety_measure_by_the_same_part_of_its_reliable_change():
    drawn = np.array([[12.0]]), np.array([[11 / 4]])  # just enough on both
    shares = [imputation.shares_kept(lost(), drawn, "improvement", RULES, delta)[0] for delta in (-1, 0, 1, 2)]
    # one point more is 13 and 11.67, which is 12: neither is enough
    assert shares == [1, 1, 0.5, 0.5]


def test_item_means_are_not_rounded():
    # 3 at baseline, 2.4 later: 0.6 better, not enough for 0.73; rounded to 2 it would be 1 better
    mean = {"reliable_change": 0.73, "caseness": 2.3, "anxiety_baseline": 3 / 0.73, "highest": 5.0}
    drawn = np.array([[18.0]]), np.array([[2.4 / 0.73]])
    shares = [imputation.shares_kept(lost(whole=whole, **mean), drawn, "improvement", RULES)[0]
              for whole in (False, True)]
    assert shares == [0.5, 1.0]


def test_rubins_rules_worked_by_hand():
    # Q = 12, U = 4, B = 4, T = 4 + 4/3 * 4 = 28/3, lambda = (16/3) / (28/3) = 4/7
    # df: 2 / (4/7)^2 = 6.125; 51/53 * 50 * 3/7 = 20.62; 1 / (1/6.125 + 1/20.62) = 4.722
    found = imputation.rubin(np.array([10.0, 12.0, 14.0]), np.array([3.0, 4.0, 5.0]), complete_df=50)
    assert (found.estimate, found.variance, found.missing_information) == pytest.approx((12, 28 / 3, 4 / 7))
    assert found.df == pytest.approx(4.722, abs=5e-4)
    # without difference between imputations the complete data remain
    found = imputation.rubin(np.full(5, 2.0), np.full(5, 0.25), complete_df=99)
    assert (found.estimate, found.variance, found.df) == (2, 0.25, pytest.approx(100 / 102 * 99))


def test_pooled_shares_stand_on_the_logit_scale_with_a_t_interval():
    # 0.8 in each of 1000 patients: logit 1.386, SE sqrt(1 / (1000 * 0.16)) = 0.0791, t of 997 df 1.962
    share, low, high = imputation.pooled_share(np.full(10, 0.8), 1000)
    logits = [np.log(p / (1 - p)) for p in (share, low, high)]
    assert logits == pytest.approx([1.386, 1.386 - 1.962 * 0.0791, 1.386 + 1.962 * 0.0791], abs=1e-3)
    # everybody or nobody in all imputations still has an interval within 0 and 1
    for share in (0.0, 1.0):
        found = imputation.pooled_share(np.full(10, share), 50)
        assert min(found) > 0 and max(found) < 1
