"""The pictures of time to relapse. Oracle: the numbers handed in, read back from the drawing."""

import numpy as np
import pandas as pd
import pytest
from conftest import texts

from durability_utils.analyses import relapse_figures

CURVE = pd.DataFrame({"month": [0, 1, 2, 3, 4], "at_risk": [5, 5, 3, 3, 2], "share": [0, 0.2, 0.2, 0.5, 0.5],
                      "low": [np.nan, 0.1, 0.1, 0.3, 0.3], "high": [np.nan, 0.4, 0.4, 0.7, 0.7]})


def test_curves_are_the_shares_and_numbers_at_risk_stand_below():
    figure = relapse_figures.relapsed_by_month([{"one": CURVE, "two": CURVE.assign(at_risk=CURVE["at_risk"] + 10)}],
                                               "Relapse", "Synthetic. n = 5; 2 are missing.")
    axes = figure.axes[0]
    for line in axes.get_lines():
        assert line.get_ydata() == pytest.approx([0, 20, 20, 50, 50, 50])
        assert line.get_xdata().tolist() == [0, 1, 2, 3, 4, 4.5]
    assert texts(axes.texts) == ["5", "3", "15", "13", "at risk"]  # at months 0 and 3
    assert texts(axes.get_legend().get_texts()) == ["one", "two"]
    assert figure.get_suptitle() == "Relapse"
    assert figure.get_supxlabel() == "Synthetic. n = 5; 2 are missing."


def test_each_comparison_has_its_panel_and_ends_where_its_curves_end():
    short = CURVE.iloc[:2]
    figure = relapse_figures.relapsed_by_month([{"a": CURVE, "b": short}, {"c": CURVE, "d": CURVE}], "t", "c")
    assert len(figure.axes) == 2
    assert texts(figure.axes[0].texts) == ["5", "3", "5", "0", "at risk"]  # of b nobody is left at month 3


def test_nobody_to_show():
    figure = relapse_figures.relapsed_by_month([], "t", "n = 0.")
    assert texts(figure.axes[0].texts) == ["nobody to show"] and not figure.axes[0].axison


def test_ratios_over_time_with_their_intervals_and_the_models():
    monthly = pd.DataFrame({"variable": ["residual_phq9"] * 2 + ["step3"], "month": [1, 2, 1], "relapses": [9, 4, 5],
                            "log_hazard_ratio": [0.5, 0.7, -0.2], "low": [0.1, 0.0, -1.0], "high": [0.9, 1.4, 0.6]})
    figure = relapse_figures.ratio_over_time(monthly, {"residual_phq9": 0.64, "step3": -0.1}, "t", "n = 20.")
    assert [axes.get_title() for axes in figure.axes] == ["residual PHQ-9", "step3"]
    intervals, marks = figure.axes[0].collections
    assert [segment[:, 1].tolist() for segment in intervals.get_segments()] == [[0.1, 0.9], [0.0, 1.4]]
    assert marks.get_offsets().tolist() == [[1, 0.5], [2, 0.7]]
    assert marks.get_sizes()[0] > marks.get_sizes()[1]
    assert [line.get_ydata()[0] for line in figure.axes[1].get_lines()] == [-0.1, 0]
