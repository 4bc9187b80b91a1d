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
    stages,
    weights_of,
)

RIDGE = 1.0  # as a normal prior with SD 1 of each coefficient (log odds a SD): few events do not separate patients
RESAMPLES = 200
SEPARATED = 1e-9  # a direction in which slopes are less than this, of the steepest: nobody there tells of it any more


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
    start = _start(found)
    kept, passed = patients["kept"].fillna(0).to_numpy(), found[-1].passed
    weights = weights_of(found, _fitted(found, start))

    def residuals(*predictors):
        fitted = expit(predictors[:-1])
        return *_residuals(found, fitted), passed * (kept - predictors[-1]) / np.prod(fitted, axis=0)

    def share_of(counted):
        return _average(found, kept, counted, start)

    return _estimate(share_of, residuals, found, start, weights)


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
    kept, everyone = patients["kept"].fillna(0).to_numpy(), np.ones(len(patients))
    start = _start(found) if by_weights else []

    def weights(fitted, counted):
        # of each stage's outcome model, about 1 in the mean: 1 / (probability of passing this stage and all before)
        for place, stage in enumerate(found):
            passed = counted * stage.passed
            yield passed * (passed.sum() / counted.sum() / np.prod(fitted[:place + 1], axis=0) if by_weights else 1.0)

    def regressions(counted, coefficients, begun):
        # the outcome by what is known at each stage, the last first, and the mean of the first one's predictions
        target, outcomes = kept, []
        weight = weights(_fitted(found, coefficients), counted)
        for stage, of_stage, near in reversed(list(zip(found, weight, reversed(begun), strict=True))):
            outcomes.append(logistic(stage.design, target, of_stage, RIDGE, near))
            target = expit(stage.design @ outcomes[-1])
        return outcomes, np.average(target, weights=counted)

    def residuals(*predictors):
        fitted = expit(predictors[:len(found)])
        expected = [kept, *expit(predictors[len(found):-1])]
        steps = [weight * (above - below) for weight, above, below in zip(
            reversed([*weights(fitted, everyone)]), expected, expected[1:], strict=False)]
        return *_residuals(found, fitted), *steps, expected[-1] - predictors[-1]

    outcomes, share = regressions(everyone, start, [0.0] * len(found))
    *_, last = weights(_fitted(found, start), everyone)
    if not by_weights:
        return Estimate(float(share), np.nan, np.nan, float(last.sum()))

    def share_of(counted):
        return regressions(counted, _start(found, counted, start), outcomes)[1]

    return _estimate(share_of, residuals, [*found, *found[::-1]], start + outcomes, last, len(start))


def bootstrapped(patients: pd.DataFrame, resamples: int = RESAMPLES, seed: int = SEED) -> Estimate:
    """`weighted`, with the standard error of so many bootstrap samples of the patients, models fitted anew in each."""
    found, kept = stages(patients), patients["kept"].fillna(0).to_numpy()
    rng, everyone, start = np.random.default_rng(seed), np.full(len(patients), 1 / len(patients)), _start(found)
    weights, redrawn = weights_of(found, _fitted(found, start)), []
    for _ in range(resamples):
        redrawn.append(_average(found, kept, rng.multinomial(len(patients), everyone), start))
    least = 0.5 / found[-1].passed.sum()  # where everybody or nobody in a resample kept it the logit does not exist
    error = np.std(logit(np.clip(redrawn, least, 1 - least)), ddof=1)
    return interval(np.average(kept, weights=weights), error, effective_sample_size(weights))


def interval(share: float, error: float, effective: float) -> Estimate:
    """A share with its 95 % interval from the standard error of its logit, by t with `effective` - 1 df.

    With the normal quantile, or the plain sandwich, intervals were too narrow in simulated cohorts.
    """
    half = stats.t.ppf(0.975, max(effective - 1, 1)) * error
    return Estimate(float(share), *(float(expit(logit(share) + shift)) for shift in (-half, half)), effective)


def _start(found: list[Stage], counted: np.ndarray | float = 1.0, begun: list | None = None) -> list[np.ndarray]:
    # the regressions of passing each stage, each patient `counted` so many times
    return [logistic(stage.design, stage.passed, counted * stage.there, start=near)
            for stage, near in zip(found, begun or [0.0] * len(found), strict=True)]


def _average(found: list[Stage], kept: np.ndarray, counted: np.ndarray, begun: list[np.ndarray]) -> float:
    return np.average(kept, weights=counted * weights_of(found, _fitted(found, _start(found, counted, begun))))


def _fitted(found: list[Stage], coefficients: list[np.ndarray]) -> list[np.ndarray]:
    return [expit(stage.design @ beta) for stage, beta in zip(found, coefficients, strict=False)]


def _residuals(found: list[Stage], fitted: np.ndarray) -> list[np.ndarray]:
    # those of the logistic regressions of passing each stage
    return [stage.there * (stage.passed - p) for stage, p in zip(found, fitted, strict=True)]


def _estimate(share_of, residuals, found: list[Stage], solved: list, weights: np.ndarray,
              plain: int | None = None) -> Estimate:
    # `found`: the stage of each of the regressions `solved`, of which all after the first `plain` have a ridge
    penalties = [RIDGE * (np.arange(len(one)) > 0) * (plain is not None and at >= plain)
                 for at, one in enumerate(solved)]
    designs = [*(stage.design for stage in found), np.ones((len(weights), 1))]
    share = share_of(np.ones(len(weights)))
    # how far the logit would move without each patient: to first order, but of those who answered, who stand for many
    moved = influence(residuals, designs, [*solved, np.array([share])], [*penalties, np.zeros(1)])[-1]
    moved /= share * (1 - share)
    for one in np.flatnonzero(weights):
        moved[one] = logit(share_of((np.arange(len(weights)) != one).astype(float))) - logit(share)
    return interval(share, np.sqrt((moved ** 2).sum()), effective_sample_size(weights))


def influence(residuals, designs: list[np.ndarray], theta: list[np.ndarray], penalties: list[np.ndarray]) -> np.ndarray:
    """What leaving each patient out would change in each parameter, to first order: parameters x patients.

    The equations of a regression are `design.T @ residual - penalty * coefficients`, 0 at `theta`; `residuals` takes
    the linear predictors of all regressions (designs @ theta, patients each) and gives the residuals of all. The sum of
    squares is the empirical sandwich. Where groups are separated (of some nobody answered), coefficients have no end
    and nothing moves them: they are left out.
    """
    predictors = [design @ of for design, of in zip(designs, theta, strict=True)]
    places = np.split(np.arange(sum(map(len, theta))), np.cumsum([len(of) for of in theta])[:-1])
    penalty = np.concatenate(penalties)
    at = np.vstack([residual * design.T for residual, design in zip(residuals(*predictors), designs, strict=True)])
    at -= (penalty * np.concatenate(theta) / at.shape[1])[:, None]
    slopes = np.diag(penalty)
    for column, (design, predictor) in enumerate(zip(designs, predictors, strict=True)):
        # a patient's residuals depend on the patient's own predictors only, so that one step does for all
        down, up = (residuals(*predictors[:column], predictor + step, *predictors[column + 1:])
                    for step in (-1e-6, 1e-6))
        for row, (before, after) in enumerate(zip(down, up, strict=True)):
            slope = (before - after) / 2e-6
            if slope.any():
                slopes[np.ix_(places[row], places[column])] += designs[row].T @ (slope[:, None] * design)
    return -np.linalg.pinv(slopes, SEPARATED) @ at
