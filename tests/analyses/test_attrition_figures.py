"""The pictures of 08_attrition. Oracle: the numbers they were given, read back from the axes."""

from io import BytesIO
from itertools import product

import matplotlib
import numpy as np
import pandas as pd
import PIL.Image
import pytest
from conftest import texts
from test_attrition import two_groups

from durability_utils.analyses import attrition_figures, specifications
from durability_utils.results import png
from durability_utils.study.parameters import PROJECT
from durability_utils.synthetic.attrition import STORED, stored_coverage

NOTE = "too few: 0 answered, fewer than 30"


def markers(panel):
    """The places of the panel's points that are there."""
    values = np.concatenate([line.get_xdata() for line in panel.lines if line.get_marker() in ("o", "s")])
    return sorted(values[~np.isnan(values.astype(float))])


def test_every_method_has_its_row_or_says_why_not():
    patients = two_groups({2.0: (16, 4, 80)})
    table = pd.DataFrame([
        specifications.row(patients, method, found, note) | {"outcome": "improvement", "time": time}
        for method, found, note, time in (("complete_cases", (0.8, 0.6, 0.9), "", "6m"),
                                          ("pmm", (0.7, 0.6, 0.8), "", "12m"),
                                          ("weighting", (np.nan,) * 3, NOTE, "6m"))])
    improvement, recovery = attrition_figures.estimates(table, "title", "caption").axes
    assert markers(improvement) == pytest.approx([70, 80]) and markers(recovery) == []
    assert [words for words in texts(improvement.texts) if words] == ["too few"]


def test_the_curve_is_sorted_and_dots_say_what_each_estimate_is():
    table = pd.DataFrame([("weighting", "consented, answered", "phq9_end, service_A", 0.8, 0.7, 0.9, True),
                          ("g_formula", "answered", "phq9_end", 0.6, np.nan, np.nan, False)],
                         columns=["method", "stages", "variables", "estimate", "low", "high", "printed"])
    table["outcome"] = "improvement"
    figure = attrition_figures.curve(table, {"improvement": (0.1, 0.95)}, {"improvement": "", "recovery": NOTE},
                                     "title", "caption")
    curve, none, dots, _ = figure.axes
    assert curve.collections[1].get_offsets()[:, 1].tolist() == pytest.approx([60, 80])
    assert [line.get_ydata()[0] for line in curve.lines] == pytest.approx([10, 95])
    assert texts(dots.get_yticklabels()) == ["weighted", "g-formula", "consent and answer apart", "services"]
    on = [[tuple(colour) == tuple(dots.collections[0].get_facecolors()[1]) for colour in row.get_facecolors()]
          for row in dots.collections]
    assert on == [[False, True], [True, False], [False, True], [False, True]]
    assert texts(none.texts) == [NOTE]


def test_a_surface_has_its_line_where_half_still_have_it():
    grid = pd.DataFrame(list(product(range(7), range(7))), columns=["no_consent", "silent"])
    table = grid.assign(outcome="improvement", time="6m", estimate=0.9 - 0.1 * grid["no_consent"])
    notes = dict.fromkeys(product(("improvement", "recovery"), ("6m", "12m")), NOTE) | {("improvement", "6m"): ""}
    figure = attrition_figures.surface(table, notes, "title", "caption")
    lines = figure.axes[0].collections[1]
    (half,) = (path for level, path in zip(lines.levels, lines.get_paths(), strict=True) if level == 50)
    assert half.vertices[:, 1] == pytest.approx(np.full(len(half.vertices), 4))
    assert [texts(panel.texts) for panel in figure.axes[1:]] == [[NOTE]] * 3


def test_bars_of_each_group_add_up_to_a_hundred_at_each_stage():
    frame = pd.DataFrame({"probability": [0.1, 0.2, 0.3, 0.1, 0.1], "passed": [True, True, False, False, False]})
    figure = attrition_figures.overlap({"improvement": {"answered": frame}, "recovery": NOTE}, "title", "caption")
    consent, no_consent, answer, no_answer = figure.axes
    heights = [bar.get_height() for bar in answer.patches]
    assert (sum(h for h in heights if h > 0), sum(h for h in heights if h < 0)) == pytest.approx((100, -100))
    assert texts(consent.texts) == ["everybody consented"]
    assert texts(no_consent.texts) == texts(no_answer.texts) == [NOTE]


def test_love_plot_shows_both_differences_of_each_variable_from_above_to_below():
    table = pd.DataFrame({"outcome": "improvement", "stage": "answered", "variable": ["phq9_end", "age"],
                          "before": [-0.5, 0.2], "after": [-0.1, 0.0]})
    figure = attrition_figures.love(table, {"recovery": NOTE}, "title", "caption")
    before, after = figure.axes[0].lines[:2]
    assert (list(before.get_xdata()), list(after.get_xdata())) == ([0.2, -0.5], [0.0, -0.1])
    assert texts(figure.axes[0].get_yticklabels()) == ["age", "PHQ-9 end"]
    assert texts(figure.axes[1].texts) == [NOTE]


def test_coverage_of_each_method_in_each_mechanism():
    table, settings = stored_coverage()
    figure = attrition_figures.coverage(table, settings)
    table = table.query("time == '6m'")
    for panel, mechanism in zip(figure.axes, ("recorded", "consent", "unseen"), strict=True):
        assert markers(panel) == pytest.approx(sorted(100 * table.loc[table["mechanism"] == mechanism, "coverage"]))


@pytest.mark.skipif(f"matplotlib=={matplotlib.__version__} " not in (PROJECT / "requirements.lock").read_text(),
                    reason="another version than the locked one draws other pixels")
def test_the_stored_picture_is_that_of_the_stored_table():
    drawn = attrition_figures.coverage(*stored_coverage())
    stored, now = (np.asarray(PIL.Image.open(file)) for file in (STORED.with_suffix(".png"), BytesIO(png(drawn))))
    assert np.array_equal(stored, now)
