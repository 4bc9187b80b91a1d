"""Simulated cohorts in which everybody's 6-month scores are known, and three reasons for not answering.

Scores come from the model of the synthetic study (`synthetic_scores.py`). What is known of everybody gives the truth;
what is left when the others' follow-up is taken away goes to the estimators.
"""

import numpy as np
import pandas as pd
from scipy.special import expit

from durability_utils.attrition import well_at_end
from durability_utils.measures import read_measures
from durability_utils.synthetic_plan import ADSM, SERVICES
from durability_utils.synthetic_scores import ANXIETY_RULE, MEASURES, trajectories, with_adsm

# Means at baseline and of the change by step: more severe, and less helped, at step 3.
PROFILES = {
    "step2": {"phq9_baseline": 13.5, "phq9_change": 6.5, "gad7_baseline": 11.5, "gad7_change": 5.5},
    "step3": {"phq9_baseline": 16.0, "phq9_change": 6.0, "gad7_baseline": 13.5, "gad7_change": 5.0},
}
STEP3_SHARE, ADSM_SHARE = 0.35, 0.15

MECHANISMS = ("observed", "unseen")


def discharged(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """n discharged patients with their scores at all times: the columns that `attrition.well_at_end` reads."""
    step = np.where(rng.random(n) < STEP3_SHARE, "step3", "step2")
    parts = [trajectories(int((step == name).sum()), profile, rng).set_index(np.flatnonzero(step == name))
             for name, profile in PROFILES.items()]
    adsm = np.where((step == "step3") & (rng.random(n) < ADSM_SHARE / STEP3_SHARE), rng.choice(list(ADSM.values()), n), "")
    sizes = np.array([size for size, *_ in SERVICES.values()])
    service = rng.choice(list(SERVICES), n, p=sizes / sizes.sum())
    return with_adsm(pd.concat(parts).sort_index(), adsm, rng).assign(
        step=step, service=service, age=np.rint(18 + rng.gamma(2.6, 9.0, n)), sessions=1.0 + rng.poisson(6, n))


def simulated(n: int, mechanism: str, rng: np.random.Generator) -> pd.DataFrame:
    """Those of n discharged patients who had reliably improved at end, as `well_at_end` gives them, `truth` beside.

    `truth`: whether they kept it (1, 0), known of everybody; `kept` and the scores at 6 months only of those who
    answered. `observed`: answering depends on scores, age and service, logistic and additive. `unseen`: on `truth`.
    """
    cohort = discharged(n, rng)
    patients = well_at_end(cohort, "improvement", read_measures(MEASURES), ANXIETY_RULE)
    patients = patients[patients["kept"].notna()].reset_index(drop=True)
    if mechanism == "observed":
        services = patients["service"].map(dict(zip(SERVICES, (0.5, 0.4, -0.5, 0, 0, -0.3), strict=True)))
        odds = (-2.55 + 0.11 * (patients["phq9_baseline"] - patients["phq9_end"] - 9)
                + 0.35 * (patients["anxiety_baseline"] - patients["anxiety_end"] - 2)
                + 0.02 * (patients["age"] - 40) + services)
    else:
        odds = -3.4 + 1.6 * patients["kept"]
    silent = rng.random(len(patients)) >= expit(odds)
    follow_up = ["kept", "phq9_6m", "anxiety_6m"]
    return patients.assign(truth=patients["kept"], **{name: patients[name].mask(silent) for name in follow_up})
