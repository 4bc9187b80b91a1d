"""Weighted and doubly robust estimates of the share who kept their gains, and their standard errors.

Patients pass stages (`attrition.stages`): they consent, then they answer. All regressions of an estimate and the
estimate itself are one set of stacked estimating equations, so that its variance holds that the weights are estimated,
too (Stefanski & Boos 2002).
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit, logit

from durability_utils.analyses.attrition import (
    SEED,
    Stage,
    effective_sample_size,
    logistic,
    probabilities,
    stages,
    weights_of,
)

RIDGE = 1.0  # as a normal prior with SD 1 of each coefficient (log odds a SD): few events do not separate patients
RESAMPLES = 200


class Estimate(NamedTuple):
    """A share (0 to 1) with its 95 % interval, and the effective sample that stands behind it."""

    share: float
    low: float
    high: float
    effective: float


def weighted(patients: pd.DataFrame, found: list[Stage] | None = None) -> Estimate:
    """The share kept, each patient who answered counted 1 / (probability of passing all stages) times.

    sum(w * kept) / sum(w) over those who answered (Hajek 1971; Robins, Rotnitzky & Zhao 1994). `patients`: rows of
    `well_at_end`; `found`: what `stages` gives of them (by default of all variables). Misuse: where `why_no_model` says
    something.
    """
    found = found or stages(patients)
    start = [logistic(stage.design, stage.passed, stage.there) for stage in found]
    kept, passed = patients["kept"].fillna(0).to_numpy(), found[-1].passed
    weights = weights_of(found, _fitted(found, start))
    share = np.average(kept, weights=weights)

    def equations(theta):
        *coefficients, share = _split(theta, start)
        fitted = _fitted(found, coefficients)
        return np.vstack([*_scores(found, fitted), passed * (kept - share) / np.prod(fitted, axis=0)])

    return _estimate(share, equations, start, weights)


def doubly_robust(patients: pd.DataFrame, found: list[Stage] | None = None, by_weights: bool = True) -> Estimate:
    """The share kept by regressions of the outcome, the last stage first, each weighted by the probabilities (AIPW).

    Q2, the probability of keeping it by what is known of those who consented, is fitted to those who answered, weighted
    1 / (p1 * p2); Q1, the mean of Q2 by what is known of everybody, to those who consented, weighted 1 / p1; the
    estimate is the mean of Q1. As both are logistic with a free intercept, the weighted residuals add up to 0 and the
    mean of Q1 + C / p1 * (Q2 - Q1) + C * R / (p1 * p2) * (kept - Q2) is the same number, always within 0 and 1 (Robins,
    Sued, Lei-Gomez & Rotnitzky 2007; sequentially: Bang & Robins 2005). RIDGE keeps few events from separating
    patients. `by_weights=False` leaves the weights out: the g-formula, which is not doubly robust, and has no interval
    here, since it is off wherever the outcome's model is wrong.
    """
    found = found or stages(patients)
    kept, n = patients["kept"].fillna(0).to_numpy(), len(patients)
    start = [logistic(stage.design, stage.passed, stage.there) for stage in found] if by_weights else []

    def weights(fitted):
        # of each stage's outcome model, about 1 in the mean: 1 / (probability of passing this stage and all before)
        for place, stage in enumerate(found):
            yield stage.passed * (stage.passed.sum() / n / np.prod(fitted[:place + 1], axis=0) if by_weights else 1.0)

    target, outcomes = kept, []
    for stage, weight in reversed(list(zip(found, weights(_fitted(found, start)), strict=True))):
        outcomes.append(logistic(stage.design, target, weight, RIDGE))
        target = expit(stage.design @ outcomes[-1])

    def equations(theta):
        parts = _split(theta, start + outcomes)
        fitted, target, rows = _fitted(found, parts[:len(start)]), kept, []
        stacked = reversed(list(zip(found, weights(fitted), strict=True)))
        for (stage, weight), coefficients in zip(stacked, parts[len(start):-1], strict=True):
            expected = expit(stage.design @ coefficients)
            penalty = np.concatenate([[0], coefficients[1:]]) * RIDGE / n
            rows.append((weight * (target - expected) * stage.design.T) - penalty[:, None])
            target = expected
        return np.vstack([*_scores(found, fitted), *rows, target - parts[-1]])

    *_, last = weights(_fitted(found, start))
    if not by_weights:
        return Estimate(float(target.mean()), np.nan, np.nan, float(last.sum()))
    return _estimate(target.mean(), equations, start + outcomes, last)


def bootstrapped(patients: pd.DataFrame, resamples: int = RESAMPLES, seed: int = SEED) -> Estimate:
    """`weighted`, with the standard error of so many bootstrap samples of the patients, models fitted anew in each."""
    found, kept = stages(patients), patients["kept"].fillna(0).to_numpy()
    rng, everyone = np.random.default_rng(seed), np.full(len(patients), 1 / len(patients))
    weights, redrawn = weights_of(found, probabilities(found)), []
    for _ in range(resamples):
        times = rng.multinomial(len(patients), everyone)
        redrawn.append(np.average(kept, weights=times * weights_of(found, probabilities(found, times))))
    least = 0.5 / found[-1].passed.sum()  # where everybody or nobody in a resample kept it the logit does not exist
    error = np.std(logit(np.clip(redrawn, least, 1 - least)), ddof=1)
    return interval(np.average(kept, weights=weights), error, effective_sample_size(weights))


def interval(share: float, error: float, effective: float) -> Estimate:
    """A share with its 95 % interval from the standard error of its logit, by t with `effective` - 1 df.

    With the normal quantile, or the plain sandwich, intervals were too narrow in simulated cohorts.
    """
    half = stats.t.ppf(0.975, max(effective - 1, 1)) * error
    return Estimate(float(share), *(float(expit(logit(share) + shift)) for shift in (-half, half)), effective)


def _fitted(found: list[Stage], coefficients: list[np.ndarray]) -> list[np.ndarray]:
    return [expit(stage.design @ beta) for stage, beta in zip(found, coefficients, strict=False)]


def _scores(found: list[Stage], fitted: list[np.ndarray]) -> list[np.ndarray]:
    # the logistic regressions' estimating equations, a row a coefficient
    return [stage.there * (stage.passed - p) * stage.design.T for stage, p in zip(found, fitted, strict=False)]


def _split(theta: np.ndarray, parts: list) -> list[np.ndarray]:
    return np.split(theta, np.cumsum([len(part) for part in parts]))


def _estimate(share: float, equations, solved: list, weights: np.ndarray) -> Estimate:
    theta = np.concatenate([*solved, [share]])
    error = np.sqrt((influence(equations, theta, weights > 0)[-1] ** 2).sum())
    return interval(share, error / (share * (1 - share)), effective_sample_size(weights))


def influence(equations, theta: np.ndarray, own: np.ndarray) -> np.ndarray:
    """What leaving each patient out would change in each parameter, to first order: parameters x patients.

    `equations(theta)`: parameters x patients, adding up to 0 at `theta`. The sum of squares is the variance by the
    jackknife. With the same slopes for all it would be the empirical sandwich, too narrow where few answered and some
    stand for many; a patient of `own` (those who answered) takes the own slopes along, as HC3 does in a regression.
    """
    at, slopes = equations(theta), np.zeros((len(theta), len(theta)))
    of_each = np.empty((own.sum(), len(theta), len(theta)))
    for place in range(len(theta)):
        step = np.zeros(len(theta))
        step[place] = 1e-6 * max(1, abs(theta[place]))
        slope = (equations(theta - step) - equations(theta + step)) / (2 * step[place])
        slopes[:, place], of_each[:, :, place] = slope.sum(axis=1), slope[:, own].T
    found = -np.linalg.solve(slopes, at)
    found[:, own] = -np.linalg.solve(slopes - of_each, at[:, own].T[:, :, None])[:, :, 0].T
    return found
