"""Partial pooling. Oracles: the rat tumours of Bayesian Data Analysis, numerical integration, R's lme4."""

import numpy as np
import pandas as pd
import pytest
from r_says import ORACLES, r_says
from scipy import integrate, stats

from durability_utils.analyses.pooling import (
    beta_binomial_grid,
    draw_rates,
    order_in_words,
    pooled_rates,
    ranks,
    told_apart,
)

# Tarone 1982 in Gelman et al., Bayesian Data Analysis (3rd edition), table 5.1: rats with a tumour, and rats, in 70
# earlier experiments; the last one is the current experiment
TUMOURS = [*[0] * 14, *[1] * 8, *[2] * 9, 1, 5, 2, 5, 3, 2, 7, 7, 3, 3, 2, 9, 10, *[4] * 7, 10, 4, 4, 4, 5, 11, 12, 5,
           5, 6, 5, *[6] * 4, 16, 15, 15, 9, 4]
RATS = [*[20] * 7, *[19] * 4, 18, 18, 17, *[20] * 4, 19, 19, 18, 18, 25, 24, 23, *[20] * 6, 10, 49, 19, 46, 27, 17, 49,
        47, 20, 20, 13, 48, 50, *[20] * 7, 48, 19, 19, 19, 22, 46, 49, 20, 20, 23, 19, 22, 20, 20, 20, 52, 46, 47, 24,
        14]


def table(*services):
    rows = [(name, "recovery", "nhs", n, of, n / of if of else None, None, None) for name, n, of in services]
    return pd.DataFrame(rows, columns=["service", "rate", "denominator", "n", "of", "share", "low", "high"])


def test_the_rat_tumours_of_bayesian_data_analysis():
    # section 5.3: posterior means of a and b are 2.4 and 14.3
    grid = beta_binomial_grid(TUMOURS, RATS)
    a = (grid["mean"] * grid["size"] * grid["weight"]).sum()
    b = ((1 - grid["mean"]) * grid["size"] * grid["weight"]).sum()
    assert (round(a, 1), round(b, 1)) == (2.4, 14.3)
    assert grid["weight"].sum() == pytest.approx(1)


def test_the_posterior_by_numerical_integration():
    # two services; the prior is flat on the mean and on r = size^(-1/2); scipy.stats.betabinom.pmf, dblquad
    n, of = (2, 7), (5, 8)

    def density(root, mean, of_what):
        size = root**-2
        chance = np.prod([stats.betabinom.pmf(x, total, mean * size, (1 - mean) * size)
                          for x, total in zip(n, of, strict=True)])
        return chance * of_what(mean, size)

    def integral(of_what):
        return integrate.dblquad(density, 0, 1, 0.01, 1, args=(of_what,), epsabs=1e-6)[0]

    whole = integral(lambda mean, size: 1)
    grid = beta_binomial_grid(n, of)
    grid = grid[grid["size"] <= 1e4]  # as far as the integral goes
    weight = grid["weight"] / grid["weight"].sum()
    assert (grid["mean"] * weight).sum() == pytest.approx(integral(lambda mean, size: mean) / whole, abs=2e-3)
    spread = (grid["mean"] * (1 - grid["mean"]) / (grid["size"] + 1) * weight).sum()
    expected = integral(lambda mean, size: mean * (1 - mean) / (size + 1)) / whole
    assert spread == pytest.approx(expected, abs=1e-3)


def test_where_services_differ_a_lot_and_are_large_they_keep_their_rates():
    assert draw_rates([20_000, 80_000], [100_000, 100_000]).mean(axis=0) == pytest.approx([0.2, 0.8], abs=0.002)


def test_small_services_are_drawn_to_the_rest_and_large_ones_hardly():
    found = pooled_rates(table(("A", 430, 860), ("B", 14, 20), ("C", 500, 1000))).set_index("service")
    assert found.at["A", "pooled"] == pytest.approx(0.5, abs=0.02)
    assert 0.5 < found.at["B", "pooled"] < 0.67  # 14 of 20, less than half way from the others
    assert (found["pooled_low"] < found["pooled"]).all() and (found["pooled"] < found["pooled_high"]).all()


def test_pooled_rates_are_close_to_those_of_a_mixed_logistic_model():
    # R: glmer(outcome ~ 1 + (1 | service)), another distribution of services' rates, and the most likely spread
    patients = pd.read_csv(ORACLES / "inputs" / "forty_services.csv")
    counts = patients.groupby("service")["outcome"].agg(["sum", "size"])
    found = draw_rates(counts["sum"], counts["size"]).mean(axis=0)
    theirs = [r_says("services")[f"pooled {service}"] for service in counts.index]
    raw = counts["sum"] / counts["size"]
    assert found == pytest.approx(theirs, abs=0.04)
    assert np.abs(found - theirs).mean() < 0.015 < np.abs(raw - theirs).mean() / 4


def test_the_boundaries_have_a_posterior():
    # all of every service, or nobody: the most likely spread is none, and no rate is known to be 100 per cent
    for n, of in (([3, 2], [3, 2]), ([0, 0], [4, 1])):
        low, high = np.quantile(draw_rates(n, of), [0.025, 0.975], axis=0)
        assert (high - low > 0.2).all()
    assert (draw_rates([3, 5], [9, 9]) == draw_rates([3, 5], [9, 9])).all()  # the same on each call


def test_ranks_by_hand():
    # three draws of three services, the highest rate is 1: (1, 2, 3), (1, 2, 3), (2, 1, 3)
    draws = np.array([[0.9, 0.8, 0.1], [0.7, 0.6, 0.5], [0.4, 0.5, 0.2]])
    found = ranks(draws)
    assert found["rank"].tolist() == pytest.approx([4 / 3, 5 / 3, 3])
    assert found["rank_low"].tolist() == [1, 1, 3] and found["rank_high"].tolist() == [2, 2, 3]


def test_told_apart_by_hand():
    # of 40 draws the first is above the second in 39 (97.5 per cent), the second above the third in 38
    draws = np.column_stack([[0.5] * 40, [0.6] + [0.4] * 39, [0.3] * 38 + [0.45] * 2])
    assert told_apart(draws).tolist() == [[False, True, True], [False, False, False], [False, False, False]]


def test_only_what_the_numbers_bear_out_is_ranked():
    found = pooled_rates(table(("A", 900, 1000), ("B", 100, 1000), ("C", 110, 1000)))
    assert found["above"].tolist() == ["B, C", "", ""]
    assert found["rank_low"].tolist() == [1, 2, 2] and found["rank_high"].tolist() == [1, 3, 3]
    assert order_in_words(found) == "A above B, C"
    # who is told apart from none has no rank, whatever others have: B and D
    some = pooled_rates(table(("A", 57, 119), ("B", 166, 460), ("C", 85, 290), ("D", 100, 276), ("E", 81, 252)))
    assert some["above"].tolist() == ["C, E", "", "", "", ""]
    assert some["rank"].notna().tolist() == some["rank_high"].notna().tolist() == [True, False, True, False, True]
    assert order_in_words(pd.concat([found] * 4)) == "8 of 66 pairs of services can be told apart"
    assert order_in_words(found.iloc[:0]) == "too few patients for an order"
    alike = pooled_rates(table(("A", 12, 24), ("B", 13, 24)))
    assert alike["above"].tolist() == ["", ""] and alike[["rank", "rank_low", "rank_high"]].isna().all(axis=None)
    assert order_in_words(alike) == "no two of 2 services can be told apart"


def test_of_few_patients_a_service_is_in_the_model_but_not_in_the_table():
    # 19 is the most with which a service has no row
    found = pooled_rates(table(("A", 30, 90), ("B", 2, 19), ("C", 10, 20), ("D", 0, 0)))
    assert list(found["service"]) == ["A", "C"]
    assert found["pooled"].tolist() != pooled_rates(table(("A", 30, 90), ("C", 10, 20)))["pooled"].tolist()
    nobody = pooled_rates(table(("A", 30, 90), ("B", 2, 19)))
    assert nobody.empty and "rank_high" in nobody
