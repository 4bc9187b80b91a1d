"""The pictures of `08_attrition`: one function each, from finished numbers, in the style of `figures.py`."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from durability_utils.analyses.attrition import OUTCOMES
from durability_utils.figures import DARK, LIGHT, MIDDLE, add_caption, label, new_figure

GREY = "#888888"
METHOD_WORDS = {
    "complete_cases": "those who answered,\n6-month answers only",
    "complete_cases_carried_back": "those who answered,\nwith carry back",
    "weighting": "weighted",
    "imputation": "imputed",
    "worst_case": "worst case",
    "best_case": "best case",
}


def _panels(width: float, height: float, **shared) -> tuple[Figure, dict[str, plt.Axes]]:
    # one panel an outcome
    figure, axes = new_figure(width, height, columns=len(OUTCOMES), **shared)
    panels = dict(zip(OUTCOMES, axes, strict=True))
    for outcome, panel in panels.items():
        panel.set_title(label(OUTCOMES[outcome]), fontsize=10)
    return figure, panels


def _says(panel: plt.Axes, words: str) -> None:
    panel.text(0.5, 0.5, words, transform=panel.transAxes, ha="center", va="center", color="#666666", fontsize=9,
               wrap=True)
    panel.tick_params(bottom=False, labelbottom=False, left=False, labelleft=False)


def estimates(table: pd.DataFrame, title: str, caption: str) -> Figure:
    """A forest plot of the table of estimates: share kept with its interval, a row a method, a panel an outcome."""
    figure, panels = _panels(9.5, 4.6, sharey=True)
    y = np.arange(len(METHOD_WORDS))[::-1]
    for outcome, panel in panels.items():
        rows = table[table["outcome"] == outcome].set_index("method").reindex(METHOD_WORDS)
        bound = rows.index.isin(["worst_case", "best_case"])
        for part, colour, marker in ((~bound, DARK, "o"), (bound, MIDDLE, "s")):
            panel.hlines(y[part], 100 * rows["low"][part], 100 * rows["high"][part], color=colour, linewidth=1.6)
            panel.plot(100 * rows["estimate"][part], y[part], marker, color=colour)
        for at, (estimate, note) in zip(y, zip(rows["estimate"], rows["note"], strict=True), strict=True):
            if np.isnan(estimate):
                panel.text(50, at, note.partition(":")[0] or "nobody answered", ha="center", va="center", color=GREY,
                           fontsize=9)
        panel.axvline(50, color=LIGHT, zorder=0)
        panel.set(xlabel="per cent who kept it", xlim=(-2, 102), ylim=(-0.6, len(y) - 0.4), yticks=y,
                  yticklabels=METHOD_WORDS.values())
        panel.grid(axis="x", color="#e3e6e8")
    return add_caption(figure, title, caption)


def tipping(table: pd.DataFrame, title: str, caption: str) -> Figure:
    """Share kept of all by the share of those who did not answer that did not keep it, with both thresholds.

    `table`: `outcome` and the columns of `attrition.tipping_points`.
    """
    figure, panels = _panels(9.5, 4.2, sharey=True)
    for outcome, panel in panels.items():
        rows = table[table["outcome"] == outcome].set_index("threshold")
        answered, unanswered, own = rows[["answered", "unanswered", "answered_not_kept_share"]].iloc[0]
        panel.set(xlabel="per cent of those who did not answer\nthat did not keep it", xlim=(0, 100), ylim=(0, 100))
        if not answered or not unanswered:
            _says(panel, "nobody answered" if not answered else "everybody answered")
            continue
        ends = 100 * (answered * (1 - own) + unanswered * np.array([1, 0])) / (answered + unanswered)
        panel.plot([0, 100], ends, color=DARK, linewidth=2)
        above, below = ({"xytext": (5, 5)}, {"xytext": (-5, -12), "ha": "right"})
        for (name, row), style, where in zip(rows.iterrows(), ("--", ":"), (above, below), strict=True):
            panel.axhline(100 * row["threshold_share"], color=GREY, linestyle=style, linewidth=1,
                          label="lower limit of those who answered" if name == "complete_cases_low" else "one half")
            if not np.isnan(row["not_kept"]):
                at = 100 * row["not_kept_share"]
                panel.plot(at, 100 * row["threshold_share"], "s", color=MIDDLE)
                panel.annotate(f"{row['not_kept']:.0f} of {unanswered:.0f}", (at, 100 * row["threshold_share"]),
                               textcoords="offset points", fontsize=8.5, **where)
        panel.plot(100 * own, np.interp(100 * own, [0, 100], ends), "o", color=DARK, label="as those who answered")
    panels["improvement"].set_ylabel("per cent of all who kept it")
    if panels["improvement"].get_legend_handles_labels()[0]:
        panels["improvement"].legend(loc="lower left", frameon=False, fontsize=8.5)
    return add_caption(figure, title, caption)


def overlap(probabilities: dict[str, pd.DataFrame | str], title: str, caption: str) -> Figure:
    """Estimated probability of answering of those who did (above) and did not (below), as shares of each group.

    `probabilities`: for each outcome a frame with `probability` and `answered` (bool), or why there is no model.
    """
    figure, panels = _panels(9.5, 3.8)
    for outcome, panel in panels.items():
        found = probabilities[outcome]
        panel.set_xlabel("probability of answering")
        if isinstance(found, str):
            _says(panel, found)
            continue
        edges = np.linspace(0, found["probability"].max() * 1.001, 21)
        for answered, sign, colour, words in ((True, 1, DARK, "answered"), (False, -1, LIGHT, "did not answer")):
            own = found.loc[found["answered"] == answered, "probability"]
            share = 100 * np.histogram(own, edges)[0] / len(own)
            panel.bar(edges[:-1], sign * share, np.diff(edges), align="edge", color=colour, edgecolor="black",
                      linewidth=0.4, label=f"{words} (n = {len(own)})")
        panel.axhline(0, color="black", linewidth=0.8)
        panel.yaxis.set_major_formatter(lambda value, _: f"{abs(value):.0f}")
        panel.set_ylabel("per cent of the group")
        panel.legend(frameon=False, fontsize=8.5)
    return add_caption(figure, title, caption)


def love(table: pd.DataFrame, notes: dict[str, str], title: str, caption: str) -> Figure:
    """A Love plot: standardised mean differences of those who answered from all, before and after weighting.

    `table`: `outcome` and the columns of `attrition.balance`; `notes`: for an outcome without rows, why.
    """
    variables = list(dict.fromkeys(table["variable"]))[::-1]
    figure, panels = _panels(9.5, 1.9 + 0.3 * max(len(variables), 3), sharey=True)
    for outcome, panel in panels.items():
        rows = table[table["outcome"] == outcome].set_index("variable").reindex(variables)
        panel.set(xlabel="standardised mean difference")
        if rows["before"].isna().all():
            _says(panel, notes[outcome])
        else:
            y = np.arange(len(variables))
            panel.hlines(y, rows["before"], rows["after"], color=LIGHT, linewidth=1.6)
            panel.plot(rows["before"], y, "o", color=MIDDLE, markerfacecolor="white", label="before weighting")
            panel.plot(rows["after"], y, "o", color=DARK, label="after weighting")
            panel.axvline(0, color="black", linewidth=0.8)
            for limit in (-0.1, 0.1):
                panel.axvline(limit, color=GREY, linestyle=":", linewidth=1)
            panel.legend(loc="lower left", bbox_to_anchor=(0, 1.08), ncols=2, frameon=False, fontsize=8.5)
            panel.set(yticks=y, yticklabels=[label(name) for name in variables])
            panel.grid(axis="y", color="#e3e6e8")
    return add_caption(figure, title, caption)


def delta(table: pd.DataFrame, notes: dict[str, str], title: str, caption: str) -> Figure:
    """The imputed share kept, with its interval, by how many points worse those who did not answer are taken to be.

    `table`: `outcome, delta, estimate, low, high`; `notes`: for an outcome without rows, why.
    """
    figure, panels = _panels(9.5, 4, sharey=True)
    for outcome, panel in panels.items():
        rows = table[table["outcome"] == outcome]
        panel.set(xlabel="points worse than imputed (PHQ-9)", ylim=(0, 100))
        if rows.empty:
            _says(panel, notes[outcome])
            continue
        panel.fill_between(rows["delta"], 100 * rows["low"], 100 * rows["high"], color=LIGHT, alpha=0.6,
                           label="95 % interval", linewidth=0)
        panel.plot(rows["delta"], 100 * rows["estimate"], "o-", color=DARK, label="imputed")
        panel.axhline(50, color=GREY, linestyle=":", linewidth=1, label="one half")
        panel.legend(loc="lower left", frameon=False, fontsize=8.5)
    panels["improvement"].set_ylabel("per cent of all who kept it")
    return add_caption(figure, title, caption)


def coverage(table: pd.DataFrame, title: str, caption: str) -> Figure:
    """What `synthetic_attrition.coverage` found: the shares of intervals that hold the truth, a panel a mechanism."""
    words = {"observed": "answering depends on\nwhat was recorded",
             "unseen": "answering depends on\nthe unseen outcome"}
    names = {"complete_cases": "those who answered", "weighting": "weighted", "imputation": "imputed",
             "bounds": "worst to best case"}
    figure, axes = new_figure(9.5, 3.6, columns=2, sharey=True)
    for panel, (mechanism, title_) in zip(axes, words.items(), strict=True):
        rows = table[table["mechanism"] == mechanism].set_index("method").reindex(names)
        y = np.arange(len(names))[::-1]
        panel.axvspan(92, 98, color=LIGHT, alpha=0.5, linewidth=0)
        panel.axvline(95, color=GREY, linewidth=0.8)
        panel.hlines(y, 100 * rows["coverage_low"], 100 * rows["coverage_high"], color=DARK, linewidth=1.6)
        panel.plot(100 * rows["coverage"], y, "o", color=DARK)
        panel.set(xlabel="per cent of intervals that hold the truth", xlim=(-2, 102), yticks=y,
                  yticklabels=names.values(), ylim=(-0.6, len(y) - 0.4))
        panel.set_title(title_, fontsize=10)
    return add_caption(figure, title, caption)
