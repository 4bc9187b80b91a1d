"""Time to relapse. Oracles: hand counts under the rule of docs/reference.md, section 4; remission times of Freireich et
al. (1963) as Stata, SAS and R print them; the ovarian data of R's package survival, as `cox.zph` did before 3.0."""

import numpy as np
import pandas as pd
import pytest
from conftest import RULES

from durability_utils.analyses import relapse
from durability_utils.study.study_file import read_study

DAY = pd.Timestamp(2017, 1, 1)
NOBODY = pd.DataFrame(columns=["service", "patient_id", "referral_id", "date", "days", "measure", "score"])
PATIENT = {"service": "A", "discharge_date": DAY, "step": "step2", "phq9_baseline": 15, "gad7_baseline": 12,
           "phq9_end": 3, "gad7_end": 3}


def cohort(*patients):
    """One row a patient: what is special to each."""
    rows = [{"patient_id": f"p{number}", **PATIENT, **patient} for number, patient in enumerate(patients)]
    table = pd.DataFrame(rows).reindex(columns=["service", *relapse.columns_read(RULES)])
    dates = {column: "datetime64[us]" for column in table if column.endswith("_date")}
    scores = {column: "Float64" for column in table if column.startswith(("phq9", "gad7"))}
    return table.astype({**dates, **scores, "step": "str", "patient_id": "str"})


def scores(*rows):
    """One row a day: (patient, days, PHQ-9, GAD-7)."""
    return pd.DataFrame(rows, columns=["patient", "days", "phq9", "gad7"]).astype({"phq9": float, "gad7": float})


@pytest.mark.parametrize(("status", "patients"), [
    ("in_remission", [{}, {"phq9_end": 9, "gad7_end": 7}, {"phq9_baseline": 10, "gad7_baseline": 0},
                      {"phq9_baseline": 0, "gad7_baseline": 8}]),  # a case on one is a case
    ("case_at_end", [{"phq9_end": 10}, {"gad7_end": 8}]),
    ("below_caseness", [{"phq9_baseline": 9, "gad7_baseline": 7, "phq9_end": end} for end in (3, 20)]),
    ("scores_missing", [{column: None} for column in ("phq9_baseline", "gad7_baseline", "phq9_end", "gad7_end")])])
def test_remission_is_judged_on_both_measures(status, patients):
    assert list(relapse.status_at_end(cohort(*patients), RULES)) == [status] * len(patients)


def test_each_day_of_a_long_export_is_a_row_and_an_id_is_unique_within_its_service_only():
    patients = cohort({"patient_id": "1"}, {"patient_id": "1", "service": "B"})
    after = pd.DataFrame([("A", "1", 30, "GAD-7", 4.0), ("A", "1", 30, "PHQ-9", 5.0), ("A", "1", 61, "PHQ-9", 6.0),
                          ("A", "1", 61, "OCI", 30.0), ("B", "1", 31, "GAD-7", 7.0), ("A", "9", 30, "GAD-7", 1.0)],
                         columns=["service", "patient_id", "days", "measure", "score"])
    after = after.assign(date=DAY, referral_id=None)
    found = relapse.scores_after_discharge(patients, after, RULES)
    expected = scores((0, 30, 5, 4), (0, 61, 6, None), (1, 31, None, 7)).assign(nominal=False)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, check_names=False)


def test_without_a_long_export_the_two_follow_ups_count_in_their_own_place():
    patients = cohort(
        {"followup_6m_date": DAY + pd.Timedelta(days=200), "phq9_6m": 5, "gad7_6m": 4, "phq9_12m": 6},
        {"followup_12m_date": DAY + pd.Timedelta(days=370), "gad7_12m": 9},              # not carried back
        {"followup_6m_date": DAY + pd.Timedelta(days=190)},                              # came back without a score
        {"discharge_date": None, "followup_6m_date": DAY, "phq9_6m": 1},                 # the day cannot be told
        {"followup_6m_date": DAY, "phq9_6m": 1})                                         # on the day of discharge
    found = relapse.scores_after_discharge(patients, NOBODY, RULES)
    expected = scores((0, 200, 5, 4), (0, 365, 6, None), (1, 370, None, 9), (3, 183, 1, None))
    pd.testing.assert_frame_equal(found, expected.assign(nominal=[False, True, False, True]), check_dtype=False)


def test_every_score_of_a_long_export_counts_and_each_follow_up_of_whose_day_it_has_none():
    patients = cohort({"phq9_6m": 5}, {"service": "B", "phq9_6m": 6})
    after = NOBODY.copy()
    after.loc[0] = ["B", "p1", None, DAY, 31, "PHQ-9", 7.0]
    found = relapse.scores_after_discharge(patients, after, RULES)
    assert list(zip(found["patient"], found["days"], found["phq9"], strict=True)) == [
        (0, 183, 5), (1, 31, 7), (1, 183, 6)]


def test_scores_are_read_where_they_are(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("study: s\ntitle: t\nmeasures: study_2016\nminimum_sessions: 0\ncarry_back: false\n"
                    "anxiety_measure: gad7\nservices: {A: {file: a.csv}, B: {file: b.csv}}\n", encoding="utf-8")
    study = read_study(path)
    assert relapse.read_after_discharge(tmp_path, study, "all").empty
    table = pd.DataFrame({"patient_id": ["1"], "referral_id": [None], "date": [DAY], "days": [3],
                          "measure": ["PHQ-9"], "score": [5.0]})
    (tmp_path / "s/B/cleaning").mkdir(parents=True)
    table.to_parquet(tmp_path / "s/B/cleaning/after_discharge.parquet")
    assert list(relapse.read_after_discharge(tmp_path, study, "all")["service"]) == ["B"]
    nothing = relapse.read_after_discharge(tmp_path, study, "A")
    assert nothing.empty and relapse.scores_after_discharge(cohort({}), nothing, RULES).empty


def test_months_are_the_nearest_and_never_before_the_first():
    # by hand: 45.65 days are a month and a half, 76.09 two and a half; 183 / 30.4375 = 6.01, 365 / 30.4375 = 11.99
    days = pd.Series([1, 15, 45, 46, 76, 77, 183, 365])
    assert list(relapse.month_of(days)) == [1, 1, 1, 2, 2, 3, 6, 12]


def followed(patient, *rows):
    return relapse.time_to_relapse(cohort(patient), scores(*((0, *row) for row in rows)), RULES).iloc[0]


@pytest.mark.parametrize(("end", "score", "relapsed"), [
    # PHQ-9: 6 points more and 10 or above
    (({"phq9_end": 3}), (10, 3), True), ({"phq9_end": 3}, (9, 3), False), ({"phq9_end": 4}, (10, 3), True),
    ({"phq9_end": 5}, (10, 3), False), ({"phq9_end": 5}, (11, 3), True), ({"phq9_end": 9}, (14, 3), False),
    # GAD-7: 4 points more and 8 or above
    ({"gad7_end": 4}, (3, 8), True), ({"gad7_end": 5}, (3, 8), False), ({"gad7_end": 3}, (3, 7), False),
    ({"gad7_end": 7}, (3, 10), False), ({"gad7_end": 7}, (3, 11), True),
    # a little worse on both is no relapse on either; one score is enough for one
    ({"phq9_end": 5, "gad7_end": 5}, (10, 8), False), ({}, (None, 8), True), ({}, (10, None), True),
    ({}, (None, 7), False),
])
def test_a_relapse_is_a_reliable_increase_to_the_cut_off_on_either_measure(end, score, relapsed):
    assert followed(end, (30, *score))["relapsed"] == relapsed


@pytest.mark.parametrize(("rows", "expected"), [  # the month, whether relapsed, the month before, observed, left out
    # the first relapse counts with what was seen before it
    ([(30, 3, 3), (61, 4, 3), (152, 15, 3), (183, 2, 2), (213, 20, 3)], [5, True, 2, 3, 2]),
    ([(30, 3, 3), (122, 4, None)], [4, False, 4, 2, 2]),  # without a relapse the last score ends it
    ([(91, 15, 3)], [3, True, 0, 1, 2]),  # a relapse in the first score lies after the end of treatment
    ([(31, 3, 3), (24, 3, 3), (38, 15, 3), (45, 3, 3)], [1, True, 0, 1, 0]),  # several scores in a month are one month
])
def test_months_to_the_first_relapse(rows, expected):
    found = followed({}, *rows)
    assert found[["month", "relapsed", "month_before", "observed", "left_out"]].tolist() == expected


def test_groups_at_end_and_who_cannot_be_followed():
    patients = cohort({"phq9_end": 4, "gad7_end": 4}, {"phq9_end": 5, "gad7_end": 5, "step": "step3"},
                      {"phq9_end": 9, "gad7_end": 7, "step": "step2+3"}, {"step": None}, {})
    rows = [*((patient, 30, 0, 0) for patient in range(4)), (9, 30, 20, 20)]
    found = relapse.time_to_relapse(patients, scores(*rows), RULES)
    assert list(found.index) == [0, 1, 2, 3]  # nobody heard of the last one, and 9 is not in remission
    assert found["residual_phq9"].tolist() == found["residual_gad7"].tolist() == [0, 1, 1, 0]
    assert found["step3"].tolist()[:3] == [0, 1, 1] and np.isnan(found["step3"].iloc[3])
    assert relapse.level_names(RULES) == {
        "residual_phq9": ("PHQ-9 0 to 4 at end", "PHQ-9 5 to 9 at end"),
        "residual_gad7": ("GAD-7 0 to 4 at end", "GAD-7 5 to 7 at end"), "step3": ("step 2", "step 3")}


def patients(months, relapsed, **variables):
    table = pd.DataFrame({"month": months, "relapsed": np.array(relapsed, bool), **variables})
    return table.assign(**{name: np.nan for name in relapse.GROUPED_BY if name not in table})


# weeks in remission of 21 patients on 6-MP (0: still in remission when last seen) and of 21 on placebo
SIX_MP = patients([6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35],
                  [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0], residual_phq9=1.0)
PLACEBO = patients([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23], [1] * 21, residual_phq9=0.0)
TRIAL = pd.concat([SIX_MP, PLACEBO], ignore_index=True)


def test_the_product_limit_by_hand():
    # 5 patients: 1 of 5 relapses in month 1; 1 of the 4 is last seen then; 1 of 3 relapses in month 3; 2 are left
    table = relapse.kaplan_meier(patients([1, 1, 3, 4, 4], [1, 0, 1, 0, 0]))
    assert table[["month", "at_risk", "relapses", "censored"]].to_numpy().tolist() == [
        [0, 5, 0, 0], [1, 5, 1, 1], [2, 3, 0, 0], [3, 3, 1, 0], [4, 2, 0, 2]]
    assert table["share"].tolist() == pytest.approx([0, 1 / 5, 1 / 5, 1 - 4 / 5 * 2 / 3, 1 - 4 / 5 * 2 / 3])
    assert table[["low", "high"]].isna().all(axis=1).tolist() == [True, False, False, False, False]


def test_shares_and_log_log_intervals_as_stata_prints_them():
    # sts list, for those on 6-MP: survivor function and 95 % interval
    printed = {6: (21, 0.8571, 0.6197, 0.9516), 7: (17, 0.8067, 0.5631, 0.9228), 10: (15, 0.7529, 0.5032, 0.8894),
               13: (12, 0.6902, 0.4316, 0.8491), 16: (11, 0.6275, 0.3675, 0.8049), 22: (7, 0.5378, 0.2678, 0.7468),
               23: (6, 0.4482, 0.1881, 0.6801)}
    table = relapse.kaplan_meier(SIX_MP).set_index("month")
    for month, (at_risk, *kept) in printed.items():
        row = table.loc[month]
        assert row["at_risk"] == at_risk
        assert [1 - row["share"], 1 - row["high"], 1 - row["low"]] == pytest.approx(kept, abs=5e-5)


def test_medians_as_sas_prints_them():
    # proc lifetest, conftype=loglog: 23 (13 to not reached) on 6-MP, 8 (4 to 11) on placebo
    found = relapse.summary(SIX_MP)
    assert (found["n"], found["relapses"], found["median"], found["median_low"]) == (21, 9, 23, 13)
    assert np.isnan(found["median_high"])
    found = relapse.summary(PLACEBO)
    assert (found["median"], found["median_low"], found["median_high"]) == (8, 4, 11)
    assert found["share_6m"] == pytest.approx(9 / 21) and found["share_12m"] == pytest.approx(17 / 21)
    # nothing is said of months in which nobody was observed
    found = relapse.summary(patients([6, 6, 7], [1, 0, 0]))
    assert found["share_6m"] == pytest.approx(1 / 3) and np.isnan(found["share_12m"])


def test_nobody_followed_and_nobody_relapsed():
    nobody = patients([], []).astype({"month": int})
    assert relapse.kaplan_meier(nobody).empty
    assert relapse.summary(nobody) == pytest.approx(
        {key: 0 if key in ("n", "relapses") else np.nan for key in relapse.summary(nobody)}, nan_ok=True)
    assert relapse.by_group(nobody)[["variable", "level", "n"]].to_numpy().tolist() == [["all", "all", 0]]
    assert relapse.log_rank(nobody)["p"].isna().all()
    last = relapse.kaplan_meier(PLACEBO).iloc[-1]  # everybody has relapsed: there is no interval
    assert last["share"] == 1 and np.isnan(last["low"]) and np.isnan(last["high"])
    well = relapse.kaplan_meier(patients([1, 2], [0, 0]))
    assert (well["share"] == 0).all() and well["low"].isna().all()
    assert well["at_risk"].tolist() == [2, 2, 1]


def test_tables_by_group():
    table = relapse.by_group(TRIAL)
    assert table[["variable", "level", "n", "relapses"]].to_numpy().tolist() == [
        ["all", "all", 42, 30], ["residual_phq9", "no_residual_symptoms", 21, 21],
        ["residual_phq9", "residual_symptoms", 21, 9]]
    months = relapse.by_month(TRIAL)
    assert list(months) == ["variable", "level", "month", "at_risk", "relapses", "censored", "share", "low", "high"]
    assert months.groupby(["variable", "level"])["relapses"].sum().tolist() == [30, 21, 9]


def test_log_rank_as_r_prints_it_and_none_with_few_relapses_or_one_group():
    # survdiff(Surv(time, status) ~ treatment): chisq = 16.8 on 1 degree of freedom, p = 4e-05
    found = relapse.log_rank(TRIAL).set_index("variable").loc["residual_phq9"]
    assert (found["n"], found["relapses"]) == (42, 30)
    assert (found["chi2"], found["p"]) == (pytest.approx(16.79, abs=0.005), pytest.approx(4.17e-5, abs=5e-8))
    few = pd.concat([SIX_MP.assign(residual_phq9=np.arange(21) % 2.0), PLACEBO.iloc[:0]])
    assert few["relapsed"].sum() == 9
    assert relapse.log_rank(few).set_index("variable").loc["residual_phq9", ["chi2", "p"]].isna().all()
    assert relapse.log_rank(PLACEBO)["p"].isna().all()  # one level only


@pytest.mark.parametrize(("months", "relapsed", "level", "expected"), [
    ([1, 2, 3, 4], [1, 1, 0, 0], [0, 1, 0, 1], True),
    ([1, 2, 3, 4], [1, 1, 0, 0], [0, 0, 1, 1], False),   # nobody of one group relapses
    ([1, 2, 3, 4], [1, 1, 1, 1], [0, 0, 1, 1], False),   # one group has left before the other relapses at all
    ([1, 2, 2, 4], [1, 1, 1, 1], [0, 0, 1, 1], True), ([1, 2, 3, 4], [1, 1, 1, 1], [0, 0, 0, 0], False)])
def test_groups_that_can_be_told_apart(months, relapsed, level, expected):
    assert relapse.can_be_compared(patients(months, relapsed, step3=np.array(level, float)), "step3") is expected


def test_cox_as_r_prints_it_without_patients_in_whom_a_variable_is_not_known():
    # coxph(Surv(time, status) ~ treatment, ties = "efron"): coef -1.5721, se 0.4124, exp(coef) 0.2076
    fit = relapse.fit_cox(TRIAL, ["residual_phq9"])
    assert fit.params[0] == pytest.approx(-1.5721, abs=5e-5) and fit.bse[0] == pytest.approx(0.4124, abs=5e-5)
    found = relapse.hazard_ratios(fit).iloc[0]
    assert found[["variable", "n", "relapses"]].tolist() == ["residual_phq9", 42, 30]
    assert found["hazard_ratio"] == pytest.approx(0.2076, abs=5e-5)
    # lower .95 and upper .95 of summary(fit): 0.09251 and 0.4659
    assert (found["low"], found["high"]) == (pytest.approx(0.09251, abs=5e-6), pytest.approx(0.4659, abs=5e-5))
    unknown = pd.concat([TRIAL, TRIAL.iloc[:5].assign(residual_phq9=np.nan)], ignore_index=True)
    assert relapse.hazard_ratios(relapse.fit_cox(unknown, ["residual_phq9"]))["n"].tolist() == [42]


@pytest.mark.parametrize(("rows", "variables", "words"), [
    (42, ["residual_phq9"], ""),
    (21, ["residual_phq9"], "too few relapses: 9 for 1 variable(s), at least 10 for each"),
    (42, [], "in no variable can two groups be compared"),
])
def test_why_there_is_no_model(rows, variables, words):
    assert relapse.why_no_model(TRIAL.iloc[:rows], variables) == words


OVARIAN = patients(
    [59, 115, 156, 421, 431, 448, 464, 475, 477, 563, 638, 744, 769, 770, 803, 855, 1040, 1106, 1129, 1206, 1227, 268,
     329, 353, 365, 377],
    [1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0],
    age=[72.3315, 74.4932, 66.4658, 53.3644, 50.3397, 56.4301, 56.937, 59.8548, 64.1753, 55.1781, 56.7562, 50.1096,
         59.6301, 57.0521, 39.2712, 43.1233, 38.8932, 44.6, 53.9068, 44.2055, 59.589, 74.5041, 43.137, 63.2192, 64.4247,
         58.3096],
    ecog=[1, 1, 2, 1, 1, 2, 2, 2, 1, 2, 2, 1, 2, 1, 1, 2, 2, 1, 1, 1, 2, 2, 1, 2, 1, 1])


def test_proportional_hazards_as_r_prints_them():
    # cox.zph(coxph(Surv(futime, fustat) ~ age + ecog.ps, ovarian)), survival 2.x: rho, chisq, p
    found = relapse.proportionality(relapse.fit_cox(OVARIAN, ["age", "ecog"])).set_index("variable")
    assert found.loc["age"].tolist() == pytest.approx([-0.243, 0.856, 0.355], abs=5e-4)
    assert found.loc["ecog"].tolist() == pytest.approx([0.520, 2.545, 0.111], abs=5e-4)


def test_residuals_by_month():
    fit = relapse.fit_cox(TRIAL, ["residual_phq9"])
    table = relapse.over_time(fit)
    # r* = coefficient + relapses x variance x (x - mean of x at risk, by exp(coefficient)); in week 1 two on placebo
    at_risk = 21 * np.exp(fit.params[0])
    first = fit.params[0] + 30 * fit.cov_params()[0, 0] * (0 - at_risk / (at_risk + 21))
    assert table.iloc[0][["variable", "month", "relapses"]].tolist() == ["residual_phq9", 1, 2]
    assert table["log_hazard_ratio"].iloc[0] == pytest.approx(first)
    assert table["high"].iloc[0] - first == pytest.approx(1.96 * np.sqrt(30 / 2 * fit.cov_params()[0, 0]), rel=1e-4)
    assert table["relapses"].sum() == 30


def test_the_next_referral_as_the_event_needs_no_answer():
    # the last referral of the data is received 300 days after discharge: month 9.86, so 10; 91 days are month 3
    def received(days):
        return DAY + pd.Timedelta(days=days)

    patients = cohort({"re_referred_date": received(91)}, {"referral_date": received(-200)},
                      {"re_referred_date": received(300)}, {"discharge_date": None})
    found = relapse.time_to_re_referral(patients, RULES)
    assert list(zip(found.index, found["month"], found["relapsed"], strict=True)) == [
        (0, 3, True), (1, 10, False), (2, 10, True)]
    curve = relapse.kaplan_meier(found).set_index("month")["share"]
    assert curve[3] == pytest.approx(1 / 3) and curve[10] == pytest.approx(1 - 2 / 3 * 1 / 2)
    assert relapse.time_to_re_referral(cohort({}, {}), RULES).empty
