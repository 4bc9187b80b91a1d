"""Services compared: funnel limits, over-dispersion, partial pooling, and how far a ranking can be trusted."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import betaln
from scipy.stats import binom

LIMITS = {"95": (0.025, 0.975), "998": (0.001, 0.999)}  # per cent and per mille; about 2 and 3 standard errors
LEAST_SERVICES = 3
DRAWS = 4000


def funnel_limits(of, target: float, probability: float) -> np.ndarray:
    """The share below which a service of each size `of` falls with this probability if its true share is `target`.

    Exact binomial, interpolated (Spiegelhalter 2005, Statistics in Medicine 24:1185, appendix A.1.1): with r the
    smallest count of which P(R <= r) >= probability, the limit is (r - a) / n, where
    a = (P(R <= r) - probability) / (P(R <= r) - P(R <= r - 1)). Between 0 and 1; 1 where even everybody would be no
    surprise. Misuse: it asks whether a service differs from the target by more than chance, not whether it is good,
    and of many services some fall outside.
    """
    of = np.asarray(of, float)
    r = binom.ppf(probability, of, target)
    up_to, below = binom.cdf(r, of, target), binom.cdf(r - 1, of, target)
    limits = np.clip((r - (up_to - probability) / (up_to - below)) / of, 0, 1)
    return np.where(binom.cdf(of - 1, of, target) < probability, 1.0, limits)


class Dispersion(NamedTuple):
    """How much services differ beyond chance: the factor phi, their number, and whether phi is used for the limits."""

    phi: float
    services: int
    used: bool


def dispersion(n, of, target: float, trimmed: float = 0.1) -> Dispersion:
    """Winsorised over-dispersion (Spiegelhalter 2005, section 3.2): phi is the mean of z squared.

    z = (share - target) / sqrt(target (1 - target) / of), with the most extreme tenth at either end set to the
    percentiles there, so that a few odd services do not make all others look alike. As he advises, it widens limits
    only where phi is above 1. Misuse: with few services phi itself is hardly known.
    """
    n, of = np.asarray(n, float), np.asarray(of, float)
    z = (n / of - target) / np.sqrt(target * (1 - target) / of) if 0 < target < 1 else np.zeros(len(of))
    z = np.clip(z, *np.quantile(z, [trimmed, 1 - trimmed]))
    phi = float((z ** 2).mean())
    return Dispersion(phi, len(of), phi > 1)


def funnel(counts: pd.DataFrame, target: float) -> pd.DataFrame:
    """Each service with its limits: `service, n, of, share, target, low_95, high_95, low_998, high_998, outside`.

    counts: `service, n, of`, of above 0. `outside` is `outside_998`, `outside_95` or `neither`.
    """
    table = counts[["service", "n", "of"]].assign(share=counts["n"] / counts["of"], target=target, outside="neither")
    for name, probabilities in LIMITS.items():
        limits = [funnel_limits(table["of"], target, probability) for probability in probabilities]
        table[f"low_{name}"], table[f"high_{name}"] = limits
        table["outside"] = table["outside"].mask(~table["share"].between(*limits), f"outside_{name}")
    return table[[*table.columns.drop("outside"), "outside"]]


# -- partial pooling -------------------------------------------------------------------------------

class Posterior(NamedTuple):
    """What partial pooling says, a row a draw: the true share of each service (columns), their average, its strength.

    strength: how many patients the average is worth for each service.
    """

    shares: np.ndarray
    mean: np.ndarray
    strength: np.ndarray


def partial_pooling(n, of, seed: int = 1) -> Posterior:
    """Beta-binomial model: n ~ Binomial(of, p), p ~ Beta(m s, (1 - m) s), with draws from its posterior.

    The marginal likelihood of (m, s) is the product over services of
    B(m s + n, (1 - m) s + of - n) / B(m s, (1 - m) s), B the beta function,
    on a grid of m and of 1 / sqrt(s), both even between 0 and 1 (Gelman et al. 2013, Bayesian Data Analysis, section
    5.3, whose prior is uniform in the same two). Given (m, s), p is Beta(m s + n, (1 - m) s + of - n). Unlike a fit by
    maximum likelihood it does not claim that services are all alike where a few of them cannot show a difference.
    Misuse: the model takes services as exchangeable; where they treat other patients that is not so.
    """
    n, of = np.asarray(n, float), np.asarray(of, float)
    means, spreads = (np.arange(400) + 0.5) / 400, (np.arange(200) + 0.5) / 200
    m, s = (axis.ravel() for axis in np.meshgrid(means, spreads ** -2.0))
    a, b = m * s, (1 - m) * s
    log_likelihood = np.zeros(len(m))
    for count, size in zip(n, of, strict=True):
        log_likelihood += betaln(a + count, b + size - count) - betaln(a, b)
    weight = np.exp(log_likelihood - log_likelihood.max())
    random = np.random.default_rng(seed)
    drawn = random.choice(len(m), DRAWS, p=weight / weight.sum())
    shares = random.beta(a[drawn, None] + n, b[drawn, None] + of - n)
    return Posterior(shares, m[drawn], s[drawn])


def pooled_shares(counts: pd.DataFrame, posterior: Posterior) -> pd.DataFrame:
    """Each service raw and pooled: `service, n, of, share, pooled, low, high, rank, rank_low, rank_high, p_first`.

    pooled, low, high: mean and 95 % interval of its share in the posterior. rank: 1 for the highest share, the median
    with a 95 % interval; p_first: how probable it is that this service has the highest share. Misuse: a league table
    without the interval of the ranks (Goldstein & Spiegelhalter 1996).
    """
    low, high = np.quantile(posterior.shares, [0.025, 0.975], axis=0)
    ranks = (-posterior.shares).argsort(axis=1).argsort(axis=1) + 1
    first, median, last = np.quantile(ranks, [0.025, 0.5, 0.975], axis=0, method="inverted_cdf").astype(int)
    return counts[["service", "n", "of"]].assign(
        share=counts["n"] / counts["of"], pooled=posterior.shares.mean(axis=0), low=low, high=high,
        rank=median, rank_low=first, rank_high=last, p_first=(ranks == 1).mean(axis=0))


def told_apart(names, posterior: Posterior, probability: float = 0.975) -> pd.DataFrame:
    """The pairs of services of which one has the higher share with at least this probability: `higher, lower, p`.

    By partial pooling, which needs no further correction for the number of pairs (Gelman, Hill & Yajima 2012).
    """
    pairs = [(one, other, float((posterior.shares[:, i] > posterior.shares[:, j]).mean()))
             for i, one in enumerate(names) for j, other in enumerate(names) if i != j]
    found = [pair for pair in pairs if pair[2] >= probability]
    return pd.DataFrame(found, columns=["higher", "lower", "p"])
