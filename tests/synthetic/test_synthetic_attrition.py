"""Simulated cohorts with a known truth. Oracles: the truth that each cohort holds; the results that
`tests/benchmarks/attrition_coverage.py` stored in data/; issue 5's limits for the coverage of 95 % intervals."""

import numpy as np
import pandas as pd
import pytest

from durability_utils.synthetic.attrition import ESTIMATORS, STORED, coverage, simulated, stored_coverage, tried

FIRST = 12


@pytest.fixture(scope="module")
def stored():
    return pd.read_csv(STORED.with_name("attrition_cohorts.csv"))


@pytest.fixture(scope="module")
def first():
    return pd.DataFrame([tried("observed", number) for number in range(FIRST)])


@pytest.mark.parametrize("mechanism", ["observed", "unseen"])
def test_those_who_answered_kept_their_scores_and_the_others_lost_them(mechanism):
    patients = simulated(20_000, mechanism, np.random.default_rng(1))
    answered = patients["kept"].notna()
    assert patients["truth"].notna().all()
    assert patients.loc[answered, "kept"].equals(patients.loc[answered, "truth"])
    assert patients.loc[~answered, ["phq9_6m", "anxiety_6m"]].isna().all(axis=None)
    assert patients.loc[answered, ["phq9_6m", "anxiety_6m"]].notna().all(axis=None)


def test_answering_depends_on_the_outcome_only_where_it_is_said_to():
    """Among patients alike in what was recorded; with the unseen outcome its odds ratio is exp(1.6) = 4.95."""
    import statsmodels.api as sm

    recorded = ["phq9_baseline", "phq9_end", "anxiety_baseline", "anxiety_end", "age"]
    for mechanism, expected in (("observed", 0.0), ("unseen", 1.6)):
        patients = simulated(100_000, mechanism, np.random.default_rng(2))
        services = pd.get_dummies(patients["service"], drop_first=True, dtype=float)
        table = sm.add_constant(patients[["truth", *recorded]].join(services))
        fitted = sm.Logit(patients["kept"].notna().astype(float), table).fit(disp=0)
        assert abs(fitted.params["truth"] - expected) < 3 * fitted.bse["truth"]
        assert fitted.bse["truth"] < 0.1


def test_the_first_cohorts_come_out_as_stored(first, stored):
    kept = stored[(stored["mechanism"] == "observed") & (stored["cohort"] < FIRST)].reset_index(drop=True)
    # a step of an iterative fit may round otherwise on another processor
    pd.testing.assert_frame_equal(first, kept, check_exact=False, atol=1e-5, rtol=0)


def test_those_who_answered_are_further_from_the_truth_than_weighted_and_imputed_shares(first):
    truth = stored_coverage()[1]["truth"]
    bias = {method: abs(first[f"{method}_estimate"].mean() - truth) for method in ESTIMATORS}
    assert bias["complete_cases"] > 2 * max(bias["weighting"], bias["imputation"])


# -- what is stored --------------------------------------------------------------------------------

def test_the_stored_summary_is_that_of_the_stored_cohorts(stored):
    table, settings = stored_coverage()
    assert stored.groupby("mechanism").size().to_dict() == dict.fromkeys(("observed", "unseen"), settings["cohorts"])
    pd.testing.assert_frame_equal(table, coverage(stored, settings["truth"]), atol=1e-6, rtol=0)


def test_coverage_by_hand():
    found = {"estimate": [0.7, 0.9], "low": [0.6, 0.85], "high": [0.8, 0.95]}
    rows = pd.DataFrame({"mechanism": "observed", **{f"{method}_{key}": values for method in ESTIMATORS
                                                     for key, values in found.items()}})
    found = coverage(rows, truth=0.75).set_index("method").loc["weighting"]
    assert found[["cohorts", "bias", "coverage", "mean_width"]].tolist() == pytest.approx([2, 0.05, 0.5, 0.15])


def test_weighting_and_imputation_cover_the_truth_where_answering_depends_on_what_was_recorded():
    table, settings = stored_coverage()
    found = table.set_index(["mechanism", "method"])
    assert settings["cohorts"] >= 500
    for method in ("weighting", "imputation"):
        assert 0.92 <= found.at[("observed", method), "coverage"] <= 0.98
    assert found.at[("observed", "complete_cases"), "bias_low"] > 0.05
    assert found.at[("observed", "complete_cases"), "coverage_high"] < 0.92


def test_they_fail_where_it_depends_on_the_unseen_outcome_and_the_bounds_hold_in_both():
    found = stored_coverage()[0].set_index(["mechanism", "method"])
    for method in ("complete_cases", "weighting", "imputation"):
        assert found.at[("unseen", method), "coverage_high"] < 0.5
    for mechanism in ("observed", "unseen"):
        assert found.at[(mechanism, "bounds"), "coverage_low"] > 0.95
