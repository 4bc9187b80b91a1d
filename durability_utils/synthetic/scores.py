"""Scores for the synthetic cohort: a plain model to draw candidates from, and ways to select exact totals."""

import zlib

import numpy as np
import pandas as pd

from durability_utils.outcomes.rules import classify
from durability_utils.study.columns import TIMES
from durability_utils.study.measures import read_measures
from durability_utils.study.rules import Rules

RULES = Rules(read_measures("study_2016"), "adsm_else_gad7", carry_back=True, minimum_sessions=2)
ITEMS = {measure.columns: measure.items for measure in RULES.pair}  # in the exports that hold any
DRAWN_SCORES = [f"{name}_{time}" for time in TIMES for name in ("phq9", "gad7", "adsm")]
TABLE1_SCORES = ["phq9_baseline", "phq9_change", "gad7_baseline", "gad7_change"]
# With standard deviations like these, Table 1's printed means give its printed letters and p-values.
SD = {"phq9_baseline": 5.0, "phq9_change": 5.0, "gad7_baseline": 4.1, "gad7_change": 3.8}
SD_TOLERANCE = 0.1


def random_generator(seed: int, purpose: str) -> np.random.Generator:
    """A generator of its own for each purpose, so that a change in one part leaves the others as they were."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])


# -- draw first ------------------------------------------------------------------------------------

def trajectories(n: int, profile: dict[str, float], rng: np.random.Generator) -> pd.DataFrame:
    """PHQ-9 and GAD-7 totals of n candidates at the four TIMES, in points.

    `profile` holds the means of TABLE1_SCORES. The two measures go together (about 0.7), who starts
    higher can fall further, and one patient in eight relapses after the end of treatment.
    """
    before, change, relapses = _pair(n, 0.7, rng), _pair(n, 0.7, rng), rng.random(n) < 0.12
    later = [[shift + 1.8 * relapses for shift in _pair(n, 0.6, rng)] for _ in range(2)]
    scores = {}
    for i, (name, top) in enumerate((("phq9", 27), ("gad7", 21))):
        sd, change_sd = SD[f"{name}_baseline"], SD[f"{name}_change"]
        baseline = profile[f"{name}_baseline"] + sd * before[i]
        end = baseline - profile[f"{name}_change"] - change_sd * (0.5 * before[i] + 0.87 * change[i])
        six = end + 0.75 * change_sd * later[0][i]
        twelve = six + 0.55 * change_sd * later[1][i]
        for time, values in zip(TIMES, (baseline, end, six, twelve), strict=True):
            # low scores thin out towards zero: a hard floor would heap patients there
            soft = np.where(values < 4, 4 * np.exp((values - 4) / 4), values)
            scores[f"{name}_{time}"] = np.clip(np.rint(soft), 0, top)
    return pd.DataFrame(scores)


def _pair(n: int, correlation: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    first, second = rng.standard_normal((2, n))
    return first, correlation * first + np.sqrt(1 - correlation ** 2) * second


def with_adsm(scores: pd.DataFrame, names: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """The scores with `adsm` (each patient's ADSM; blank: none) and its score at the four TIMES, in points.

    An ADSM follows the GAD-7 loosely, and one answer in twelve is missing.
    """
    measures = RULES.measures
    low, high = (np.array([getattr(measures[name], key) if name else np.nan for name in names], float)
                 for key in ("minimum", "maximum"))
    person = rng.normal(0, 0.08, len(names))
    columns = {}
    for time in TIMES:
        share = 0.10 + 0.65 * scores[f"gad7_{time}"] / 21 + person + rng.normal(0, 0.05, len(names))
        score = np.rint(low + (high - low) * share.clip(0, 1))
        columns[f"adsm_{time}"] = score.where(rng.random(len(names)) > 0.08)
    return scores.assign(adsm=pd.Series(names, scores.index, dtype=object).replace("", None), **columns)


def candidates(seed: int, adsm: str, n: int) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """n candidate participants with this ADSM (blank: none), and for each path the rows that follow it.

    A path is two words as in `synthetic.PLAN`: improvement (D, N, I) at end and 6m, or end, 6m and 12m, then
    recovery (n, r, -) at the same times. The path "" holds every row. The frame's `mixed`: one measure
    reliably up and the other reliably down, at end or 6m.
    """
    rng = random_generator(seed, f"candidates {adsm}")
    profile = {"phq9_baseline": 14.3, "phq9_change": 8.9, "gad7_baseline": 11.9, "gad7_change": 6.7}
    pool = with_adsm(trajectories(n, profile, rng), np.array([adsm] * n, object), rng)
    outcomes = [classify(pool, time, RULES) for time in TIMES[1:]]
    improvement = [outcome["improvement"].cat.codes.map(dict(enumerate("DNI")) | {-1: "?"}) for outcome in outcomes]
    recovery = [outcome["recovery"].cat.codes.map(dict(enumerate("nr")) | {-1: "-"}) for outcome in outcomes]
    rows = {"": np.arange(n)}
    for times in (2, 3):
        paths = sum(improvement[1:times], improvement[0]) + " " + sum(recovery[1:times], recovery[0])
        rows |= paths.groupby(paths).indices
    return pool.assign(mixed=outcomes[0]["mixed"] | outcomes[1]["mixed"]), rows


def functioning(depression: np.ndarray, works: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Answers to the five WSAS items (0 to 8) of people with these PHQ-9 totals, which their sum follows (about 0.8).

    One row a person. The first, on work, is 9 (not applicable) for who does not `work` (bool); one answer in a hundred
    is missing, and all of whoever has no PHQ-9 total.
    """
    level = 0.08 + 0.8 * np.asarray(depression, float)[:, None] / 27 + rng.normal(0, 0.12, (len(depression), 1))
    items = np.rint(8 * np.clip(level + rng.normal(0, 0.1, (len(depression), 5)), 0, 1))
    items[~works, 0] = 9
    items[rng.random(items.shape) < 0.01] = np.nan
    items[np.isnan(level[:, 0])] = np.nan
    return items


# -- then select -----------------------------------------------------------------------------------

def table1_values(scores: pd.DataFrame) -> np.ndarray:
    """The columns TABLE1_SCORES (change: baseline minus end, in points) of each candidate, as a matrix."""
    changes = {f"{name}_change": scores[f"{name}_baseline"] - scores[f"{name}_end"] for name in ("phq9", "gad7")}
    return scores.assign(**changes)[TABLE1_SCORES].to_numpy()


def select(options: list[np.ndarray], n: np.ndarray, sums: np.ndarray, rng: np.random.Generator) -> list[int]:
    """One row of each patient's options, such that the columns have these sums and SDs near those of SD.

    `n`: the number of patients with a value in each column (a missing value is missing in all of a patient's
    options). One patient at a time gets the candidate that brings the sums nearest, with a little luck in it.
    """
    sds, options = np.array([SD[name] for name in TABLE1_SCORES]), [np.nan_to_num(rows) for rows in options]

    def distance(total, squares):
        spread = np.sqrt((squares - total ** 2 / n) / (n - 1))
        return np.abs(total - sums).sum(axis=-1) + 30 * np.maximum(np.abs(spread - sds) - SD_TOLERANCE, 0).sum(axis=-1)

    picked = [int(rng.integers(len(rows))) for rows in options]
    values = np.array([rows[row] for rows, row in zip(options, picked, strict=True)])
    for _ in range(20_000):
        if distance(values.sum(axis=0), (values ** 2).sum(axis=0)) == 0:
            return picked
        i = int(rng.integers(len(options)))
        others = np.delete(values, i, axis=0)
        found = distance(others.sum(axis=0) + options[i], (others ** 2).sum(axis=0) + options[i] ** 2)
        picked[i] = int(np.argmin(found + rng.exponential(1.0, len(found)) * (found > 0)))
        values[i] = options[i][picked[i]]
    raise RuntimeError("no selection of candidates has the printed means")


def sum_and_squares(n: int, mean: float, sd: float) -> tuple[int, float]:
    """The sum of n whole numbers with this (rounded) mean, and their sum of squares for this SD."""
    total = round(mean * n)
    return total, sd ** 2 * (n - 1) + total ** 2 / n


def whole_numbers(n: int, total: int, squares: float, low: int, high: int, rng: np.random.Generator) -> np.ndarray:
    """n whole numbers from `low` to `high`, skewed to the right, with this sum and about this sum of squares."""
    mean = total / n
    sd = np.sqrt((squares - total ** 2 / n) / (n - 1))
    values = np.clip(np.rint(low + rng.gamma(((mean - low) / sd) ** 2, sd ** 2 / (mean - low), n)), low, high)
    while values.sum() != total:
        i, step = rng.integers(n), np.sign(total - values.sum())
        values[i] = np.clip(values[i] + step, low, high)
    gap = (values ** 2).sum() - squares
    for up, down in rng.integers(n, size=(20_000, 2)):
        if abs(gap) <= 1:
            break
        change = 2 * (values[up] - values[down]) + 2
        fits = up != down and values[up] < high and values[down] > low
        if fits and abs(gap + change) < abs(gap):
            values[up], values[down], gap = values[up] + 1, values[down] - 1, gap + change
    return values


def answers(total: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """n items answered 0 to 3 that add up to the total; the ninth (thoughts of self-harm) is the rarest above 0."""
    weights = rng.gamma(4.0, 1.0, n)
    weights[8:] *= 0.15
    items = np.zeros(n)
    for _ in range(total):
        open_ = weights * (items < 3)
        items[rng.choice(n, p=open_ / open_.sum())] += 1
    return items
