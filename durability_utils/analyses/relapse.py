"""Time to relapse after remission: who is followed, in which month a relapse is first seen, and what predicts it.

The rule is that of Ali et al. (2017): of those in remission at end, on PHQ-9 and GAD-7, the first month in which
`outcomes.relapsed_on` holds on either measure. Survival methods are those of statsmodels.duration.
"""

from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd

from durability_utils.outcomes.rules import STEP_GROUPS, at_caseness, relapsed_on
from durability_utils.results import cleaning_folder
from durability_utils.study.columns import FOLLOW_UPS, KEYS, TIMES
from durability_utils.study.errors import InputError
from durability_utils.study.expected import expect, expect_bool, expect_columns, expect_own_rows, expect_rules
from durability_utils.study.holds import Holds
from durability_utils.study.parameters import PROJECT
from durability_utils.study.rules import Rules
from durability_utils.study.study_file import Study

ALI_2017 = PROJECT / "parameters" / "published" / "ali_2017.yaml"
DAYS_A_MONTH = 30.4375                            # 365.25 / 12
NOMINAL_DAYS = {"6m": 183, "12m": 365}            # of a follow-up without a date
# to what patients are followed, and the words for it
EVENTS = {"relapse": ("Relapse", "relapsed"), "re_referral": ("Re-referral", "referred again")}
STATUS_AT_END = ("in_remission", "case_at_end", "below_caseness", "scores_missing")
# what is compared: 0 and 1 of each variable as codes
GROUPED_BY = {"residual_phq9": ("no_residual_symptoms", "residual_symptoms"),
             "residual_gad7": ("no_residual_symptoms", "residual_symptoms"), "step3": ("step2", "step3")}
Z = NormalDist().inv_cdf(0.975)                   # of a 95 % interval
EVENTS_A_VARIABLE = 10                            # Peduzzi et al. 1995: with fewer, estimates and intervals go astray
_KAPLAN_MEIER = "cumulative share by Kaplan-Meier, with its interval"
_GROUP = {name: f"followed/{{variable}}/{{level}}/{name}" for name in ("n", "relapses")}
_TEST = {"n": "compared/{variable}", "relapses": "compared/{variable}/relapses"}
HOLDS = {
    "included": Holds("Who is followed", {"n": "remission/{status}"}),
    "watched": Holds("How closely they are watched", {"n": "watched/{what}"}),
    "intervals": Holds("Months between the last score without relapse and the first with it",
                       {"n": "interval/{months}"}),
    "by_month": Holds("Relapses by month (Kaplan-Meier)", {
        name: f"by_month/{{variable}}/{{level}}/{{month}}/{name}" for name in ("at_risk", "relapses", "censored")},
        statistics=dict.fromkeys(("share", "low", "high"), _KAPLAN_MEIER)),
    "groups": Holds("Relapses by group", _GROUP, statistics=dict.fromkeys(
        ("median", "median_low", "median_high"), "months until relapse, with their interval") | dict.fromkeys(
        [f"{name}_{time}" for time in FOLLOW_UPS for name in ("share", "low", "high")], _KAPLAN_MEIER)),
    "log_rank": Holds("Whether groups differ", _TEST, statistics={"chi2": "test statistic", "p": "p"}),
    "cox": Holds("What predicts relapse", _TEST, statistics={
        "p": "p", "rho": "correlation", "chi2": "test statistic", "p_proportional": "p"} | dict.fromkeys(
        ("hazard_ratio", "low", "high"), "hazard ratio with its interval")),
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


def scores_after_discharge(cohort: pd.DataFrame, after: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """One row a patient and day after discharge: `patient` (in the cohort's index), `days`, `phq9`, `gad7`, `nominal`.

    Those in `after` (see `read_after_discharge`), and the cohort's 6- and 12-month follow-ups of whose day nothing is
    there, in their own place (nothing is carried back), NOMINAL_DAYS after discharge where the day is not known
    (`nominal`). A follow-up dated on the day of discharge is no score after it.
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
                                   **{name: patients[f"{name}_{time}"] for name in names}})
        tables.append(follow_ups[~pd.MultiIndex.from_frame(follow_ups[["patient", "days"]]).isin(seen)])
    kinds = {"days": float, **dict.fromkeys(names, float), "nominal": bool}
    scores = pd.concat([table.reindex(columns=["patient", *kinds]).astype(kinds) for table in tables])
    scores = scores[scores[names].notna().any(axis=1) & (scores["days"] > 0)]
    return scores.sort_values(["patient", "days"], ignore_index=True)


def month_of(days: pd.Series) -> pd.Series:
    """The month after discharge nearest to a day: 1 for the first month and a half, then days / 30.4375, rounded."""
    return (days / DAYS_A_MONTH + 0.5).astype(int).clip(lower=1)


def followed_to(event: str, remitted: pd.DataFrame, scores: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """`time_to_relapse` or `time_to_re_referral`: the event is one of EVENTS; InputError where it is none."""
    if event not in EVENTS:
        raise InputError(f"event: found {event!r}, expected one of {', '.join(EVENTS)}")
    return time_to_relapse(remitted, scores, rules) if event == "relapse" else time_to_re_referral(remitted, rules)


def time_to_relapse(remitted: pd.DataFrame, scores: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """One row a patient in remission with a score after discharge (index as in `remitted`).

    `scores`: as `scores_after_discharge` gives them. Columns: `month` (of the relapse, else of the last score),
    `relapsed`, `month_before` (the last month with a score and no relapse before it; 0: end of treatment), `observed`
    (months with a score up to `month`), `left_out` (months without one), and GROUPED_BY: residual symptoms at end on a
    measure and step 3 against step 2, as 1.0, 0.0 or missing. A month with one of the two scores counts as observed.
    What happens after a first relapse is not looked at: who relapses and recovers again has relapsed.
    """
    expect_rules(rules)
    expect(remitted, ["step", *(f"{measure.columns}_end" for measure in rules.pair)], rules, "remitted")
    expect_own_rows(remitted, "remitted")
    expect_columns(scores, ["patient", "days", *(measure.columns for measure in rules.pair)], "scores")
    scores = scores[scores["patient"].isin(remitted.index)]
    end = remitted.loc[scores["patient"]]
    on_measure = [relapsed_on(end[f"{measure.columns}_end"].to_numpy(float), scores[measure.columns].to_numpy(float),
                              measure.reliable_change, measure.caseness) for measure in rules.pair]
    seen = scores.assign(month=month_of(scores["days"]), relapsed=np.logical_or.reduce(on_measure))
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

    Nobody has to answer for it: each month up to the last one in which the data hold any referral is observed. No row
    where no export tells of referrals.
    """
    until = remitted[["referral_date", "re_referred_date"]].max().max()
    known = remitted[remitted["discharge_date"].notna() & (remitted["discharge_date"] < until)]
    again = known["re_referred_date"].notna()
    month = month_of((known["re_referred_date"].fillna(until) - known["discharge_date"]).dt.days)
    return pd.DataFrame({"month": month, "relapsed": again, "month_before": month - 1, "observed": month,
                         "left_out": 0, **_grouped(known, rules)}).rename_axis("patient")


def _grouped(remitted: pd.DataFrame, rules: Rules) -> dict[str, pd.Series]:
    residual = {f"residual_{measure.columns}": (remitted[f"{measure.columns}_end"] >= measure.residual).astype(float)
                for measure in rules.pair}
    return residual | {"step3": remitted["step"].isin(STEP_GROUPS["step3"]).astype(float).mask(remitted["step"].isna())}


# -- how many have relapsed by when ----------------------------------------------------------------

def kaplan_meier(followed: pd.DataFrame) -> pd.DataFrame:
    """The share relapsed by each month, one row a month from 0 to the last one in which anybody was observed.

    Columns: `month`, `at_risk` (at its begin), `relapses` and `censored` in it, `share` (0 to 1) with `low` and
    `high`. S(t) = product of 1 - relapses / at risk over the months up to t (Kaplan & Meier 1958), `share` is 1 - S(t).
    The 95 % interval is pointwise, for one month at a time, on the log(-log) scale with Greenwood's variance
    (Kalbfleisch & Prentice 1980); there is none before the first relapse, nor where everybody at risk has relapsed.

    Takes for granted that those censored run the risk of those who go on answering; relapse lies in truth before the
    month in which it is first seen (interval censoring), so that the curve is late, most where months are left out.
    """
    expect_columns(followed, ["month", "relapsed"], "followed")
    expect_bool(followed["relapsed"], "followed: relapsed")
    months = pd.RangeIndex(0, followed["month"].max() + 1, name="month") if len(followed) else pd.RangeIndex(0)
    per_month = pd.crosstab(followed["month"], followed["relapsed"]).reindex(
        months, columns=[False, True], fill_value=0)
    table = pd.DataFrame({"at_risk": len(followed) - per_month.sum(axis=1).cumsum().shift(fill_value=0),
                          "relapses": per_month[True], "censored": per_month[False]})
    if not followed["relapsed"].any():
        return table.assign(share=0.0, low=np.nan, high=np.nan).reset_index(names="month")
    from statsmodels.duration.survfunc import SurvfuncRight  # a second to import: not for a page without a relapse

    curve = SurvfuncRight(followed["month"], followed["relapsed"].astype(int))
    kept, se = curve.surv_prob, curve.surv_prob_se
    with np.errstate(divide="ignore", invalid="ignore"):
        width = Z * se / (kept * np.abs(np.log(kept)))
        limits = {"share": 1 - kept, "low": 1 - kept ** np.exp(-width), "high": 1 - kept ** np.exp(width)}
    steps = pd.DataFrame(limits, index=curve.surv_times).reindex(months, method="ffill")
    return table.join(steps.fillna({"share": 0.0})).reset_index(names="month")


def summary(followed: pd.DataFrame) -> dict[str, float]:
    """`n`, `relapses`, the median month of relapse and the shares relapsed at 6 and 12 months, with intervals.

    Keys `median, median_low, median_high` (months; the interval inverts the log(-log) one, Brookmeyer & Crowley 1982;
    missing where not reached), `share_6m, low_6m, high_6m` and so for 12m (0 to 1; missing beyond all observation).
    """
    expect_columns(followed, ["month", "relapsed"], "followed")
    expect_bool(followed["relapsed"], "followed: relapsed")
    from statsmodels.duration.survfunc import SurvfuncRight

    found = {"n": len(followed), "relapses": int(followed["relapsed"].sum()),
             "median": np.nan, "median_low": np.nan, "median_high": np.nan}
    if found["relapses"]:
        curve = SurvfuncRight(followed["month"], followed["relapsed"].astype(int))
        with np.errstate(divide="ignore", invalid="ignore"):
            limits = curve.quantile_ci(0.5)
        found |= {"median": curve.quantile(0.5), "median_low": limits[0], "median_high": limits[1]}
    table = kaplan_meier(followed).set_index("month")
    for months in (6, 12):
        row = table.reindex([months]).iloc[0]
        found |= {f"{name}_{months}m": row[name] for name in ("share", "low", "high")}
    return {key: np.nan if np.isinf(value) else value for key, value in found.items()}


def groups(followed: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """All patients as `all, all`, then those of each level of GROUPED_BY that anybody has; without one, `all` only."""
    expect_columns(followed, ["month", "relapsed", *GROUPED_BY], "followed")
    return [("all", "all", followed), *((variable, levels[int(level)], patients) for variable, levels
                                        in GROUPED_BY.items() for level, patients in followed.groupby(variable))]


def by_group(followed: pd.DataFrame) -> pd.DataFrame:
    """`variable, level` and the `summary` of each of the `groups`."""
    return pd.DataFrame([{"variable": variable, "level": level, **summary(patients)}
                         for variable, level, patients in groups(followed)])


def by_month(followed: pd.DataFrame) -> pd.DataFrame:
    """`variable, level` and the `kaplan_meier` of each of the `groups`."""
    return pd.concat([kaplan_meier(patients).assign(variable=variable, level=level)
                      for variable, level, patients in groups(followed)], ignore_index=True)[
        ["variable", "level", "month", "at_risk", "relapses", "censored", "share", "low", "high"]]


def level_names(rules: Rules) -> dict[str, tuple[str, str]]:
    """The levels of GROUPED_BY in words, as in `PHQ-9 5 to 9 at end`."""
    names = {}
    for measure in rules.pair:
        ends = measure.minimum, measure.residual, measure.caseness
        names[f"residual_{measure.columns}"] = tuple(f"{measure.name} {low:g} to {high - 1:g} at end"
                                                     for low, high in (ends[:2], ends[1:]))
    return names | {"step3": ("step 2", "step 3")}


def log_rank(followed: pd.DataFrame) -> pd.DataFrame:
    """Are the two levels of each of GROUPED_BY different? `variable, n, relapses, chi2, p` of the log-rank test.

    Chi-square with 1 degree of freedom (Mantel 1966); of those in whom the variable is known. Missing where two levels
    cannot be compared or relapses are fewer than EVENTS_A_VARIABLE. Weak where curves cross; tells no size.
    """
    expect_columns(followed, ["month", "relapsed", *GROUPED_BY], "followed")
    from statsmodels.duration.survfunc import survdiff

    rows = []
    for variable in GROUPED_BY:
        known = followed.dropna(subset=variable)
        relapses, chi2, p = int(known["relapsed"].sum()), np.nan, np.nan
        if relapses >= EVENTS_A_VARIABLE and can_be_compared(followed, variable):
            chi2, p = survdiff(known["month"], known["relapsed"].astype(int), known[variable])
        rows.append({"variable": variable, "n": len(known), "relapses": relapses, "chi2": chi2, "p": p})
    return pd.DataFrame(rows)


def can_be_compared(followed: pd.DataFrame, variable: str) -> bool:
    """Whether each level has a relapse while somebody of the other is at risk; else a hazard ratio is 0 or infinite."""
    months = {level: followed[followed[variable] == level] for level in (0.0, 1.0)}
    return all(bool(months[level].loc[months[level]["relapsed"], "month"].min() <= months[1 - level]["month"].max())
               for level in months)


# -- what predicts it ------------------------------------------------------------------------------

def why_no_model(followed: pd.DataFrame, variables: list[str]) -> str:
    """In words why no Cox model is fitted to these variables; empty where one can be."""
    relapses = int(followed.dropna(subset=variables)["relapsed"].sum())
    if not variables:
        return "in no variable can two groups be compared"
    if relapses < EVENTS_A_VARIABLE * len(variables):
        return f"too few relapses: {relapses} for {len(variables)} variable(s), at least {EVENTS_A_VARIABLE} for each"
    return ""


def fit_cox(followed: pd.DataFrame, variables: list[str]):
    """Cox's proportional-hazards model of the patients in whom all variables are known: statsmodels' PHRegResults.

    Hazard = baseline hazard x exp(sum of coefficient x variable) (Cox 1972); tied months after Efron (1977). Takes for
    granted that a ratio holds for the whole time (`proportionality`), and, with whole months as time, that relapses are
    not too many in any one of them. Ask `why_no_model` first.
    """
    from statsmodels.duration.hazard_regression import PHReg

    known = followed.dropna(subset=variables)
    model = PHReg(known["month"].to_numpy(float), known[variables].to_numpy(float), known["relapsed"].to_numpy(int),
                  ties="efron")
    model.exog_names[:] = variables
    return model.fit()


def hazard_ratios(fit) -> pd.DataFrame:
    """`variable, n, relapses, hazard_ratio, low, high, p` of a Cox model; Wald 95 % interval and p.

    A ratio of hazards is no ratio of shares relapsed: with many relapses that one is nearer to 1.
    """
    ends = np.exp(fit.conf_int())
    return pd.DataFrame({"variable": fit.model.exog_names, "n": len(fit.model.endog),
                         "relapses": int(fit.model.status.sum()), "hazard_ratio": np.exp(fit.params),
                         "low": ends[:, 0], "high": ends[:, 1], "p": fit.pvalues})


def scaled_residuals(fit) -> pd.DataFrame:
    """Scaled Schoenfeld residuals, one row a relapse in order of time: `month`, then a column a variable.

    r* = coefficients + relapses x covariance x r (Grambsch & Therneau 1994): plotted against time they scatter about
    the coefficient as it changes with time; level means proportional hazards.
    """
    relapsed = fit.model.status == 1
    raw = np.asarray(fit.schoenfeld_residuals)[relapsed]
    scaled = fit.params + len(raw) * raw @ fit.cov_params()
    table = pd.DataFrame(scaled, columns=fit.model.exog_names)
    table.insert(0, "month", fit.model.endog[relapsed])
    return table.sort_values("month", ignore_index=True)


def over_time(fit) -> pd.DataFrame:
    """The mean of the scaled residuals in each month: `variable, month, relapses, log_hazard_ratio, low, high`.

    The 95 % interval takes the variance of one residual for relapses x that of the coefficient, in each month the same
    (Grambsch & Therneau 1994): rough where those at risk have changed much.
    """
    residuals = scaled_residuals(fit)
    tables = []
    for variable, variance in zip(fit.model.exog_names, np.diag(fit.cov_params()), strict=True):
        table = residuals.groupby("month")[variable].agg(relapses="size", log_hazard_ratio="mean").reset_index()
        half = Z * np.sqrt(len(residuals) * variance / table["relapses"])
        table = table.assign(low=table["log_hazard_ratio"] - half, high=table["log_hazard_ratio"] + half)
        table.insert(0, "variable", variable)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def proportionality(fit) -> pd.DataFrame:
    """`variable, rho, chi2, p_proportional`: do scaled Schoenfeld residuals change with time?

    rho: their correlation with g(t), the share relapsed before t (1 - Kaplan-Meier); chi-square with 1 degree of
    freedom after Grambsch & Therneau (1994), as in R's cox.zph before survival 3.0. With few relapses it finds little;
    a large p is no proof of proportional hazards. statsmodels' residuals are those of Breslow's ties.
    """
    from scipy.stats import chi2

    residuals = scaled_residuals(fit)
    table = kaplan_meier(pd.DataFrame({"month": fit.model.endog.astype(int), "relapsed": fit.model.status == 1}))
    before = table.set_index("month")["share"].shift(fill_value=0.0)
    time = before.loc[residuals["month"].astype(int)].to_numpy()
    time = time - time.mean()
    rows = []
    for variable, variance in zip(fit.model.exog_names, np.diag(fit.cov_params()), strict=True):
        along = time @ residuals[variable]
        statistic = along ** 2 / (len(time) * variance * (time @ time))
        rho = np.corrcoef(time, residuals[variable])[0, 1]
        rows.append({"variable": variable, "rho": rho, "chi2": statistic, "p_proportional": chi2.sf(statistic, 1)})
    return pd.DataFrame(rows)
