"""The pictures of notebook 09. Oracle: the numbers handed in, read back from the drawing."""

from io import BytesIO

import pandas as pd
import pytest
from conftest import texts
from matplotlib.patches import Rectangle

from durability_utils.analyses import definition_figures as figures
from durability_utils.outcomes.proportions import with_proportions
from durability_utils.outcomes.rules import IMPROVEMENT

DEFINITIONS = ("reliable_improvement_kept", "no_relapse")


def test_shares_are_drawn_where_the_table_has_them():
    rows = [(name, time, population, n, 10) for name in DEFINITIONS for time in ("6m", "12m")
            for population, n in (("own", 8), ("common", 4))]
    table = with_proportions(pd.DataFrame(rows, columns=["definition", "time", "population", "n", "of"]), "n", "of")
    figure = figures.shares_kept(table, "title", "Synthetic. n = 10; none missing.")
    assert [axes.get_title() for axes in figure.axes] == ["6 months", "12 months"]
    assert figure.get_supxlabel() == "Synthetic. n = 10; none missing."
    for axes in figure.axes:
        assert [line.get_xdata().tolist() for line in axes.lines] == [[80, 80], [40, 40]]
        assert texts(axes.texts) == ["8/10", "8/10", "4/10", "4/10"]
    words = texts(figure.axes[0].get_yticklabels())
    assert words == ["no relapse\n(PHQ-9 and GAD-7)", "reliable improvement kept"]


def test_patterns_have_a_bar_a_time_and_a_mark_for_each_combination():
    table = pd.DataFrame({"time": ["6m", "6m", "12m"], DEFINITIONS[0]: ["kept", "lost", "lost"],
                          DEFINITIONS[1]: ["kept", "not_counted", "not_counted"], "n": [7, 2, 3]})
    bars, marks = figures.patterns(table, "t", "c").axes
    assert [bar.get_height() for bar in bars.patches] == [7, 2, 0, 3]  # 6 months, then 12
    assert texts(bars.get_legend().get_texts()) == ["6 months", "12 months", "kept", "lost", "not counted"]
    drawn = {line.get_label(): sorted(map(tuple, line.get_xydata())) for line in marks.lines}
    assert drawn == {"kept": [(0, 0), (0, 1)], "lost": [(1, 1)], "not counted": [(1, 0)]}


def test_patterns_of_nobody_say_so():
    empty = pd.DataFrame({"time": [], DEFINITIONS[0]: [], "n": []})
    assert "no patients" in texts(figures.patterns(empty, "t", "c").axes[0].texts)


def test_classes_are_as_long_as_the_patients_are_many():
    rows = [("jacobson_truax", code, n, 9) for code, n in zip(IMPROVEMENT, (1, 3, 5), strict=True)]
    rows += [("hageman_arrindell", code, 0, 0) for code in IMPROVEMENT]
    table = pd.DataFrame(rows, columns=["method", "class", "n", "of"])
    axes, = figures.classes_by_method(table, "t", "c").axes
    assert [bar.get_width() for bar in axes.patches if isinstance(bar, Rectangle) and bar.get_width()] == [5, 3, 1]
    assert "cannot tell" in texts(axes.texts)
    assert texts(axes.get_yticklabels()) == ["Hageman-Arrindell", "Jacobson-Truax"]
    words = texts(axes.get_legend().get_texts())
    assert words == ["reliable improvement", "no reliable change", "reliable deterioration"]


@pytest.mark.parametrize(("counts", "of", "nobody"), [
    ((0, 9, 0), 9, True), ((0, 8, 1), 9, False), ((0, 0, 0), 0, False)])
def test_of_the_hierarchical_method_it_is_said_that_it_finds_nobody_only_where_it_could(counts, of, nobody):
    table = pd.DataFrame({"method": "hierarchical", "class": IMPROVEMENT, "n": counts, "of": of})
    assert figures.worse_in_words(table).endswith("finds nobody.") == nobody


def test_methods_that_class_nobody_are_drawn_without_a_warning(recwarn):
    rows = [(method, code, 0, 0) for method in ("fixed_threshold", "hageman_arrindell") for code in IMPROVEMENT]
    figure = figures.classes_by_method(pd.DataFrame(rows, columns=["method", "class", "n", "of"]), "t", "c")
    figure.savefig(BytesIO())
    assert texts(figure.axes[0].texts) == ["cannot tell"] * 2 and not recwarn.list


@pytest.mark.parametrize(("code", "words"), [
    ("no_relapse", "no relapse\n(PHQ-9 and GAD-7)"), ("reliable_recovery_kept", "reliable recovery kept")])
def test_definitions_as_words(code, words):
    assert figures.definition_words(code) == words
