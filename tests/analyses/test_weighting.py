"""Weighted and doubly robust shares. Oracles: R's glm and optim with the influence of each patient by hand
(`tests/oracles/attrition.R`), and standardisation by hand where there are two groups."""

import numpy as np
import pandas as pd
import pytest
from delicatessen import MEstimator
from missing_answers import oracle_patients
from r_says import r_says
from scipy import stats
from scipy.special import logit
from test_attrition import two_groups

from durability_utils.analyses import attrition, weighting

GROUPS = two_groups({2.0: (36, 4, 60), 9.0: (12, 8, 180)})
R = r_says("attrition")


def error(found: weighting.Estimate) -> float:
    """The standard error of the share, back from its interval."""
    half = (logit(found.high) - logit(found.low)) / 2
    return half / stats.t.ppf(0.975, found.effective - 1) * found.share * (1 - found.share)


@pytest.mark.parametrize(("outcome", "time", "apart", "name"), [
    ("improvement", "6m", True, "improvement_scores_apart"), ("improvement", "6m", False, "improvement_scores_together"),
    ("recovery", "6m", True, "recovery_scores_apart"), ("improvement", "12m", True, "improvement_12m_scores_apart")])
def test_weighting_is_r_s_glm_and_the_sandwich_of_all_its_equations(outcome, time, apart, name):
    found = weighting.weighted(oracle_patients(outcome, time), "scores", apart)
    assert found.share == pytest.approx(R[name], abs=1e-7)
    assert error(found) == pytest.approx(R[f"{name}_se"], rel=1e-4)
    if name == "improvement_scores_apart":
        assert found.effective == pytest.approx(R[f"{name}_effective"], rel=1e-6)


def test_the_doubly_robust_share_is_r_s_and_the_augmented_mean_is_the_same_number():
    found = weighting.doubly_robust(oracle_patients(), "scores")
    assert found.share == pytest.approx(R["robust_scores"], abs=1e-5)
    assert found.share == pytest.approx(R["robust_scores_augmented"], abs=1e-5)
    assert error(found) == pytest.approx(R["robust_scores_se"], rel=1e-3)


@pytest.mark.parametrize("time", ["6m", "12m"])
def test_the_start_is_the_root_of_the_stacked_equations(time, monkeypatch):
    solved = []

    class Checked(MEstimator):
        def estimate(self, **given):
            super().estimate(**given)
            solved.append(np.abs(np.sum(self.stacked_equations(self.theta), axis=1)).max())

    monkeypatch.setattr("delicatessen.MEstimator", Checked)
    patients = oracle_patients(time=time)
    weighting.weighted(patients)
    for by_weights in (True, False):
        weighting.doubly_robust(patients, by_weights=by_weights)
    assert len(solved) == 3 and max(solved) < 1e-6


@pytest.mark.parametrize("apart", [True, False])
def test_with_two_groups_weighting_is_standardisation_by_hand(apart):
    # everybody consented. Of 100 patients 40 answered and 36 kept it, of 200 20 answered and 12: 1/3 * 0.9 + 2/3 * 0.6
    found = weighting.weighted(GROUPS, apart=apart)
    assert found.share == pytest.approx(0.9 / 3 + 0.6 * 2 / 3)
    # sum of (N_g / N)^2 p q / n_g, and the variance of N_g / N times the squared difference of the shares
    variance = (0.9 * 0.1 / 40) / 9 + 4 * (0.6 * 0.4 / 20) / 9 + (1 / 3) * (2 / 3) / 300 * 0.3 ** 2
    assert error(found) == pytest.approx(np.sqrt(variance), rel=1e-6)
    # weights 100/40 and 200/20: (40 * 2.5 + 20 * 10)^2 / (40 * 2.5^2 + 20 * 10^2)
    assert found.effective == pytest.approx(300 ** 2 / 2250)


def test_consent_and_answer_apart_by_hand():
    # of 100 in group 2, 50 consented and 40 of these answered, 30 kept it: 1 / (1/2 * 4/5) = 2.5 each
    # of 100 in group 9, 80 consented and 40 answered, 20 kept it: 2.5 each, too
    patients = pd.concat([two_groups({2.0: (30, 10, 60)}).assign(consented=[True] * 50 + [False] * 50),
                          two_groups({9.0: (20, 20, 60)}).assign(consented=[True] * 80 + [False] * 20)],
                         ignore_index=True)
    found = attrition.stages(patients)
    consent, answer = attrition.probabilities(found)
    assert [*consent[[0, 100]], *answer[[0, 100]]] == pytest.approx([0.5, 0.8, 0.8, 0.5])
    assert weighting.weighted(patients).share == pytest.approx(50 / 80)
    assert weighting.weighted(patients).effective == pytest.approx(80)


def test_doubly_robust_and_g_formula_are_standardisation_too_where_little_is_shrunk():
    many = two_groups({2.0: (3600, 400, 6000), 9.0: (1200, 800, 18000)})
    for by_weights in (True, False):
        found = weighting.doubly_robust(many, by_weights=by_weights)
        assert found.share == pytest.approx(0.7, abs=2e-4)
        assert error(found) == pytest.approx(error(weighting.weighted(many)), rel=0.01)


def test_where_nobody_kept_it_in_a_group_nothing_is_separated():
    found = weighting.doubly_robust(two_groups({2.0: (40, 0, 60), 9.0: (0, 20, 180)}))
    assert 0.3 < found.share < 0.5 and 0 < found.low < found.high < 1


def test_the_bootstrap_is_as_wide_as_the_sandwich_and_the_same_each_time():
    large = two_groups({2.0: (360, 40, 600), 9.0: (120, 80, 1800)})
    found = weighting.bootstrapped(large, resamples=1500)
    assert found.share == pytest.approx(0.7)
    assert error(found) == pytest.approx(error(weighting.weighted(large)), rel=0.05)
    assert weighting.bootstrapped(GROUPS, 20) == weighting.bootstrapped(GROUPS, 20) != weighting.bootstrapped(
        GROUPS, 20, seed=1)


def test_the_interval_by_hand():
    # logit of 0.8 is 1.3863; t of 20 df is 2.086: 1.3863 -+ 0.6258 is 0.681 and 0.882
    assert weighting.interval(0.8, 0.3, 21) == pytest.approx((0.8, 0.6814, 0.8821, 21), abs=1e-4)
