"""The pictures of time to relapse: each function draws one figure from the finished numbers of `relapse`."""

import pandas as pd
from matplotlib.figure import Figure

from durability_utils.figures import DARK, LIGHT, MIDDLE, add_caption, label, new_figure

STYLES = ((DARK, "-"), (MIDDLE, "--"))
STATE_STYLES = {"no_relapse": (DARK, ""), "well_again": ("#6f9bbd", ""), "relapsed": (MIDDLE, ""),
                "no_score": (LIGHT, "////")}


def relapsed_by_month(panels: list[dict[str, pd.DataFrame]], title: str, caption: str, least: int = 0) -> Figure:
    """Per cent relapsed by each month, with pointwise 95 % intervals, and the numbers at risk below, to the last month.

    A curve ends where fewer than `least` are at risk: its last steps would be those of a few patients.

    `panels`: for each panel its curves, name -> table of `relapse.turnbull`; two a panel at most. Darker than the
    interval: where no score tells the month, from `share` to `at_most`.
    """
    figure, axes = new_figure(max(7.5, 4.6 * len(panels)), 4.9, columns=max(len(panels), 1), squeeze=False, sharey=True)
    ends = [int(table.loc[table["at_risk"] >= least, "month"].max()) for curves in panels for table in curves.values()]
    last = max(ends, default=12)
    months = [*range(0, last - last // 15, 3), last]
    for panel, curves in zip(axes[0], panels, strict=False):
        for row, ((name, table), (colour, line)) in enumerate(zip(curves.items(), STYLES, strict=False)):
            at_risk = table.set_index("month")["at_risk"].reindex(months, fill_value=0)
            table = table[table["at_risk"] >= least]
            # half a month more, so that the last month is to be seen
            months_drawn = [*table["month"], table["month"].max() + 0.5]
            share, at_most, low, high = (100 * table[column].iloc[[*range(len(table)), -1]]
                                         for column in ("share", "at_most", "low", "high"))
            panel.step(months_drawn, share, where="post", color=colour, linestyle=line, label=name)
            panel.fill_between(months_drawn, low, high, step="post", color=colour, alpha=0.18, linewidth=0)
            if (share < at_most).any():
                panel.fill_between(months_drawn, share, at_most, step="post", color=colour, alpha=0.3, linewidth=0)
            for month, n in at_risk.items():
                panel.annotate(str(n), (month, 0), xycoords=("data", "axes fraction"), xytext=(0, -52 - 13 * row),
                               textcoords="offset points", ha="center", fontsize=8.5, color=colour)
        panel.annotate("at risk", (0, 0), xycoords="axes fraction", xytext=(0, -40), textcoords="offset points",
                       fontsize=8.5, color="#444444")
        panel.set(xlabel="months since discharge", xlim=(-0.4, last + 0.6), ylim=(0, 100), xticks=months)
        panel.grid(axis="y", color="#e3e6e8")
        if len(curves) > 1:
            panel.legend(frameon=False, loc="upper left")
    axes[0, 0].set_ylabel("per cent relapsed")
    if not panels:
        axes[0, 0].axis("off")
        axes[0, 0].text(0.5, 0.5, "nobody to show", transform=axes[0, 0].transAxes, ha="center", color="#666666")
    return add_caption(figure, title, caption)


def states_by_month(table: pd.DataFrame, title: str, caption: str) -> Figure:
    """Per cent of those followed in each state, a bar a month: the table of `relapse.states_by_month`."""
    figure, axes = new_figure(8, 4.4)
    shares = 100 * table.set_index("month").pipe(lambda counts: counts.div(counts.sum(axis=1), axis=0))
    edges, below = [*(shares.index - 0.5), shares.index.max() + 0.5], 0 * shares["no_relapse"]
    for state, (colour, hatch) in STATE_STYLES.items():
        axes.stairs(below + shares[state], edges, baseline=below, fill=True, facecolor=colour, hatch=hatch,
                    edgecolor="white", linewidth=0.6, label=label(state))
        below = below + shares[state]
    axes.set(xlabel="months since discharge", ylabel="per cent of those followed", ylim=(0, 100), xticks=shares.index,
             xlim=(edges[0], edges[-1]))
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1), reverse=True)
    return add_caption(figure, title, caption)
