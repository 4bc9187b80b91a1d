"""Weighted and doubly robust shares. Oracles: R's glm and optim with the influence of each patient by hand
(`tests/oracles/attrition.R`), survey (`weighting.R`), and standardisation by hand where there are two groups."""

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


def seen_by(estimator, patients: pd.DataFrame, found: list[attrition.Stage]) -> tuple:
    """What the estimator finds, what it gives to `influence`, and what moves its share by that: to first order."""
    given, moved, influence = [], [], weighting.influence

    def watched(*arguments):
        given.extend(arguments)
        moved.append(influence(*arguments)[-1])
        return influence(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weighting, "influence", watched)
        return estimator(patients, found), given, moved[0]


def sandwich(moved: np.ndarray) -> float:
    return np.sqrt(np.square(moved).sum())


@pytest.mark.parametrize(("outcome", "time", "apart", "name"), [
    ("improvement", "6m", True, "improvement_scores_apart"),
    ("improvement", "6m", False, "improvement_scores_together"),
    ("recovery", "6m", True, "recovery_scores_apart"), ("improvement", "12m", True, "improvement_12m_scores_apart")])
def test_weighting_is_r_s_glm_and_the_sandwich_of_all_its_equations(outcome, time, apart, name):
    patients = oracle_patients(outcome, time)
    found, _, moved = seen_by(weighting.weighted, patients, attrition.stages(patients, "scores", apart))
    assert found.share == pytest.approx(R[name], abs=1e-7)
    assert sandwich(moved) == pytest.approx(R[f"{name}_se"], rel=1e-4)
    if name == "improvement_scores_apart":
        assert found.effective == pytest.approx(R[f"{name}_effective"], rel=1e-6)


@pytest.mark.parametrize("outcome", ["improvement", "recovery"])
@pytest.mark.parametrize("time", ["6m", "12m"])
def test_the_share_that_the_notebook_prints_is_survey_s_weighted_mean(outcome, time):
    """Oracle: R's `svymean(~kept, svydesign(ids = ~1, weights = ~w))`, weights by `glm` (`oracles/weighting.R`)."""
    said, found = r_says("weighting"), weighting.weighted(oracle_patients(outcome, time))
    assert found.share == pytest.approx(said[f"{outcome}_{time}"], abs=1e-8)
    assert found.effective == pytest.approx(said[f"{outcome}_{time}_effective"], rel=1e-6)


def test_the_doubly_robust_share_is_r_s_and_the_augmented_mean_is_the_same_number():
    patients = oracle_patients()
    found, _, moved = seen_by(weighting.doubly_robust, patients, attrition.stages(patients, "scores"))
    assert found.share == pytest.approx(R["robust_scores"], abs=1e-5)
    assert found.share == pytest.approx(R["robust_scores_augmented"], abs=1e-5)
    assert sandwich(moved) == pytest.approx(R["robust_scores_se"], rel=1e-3)


@pytest.mark.parametrize("estimator", [weighting.weighted, weighting.doubly_robust])
@pytest.mark.parametrize("time", ["6m", "12m"])
def test_the_sandwich_is_delicatessen_s_and_the_parameters_its_root(estimator, time):
    """Oracle: `MEstimator(equations, init).estimate(deriv_method="capprox", dx=1e-6)`, which solves them itself."""
    patients = oracle_patients(time=time)
    _, (residuals, designs, solved, penalties), _ = seen_by(estimator, patients, attrition.stages(patients, "scores"))

    def equations(theta):
        parts = np.split(theta, np.cumsum([len(of) for of in solved])[:-1])
        found = residuals(*(design @ of for design, of in zip(designs, parts, strict=True)))
        return np.vstack([residual * design.T - (penalty * of / len(design))[:, None] for residual, design, penalty, of
                          in zip(found, designs, penalties, parts, strict=True)])

    oracle = MEstimator(equations, init=np.concatenate(solved))
    oracle.estimate(deriv_method="capprox", dx=1e-6)
    assert np.concatenate(solved) == pytest.approx(oracle.theta, abs=1e-6)
    found = weighting.influence(residuals, designs, solved, penalties)
    assert (found ** 2).sum(axis=1) == pytest.approx(np.diag(oracle.variance), rel=1e-4)


@pytest.mark.parametrize("estimator", [weighting.weighted, weighting.doubly_robust])
@pytest.mark.parametrize("time", ["6m", "12m"])
def test_the_interval_is_that_of_leaving_out_each_patient_who_answered_and_fitting_anew(estimator, time):
    """Oracle: the estimator itself without the patient's row, and the first order of `influence` for the others."""
    patients = oracle_patients(time=time)
    answered, found = patients["kept"].notna().to_numpy(), attrition.stages(patients, "scores")
    whole, _, moved = seen_by(estimator, patients, found)

    def without(one):
        rows = np.arange(len(patients)) != one
        return estimator(patients[rows], [stage._replace(design=stage.design[rows], there=stage.there[rows],
                                                         passed=stage.passed[rows]) for stage in found]).share

    left_out = [logit(without(one)) - logit(whole.share) for one in np.flatnonzero(answered)]
    scale = whole.share * (1 - whole.share)
    assert error(whole) == pytest.approx(sandwich(np.append(scale * np.array(left_out), moved[~answered])), rel=1e-6)


@pytest.mark.parametrize("apart", [True, False])
def test_with_two_groups_weighting_is_standardisation_by_hand(apart):
    # everybody consented. Of 100 patients 40 answered and 36 kept it, of 200 20 answered and 12: 1/3 * 0.9 + 2/3 * 0.6
    found, _, moved = seen_by(weighting.weighted, GROUPS, attrition.stages(GROUPS, apart=apart))
    assert found.share == pytest.approx(0.9 / 3 + 0.6 * 2 / 3)
    # sum of (N_g / N)^2 p q / n_g, and the variance of N_g / N times the squared difference of the shares
    variance = (0.9 * 0.1 / 40) / 9 + 4 * (0.6 * 0.4 / 20) / 9 + (1 / 3) * (2 / 3) / 300 * 0.3 ** 2
    assert sandwich(moved) == pytest.approx(np.sqrt(variance), rel=1e-6)
    # weights 100/40 and 200/20: (40 * 2.5 + 20 * 10)^2 / (40 * 2.5^2 + 20 * 10^2)
    assert found.effective == pytest.approx(300 ** 2 / 2250)


@pytest.mark.parametrize("estimator", [weighting.weighted, weighting.doubly_robust])
def test_a_group_of_which_nobody_answered_tells_nothing_and_stops_nothing(estimator):
    """Oracle: the same estimate without the group, of whom nobody stands for anybody."""
    def stage(patients):
        answered, apart = patients["kept"].notna().to_numpy(), patients["phq9_end"].to_numpy() == 9
        design = np.column_stack([np.ones(len(patients)), *([apart] if apart.any() else [])]).astype(float)
        return [attrition.Stage("answered", design, ["apart"], np.ones(len(patients), bool), answered)]

    alone, with_group = two_groups({2.0: (36, 4, 60)}), two_groups({2.0: (36, 4, 60), 9.0: (0, 0, 150)})
    expected, found = (estimator(patients, stage(patients)) for patients in (alone, with_group))
    assert found == pytest.approx(expected, rel=1e-6)


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
    found = weighting.doubly_robust(many)
    assert found.share == pytest.approx(0.7, abs=2e-4)
    assert error(found) == pytest.approx(error(weighting.weighted(many)), rel=0.01)
    formula = weighting.doubly_robust(many, by_weights=False)
    assert formula.share == pytest.approx(0.7, abs=2e-4) and np.isnan(formula.low)


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
