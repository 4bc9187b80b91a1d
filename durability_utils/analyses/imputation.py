"""Multiple imputation of the follow-up scores of those who did not answer, and what comes of a shift in them.

Each patient's PHQ-9 and relevant anxiety measure at 6 months are drawn from a Bayesian linear regression, classified by
the rules of `outcomes.py`, and the shares of the completed cohorts are pooled by Rubin's rules.

Why not statsmodels' MICE: it draws by predictive mean matching, from 20 donors unless told otherwise. Of some 80 who
answered, that moves extreme predictions to the middle and makes the completed cohorts too much alike. With five donors
its mean is near ours (the tests compare them), its spread still smaller.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit, logit

from durability_utils.analyses.attrition import OUTCOMES, SEED, covariates
from durability_utils.outcomes.rules import at_caseness, reliable_improvement, reliable_recovery
from durability_utils.study.rules import Rules

IMPUTATIONS = 100


class Pooled(NamedTuple):
    """A pooled estimate with its total variance, degrees of freedom, and fraction of missing information."""

    estimate: float
    variance: float
    df: float
    missing_information: float


def draw_scores(patients: pd.DataFrame, imputations: int = IMPUTATIONS,
                seed: int = SEED) -> tuple[np.ndarray, np.ndarray]:
    """PHQ-9 (points) and anxiety (reliable changes) at 6 months of those who did not answer: imputations x patients.

    For each imputation those who answered are drawn anew with replacement, both scores are regressed on the covariates
    of `attrition.covariates` among them, and a patient who did not answer gets the expected scores plus the two
    residuals of one of those drawn, enlarged by sqrt(n / (n - k)) for the k coefficients (Heitjan & Little 1991;
    Schenker & Taylor 1996). So a relapse that shows on both measures stays one; a normal error would not know it. Not
    yet rounded. Misuse: with few who answered the residuals are few, too.
    """
    rng, answered = np.random.default_rng(seed), patients["kept"].notna().to_numpy()
    table = np.column_stack([np.ones(len(patients)), covariates(patients)])
    known, unknown = table[answered], table[~answered]
    targets = patients.loc[answered, ["phq9_6m", "anxiety_6m"]].to_numpy()
    enlarged = np.sqrt(len(known) / max(len(known) - known.shape[1], 1))
    drawn = np.empty((2, imputations, len(unknown)))
    for i in range(imputations):
        rows = rng.integers(len(known), size=len(known))
        coefficients = np.linalg.lstsq(known[rows], targets[rows], rcond=None)[0]
        residuals = enlarged * (targets[rows] - known[rows] @ coefficients)
        drawn[:, i] = (unknown @ coefficients + residuals[rng.integers(len(rows), size=len(unknown))]).T
    return drawn[0], drawn[1]


def shares_kept(patients: pd.DataFrame, drawn: tuple[np.ndarray, np.ndarray], outcome: str,
                rules: Rules, delta: float = 0.0) -> np.ndarray:
    """The share kept in each completed cohort, where those who did not answer scored `delta` points worse than drawn.

    `delta` is in points of the PHQ-9; the anxiety measure is shifted by the same part of its own reliable change.
    Scores are rounded (but not item means) and kept within the measure's range.
    """
    depression, lost = rules.depression, patients[patients["kept"].isna()]
    limits = {name: lost[name].to_numpy() for name in ("reliable_change", "caseness", "lowest", "highest", "whole")}
    before = lost["anxiety_baseline"].to_numpy() * limits["reliable_change"]
    later = np.clip(np.rint(drawn[0] + delta), depression.minimum, depression.maximum)
    anxiety = (drawn[1] + delta / depression.reliable_change) * limits["reliable_change"]
    anxiety = np.clip(np.where(limits["whole"], np.rint(anxiety), anxiety), limits["lowest"], limits["highest"])
    baseline = lost["phq9_baseline"].to_numpy()

    def flat(values):
        return np.broadcast_to(values, later.shape).ravel()

    found = reliable_improvement(flat(baseline - later), flat(before - anxiety), depression.reliable_change,
                                 flat(limits["reliable_change"]))
    if outcome == "recovery":
        cut_offs = (depression.caseness, flat(limits["caseness"]))
        found = reliable_recovery(found, at_caseness(flat(baseline), flat(before), *cut_offs),
                                  at_caseness(flat(later), flat(anxiety), *cut_offs))
    kept = np.asarray(found == OUTCOMES[outcome]).reshape(later.shape).sum(axis=1)
    return (patients["kept"].sum() + kept) / len(patients)


def rubin(estimates: np.ndarray, variances: np.ndarray, complete_df: float) -> Pooled:
    """Rubin's rules: estimate the mean, variance U + (1 + 1/m) B, and Barnard & Rubin's (1999) degrees of freedom.

    U: mean variance within, B: variance between the m completed cohorts; `complete_df`: of the complete data.
    """
    m, within, between = len(estimates), variances.mean(), (1 + 1 / len(estimates)) * np.var(estimates, ddof=1)
    total = within + between
    part = between / total
    old = (m - 1) / part ** 2 if part else np.inf
    observed = (complete_df + 1) / (complete_df + 3) * complete_df * (1 - part)
    return Pooled(float(np.mean(estimates)), float(total), float(1 / (1 / old + 1 / observed)), float(part))


def pooled_share(shares: np.ndarray, n: int) -> tuple[float, float, float]:
    """The shares (0 to 1) of completed cohorts of n patients, pooled on the logit scale, with its 95 % t interval."""
    inner = np.clip(shares, 0.5 / n, 1 - 0.5 / n)  # the logit of 0 and 1 does not exist
    pooled = rubin(logit(inner), 1 / (n * inner * (1 - inner)), n - 1)
    half = stats.t.ppf(0.975, pooled.df) * np.sqrt(pooled.variance)
    return tuple(float(expit(pooled.estimate + shift)) for shift in (0, -half, half))
