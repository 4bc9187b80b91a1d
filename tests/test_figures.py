"""The pictures: what is drawn is what the tables say. Oracle: the numbers handed in, read back from the drawing."""

import json
from base64 import b64decode
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.patches import FancyBboxPatch, PathPatch, Rectangle
from PIL import Image

from durability_utils import figures
from durability_utils.outcomes.proportions import with_proportions
from durability_utils.outcomes.transitions import by_status_at_end
from durability_utils.study.parameters import PROJECT

NOTEBOOKS = sorted((PROJECT / "notebooks").glob("**/[!.]*.ipynb"))
GOOD, NONE, BAD = "reliable_improvement", "no_reliable_improvement", "reliable_deterioration"
CODES = (BAD, NONE, GOOD)
TABLE2 = pd.DataFrame([(end, later, n) for end, row in zip(CODES, [[0, 0, 0], [1, 8, 8], [1, 9, 61]], strict=True)
                       for later, n in zip(CODES, row, strict=True)], columns=["end", "follow_up", "n"])


def texts(figure) -> str:
    return " ".join(text.get_text() for axes in figure.axes for text in axes.texts)


@pytest.fixture
def changes():
    return pd.DataFrame({"baseline": [20.0, 20, 20, 10], "later": [5.0, 5, 19, 17], "outcome": [GOOD, GOOD, NONE, BAD]})


def reliable_change(changes):
    return figures.reliable_change(changes, 6, 10, 27, "PHQ-9", "title", "n = 4; none missing.")


def test_bars_are_as_long_as_the_shares_and_name_the_patients():
    figure = figures.shares_by_status(by_status_at_end(TABLE2), "t", "c")
    widths = [bar.get_width() for bar in figure.axes[0].patches if isinstance(bar, Rectangle)]
    shares = [100 * n / 71 for n in (1, 9, 61)] + [100 * n / 17 for n in (1, 8, 8)]
    assert sorted(widths) == pytest.approx(sorted(shares))
    assert "no patients" in texts(figure)  # nobody had deteriorated at end


def test_of_few_patients_counts_stand_in_the_place_of_a_bar():
    figure = figures.shares_by_status(by_status_at_end(TABLE2), "t", "c", few=18)  # 71 improved at end, 17 did not
    widths = [bar.get_width() for bar in figure.axes[0].patches if isinstance(bar, Rectangle)]
    assert sum(widths) == pytest.approx(100)
    assert "8 reliable improvement, 8 no reliable improvement, 1 reliable deterioration" in texts(figure)


def test_flows_are_in_proportion_to_the_patients_and_carry_title_and_caption():
    figure = figures.flows(TABLE2, "Who stays well", "Synthetic. n = 88; 18 of 106 are missing.")
    assert figure.get_suptitle() == "Who stays well"
    assert figure.get_supxlabel().replace("\n", " ") == "Synthetic. n = 88; 18 of 106 are missing."
    bars = [bar.get_height() for bar in figure.axes[0].patches if isinstance(bar, Rectangle)]
    assert sorted(bars) == [2, 17, 17, 69, 71]  # margins of Table 2, those of nobody not drawn
    ribbons = [ribbon.get_path().vertices[:, 1] for ribbon in figure.axes[0].patches if isinstance(ribbon, PathPatch)]
    assert sorted(round(y[0] - y[-2]) for y in ribbons) == [1, 1, 8, 8, 9, 61]
    assert "no patients" in texts(figures.flows(TABLE2.assign(n=0), "t", "c"))


def test_patients_with_the_same_scores_are_one_larger_mark(changes):
    marks = [mark for mark in reliable_change(changes).axes[0].collections if isinstance(mark, PathCollection)]
    sizes = sorted(size for mark in marks for size in mark.get_sizes())
    assert len(sizes) == 3  # four patients, two of them alike
    assert sizes[0] == sizes[1] and sizes[2] == 2 * sizes[0]


def test_no_mark_crosses_a_limit(changes):
    # patients at the cut-off and at the reliable change stay on their side, though outcomes are drawn apart
    axes = reliable_change(changes.assign(baseline=10.0, later=4.0)).axes[0]
    cut_off = next(line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1)
    for mark in (mark for mark in axes.collections if isinstance(mark, PathCollection)):
        for x, y in mark.get_offsets():
            assert x > cut_off and y < cut_off
            assert x - y > 5.5


def test_the_drawing_does_not_grow_with_the_cohort(changes):
    many = pd.concat([changes] * 1000, ignore_index=True)
    figure = reliable_change(many)
    assert any(isinstance(drawn, PolyCollection) for drawn in figure.axes[0].collections)
    assert not any(isinstance(drawn, PathCollection) for drawn in figure.axes[0].collections)
    assert "The darker a square" in figure.get_supxlabel()


@pytest.mark.parametrize("title", [r"$\frac$", "$a", r"\alpha & $\mathrm{x}$", "x" * 200, "\u202ea", "\U0001f600"])
@pytest.mark.filterwarnings("ignore:Glyph")
def test_a_title_with_mathematics_is_drawn_as_it_stands(title):
    figure = figures.flow_diagram([("discharged", 1)], [[]], title, title)
    assert figure.get_suptitle() == title
    figure.savefig(BytesIO(), format="svg")


def test_flow_diagram_shows_every_count():
    main = [("discharged", 3027), ("consented", 323)]
    figure = figures.flow_diagram(main, [[("no consent", 2704)], []], "t", "c")
    assert "n = 3,027" in texts(figure) and "n = 323" in texts(figure) and "no consent: 2,704" in texts(figure)
    assert sum(isinstance(patch, FancyBboxPatch) for patch in figure.axes[0].patches) == 3


def test_response_dots_stand_at_the_rates_and_a_service_with_nobody_has_none():
    rates = pd.DataFrame({"service": ["A", "B"], "discharged": [10, 4], "consented": [5, 0], "first_follow_up": [2, 0],
                          "second_follow_up": [1, 0]})
    for stage, of in (("consented", "discharged"), ("first_follow_up", "consented"), ("second_follow_up", "consented")):
        rates = rates.join(with_proportions(rates, stage, of)[["share", "low", "high"]].add_prefix(f"{stage}_"))
    panels = figures.response_rates(rates, "t", "c").axes
    assert list(panels[0].lines[0].get_xdata()) == [50, 0]
    assert panels[1].lines[0].get_xdata()[0] == 40
    assert np.isnan(panels[1].lines[0].get_xdata()[1])
    assert "2/5" in " ".join(text.get_text() for text in panels[1].texts)


def test_modes_name_how_many_answered():
    table = pd.DataFrame({"time": ["6m"] * 2 + ["12m"] * 2, "mode": ["post", "online"] * 2, "n": [3, 1, 0, 0],
                          "of": [4, 4, 0, 0]})
    axes = figures.modes(with_proportions(table, "n", "of"), "t", "c").axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["6 months (n = 4)", "12 months (n = 0)"]
    assert sorted(axes.lines[0].get_xdata()) == [25, 75]


def test_group_means_stand_where_the_table_says():
    units = dict.fromkeys(["age", "phq9_baseline", "phq9_change", "gad7_baseline", "gad7_change", "sessions"], "points")
    table = pd.DataFrame([(variable, group, 5, mean, 2.0, "a", 0.5) for variable in units
                          for group, mean in (("no_consent", 10.0), ("consent_and_participation", 12.0))],
                         columns=["variable", "group", "n", "mean", "sd", "letters", "p"])
    figure = figures.group_means(table, units, "t", "c")
    assert [list(panel.lines[0].get_xdata()) for panel in figure.axes] == [[10, 12]] * 6
    assert [panel.get_title() for panel in figure.axes][1] == "PHQ-9 baseline"


def test_outcomes_differ_in_grey_too():
    channels = [[int(figures.COLOURS[code][i:i + 2], 16) for i in (1, 3, 5)] for code in CODES]
    a, b, c = np.dot(channels, [0.299, 0.587, 0.114])
    assert min(abs(a - b), abs(a - c), abs(b - c)) > 40


def test_a_figure_that_is_not_written_is_shown_as_one_that_is_and_is_not_blank(changes, monkeypatch):
    displayed = []
    monkeypatch.setattr(figures, "display", displayed.append)
    reliable_change(changes)._ipython_display_()
    [shown] = displayed
    picture = Image.open(BytesIO(shown.data))
    assert (picture.mode, shown.alt) == ("P", "title")
    assert len(np.unique(np.asarray(picture.convert("L")))) > 20


@pytest.mark.parametrize(("service", "step", "words"), [
    ("all", "all", "all services"), ("B", "all", "service B"), ("B", "step3", "service B, step 3")])
def test_scope(service, step, words):
    assert figures.scope(service, step) == words


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_committed_of_a_notebook_is_small(path):
    """A picture is in few colours and takes 115 kB of text at most: the largest, the funnels in 11, takes 114.

    All else, prose, code and tables, takes 180 kB at most: the longest, every published figure in 06, takes 166.
    """
    outputs = [output for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
               for output in cell.get("outputs", [])]
    pictures = ["".join(output["data"]["image/png"]) for output in outputs if "image/png" in output.get("data", {})]
    assert {Image.open(BytesIO(b64decode(picture))).mode for picture in pictures} <= {"P"}, "see results.png"
    sizes = [len(picture) for picture in pictures]
    assert max(sizes, default=0) < 115_000
    assert path.stat().st_size - sum(sizes) < 180_000


def test_the_title_and_the_caption_of_a_picture_of_two_hundred_services_stand_outside_of_its_panels():
    rates = pd.DataFrame({"service": [f"S{number:03d}" for number in range(200)], "discharged": 9}).assign(**{
        f"{stage}{end}": number for stage in ("consented", "first_follow_up", "second_follow_up")
        for end, number in (("", 3), ("_share", 1 / 3), ("_low", 0.1), ("_high", 0.6))})
    figure = figures.response_rates(rates, "Response rates", "n = 1,800; none missing.")
    figure.draw_without_rendering()
    panels = [axes.get_tightbbox() for axes in figure.axes]
    assert not any(figure._suptitle.get_window_extent().overlaps(panel) for panel in panels)
    assert not any(figure._supxlabel.get_window_extent().overlaps(panel) for panel in panels)
