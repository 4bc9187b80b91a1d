"""The pictures of time to relapse: each function draws one figure from the finished numbers of `relapse`."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from durability_utils.figures import DARK, MIDDLE, add_caption, label, new_figure

STYLES = ((DARK, "-"), (MIDDLE, "--"))


def relapsed_by_month(panels: list[dict[str, pd.DataFrame]], title: str, caption: str,
                      happened: str = "relapsed") -> Figure:
    """Per cent to whom it has `happened` by each month, with pointwise 95 % intervals, and the numbers at risk below.

    `panels`: for each panel its curves, name -> table of `relapse.kaplan_meier`; two a panel at most.
    """
    figure, axes = new_figure(max(7.5, 4.6 * len(panels)), 4.9, columns=max(len(panels), 1), squeeze=False, sharey=True)
    last = max([int(table["month"].max()) for curves in panels for table in curves.values()], default=12)
    months = np.arange(0, last + 1, 3)
    for panel, curves in zip(axes[0], panels, strict=False):
        for row, ((name, table), (colour, line)) in enumerate(zip(curves.items(), STYLES, strict=False)):
            # half a month more, so that the last month is to be seen
            months_drawn, drawn = [*table["month"], last + 0.5], 100 * table[["share", "low", "high"]]
            share, low, high = (drawn[column].iloc[[*range(len(table)), -1]] for column in drawn)
            panel.step(months_drawn, share, where="post", color=colour, linestyle=line, label=name)
            panel.fill_between(months_drawn, low, high, step="post", color=colour, alpha=0.18, linewidth=0)
            at_risk = table.set_index("month")["at_risk"].reindex(months, fill_value=0)
            for month, n in at_risk.items():
                panel.annotate(str(n), (month, 0), xycoords=("data", "axes fraction"), xytext=(0, -52 - 13 * row),
                               textcoords="offset points", ha="center", fontsize=8.5, color=colour)
        panel.annotate("at risk", (0, 0), xycoords="axes fraction", xytext=(0, -40), textcoords="offset points",
                       fontsize=8.5, color="#444444")
        panel.set(xlabel="months since discharge", xlim=(-0.4, last + 0.6), ylim=(0, 100), xticks=months)
        panel.grid(axis="y", color="#e3e6e8")
        if len(curves) > 1:
            panel.legend(frameon=False, loc="upper left")
    axes[0, 0].set_ylabel(f"per cent {happened}")
    if not panels:
        axes[0, 0].axis("off")
        axes[0, 0].text(0.5, 0.5, "nobody to show", transform=axes[0, 0].transAxes, ha="center", color="#666666")
    return add_caption(figure, title, caption)


def ratio_over_time(monthly: pd.DataFrame, coefficients: dict[str, float], title: str, caption: str) -> Figure:
    """Log hazard ratio of each month with its interval, a panel a variable; a larger mark: more relapses.

    `monthly`: as `relapse.over_time` gives it; `coefficients`: those of the model, drawn as lines.
    """
    figure, axes = new_figure(max(7.5, 4.2 * len(coefficients)), 4.2, columns=len(coefficients), squeeze=False,
                              sharey=True)
    for panel, (variable, coefficient) in zip(axes[0], coefficients.items(), strict=True):
        rows = monthly[monthly["variable"] == variable]
        panel.vlines(rows["month"], rows["low"], rows["high"], color=DARK, linewidth=1.4)
        panel.scatter(rows["month"], rows["log_hazard_ratio"], s=15 + 2 * rows["relapses"], color=DARK, zorder=3)
        panel.axhline(coefficient, color=MIDDLE, linestyle="--", zorder=1)
        panel.axhline(0, color="#90989e", linewidth=0.8, zorder=1)
        panel.set(title=label(variable), xlabel="months since discharge")
    axes[0, 0].set_ylabel("log hazard ratio in that month")
    return add_caption(figure, title, caption)
