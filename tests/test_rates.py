"""Rates by both denominators. Oracles: the published national rates, and hand counts."""

import numpy as np
import pandas as pd
import pytest
from test_outcomes import MEASURES, cohort, patient

from durability_utils.columns import PROJECT
from durability_utils.parameters import read_yaml
from durability_utils.rates import ENGLAND, NATIONAL, national_rates, nearest_year, service_rates

ANNUAL = PROJECT.parent / "shared" / "real" / "nhs_england_annual.csv"
COLUMNS = {"finished_course_treatment": "finished", "not_at_caseness": "not_at_caseness",
           **{name: name for name in NATIONAL}}


def annual() -> pd.DataFrame:
    if not ANNUAL.is_file():
        pytest.skip("../shared/real/nhs_england_annual.csv is not there: NHS England's counts by group are not part of "
                    "this project; parameters/published/england.yaml holds those of all patients")
    return pd.read_csv(ANNUAL)


def test_every_published_rate_of_every_group_to_the_printed_decimal():
    """Oracle: NHS England's annual reports 2017-18 to 2021-22, 454 groups and years, five rates each."""
    table = annual()
    counts = table[[f"count_{name}" for name in COLUMNS]].set_axis(COLUMNS.values(), axis="columns")
    published = table[[f"percentage_{name}" for name in NATIONAL]].set_axis(NATIONAL, axis="columns")
    assert published.notna().all(axis=None) and published.size == 5 * 454
    pd.testing.assert_frame_equal(national_rates(counts), published)


def test_the_file_of_national_figures_is_the_published_one():
    total = annual().query("variable_type == 'Total'").set_index("reporting_period")
    england = read_yaml(ENGLAND)
    assert list(england) == list(total.index)
    for year, entry in england.items():
        assert entry["counts"] == {name: total.loc[year, f"count_{source}"] for source, name in COLUMNS.items()}
        assert entry["percent"] == {name: total.loc[year, f"percentage_{name}"] for name in NATIONAL}


def test_england_in_2017_by_hand():
    """263 295 of 554 709 less 36 767 is 50.835 %; of the 517 393 at caseness it would be 50.9."""
    counts = pd.DataFrame([read_yaml(ENGLAND)["2017-18"]["counts"]])
    assert national_rates(counts).loc[0, "recovery"] == 50.8


def test_halves_are_rounded_up_and_nobody_has_no_rate():
    """1 of 16 is 6.25 %."""
    counts = pd.DataFrame([{"finished": 16, "not_at_caseness": 16, **dict.fromkeys(NATIONAL, 1)}])
    rates = national_rates(counts).loc[0]
    assert rates["improvement"] == 6.3
    assert np.isnan(rates["recovery"])


PATIENTS = cohort(
    patient((20, 15), (4, 3), phq9_6m=4, gad7_6m=3),        # recovered, and kept it
    patient((20, 15), (4, 3), phq9_6m=20, gad7_6m=15),      # recovered, and lost it
    patient((20, 15), (4, 3)),                              # recovered, did not answer
    patient((20, 15), (14, 15)),                            # improved by six points, still a case
    patient((11, 5), (9, 5)),                               # recovered by two points: not reliably
    patient((20, 15), (None, None)),                        # no score at end
    patient((5, 5), (4, 4)),                                # below caseness at baseline
    patient((None, None), (4, 4)),                          # baseline unknown
    patient((10, 10), (20, 10)),                            # reliably worse
)
EXPECTED = {  # by hand: n of nhs, n of paired
    "reliable_improvement": ((4, 9), (4, 7)),
    "reliable_deterioration": ((1, 9), (1, 7)),
    "no_reliable_change": ((2, 9), (2, 7)),
    "recovery": ((4, 8), (4, 6)),
    "reliable_recovery": ((3, 8), (3, 6)),
    "improvement_kept": ((1, 4), (1, 2)),
    "recovery_kept": ((1, 3), (1, 2)),
}


def pairs(table: pd.DataFrame) -> dict:
    of = table.set_index(["rate", "denominator"])[["n", "of"]]
    return {rate: tuple(tuple(of.loc[rate, denominator]) for denominator in ("nhs", "paired")) for rate in EXPECTED}


def test_both_denominators_by_hand():
    rates = service_rates(PATIENTS.assign(service="A"), MEASURES, "gad7", carried_back=True)
    assert list(rates["service"].unique()) == ["A"]
    assert pairs(rates) == EXPECTED


def test_all_is_the_sum_of_the_services():
    services = pd.Categorical(["A"] * 3 + ["B"] * 6)
    rates = service_rates(PATIENTS.assign(service=services), MEASURES, "gad7", carried_back=True)
    assert pairs(rates[rates["service"] == "all"]) == EXPECTED
    parts = rates[rates["service"] != "all"].groupby(["rate", "denominator"], sort=False)[["n", "of"]].sum()
    assert parts.equals(rates[rates["service"] == "all"].set_index(["rate", "denominator"])[["n", "of"]])


def test_a_late_answer_counts_only_where_it_is_carried_back():
    late = cohort(patient((20, 15), (4, 3), phq9_12m=4, gad7_12m=3)).assign(service="A")
    with_it, without = (service_rates(late, MEASURES, "gad7", carried_back=carried).set_index(["rate", "denominator"])
                        for carried in (True, False))
    assert with_it.loc[("improvement_kept", "paired"), "of"] == 1
    assert without.loc[("improvement_kept", "paired"), "of"] == 0


@pytest.mark.parametrize(("day", "year"), [("2016-06-15", "2017-18"), ("2019-03-31", "2018-19"),
                                           ("2019-04-02", "2019-20"), ("2026-01-01", "2021-22")])
def test_the_nearest_reporting_year(day, year):
    assert nearest_year(read_yaml(ENGLAND), pd.Timestamp(day)) == year
