"""Simulated cohorts in which everybody's 6-month scores are known, and what the methods of `attrition.py` make of them.

Scores come from the model of the synthetic study (`synthetic_scores.py`). What is known of everybody gives the truth;
what is left when the others' follow-up is taken away goes to the estimators.
"""

import json

import numpy as np
import pandas as pd
from scipy.special import expit

from durability_utils.analyses import attrition
from durability_utils.analyses.attrition import SEED
from durability_utils.analyses.imputation import draw_scores, pooled_share, shares_kept
from durability_utils.outcomes.proportions import proportion
from durability_utils.outcomes.rules import classify
from durability_utils.study.parameters import PROJECT
from durability_utils.synthetic.plan import ADSM, SERVICES
from durability_utils.synthetic.scores import RULES, random_generator, trajectories, with_adsm

# Means at baseline and of the change by step: more severe, and less helped, at step 3.
PROFILES = {
    "step2": {"phq9_baseline": 13.5, "phq9_change": 6.5, "gad7_baseline": 11.5, "gad7_change": 5.5},
    "step3": {"phq9_baseline": 16.0, "phq9_change": 6.0, "gad7_baseline": 13.5, "gad7_change": 5.0},
}
STEP3_SHARE, ADSM_SHARE = 0.35, 0.15
# Discharged in a cohort: about as many of them improve, and as many of these answer, as in the synthetic study.
DISCHARGED = 1500
RESAMPLES = 200

MECHANISMS = ("observed", "unseen")
STORED = PROJECT / "data" / "attrition_coverage.csv"
ESTIMATORS = ("complete_cases", "weighting", "imputation", "bounds")


def discharged(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """n discharged patients with their scores at all times: the columns that `attrition.well_at_end` reads."""
    step = np.where(rng.random(n) < STEP3_SHARE, "step3", "step2")
    parts = [trajectories(int((step == name).sum()), profile, rng).set_index(np.flatnonzero(step == name))
             for name, profile in PROFILES.items()]
    has_adsm = (step == "step3") & (rng.random(n) < ADSM_SHARE / STEP3_SHARE)
    adsm = np.where(has_adsm, rng.choice(list(ADSM.values()), n), "")
    sizes = np.array([size for size, *_ in SERVICES.values()])
    service = rng.choice(list(SERVICES), n, p=sizes / sizes.sum())
    return with_adsm(pd.concat(parts).sort_index(), adsm, rng).assign(
        step=step, service=service, age=np.rint(18 + rng.gamma(2.6, 9.0, n)).clip(max=120),
        sessions=1.0 + rng.poisson(6, n))


def simulated(n: int, mechanism: str, rng: np.random.Generator) -> pd.DataFrame:
    """Those of n discharged patients who had reliably improved at end, as `well_at_end` gives them, `truth` beside.

    `truth`: whether they kept it (1, 0), known of everybody; `kept` and the scores at 6 months only of those who
    answered. `observed`: answering depends on scores, age and service, logistic and additive. `unseen`: on `truth`.
    """
    cohort = discharged(n, rng)
    end, later = (classify(cohort, time, RULES) for time in ("end", "6m"))
    patients = attrition.well_at_end(cohort, end, later, "improvement", RULES)
    patients = patients[patients["kept"].notna()].reset_index(drop=True)
    if mechanism == "observed":
        services = patients["service"].map(dict(zip(SERVICES, (0.5, 0.4, -0.5, 0, 0, -0.3), strict=True)))
        odds = (-2.55 + 0.11 * (patients["phq9_baseline"] - patients["phq9_end"] - 9)
                + 0.35 * (patients["anxiety_baseline"] - patients["anxiety_end"] - 2)
                + 0.02 * (patients["age"] - 40) + services)
    else:
        odds = -4.0 + 1.6 * patients["kept"]
    silent = rng.random(len(patients)) >= expit(odds)
    follow_up = ["kept", "phq9_6m", "anxiety_6m"]
    return patients.assign(truth=patients["kept"], **{name: patients[name].mask(silent) for name in follow_up})


def stored_coverage() -> tuple[pd.DataFrame, dict]:
    """The table of `coverage` that `tests/benchmarks/attrition_coverage.py` stored, and how it was made."""
    return pd.read_csv(STORED), json.loads(STORED.with_suffix(".json").read_text(encoding="utf-8"))


def tried(mechanism: str, number: int) -> dict:
    """What each method makes of simulated cohort `number`: the same on each call.

    Keys: `mechanism`, `cohort`, `patients` (improved at end), `answered`, `effective_sample_size`, `trimmed`, and of
    each of ESTIMATORS `<method>_estimate` (of the bounds missing), `<method>_low`, `<method>_high` (shares, 0 to 1).
    """
    patients = simulated(DISCHARGED, mechanism, random_generator(SEED, f"{mechanism} {number}"))
    answered = patients["kept"].notna().to_numpy()
    probability, _ = attrition.answering(attrition.covariates(patients), answered)
    weights, trimmed = attrition.weights_of(probability[answered])
    shares = shares_kept(patients, draw_scores(patients, seed=number), "improvement", RULES)
    limits = attrition.bounds(patients["kept"])
    found = {
        "complete_cases": attrition.complete_cases(patients["kept"]),
        "weighting": attrition.weighted_share(patients, RESAMPLES, number),
        "imputation": pooled_share(shares, len(patients)),
        "bounds": (np.nan, limits["worst_case"][1], limits["best_case"][2]),
    }
    return {"mechanism": mechanism, "cohort": number, "patients": len(patients), "answered": int(answered.sum()),
            "effective_sample_size": attrition.effective_sample_size(weights), "trimmed": trimmed,
            **{f"{method}_{key}": value for method, values in found.items()
               for key, value in zip(("estimate", "low", "high"), values, strict=True)}}


def true_share(parts: int = 10, size: int = 200_000) -> float:
    """The share kept of the population from which the cohorts are drawn: of `parts` times `size` discharged."""
    truths = [simulated(size, "observed", random_generator(SEED, f"truth {part}"))["truth"] for part in range(parts)]
    return float(np.mean(np.concatenate(truths)))


def coverage(cohorts: pd.DataFrame, truth: float) -> pd.DataFrame:
    """How the methods do over simulated cohorts (rows of `tried`), a row a mechanism and method.

    Columns: `mechanism, method, cohorts, bias` (mean estimate minus truth, in shares) with `bias_low, bias_high`
    (95 %, normal), `coverage` (share of intervals that hold the truth) with `coverage_low, coverage_high` (Wilson),
    `mean_width` of the intervals.
    """
    rows = []
    for mechanism, group in cohorts.groupby("mechanism", sort=False):
        for method in ESTIMATORS:
            estimate, low, high = (group[f"{method}_{key}"] for key in ("estimate", "low", "high"))
            bias, error = estimate.mean() - truth, 1.959964 * estimate.std() / np.sqrt(len(group))
            held = proportion(((low <= truth) & (truth <= high)).sum(), len(group))
            rows.append((mechanism, method, len(group), bias, bias - error, bias + error, held.share, held.low,
                         held.high, (high - low).mean()))
    return pd.DataFrame(rows, columns=["mechanism", "method", "cohorts", "bias", "bias_low", "bias_high", "coverage",
                                       "coverage_low", "coverage_high", "mean_width"])
