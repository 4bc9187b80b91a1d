"""Partial pooling of services' rates by a beta-binomial model, and what it says of their ranks."""

from dataclasses import replace

import numpy as np
import pandas as pd

from durability_utils.analyses.rates import LEAST_PATIENTS, RATES
from durability_utils.study.expected import expect_columns

SEED, DRAWS, GRID_STEPS, NARROWINGS = 2016, 20_000, 120, 4
NAMED = 10  # of more services a sentence would be a page
POOLED = replace(
    RATES, title="Rates of services, partly pooled", rates={}, words=("above",),
    statistics={"share": "share"} | dict.fromkeys(
        ("pooled", "pooled_low", "pooled_high", "rank", "rank_low", "rank_high"), "posterior mean with its interval"))


def beta_binomial_grid(n, of) -> pd.DataFrame:
    """The posterior of how rates vary among services, on a grid: `mean`, `size`, `weight` (adding up to 1).

    n_i is binomial(of_i, p_i), p_i beta(a, b): `mean` = a / (a + b) is the mean rate of services (0 to 1), `size` = a +
    b tells how alike they are: their standard deviation is sqrt(mean (1 - mean) / (size + 1)), and a service of `size`
    patients is drawn half way to the mean. With p_i integrated out, P(n_i) = C(of_i, n_i) B(a + n_i, b + of_i - n_i) /
    B(a, b). Prior: uniform on the mean and on size^(-1/2) from 0 to 1, that of Gelman et al., Bayesian Data Analysis
    (3rd edition, section 5.3), which has no bound: a size below 1 would have services at 0 or 100 per cent rather than
    between, and without the bound there is no posterior where all have all or none of their patients.

    Why not the most likely (a, b), as empirical Bayes: with a handful of services the most likely spread is often none
    at all. All services would then be given one rate with hardly any interval, and their differences be called nothing,
    where there was only too little to see them. Here every spread counts by its probability.

    `n`, `of`: whole numbers, one a service, `of` 1 or more. The grid narrows to where the posterior is. Misuse: with
    fewer than about ten services the spread, and so how much is pooled, depends on the prior; and services are taken
    as exchangeable, so that known differences in patients or in completeness of scores do not enter.
    """
    lows, highs = np.zeros(2), np.ones(2)
    for _ in range(NARROWINGS):
        width = (highs - lows) / GRID_STEPS
        steps = (np.arange(GRID_STEPS) + 0.5)[:, None] * width + lows
        mean, root = (axis.ravel() for axis in np.meshgrid(*steps.T, indexing="ij"))
        log = _log_likelihood(n, of, mean, root**-2.0)
        weight = np.exp(log - log.max())
        there = weight > 1e-7
        ends = [(axis[there].min(), axis[there].max()) for axis in (mean, root)]
        lows = np.maximum([low for low, _ in ends] - width, 0)
        highs = np.minimum([high for _, high in ends] + width, 1)
    return pd.DataFrame({"mean": mean, "size": root**-2.0, "weight": weight / weight.sum()})


def _log_likelihood(n, of, mean, size) -> np.ndarray:
    from scipy.special import betaln  # a second to import

    a, b = mean * size, (1 - mean) * size
    return sum(betaln(a + x, b + total - x) - betaln(a, b) for x, total in zip(n, of, strict=True))


def draw_rates(n, of, draws: int = DRAWS, seed: int = SEED) -> np.ndarray:
    """Rates (0 to 1) of the services drawn from their posterior: one row a draw, one column a service.

    First (a, b) from `beta_binomial_grid`, then rates from beta(a + n_i, b + of_i - n_i); the same draws on each call.
    """
    random = np.random.default_rng(seed)
    n, of = np.asarray(n), np.asarray(of)
    grid = beta_binomial_grid(n, of)
    mean, size = grid.loc[random.choice(len(grid), draws, p=grid["weight"]), ["mean", "size"]].to_numpy().T
    a, b = mean * size, (1 - mean) * size
    return random.beta(a[:, None] + n, b[:, None] + (of - n))


def ranks(draws: np.ndarray) -> pd.DataFrame:
    """Ranks of the services, 1 for the highest rate: `rank` (mean over the draws), `rank_low`, `rank_high` (2.5th and
    97.5th percentile, whole numbers); one row a column of `draws`.

    Goldstein & Spiegelhalter 1996, Journal of the Royal Statistical Society A 159: 385-443. Misuse: to print the ranks
    without their intervals; a mean rank close to the middle is what a service gets of which nothing is known.
    """
    order = (-draws).argsort(axis=1).argsort(axis=1) + 1
    low, high = np.quantile(order, [0.025, 0.975], axis=0, method="inverted_cdf")
    return pd.DataFrame({"rank": order.mean(axis=0), "rank_low": low.astype(int), "rank_high": high.astype(int)})


def told_apart(draws: np.ndarray) -> np.ndarray:
    """Which services have a higher rate than which: row i, column j is True where i's is higher in at least 97.5 per
    cent of the draws, so that the 95 % interval of their difference does not hold zero.

    Partial pooling has drawn the rates together already, so that pairs are not corrected for their number (Gelman, Hill
    & Yajima 2012, Journal of Research on Educational Effectiveness 5: 189-211).
    """
    return np.array([(draws[:, [one]] > draws).mean(axis=0) >= 0.975 for one in range(draws.shape[1])])


def pooled_rates(rates: pd.DataFrame) -> pd.DataFrame:
    """Each service's rate drawn towards that of all, and its rank where there is an order.

    `rates`: rows of `rates.rates_from_counts` of single services. Those columns without the interval of the raw
    share, then `pooled` (posterior mean, 0 to 1), `pooled_low`, `pooled_high` (95 % interval), `above` (the services
    that it can be told apart from, and has the higher rate), and those of `ranks`, missing of a service that can be
    told apart from none. Services with fewer than LEAST_PATIENTS in a rate are in the model but not in the
    table, and rates with fewer than two others are left out: there is too little to show or to rank.
    """
    expect_columns(rates, ["service", "rate", "denominator", "n", "of", "share", "low", "high"], "rates")
    parts = []
    for _, part in rates[rates["of"] > 0].groupby(["rate", "denominator"], sort=False):
        enough = (part["of"] >= LEAST_PATIENTS).to_numpy()
        if enough.sum() > 1:
            draws, part = draw_rates(part["n"], part["of"])[:, enough], part[enough]
            low, high = np.quantile(draws, [0.025, 0.975], axis=0)
            above = told_apart(draws)
            told = above.any(axis=0) | above.any(axis=1)
            found = ranks(draws).where(pd.Series(told)).assign(
                pooled=draws.mean(axis=0), pooled_low=low, pooled_high=high,
                above=[", ".join(part["service"][row]) for row in above])
            parts.append(part.drop(columns=["low", "high"]).join(found.set_axis(part.index)))
    columns = ["service", "rate", "denominator", "n", "of", "share", "pooled", "pooled_low", "pooled_high", "above",
               "rank", "rank_low", "rank_high"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def order_in_words(pooled: pd.DataFrame) -> str:
    """What the rows of `pooled_rates` of one rate say of an order; of more than NAMED services only how many pairs."""
    services, pairs = len(pooled), sum(len(above.split(", ")) for above in pooled["above"] if above)
    if not services:
        return "too few patients for an order"
    if not pairs:
        return f"no two of {services} services can be told apart"
    if services > NAMED:
        return f"{pairs} of {services * (services - 1) // 2} pairs of services can be told apart"
    return "; ".join(f"{row.service} above {row.above}" for row in pooled.itertuples() if row.above)
