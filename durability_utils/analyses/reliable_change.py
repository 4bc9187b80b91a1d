"""Reliable change on one measure: the methods of the literature, and the cut-offs that go with them.

Lower scores are better; before and later are scores in points, one a patient, missing values allowed. Each method gives
an index in standard errors, positive where the patient got better: reliable where it exceeds `CRITICAL` of the method.
The group whose mean and standard deviation (SD) enter are those with both scores. Every index is missing where the
group is fewer than three, or its standard error is zero: without an SD, or with a reliability of 1, which leaves no
error to exceed. With two or three dozen patients the SD itself is uncertain by a tenth or more, and so is each class.
"""

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from durability_utils.outcomes.rules import IMPROVEMENT
from durability_utils.study.errors import InputError
from durability_utils.study.expected import expect_numbers, expect_own_rows, expect_same_rows
from durability_utils.study.holds import Holds
from durability_utils.study.measures import Measure

TWO_SIDED, ONE_SIDED = NormalDist().inv_cdf(0.975), NormalDist().inv_cdf(0.95)
CLASS_COUNTS = Holds("PHQ-9 at 6 months by method",
                     {"n": "by_method/{method}/{class}", "of": "by_method/{method}/total"})


def own_criterion(sd: float, reliability: float) -> float:
    """The change in points that measurement error alone exceeds once in twenty: 1.96 * sqrt(2) * SD * sqrt(1 - r).

    Source: Jacobson & Truax (1991). Misuse: an internal consistency (Cronbach's alpha) as r leaves out what changes
    from day to day, and so makes the criterion smaller than a test-retest reliability does.
    """
    return TWO_SIDED * np.sqrt(2) * standard_error(sd, reliability)


def standard_error(sd: float, reliability: float) -> float:
    """Standard error of measurement in points: SD * sqrt(1 - r)."""
    return sd * np.sqrt(1 - reliability)


# -- the methods -----------------------------------------------------------------------------------

def jacobson_truax(before: pd.Series, later: pd.Series, reliability: float) -> pd.Series:
    """(before - later) / (sqrt(2) * SEM), SEM = SD(before) * sqrt(1 - r). Source: Jacobson & Truax (1991).

    Misuse: who begins with an extreme score comes nearer to the mean without change, for which it does not allow.
    """
    before, later = _both(before, later, reliability)
    return _index(before - later, np.sqrt(2) * standard_error(before.std(), reliability))


def gulliksen_lord_novick(before: pd.Series, later: pd.Series, reliability: float) -> pd.Series:
    """(expected - later) / (SD * sqrt(1 - r^2)), expected = M + r * (before - M), M and SD of before.

    Change beyond regression to the mean of the group. Source: Hsu (1989, 1995), after Gulliksen and Lord & Novick.
    Misuse: M and SD have to be those of the population to which the patient belongs.
    """
    before, later = _both(before, later, reliability)
    return _index(_expected(before, reliability) - later, before.std() * np.sqrt(1 - reliability**2))


def hsu_linn_nord(before: pd.Series, later: pd.Series, reliability: float) -> pd.Series:
    """(r * (before - M1) - (later - M2)) / (SD * sqrt(1 - r^2)), M1 and M2 the means of before and later, SD of before.

    Source: Hsu (1989), after Hsu, Linn & Nord. Misuse: change is told relative to the mean change of the group. Where
    everybody improved alike nobody did by this index, so it says nothing about the effect of treatment.
    """
    before, later = _both(before, later, reliability)
    change = reliability * (before - before.mean()) - (later - later.mean())
    return _index(change, before.std() * np.sqrt(1 - reliability**2))


def edwards_nunnally(before: pd.Series, later: pd.Series, reliability: float) -> pd.Series:
    """(expected - later) / SEM, expected = M + r * (before - M), SEM = SD * sqrt(1 - r), M and SD of before.

    The later score against an interval about the estimated true score at baseline. Source: Speer (1992), after Edwards
    et al. (1978) and Nunnally (1967); Speer takes 2 for 1.96. Misuse: the error of the later score is left out, so the
    interval is narrow and change is found often.
    """
    before, later = _both(before, later, reliability)
    return _index(_expected(before, reliability) - later, standard_error(before.std(), reliability))


def nunnally_kotsch(before: pd.Series, later: pd.Series, reliability: float,
                    later_reliability: float | None = None) -> pd.Series:
    """(expected - later) / (SD * sqrt(r1^2 * (1 - r1) + 1 - r2)), expected = M + r1 * (before - M), M and SD of before.

    r1 and r2: reliability at baseline and later (the same, unless given). Source: Nunnally & Kotsch (1983). Misuse: to
    take r2 from another population than that of the later scores.
    """
    before, later = _both(before, later, reliability)
    left = 1 - (reliability if later_reliability is None else later_reliability)
    return _index(_expected(before, reliability) - later,
                  before.std() * np.sqrt(reliability**2 * (1 - reliability) + left))


def hageman_arrindell(before: pd.Series, later: pd.Series, reliability: float,
                      later_reliability: float | None = None) -> pd.Series:
    """(change * R + M * (1 - R)) / (sqrt(R) * E), change = before - later, M the mean change.

    E^2 = SEM1^2 + SEM2^2; R = (var(change) - E^2) / var(change), the reliability of the change in this group. SEM1 =
    SD(before) * sqrt(1 - r). The authors take the error to be the same at both times, so SEM2 = SEM1; with
    `later_reliability` it is that of the later scores, SD(later) * sqrt(1 - r2). Index for individuals (RC_INDIV); its
    limit is `ONE_SIDED`, a risk of 5 % of being classed wrongly. Source: Hageman & Arrindell (1999). Misuse: R is zero
    or less where changes vary no more than error does; then the method cannot tell, and every index is missing.
    """
    before, later = _both(before, later, reliability)
    change, error = before - later, standard_error(before.std(), reliability)
    later_error = error if later_reliability is None else standard_error(later.std(), later_reliability)
    error, variance = np.hypot(error, later_error), change.var()
    own = (variance - error**2) / variance if variance > error**2 else np.nan
    return _index(change * own + change.mean() * (1 - own), np.sqrt(own) * error)


def hierarchical(scores: pd.DataFrame) -> pd.Series:
    """How much faster than the group a patient's scores fall, in standard deviations of that estimate.

    scores: a column a time, in their order, evenly spaced. The model has a line for all and for each patient another
    start and slope (random, correlated), by restricted maximum likelihood; the index is the empirical Bayes estimate of
    a patient's slope less that of all, over its SD given the model. For those with at least three scores. Source:
    Raudenbush & Bryk (2002); Speer & Greenbaum (1995) proposed it; as `rci_method = "HLM"` of R's clinicalsignificance.
    Misuse: as with Hsu, Linn & Nord, where everybody improved alike nobody did; and scores that fall during treatment
    and stay where they are follow no line: then starts and slopes cannot be told apart (a correlation of 1 or -1, which
    lme4 calls singular). Missing for everybody where the model does not converge.
    """
    expect_own_rows(scores, "scores")
    for time in scores:
        expect_numbers(scores[time], f"scores: {time}")
    index = pd.Series(np.nan, scores.index)
    known = scores.notna().sum(axis=1) >= 3
    values = scores[known].to_numpy(float)
    if len(values) < 3 or len(np.unique(values[~np.isnan(values)])) < 2:
        return index
    line, left = np.column_stack([np.ones(scores.shape[1]), range(scores.shape[1])]), np.sum(~np.isnan(values)) - 2
    patterns, which = np.unique(~np.isnan(values), axis=0, return_inverse=True)
    # whoever has scores at the same times has the same covariance
    groups = [(line[times], values[which == place][:, times]) for place, times in enumerate(patterns)]

    def model(entries):
        # deviance a score; then, in variances of the error, the covariance of start and slope, and what follows from it
        root = np.array([[entries[0], 0], entries[1:]])
        spread = root @ root.T
        inverses = [np.linalg.inv(np.eye(len(times)) + times @ spread @ times.T) for times, _ in groups]
        told = sum(len(of) * times.T @ inverse @ times for (times, of), inverse in zip(groups, inverses, strict=True))
        seen = sum(times.T @ inverse @ of.sum(axis=0) for (times, of), inverse in zip(groups, inverses, strict=True))
        away = [of - times @ np.linalg.solve(told, seen) for times, of in groups]
        squares = sum(np.sum(rest @ inverse * rest) for rest, inverse in zip(away, inverses, strict=True))
        spreads = sum(len(rest) * np.linalg.slogdet(inverse)[1] for rest, inverse in zip(away, inverses, strict=True))
        deviance = np.log(squares) + (np.linalg.slogdet(told)[1] - spreads) / left
        return deviance, spread, inverses, away, squares / left

    found = minimize(lambda entries: model(entries)[0], [1, 0, 1], method="BFGS", jac="3-point")
    if found.success:
        _, spread, inverses, away, error = model(found.x)
        own = np.empty(len(values))
        for place, ((times, _), inverse, rest) in enumerate(zip(groups, inverses, away, strict=True)):
            gain = spread @ times.T @ inverse
            own[which == place] = -(rest @ gain[1]) / np.sqrt(error * (spread - gain @ times @ spread)[1, 1])
        index[known] = own
    return index


METHODS: dict[str, Callable[[pd.Series, pd.Series, float], pd.Series]] = {
    function.__name__: function for function in
    (jacobson_truax, gulliksen_lord_novick, hsu_linn_nord, edwards_nunnally, nunnally_kotsch, hageman_arrindell)}
CRITICAL = dict.fromkeys(METHODS, TWO_SIDED) | {"hageman_arrindell": ONE_SIDED}


def classes(index: pd.Series, critical: float) -> pd.Series:
    """One of the codes of `outcomes.IMPROVEMENT` for each patient; missing where the index is."""
    return _classes(index > critical, index < -critical, index.isna())


def percentage_change(before: pd.Series, later: pd.Series, share: float) -> pd.Series:
    """Codes of `outcomes.IMPROVEMENT`: a fall by at least this share (0 to 1) of the score before, or a rise by it.

    (before - later) / before. Missing where a score is, or where before is zero. Half is the usual response in trials
    of depression. Misuse: it knows no measurement error, and from a low score a single point is a large share.
    """
    before, later = _scored(before, later)
    change = (before - later) / before.where(before > 0)
    return _classes(change >= share, change <= -share, change.isna())


def class_counts(scores: pd.DataFrame, measure: Measure) -> pd.DataFrame:
    """How many patients each method puts into each class: `method, class, n, of`, zeros too.

    scores: of the measure, a column a time; the first against the last, `hierarchical` over all. `of` are those whom
    the method can class. Beside METHODS and `hierarchical`, `fixed_threshold` (the measure's reliable change) and
    `half_of_baseline` (a percentage change of 50 %).
    """
    for time in scores:
        expect_numbers(scores[time], f"scores: {time}", measure.range)
    before, later = _scored(scores.iloc[:, 0], scores.iloc[:, -1])
    change = before - later
    found = {"fixed_threshold": _classes(change >= measure.reliable_change, change <= -measure.reliable_change,
                                         change.isna())}
    found |= {name: classes(method(before, later, measure.reliability), CRITICAL[name])
              for name, method in METHODS.items()}
    found["hierarchical"] = classes(hierarchical(scores), TWO_SIDED)
    found["half_of_baseline"] = percentage_change(before, later, 0.5)
    rows = [(name, code, int((codes == code).sum()), int(codes.notna().sum()))
            for name, codes in found.items() for code in IMPROVEMENT]
    return pd.DataFrame(rows, columns=["method", "class", "n", "of"])


# -- cut-offs --------------------------------------------------------------------------------------

def cut_off_a(clinical_mean: float, clinical_sd: float) -> float:
    """Out of the range of patients: their mean minus 2 SD, in points. Source for a, b and c: Jacobson & Truax (1991).

    Misuse: where the two populations overlap it is too strict, and on a measure that ends at zero it may be below it.
    """
    return clinical_mean - 2 * clinical_sd


def cut_off_b(functional_mean: float, functional_sd: float) -> float:
    """Within the range of the general population: its mean plus 2 SD, in points. Misuse: overlap makes it lenient."""
    return functional_mean + 2 * functional_sd


def cut_off_c(clinical_mean: float, clinical_sd: float, functional_mean: float, functional_sd: float) -> float:
    """Where a score is as far from both means, in their SDs: (SD_f * M_c + SD_c * M_f) / (SD_f + SD_c), in points.

    The one that the authors prefer where the populations overlap. Misuse: M_c and SD_c of a group that was chosen for
    high scores make it depend on the choice.
    """
    return (functional_sd * clinical_mean + clinical_sd * functional_mean) / (functional_sd + clinical_sd)


def true_cut_off_c(before: pd.Series, later: pd.Series, reliability: float, functional_mean: float,
                   functional_sd: float) -> float:
    """`cut_off_c` between true scores, in points: each SD without measurement error, sqrt(SD^2 - SEM^2).

    SEM = SD(before) * sqrt(1 - r), taken for the error of every group. Source: Hageman & Arrindell (1999). Missing
    where a group spreads no more than error does.
    """
    before, _ = _both(before, later, reliability)
    error = standard_error(before.std(), reliability)
    return cut_off_c(before.mean(), _true_sd(before.std(), error), functional_mean, _true_sd(functional_sd, error))


def below_cut_off(before: pd.Series, later: pd.Series, reliability: float, cut_off: float) -> pd.Series:
    """How far the later true score lies below a cut-off between true scores: Hageman & Arrindell's own, CS_INDIV.

    (cut-off - (M + R * (later - M))) / (sqrt(R) * SEM), M the mean of later, R = (SD(later)^2 - SEM^2) / SD(later)^2,
    SEM = SD(before) * sqrt(1 - r). Below it with a risk of 5 % of error where the index exceeds `ONE_SIDED`. Source:
    Hageman & Arrindell (1999). Misuse: without asking whether the patient was above it before.
    """
    before, later = _both(before, later, reliability)
    error = standard_error(before.std(), reliability)
    own = _true_sd(later.std(), error)**2 / later.var() if later.std() > 0 else np.nan
    return _index(cut_off - later.mean() - own * (later - later.mean()), np.sqrt(own) * error)


# -- the group -------------------------------------------------------------------------------------

def _both(before: pd.Series, later: pd.Series, reliability: float) -> tuple[pd.Series, pd.Series]:
    """The scores of those with both, if they are at least three."""
    if isinstance(reliability, str) or not 0 <= reliability <= 1:
        raise InputError(f"reliability: found {reliability!r}, expected a number from 0 to 1")
    before, later = _scored(before, later)
    few = 1 if before.count() >= 3 else np.nan
    return before * few, later * few


def _scored(before: pd.Series, later: pd.Series) -> tuple[pd.Series, pd.Series]:
    for name, scores in (("before", before), ("later", later)):
        expect_numbers(scores, name)
    expect_same_rows(before=before, later=later)
    scores = pd.DataFrame({"before": before, "later": later}).astype(float)
    scores = scores.where(scores.notna().all(axis=1))
    return scores["before"], scores["later"]


def _index(change: pd.Series, error: float) -> pd.Series:
    return change / (error if error > 0 else np.nan)


def _true_sd(sd: float, error: float) -> float:
    return np.sqrt(sd**2 - error**2) if sd > error else np.nan


def _expected(before: pd.Series, reliability: float) -> pd.Series:
    return before.mean() + reliability * (before - before.mean())


def _classes(better: pd.Series, worse: pd.Series, missing: pd.Series) -> pd.Series:
    codes = np.where(missing, -1, 1 + better.astype(int) - worse.astype(int))
    return pd.Series(pd.Categorical.from_codes(codes, list(IMPROVEMENT), ordered=True), better.index)
