"""Services compared. Oracles: binomial sums by hand, Spiegelhalter's formula, and a worked example of a textbook."""

from math import comb

import numpy as np
import pandas as pd
import pytest

from durability_utils.services import dispersion, funnel, funnel_limits, partial_pooling, pooled_shares, told_apart


def counts(*pairs):
    return pd.DataFrame(pairs, columns=["n", "of"]).assign(service=list("ABCDEFGH"[:len(pairs)]))


def test_limits_interpolate_between_exact_binomial_probabilities():
    """By hand for 10 patients at 0.5: P(R <= 1) is 11/1024 and P(R <= 2) is 56/1024, so 0.025 is reached at r = 2;
    P(R <= 7) is 968/1024 and P(R <= 8) is 1013/1024, so 0.975 is reached at r = 8. Between them lie 45/1024."""
    assert funnel_limits([10], 0.5, 0.025)[0] == pytest.approx((2 - (56 / 1024 - 0.025) / (45 / 1024)) / 10)
    assert funnel_limits([10], 0.5, 0.975)[0] == pytest.approx((8 - (1013 / 1024 - 0.975) / (45 / 1024)) / 10)


def test_limits_hold_the_probability_that_they_claim():
    """Binomial sums: of a service of 40 at 0.3 no more than 2.5 % lie below the lower and above the upper limit."""
    probabilities = [comb(40, k) * 0.3 ** k * 0.7 ** (40 - k) for k in range(41)]
    low, high = (funnel_limits([40], 0.3, p)[0] for p in (0.025, 0.975))
    assert sum(p for k, p in enumerate(probabilities) if k / 40 < low) <= 0.025
    assert sum(p for k, p in enumerate(probabilities) if k / 40 > high + 1 / 40) <= 0.025


def test_a_few_patients_cannot_be_outside_at_the_top():
    """0.86 to the third is 0.64: three of three is no surprise."""
    table = funnel(counts((3, 3), (86, 100)), 0.86)
    assert table["high_998"].tolist()[0] == 1
    assert table["outside"].tolist() == ["neither", "neither"]


def test_outside_names_the_outer_limits():
    table = funnel(counts((50, 100), (61, 100), (80, 100)), 0.5)
    assert table["outside"].tolist() == ["neither", "outside_95", "outside_998"]


def test_dispersion_is_the_mean_squared_z():
    """By hand: at 0.5 of 100 the standard error is 0.05; shares 0.4 and 0.6 have z of -2 and 2, so phi is 4."""
    found = dispersion([40, 60], [100, 100], 0.5, trimmed=0)
    assert found.phi == pytest.approx(4) and found.used


def test_extremes_are_drawn_in():
    """Eleven services, one of them odd: the tenth percentile at either end takes the place of what lies beyond."""
    n = [50] * 10 + [95]
    assert dispersion(n, [100] * 11, 0.5, trimmed=0).phi == pytest.approx(81 / 11)
    assert dispersion(n, [100] * 11, 0.5).phi == 0
    assert not dispersion(n, [100] * 11, 0.5).used


RAT_TUMOURS = (  # Tarone (1982), as in Gelman et al. (2013), table 5.1: tumours of rats in 71 experiments
    [0] * 14 + [1] * 8 + [2] * 9 + [1, 5, 2, 5, 2, 7, 7, 3, 3, 2, 9, 10, 4, 4, 4, 4, 4, 4, 4, 10, 4, 4, 4, 5, 11, 12,
                                   5, 5, 6, 5, 6, 6, 6, 6, 16, 15, 15, 9, 4, 4],
    [20, 20, 20, 20, 20, 20, 20, 19, 19, 19, 19, 18, 18, 17, 20, 20, 20, 20, 19, 19, 18, 18, 25, 24, 23, 20, 20, 20, 20,
     20, 20, 10, 49, 19, 46, 17, 49, 47, 20, 20, 13, 48, 50, 20, 20, 20, 20, 20, 20, 20, 48, 19, 19, 19, 22, 46, 49,
     20, 20, 23, 19, 22, 20, 20, 20, 52, 46, 47, 24, 14, 14])


def test_partial_pooling_gives_the_textbook_posterior():
    """Gelman et al. (2013), section 5.3, by a grid of their own: the posterior means of alpha and beta are 2.4 and 14.3
    and the last experiment's 4 of 14 (0.29) is drawn to about 0.21."""
    n, of = RAT_TUMOURS
    assert len(n) == len(of) == 71
    posterior = partial_pooling(n, of)
    assert (posterior.mean * posterior.strength).mean() == pytest.approx(2.4, abs=0.15)
    assert ((1 - posterior.mean) * posterior.strength).mean() == pytest.approx(14.3, abs=0.9)
    last = posterior.shares[:, -1]
    assert 0.19 < last.mean() < 0.23


def test_pooling_draws_small_services_further():
    raw = counts((9, 10), (160, 200), (100, 200), (120, 200))
    table = pooled_shares(raw, partial_pooling(raw["n"], raw["of"]))
    moved = (table["pooled"] - table["share"]).abs()
    assert moved[0] > 3 * moved[1]
    assert table["pooled"].between(table["low"], table["high"]).all()


def test_services_that_are_alike_cannot_be_ranked_and_others_can():
    alike = counts((50, 100), (51, 100), (49, 100))
    posterior = partial_pooling(alike["n"], alike["of"])
    assert told_apart(list("ABC"), posterior).empty
    assert pooled_shares(alike, posterior)[["rank_low", "rank_high"]].to_numpy().tolist() == [[1, 3]] * 3
    apart = counts((90, 100), (50, 100), (10, 100))
    posterior = partial_pooling(apart["n"], apart["of"])
    assert pooled_shares(apart, posterior)["rank"].tolist() == [1, 2, 3]
    assert told_apart(list("ABC"), posterior)[["higher", "lower"]].agg("".join, axis=1).tolist() == ["AB", "AC", "BC"]
    assert pooled_shares(apart, posterior)["p_first"].sum() == pytest.approx(1)


def test_the_same_seed_gives_the_same_draws():
    one, other = (partial_pooling([3, 8], [10, 10]).shares for _ in range(2))
    assert np.array_equal(one, other)
