"""The pictures of time to relapse: each function draws one figure from the finished numbers of `relapse`."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from durability_utils.figures import DARK, MIDDLE, add_caption, new_figure

STYLES = ((DARK, "-"), (MIDDLE, "--"))


def relapsed_by_month(panels: dict[str, dict[str, pd.DataFrame]], title: str, caption: str) -> Figure:
    """Per cent relapsed by each month with pointwise 95 % intervals, and the numbers at risk below.

    `panels`: for each panel's title its curves, label -> table of `relapse.kaplan_meier`; two a panel at most.
    """
    figure, axes = new_figure(max(7.5, 4.6 * len(panels)), 4.9, columns=max(len(panels), 1), squeeze=False, sharey=True)
    last = max([int(table["month"].max()) for curves in panels.values() for table in curves.values()], default=12)
    months = np.arange(0, last + 1, 3)
    for panel, (words, curves) in zip(axes[0], panels.items(), strict=False):
        for row, ((label, table), (colour, line)) in enumerate(zip(curves.items(), STYLES, strict=False)):
            panel.step(table["month"], 100 * table["share"], where="post", color=colour, linestyle=line, label=label)
            panel.fill_between(table["month"], 100 * table["low"], 100 * table["high"], step="post", color=colour,
                               alpha=0.18, linewidth=0)
            at_risk = table.set_index("month")["at_risk"].reindex(months, fill_value=0)
            for month, n in at_risk.items():
                panel.annotate(str(n), (month, 0), xycoords=("data", "axes fraction"), xytext=(0, -52 - 13 * row),
                               textcoords="offset points", ha="center", fontsize=8.5, color=colour)
        panel.annotate("at risk", (0, 0), xycoords="axes fraction", xytext=(0, -40), textcoords="offset points",
                       fontsize=8.5, color="#444444")
        panel.set(title=words, xlabel="months since discharge", xlim=(-0.4, last + 0.4), ylim=(0, 100), xticks=months)
        panel.grid(axis="y", color="#e3e6e8")
        if len(curves) > 1:
            panel.legend(frameon=False, loc="upper left")
    axes[0, 0].set_ylabel("per cent relapsed")
    if not panels:
        axes[0, 0].text(0.5, 0.5, "no patients", transform=axes[0, 0].transAxes, ha="center", color="#666666")
    # room for the numbers at risk between the axis and the caption
    return add_caption(figure, title, f"\n{caption}")


def residuals_over_time(residuals: pd.DataFrame, coefficients: dict[str, float], title: str, caption: str) -> Figure:
    """Scaled Schoenfeld residuals against time, a panel a variable: each month's mean, its area the relapses in it.

    `residuals`: as `relapse.scaled_residuals` gives them; `coefficients`: each variable's own, drawn as a line.
    """
    figure, axes = new_figure(max(7.5, 4.2 * len(coefficients)), 4.2, columns=len(coefficients), squeeze=False)
    for panel, (variable, coefficient) in zip(axes[0], coefficients.items(), strict=True):
        months = residuals.groupby("month")[variable].agg(["mean", "size"])
        panel.scatter(months.index, months["mean"], s=4 * months["size"], color=DARK, edgecolor="black", linewidth=0.5,
                      zorder=2)
        panel.axhline(coefficient, color=MIDDLE, linestyle="--", zorder=1)
        panel.set(title=variable, xlabel="months since discharge")
        panel.grid(axis="y", color="#e3e6e8")
    axes[0, 0].set_ylabel("log hazard ratio at that time")
    return add_caption(figure, title, caption)
