"""Checks on printed figures alone. Oracle: arithmetic on the paper's figures, and worked examples."""

import numpy as np
import pytest
from conftest import STUDY_2016
from scipy import stats

from durability_utils.analyses import contradictions
from durability_utils.analyses.published import read_published


@pytest.fixture(scope="module")
def printed():
    return read_published(STUDY_2016.published)


def test_printed_table_by_codes(printed):
    table = contradictions.printed_table(printed, "table4_step3")
    assert table.loc["reliable_improvement", "no_reliable_improvement"] == 8
    assert table.to_numpy().sum() == 55


def test_only_table_3s_two_swapped_percentages_are_not_those_of_their_counts(printed):
    table = contradictions.text_against_counts(printed)
    slips = table[table["by_counts"] != table["in_text"]]
    assert slips[["table", "figure", "counts", "by_counts", "in_text"]].to_numpy().tolist() == [
        ["table3_step2", "still_none", "3/8", 38, 63], ["table3_step2", "gained", "5/8", 63, 37]]
    assert len(table) == 6 * 5


def test_which_sums_do_not_add_up(printed):
    table = contradictions.sums_against_sums(printed).set_index("what")
    assert table["sum"].to_dict() == {"participants": 106, "patients in Table 2": 88, "Tables 3 and 4": 87,
                                      "Tables 6 and 7": 83, "primary problems, per cent": 95}
    assert table["printed"].to_dict() == {"participants": 108, "patients in Table 2": 88, "Tables 3 and 4": 88,
                                          "Tables 6 and 7": 83, "primary problems, per cent": 100}


@pytest.mark.parametrize(("mean", "n", "possible"), [
    ("6.36", 33, True), ("6.36", 40, False),  # 210 / 33; 254 / 40 = 6.35, 255 / 40 = 6.375
    ("15.04", 57, True), ("15.04", 66, False),  # 857 / 57; 992 / 66 = 15.03, 993 / 66 = 15.05
    ("5.19", 28, False), ("5.18", 28, True),  # Brown & Heathers 2017, their first example
    ("5.18", 0, False)])  # nobody
def test_grim(mean, n, possible):
    assert contradictions.grim(mean, n) == possible


def test_spread_between_the_limits_gives_the_letters_and_outside_it_does_not():
    # oracle: scipy's Tukey test on data that have exactly these means and this spread
    means, letters, sizes = [12.86, 16.91, 14.27], ["a", "b", "ab"], [66, 43, 22]
    low, high = contradictions.spread_for_letters(means, letters, sizes)
    assert low < high

    def differs(sd):
        groups = []
        for mean, size in zip(means, sizes, strict=True):
            shape = np.arange(size) - (size - 1) / 2
            groups.append(mean + sd * shape / shape.std(ddof=1))
        p = stats.tukey_hsd(*groups).pvalue
        return [p[0, 1] < 0.05, p[0, 2] < 0.05, p[1, 2] < 0.05]

    assert differs(1.01 * low) == differs(0.99 * high) == [True, False, False]
    assert differs(0.99 * low) != [True, False, False]
    assert differs(1.01 * high) != [True, False, False]


def test_no_spread_can_give_impossible_letters():
    assert np.isnan(contradictions.spread_for_letters([0, 1, 2], ["a", "b", "b"], [20, 0, 20])).all()  # nobody in b
    # the outer two share a letter and the near two do not: impossible with equal sizes
    assert np.isnan(contradictions.spread_for_letters([0, 1, 2], ["a", "b", "a"], [20, 20, 20])).all()
