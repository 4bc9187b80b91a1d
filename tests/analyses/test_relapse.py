"""Time to relapse. Oracles: hand counts under the rule of docs/reference.md, section 4; remission times of Freireich et
al. (1963) as Stata and SAS print them; R's survival, cmprsk, glm and optim, see `oracles/relapse.R`."""

import numpy as np
import pandas as pd
import pytest
from conftest import RULES
from r_says import ORACLES, r_says

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
    table = pd.DataFrame(rows, columns=["patient", "days", "phq9", "gad7"]).astype({"phq9": float, "gad7": float})
    return table.assign(month=relapse.month_of(table["days"]))


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
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, check_names=False, check_like=True)


def test_without_a_long_export_the_two_follow_ups_count_in_their_own_place():
    patients = cohort(
        {"followup_6m_date": DAY + pd.Timedelta(days=200), "phq9_6m": 5, "gad7_6m": 4, "phq9_12m": 6},
        {"followup_12m_date": DAY + pd.Timedelta(days=370), "gad7_12m": 9},              # not carried back
        {"followup_6m_date": DAY + pd.Timedelta(days=190)},                              # came back without a score
        {"discharge_date": None, "followup_6m_date": DAY, "phq9_6m": 1},                 # the day cannot be told
        {"followup_6m_date": DAY, "phq9_6m": 1})                                         # on the day of discharge
    found = relapse.scores_after_discharge(patients, NOBODY, RULES)
    expected = scores((0, 200, 5, 4), (0, 365, 6, None), (1, 370, None, 9), (3, 183, 1, None))
    pd.testing.assert_frame_equal(found, expected.assign(nominal=[False, True, False, True]), check_dtype=False,
                                  check_like=True)


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


WIDE, OF_A_MONTH = {"6m": (91, 273), "12m": (274, 456)}, {"6m": (168, 198), "12m": (351, 381)}


@pytest.mark.parametrize(("windows", "days", "months"), [
    (WIDE, [90, 91, 183, 273, 274, 456, 457], [3, 6, 6, 6, 12, 12, 15]),
    (OF_A_MONTH, [167, 168, 198, 199, 350, 351, 381, 382], [5, 6, 6, 7, 11, 12, 12, 13]),
    (None, [168, 198, 351, 381], [6, 7, 12, 13])])
def test_a_day_in_a_window_of_the_study_file_is_in_its_month(windows, days, months):
    assert list(relapse.month_of(pd.Series(days), windows)) == months


@pytest.mark.parametrize(("days", "monthly", "windows", "months"), [
    ([100, 300], False, WIDE, [6, 12]),                  # two follow-ups: the time is that of their windows
    ([100, 198, 300], True, WIDE, [3, 7, 10]),           # asked monthly: the window holds several months
    ([100, 198, 300], True, OF_A_MONTH, [3, 6, 10])])    # and is one of them where it is no wider
def test_windows_are_months_where_two_follow_ups_are_asked_for_or_they_are_a_month_wide(
        days, monthly, windows, months):
    after = pd.DataFrame([("A", "p0", None, DAY, day, "PHQ-9", 5.0) for day in days],
                         columns=["service", "patient_id", "referral_id", "date", "days", "measure", "score"])
    found = relapse.scores_after_discharge(cohort({}), after, RULES, windows)
    assert (list(found["month"]), relapse.asked_monthly(found)) == (months, monthly)


def test_a_follow_up_without_a_day_is_in_the_month_of_its_name_whatever_the_windows():
    found = relapse.scores_after_discharge(cohort({"phq9_6m": 5, "phq9_12m": 5}), NOBODY, RULES,
                                           {"6m": (30, 100), "12m": (101, 300)})
    assert list(found["month"]) == [6, 12]


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


def test_another_reading_and_each_measure_alone():
    patients = cohort(*[{"phq9_end": 5, "gad7_end": 3}] * 4, {"phq9_end": 4, "gad7_end": 3})
    rows = scores((0, 30, 10, 8), (1, 30, 3, 9), (2, 30, 11, 3), (3, 30, None, 3), (4, 30, 10, 8))
    # 5 more on PHQ-9 is none; 5 more on GAD-7 is one by the reliable change, and 6 is one in either reading
    found = relapse.by_reading(patients, rows, RULES).set_index(["relapse", "measure"])
    assert found[["n", "relapses"]].to_numpy().tolist() == [[5, 4], [4, 2], [5, 3], [5, 3], [4, 2], [5, 1]]
    assert list(found)[2:] == [f"{name}_{time}" for time in ("6m", "12m") for name in ("share", "low", "high")]
    other = relapse.time_to_relapse(patients, rows, RULES.changed(relapse="more_than_5_points"))
    assert other["relapsed"].tolist() == [False, True, True, False, True]


def test_states_of_each_month_add_up_to_those_followed():
    patients = cohort({}, {}, {}, {})
    rows = scores((0, 30, 3, 3), (0, 61, 3, 3), (1, 30, 12, 3), (1, 61, 9, 7), (1, 91, 10, 3), (1, 122, 3, None),
                  (2, 61, 12, 3), (2, 68, 3, 3), (2, 122, 3, 3))
    table = relapse.states_by_month(patients, rows, RULES)
    # the fourth is not followed; a relapse of which the same month sees the end is one; 9 and 7 are well, 10 is not; of
    # one score alone nobody knows
    assert table.to_numpy().tolist() == [[1, 1, 1, 0, 1], [2, 1, 1, 1, 0], [3, 0, 1, 0, 2], [4, 0, 1, 1, 1]]
    assert list(table) == ["month", *relapse.STATES]
    assert relapse.states_by_month(patients, rows.iloc[:0], RULES).empty
    # the second was well again and then not, the third in month 4
    assert relapse.returns_in_words(patients, rows, RULES) == (
        "Of the 2 who relapsed 2 were well again in a later month, and 1 of these were relapsed once more after it.")


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
    """Each seen in every month up to the last: an interval is one month."""
    table = pd.DataFrame({"month": months, "relapsed": np.array(relapsed, bool), **variables})
    table = table.assign(month_before=table["month"] - table["relapsed"])
    return table.assign(**{name: np.nan for name in relapse.GROUPED_BY if name not in table})


def of_r(name):
    return pd.read_csv(ORACLES / "inputs" / f"relapse_{name}.csv")


# weeks in remission of 21 patients on 6-MP (0: still in remission when last seen) and of 21 on placebo
R = r_says("relapse")
TRIAL = of_r("freireich").pipe(lambda rows: patients(rows["month"], rows["relapsed"],
                                                     residual_phq9=rows["placebo"].astype(float)))
SIX_MP, PLACEBO = TRIAL[TRIAL["residual_phq9"] == 0], TRIAL[TRIAL["residual_phq9"] == 1]
TWO_FOLLOW_UPS = of_r("two_follow_ups").pipe(lambda rows: patients(
    rows["up_to"].fillna(rows["after"]).astype(int), rows["up_to"].notna(),
    residual_phq9=rows["residual"].astype(float)).assign(month_before=rows["after"]))


def test_the_product_limit_by_hand():
    # 5 patients: 1 of 5 relapses in month 1; 1 of the 4 is last seen then; 1 of 3 relapses in month 3; 2 are left
    table = relapse.turnbull(patients([1, 1, 3, 4, 4], [1, 0, 1, 0, 0]))
    assert table[["month", "at_risk", "relapses", "censored"]].to_numpy().tolist() == [
        [0, 5, 0, 0], [1, 5, 1, 1], [2, 3, 0, 0], [3, 3, 1, 0], [4, 2, 0, 2]]
    by_hand = [0, 1 / 5, 1 / 5, 1 - 4 / 5 * 2 / 3, 1 - 4 / 5 * 2 / 3]
    assert table["share"].tolist() == table["at_most"].tolist() == pytest.approx(by_hand)
    assert relapse.kaplan_meier(table).tolist() == pytest.approx(by_hand)
    assert table[["low", "high"]].isna().any(axis=1).tolist() == [True, False, False, False, False]


def test_one_question_to_each_is_a_share_with_the_variance_of_a_share():
    # asked once, in month 6: 3 of 10 have relapsed, some day before; the binomial variance on the log(-log) scale
    table = relapse.turnbull(patients([6] * 10, [1] * 3 + [0] * 7).assign(month_before=[0] * 3 + [6] * 7))
    table = table.set_index("month")
    assert table["share"].tolist() == pytest.approx([0] * 6 + [0.3])
    assert table["at_most"].tolist() == pytest.approx([0] + [0.3] * 6)  # no score tells the month
    half = 1.959964 * np.sqrt(0.3 * 0.7 / 10) / (0.7 * -np.log(0.7))
    assert table.loc[6, ["low", "high"]].tolist() == pytest.approx(
        [1 - 0.7 ** np.exp(-half), 1 - 0.7 ** np.exp(half)], rel=1e-6)
    assert table.loc[1, ["low", "high"]].tolist() == [0, table.at[6, "high"]]


def test_shares_and_log_log_intervals_as_stata_and_r_print_them():
    # sts list, for those on 6-MP: survivor function and 95 % interval
    printed = {6: (21, 0.8571, 0.6197, 0.9516), 7: (17, 0.8067, 0.5631, 0.9228), 10: (15, 0.7529, 0.5032, 0.8894),
               13: (12, 0.6902, 0.4316, 0.8491), 16: (11, 0.6275, 0.3675, 0.8049), 22: (7, 0.5378, 0.2678, 0.7468),
               23: (6, 0.4482, 0.1881, 0.6801)}
    table = relapse.turnbull(SIX_MP).set_index("month")
    for month, (at_risk, *kept) in printed.items():
        row = table.loc[month]
        assert row["at_risk"] == at_risk
        assert [1 - row["share"], 1 - row["high"], 1 - row["low"]] == pytest.approx(kept, abs=5e-5)
    for month in (6, 12, 23):
        assert table.loc[month, ["share", "low", "high"]].tolist() == pytest.approx(
            [R[f"{name}_{month}"] for name in ("share", "low", "high")], abs=1e-7)


def test_with_two_follow_ups_the_share_is_the_most_likely_one():
    table = relapse.turnbull(TWO_FOLLOW_UPS).set_index("month")
    for month in (5, 8, 14):
        assert table.at[month, "share"] == pytest.approx(R[f"maximum_{month}"], abs=2e-5)
        assert table.at[month, "share"] == pytest.approx(R[f"turnbull_{month}"], abs=1e-3)
    # and no share of a month could be moved to make the intervals likelier (Gentleman & Geyer 1994)
    left, right = TWO_FOLLOW_UPS["month_before"], TWO_FOLLOW_UPS["month"].where(TWO_FOLLOW_UPS["relapsed"], 99)
    share = np.append(table["share"], 1)
    likely = share[right.clip(upper=15)] - share[left]
    gained = [(((left < month) & (month <= right)) / likely).sum() for month in range(1, 16)]
    assert max(gained) == pytest.approx(len(left), rel=1e-6)


@pytest.mark.parametrize(("width", "at_least"), [(1, 0.92), (4, 0.86)])
def test_with_two_follow_ups_the_interval_covers_what_is_true_or_a_little_less_where_they_are_spread(width, at_least):
    # 300 cohorts in which relapse comes at the same rate in every month; each follow-up is answered by two in three, in
    # so many months from month 5 and from month 11 on
    rng, n, covered = np.random.default_rng(3), 150, []
    for _ in range(300):
        onset = np.ceil(rng.exponential(24, n))
        asked = np.column_stack([rng.integers(5, 5 + width, n), rng.integers(11, 11 + width, n)]).astype(float)
        asked[rng.random(asked.shape) < 1 / 3] = np.nan
        up_to = np.nanmin(np.where(asked >= onset[:, None], asked, np.inf), axis=1, initial=np.inf)
        before = np.nanmax(np.where(asked < onset[:, None], asked, 0), axis=1)
        relapsed = np.isfinite(up_to)
        rows = patients(np.where(relapsed, up_to, before).astype(int), relapsed).assign(month_before=before)
        curve = relapse.turnbull(rows[rows["month"] > 0]).set_index("month")
        rows = curve.loc[[4 + width, 10 + width]]
        truth = 1 - np.exp(-rows.index.to_numpy() / 24)
        covered.append((rows["low"] <= truth).to_numpy() & (truth <= rows["high"]).to_numpy())
    assert (np.mean(covered, axis=0) >= at_least).all() and (np.mean(covered, axis=0) <= 0.98).all()


@pytest.mark.parametrize(("rows", "month", "words"), [
    (TRIAL, 6, "29 % (17 to 45)"), (TRIAL, 99, "an unknown share (nobody at risk)"),
    (PLACEBO, 23, "100 % (no interval)"),
    # asked once, in month 6
    (patients([6] * 10, [1] * 3 + [0] * 7).assign(month_before=[0] * 3 + [6] * 7), 3, "0 to 30 % (0 to 67)")])
def test_a_share_in_words(rows, month, words):
    assert relapse.in_words(relapse.turnbull(rows), month) == words


def test_of_few_at_risk_there_are_counts_and_no_shares():
    curve = relapse.turnbull(SIX_MP)  # 21 at risk in month 6, 12 in month 13, 11 in month 16
    assert relapse.in_words(curve, 6, 21) == relapse.in_words(curve, 6)
    assert relapse.in_words(curve, 16, 12) == "an unknown share (11 at risk)"
    assert np.isnan(relapse.summary(curve, 8)["median"]) and relapse.summary(curve, 6)["median"] == 23
    found, whole = relapse.summary(curve, 16), relapse.summary(curve)
    for name in ("n", "relapses", "share_6m"):
        assert found[name] == whole[name]
    assert np.isnan(found["share_12m"]) and whole["share_12m"] > 0
    rows = patients([3, 4, 12], [1, 0, 0])
    assert relapse.bounds_in_words(rows, 2, 12, 6).startswith("1 to 4 of 5 had a relapse by month 12: none, or all, ")


def test_before_any_relapse_the_interval_is_that_of_none():
    # 12 well throughout: binom.test(0, 12)$conf.int in R is 0 to 0.2646485
    curve = relapse.turnbull(patients([6] * 12, [0] * 12)).set_index("month")
    assert curve.loc[6, ["share", "low", "high"]].tolist() == pytest.approx([0, 0, 0.2646485])
    assert curve.loc[0, ["low", "high"]].isna().all()
    # asked in month 6, 2 of 20 have relapsed, some day before; one more patient was last well in month 5, which puts
    # both after it: until then the limit is that of 2 of 21, binom.test(2, 21)$conf.int[2], or of month 6 if smaller
    rows = patients([6] * 20 + [5], [1] * 2 + [0] * 19).assign(month_before=[0] * 2 + [6] * 18 + [5])
    curve = relapse.turnbull(rows).set_index("month")
    assert curve.loc[5, ["share", "at_most", "low"]].tolist() == [0, 0, 0]
    assert curve.at[5, "high"] == pytest.approx(min(0.3037744, curve.at[6, "high"]), abs=5e-7)

def test_the_share_lies_between_none_and_all_of_those_not_known():
    # by month 6, of 8: relapsed in 3 and in 6; well until 4, 6 and 9; a relapse between 2 and 8, and between 6 and 9
    rows = pd.DataFrame({"month": [3, 6, 4, 6, 9, 8, 9], "month_before": [2, 5, 4, 6, 9, 2, 6],
                         "relapsed": [True, True, False, False, False, True, True]})
    assert relapse.bounds_in_words(rows, 1, 6) == (
        "25 to 63 % had a relapse by month 6: none, or all, of the 1 never heard of and of the 2 whose scores do not "
        "tell")


def test_medians_as_sas_and_r_print_them():
    # proc lifetest, conftype=loglog: 23 (13 to not reached) on 6-MP, 8 (4 to 11) on placebo
    for group, rows in (("treated", SIX_MP), ("placebo", PLACEBO)):
        found = relapse.summary(relapse.turnbull(rows))
        assert [found[name] for name in ("median", "median_low", "median_high")] == pytest.approx(
            [R[f"{group}_{name}"] for name in ("median", "0.95LCL", "0.95UCL")], nan_ok=True)
    assert (R["treated_median"], R["treated_0.95LCL"], R["placebo_median"]) == (23, 13, 8)
    assert (found["n"], found["relapses"]) == (21, 21)
    assert found["share_6m"] == pytest.approx(9 / 21) and found["share_12m"] == pytest.approx(17 / 21)
    # nothing is said of months in which nobody was observed
    found = relapse.summary(relapse.turnbull(patients([6, 6, 7], [1, 0, 0])))
    assert found["share_6m"] == pytest.approx(1 / 3) and np.isnan(found["share_12m"])


def test_nobody_followed_and_nobody_relapsed():
    nobody = patients([], []).astype({"month": int})
    assert relapse.turnbull(nobody).empty
    found = relapse.summary(relapse.turnbull(nobody))
    assert found == pytest.approx({key: 0 if key in ("n", "relapses") else np.nan for key in found}, nan_ok=True)
    assert relapse.by_group(relapse.by_month(nobody)).empty
    last = relapse.turnbull(PLACEBO).iloc[-1]  # everybody has relapsed: there is no interval
    assert last["share"] == 1 and np.isnan(last["low"]) and np.isnan(last["high"])
    well = relapse.turnbull(patients([1, 2], [0, 0]))
    assert (well["share"] == 0).all() and well["low"].tolist()[1:] == [0, 0]
    assert well["at_risk"].tolist() == [2, 2, 1]
    one = relapse.turnbull(patients([3], [1]).assign(month_before=1))
    assert one["share"].tolist() == pytest.approx([0, 0, 0, 1])
    assert one["at_most"].tolist() == pytest.approx([0, 0, 1, 1])


def test_tables_by_group():
    months = relapse.by_month(TRIAL)
    assert list(months) == ["variable", "level", "month", "at_risk", "relapses", "censored", "share", "at_most", "low",
                            "high"]
    table = relapse.by_group(months)
    assert table[["variable", "level", "n", "relapses"]].to_numpy().tolist() == [
        ["all", "all", 42, 30], ["residual_phq9", "no_residual_symptoms", 21, 9],
        ["residual_phq9", "residual_symptoms", 21, 21]]


@pytest.mark.parametrize(("months", "relapsed", "level", "expected"), [
    ([1, 2, 3, 4], [1, 1, 0, 0], [0, 1, 0, 1], True),
    ([1, 2, 3, 4], [1, 1, 0, 0], [0, 0, 1, 1], False),   # nobody of one group relapses
    ([1, 2, 3, 4], [1, 1, 1, 1], [0, 0, 1, 1], False),   # one group has left before the other relapses at all
    ([1, 2, 2, 4], [1, 1, 1, 1], [0, 0, 1, 1], True), ([1, 2, 3, 4], [1, 1, 1, 1], [0, 0, 0, 0], False)])
def test_groups_that_can_be_told_apart(months, relapsed, level, expected):
    assert relapse.can_be_compared(patients(months, relapsed, step3=np.array(level, float)), "step3") is expected


def log_ratio(rows):
    """The coefficient of residual_phq9 and its standard error."""
    found = relapse.hazard_ratios(rows, ["residual_phq9"]).iloc[0]
    return np.log(found["hazard_ratio"]), np.log(found["high"] / found["low"]) / (2 * 1.959964)


def test_hazard_ratios_are_those_of_person_months_where_months_are_seen():
    # glm takes the expected information for its standard error, we the observed one
    coefficient, se = log_ratio(TRIAL)
    assert coefficient == pytest.approx(R["grouped_coefficient"], abs=1e-4)
    assert se == pytest.approx(R["grouped_se"], rel=0.02)


def test_hazard_ratios_respect_the_interval_where_two_follow_ups_are():
    coefficient, se = log_ratio(TWO_FOLLOW_UPS)
    assert coefficient == pytest.approx(R["interval_coefficient"], abs=1e-4)
    assert se == pytest.approx(R["interval_se"], rel=1e-3)


def test_patients_in_whom_a_variable_is_not_known_are_in_no_model_and_no_maximum_is_no_ratio():
    unknown = pd.concat([TRIAL, TRIAL.iloc[:5].assign(residual_phq9=np.nan)], ignore_index=True)
    found, expected = (relapse.hazard_ratios(rows, ["residual_phq9"]).iloc[0] for rows in (unknown, TRIAL))
    assert found.equals(expected) and found[["variable", "n", "relapses"]].tolist() == ["residual_phq9", 42, 30]
    apart = patients([1] * 6 + [2] * 6, [1] * 6 + [0] * 6, residual_phq9=[1.0] * 6 + [0.0] * 6)
    assert relapse.hazard_ratios(apart, ["residual_phq9"])[["hazard_ratio", "low", "high", "p"]].isna().all(axis=None)
    every = patients([1] * 4, [1] * 4, residual_phq9=[1.0, 0.0] * 2)  # all of them in one interval
    assert relapse.hazard_ratios(every, ["residual_phq9"])["hazard_ratio"].isna().all()


@pytest.mark.parametrize(("rows", "variables", "words"), [
    (42, ["residual_phq9"], ""),
    (21, ["residual_phq9"], "too few relapses: 9 for 1 variable(s), at least 10 for each"),
    (42, [], "in no variable can two groups be compared"),
])
def test_why_there_is_no_model(rows, variables, words):
    assert relapse.why_no_model(TRIAL.iloc[:rows], variables) == words


def test_the_next_referral_as_the_event_needs_no_answer():
    # the last referral of the data is received 300 days after discharge: month 9.86, so 10; 91 days are month 3
    def received(days):
        return DAY + pd.Timedelta(days=days)

    patients = cohort({"re_referred_date": received(91)}, {"referral_date": received(-200)},
                      {"re_referred_date": received(300)}, {"discharge_date": None})
    found = relapse.time_to_re_referral(patients, RULES)
    within = relapse.time_to_re_referral(cohort(*[{"re_referred_date": received(days)} for days in (182, 183)]), RULES)
    assert within["month"].tolist() == [6, 7]  # by month 6 is within half a year
    assert list(zip(found.index, found["month"], found["relapsed"], strict=True)) == [
        (0, 3, True), (1, 10, False), (2, 10, True)]
    curve = relapse.turnbull(found).set_index("month")["share"]
    assert curve[3] == pytest.approx(1 / 3) and curve[10] == pytest.approx(1 - 2 / 3 * 1 / 2)
    assert relapse.time_to_re_referral(cohort({}, {}), RULES).empty


def test_whichever_came_first_as_r_has_it():
    first = of_r("relapse_or_re_referral".removeprefix("relapse_"))
    remitted = cohort(*({"re_referred_date": DAY + pd.Timedelta(days=round(30.4375 * month))} if event == 2 else {}
                        for month, event in zip(first["month"], first["event"], strict=True)))
    followed = patients(first["month"], first["event"] == 1)
    table = relapse.relapse_or_re_referral(followed, remitted).set_index("month")
    assert table[["relapses", "re_referrals"]].sum().tolist() == (first["event"].value_counts()[[1, 2]]).tolist()
    for event, name in ((1, "relapse"), (2, "re_referral")):
        for month in (6, 12):
            share, se = R[f"cuminc_{event}_{month}"], R[f"se_{event}_{month}"]
            half = 1.959964 * se / ((1 - share) * -np.log(1 - share))
            assert table.loc[month, [name, f"{name}_low", f"{name}_high"]].tolist() == pytest.approx(
                [share, 1 - (1 - share) ** np.exp(-half), 1 - (1 - share) ** np.exp(half)], abs=1e-6)


def test_a_re_referral_counts_up_to_a_month_after_the_last_score_and_not_after_a_relapse():
    months = [2, 4, 5, 3, None, None]
    remitted = cohort(*({"re_referred_date": month and DAY + pd.Timedelta(days=round(30.4375 * month))}
                        for month in months))
    followed = patients([3, 3, 3, 3, 5, 3], [0, 0, 0, 1, 0, 1])
    table = relapse.relapse_or_re_referral(followed, remitted)
    assert table[["month", "at_risk", "relapses", "re_referrals"]].to_numpy().tolist() == [
        [2, 6, 0, 1], [3, 5, 2, 1], [5, 1, 0, 0]]
    assert relapse.relapse_or_re_referral(followed, cohort(*[{}] * 6)).empty
