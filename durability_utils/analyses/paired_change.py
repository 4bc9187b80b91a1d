"""Change between two or three times in the same patients: exact and marginal tests, and standardised mean change.

Tests of marginal change ask whether a share differs between times. Those who stayed as they were do not enter, so a p
value says nothing about how many kept their gains.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from durability_utils.analyses.reliable_change import TWO_SIDED
from durability_utils.outcomes.rules import OUTCOMES, STEP_GROUPS, classify, in_step
from durability_utils.outcomes.transitions import count
from durability_utils.study.columns import LATER_TIMES, completed
from durability_utils.study.expected import (
    expect,
    expect_bool,
    expect_columns,
    expect_numbers,
    expect_one_of,
    expect_rules,
    expect_same_rows,
)
from durability_utils.study.holds import Holds
from durability_utils.study.rules import Rules
from durability_utils.study.study_file import STEPS

HOLDS = {
    "tests": Holds("Whether shares differ between times", {
        "n": "paired/{outcome}/{times}/total", "changed": "paired/{outcome}/{times}/{test}/changed"},
        statistics={"statistic": "test statistic", "df": "degrees of freedom", "p": "p"}, words=("note",)),
    "effect_sizes": Holds("Standardised mean change", {"n": "paired_scores/{measure}/{times}/{step}"}, statistics={
        "mean_change": "mean", "sd_before": "sd", "sd_later": "sd", "d": "Cohen's d", "g": "Hedges' g"}
        | dict.fromkeys(("low", "high"), "interval of Hedges' g")),
}


class PairedTest(NamedTuple):
    """A test on n patients, of whom `changed` changed. `note` is `computed`, or why there is none (then p is NaN)."""

    test: str
    n: int
    changed: int
    statistic: float = np.nan
    df: float = np.nan
    p: float = np.nan
    note: str = "computed"


def exact_mcnemar(first: pd.Series, second: pd.Series) -> PairedTest:
    """Do as many patients have the outcome at the second time as at the first? Exact McNemar test, two-sided.

    first, second: bool, one a patient. With b patients who lost it and c who gained it, p = 2 * P(X <= min(b, c)) for X
    binomial (b + c, 1/2), at most 1; `statistic` is min(b, c), without degrees of freedom. Source: McNemar (1947),
    exact as in statsmodels. Misuse: a p above 0.05 with few changes does not show that nothing changed.
    """
    for name, outcome in (("first", first), ("second", second)):
        expect_bool(outcome, name)
    expect_same_rows(first=first, second=second)
    from statsmodels.stats.contingency_tables import mcnemar

    lost, gained = int((first & ~second).sum()), int((~first & second).sum())
    if note := _cannot(len(first), lost + gained):
        return PairedTest("exact_mcnemar", len(first), 0, note=note)
    found = mcnemar([[0, lost], [gained, 0]], exact=True)
    return PairedTest("exact_mcnemar", len(first), lost + gained, float(found.statistic), p=float(found.pvalue))


def stuart_maxwell(square: pd.DataFrame) -> PairedTest:
    """Are all classes as frequent at the second time as at the first? Stuart-Maxwell test of marginal homogeneity.

    square: counts, rows the classes at the first time, columns the same at the second. chi2 = d' V^-1 d over all
    classes but one, d the differences of the margins, V their covariance under equal margins. Source: Stuart (1955),
    Maxwell (1970), as in statsmodels, without a half added to each cell (`shift_zeros`), which would change the data.
    A class that nobody entered or left makes V singular and is left out, with its degree of freedom; a V still singular
    is said in `note`. Misuse: chi2 is an approximation, doubtful with fewer than about ten changes.
    """
    from statsmodels.stats.contingency_tables import SquareTable

    counts = square.to_numpy()
    off = counts - np.diag(np.diag(counts))
    moving = off.sum(axis=0) + off.sum(axis=1) > 0
    n, changed = int(counts.sum()), int(off.sum())
    note = _cannot(n, changed) or ("" if _connected(off[np.ix_(moving, moving)]) else "singular")
    if note:
        return PairedTest("stuart_maxwell", n, changed, note=note)
    found = SquareTable(off[np.ix_(moving, moving)].astype(float), shift_zeros=False).homogeneity()
    return PairedTest("stuart_maxwell", n, changed, float(found.statistic), float(found.df), float(found.pvalue))


def _connected(off: np.ndarray) -> bool:
    """Whether moves join all classes: else the margins of each part are equal by themselves and V is singular."""
    reached = np.linalg.matrix_power(off + off.T + np.eye(len(off), dtype=int) > 0, len(off))
    return bool(reached.all())


def cochrans_q(outcomes: pd.DataFrame) -> PairedTest:
    """Is the outcome as frequent at each of several times? Cochran's Q on bool columns, a column a time.

    Q = (k - 1) * (k * sum(C^2) - N^2) / (k * N - sum(R^2)) for k times, C their totals, R the patients' totals, N all;
    chi2 with k - 1 degrees of freedom. Source: Cochran (1950), as in statsmodels. Misuse: it does not say between which
    times; and chi2 is an approximation, doubtful with few patients who changed.
    """
    expect_columns(outcomes, [], "outcomes")
    for time in outcomes:
        expect_bool(outcomes[time], f"outcomes: {time}")
    from statsmodels.stats.contingency_tables import cochrans_q as cochran

    changed = int((outcomes.any(axis=1) & ~outcomes.all(axis=1)).sum())
    if note := _cannot(len(outcomes), changed):
        return PairedTest("cochrans_q", len(outcomes), 0, note=note)
    found = cochran(outcomes.to_numpy(dtype=int))
    return PairedTest("cochrans_q", len(outcomes), changed, *map(float, (found.statistic, found.df, found.pvalue)))


def _cannot(n: int, changed: int) -> str:
    return "no_patients" if n == 0 else "nobody_changed" if changed == 0 else ""


def paired_tests(cohort: pd.DataFrame, carried: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Every test of improvement and recovery between end, 6 and 12 months.

    Columns: `outcome, times` and the fields of PairedTest. `carried`: the cohort after carry back where the study has
    it; it serves end against 6 months alone, since elsewhere one answer would stand for two times. Stuart-Maxwell tests
    the three classes of improvement, the others whether a patient has the outcome; Cochran's Q needs both follow-ups.
    """
    expect_rules(rules)
    expect_columns(cohort, [])
    expect_columns(carried, [], "carried")
    expect_same_rows(cohort=cohort, carried=carried)
    both = cohort[completed(cohort, "6m") & completed(cohort, "12m")]
    rows = []
    for outcome, well in OUTCOMES.items():
        plain, early = (_outcomes_at(people, outcome, rules) for people in (cohort, carried))
        for first, second in combinations(plain, 2):
            codes = (early if (first, second) == ("end", "6m") else plain)[[first, second]].dropna()
            tests = [exact_mcnemar(codes[first] == well, codes[second] == well)]
            if outcome == "improvement":
                tests.append(stuart_maxwell(count(codes).pivot(index=first, columns=second, values="n")))
            rows += [(outcome, f"{first}_{second}", *test) for test in tests]
        at_all = _outcomes_at(both, outcome, rules).dropna() == well
        rows.append((outcome, "end_6m_12m", *cochrans_q(at_all)))
    return pd.DataFrame(rows, columns=["outcome", "times", *PairedTest._fields])


def _outcomes_at(cohort: pd.DataFrame, outcome: str, rules: Rules) -> pd.DataFrame:
    return pd.DataFrame({time: classify(cohort, time, rules)[outcome] for time in LATER_TIMES})


class EffectSize(NamedTuple):
    """Mean change (points, positive is improvement) of n patients, and in average SDs: d, corrected g, limits of d."""

    n: int
    mean_change: float
    sd_before: float
    sd_later: float
    d: float
    g: float
    low: float
    high: float


def effect_size(before: pd.Series, later: pd.Series) -> EffectSize:
    """Cohen's d_av of a paired change: (M1 - M2) / s, s^2 = (SD1^2 + SD2^2) / 2, with a 95 % interval.

    g = d * sqrt((n - 2) / (n - 1)), for the small sample. The interval is d +- 1.96 SE, where
    SE^2 = d^2 * (SD1^4 + SD2^4 + 2 r^2 SD1^2 SD2^2) / (8 (n - 1) s^4) + (SD1^2 + SD2^2 - 2 r SD1 SD2) / ((n - 1) s^2);
    equal variances are not assumed. Missing with fewer than three patients or without spread. Source: Cohen (1988),
    Cumming (2012) and Lakens (2013) for d_av, Bonett (2008) for g and interval. Misuse: without a control group it
    holds regression to the mean and what else time brings: no effect of treatment; nor d_z, larger with correlation.
    """
    for name, scores in (("before", before), ("later", later)):
        expect_numbers(scores, name)
    expect_same_rows(before=before, later=later)
    scores = pd.DataFrame({"before": before, "later": later}).astype(float).dropna()
    n, change, (sd1, sd2) = len(scores), (scores["before"] - scores["later"]).mean(), scores.std()
    if n < 3 or not (sd1 > 0 and sd2 > 0):
        return EffectSize(n, change, sd1, sd2, *[np.nan] * 4)
    r, v1, v2, df = scores["before"].corr(scores["later"]), sd1**2, sd2**2, n - 1
    average = (v1 + v2) / 2
    d = change / np.sqrt(average)
    error = np.sqrt(d**2 * (v1**2 + v2**2 + 2 * r**2 * v1 * v2) / (8 * df * average**2)
                    + (v1 + v2 - 2 * r * sd1 * sd2) / (df * average))
    limits = (d - TWO_SIDED * error, d + TWO_SIDED * error)
    return EffectSize(n, *map(float, (change, sd1, sd2, d, d * np.sqrt((n - 2) / df), *limits)))


def effect_sizes(cohort: pd.DataFrame, step: str, rules: Rules) -> pd.DataFrame:
    """Effect sizes of the two measures that everybody has: `measure, times, step` and the fields of EffectSize.

    Baseline to end, baseline to 6 months, end to 6 months; for `all` also by step. Negative values are losses.
    """
    expect_rules(rules)
    expect_one_of(step, STEPS, "step")
    expect(cohort, [f"{measure.columns}_{time}" for measure in rules.pair for time in ("baseline", "end", "6m")], rules)
    rows = []
    for measure in rules.pair:
        for first, second in (("baseline", "end"), ("baseline", "6m"), ("end", "6m")):
            for group in (step, *STEP_GROUPS) if step == "all" else (step,):
                people = in_step(cohort, group)
                before, later = (people[f"{measure.columns}_{time}"] for time in (first, second))
                rows.append((measure.name, f"{first}_{second}", group, *effect_size(before, later)))
    return pd.DataFrame(rows, columns=["measure", "times", "step", *EffectSize._fields])
