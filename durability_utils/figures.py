"""The pictures that several rooms share, and the style of all.

Each function draws one figure from finished numbers and returns it.

Colours are distinct in grey too (dark, light, middle); each outcome keeps its colour in every figure. Every
figure carries its own caption with n and missing, so that a copied PNG cannot lose it.
"""

import textwrap
from itertools import pairwise

import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import Image, display
from matplotlib import colormaps
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import TightLayoutEngine
from matplotlib.patches import FancyBboxPatch, PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.ticker import LogLocator, NullLocator

from durability_utils.results import png
from durability_utils.study.labels import label
from durability_utils.study.study_file import FEW

COLOURS = {
    "reliable_improvement": "#11456b", "no_reliable_improvement": "#c9ced3", "reliable_deterioration": "#d9822b",
    "reliable_recovery": "#11456b", "no_reliable_recovery": "#c9ced3",
}
DARK, MIDDLE, LIGHT = "#11456b", "#d9822b", "#c9ced3"
_TIME_LABELS = {"end": "end of treatment", "at_6m": "6 months", "at_12m": "12 months", "follow_up": "6 months"}


def scope(service: str, step: str = "all") -> str:
    """Whom a figure shows, for its title: `all services, step 2`."""
    steps = {"all": "", "step2": ", step 2", "step3": ", step 3"}[step]
    return ("all services" if service == "all" else f"service {service}") + steps


class _Picture(Figure):
    """A figure that a notebook shows as small as one that is written, and with its title for those who do not see it.

    IPython asks for this method first, else matplotlib would draw it in all its colours.
    """

    def _ipython_display_(self) -> None:
        display(Image(png(self, dpi=100), alt=self.get_suptitle()))


def new_figure(width: float, height: float, rows: int = 1, columns: int = 1, **shared):
    """A figure of this size in inches with one or more axes, in the style of all of them."""
    sns.set_theme(style="ticks", font="DejaVu Sans", font_scale=0.95, rc={
        "axes.spines.right": False, "axes.spines.top": False, "axes.titley": 1,  # where it is: else it is searched
        "text.parse_math": False,  # a title between dollars is one, and no mathematics
        "text.hinting": "none"})  # it takes a quarter of the drawing, and so many pixels need none
    layout = TightLayoutEngine(pad=0.6, rect=None)  # all is measured once; in a rectangle it would be twice
    figure = _Picture(figsize=(width, height), layout=layout)
    return figure, figure.subplots(rows, columns, **shared)


def add_caption(figure: Figure, title: str, caption: str) -> Figure:
    """Put a title above and the wrapped caption below; returns the figure."""
    width = int(figure.get_figwidth() * 14.5)
    edge = min(0.01, 0.1 / figure.get_figheight())  # of hundreds of services a hundredth of the height is an inch
    figure.suptitle(title, x=0.01, y=1 - edge, ha="left", fontsize=12, fontweight="bold")
    figure.supxlabel("\n".join(textwrap.wrap(caption, width)), x=0.01, y=edge, ha="left", fontsize=8.5, color="#444444")
    return figure


# -- who answered ----------------------------------------------------------------------------------

def flow_diagram(main: list[tuple[str, int]], aside: list[list[tuple[str, int]]], title: str, caption: str) -> Figure:
    """A STROBE-style flow diagram: the boxes of `main` (words, n) from above to below; between box i and the
    next, the boxes of those who leave there are listed in `aside[i]`."""
    figure, axes = new_figure(8.5, 1.05 * len(main) + 0.7)
    axes.set(xlim=(0, 10), ylim=(-len(main) + 0.4, 0.6))
    axes.axis("off")
    for level, (words, n) in enumerate(main):
        _box(axes, 0.2, -level, 4.6, 0.5, f"{words}\nn = {_count(n)}", DARK, "white")
        if level + 1 < len(main):
            axes.annotate("", (2.5, -level - 0.74), (2.5, -level - 0.26),
                          arrowprops={"arrowstyle": "-|>", "color": DARK})
            if aside[level]:
                words = "\n".join(f"{reason}: {_count(count)}" for reason, count in aside[level])
                axes.annotate("", (5.35, -level - 0.5), (2.5, -level - 0.5),
                              arrowprops={"arrowstyle": "-|>", "color": "#888888"})
                _box(axes, 5.4, -level - 0.5, 4.4, 0.16 + 0.17 * len(aside[level]), words, "#f1f3f4", "black")
    return add_caption(figure, title, caption)


def _count(n: int | str) -> str:
    return f"{int(n):,}" if str(n).isdecimal() else str(n)  # of a bundle it may be a sign


def _box(axes, x, y, width, height, words, colour, text_colour) -> None:
    axes.add_patch(FancyBboxPatch((x, y - height / 2), width, height, boxstyle="round,pad=0.02,rounding_size=0.06",
                                  facecolor=colour, edgecolor="#666666", linewidth=0.8))
    axes.text(x + width / 2, y, words, ha="center", va="center", color=text_colour, fontsize=9.5)


def response_rates(rates: pd.DataFrame, title: str, caption: str) -> Figure:
    """Consent, first and second follow-up by service (the table of `response.response_rates`), with intervals."""
    panels = {"consented": ("consent", "discharged"), "first_follow_up": ("first follow-up", "consented"),
              "second_follow_up": ("second follow-up", "consented")}
    figure, axes = new_figure(9.5, 1.8 + 0.42 * len(rates), columns=3, sharey=True)
    rows = np.arange(len(rates))[::-1]
    for panel, (stage, (words, of)) in zip(axes, panels.items(), strict=True):
        share = 100 * rates[f"{stage}_share"]
        low, high = 100 * rates[f"{stage}_low"], 100 * rates[f"{stage}_high"]
        panel.hlines(rows, low, high, color=DARK, linewidth=1.6)
        panel.plot(share, rows, "o", color=DARK, markersize=6)
        counts = [f"{_count(n)}/{_count(total)}" for n, total in zip(rates[stage], rates[of], strict=True)]
        for row, count in zip(rows, counts, strict=True):
            panel.annotate(count, (1.0, row), xycoords=("axes fraction", "data"), ha="right",
                           xytext=(0, 5), textcoords="offset points", fontsize=8, color="#444444")
        panel.set(title=f"{words}\nof those {of}", xlabel="per cent", xlim=(-2, 102), ylim=(-0.6, len(rates) - 0.3),
                  yticks=rows, yticklabels=rates["service"])
        panel.grid(axis="x", color="#e3e6e8")
    axes[0].set_ylabel("service")
    return add_caption(figure, title, caption)


def modes(table: pd.DataFrame, title: str, caption: str) -> Figure:
    """How the completed follow-ups were answered (the table of `response.answers_by_mode`): share and interval."""
    figure, axes = new_figure(8, 3.6)
    styles = {"6m": (DARK, "o", 0.12, "6 months"), "12m": (MIDDLE, "s", -0.12, "12 months")}
    order = list(dict.fromkeys(table["mode"]))[::-1]
    for time, (colour, marker, shift, words) in styles.items():
        rows = table[table["time"] == time].set_index("mode").reindex(order)
        y = np.arange(len(order)) + shift
        axes.hlines(y, 100 * rows["low"], 100 * rows["high"], color=colour, linewidth=1.6)
        axes.plot(100 * rows["share"], y, marker, color=colour, label=f"{words} (n = {rows['of'].iloc[0]})")
    axes.set(yticks=range(len(order)), yticklabels=order, xlabel="per cent of completed follow-ups", xlim=(-2, 102))
    axes.grid(axis="x", color="#e3e6e8")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
    return add_caption(figure, title, caption)


# -- are gains kept --------------------------------------------------------------------------------

def flows(table: pd.DataFrame, title: str, caption: str) -> Figure:
    """The flows of patients between their outcomes from one time to the next.

    `table`: one column a time (`end`, then `follow_up`, or `at_6m` and `at_12m`) and `n`, as in `transitions`.
    Ribbons are coloured by the outcome at end of treatment; heights are in proportion to n.
    """
    times = [column for column in table.columns if column != "n"]
    codes = [code for code in COLOURS if code in set(table[times[0]])]
    total = int(table["n"].sum())
    figure, axes = new_figure(3.1 * len(times) + 2, 4.8)
    axes.axis("off")
    if total == 0:
        axes.text(0.5, 0.5, "no patients", transform=axes.transAxes, ha="center", color="#666666")
        return add_caption(figure, title, caption)
    gap, width = 0.035 * total, 0.09
    stacks = [table.groupby(time)["n"].sum().reindex(codes, fill_value=0) for time in times]
    # the upper edge of each code's bar, the first code on top, with gaps between bars that exist
    tops = [-(sizes + gap * (sizes > 0)).cumsum().shift(fill_value=0) for sizes in stacks]
    for position, (time, sizes, top) in enumerate(zip(times, stacks, tops, strict=True)):
        for code in codes:
            if sizes[code]:
                axes.add_patch(Rectangle((position - width / 2, top[code] - sizes[code]), width, sizes[code],
                                             facecolor=COLOURS[code], edgecolor="black", linewidth=0.6))
                right = position == len(times) - 1
                axes.text(position + (0.08 if right else -0.08), top[code] - sizes[code] / 2,
                          f"{label(code)}\n{sizes[code]}" if position in (0, len(times) - 1) else str(sizes[code]),
                          ha="left" if right else "right", va="center", fontsize=9)
        axes.text(position, 0.06 * total, f"{_TIME_LABELS[time]}\nn = {total}", ha="center", va="bottom",
                  fontsize=10, fontweight="bold")
    for position, (here, there) in enumerate(pairwise(times)):
        _ribbons(axes, table, here, there, codes, (tops[position], tops[position + 1]), position, width, times[0])
    axes.set(xlim=(-0.85, len(times) - 1 + 0.85), ylim=(-total - gap * len(codes) - 0.5, 0.2 * total))
    return add_caption(figure, title, caption)


def _ribbons(axes, table, here, there, codes, tops, position, width, origin) -> None:
    """Ribbons between two times; one that splits by outcome at the first time keeps that colour."""
    leaving, arriving = dict(tops[0]), dict(tops[1])
    keys = list(dict.fromkeys([origin, here, there]))
    moves = table.groupby(keys)["n"].sum()
    order = sorted(moves[moves > 0].index, key=lambda key: [codes.index(code) for code in (key[-2], key[-1], key[0])])
    ends = {}
    for key in sorted(order, key=lambda key: [codes.index(code) for code in (key[-1], key[-2], key[0])]):
        ends[key] = arriving[key[-1]]
        arriving[key[-1]] -= moves[key]
    for key in order:
        n, left, right = moves[key], leaving[key[-2]], ends[key]
        leaving[key[-2]] -= n
        x0, x1, middle = position + width / 2, position + 1 - width / 2, position + 0.5
        outline = [(x0, left), (middle, left), (middle, right), (x1, right),
                   (x1, right - n), (middle, right - n), (middle, left - n), (x0, left - n), (x0, left)]
        steps = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
        axes.add_patch(PathPatch(Path(outline, steps), facecolor=COLOURS[key[0]], alpha=0.55, linewidth=0))


def reliable_change(changes: pd.DataFrame, criterion: float, cut_off: float, top: float, measure: str,
                    title: str, caption: str) -> Figure:
    """Jacobson's picture: score at baseline against score at follow-up, with the band of no reliable change.

    `changes`: `baseline`, `later` (points) and `outcome` (a code of COLOURS), one row a patient. Drawn as counts
    of patients with the same two scores where there are more than 2000, so that the picture does not grow with the
    cohort; the caption says so.
    """
    figure, axes = new_figure(8.5, 5.4)
    line = np.array([0, top])
    # scores are whole points: limits are drawn between the last score on one side and the first on the other
    axes.fill_between(line, line - criterion + 0.5, line + criterion - 0.5, color="#eceff1", zorder=0,
                      label=f"change of less than {criterion:g} points")
    axes.plot(line, line, color="#90989e", linewidth=0.8)
    axes.axhline(cut_off - 0.5, color="black", linewidth=0.8, linestyle="--", label=f"cut-off ({cut_off:g} or more)")
    axes.axvline(cut_off - 0.5, color="black", linewidth=0.8, linestyle="--")
    markers = dict(zip(COLOURS, "osXos", strict=True))
    marks = ("A larger mark stands for more patients with the same two scores; outcomes are drawn a little apart, so "
             "that none hides another.")
    if len(changes) > 2000:
        marks = ("The darker a square, the more patients with these two scores (logarithmic scale); outcomes are not "
                 "shown, since the patients are too many.")
        edges = np.arange(top + 2) - 0.5
        shades = ListedColormap(colormaps["Blues"](np.linspace(0.3, 1, 256)))  # one patient is not white on white
        *_, squares = axes.hist2d(changes["baseline"], changes["later"], bins=edges, norm="log", cmap=shades, cmin=1,
                                  zorder=1)
        scale = figure.colorbar(squares, cax=axes.inset_axes([1.05, 0.02, 0.04, 0.6]), label="patients")
        scale.ax.yaxis.set(major_locator=LogLocator(subs=(1, 2, 5)), major_formatter="{x:.0f}",
                           minor_locator=NullLocator())
        for limit in (line - criterion + 0.5, line + criterion - 0.5):  # the squares cover the band
            axes.plot(line, limit, color="#90989e", linewidth=0.8)
    else:
        for place, code in enumerate(code for code in COLOURS if code in set(changes["outcome"])):
            rows = changes[changes["outcome"] == code]
            repeated = rows.groupby(["baseline", "later"]).size()
            x, y = (repeated.index.get_level_values(level) for level in (0, 1))
            axes.scatter(x + 0.35 * (place - 1), y, s=26 * repeated, color=COLOURS[code], marker=markers[code],
                         edgecolor="black", linewidth=0.5, label=f"{label(code)} (n = {len(rows)})", zorder=2)
    axes.set(xlabel=f"{measure} at baseline (points)", ylabel=f"{measure} at follow-up (points)",
             xlim=(-0.5, top + 0.5), ylim=(-0.5, top + 0.5), aspect="equal")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=8.5)
    return add_caption(figure, title, f"{caption} {marks}")


def shares_by_status(table: pd.DataFrame, title: str, caption: str, few: int = FEW) -> Figure:
    """Where each status at end had gone by follow-up: stacked bars from `transitions.by_status_at_end`.

    Of fewer than `few` patients counts stand in the place of a bar. What one lacks where a share is missing is hatched.
    """
    ends, codes = ([code for code in COLOURS if code in set(table[time])] for time in ("end", "follow_up"))
    figure, axes = new_figure(8.5, 1.6 + 0.55 * len(ends))
    handles = {f"{label(code)} at follow-up": {"facecolor": COLOURS[code], "edgecolor": "black"} for code in codes}
    hatched = {"facecolor": "white", "edgecolor": "#888888", "hatch": "////"}
    for row, end in enumerate(ends[::-1]):
        part, left = table[table["end"] == end].set_index("follow_up"), 0.0
        of = part["of"].iloc[0]  # text in a bundle, of which disclosure control has judged what may be drawn
        if not isinstance(of, str) and of < max(few, 1):
            counts = [f"{n} {label(code)}" for code, n in part["n"].reindex(codes).items() if n not in (0, "0")]
            axes.text(1, row, ", ".join(counts) or "no patients", va="center", fontsize=9, color="#555555")
            continue
        for code in codes:
            share = 100 * part.at[code, "share"]
            if share > 0:
                axes.barh(row, share, left=left, color=COLOURS[code], edgecolor="black", linewidth=0.6, height=0.62)
                dark = COLOURS[code] == DARK
                axes.text(left + share / 2, row, str(part.at[code, "n"]), ha="center", va="center",
                          color="white" if dark else "black", fontsize=9)
                left += share
        if left < 100 - 1e-9:
            axes.barh(row, 100 - left, left=left, linewidth=0.6, height=0.62, **hatched)
            handles["not shown, or lost by rounding"] = hatched
    axes.set(yticks=range(len(ends)), xlim=(0, 100), ylim=(-0.5, len(ends) - 0.5),
             xlabel="per cent of those with this status at end",
             yticklabels=[f"{label(code)}\nat end (n = {table.loc[table['end'] == code, 'of'].iloc[0]})"
                          for code in ends[::-1]])
    axes.legend([Rectangle((0, 0), 1, 1, **style) for style in handles.values()], list(handles), loc="lower left",
                bbox_to_anchor=(-0.28, 1), ncols=min(len(handles), 3), frameon=False, fontsize=8.5)
    figure.set_figheight(figure.get_figheight() + 0.4 * (len(handles) > 3))  # a second line of the legend
    return add_caption(figure, title, caption)


# -- who is represented ----------------------------------------------------------------------------

def group_means(table: pd.DataFrame, units: dict[str, str], title: str, caption: str) -> Figure:
    """Table 1 as dots: mean of each group with its 95 % t interval and letters, a panel a variable."""
    from scipy.stats import t

    variables, groups = list(units), list(dict.fromkeys(table["group"]))
    figure, panels = new_figure(9.5, 5.2, rows=2, columns=3, sharey=True)
    if table["n"].sum() == 0:
        figure.text(0.5, 0.5, "no patients", ha="center", color="#666666")
    for panel, variable in zip(panels.ravel(), variables, strict=True):
        rows = table[table["variable"] == variable].set_index("group").reindex(groups)
        y = np.arange(len(groups))[::-1]
        half = t.ppf(0.975, np.maximum(rows["n"] - 1, 1)) * rows["sd"] / np.sqrt(rows["n"].where(rows["n"] > 1))
        panel.hlines(y, rows["mean"] - half, rows["mean"] + half, color=DARK, linewidth=1.6)
        panel.plot(rows["mean"], y, "o", color=DARK)
        for at, mean, letters, n in zip(y, rows["mean"], rows["letters"], rows["n"], strict=True):
            if n and letters.isalpha():  # else there are none, or a sign that they are hidden
                panel.annotate(letters, (mean, at), xytext=(0, 6), textcoords="offset points", ha="center", fontsize=9)
        panel.set(title=label(variable), xlabel=units[variable], yticks=y, ylim=(-0.5, len(groups) - 0.3),
                  yticklabels=[label(group) for group in groups])
        panel.grid(axis="x", color="#e3e6e8")
    return add_caption(figure, title, caption)


def missing_values(shares: pd.DataFrame, title: str, caption: str) -> Figure:
    """Per cent of patients without a value, `shares`: rows columns of the cohort, columns times, 0 to 100.

    A field stays blank where `shares` is missing.
    """
    figure, axes = new_figure(8.5, 1.5 + 0.3 * len(shares))
    sns.heatmap(shares, annot=True, fmt=".0f", cmap="Greys", vmin=0, vmax=100, linewidths=0.5, linecolor=LIGHT,
                ax=axes, cbar_kws={"label": "per cent missing"})
    axes.set(xlabel="", ylabel="")
    axes.tick_params(rotation=0)
    return add_caption(figure, title, caption)
