"""Proportions: n of N, per cent and interval."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from durability_utils.outcomes.proportions import proportion, rounded_percent, simultaneous_intervals, with_proportions


@pytest.mark.parametrize(("n", "of", "low", "high"), [
    # Newcombe 1998, Two-sided confidence intervals for the single proportion, Table I, method 3
    (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0000, 0.1611), (1, 29, 0.0061, 0.1718)])
def test_wilson_intervals_are_those_of_newcombe(n, of, low, high):
    found = proportion(n, of)
    assert (found.n, found.of, found.share) == (n, of, n / of)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 500).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_wilson_interval_as_statsmodels_has_it(pair):
    found = proportion(*pair)
    assert (found.low, found.high) == pytest.approx(proportion_confint(*pair, method="wilson"), abs=1e-11)
    assert 0 <= found.low <= found.share <= found.high <= 1


def test_text_for_a_reader_has_spaces_that_do_not_break_and_a_sign_where_nobody_is_in_the_denominator():
    assert proportion(61, 71).text() == "61/71 (86 %, 76 to 92)".replace(" ", "\u00a0")
    nobody = proportion(0, 0)
    assert math.isnan(nobody.share) and math.isnan(nobody.low) and math.isnan(nobody.high)
    assert nobody.text() == "\u2013"


@pytest.mark.parametrize(("n", "of", "percent"), [
    (5, 8, 63),  # 62.5: halves go up, where Python's round() would go to the even number
    (3, 8, 38),  # 37.5
    (106, 3027, 4), (85, 3027, 3),  # 3.502 and 2.8
    (0, 7, 0), (7, 7, 100), (0, 0, None)])  # the last: nobody
def test_whole_per_cent_round_halves_up(n, of, percent):
    assert rounded_percent(n, of) == percent


def test_proportions_are_added_row_by_row():
    table = with_proportions(pd.DataFrame({"n": [1, 0], "of": [2, 0]}, index=[7, 9]), "n", "of")
    assert list(table.columns) == ["n", "of", "share", "low", "high"]
    assert table["share"][7] == 0.5
    assert table.loc[9, ["share", "low", "high"]].isna().all()


def test_simultaneous_intervals_by_goodmans_formula():
    # Goodman 1965: Wilson's limits with the chi-squared quantile at 1 - 0.05/k (k classes) in the place of z squared
    n, total = np.array([1, 9, 61]), 71
    chi2 = stats.chi2.ppf(1 - 0.05 / 3, 1)
    root = np.sqrt(chi2 * (chi2 + 4 * n * (total - n) / total))
    found = simultaneous_intervals(pd.Series(n, index=["worse", "same", "better"]))
    assert found["low"].to_numpy() == pytest.approx((chi2 + 2 * n - root) / (2 * (total + chi2)))
    assert found["high"].to_numpy() == pytest.approx((chi2 + 2 * n + root) / (2 * (total + chi2)))
    assert list(found["of"]) == [71, 71, 71]
    nobody = simultaneous_intervals(pd.Series({"worse": 0, "same": 0, "better": 0}))
    assert nobody[["share", "low", "high"]].isna().all(axis=None)
