"""Funnel plots in numbers: which services lie further from a target than chance alone explains."""

from dataclasses import replace

import numpy as np
import pandas as pd

from durability_utils.analyses.rates import RATES
from durability_utils.study.expected import expect_columns, expect_numbers
from durability_utils.study.holds import Holds

LEVELS = {"95": 0.95, "998": 0.998}
BETWEEN = 0.05  # a standard deviation between services of 5 per cent: what the power is stated for
SIMULATED, SEED = 5_000, 2016
DISPERSED = ("q", "p", "tau", "tau_low", "tau_high", "size", "power")
FUNNEL = replace(
    RATES, title="Services against a target", rates={}, words=("position",),
    statistics={"share": "share", "target": "rate of all, or England's", "z": "z"} | dict.fromkeys(
        ("low_95", "high_95", "low_998", "high_998", "low_wide", "high_wide"), "control limit"))
DISPERSION = Holds("How far services differ", {"services": "services/{rate}/{denominator}"}, statistics={
    "target": "pooled rate", "q": "Cochran's Q", "p": "probability", "tau": "standard deviation between services",
    "tau_low": "its 95 % interval", "tau_high": "its 95 % interval", "size": "simulated", "power": "simulated"})


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


def positions(rates: pd.DataFrame, spread: pd.DataFrame) -> pd.DataFrame:
    """Where each service lies in the funnel of each rate for which there is a target.

    `rates`: rows of `rates.rates_from_counts` of single services; `spread`: of `dispersions`.
    In the order of the targets `service, rate, denominator, n, of, share, target, low_95, high_95, low_998, high_998`
    (control limits, as in `limits`), `low_wide, high_wide` (as in `wider_limits`, for 95 per cent; missing where tau is
    missing or 0), `z` (of `z_score`) and `position`: `within`, `below_` or `above_` one of LEVELS, by the narrow
    limits. Services without patients are left out; `z` is missing where the target is 0 or 1.
    """
    _expect_targets(rates, spread)
    expect_columns(spread, ["tau"], "spread")
    table = spread[["rate", "denominator", "target", "tau"]].merge(
        rates[rates["of"] > 0], on=["rate", "denominator"])
    kept = table[["service", "rate", "denominator", "n", "of", "share", "target"]]
    rows = [_position(*row) for row in table[["n", "of", "target", "tau"]].itertuples(index=False, name=None)]
    columns = [*(f"{end}_{level}" for level in (*LEVELS, "wide") for end in ("low", "high")), "z", "position"]
    return kept.join(pd.DataFrame(rows, columns=columns, index=table.index))


def _expect_targets(rates: pd.DataFrame, targets: pd.DataFrame) -> None:
    expect_columns(rates, ["rate", "denominator", "n", "of"], "rates")
    expect_columns(targets, ["rate", "denominator", "target"], "targets")
    expect_numbers(targets["target"], "targets: target", (0, 1))


def _position(n: int, of: int, target: float, tau: float) -> tuple:
    ends = [float(end) for level in LEVELS.values() for end in limits(target, of, level)]
    wide = [float(end) for end in wider_limits(target, of, tau, LEVELS["95"])] if tau > 0 else [np.nan] * 2
    below, above = tails(n, of, target)
    position = "within"
    for code, level in LEVELS.items():
        if min(below, above) < (1 - level) / 2:
            position = f"{'below' if below < above else 'above'}_{code}"
    return *ends, *wide, z_score(n, of, target), position


def z_score(n, of, target: float):
    """(share - target) / sqrt(target (1 - target) / of), Spiegelhalter's naive z; NaN at a target of 0 or 1."""
    return (n / of - target) / np.sqrt(target * (1 - target) / of) if 0 < target < 1 else n * np.nan


def dispersion(n, of, target: float) -> dict[str, float]:
    """Whether services differ more than chance, and by how much: `services, q, p, tau, tau_low, tau_high, size, power`.

    n of `of` patients of each service; target: their pooled rate, 0 to 1. The variance of a service's rate is taken at
    the target, target (1 - target) / of, as in the limits, not at its own rate, which has none where it is 0 or 1. So q
    of `spread_of` is Pearson's chi-squared of services by outcome. size, power: of `rejected`, for no spread and for
    BETWEEN: how often this test, with these numbers of patients, says that services differ. All but services NaN with
    fewer than two, or a target of 0 or 1.
    """
    n, of = np.asarray(n), np.asarray(of)
    if len(n) < 2 or not 0 < target < 1:
        return {"services": len(n)} | dict.fromkeys(DISPERSED, np.nan)
    return {"services": len(n), **spread_of(n / of, target * (1 - target) / of, target),
            "size": rejected(of, target, 0), "power": rejected(of, target, BETWEEN)}


def spread_of(share, variance, target: float) -> dict[str, float]:
    """Cochran's Q of services' rates and the spread between them: `q, p, tau, tau_low, tau_high`.

    q = sum (share - target) squared / variance; p by chi-squared of services - 1 degrees of freedom. tau (a share): the
    standard deviation between services in the additive random-effects model, of which a service's variance is variance
    + tau squared, by Paule and Mandel (1982, Journal of Research of the National Bureau of Standards 87: 377-385): the
    generalised Q, around the mean weighted by 1 / (variance + tau squared), is then services - 1; 0 where it is less
    without any spread. The 95 % interval (Q-profile; Viechtbauer 2007, Statistics in Medicine 26: 37-52) ends where
    that Q is the 97.5th and the 2.5th percentile of chi-squared; both ends are 0 where services are more alike than
    chance makes them in 97.5 of 100 cases. None is above sqrt(target (1 - target)), the most that rates can differ.

    Misuse: to take a large p, or a tau of 0, for a sign that services are alike; look at `tau_high`, and at the power.
    """
    from scipy.stats import chi2  # a second to import

    share, variance, degrees = np.asarray(share), np.asarray(variance), len(share) - 1
    q = float(((share - target) ** 2 / variance).sum())
    ends = {"tau": degrees, "tau_low": chi2.ppf(0.975, degrees), "tau_high": chi2.ppf(0.025, degrees)}
    return {"q": q, "p": float(chi2.sf(q, degrees))} | {
        name: _tau(share, variance, value, target) for name, value in ends.items()}


def _tau(share: np.ndarray, variance: np.ndarray, value: float, target: float) -> float:
    """The spread at which the generalised Q has this value: it falls as the spread grows."""
    from scipy.optimize import brentq

    def excess(squared: float) -> float:
        weight = 1 / (variance + squared)
        return (weight * (share - np.average(share, weights=weight)) ** 2).sum() - value

    most = target * (1 - target)
    if excess(0) <= 0:
        return 0.0
    return (most if excess(most) >= 0 else brentq(excess, 0, most, xtol=1e-12)) ** 0.5


def rejected(of, target: float, between: float) -> float:
    """Share of simulated studies in which Q has p < .05: services with `of` patients each, their true rates drawn from
    a beta distribution with mean `target` and standard deviation `between` (shares). Without spread that is the size of
    the test, with it its power. NaN where rates from 0 to 1 cannot differ so much around that mean; the same on each
    call.
    """
    from scipy.stats import chi2

    of, random = np.asarray(of), np.random.default_rng(SEED)
    if between**2 >= target * (1 - target):
        return np.nan
    shape = (SIMULATED, len(of))
    size = target * (1 - target) / between**2 - 1 if between else np.inf
    true = random.beta(target * size, (1 - target) * size, shape) if between else np.full(shape, target)
    n = random.binomial(of, true)
    pooled = n.sum(axis=1, keepdims=True) / of.sum()
    variance = np.where((pooled > 0) & (pooled < 1), pooled * (1 - pooled), 1)  # all or nobody everywhere: Q is 0
    q = (of * (n / of - pooled) ** 2 / variance).sum(axis=1)
    return float((q > chi2.isf(0.05, len(of) - 1)).mean())


def wider_limits(target: float, of, tau: float, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper limit with the spread between services: target +- z sqrt(target (1 - target) / of + tau squared),
    within 0 and 1 (Spiegelhalter 2005, the additive random-effects model), and nowhere narrower than `limits`.

    They are drawn wherever tau is above 0, not only where Q rejects: with few services Q has little power, and a test
    beforehand would keep the narrow limits in most studies whose services do differ.
    Misuse: to look for exceptions among few services. tau holds the spread of all of them, the exception's too: of I
    services of one size none lies further than (I - 1) / sqrt(I) standard deviations from their mean, of six 2.04.
    """
    from scipy.stats import norm

    half = norm.ppf((1 + level) / 2) * np.sqrt(target * (1 - target) / np.asarray(of) + tau**2)
    low, high = limits(target, of, level)
    return np.clip(target - half, 0, low), np.clip(target + half, high, 1)


def dispersions(rates: pd.DataFrame, targets: pd.DataFrame) -> pd.DataFrame:
    """`dispersion` of each rate for which there is a target: `rate, denominator, target`, then its columns.

    `targets`: of `rates.targets`, the pooled rates of these services; with one service any target, the rest is missing.
    """
    _expect_targets(rates, targets)
    rows = []
    for rate, denominator, target in targets[["rate", "denominator", "target"]].itertuples(index=False):
        part = rates[(rates["rate"] == rate) & (rates["denominator"] == denominator) & (rates["of"] > 0)]
        rows.append({"rate": rate, "denominator": denominator, "target": target}
                    | dispersion(part["n"], part["of"], target))
    return pd.DataFrame(rows, columns=["rate", "denominator", "target", "services", *DISPERSED])


def spread_in_words(found) -> str:
    """What `spread_of` found, a dict or a row of `dispersions`, in points of per cent, for a sentence."""
    if not found["tau"] >= 0:
        return "a standard deviation between services that cannot be told"
    tau, low, high = (f"{100 * found[name]:.1f}" for name in ("tau", "tau_low", "tau_high"))
    return (f"a standard deviation between services of {tau} points (95 % interval {low} to {high}; Cochran's Q, "
            f"{_p(found['p'])})")


def differences_in_words(part: pd.DataFrame, found) -> str:
    """Whether services differ in one rate, for a sentence: what a difference rests on, or what is not excluded.

    `part`: `service, n, of` of the services with patients; `found`: `dispersion` of them, a dict or a row. Where p is
    below .05 each service is left out in turn, and those are named without which it is not. Misuse: to leave out the
    service that it rests on; without it the others are no sample of services.
    """
    if pd.isna(found["p"]):
        return "nothing can be told of differences between services"
    if found["p"] >= 0.05:
        power = (f", power {found['power']:.2f} for a standard deviation of {100 * BETWEEN:g} points"
                 if found["power"] >= 0 else "")
        return (f"a difference between services beyond chance was not shown (Cochran's Q, {_p(found['p'])}{power}), "
                f"and a standard deviation of up to {100 * found['tau_high']:.1f} points is not excluded")
    p = without_each(part["n"], part["of"])
    rests = [f"on service {name} (without it {_p(its)})" for name, its in zip(part["service"], p, strict=True)
             if its >= 0.05]
    words = f"services differ by more than chance, with {spread_in_words(found)}"
    if found["tau_low"] <= 0:
        words = (f"a difference between services is suggested, but the interval of its size reaches none: "
                 f"{spread_in_words(found)}")
    if rests:
        return f"{words}, which rests {' and '.join(rests)}"
    most = _p(max(p)).replace("=", "at most")
    return words if np.isnan(p).any() else f"{words}, also without any one of them ({most})"


def without_each(n, of) -> np.ndarray:
    """p of Cochran's Q of `spread_of` without each service in turn, around the rate of the others; NaN of only one."""
    n, of = np.asarray(n), np.asarray(of)
    return np.array([_p_of_q(np.delete(n, one), np.delete(of, one)) for one in range(len(n))])


def _p_of_q(n: np.ndarray, of: np.ndarray) -> float:
    target = n.sum() / of.sum() if len(n) > 1 else np.nan
    return spread_of(n / of, target * (1 - target) / of, target)["p"] if 0 < target < 1 else np.nan


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
