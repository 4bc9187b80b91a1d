"""The pictures of time to relapse. Oracle: the numbers handed in, read back from the drawing."""

import numpy as np
import pandas as pd
import pytest
from conftest import texts

from durability_utils.analyses import relapse_figures

CURVE = pd.DataFrame({"month": [0, 1, 2, 3, 4], "at_risk": [5, 5, 3, 3, 2], "share": [0, 0.2, 0.2, 0.5, 0.5],
                      "at_most": [0, 0.2, 0.2, 0.5, 0.5],
                      "low": [np.nan, 0.1, 0.1, 0.3, 0.3], "high": [np.nan, 0.4, 0.4, 0.7, 0.7]})


def test_curves_are_the_shares_and_numbers_at_risk_stand_below():
    figure = relapse_figures.relapsed_by_month([{"one": CURVE, "two": CURVE.assign(at_risk=CURVE["at_risk"] + 10)}],
                                               "Relapse", "Synthetic. n = 5; 2 are missing.")
    axes = figure.axes[0]
    for line in axes.get_lines():
        assert line.get_ydata() == pytest.approx([0, 20, 20, 50, 50, 50])
        assert line.get_xdata().tolist() == [0, 1, 2, 3, 4, 4.5]
    assert texts(axes.texts) == ["5", "3", "2", "15", "13", "12", "at risk"]  # at months 0, 3 and the last
    assert texts(axes.get_legend().get_texts()) == ["one", "two"]
    assert figure.get_suptitle() == "Relapse"
    assert figure.get_supxlabel() == "Synthetic. n = 5; 2 are missing."


def test_each_comparison_has_its_panel_and_ends_where_its_curves_end():
    short = CURVE.iloc[:2]
    figure = relapse_figures.relapsed_by_month([{"a": CURVE, "b": short}, {"c": CURVE, "d": CURVE}], "t", "c")
    assert len(figure.axes) == 2
    assert texts(figure.axes[0].texts) == ["5", "3", "2", "5", "0", "0", "at risk"]  # of b nobody is left at month 3


def test_a_curve_ends_where_fewer_than_least_are_at_risk():
    figure = relapse_figures.relapsed_by_month([{"a": CURVE, "b": CURVE.assign(at_risk=9)}], "t", "c", least=3)
    few, many = figure.axes[0].get_lines()
    assert few.get_xdata().tolist() == [0, 1, 2, 3, 3.5] and many.get_xdata().tolist() == [0, 1, 2, 3, 4, 4.5]
    assert texts(figure.axes[0].texts) == ["5", "3", "2", "9", "9", "9", "at risk"]  # how many were left is said


def test_nobody_to_show():
    figure = relapse_figures.relapsed_by_month([], "t", "n = 0.")
    assert texts(figure.axes[0].texts) == ["nobody to show"] and not figure.axes[0].axison


def test_states_of_a_month_fill_it():
    table = pd.DataFrame({"month": [1, 2], "no_relapse": [6, 4], "relapsed": [2, 3], "well_again": [0, 1],
                          "no_score": [2, 2]})
    figure = relapse_figures.states_by_month(table, "t", "n = 10.")
    axes = figure.axes[0]
    drawn = {patch.get_label(): patch.get_data() for patch in axes.patches}
    heights = {name: list(above - below) for name, (above, _, below) in drawn.items()}
    assert heights == {"no relapse": pytest.approx([60, 40]), "relapsed": pytest.approx([20, 30]),
                       "well again": pytest.approx([0, 10]), "no score": pytest.approx([20, 20])}
    above, edges, _ = drawn["no score"]
    assert (list(above), list(edges)) == (pytest.approx([100, 100]), [0.5, 1.5, 2.5])
    assert figure.get_supxlabel() == "n = 10."
