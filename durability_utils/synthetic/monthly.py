"""A synthetic service that asks every month after discharge, with the relapses of a published study.

Ali et al. (2017) printed how many of 439 patients relapsed within a year, when, and with which hazard ratio for
residual symptoms; their data are not public. Candidates are drawn from a plain model of monthly scores, classified by
`relapse.py`, and selected to fill a plan with those margins. Nobody in it exists.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import fsolve

from durability_utils.analyses.relapse import ALI_2017, DAYS_A_MONTH, status_at_end, time_to_relapse
from durability_utils.study.parameters import read_yaml
from durability_utils.synthetic.scores import RULES, functioning, random_generator

MONTHLY_FILES = {"patients": "monthly_patients.csv", "scores": "monthly_scores.csv"}
MONTHS = np.arange(1, 13)
# how many of the 439 have residual symptoms on PHQ-9 and GAD-7 at end (not published), and the hazard ratio that makes
# the Cox model find the published one, with rounded numbers and what candidates there are
STRATA = {(0, 0): 190, (0, 1): 70, (1, 0): 84, (1, 1): 95}
HAZARD_RATIO = 1.92
DROPS_OUT = 0.006                         # in each month, of those still there without a relapse
# the others discharged: not asked, since not in remission; and in remission, but without a score after discharge
OTHERS = {"case_at_end": 231, "below_caseness": 38, "in_remission": 47}
NO_CONSENT = 29                           # of those last
ANCHOR = pd.Timestamp(2017, 1, 2)         # the first discharge
POOL = 60_000


# -- the plan --------------------------------------------------------------------------------------

def planned_counts() -> pd.DataFrame:
    """How many patients of each stratum relapse in, or are last seen without a relapse in, each month.

    Index: `residual_phq9, residual_gad7, relapsed, month`; one column, `n`. The relapses add up to the published share
    of those in remission, those of the first six months to the published share of these.
    """
    published = read_yaml(ALI_2017)
    relapses = round(published["in_remission"] * published["relapsed_percent_12m"] / 100)
    early = round(relapses * published["relapses_within_6m_percent"] / 100)
    first_half = MONTHS <= 6

    def expected(parameters):
        level, slope = np.exp(parameters[0]), parameters[1]
        hazard = level * np.exp(-slope * (MONTHS - 1))
        events, leaving = np.empty((2, len(STRATA), len(MONTHS)))
        for row, ((phq9, _), n) in enumerate(STRATA.items()):
            for column, of_month in enumerate(hazard):
                events[row, column] = n * (1 - np.exp(-of_month * HAZARD_RATIO ** phq9))
                leaving[row, column] = (n - events[row, column]) * DROPS_OUT
                n -= events[row, column] + leaving[row, column]
        return events, leaving

    def gap(parameters):
        events, _ = expected(parameters)
        return events[:, first_half].sum() - early, events[:, ~first_half].sum() - (relapses - early)

    events, leaving = expected(fsolve(gap, [-2.0, 0.1]))
    whole = np.hstack([_rounded(events[:, first_half], early), _rounded(events[:, ~first_half], relapses - early)])
    leaving = _rounded(leaving[:, :-1], round(leaving[:, :-1].sum()))
    staying = np.array(list(STRATA.values())) - whole.sum(axis=1) - leaving.sum(axis=1)
    tables = {True: whole, False: np.column_stack([leaving, staying])}
    return pd.DataFrame([
        {"residual_phq9": phq9, "residual_gad7": gad7, "relapsed": relapsed, "month": int(month), "n": int(n)}
        for relapsed, table in tables.items() for (phq9, gad7), row in zip(STRATA, table, strict=True)
        for month, n in zip(MONTHS, row, strict=True)
    ]).set_index(["residual_phq9", "residual_gad7", "relapsed", "month"])


def _rounded(values: np.ndarray, total: int) -> np.ndarray:
    """Whole numbers near the values, with this sum: the largest remainders are rounded up."""
    whole = np.floor(values).astype(int, order="C")  # so that ravel gives a view
    order = np.argsort((whole - values).ravel(), kind="stable")[:total - whole.sum()]
    whole.ravel()[order] += 1
    return whole


# -- draw first, then select -----------------------------------------------------------------------

def candidates(n: int, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    """n candidates (scores at baseline and end, in points) and their monthly scores: n x 12 months x PHQ-9 and GAD-7.

    Some relapse, most of them soon; one score in a hundred and one month in twelve is missing, and some stop answering.
    """
    baseline = np.clip(np.rint(rng.normal((14.5, 12.6), (4.3, 3.8), (n, 2))), 0, (27, 21))
    share = rng.beta(2.2, 3.5, (n, 1)) + rng.normal(0, 0.12, (n, 2))
    end = np.clip(np.rint(baseline * share), 0, (27, 21))
    onset = rng.geometric(0.085, n)
    size = rng.normal(9.0, 2.5, (n, 2)) * (0.6 + 0.4 * rng.random((n, 1)))
    ill = (onset[:, None] <= MONTHS)[:, :, None]
    level = end[:, None, :] + ill * size[:, None, :] + rng.normal(0, 1.5, (n, len(MONTHS), 2))
    monthly = np.clip(np.rint(level), 0, (27.0, 21.0))
    stops = np.where(rng.random(n) < 0.12, rng.integers(1, 12, n), 12)
    silent = (rng.random((n, len(MONTHS))) < 0.08) | (stops[:, None] < MONTHS)
    monthly[silent] = np.nan
    monthly[rng.random(monthly.shape) < 0.01] = np.nan
    names = ["phq9_baseline", "gad7_baseline", "phq9_end", "gad7_end"]
    return pd.DataFrame(np.hstack([baseline, end]), columns=names), monthly


def monthly_cohort(seed: int = 2017) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The patients of the synthetic service and all their scores, as its two files hold them.

    patients: `patient_id, discharge_date, consent, step, sessions, age, gender, problem`, one row a patient.
    scores: `patient_id, date, measure, score`, one row a score. The same seed gives the same cohort.
    """
    rng = random_generator(seed, "monthly")
    drawn, monthly = candidates(POOL, rng)
    status = status_at_end(drawn, RULES)
    remitted = drawn[status == "in_remission"].assign(step="step2")
    followed = time_to_relapse(remitted, _long(monthly, remitted.index), RULES)
    plan = planned_counts()["n"]
    groups = followed.groupby(plan.index.names).indices
    asked = np.concatenate([followed.index[rng.choice(groups[cell], n, replace=False)]
                            for cell, n in plan.items() if n])
    others = [rng.choice(drawn.index[(status == name) & ~drawn.index.isin(asked)], n, replace=False)
              for name, n in OTHERS.items()]
    chosen = pd.DataFrame({"candidate": np.concatenate([asked, *others])})
    chosen["asked"] = chosen.index < len(asked)
    chosen["consent"] = np.where(chosen.index < len(chosen) - NO_CONSENT, "Y", "N")
    chosen = chosen.sample(frac=1, random_state=rng, ignore_index=True).join(_background(len(chosen), rng))
    scores = _dated(chosen, drawn.loc[chosen["candidate"]].to_numpy(), monthly[chosen["candidate"]], rng)
    scores = _with_wsas(chosen, scores, random_generator(seed, "monthly WSAS"))
    columns = ["patient_id", "discharge_date", "consent", "step", "sessions", "age", "gender", "problem"]
    return chosen[columns], scores


def _long(monthly: np.ndarray, index: pd.Index) -> pd.DataFrame:
    """The monthly scores of the candidates of `index`, as `relapse.scores_after_discharge` gives them."""
    scores = monthly[index].reshape(-1, 2)
    table = pd.DataFrame({"patient": np.repeat(index, len(MONTHS)), "month": np.tile(MONTHS, len(index)),
                          "phq9": scores[:, 0], "gad7": scores[:, 1]})
    return table[~np.isnan(scores).all(axis=1)]


def _background(n: int, rng: np.random.Generator) -> pd.DataFrame:
    # nothing of it is published: merely plausible
    week, day = rng.integers(26, size=n), rng.integers(5, size=n)
    return pd.DataFrame({
        "patient_id": [f"m{number:04d}" for number in rng.choice(np.arange(1, 2 * n), n, replace=False)],
        "discharge_date": ANCHOR + pd.to_timedelta(7 * week + day, unit="D"),
        "step": "Low", "sessions": rng.integers(3, 9, n),
        "age": np.clip(np.rint(rng.gamma(9, 4.6, n)), 18, 88).astype(int),
        "gender": rng.choice(["F", "M"], n, p=[0.64, 0.36]),
        "problem": rng.choice(["depression", "gad", "mixed anxiety and depression", "panic"], n,
                              p=[0.38, 0.24, 0.3, 0.08]),
    })


def _dated(chosen: pd.DataFrame, treatment: np.ndarray, monthly: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    # first and last session, and for those who are asked each month, a few days early or late
    discharge, sessions = chosen["discharge_date"], chosen["sessions"]
    days = np.column_stack([-7 * sessions - 14, -rng.integers(7, size=len(chosen)),
                            np.rint(MONTHS * DAYS_A_MONTH) + rng.integers(-6, 7, monthly.shape[:2])])
    scores = np.concatenate([treatment.reshape(len(chosen), 2, 2), monthly], axis=1)
    scores[~chosen["asked"].to_numpy(), 2:] = np.nan
    times = days.shape[1]
    table = pd.DataFrame({
        "patient_id": np.repeat(chosen["patient_id"].to_numpy(), 2 * times),
        "date": np.repeat(discharge.to_numpy(), 2 * times) + pd.to_timedelta(np.repeat(days.ravel(), 2), unit="D"),
        "measure": np.tile(["PHQ-9", "GAD-7"], len(chosen) * times), "score": scores.ravel()})
    return table.dropna(subset="score").astype({"score": int})


def _with_wsas(chosen: pd.DataFrame, scores: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The scores with totals of the WSAS at baseline, end, 6 and 12 months, where both other measures are there."""
    discharge = chosen.set_index("patient_id")["discharge_date"].loc[scores["patient_id"]].to_numpy()
    month = np.rint((scores["date"] - discharge).dt.days / DAYS_A_MONTH)
    asked = scores[(month <= 0) | month.isin([6, 12])].pivot(
        index=["patient_id", "date"], columns="measure", values="score").dropna().reset_index()
    works = pd.Series(rng.random(len(chosen)) < 0.9, chosen["patient_id"])
    items = functioning(asked["PHQ-9"].to_numpy(), works.loc[asked["patient_id"]].to_numpy(), rng)
    total = pd.Series(np.where((items == 9).any(axis=1), np.nan, items.sum(axis=1)))
    wsas = asked[["patient_id", "date"]].assign(measure="WSAS", score=total).dropna().astype({"score": int})
    return pd.concat([scores, wsas]).sort_values(
        ["patient_id", "date", "measure"], ascending=[True, True, False], kind="stable", ignore_index=True)


def write_export(folder: str | Path, seed: int = 2017) -> list[Path]:
    """Write the two files of the synthetic service's long export into a folder; returns their paths."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in zip(MONTHLY_FILES.values(), monthly_cohort(seed), strict=True):
        table.to_csv(folder / name, index=False, encoding="utf-8", lineterminator="\n", date_format="%Y-%m-%d")
    return [folder / name for name in MONTHLY_FILES.values()]
