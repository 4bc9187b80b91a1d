"""The pictures of notebook 09: definitions of durability side by side, and methods of reliable change."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from durability_utils.analyses.definitions import ON_PAIR
from durability_utils.analyses.reliable_change import METHODS
from durability_utils.figures import COLOURS, DARK, LIGHT, MIDDLE, add_caption, label, new_figure
from durability_utils.outcomes.rules import IMPROVEMENT

_TIMES = {"6m": "6 months", "12m": "12 months"}


def definition_words(code: str) -> str:
    """A definition as words; those that take PHQ-9 and GAD-7 alone say so."""
    return f"{label(code)}\n(PHQ-9 and GAD-7)" if code in ON_PAIR else label(code)


def shares_kept(table: pd.DataFrame, title: str, caption: str) -> Figure:
    """The table of `definitions.shares_kept`: share kept by each definition with its interval, a panel a time."""
    names, times = list(dict.fromkeys(table["definition"])), list(dict.fromkeys(table["time"]))
    figure, panels = new_figure(10.5, 2.1 + 0.55 * len(names), columns=len(times), sharey=True)
    styles = {"own": (DARK, "o", 0.14, "whom the definition counts"), "common": (MIDDLE, "s", -0.14, "whom all count")}
    for panel, time in zip(panels, times, strict=True):
        for population, (colour, marker, shift, words) in styles.items():
            rows = table[(table["time"] == time) & (table["population"] == population)].set_index("definition")
            y = np.arange(len(names))[::-1] + shift
            panel.hlines(y, 100 * rows["low"], 100 * rows["high"], color=colour, linewidth=1.6)
            panel.plot(100 * rows["share"], y, marker, color=colour, label=words)
            for at, n, of in zip(y, rows["n"], rows["of"], strict=True):
                panel.annotate(f"{n}/{of}", (1.02, at), xycoords=("axes fraction", "data"), va="center", fontsize=8,
                               color="#444444", annotation_clip=False)
        panel.set(title=_TIMES[time], xlabel="per cent kept", xlim=(-2, 102), ylim=(-0.6, len(names) - 0.4),
                  yticks=range(len(names)), yticklabels=[definition_words(name) for name in names[::-1]])
        panel.grid(axis="x", color="#e3e6e8")
    panels[0].legend(loc="lower left", bbox_to_anchor=(0, 1.08), ncols=2, frameon=False, fontsize=8.5)
    return add_caption(figure, title, caption)


def patterns(table: pd.DataFrame, title: str, caption: str) -> Figure:
    """The table of `definitions.patterns`: bars of patients, a colour a time, above what is said of them."""
    names = [column for column in table if column not in ("time", "n")]
    found = table.pivot(index=names, columns="time", values="n").fillna(0).astype(int)
    found = found.loc[found.sum(axis=1).sort_values(ascending=False, kind="stable").index]
    times = [time for time in _TIMES if time in found]
    figure, (bars, marks) = new_figure(9.5, 3.2 + 0.3 * len(names), rows=2, sharex=True,
                                       height_ratios=[1.6, 0.32 * len(names)])
    x = np.arange(len(found))
    for time, shift, colour in zip(times, (-0.2, 0.2), ("#70787e", LIGHT), strict=False):  # the others are kept, lost
        drawn = bars.bar(x + shift, found[time], color=colour, width=0.36, label=_TIMES[time])
        bars.bar_label(drawn, fontsize=8.5)
    if table.empty:
        bars.text(0.5, 0.5, "no patients", transform=bars.transAxes, ha="center", color="#666666")
    styles = {"kept": ("o", DARK), "lost": ("X", MIDDLE), "not_counted": ("_", "#90989e")}
    said = found.reset_index()
    for code, (marker, colour) in styles.items():
        places = [(at, len(names) - 1 - row) for row, name in enumerate(names) for at in x[said[name] == code]]
        marks.plot(*np.array(places).reshape(-1, 2).T, marker, color=colour, markersize=9, label=label(code))
    bars.set(ylabel="patients", yticks=[])
    marks.set(xticks=[], yticks=range(len(names)), ylim=(-0.6, len(names) - 0.4), xlim=(-0.6, max(len(x), 2) - 0.4),
              yticklabels=[definition_words(name).replace("\n", " ") for name in names[::-1]])
    marks.grid(axis="y", color=LIGHT)
    both = zip(bars.get_legend_handles_labels(), marks.get_legend_handles_labels(), strict=True)
    bars.legend(*(of_bars + of_marks for of_bars, of_marks in both), loc="upper right", frameon=False, fontsize=9)
    return add_caption(figure, title, caption)


def classes_by_method(table: pd.DataFrame, title: str, caption: str) -> Figure:
    """The table of `reliable_change.class_counts`: stacked bars, a bar a method, numbers are patients."""
    methods = list(dict.fromkeys(table["method"]))
    figure, axes = new_figure(9, 1.9 + 0.36 * len(methods))
    for row, method in enumerate(methods[::-1]):
        part, left = table[table["method"] == method].set_index("class"), 0
        for code in IMPROVEMENT[::-1]:
            if n := part.at[code, "n"]:
                axes.barh(row, n, left=left, color=COLOURS[code], edgecolor="black", linewidth=0.6, height=0.68)
                axes.text(left + n / 2, row, str(n), ha="center", va="center", fontsize=9,
                          color="white" if COLOURS[code] == DARK else "black")
                left += n
        if left == 0:
            axes.text(0.01, row, "cannot tell", va="center", fontsize=9, color="#666666",
                      transform=axes.get_yaxis_transform())
    axes.set(yticks=range(len(methods)), yticklabels=[method_words(method) for method in methods[::-1]],
             xlabel="patients", xlim=(0, max(table["of"].max(), 1)), ylim=(-0.6, len(methods) - 0.4))
    handles = [axes.barh(0, 0, color=COLOURS[code], edgecolor="black", linewidth=0.6) for code in IMPROVEMENT[::-1]]
    codes = [IMPROVEMENT[2], "no_reliable_change", IMPROVEMENT[0]]
    axes.legend(handles, list(map(label, codes)), loc="lower left", bbox_to_anchor=(-0.2, 1),
                ncols=3, frameon=False, fontsize=8.5)
    return add_caption(figure, title, caption)


def worse_in_words(table: pd.DataFrame) -> str:
    """What deterioration means by methods that compare with the group, for a caption; `table` as above."""
    changed = table[(table["method"] == "hierarchical") & (table["class"] != IMPROVEMENT[1])]
    nobody = changed["of"].gt(0).all() and not changed["n"].sum()
    return ("By Hsu-Linn-Nord and the hierarchical method orange means less change than the group, by "
            "Gulliksen-Lord-Novick, Edwards-Nunnally and Nunnally-Kotsch a higher score than baseline lets expect; "
            "neither need be worse than at baseline." + (" The hierarchical method finds nobody." if nobody else ""))


def method_words(method: str) -> str:
    """A method of reliable change as words: those named after people with capitals."""
    return method.title().replace("_", "-") if method in METHODS else label(method)
