"""Simulated cohorts in which everybody's later scores are known, and what the methods of `attrition.py` make of them.

A generator makes a population of patients who were well at end of treatment; its share kept is the truth. A cohort of
the study's size is drawn from it, a mechanism decides who consents and who answers, and the others' scores are taken
away.
"""

import json
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit

from durability_utils.analyses import attrition, imputation, weighting
from durability_utils.analyses.attrition import SEED
from durability_utils.outcomes.proportions import proportion
from durability_utils.outcomes.rules import classify
from durability_utils.study.parameters import PROJECT
from durability_utils.synthetic.monthly import DAYS_A_MONTH, monthly_cohort
from durability_utils.synthetic.plan import ADSM, SERVICES
from durability_utils.synthetic.scores import RULES, random_generator, trajectories, with_adsm

GENERATORS, MECHANISMS = ("not_linear", "resampled"), ("recorded", "consent", "unseen")
METHODS = ("complete_cases", "weighting", "doubly_robust", "normal", "pmm", "bounds")
STORED = PROJECT / "data" / "attrition_coverage.csv"
# Means at baseline and of the change by step: more severe, and less helped, at step 3.
PROFILES = {
    "step2": {"phq9_baseline": 13.5, "phq9_change": 6.5, "gad7_baseline": 11.5, "gad7_change": 5.5},
    "step3": {"phq9_baseline": 16.0, "phq9_change": 6.0, "gad7_baseline": 13.5, "gad7_change": 5.0},
}
STEP3_SHARE, ADSM_SHARE, POOL = 0.35, 0.15, 60_000
# As in the synthetic study: how many have the outcome at end, how many of them consent, how many of these answer (there
# it is 1,092 and 519, 21 and 24 %, 24 and 29 %, or 32 and 37 % with those who answered at 12 months only).
PATIENTS, CONSENTING, ANSWERING = {"improvement": 1092, "recovery": 519}, 0.22, 0.35
# Log odds a standard deviation, near what logistic regressions find in the synthetic study for consent and answering.
WEAK = {"phq9_end": -0.25, "anxiety_end": -0.25, "phq9_baseline": 0.35}
STRONG = {"phq9_end": -0.65, "anxiety_end": -0.5, "phq9_baseline": 0.4}
STRONGER = {"phq9_end": -0.8, "anxiety_end": -0.65, "phq9_baseline": 0.5}
OF_CONSENT = {"recorded": WEAK, "consent": STRONGER, "unseen": WEAK}
OF_ANSWER = {"recorded": STRONG, "consent": {}, "unseen": WEAK | {"truth": 1.0}}


class Cell(NamedTuple):
    """Where patients come from, why some are missing, and what is asked of them when."""

    generator: str
    mechanism: str
    outcome: str
    time: str


# 12 months, with what was told at 6 months, for one mechanism
CELLS = [Cell(*names, "6m") for names in product(GENERATORS, MECHANISMS, PATIENTS)] + [
    Cell(generator, "recorded", outcome, "12m") for generator, outcome in product(GENERATORS, PATIENTS)]


# -- populations -----------------------------------------------------------------------------------

def not_linear(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """n discharged patients with scores at all times; what comes after discharge is not linear in what was recorded.

    Those relapse most who have many symptoms left or hardly any (a curve), and most of all where both measures are high
    or both are low (an interaction); they go back most of the way to where they began. The others stay about where they
    are, the nearer the lower they are.
    """
    step = np.where(rng.random(n) < STEP3_SHARE, "step3", "step2")
    parts = [trajectories(int((step == name).sum()), profile, rng).set_index(np.flatnonzero(step == name))
             for name, profile in PROFILES.items()]
    scores = pd.concat(parts).sort_index()
    phq9, gad7 = scores["phq9_end"], scores["gad7_end"]
    risk = expit(-2.2 + 0.03 * (phq9 - 5) ** 2 + 0.03 * (phq9 - 6) * (gad7 - 5))
    ill = {"6m": rng.random(n) < risk}
    ill["12m"] = np.where(ill["6m"], rng.random(n) < 0.7, rng.random(n) < risk / 2)
    person = rng.standard_normal(n)
    for time, relapsed in ill.items():
        back = rng.beta(4, 1.5, n)
        for name, top in (("phq9", 27), ("gad7", 21)):
            end, baseline = scores[f"{name}_end"], scores[f"{name}_baseline"]
            level = np.where(relapsed, end + back * (baseline - end), end)
            noise = np.sqrt(0.5 + 0.5 * end) * (0.6 * person + 0.8 * rng.standard_normal(n))
            scores[f"{name}_{time}"] = np.clip(np.rint(level + noise), 0, top)
    has_adsm = (step == "step3") & (rng.random(n) < ADSM_SHARE / STEP3_SHARE)
    sizes = np.array([size for size, *_ in SERVICES.values()])
    return with_adsm(scores, np.where(has_adsm, rng.choice(list(ADSM.values()), n), ""), rng).assign(
        step=step, service=rng.choice(list(SERVICES), n, p=sizes / sizes.sum()),
        age=np.rint(18 + rng.gamma(2.6, 9.0, n)).clip(max=120), sessions=1.0 + rng.poisson(6, n))


def monthly_scores() -> pd.DataFrame:
    """The patients of the synthetic monthly service with their scores at the four TIMES: of month 6 and of month 12."""
    patients, scores = monthly_cohort()
    patients = patients.set_index("patient_id")
    scores = scores[scores["measure"] != "WSAS"]
    days = (scores["date"] - scores["patient_id"].map(patients["discharge_date"])).dt.days
    month = np.rint(days / DAYS_A_MONTH)
    time = month.map({0: "end", 6: "6m", 12: "12m"}).mask(month < 0, "baseline")
    wide = scores.assign(column=scores["measure"].map({"PHQ-9": "phq9_", "GAD-7": "gad7_"}) + time).dropna(
        subset="column").pivot(index="patient_id", columns="column", values="score").astype(float)
    blank = {f"adsm_{time}": np.nan for time in ("baseline", "end", "6m", "12m")}
    return patients.join(wide).assign(service="M", step="step2", adsm=None, **blank).reset_index(drop=True)


@lru_cache
def population(generator: str, outcome: str, time: str) -> pd.DataFrame:
    """All patients of a generator with the outcome at end and a known one at `time`, as `well_at_end` gives them.

    `truth` beside: 1 or 0, whether they kept it. `not_linear`: of POOL discharged; `resampled`: those of the monthly
    service.
    """
    cohort = not_linear(POOL, random_generator(SEED, "not_linear")) if generator == "not_linear" else monthly_scores()
    end, later = (classify(cohort, when, RULES) for when in ("end", time))
    patients = attrition.well_at_end(cohort.assign(consent_contact="yes"), end, later, outcome, time, RULES)
    known = patients[[name for name in patients if name.startswith(("kept", "phq9", "anxiety"))]].notna().all(axis=1)
    return patients[known].reset_index(drop=True).assign(truth=lambda table: table["kept"])


# -- who consents and who answers ------------------------------------------------------------------

@lru_cache
def chances(cell: Cell) -> tuple[np.ndarray, np.ndarray]:
    """Each patient's probability of consenting, and of answering if consenting: additive on the logit scale.

    By OF_CONSENT and OF_ANSWER, at levels such that in the population CONSENTING and ANSWERING (of those) are met.
    """
    patients = population(cell.generator, cell.outcome, cell.time)
    consent = _chance(patients, OF_CONSENT[cell.mechanism], np.ones(len(patients)), CONSENTING)
    return consent, _chance(patients, OF_ANSWER[cell.mechanism], consent, ANSWERING)


def _chance(patients: pd.DataFrame, effects: dict[str, float], weights: np.ndarray, mean: float) -> np.ndarray:
    odds = np.zeros(len(patients))
    for name, effect in effects.items():  # what is recorded counts in standard deviations, the truth (1, 0) as it is
        odds += effect * (patients[name].to_numpy() if name == "truth" else _standardised(patients[name]))
    level = brentq(lambda shift: np.average(expit(odds + shift), weights=weights) - mean, -20, 20)
    return expit(odds + level)


def _standardised(column: pd.Series) -> np.ndarray:
    return ((column - column.mean()) / column.std()).to_numpy()


def simulated(cell: Cell, rng: np.random.Generator) -> pd.DataFrame:
    """A cohort of PATIENTS drawn with replacement, as `well_at_end` gives it, `truth` beside.

    `recorded`: consenting and answering depend on what was recorded; `consent`: consenting alone, and more strongly;
    `unseen`: answering depends on `truth` as well. `kept` and the later scores are those of who consented and answered.
    At 12 months those who answered at 6 months, as many, answer more often, and most if their PHQ-9 was low then.
    """
    everyone = population(cell.generator, cell.outcome, cell.time)
    rows = rng.integers(len(everyone), size=PATIENTS[cell.outcome])
    consent, answer = (chance[rows] for chance in chances(cell))
    patients = everyone.iloc[rows].reset_index(drop=True)
    consents = rng.random(len(rows)) < consent
    if cell.time == "12m":
        early = consents & (rng.random(len(rows)) < answer)
        answer = expit(logit(answer) + early - 0.5 * early * _standardised(everyone["phq9_6m"])[rows] - ANSWERING)
        patients = patients.assign(**{name: patients[name].where(early) for name in ("phq9_6m", "anxiety_6m")})
    answers = consents & (rng.random(len(rows)) < answer)
    return patients.assign(consented=consents, **{
        name: patients[name].where(answers) for name in ("kept", "phq9_later", "anxiety_later")})


# -- what the methods make of them -----------------------------------------------------------------

def tried(cell: Cell, number: int) -> pd.DataFrame:
    """What each method of `08_attrition` makes of simulated cohort `number`: the same on each call.

    A row a method (METHODS): those of `cell`, `method, number, estimate, low, high` (shares, 0 to 1). As in the
    notebook there is no estimate by a model where `why_no_model` says something; `bounds` have none at all.
    """
    patients = simulated(cell, random_generator(SEED, f"{' '.join(cell)} {number}"))
    limits = attrition.bounds(patients["kept"])
    found = {"complete_cases": attrition.complete_cases(patients["kept"]),
             "bounds": (np.nan, limits["worst_case"][1], limits["best_case"][2])}
    if not attrition.why_no_model(patients):
        drawn = {model: imputation.draw_scores(patients, model, seed=number) for model in imputation.MODELS}
        found |= {model: imputation.imputed(patients, scores, cell.outcome, RULES) for model, scores in drawn.items()}
        found |= {"weighting": weighting.weighted(patients)[:3], "doubly_robust": weighting.doubly_robust(patients)[:3]}
    return pd.DataFrame([{**cell._asdict(), "method": method, "number": number,
                          **dict(zip(("estimate", "low", "high"), found.get(method, (np.nan,) * 3), strict=True))}
                         for method in METHODS])


def coverage(tries: pd.DataFrame, truths: pd.DataFrame) -> pd.DataFrame:
    """How the methods do over simulated cohorts (rows of `tried`), a row a cell and method; `truths`: of `truths`.

    Columns beside those of Cell and `method`: `cohorts`; `refused` (share of them without an interval; what follows is
    of the others); `bias` (mean estimate minus truth, in shares) with `bias_low, bias_high` (95 %, normal); `coverage`
    (share of intervals that hold the truth) with `coverage_low, coverage_high` (Wilson); `mean_width` of the intervals.
    """
    rows = []
    for names, group in tries.merge(truths).groupby([*Cell._fields, "method"], sort=False):
        there = group[group["low"].notna()]
        gap = there["estimate"] - there["truth"]
        error = 1.959964 * gap.std() / np.sqrt(len(there))
        held = proportion(there["truth"].between(there["low"], there["high"]).sum(), len(there))
        rows.append((*names, len(group), 1 - len(there) / len(group), gap.mean(), gap.mean() - error,
                     gap.mean() + error, held.share, held.low, held.high, (there["high"] - there["low"]).mean()))
    return pd.DataFrame(rows, columns=[*Cell._fields, "method", "cohorts", "refused", "bias", "bias_low", "bias_high",
                                       "coverage", "coverage_low", "coverage_high", "mean_width"])


def truths() -> pd.DataFrame:
    """Of each population `generator, outcome, time, patients` in it, `truth`: the share (0 to 1) that kept it."""
    cells = dict.fromkeys((cell.generator, cell.outcome, cell.time) for cell in CELLS)
    kept = [population(*names)["truth"] for names in cells]
    return pd.DataFrame([(*names, len(truth), truth.mean()) for names, truth in zip(cells, kept, strict=True)],
                        columns=["generator", "outcome", "time", "patients", "truth"])


def stored_coverage() -> tuple[pd.DataFrame, dict]:
    """The table of `coverage` that `tests/benchmarks/attrition_coverage.py` stored, and how it was made."""
    return pd.read_csv(STORED), json.loads(STORED.with_suffix(".json").read_text(encoding="utf-8"))
