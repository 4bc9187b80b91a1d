"""Observed against expected. Oracles: R's lme4::glmer and uniroot on stored patients (`tests/oracles/services.R`),
prop.test for Wilson's interval, simulated services whose effects are known."""

import numpy as np
import pandas as pd
import pytest
from r_says import ORACLES, r_says
from scipy.special import expit

from durability_utils.analyses import case_mix
from durability_utils.analyses.rates import LEAST_PATIENTS
from durability_utils.outcomes.rules import IMPROVEMENT, RECOVERY

R = r_says("services")
PATIENTS = pd.read_csv(ORACLES / "inputs" / "forty_services.csv")
OUTCOMES = PATIENTS[["outcome"]].astype(float)


def fitted(rows, most):
    table = case_mix.case_mix(PATIENTS, most)[rows].to_numpy()
    return case_mix.mixed_logistic(PATIENTS.loc[rows, "outcome"].to_numpy(float), table,
                                   pd.factorize(PATIENTS.loc[rows, "service"])[0])


@pytest.mark.parametrize(("model", "rows", "names"), [
    ("mixed", PATIENTS["service"] > "", ["phq9", "gad7", "years", "unemployed", "student", "male"]),
    ("six", PATIENTS["service"] <= "S06", ["phq9", "gad7", "years"])])
def test_coefficients_and_spread_are_those_of_glmer(model, rows, names):
    coefficients, spread = fitted(rows, len(names))
    assert coefficients == pytest.approx([R[f"{model} {name}"] for name in ("(Intercept)", *names)], abs=1e-4)
    assert spread == pytest.approx(R[f"{model} spread"], abs=1e-4)


def classified(improvement, recovery):
    return pd.DataFrame({
        "improvement": pd.Categorical(improvement, IMPROVEMENT), "recovery": pd.Categorical(recovery, RECOVERY),
        "mixed": False, "case_baseline": [True, False, True, True], "case_later": False, "scored_baseline": True})


def test_outcomes_are_those_that_the_rates_count():
    # the second is not at caseness at baseline, the fourth has no scores at end; only the first is followed up
    well, not_well = (f"{which}_improvement" for which in ("reliable", "no_reliable"))
    recovered, not_recovered = (f"{which}_recovery" for which in ("reliable", "no_reliable"))
    end = classified([well, well, not_well, None], [recovered, not_recovered, not_recovered, None])
    later = classified([not_well, None, well, None], [not_recovered, None, None, None])
    at_end, kept = case_mix.outcomes_at_end(end), case_mix.outcomes_kept(end, later)
    assert at_end.fillna(-1).to_numpy().T.tolist() == [[1, 1, 0, -1], [1, -1, 0, -1]]
    assert kept.fillna(-1).to_numpy().T.tolist() == [[0, -1, -1, -1], [0, -1, -1, -1]]
    assert [list(at_end), list(kept)] == [case_mix.AT_END, case_mix.KEPT]


def test_case_mix_by_hand():
    # 30 unemployed of 60 employed and 30 unknown: unknown ones stand with the most frequent, 19 students have no column
    patients = pd.DataFrame({
        "phq9_baseline": np.arange(139.0) % 20, "gad7_baseline": 7.0, "age": [np.nan, *range(20, 158)],
        "employment_baseline": pd.Series(["employed"] * 60 + ["unemployed"] * 30 + [None] * 30 + ["student"] * 19),
        "gender": None})
    table = case_mix.case_mix(patients, 9)
    assert list(table) == ["phq9_baseline", "age", "employment_baseline: unemployed"]  # GAD-7 does not differ
    assert table.mean().tolist() == pytest.approx([0, 0, 0]) and table["phq9_baseline"].std() == pytest.approx(1)
    assert table.at[0, "age"] == 0  # as the mean
    assert table.iloc[:, 2].nunique() == 2 and (table.iloc[:, 2] > 0).sum() == 30
    assert list(case_mix.case_mix(patients, 1)) == ["phq9_baseline"]


def test_expected_and_ratio_are_those_of_r():
    found = case_mix.adjusted_rates(PATIENTS, OUTCOMES, "paired").set_index("service")
    of = PATIENTS.groupby("service").size()
    assert list(found.index) == list(of.index[of >= LEAST_PATIENTS])
    assert found["expected"].to_numpy() == pytest.approx([R[f"expected {name}"] for name in found.index], abs=1e-3)
    s02 = found.loc["S02"]
    assert s02["ratio"] == s02["n"] / s02["expected"]
    ends = [R["ratio_low S02"], R["ratio_high S02"]]
    assert s02[["ratio_low", "ratio_high"]].tolist() == pytest.approx(ends, abs=1e-4)
    assert s02["adjusted"] == pytest.approx(s02["ratio"] * OUTCOMES["outcome"].mean())
    assert set(found["adjusted_for"]) == {"phq9_baseline, gad7_baseline, age, employment_baseline: unemployed, "
                                          "employment_baseline: student, gender: male"}


def test_where_patients_are_alike_the_interval_is_wilsons():
    outcome, linear = np.array([1] * 57 + [0] * 62), np.full(119, -0.4)
    found = case_mix.observed_against_expected(outcome, linear)
    assert found["expected"] == pytest.approx(119 * expit(-0.4))
    share = found["expected"] / 119
    assert [share * found["ratio_low"], share * found["ratio_high"]] == pytest.approx(
        [R["wilson_low"], R["wilson_high"]], abs=1e-6)
    assert share * found["error"] == pytest.approx((share * (1 - share) / 119) ** 0.5)
    # nobody, or all: one end is nobody, or all
    assert case_mix.observed_against_expected(0 * outcome, linear)["ratio_low"] == 0
    all_of_them = case_mix.observed_against_expected(0 * outcome + 1, linear)
    assert all_of_them["ratio_high"] == pytest.approx(1 / expit(-0.4))


def made_up(services, size, random):
    """Patients of services, some with sicker patients, all of them with an effect of their own; the log odds beside."""
    sick, effect = random.normal(0, 1, services), random.normal(0, 0.3, services)
    group = np.repeat(np.arange(services), size)
    phq9 = np.clip(np.round(15 + 2.5 * sick[group] + random.normal(0, 4, len(group))), 0, 27)
    gad7 = np.clip(np.round(4 + phq9 / 2 + random.normal(0, 3, len(group))), 0, 21)
    by_patient = -0.5 - 0.12 * (phq9 - 15) - 0.05 * (gad7 - 11)
    patients = pd.DataFrame({"service": [f"S{one:02d}" for one in group], "phq9_baseline": phq9, "gad7_baseline": gad7,
                             "age": 40.0, "employment_baseline": None, "gender": None})
    return patients, by_patient, effect[group], random.binomial(1, expit(by_patient + effect[group])).astype(float)


@pytest.mark.parametrize(("services", "size", "cohorts"), [(6, 150, 40), (40, 60, 8)])
def test_intervals_hold_the_ratio_of_services_whose_effect_is_known(services, size, cohorts):
    # truth: those expected with the service's own effect against those of the average one, by the true coefficients
    random, held = np.random.default_rng(2016), []
    for _ in range(cohorts):
        patients, by_patient, effect, outcome = made_up(services, size, random)
        found = case_mix.adjusted_rates(patients, pd.DataFrame({"outcome": outcome}), "paired").set_index("service")
        true, shift = expit(by_patient + effect), np.linspace(-1, 1, 2001)
        average = shift[np.abs([expit(by_patient + one).sum() - true.sum() for one in shift]).argmin()]
        sums = pd.DataFrame({"true": true, "average": expit(by_patient + average)}).groupby(patients["service"]).sum()
        ratio = sums["true"] / sums["average"]
        held.extend((found["ratio_low"] <= ratio) & (ratio <= found["ratio_high"]))
    assert 0.92 <= np.mean(held) <= 0.98


def test_sicker_patients_are_not_taken_for_a_worse_service():
    random = np.random.default_rng(7)
    patients, _, effect, outcome = made_up(40, 60, random)
    found = case_mix.adjusted_rates(patients, pd.DataFrame({"outcome": outcome}), "paired")
    own = pd.Series(effect).groupby(patients["service"]).first().to_numpy()
    assert np.corrcoef(found["adjusted"], own)[0, 1] > np.corrcoef(found["share"], own)[0, 1] + 0.08
    adjusted = case_mix.adjusted_spread(found).iloc[0]
    assert adjusted["tau"] < 0.75 * found["share"].std()
    assert adjusted["tau_low"] <= adjusted["tau"] <= adjusted["tau_high"]


@pytest.mark.parametrize("outcome", [
    pd.Series([1.0] * 19 + [0.0] * 100),  # one patient too few with it
    pd.Series([0.0] * 19 + [1.0] * 100), pd.Series([np.nan] * 119), pd.Series([1.0, 0.0] * 20 + [np.nan] * 79)])
def test_of_too_few_there_is_no_model(outcome):
    patients = PATIENTS.head(119).assign(service=["A"] * 60 + ["B"] * 59)
    found = case_mix.adjusted_rates(patients, pd.DataFrame({"outcome": outcome}), "paired")
    assert found.empty and "adjusted_high" in found and case_mix.adjusted_spread(found).empty


def test_one_service_has_no_other_to_be_adjusted_against():
    assert case_mix.adjusted_rates(PATIENTS.assign(service="A"), OUTCOMES, "paired").empty
    few = PATIENTS.assign(service=["A"] * (len(PATIENTS) - 19) + ["B"] * 19)
    assert case_mix.adjusted_rates(few, OUTCOMES, "paired").empty
