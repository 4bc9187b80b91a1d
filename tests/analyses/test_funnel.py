"""Control limits and the spread between services. Oracles: Spiegelhalter's formulas by hand, scipy's exact tails; R's
chisq.test, coin and metafor (`tests/oracles/services.R`); simulated services of known spread."""

import math

import numpy as np
import pandas as pd
import pytest
from r_says import r_says
from scipy import stats

from durability_utils.analyses.funnel import (
    BETWEEN,
    differences_in_words,
    dispersion,
    dispersions,
    limits,
    positions,
    rejected,
    spread_in_words,
    spread_of,
    tails,
    wider_limits,
    without_each,
)

R = r_says("services")
# reliable recovery (all scores) of the six services of the synthetic cohort, and recovery kept of those followed up
N, OF = [57, 166, 85, 100, 81, 30], [119, 460, 290, 276, 252, 114]
KEPT, FOLLOWED = [6, 21, 2, 5, 2, 2], [9, 26, 2, 6, 2, 2]


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
    spread = pd.DataFrame({"rate": ["recovery"], "denominator": "nhs", "target": 0.5, "tau": 0.12})
    found = positions(rates, spread)
    assert list(found["service"]) == ["A"]  # B has no patients
    assert found.at[0, "position"] == position
    assert found.at[0, "z"] == pytest.approx((n / 20 - 0.5) / math.sqrt(0.25 / 20))
    assert list(found)[-8:] == ["low_95", "high_95", "low_998", "high_998", "low_wide", "high_wide", "z", "position"]
    assert found.at[0, "high_wide"] == pytest.approx(0.5 + 1.959964 * math.sqrt(0.25 / 20 + 0.12**2))
    assert positions(rates, spread.assign(tau=0.0))["low_wide"].isna().all()  # no spread: no wider limits
    nobody = positions(rates.iloc[:0], spread)
    assert nobody.empty and "position" in nobody


def test_q_and_tau_by_hand():
    # four services of 100 patients, target 1/2: standard error .05, z = -4, -1, 1, 4, Q = 34. Services of one size:
    # Q at tau is 34 * .0025 / (.0025 + tau^2), which is 3 at tau^2 = .0025 * (34 / 3 - 1)
    found = dispersion([30, 45, 55, 70], [100] * 4, 0.5)
    assert found["q"] == pytest.approx(34)
    assert found["tau"] == pytest.approx(math.sqrt(0.0025 * (34 / 3 - 1)))
    low, high = (math.sqrt(0.0025 * (34 / stats.chi2.ppf(tail, 3) - 1)) for tail in (0.975, 0.025))
    assert high > 0.5  # more than any rates around 1/2 can differ
    assert [found["tau_low"], found["tau_high"]] == pytest.approx([low, 0.5])
    # no spread where services are more alike than chance makes them
    assert dispersion([50, 50, 50], [100] * 3, 0.5) | {"size": 0, "power": 0} == {
        "services": 3, "q": 0, "p": 1, "tau": 0, "tau_low": 0, "tau_high": 0, "size": 0, "power": 0}


def test_q_p_tau_and_its_interval_are_those_of_r():
    found = dispersion(N, OF, sum(N) / sum(OF))
    assert [found[name] for name in ("q", "p", "tau", "tau_low", "tau_high")] == pytest.approx(
        [R[name] for name in ("q", "p", "tau", "tau_low", "tau_high")], rel=1e-6)
    # DerSimonian and Laird's estimate is smaller; with each service's own variance tau is nearly the same
    assert R["tau_dl"] < found["tau"] == pytest.approx(R["tau_own_variance"], abs=3e-4)
    few = dispersion(KEPT, FOLLOWED, sum(KEPT) / sum(FOLLOWED))  # all of three services
    assert [few[name] for name in ("q", "p", "tau", "tau_high")] == pytest.approx(
        [R[f"kept_{name}"] for name in ("q", "p", "tau", "tau_high")], rel=1e-6)
    # coin's permutations give p without chi-squared: the same of many patients; of two to 26 a service both say nothing
    assert found["p"] == pytest.approx(R["p_permuted"], abs=5e-4)
    assert min(few["p"], R["kept_p_permuted"]) > 0.7


def test_size_and_power_of_the_test_as_simulated():
    # 5,000 studies each, so a share of .05 has a standard error of .003
    assert rejected(OF, 0.34, 0) == pytest.approx(0.05, abs=0.01)
    assert rejected(OF, 0.34, 0.03) == pytest.approx(0.34, abs=0.03)
    assert rejected(OF, 0.34, BETWEEN) == pytest.approx(0.69, abs=0.03)
    assert rejected(FOLLOWED, 0.81, 0) == pytest.approx(0.06, abs=0.015)  # of 2 to 26 patients chi-squared still holds
    assert rejected(FOLLOWED, 0.81, BETWEEN) < 0.12  # and sees next to nothing
    assert rejected([100] * 40, 0.34, BETWEEN) > 0.85
    assert math.isnan(rejected([50, 60], 0.001, BETWEEN))  # no rates around .001 differ by .05


@pytest.mark.parametrize("tau", [0, 0.05])
def test_the_interval_of_tau_holds_a_known_spread(tau):
    random, held, studies = np.random.default_rng(2016), [], 400
    of = np.array(OF)
    size = 0.34 * 0.66 / tau**2 - 1 if tau else None
    for _ in range(studies):
        n = random.binomial(of, random.beta(0.34 * size, 0.66 * size, 6) if tau else 0.34)
        target = n.sum() / of.sum()
        found = spread_of(n / of, target * (1 - target) / of, target)
        held.append(found["tau_low"] <= tau <= found["tau_high"])
    assert 0.92 <= np.mean(held) <= 0.985


@pytest.mark.parametrize(("n", "of", "target"), [([3], [9], 0.5), ([2, 3], [2, 3], 1.0), ([], [], 0.5)])
def test_dispersion_that_cannot_be_told_is_missing(n, of, target):
    found = dispersion(pd.Series(n, dtype=int), pd.Series(of, dtype=int), target)
    assert math.isnan(found["q"]) and math.isnan(found["tau"])
    assert spread_in_words(found).endswith("cannot be told")


def test_spread_in_words():
    found = {"tau": 0.0629, "tau_low": 0.0235, "tau_high": 0.1801, "p": 0.0032}
    assert spread_in_words(found) == ("a standard deviation between services of 6.3 points (95 % interval 2.4 to 18.0; "
                                      "Cochran's Q, p = 0.003)")
    assert "p < 0.001" in spread_in_words(found | {"p": 1e-9})


def test_what_a_difference_rests_on_is_found_by_leaving_each_service_out():
    # scipy's chi-squared of the table of services by outcome, without each of them
    table = np.array([N, np.subtract(OF, N)])
    expected = [stats.chi2_contingency(np.delete(table, one, axis=1), correction=False).pvalue for one in range(6)]
    assert without_each(N, OF) == pytest.approx(expected)
    part = pd.DataFrame({"service": list("ABCDEF"), "n": N, "of": OF})
    words = differences_in_words(part, dispersion(N, OF, sum(N) / sum(OF)))
    assert words.startswith("services differ by more than chance, with a standard deviation between services of 6.3 po")
    assert words.endswith(", which rests on service A (without it p = 0.116)")


def test_a_difference_that_is_not_shown_is_not_excluded():
    part = pd.DataFrame({"service": ["A", "B"], "n": [50, 60], "of": [100, 100]})
    found = {"p": 0.155, "power": 0.284, "tau_low": 0.0, "tau_high": 0.4951}
    assert differences_in_words(part, found) == (
        "a difference between services beyond chance was not shown (Cochran's Q, p = 0.155, power 0.28 for a standard "
        "deviation of 5 points), and a standard deviation of up to 49.5 points is not excluded")
    assert "power" not in differences_in_words(part, found | {"power": np.nan})  # too large for so rare an outcome
    assert differences_in_words(part, found | {"p": np.nan}) == "nothing can be told of differences between services"


def test_a_difference_of_a_size_that_may_be_none_is_suggested_only():
    # p below .05, but the interval of the spread begins at none
    part = pd.DataFrame({"service": ["A", "B"], "n": [50, 65], "of": [100, 100]})
    found = {"p": 0.031, "tau": 0.07, "tau_low": 0.0, "tau_high": 0.216}
    assert differences_in_words(part, found).startswith(
        "a difference between services is suggested, but the interval of its size reaches none: a standard deviation "
        "between services of 7.0 points (95 % interval 0.0 to 21.6; Cochran's Q, p = 0.031)")


def test_a_difference_of_many_rests_on_none_and_of_two_cannot_be_tried():
    part = pd.DataFrame({"service": list("ABCD"), "n": [80, 80, 20, 20], "of": 100})
    found = dispersion(part["n"], part["of"], 0.5)
    assert differences_in_words(part, found).endswith(", also without any one of them (p < 0.001)")
    two = part.iloc[1:3]
    assert np.isnan(without_each(two["n"], two["of"])).all()
    assert differences_in_words(two, dispersion(two["n"], two["of"], 0.5)).endswith("p < 0.001)")


def test_dispersion_is_of_each_rate():
    rates = pd.DataFrame({"rate": ["a", "a", "b", "b"], "denominator": "nhs", "n": [30, 70, 50, 0],
                          "of": [100, 100, 100, 0]})
    found = dispersions(rates, pd.DataFrame({"rate": ["a", "b"], "denominator": "nhs", "target": 0.5}))
    assert list(found["services"]) == [2, 1]
    assert found["q"].isna().tolist() == [False, True]


def test_wider_limits_by_hand():
    # standard error .05, tau .12: together .13
    low, high = wider_limits(0.5, [100], 0.12, 0.95)
    assert [low[0], high[0]] == pytest.approx([0.5 - 1.959964 * 0.13, 0.5 + 1.959964 * 0.13])
    assert [float(end[0]) for end in wider_limits(0.9, [4], 0.5, 0.95)][1] == 1
    # nowhere narrower than the exact ones
    assert [wide[0] for wide in wider_limits(0.67, [5], 0.001, 0.95)] == [end[0] for end in limits(0.67, [5], 0.95)]
