"""The pictures of 08_attrition. Oracle: the numbers they were given, read back from the axes."""

import numpy as np
import pandas as pd
import pytest
from conftest import texts

from durability_utils.analyses import attrition, attrition_figures
from durability_utils.synthetic.attrition import stored_coverage

KEPT = pd.Series([1.0] * 16 + [0.0] * 4 + [np.nan] * 80)
SILENT = pd.Series([np.nan] * 9)
NOTE = "too few: 0 answered, fewer than 30"


def estimates():
    rows = []
    for outcome, kept in (("improvement", KEPT), ("recovery", SILENT)):
        patients = kept.to_frame("kept")
        for method in ("complete_cases", "complete_cases_carried_back"):
            rows.append(attrition.estimate(outcome, method, patients, attrition.complete_cases(kept)))
        rows += [attrition.estimate(outcome, method, patients, found)
                 for method, found in attrition.bounds(kept).items()]
        rows += [attrition.estimate(outcome, method, patients, note=NOTE) for method in ("weighting", "imputation")]
    return pd.DataFrame(rows)


def test_every_method_has_its_row_or_says_why_not():
    figure = attrition_figures.estimates(estimates(), "title", "caption")
    improvement, recovery = figure.axes
    shown = [value for line in improvement.lines for value in line.get_xdata() if line.get_marker() in ("o", "s")]
    assert sorted(value for value in shown if not np.isnan(value)) == pytest.approx([16, 80, 80, 96])
    assert texts(improvement.texts) == ["too few"] * 2
    assert texts(recovery.texts) == ["nobody answered"] * 2 + ["too few"] * 2


def test_tipping_points_stand_on_their_line():
    table = pd.concat([attrition.tipping_points(kept).assign(outcome=outcome)
                       for outcome, kept in (("improvement", KEPT), ("recovery", SILENT))])
    improvement, recovery = attrition_figures.tipping(table, "title", "caption").axes
    assert list(improvement.lines[0].get_ydata()) == pytest.approx([96, 16])
    assert texts(improvement.texts) == ["38 of 80", "47 of 80"]
    assert texts(recovery.texts) == ["nobody answered"]


def test_bars_of_each_group_add_up_to_a_hundred():
    frame = pd.DataFrame({"probability": [0.1, 0.2, 0.3, 0.1, 0.1], "answered": [True, True, False, False, False]})
    figure = attrition_figures.overlap({"improvement": frame, "recovery": NOTE}, "title", "caption")
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert (sum(h for h in heights if h > 0), sum(h for h in heights if h < 0)) == pytest.approx((100, -100))
    assert texts(figure.axes[1].texts) == [NOTE]


def test_love_plot_shows_both_differences_of_each_variable_from_above_to_below():
    table = pd.DataFrame({"outcome": "improvement", "variable": ["phq9_end", "age"], "before": [-0.5, 0.2],
                          "after": [-0.1, 0.0]})
    figure = attrition_figures.love(table, {"recovery": NOTE}, "title", "caption")
    before, after = figure.axes[0].lines[:2]
    assert (list(before.get_xdata()), list(after.get_xdata())) == ([0.2, -0.5], [0.0, -0.1])
    assert texts(figure.axes[0].get_yticklabels()) == ["age", "PHQ-9 end"]
    assert texts(figure.axes[1].texts) == [NOTE]


def test_delta_is_drawn_in_per_cent():
    table = pd.DataFrame({"outcome": "improvement", "delta": [0, 1], "estimate": [0.8, 0.7], "low": 0.6, "high": 0.9})
    figure = attrition_figures.delta(table, {"recovery": NOTE}, "title", "caption")
    assert list(figure.axes[0].lines[0].get_ydata()) == pytest.approx([80, 70])
    assert texts(figure.axes[1].texts) == [NOTE]


def test_coverage_of_each_method_in_both_mechanisms():
    table, _ = stored_coverage()
    shares = {mechanism: rows["coverage"] for mechanism, rows in table.groupby("mechanism")}
    figure = attrition_figures.coverage(table, "title", "caption")
    for panel, mechanism in zip(figure.axes, ("observed", "unseen"), strict=True):
        points = next(line for line in panel.lines if line.get_marker() == "o")
        assert list(points.get_xdata()) == pytest.approx(list(100 * shares[mechanism]))
