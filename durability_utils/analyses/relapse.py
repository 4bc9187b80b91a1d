"""Time to relapse after remission: who is followed, between which months a relapse lies, and what goes with it.

In the manner of Ali et al. (2017): of those in remission at end, on PHQ-9 and GAD-7, the first month in which
`outcomes.relapsed_on` holds on either measure. Which increase counts is a rule of the study file. A relapse lies
between the last month without it and the month in which it is seen (interval censoring); who has none is censored at
the last score.
"""

from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd

from durability_utils.outcomes.proportions import rounded_percent
from durability_utils.outcomes.rules import STEP_GROUPS, at_caseness, relapsed_on
from durability_utils.results import cleaning_folder
from durability_utils.study.columns import FOLLOW_UPS, KEYS, TIMES
from durability_utils.study.expected import expect, expect_bool, expect_columns, expect_own_rows, expect_rules
from durability_utils.study.holds import Holds
from durability_utils.study.measures import Measure
from durability_utils.study.parameters import PROJECT
from durability_utils.study.rules import RELAPSE_RULES, Rules
from durability_utils.study.study_file import Study

ALI_2017 = PROJECT / "parameters" / "published" / "ali_2017.yaml"
DAYS_A_MONTH = 30.4375                            # 365.25 / 12
FOLLOW_UP_MONTHS = {"6m": 6, "12m": 12}
NOMINAL_DAYS = {"6m": 183, "12m": 365}            # of a follow-up without a date
STATUS_AT_END = ("in_remission", "case_at_end", "below_caseness", "scores_missing")
STATES = ("no_relapse", "relapsed", "well_again", "no_score")
# what is compared: 0 and 1 of each variable as codes
GROUPED_BY = {"residual_phq9": ("no_residual_symptoms", "residual_symptoms"),
             "residual_gad7": ("no_residual_symptoms", "residual_symptoms"), "step3": ("step2", "step3")}
Z = NormalDist().inv_cdf(0.975)                   # of a 95 % interval
EVENTS_A_VARIABLE = 10                            # Peduzzi et al. 1995: with fewer, estimates and intervals go astray
LARGEST_COEFFICIENT = 10                          # beyond it the likelihood has no maximum: a ratio of 0 or infinity
_CUMULATIVE = "cumulative share by Turnbull's estimate, with its interval"
_GROUP = {name: f"followed/{{variable}}/{{level}}/{name}" for name in ("n", "relapses")}
_AT_6_AND_12 = {f"{name}_{time}": _CUMULATIVE for time in FOLLOW_UPS for name in ("share", "low", "high")}
HOLDS = {
    "included": Holds("Who is followed", {"n": "remission/{status}"}),
    "watched": Holds("How closely they are watched", {"n": "watched/{what}"}),
    "by_month": Holds("At risk and relapsed, by month", {"at_risk": "at_risk/{variable}/{level}/{month}"},
                      estimates=dict.fromkeys(("share", "at_most"), "at_risk"), private=("relapses", "censored")),
    "groups": Holds("Relapses by group", _GROUP, statistics=dict.fromkeys(
        ("median", "median_low", "median_high"), "months until relapse, with their interval") | _AT_6_AND_12),
    "readings": Holds("What counts as a relapse", {
        name: f"reading/{{relapse}}/{{measure}}/{name}" for name in ("n", "relapses")}, statistics=_AT_6_AND_12),
    "re_referral": Holds("Relapse or re-referral, whichever came first", {
        name: f"competing/{{month}}/{name}" for name in ("at_risk", "relapses", "re_referrals")},
        statistics={f"{event}{end}": "cumulative incidence by Aalen and Johansen, with its interval"
                    for event in ("relapse", "re_referral") for end in ("", "_low", "_high")}),
    "states": Holds("Remission, relapse and return by month", {name: f"state/{{month}}/{name}" for name in STATES}),
    "model": Holds("What goes with relapse", {"n": "compared/{variable}", "relapses": "compared/{variable}/relapses"},
                   statistics={"p": "p"} | dict.fromkeys(("hazard_ratio", "low", "high"),
                                                         "hazard ratio with its interval")),
}


# -- who is followed, and what became of them ------------------------------------------------------

def columns_read(rules: Rules) -> list[str]:
    """The columns of the cohort that this module reads."""
    return [*KEYS, "referral_date", "discharge_date", "re_referred_date", "step",
            *(f"{measure.columns}_{time}" for time in TIMES for measure in rules.pair),
            *(f"followup_{time}_date" for time in FOLLOW_UPS)]


def status_at_end(cohort: pd.DataFrame, rules: Rules) -> pd.Series:
    """For each patient one of STATUS_AT_END, judged on PHQ-9 and GAD-7 whatever the study's anxiety measure.

    In remission: at caseness at baseline, and neither score at caseness at end. `scores_missing`: one of the four is.
    """
    expect_rules(rules)
    expect(cohort, [f"{measure.columns}_{time}" for time in ("baseline", "end") for measure in rules.pair], rules)
    scores = {time: [cohort[f"{measure.columns}_{time}"].to_numpy(float, na_value=np.nan) for measure in rules.pair]
              for time in ("baseline", "end")}
    case = {time: at_caseness(*of_time, *(each.caseness for each in rules.pair)) for time, of_time in scores.items()}
    missing = np.logical_or.reduce([np.isnan(values) for of_time in scores.values() for values in of_time])
    found = np.select([missing, ~case["baseline"], case["end"]], STATUS_AT_END[:0:-1], STATUS_AT_END[0])
    return pd.Series(pd.Categorical(found, STATUS_AT_END), cohort.index)


def read_after_discharge(results: str | Path, study: Study, service: str) -> pd.DataFrame:
    """The scores after discharge of a service's long export, or of those of `all`; no row where there is none.

    Columns: `service, patient_id, referral_id, date, days` (since discharge)`, measure, score` (points).
    """
    ids = list(study.services) if service == "all" else [service]
    paths = {name: cleaning_folder(results, study, name) / "after_discharge.parquet" for name in ids}
    tables = [pd.read_parquet(path).assign(service=name) for name, path in paths.items() if path.is_file()]
    columns = ["service", *KEYS, "date", "days", "measure", "score"]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def scores_after_discharge(cohort: pd.DataFrame, after: pd.DataFrame, rules: Rules,
                           windows: dict[str, tuple[int, int]] | None = None) -> pd.DataFrame:
    """One row a patient and day after discharge: `patient` (in the cohort's index), `days`, `month`, scores, `nominal`.

    Those in `after` (see `read_after_discharge`), and the cohort's 6- and 12-month follow-ups of whose day nothing is
    there, in their own place (nothing is carried back), NOMINAL_DAYS after discharge where the day is not known
    (`nominal`). A follow-up dated on the day of discharge is no score after it. `windows`: the follow_up_windows of
    the study file, see `month_of`; where patients are asked monthly only those of a month's width, since a day in a
    wider one can be in any of several months. Scores stand in the columns of the measures (`phq9`, `gad7`), in points.
    """
    expect_rules(rules)
    expect(cohort, columns_read(rules), rules)
    expect_own_rows(cohort, "cohort")
    expect_columns(cohort, ["service"])
    expect_columns(after, ["service", *KEYS, "days", "measure", "score"], "after")
    whose = ["service", *KEYS]
    patients = cohort.reset_index(names="patient").astype(dict.fromkeys(whose, "str")).fillna({"referral_id": ""})
    names = [measure.columns for measure in rules.pair]
    total = after["measure"].map({measure.name: measure.columns for measure in rules.pair})
    monthly = after.assign(total=total).dropna(subset="total").astype(dict.fromkeys(whose, "str"))
    monthly = monthly.fillna({"referral_id": ""}).pivot(index=[*whose, "days"], columns="total", values="score")
    monthly = patients[["patient", *whose]].merge(monthly.reset_index(), on=whose)
    seen, tables = pd.MultiIndex.from_frame(monthly[["patient", "days"]]), [monthly.assign(nominal=False)]
    for time, nominal in NOMINAL_DAYS.items():
        answered, discharged = (pd.to_datetime(patients[name])
                                for name in (f"followup_{time}_date", "discharge_date"))
        days = (answered - discharged).dt.days
        follow_ups = pd.DataFrame({"patient": patients["patient"], "days": days.fillna(nominal), "nominal": days.isna(),
                                   "month": np.where(days.isna(), FOLLOW_UP_MONTHS[time], np.nan),
                                   **{name: patients[f"{name}_{time}"] for name in names}})
        tables.append(follow_ups[~pd.MultiIndex.from_frame(follow_ups[["patient", "days"]]).isin(seen)])
    kinds = {"days": float, "month": float, **dict.fromkeys(names, float), "nominal": bool}
    scores = pd.concat([table.reindex(columns=["patient", *kinds]).astype(kinds) for table in tables])
    scores = scores[scores[names].notna().any(axis=1) & (scores["days"] > 0)]
    named = {time: (first, last) for time, (first, last) in (windows or {}).items()
             if last - first < 31 or not asked_monthly(scores)}
    scores = scores.assign(month=scores["month"].fillna(month_of(scores["days"], named)).astype(int))
    return scores.sort_values(["patient", "days"], ignore_index=True)


def asked_monthly(scores: pd.DataFrame) -> bool:
    """Whether months are seen: half of the patients or more have scores on more days than two follow-ups give."""
    return bool(scores.groupby("patient").size().median() > len(FOLLOW_UPS))


def month_of(days: pd.Series, windows: dict[str, tuple[int, int]] | None = None) -> pd.Series:
    """The month after discharge of a day: 6 or 12 in the study's window of that follow-up, else the nearest.

    `windows`: for `6m` and `12m` the first and last day, both included. The nearest month is days / 30.4375, rounded;
    1 is everything up to a month and a half.
    """
    month = (days / DAYS_A_MONTH + 0.5).astype(int).clip(lower=1)
    for time, window in (windows or {}).items():
        month = month.mask(days.between(*window), FOLLOW_UP_MONTHS[time])
    return month


def time_to_relapse(remitted: pd.DataFrame, scores: pd.DataFrame, rules: Rules,
                    measures: tuple[Measure, ...] | None = None) -> pd.DataFrame:
    """One row a patient in remission with a score after discharge (index as in `remitted`).

    `scores`: as `scores_after_discharge` gives them. `measures`: on which a relapse counts; the pair unless given.
    Columns: `month` (of the relapse, else of the last score), `relapsed`, `month_before` (the last month with a score
    and no relapse before it; 0: end of treatment), `observed` (months with a score up to `month`), `left_out` (months
    without one), and GROUPED_BY: residual symptoms at end on a measure and step 3 against step 2, as 1.0, 0.0 or
    missing. A relapse lies after `month_before` and up to `month`; without one, after `month_before` if ever. A month
    with one of the scores counts as observed. What comes after a first relapse: `states_by_month`.
    """
    expect_rules(rules)
    measures = measures or rules.pair
    expect(remitted, ["step", *(f"{measure.columns}_end" for measure in rules.pair)], rules, "remitted")
    expect_own_rows(remitted, "remitted")
    expect_columns(scores, ["patient", "month", *(measure.columns for measure in rules.pair)], "scores")
    scored = scores[[measure.columns for measure in measures]].notna().any(axis=1)
    scores = scores[scores["patient"].isin(remitted.index) & scored]
    end = remitted.loc[scores["patient"]]
    on_measure = [relapsed_on(end[f"{measure.columns}_end"].to_numpy(float), scores[measure.columns].to_numpy(float),
                              rules.relapse_increase(measure), measure.caseness) for measure in measures]
    seen = scores.assign(relapsed=np.logical_or.reduce(on_measure))
    seen = seen.groupby(["patient", "month"])["relapsed"].any().reset_index()
    first = seen[seen["relapsed"]].groupby("patient")["month"].min()
    last = seen.groupby("patient")["month"].max()
    month = first.reindex(last.index).fillna(last).astype(int)
    seen = seen[seen["month"] <= seen["patient"].map(month)]
    before = seen[~seen["relapsed"]].groupby("patient")["month"].max().reindex(last.index, fill_value=0)
    observed = seen.groupby("patient").size()
    return pd.DataFrame({"month": month, "relapsed": last.index.isin(first.index), "month_before": before,
                         "observed": observed, "left_out": month - observed,
                         **_grouped(remitted.loc[last.index], rules)})


def time_to_re_referral(remitted: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """The same with the patient's next referral as the event, of everyone in remission with a day of discharge.

    Nobody has to answer for it: each month up to the last one in which the data hold any referral is observed. Months
    are begun ones, so that by month 6 is within 182 days. No row where no re-referral is known: nobody can tell that
    none happened from an export that does not say.
    """
    until = remitted[["referral_date", "re_referred_date"]].max().max()
    known = remitted[(remitted["discharge_date"] < until) & remitted["re_referred_date"].notna().any()]
    again = known["re_referred_date"].notna()
    days = (known["re_referred_date"].fillna(until) - known["discharge_date"]).dt.days
    month = np.ceil(days / DAYS_A_MONTH).astype(int)
    return pd.DataFrame({"month": month, "relapsed": again, "month_before": month - again, "observed": month,
                         "left_out": 0, **_grouped(known, rules)}).rename_axis("patient")


def states_by_month(remitted: pd.DataFrame, scores: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """How many of those followed are in each of STATES in each month: `month`, then a column a state.

    `no_relapse`: none up to this month. `relapsed`: in the month of the first relapse, and later while either score is
    at caseness or missing. `well_again`: in a month after it with both scores below caseness, on every day of it.
    `no_score`: none in this month, whatever came before. Each row adds up to those followed.
    """
    followed, seen = _states(remitted, scores, rules)
    months = pd.RangeIndex(1, seen["month"].max() + 1, name="month") if len(seen) else pd.RangeIndex(0, name="month")
    table = pd.crosstab(seen["month"], seen["state"]).reindex(months, columns=STATES, fill_value=0)
    return table.assign(no_score=len(followed) - table.sum(axis=1)).reset_index().rename_axis(columns=None)


def returns_in_words(remitted: pd.DataFrame, scores: pd.DataFrame, rules: Rules) -> str:
    """How many of those who relapsed were `well_again` in a later month, and how many of these `relapsed` after it."""
    _, seen = _states(remitted, scores, rules)
    relapsed = seen.loc[seen["state"] == "relapsed"].groupby("patient")["month"]
    back = seen.loc[seen["state"] == "well_again"].groupby("patient")["month"].min()
    again = relapsed.max().reindex(back.index) > back
    return (f"Of the {relapsed.ngroups} who relapsed {len(back)} were well again in a later month, and {again.sum()} "
            "of these were relapsed once more after it.")


def _states(remitted: pd.DataFrame, scores: pd.DataFrame, rules: Rules) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Those followed, and `patient, month, state` of each month with a score."""
    followed = time_to_relapse(remitted, scores, rules)
    scores = scores[scores["patient"].isin(followed.index)]
    below = np.logical_and.reduce([scores[measure.columns] < measure.caseness for measure in rules.pair])
    well = scores.assign(well=below).groupby(["patient", "month"])["well"].all().reset_index()
    first = well["patient"].map(followed["month"].where(followed["relapsed"], np.inf))
    return followed, well.assign(state=np.select(
        [well["month"] < first, well["well"] & (well["month"] > first)], ["no_relapse", "well_again"], "relapsed"))


def _grouped(remitted: pd.DataFrame, rules: Rules) -> dict[str, pd.Series]:
    residual = {f"residual_{measure.columns}": (remitted[f"{measure.columns}_end"] >= measure.residual).astype(float)
                for measure in rules.pair}
    return residual | {"step3": remitted["step"].isin(STEP_GROUPS["step3"]).astype(float).mask(remitted["step"].isna())}


# -- how many have relapsed by when ----------------------------------------------------------------

def turnbull(followed: pd.DataFrame) -> pd.DataFrame:
    """The share relapsed by each month, one row a month from 0 to the last one in which anybody was observed.

    Columns: `month`; `at_risk` at its begin, `relapses` first seen and `censored` in it (as they are observed);
    `share` (0 to 1), `at_most`, `low`, `high`. Turnbull's (1976) estimate: the shares of all months that make the
    observed intervals most likely. Within an interval that nobody's score divides no data tell the month: there
    `share` puts its relapses at its end and `at_most` at its begin; elsewhere the two are the same. Where each interval
    is one month it is the estimate of Kaplan & Meier (1958).

    The 95 % interval is pointwise, for one month at a time, on the log(-log) scale, with the variance from the observed
    information of the months that have a share (Turnbull 1976, section 5); that is Greenwood's where each interval is
    one month. Where the estimate is 0 it runs from 0 to Clopper and Pearson's (1934) limit if every relapse that may
    lie by then did, of those whose scores tell or may tell; where everybody has relapsed there is none. Of simulated
    cohorts of 60 to 1000 patients with two follow-ups it held the true share in 94 to 96 % where each falls in one
    month, and in 87 to 97 % where they are spread over four: then it is a little too narrow, and so is a bootstrap (90
    to 93 %). Takes for granted that who stops answering runs the risk of those who go on.
    """
    expect_columns(followed, ["month", "month_before", "relapsed"], "followed")
    expect_bool(followed["relapsed"], "followed: relapsed")
    months = np.arange(followed["month"].max() + 1 if len(followed) else 0)
    relapses, censored = (np.bincount(followed.loc[followed["relapsed"] == which, "month"], minlength=len(months))
                          for which in (True, False))
    at_risk = len(followed) - np.append(0, (relapses + censored).cumsum()[:-1])[:len(months)]
    table = pd.DataFrame({"month": months, "at_risk": at_risk, "relapses": relapses, "censored": censored})
    if not followed["relapsed"].any():
        return _before_any_relapse(table.assign(share=0.0, at_most=0.0, low=np.nan, high=np.nan), followed)
    after, up_to, mass = _masses(followed)
    left, right = _interval(followed)
    within = ((left[:, None] <= after) & (up_to <= right[:, None])).astype(float)
    scores = within / (within @ mass)[:, None]
    # the last share is one minus the others
    others = np.vstack([np.eye(len(mass) - 1), -np.ones(len(mass) - 1)])
    variance = others @ np.linalg.pinv(others.T @ scores.T @ scores @ others, hermitian=True) @ others.T
    by_then = months[:, None]
    (share, low, _), (at_most, _, high) = (
        _limits(counted @ mass, np.sqrt(((counted @ variance) * counted).sum(axis=1).clip(0)))
        for counted in (up_to <= by_then, (after < by_then) & np.isfinite(up_to)))
    low = np.where((share <= 1e-9) & (at_most > 1e-9), 0, low)
    return _before_any_relapse(table.assign(share=share, at_most=at_most, low=low, high=high), followed)


def _before_any_relapse(table: pd.DataFrame, followed: pd.DataFrame) -> pd.DataFrame:
    """The table with an interval also where its share is 0: a limit of a later month holds for all before it."""
    from scipy.stats import beta

    months, before = table["month"].to_numpy()[:, None], followed["month_before"].to_numpy()
    may = (followed["relapsed"].to_numpy() & (before < months)).sum(axis=1)
    exact = pd.Series(beta.ppf(0.975, may + 1, (before >= months).sum(axis=1)), table.index)
    none = (table["month"] > 0) & (table["at_most"] <= 1e-9)
    high = table["high"].bfill().fillna(1).clip(upper=exact.fillna(1))
    return table.assign(low=table["low"].mask(none, 0), high=table["high"].mask(none, high))


def _interval(followed: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """After which month a relapse lies, and up to which; infinite where none is seen."""
    return tuple(months.to_numpy(float) for months in (
        followed["month_before"], followed["month"].where(followed["relapsed"], np.inf)))


def _masses(followed: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turnbull's innermost intervals that have a share: after which month, up to which, and the share; in order."""
    from surpyval import Turnbull

    left, right = _interval(followed)
    fit = Turnbull.fit(xl=left, xr=right, turnbull_estimator="Kaplan-Meier")
    kept = np.append(fit.R, 0)
    mass = np.append(1, kept[:-1]) - kept
    after, up_to = np.append(0, fit.x), np.append(fit.x, np.inf)
    has = mass > 1e-9
    return after[has], up_to[has], mass[has]


def _limits(share: np.ndarray, se: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A cumulative share with its 95 % interval on the log(-log) scale (Kalbfleisch & Prentice 1980)."""
    kept = np.where((share > 1e-9) & (share < 1 - 1e-9), 1 - share, np.nan)
    width = Z * se / (kept * np.abs(np.log(kept)))
    return share, 1 - kept ** np.exp(-width), 1 - kept ** np.exp(width)


def kaplan_meier(curve: pd.DataFrame) -> pd.Series:
    """The cumulative share by Kaplan & Meier (1958) of a table of `turnbull`: each relapse in the month that saw it.

    1 - the product of 1 - relapses / at risk. Late by up to the width of the intervals: only where months are seen.
    """
    return 1 - (1 - curve["relapses"] / curve["at_risk"].where(curve["at_risk"] > 0)).fillna(1).cumprod()


def summary(curve: pd.DataFrame, few: int = 0) -> dict[str, float]:
    """`n`, `relapses`, the median month of relapse and the shares relapsed at 6 and 12 months of a table of `turnbull`.

    Keys `median, median_low, median_high` (months by which half have relapsed; the interval inverts the pointwise one,
    Brookmeyer & Crowley 1982; missing where not reached), `share_6m, low_6m, high_6m` and so for 12m (0 to 1). All but
    the counts are of the months with `few` or more at risk, and missing beyond them.
    """
    found = {"n": int(curve["at_risk"].max()) if len(curve) else 0, "relapses": int(curve["relapses"].sum())}
    curve = curve[curve["at_risk"] >= few]
    for name, column in (("median", "share"), ("median_low", "high"), ("median_high", "low")):
        found[name] = curve.loc[curve[column] >= 0.5, "month"].min()
    at = curve.set_index("month").reindex(FOLLOW_UP_MONTHS.values())
    return found | {f"{name}_{time}": at.at[month, name] for time, month in FOLLOW_UP_MONTHS.items()
                    for name in ("share", "low", "high")}


def in_words(curve: pd.DataFrame, month: int, few: int = 0) -> str:
    """The share relapsed by a month of a table of `turnbull`, for a reader: `43 % (38 to 47)`, or why there is none.

    `few`: where fewer are at risk there is none.
    """
    at_risk = curve.loc[curve["month"] == month, "at_risk"].sum()
    if at_risk < max(few, 1):
        return f"an unknown share ({at_risk or 'nobody'} at risk)"
    row = curve.set_index("month").loc[month].mul(100)
    share, at_most = f"{row['share']:.0f}", f"{row['at_most']:.0f}"
    share = share if share == at_most else f"{share} to {at_most}"
    interval = f"{row['low']:.0f} to {row['high']:.0f}" if row[["low", "high"]].notna().all() else "no interval"
    return f"{share} % ({interval})"


def bounds_in_words(followed: pd.DataFrame, silent: int, month: int, few: int = 0) -> str:
    """Between what the share with a relapse by a month lies, whatever became of those of whom that is not known.

    As `48 to 61 % had a relapse by month 12: none, or all, of the 47 never heard of and of the 17 ...`, of those
    `followed` and the `silent` in remission without a score. Not known either: who has no relapse and a last score
    before the month, or a relapse that may lie on either side of it. Misuse: a relapse in a month without a score,
    and over by the next, is not in it. Of fewer than `few` patients it is their number, `0 to 2 of 3`.
    """
    late = followed["relapsed"] & (followed["month"] > month) & (followed["month_before"] < month)
    seen = int((followed["relapsed"] & (followed["month"] <= month)).sum())
    untold, of = int((late | (~followed["relapsed"] & (followed["month"] < month))).sum()), len(followed) + silent
    ends = " to ".join(dict.fromkeys(f"{n if of < few else rounded_percent(n, of)}"
                                     for n in (seen, seen + untold + silent)))
    return (f"{ends} {f'of {of}' if of < few else '%'} had a relapse by month {month}: none, or all, of the {silent} "
            f"never heard of and of the {untold} whose scores do not tell")


def by_month(followed: pd.DataFrame) -> pd.DataFrame:
    """`variable, level` and the `turnbull` of all patients (`all, all`), then of each level of GROUPED_BY."""
    expect_columns(followed, ["month", "relapsed", *GROUPED_BY], "followed")
    groups = [("all", "all", followed), *((variable, levels[int(level)], patients) for variable, levels
                                          in GROUPED_BY.items() for level, patients in followed.groupby(variable))]
    tables = [turnbull(patients).assign(variable=variable, level=level) for variable, level, patients in groups]
    return pd.concat(tables, ignore_index=True)[["variable", "level", *tables[0].columns[:-2]]]


def by_group(months: pd.DataFrame, few: int = 0) -> pd.DataFrame:
    """`variable, level` and the `summary` of each group in a table of `by_month`."""
    return pd.DataFrame([{"variable": variable, "level": level, **summary(curve, few)}
                         for (variable, level), curve in months.groupby(["variable", "level"], sort=False)],
                        columns=["variable", "level", *summary(months.iloc[:0])])


def by_reading(remitted: pd.DataFrame, scores: pd.DataFrame, rules: Rules, few: int = 0) -> pd.DataFrame:
    """What counts as a relapse, in each reading: `relapse` (one of RELAPSE_RULES), `measure`, and shares.

    `measure`: `either`, then each of the pair alone, of those with a score of it after discharge. Columns: `n,
    relapses`, and `share, low, high` with `_6m` and `_12m`, as `summary` gives them.
    """
    on = {"either": rules.pair} | {measure.columns: (measure,) for measure in rules.pair}
    rows = [{"relapse": reading, "measure": name, **summary(turnbull(time_to_relapse(
        remitted, scores, rules.changed(relapse=reading), measures)), few)} for reading in RELAPSE_RULES
        for name, measures in on.items()]
    return pd.DataFrame(rows).drop(columns=["median", "median_low", "median_high"])


def level_names(rules: Rules) -> dict[str, tuple[str, str]]:
    """The levels of GROUPED_BY in words, as in `PHQ-9 5 to 9 at end`."""
    names = {}
    for measure in rules.pair:
        ends = measure.minimum, measure.residual, measure.caseness
        names[f"residual_{measure.columns}"] = tuple(f"{measure.name} {low:g} to {high - 1:g} at end"
                                                     for low, high in (ends[:2], ends[1:]))
    return names | {"step3": ("step 2", "step 3")}


def relapse_or_re_referral(followed: pd.DataFrame, remitted: pd.DataFrame) -> pd.DataFrame:
    """The cumulative incidence of relapse and of re-referral, whichever came first, by month.

    Of those `followed` (see `time_to_relapse`), with the days of referral in `remitted`. Columns: `month, at_risk,
    relapses, re_referrals`, and `relapse, re_referral` (0 to 1) each with `_low` and `_high`. Aalen and Johansen
    (1978): who has been referred again can no more have the relapse of this remission, and is not censored. A
    re-referral up to a month after the last score counts in the month of that score; a later one does not, since nobody
    knows whether a relapse came before. Each relapse counts in the month that saw it: only where months are seen. The
    95 % intervals are pointwise, on the log(-log) scale. No row where one of the two events has not happened.
    """
    dates = remitted.loc[followed.index]
    again = month_of((dates["re_referred_date"] - dates["discharge_date"]).dt.days.fillna(np.inf).clip(upper=10 ** 6))
    referred = dates["re_referred_date"].notna() & (again <= followed["month"] + 1) & (
        ~followed["relapsed"] | (again < followed["month"]))
    month = followed["month"].where(~referred, np.minimum(again, followed["month"]))
    event = np.select([referred, followed["relapsed"]], [2, 1], 0)
    per_month = pd.crosstab(month, event).reindex(columns=[0, 1, 2], fill_value=0)
    table = pd.DataFrame({"at_risk": per_month.sum(axis=1)[::-1].cumsum()[::-1], "relapses": per_month[1],
                          "re_referrals": per_month[2]})
    if not table[["relapses", "re_referrals"]].sum().all():
        return table.iloc[:0].reset_index()
    from statsmodels.duration.survfunc import CumIncidenceRight

    fit = CumIncidenceRight(month, event)
    for name, share, se in zip(("relapse", "re_referral"), fit.cinc, fit.cinc_se, strict=True):
        limits = pd.DataFrame(dict(zip((name, f"{name}_low", f"{name}_high"), _limits(share, se), strict=True)),
                              index=fit.times.astype(int))
        table = table.join(limits)
    return table.rename_axis("month").reset_index()


# -- what goes with it -----------------------------------------------------------------------------

def can_be_compared(followed: pd.DataFrame, variable: str) -> bool:
    """Whether each level has a relapse while somebody of the other is at risk; else a hazard ratio is 0 or infinite."""
    months = {level: followed[followed[variable] == level] for level in (0.0, 1.0)}
    return all(bool(months[level].loc[months[level]["relapsed"], "month"].min() <= months[1 - level]["month"].max())
               for level in months)


def why_no_model(followed: pd.DataFrame, variables: list[str]) -> str:
    """In words why no model is fitted to these variables; empty where one can be."""
    relapses = int(followed.dropna(subset=variables)["relapsed"].sum())
    if not variables:
        return "in no variable can two groups be compared"
    if relapses < EVENTS_A_VARIABLE * len(variables):
        return f"too few relapses: {relapses} for {len(variables)} variable(s), at least {EVENTS_A_VARIABLE} for each"
    return ""


def hazard_ratios(followed: pd.DataFrame, variables: list[str]) -> pd.DataFrame:
    """`variable, n, relapses, hazard_ratio, low, high, p` of grouped proportional hazards; Wald 95 % interval and p.

    Of the patients in whom all variables are known. The share without relapse by month t is
    exp(-H(t) x exp(sum of coefficient x variable)), each patient gives the probability of the interval in which the
    relapse lies, and H rises at the months where Turnbull's estimate of all together has a share. Where each interval
    is one month this is the binomial model of person-months with complementary log-log link (Prentice & Gloeckler
    1978). Ask `why_no_model` first; blank where the likelihood has no maximum.

    Takes for granted that a ratio holds for the whole time; where it changes it is an average. A ratio of hazards is no
    ratio of shares relapsed: with many relapses that one is nearer to 1.
    """
    from scipy.optimize import minimize
    from scipy.stats import norm
    from statsmodels.tools.numdiff import approx_hess

    known = followed.dropna(subset=variables)
    (left, right), values, k = _interval(known), known[variables].to_numpy(float), len(variables)
    _, steps, mass = _masses(known)
    kept = 1 - mass.cumsum()
    # the last month of all: who is left then relapses, by a hazard without limit
    finite = np.isfinite(steps) & (kept > 1e-9)
    start = np.append(np.zeros(k), np.log(np.diff(-np.log(kept[finite]), prepend=0)))
    right = np.where(right > steps[finite].max(initial=0), np.inf, right)

    def without_relapse(month, ratio, hazards):
        return np.exp(-ratio * ((steps[finite] <= month[:, None]) @ hazards))

    def misfit(parameters):
        ratio, hazards = np.exp(values @ parameters[:k]), np.exp(parameters[k:])
        by_then = np.where(np.isinf(right), 0, without_relapse(right, ratio, hazards))
        return -np.log((without_relapse(left, ratio, hazards) - by_then).clip(1e-300)).sum()

    best = minimize(misfit, start, method="BFGS")
    coefficients = best.x[:k]
    se = np.sqrt(np.diag(np.linalg.pinv(approx_hess(best.x, misfit), hermitian=True))[:k].clip(0))
    coefficients = np.where((np.abs(coefficients) < LARGEST_COEFFICIENT) & (se > 0), coefficients, np.nan)
    return pd.DataFrame({"variable": variables, "n": len(known), "relapses": int(known["relapsed"].sum()),
                         "hazard_ratio": np.exp(coefficients), "low": np.exp(coefficients - Z * se),
                         "high": np.exp(coefficients + Z * se), "p": 2 * norm.sf(np.abs(coefficients) / se)})
