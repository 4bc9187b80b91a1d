"""Control limits and over-dispersion. Oracles: Spiegelhalter's formulas by hand, scipy's exact tails."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from durability_utils.analyses.funnel import dispersion, dispersions, limits, positions, tails, wider_limits


def test_lower_limit_is_spiegelhalters_formula_by_hand():
    # ten patients, target 1/2, p = .025: P(R <= 1) = 11/1024, P(R <= 2) = 56/1024, so r = 2,
    # a = (56/1024 - .025) / (45/1024) and the limit is (2 - a) / 10; the upper one mirrors it
    a = (56 / 1024 - 0.025) / (45 / 1024)
    low, high = limits(0.5, [10], 0.95)
    assert low[0] == pytest.approx((2 - a) / 10)
    assert high[0] == pytest.approx(1 - (2 - a) / 10)


@pytest.mark.parametrize("target", [0.05, 0.34, 0.5, 0.86])
@pytest.mark.parametrize("level", [0.95, 0.998])
def test_a_count_lies_outside_a_limit_just_when_its_own_tail_is_smaller(target, level):
    # tails: scipy.stats.binomtest(n, of, target, alternative="less" and "greater").pvalue
    for of in (1, 2, 3, 8, 17, 60):
        low, high = (float(end[0]) for end in limits(target, [of], level))
        for n in range(of + 1):
            less, more = (stats.binomtest(n, of, target, alternative=side).pvalue for side in ("less", "greater"))
            assert (n / of < low - 1e-12) == (less < (1 - level) / 2), (n, of)
            assert (n / of > high + 1e-12) == (more < (1 - level) / 2), (n, of)


def test_limits_come_close_to_the_normal_ones_where_there_are_many_patients():
    low, high = limits(0.4, [40_000], 0.95)
    half = 1.959964 * math.sqrt(0.4 * 0.6 / 40_000)
    assert [low[0], high[0]] == pytest.approx([0.4 - half, 0.4 + half], abs=2 / 40_000)


def test_limits_and_tails_at_their_ends():
    # where the target is none or all nothing lies outside
    assert [list(end) for end in limits(0, [3, 4], 0.95)] == [[0, 0], [0, 0]]
    assert [list(end) for end in limits(1, [3, 4], 0.998)] == [[1, 1], [1, 1]]
    below, above = tails([2], [2], 0.5)  # tails hold the count itself
    assert (below[0], above[0]) == (1, pytest.approx(0.25))


@pytest.mark.parametrize(("n", "position"), [
    # of 20 patients at a target of 1/2 the tails are 2^-20 (1 + 20 + 190 + ...): P(R <= 5) = .0207, P(R <= 6) = .0577,
    # P(R <= 2) = .0002, P(R <= 3) = .0013; .025 and .001 are asked for
    (2, "below_998"), (3, "below_95"), (5, "below_95"), (6, "within"), (14, "within"), (15, "above_95"),
    (17, "above_95"), (18, "above_998")])
def test_positions_by_exact_tails(n, position):
    rates = pd.DataFrame({"service": ["A", "B"], "rate": "recovery", "denominator": "nhs", "n": [n, 0], "of": [20, 0],
                          "share": [n / 20, np.nan], "low": 0.0, "high": 1.0})
    target = pd.DataFrame({"rate": ["recovery"], "denominator": "nhs", "target": 0.5})
    found = positions(rates, target)
    assert list(found["service"]) == ["A"]  # B has no patients
    assert found.at[0, "position"] == position
    assert found.at[0, "z"] == pytest.approx((n / 20 - 0.5) / math.sqrt(0.25 / 20))
    assert list(found)[-6:] == ["low_95", "high_95", "low_998", "high_998", "z", "position"]
    nobody = positions(rates.iloc[:0], target)
    assert nobody.empty and "position" in nobody


def test_dispersion_by_hand():
    # four services of 100 patients, target 1/2: standard error .05, z = -4, -1, 1, 4. The 10th and 90th percentiles
    # (R's quantile, type 7) lie .3 of the way in: -3.1 and 3.1. phi = (2 * 9.61 + 2) / 4 = 5.305.
    # w = 400 each: tau^2 = (4 * 5.305 - 3) / (1600 - 640000 / 1600) = 18.22 / 1200
    found = dispersion(pd.Series([30, 45, 55, 70]), pd.Series([100] * 4), 0.5)
    assert dict(found) == pytest.approx({"services": 4, "phi": 5.305, "expected_up_to": 1 + 2 * math.sqrt(0.5),
                                         "tau": math.sqrt(18.22 / 1200)})
    # no spread where services are more alike than chance makes them
    found = dispersion(pd.Series([50, 50, 50]), pd.Series([100] * 3), 0.5)
    assert (found["phi"], found["tau"]) == (0, 0)


@pytest.mark.parametrize(("n", "of", "target"), [([3], [9], 0.5), ([2, 3], [2, 3], 1.0), ([], [], 0.5)])
def test_dispersion_that_cannot_be_told_is_missing(n, of, target):
    found = dispersion(pd.Series(n, dtype=int), pd.Series(of, dtype=int), target)
    assert math.isnan(found["phi"]) and math.isnan(found["tau"])


def test_dispersion_is_of_each_rate():
    rates = pd.DataFrame({"rate": ["a", "a", "b", "b"], "denominator": "nhs", "n": [30, 70, 50, 0],
                          "of": [100, 100, 100, 0]})
    found = dispersions(rates, pd.DataFrame({"rate": ["a", "b"], "denominator": "nhs", "target": 0.5}))
    assert list(found["services"]) == [2, 1]
    assert found["phi"].isna().tolist() == [False, True]


def test_wider_limits_by_hand():
    # standard error .05, tau .12: together .13
    low, high = wider_limits(0.5, [100], 0.12, 0.95)
    assert [low[0], high[0]] == pytest.approx([0.5 - 1.959964 * 0.13, 0.5 + 1.959964 * 0.13])
    assert [float(end[0]) for end in wider_limits(0.9, [4], 0.5, 0.95)][1] == 1
