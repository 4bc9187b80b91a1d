"""The outcome rules: pure functions over a cohort, one row a patient.

Change is always the baseline score minus the later score, so that a positive change is an improvement.
Thresholds come from the study's rules; nothing here knows a number. The rules are those of the durability
study (its sections on reliable improvement and reliable recovery), made explicit where it is silent.
"""

import numpy as np
import pandas as pd

from durability_utils.study.columns import LATER_TIMES, columns_with, completed
from durability_utils.study.errors import InputError
from durability_utils.study.expected import (
    expect,
    expect_columns,
    expect_one_of,
    expect_own_range,
    expect_rules,
    scores_in,
)
from durability_utils.study.rules import Rules

IMPROVEMENT = ("reliable_deterioration", "no_reliable_improvement", "reliable_improvement")
RECOVERY = ("no_reliable_recovery", "reliable_recovery")
OUTCOMES = {"improvement": IMPROVEMENT[-1], "recovery": RECOVERY[-1]}  # what is to be kept, by the name of its columns
STEP_GROUPS = {"step2": ("step2",), "step3": ("step3", "step2+3")}


# -- who is counted --------------------------------------------------------------------------------

def in_step(cohort: pd.DataFrame, step: str) -> pd.DataFrame:
    """The patients of one step group; `all` keeps everyone, those with no recorded step included.

    Raises InputError for another step, and for codes of `step` that the data dictionary does not have.
    """
    expect_one_of(step, ("all", *STEP_GROUPS), "step")
    expect(cohort, ["step"])
    return cohort if step == "all" else cohort[cohort["step"].isin(STEP_GROUPS[step])]


def carry_back(cohort: pd.DataFrame) -> pd.DataFrame:
    """The cohort with the 12-month answer in the place of a 6-month follow-up that was not completed."""
    late_only = completed(cohort, "12m") & ~completed(cohort, "6m")
    late = {early: early.replace("_6m", "_12m") for early in columns_with(time="6m")}
    return cohort.assign(**{early: cohort[early].mask(late_only, cohort[name]) for early, name in late.items()
                            if name in cohort and (cohort[early].notna().any() or cohort[name].notna().any())})


# -- the rules -------------------------------------------------------------------------------------

def reliable_improvement(phq9_change, anxiety_change, phq9_criterion, anxiety_criterion) -> pd.Categorical:
    """One of the codes in IMPROVEMENT for each patient; missing where a change is missing.

    Reliable improvement: a change of at least the criterion on one measure or both, and on neither a change of minus
    the criterion or worse. Reliable deterioration: the reverse. Everything else, one up and one down included, is no
    reliable improvement. Arguments are arrays or scalars, in points.
    """
    better, worse = _reliable(phq9_change, anxiety_change, phq9_criterion, anxiety_criterion)
    codes = 1 + (better & ~worse).astype(np.int8) - (worse & ~better)
    return _categories(codes, IMPROVEMENT, np.isnan(phq9_change) | np.isnan(anxiety_change))


def mixed_change(phq9_change, anxiety_change, phq9_criterion, anxiety_criterion) -> np.ndarray:
    """True where one measure got reliably better and the other reliably worse."""
    better, worse = _reliable(phq9_change, anxiety_change, phq9_criterion, anxiety_criterion)
    return better & worse


def at_caseness(phq9, anxiety, phq9_cut_off, anxiety_cut_off) -> np.ndarray:
    """True where at least one of the two scores is at its cut-off or above; its negation: both are below."""
    return np.greater_equal(phq9, phq9_cut_off) | np.greater_equal(anxiety, anxiety_cut_off)


def reliable_recovery(improvement: pd.Categorical, case_at_baseline, case_later) -> pd.Categorical:
    """One of the codes in RECOVERY; missing for those without an improvement status or below caseness at baseline.

    Reliable recovery: at caseness at baseline, reliably improved, and no longer at caseness.
    """
    recovered = (improvement == "reliable_improvement") & ~np.asarray(case_later)
    return _categories(recovered.astype(np.int8), RECOVERY, improvement.isna() | ~np.asarray(case_at_baseline))


def relapsed_on(end, later, criterion, cut_off) -> np.ndarray:
    """True where one measure shows a relapse: an increase of the criterion since end, to its cut-off or above.

    Scores in points; False where one is missing. The criterion is that of `rules.relapse_increase`. A patient in
    remission at end has relapsed where either measure shows it, in the manner of Ali et al. (2017).
    """
    increase = np.subtract(later, end)
    return np.greater_equal(increase, np.subtract(criterion, 1e-6)) & np.greater_equal(later, cut_off)


def _reliable(phq9_change, anxiety_change, phq9_criterion, anxiety_criterion):
    # Item means are decimal numbers: 3.00 - 2.27 is a little less than 0.73 to a computer.
    phq9_least, anxiety_least = np.subtract(phq9_criterion, 1e-6), np.subtract(anxiety_criterion, 1e-6)
    better = np.greater_equal(phq9_change, phq9_least) | np.greater_equal(anxiety_change, anxiety_least)
    worse = np.less_equal(phq9_change, -phq9_least) | np.less_equal(anxiety_change, -anxiety_least)
    return better, worse


def _categories(codes, categories, missing) -> pd.Categorical:
    return pd.Categorical.from_codes(np.where(missing, np.int8(-1), codes), dtype=pd.CategoricalDtype(categories, True),
                                     validate=False)


# -- applied to a cohort ---------------------------------------------------------------------------

def relevant_anxiety(cohort: pd.DataFrame, time: str, rules: Rules) -> pd.DataFrame:
    """The anxiety measure that counts for each patient at `time`, with its scores and thresholds.

    Columns: `measure` (name, categorical), `baseline` and `later` (points, float), `caseness`, `reliable_change`.
    With `adsm_else_gad7` it is the ADSM of whoever has one scored at baseline and `time`, else the GAD-7 that all have.
    Raises InputError for another time, and for a cohort without these columns or with what they cannot hold.
    """
    expect_rules(rules)
    expect_one_of(time, LATER_TIMES, "time")
    anxiety, when = rules.anxiety, {"baseline": "baseline", "later": time}
    expect_columns(cohort, ["adsm", *(f"{name}_{at}" for name in ("adsm", anxiety.columns) for at in when.values())])
    adsm, everybodys = ({column: scores_in(cohort, f"{name}_{at}", rules) for column, at in when.items()}
                        for name in ("adsm", anxiety.columns))
    # with `gad7` an ADSM need not be one that the study's measures know; and any other measure decides nothing
    decides = [] if rules.anxiety_measure == "gad7" else rules.adsms
    codes, found = pd.factorize(cohort["adsm"])
    if decides and not rules.measures.keys() >= set(found):
        expect(cohort, ["adsm"], rules)
    names = [name for name in found if name in decides]
    codes = np.array([*(names.index(name) if name in names else -1 for name in found), -1])[codes]
    ends = [np.array([*(getattr(rules.measures[name], end) for name in names), np.nan])[codes]
            for end in ("minimum", "maximum")]
    for column, at in when.items():
        expect_own_range(adsm[column], f"adsm_{at}", *ends)
    has_adsm = (codes >= 0) & ~np.isnan(adsm["baseline"]) & ~np.isnan(adsm["later"])
    names = [*names, anxiety.name]
    codes = np.where(has_adsm, codes, len(names) - 1).astype(np.int8)
    thresholds = {key: np.array([getattr(rules.measures[name], key) for name in names], float)[codes]
                  for key in ("caseness", "reliable_change")}
    return pd.DataFrame({
        "measure": pd.Categorical.from_codes(codes, names),
        "baseline": np.where(has_adsm, adsm["baseline"], everybodys["baseline"]),
        "later": np.where(has_adsm, adsm["later"], everybodys["later"]),
        **thresholds,
    }, index=cohort.index, copy=False)


def classify(cohort: pd.DataFrame, time: str, rules: Rules) -> pd.DataFrame:
    """Every patient's outcome at `time` (end, 6m or 12m) compared with baseline, one row a patient.

    Columns: `improvement` (codes of IMPROVEMENT) and `recovery` (codes of RECOVERY), missing where the patient does not
    count; `mixed` (bool); `case_baseline`, `case_later` (bool, False where scores are missing); `scored_baseline`
    (bool: both scores are there); `phq9_change`, `anxiety_change` (points); `anxiety_measure` (name, categorical).
    Raises InputError for another time, and for a cohort without these columns or with what they cannot hold.
    """
    anxiety, depression = relevant_anxiety(cohort, time, rules), rules.depression
    columns = [f"{depression.columns}_{at}" for at in ("baseline", time)]
    expect_columns(cohort, columns)
    before, later = (scores_in(cohort, column, rules) for column in columns)
    anxiety_before, anxiety_later = (anxiety[when].to_numpy() for when in ("baseline", "later"))
    changes = (before - later, anxiety_before - anxiety_later)
    criteria = (depression.reliable_change, anxiety["reliable_change"].to_numpy())
    cut_offs = (depression.caseness, anxiety["caseness"].to_numpy())
    improvement = reliable_improvement(*changes, *criteria)
    case_baseline = at_caseness(before, anxiety_before, *cut_offs)
    case_later = at_caseness(later, anxiety_later, *cut_offs)
    return pd.DataFrame({
        "improvement": improvement,
        "recovery": reliable_recovery(improvement, case_baseline, case_later),
        "mixed": mixed_change(*changes, *criteria),
        "case_baseline": case_baseline,
        "case_later": case_later,
        "scored_baseline": ~(np.isnan(before) | np.isnan(anxiety_before)),
        f"{depression.columns}_change": changes[0],
        "anxiety_change": changes[1],
        "anxiety_measure": anxiety["measure"],
    }, index=cohort.index, copy=False)


def expect_classified(**tables: pd.DataFrame) -> None:
    """Raises InputError where one of these arguments, given by their names, is not what `classify` gives."""
    for name, table in tables.items():
        expect_columns(table, [*OUTCOMES, "mixed", "case_baseline", "case_later", "scored_baseline"], name)
        for outcome in OUTCOMES:
            expect_codes(table[outcome], f"{name}: {outcome}")


def expect_codes(outcome: pd.Series, name: str) -> None:
    """Raises InputError where the argument `name` is not one outcome of the patients as `classify` gives it."""
    if not (isinstance(outcome, pd.Series) and isinstance(outcome.dtype, pd.CategoricalDtype)
            and tuple(outcome.cat.categories) in (IMPROVEMENT, RECOVERY)):
        raise InputError(f"{name}: found no improvement or recovery, expected a column of what `classify` gives, with "
                         "its categories")
