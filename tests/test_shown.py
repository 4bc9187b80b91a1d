"""How tables are read. Oracle: what a reader should see, written by hand."""


import numpy as np
import pandas as pd
import pytest

from durability_utils.outcomes.proportions import proportion
from durability_utils.outcomes.transitions import six_month_table
from durability_utils.shown import as_words, number, rate, shown, square, too_few, unbroken
from durability_utils.study.errors import InputError


@pytest.mark.parametrize(("value", "name", "words"), [
    (1631, "n", "1,631"), (0.8592, "share", "86\u00a0%"), (0.8592, "consented_share", "86\u00a0%"),
    (0.0004, "p", "<0.001"),
    (0.0495, "p", "0.050"), (0.05, "p_kept", "0.050"), (2.306, "g", "2.31"), (-0.001, "g", "0.00"),
    (1e6, "mean", "1,000,000.00"), (np.nan, "p", "\u2013"), (np.inf, "z", "\u221e"),
    (33.23, "effective_sample_size", "33.2"), (0.0004, "coverage, pmm", "0\u00a0%"),
])
def test_a_number_is_read_by_the_name_of_its_column(value, name, words):
    assert number(value, name) == words


def spaced(table: pd.DataFrame) -> pd.DataFrame:
    return as_words(table).replace("\u00a0", " ", regex=True)


def test_a_rate_is_one_cell_and_so_is_an_estimate_with_its_interval():
    share, low, high = proportion(61, 71)[2:]
    table = pd.DataFrame({"service": ["north_a"], "n": [61], "of": [71], "share": share, "low": low, "high": high,
                          "g": 0.3, "g_low": -0.186, "g_high": 0.79, "share_6m": 0.123, "low_6m": 0.1, "high_6m": 0.2})
    assert spaced(table).to_dict("list") == {
        "service": ["north_a"], "n/N (95 % interval)": ["61/71 (86 %, 76 to 92)"],
        "g (95 % interval)": ["0.30 (-0.19 to 0.79)"], "share 6 months (95 % interval)": ["12 % (10 to 20)"]}


def test_an_interval_is_the_table_s_own_whatever_its_method():
    # Goodman's of three classes, not Wilson's 76 to 92
    table = pd.DataFrame({"n": [61], "of": [71], "share": [61 / 71], "low": [0.734], "high": [0.931]})
    assert spaced(table).iloc[0, 0] == "61/71 (86 %, 73 to 93)"
    assert spaced(pd.DataFrame({"median": [9.0], "median_low": [7.0], "median_high": [np.nan]})).iloc[0, 0] == (
        "9 (7 to \u2013)")


def test_a_figure_of_a_paper_is_read_by_its_path():
    assert as_words(pd.DataFrame({"figure": ["reliable_recovery.text_percent.table5.kept", "sample.age.min"]}))[
        "figure"].tolist() == ["reliable recovery \u203a text percent \u203a table 5 \u203a kept",
                               "sample \u203a age \u203a min"]


def test_few_patients_are_a_sentence_of_counts_and_no_rate():
    assert too_few(10, 10) == ""
    assert too_few(1, 10) == "Not shown: 1 patient, fewer than 10, would show little but chance."
    assert (rate(2, 3, 10), rate(0, 0, 10), rate(0, 0)) == ("2\u00a0of\u00a03", "\u2013", "\u2013")
    assert rate(61, 71, 10) == "61/71\u00a0(86\u00a0%,\u00a076\u00a0to\u00a092)"
    assert rate(2, 3, 3) == "2/3\u00a0(67\u00a0%,\u00a021\u00a0to\u00a094)"


def test_a_square_has_the_best_status_first_and_everyone_at_its_ends():
    codes = pd.CategoricalDtype(["no_reliable_recovery", "reliable_recovery"])
    end = pd.Series([codes.categories[1]] * 47 + [codes.categories[0]] * 36, dtype=codes)
    later = pd.Series(([codes.categories[1]] * 38 + [codes.categories[0]] * 9)
                      + ([codes.categories[1]] * 9 + [codes.categories[0]] * 27), dtype=codes)
    words = square(six_month_table(end, later), 10).words  # the paper's Table 5
    assert words.replace("\u00a0", " ", regex=True).to_numpy().tolist() == [
        ["reliable recovery", "38/47 (81 %, 67 to 90)", "9/47 (19 %, 10 to 33)", "47/83 (57 %, 46 to 67)"],
        ["no reliable recovery", "9/36 (25 %, 14 to 41)", "27/36 (75 %, 59 to 86)", "36/83 (43 %, 33 to 54)"],
        ["everyone at follow-up", "47/83 (57 %, 46 to 67)", "36/83 (43 %, 33 to 54)", "83"]]


def test_a_rate_in_a_sentence_stays_in_one_line_and_of_few_patients_it_is_their_counts():
    assert unbroken(proportion(61, 71)) == "61\u00a0of\u00a071\u00a0(86\u00a0%,\u00a076\u00a0to\u00a092)"
    assert unbroken(proportion(1631, 3027), between="/") == "1,631/3,027\u00a0(54\u00a0%,\u00a052\u00a0to\u00a056)"
    assert [unbroken(proportion(9, 9), few=10), unbroken(proportion(0, 0)),
            unbroken(proportion(10, 10), 10)[:8]] == [
        "9\u00a0of\u00a09", "0\u00a0of\u00a00", "10\u00a0of\u00a010"]


def test_codes_are_words_names_stay_and_what_is_missing_has_its_sign():
    table = pd.DataFrame({"status": ["no_reliable_improvement, phq9_end", None], "column": ["phq9_end", "x"],
                          "n": [3.0, np.nan], "ok": [True, False], "time": ["6m", "end"]})
    assert as_words(table).to_numpy().tolist() == [
        ["no reliable improvement, PHQ-9 end", "phq9_end", "3", "yes", "6 months"],
        ["\u2013", "x", "\u2013", "no", "end"]]


def test_a_column_in_which_nothing_is_said_is_left_out_and_a_blank_cell_has_its_sign():
    table = pd.DataFrame({"verdict": ["agrees", "differs"], "note": ["", ""]})
    assert list(as_words(table)) == ["verdict"]
    assert as_words(table.assign(note=["", "by one"]))["note"].tolist() == ["\u2013", "by one"]


def test_a_table_without_rows_is_a_sentence():
    nothing = shown(pd.DataFrame({"verdict": [], "n": []}))
    assert (repr(nothing), nothing._repr_html_()) == ("No rows.", "<p>No rows.</p>")


def test_codes_of_the_dictionary_and_of_methods_are_words():
    codes = ["white_british", "asian_pakistani", "long_term_sick", "pmm", "service_A, service_north, step3", "own"]
    assert as_words(pd.DataFrame({"level": codes}))["level"].tolist() == [
        "white British", "Asian Pakistani", "long-term sick", "imputed from those most alike",
        "service A, service north, step 3", "whom the definition counts"]
    assert list(as_words(pd.DataFrame({"q": [1.5], "after_re_referral": [1]}))) == ["Q", "after re-referral"]


def test_a_count_of_which_some_are_missing_has_no_decimals_and_a_mean_has():
    assert as_words(pd.DataFrame({"n": [253.0, np.nan], "mean": [2.5, 3.0]})).to_numpy().tolist() == [
        ["253", "2.50"], ["\u2013", "3.00"]]


def test_a_named_index_and_columns_of_two_levels_are_read_too():
    table = pd.DataFrame({("6m", "n"): [1]}, index=pd.Index(["a"], name="who"))
    assert list(as_words(table)) == ["who", "6 months, n"]
    assert list(as_words(pd.Series([1], name="patients"))) == ["patients"]
    with pytest.raises(InputError, match="found a int"):
        as_words(3)


def test_html_keeps_numbers_together_and_obeys_nothing_that_a_cell_says():
    html = shown(pd.DataFrame({"what": ["<b>x"], "share": [0.86]}))._repr_html_()
    assert "<b>" not in html
    assert '<td class="n">86\u00a0%</td>' in html
    assert '<th scope="col" class="short">what</th>' in html
    assert '<div class="scroll" tabindex="0"' in html  # a wide table is reached by the keyboard
