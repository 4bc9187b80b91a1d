"""Funnel plots in numbers: which services lie further from a target than chance alone explains."""

from dataclasses import replace

import numpy as np
import pandas as pd

from durability_utils.analyses.rates import RATES
from durability_utils.study.expected import expect_columns, expect_numbers
from durability_utils.study.holds import Holds

LEVELS = {"95": 0.95, "998": 0.998}
WINSORISED = 0.1
FUNNEL = replace(
    RATES, title="Services against a target", rates={}, words=("position",),
    statistics={"share": "share", "target": "rate of all, or England's", "z": "z"} | dict.fromkeys(
        ("low_95", "high_95", "low_998", "high_998"), "control limit"))
DISPERSION = Holds("How far services differ", {"services": "services/{rate}/{denominator}"}, statistics={
    "target": "pooled rate", "phi": "overdispersion", "expected_up_to": "overdispersion by chance",
    "tau": "standard deviation between services"})


def limits(target: float, of, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper control limit (shares, 0 to 1) of services with `of` patients each, for a target share.

    Exact binomial limits, interpolated (Spiegelhalter 2005, Statistics in Medicine 24: 1185-1202, appendix A.1.1):
    for the tail p = (1 - level) / 2 let r be the smallest count with P(R <= r) >= p, R binomial(of, target); the limit
    is (r - a) / of with a = (P(R <= r) - p) / (P(R <= r) - P(R <= r - 1)), and not below 0. So a service is below it
    just when P(R <= its count) < p. The upper limit is the same of those *without* the outcome, so that a service is
    above it just when P(R >= its count) < p. (Spiegelhalter takes the formula at 1 - p instead, which lies up to one
    patient lower: at a target of 0.86 it puts 3 of 3 beyond the limit, which chance brings about 64 times in 100.)

    `of` are whole numbers of 1 or more. Misuse: the limits take the target as known and patients as independent and
    alike; they are no intervals of a service's own rate, and of twenty services one is expected beyond those of 95 %.
    """
    of, tail = np.asarray(of), (1 - level) / 2
    return _lower_limit(target, of, tail), 1 - _lower_limit(1 - target, of, tail)


def _lower_limit(target: float, of: np.ndarray, tail: float) -> np.ndarray:
    from scipy.stats import binom  # a second to import

    if target <= 0 or target >= 1:  # chance has no part in it
        return np.full(of.shape, float(target))
    r = binom.ppf(tail, of, target)
    here, before = binom.cdf(r, of, target), binom.cdf(r - 1, of, target)
    return np.maximum((r - (here - tail) / (here - before)) / of, 0)


def tails(n, of, target: float) -> tuple[np.ndarray, np.ndarray]:
    """P(R <= n) and P(R >= n) of R binomial(of, target): how often chance alone gives as few, as many."""
    from scipy.stats import binom

    n = np.asarray(n)
    return binom.cdf(n, of, target), binom.sf(n - 1, of, target)


def positions(rates: pd.DataFrame, targets: pd.DataFrame) -> pd.DataFrame:
    """Where each service lies in the funnel of each rate for which there is a target.

    `rates`: rows of `rates.rates_from_counts` of single services; `targets`: `rate, denominator, target` (0 to 1).
    In the order of the targets `service, rate, denominator, n, of, share, target, low_95, high_95, low_998, high_998`
    (control limits, as in `limits`), `z` (of `z_score`) and `position`: `within`, `below_` or `above_` one of LEVELS.
    Services without patients are left out; `z` is missing where the target is 0 or 1.
    """
    _expect_targets(rates, targets)
    table = targets.merge(rates[rates["of"] > 0], on=["rate", "denominator"])[
        ["service", "rate", "denominator", "n", "of", "share", "target"]]
    rows = [_position(n, of, target) for n, of, target in zip(table["n"], table["of"], table["target"], strict=True)]
    columns = [*(f"{end}_{level}" for level in LEVELS for end in ("low", "high")), "z", "position"]
    return table.join(pd.DataFrame(rows, columns=columns, index=table.index))


def _expect_targets(rates: pd.DataFrame, targets: pd.DataFrame) -> None:
    expect_columns(rates, ["rate", "denominator", "n", "of"], "rates")
    expect_columns(targets, ["rate", "denominator", "target"], "targets")
    expect_numbers(targets["target"], "targets: target", (0, 1))


def _position(n: int, of: int, target: float) -> tuple:
    ends = [float(end) for level in LEVELS.values() for end in limits(target, of, level)]
    below, above = tails(n, of, target)
    position = "within"
    for code, level in LEVELS.items():
        if min(below, above) < (1 - level) / 2:
            position = f"{'below' if below < above else 'above'}_{code}"
    return *ends, z_score(n, of, target), position


def z_score(n, of, target: float):
    """(share - target) / sqrt(target (1 - target) / of), Spiegelhalter's naive z; NaN at a target of 0 or 1."""
    return (n / of - target) / np.sqrt(target * (1 - target) / of) if 0 < target < 1 else n * np.nan


def dispersion(n: pd.Series, of: pd.Series, target: float) -> dict[str, float]:
    """Whether services differ more than chance: `services, phi, expected_up_to, tau`.

    z as in `z_score`, winsorised: beyond its 10th and 90th percentile it is set to that percentile, so that one or two
    outlying services do not make all others look alike. phi = mean of z squared, 1 where chance explains all (below it,
    since winsorised, and since the target is the services' own). Over-dispersion is taken as shown above
    `expected_up_to` = 1 + 2 sqrt(2 / services). tau (a share, 0 to 1) is the standard deviation between services in the
    additive random-effects model, of which the variance of a service is target (1 - target) / of + tau squared:
    tau squared = (I phi - (I - 1)) / (sum w - sum w squared / sum w), w = of / (target (1 - target)), and 0 below 0;
    I: number of services. Spiegelhalter 2005, Statistics in Medicine 24: 1185-1202, and Quality and Safety in Health
    Care 14: 347-351. NaN with fewer than two services, or a target of 0 or 1.
    Misuse: z is rough where a service has fewer than five patients with or without the outcome; with few services phi
    says little, and a phi that is not above its bound does not show that services are alike.
    """
    services = len(n)
    if services < 2 or not 0 < target < 1:
        return {"services": services, "phi": np.nan, "expected_up_to": np.nan, "tau": np.nan}
    z = z_score(n, of, target)
    z = z.clip(*z.quantile([WINSORISED, 1 - WINSORISED]))
    phi, weight = float((z**2).mean()), of / (target * (1 - target))
    spread = (services * phi - (services - 1)) / (weight.sum() - (weight**2).sum() / weight.sum())
    return {"services": services, "phi": phi, "expected_up_to": 1 + 2 * (2 / services) ** 0.5,
            "tau": float(max(spread, 0)) ** 0.5}


def wider_limits(target: float, of, tau: float, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper limit with the spread between services: target +- z sqrt(target (1 - target) / of + tau squared),
    within 0 and 1 (Spiegelhalter 2005, the additive random-effects model)."""
    from scipy.stats import norm

    half = norm.ppf((1 + level) / 2) * np.sqrt(target * (1 - target) / np.asarray(of) + tau**2)
    return np.maximum(target - half, 0), np.minimum(target + half, 1)


def dispersions(rates: pd.DataFrame, targets: pd.DataFrame) -> pd.DataFrame:
    """`dispersion` of each rate for which there is a target: `rate, denominator, target`, then its columns."""
    _expect_targets(rates, targets)
    rows = []
    for rate, denominator, target in targets[["rate", "denominator", "target"]].itertuples(index=False):
        part = rates[(rates["rate"] == rate) & (rates["denominator"] == denominator) & (rates["of"] > 0)]
        rows.append({"rate": rate, "denominator": denominator, "target": target}
                    | dispersion(part["n"], part["of"], target))
    return pd.DataFrame(rows, columns=["rate", "denominator", "target", "services", "phi", "expected_up_to", "tau"])
