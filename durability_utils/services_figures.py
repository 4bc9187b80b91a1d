"""The pictures of notebook 11: denominators, funnels, partial pooling and ranks."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from durability_utils.figures import DARK, LIGHT, MIDDLE, add_caption, label, new_figure
from durability_utils.services import LIMITS, Dispersion, funnel_limits

_GREY = "#8a9299"


def denominators(table: pd.DataFrame, national: dict[str, float], title: str, caption: str) -> Figure:
    """Rates of each service with both denominators (as `rates.service_rates` gives them), a panel a rate.

    national: per cent for England, by rate; drawn as a line.
    """
    rates = list(dict.fromkeys(table["rate"]))
    services = list(dict.fromkeys(table["service"]))
    figure, axes = new_figure(9.5, 1.9 + 0.42 * len(services), columns=len(rates), sharey=True, squeeze=False)
    rows = np.arange(len(services))[::-1]
    styles = {"paired": (DARK, "o", 0.12, "both scores there"), "nhs": (MIDDLE, "s", -0.12, "NHS denominator")}
    for panel, rate in zip(axes[0], rates, strict=True):
        for denominator, (colour, marker, shift, words) in styles.items():
            part = table[(table["rate"] == rate) & (table["denominator"] == denominator)].set_index("service")
            part = part.loc[services]
            panel.hlines(rows + shift, 100 * part["low"], 100 * part["high"], color=colour, linewidth=1.6)
            panel.plot(100 * part["share"], rows + shift, marker, color=colour, markersize=5, label=words)
        if rate in national:
            panel.axvline(national[rate], color=_GREY, linestyle="--", linewidth=1.2, label="England")
        panel.set(xlabel=f"{label(rate)}, per cent", xlim=(-2, 102), ylim=(-0.6, len(services) - 0.4),
                  yticks=rows, yticklabels=services)
        panel.grid(axis="x", color="#e3e6e8")
    axes[0, 0].set_ylabel("service")
    _legend_above(axes[0], 3)
    return add_caption(figure, title, caption)


def funnels(tables: dict[str, tuple[pd.DataFrame, Dispersion | None]], words: str, title: str,
            caption: str) -> Figure:
    """A funnel plot for each rate: `services.funnel` and its over-dispersion, which widens dotted limits.

    words: what the horizontal line is, as in `average`.
    """
    figure, axes = new_figure(9.5, 4.2, columns=len(tables), squeeze=False, sharey=True)
    for panel, (rate, (table, spread)) in zip(axes[0], tables.items(), strict=True):
        target, most = table["target"].iloc[0], 1.12 * table["of"].max() + 2
        sizes = np.unique(np.linspace(1, most, 200).round())
        panel.axhline(100 * target, color=DARK, linewidth=1.2, label=words)
        for (name, probabilities), colour in zip(LIMITS.items(), (_GREY, LIGHT), strict=True):
            for probability in probabilities:
                limit = funnel_limits(sizes, target, probability)
                panel.plot(sizes, 100 * limit, color=colour, linewidth=1.3,
                           label="95 %" if name == "95" else "99.8 %")
                if name == "95" and spread is not None and spread.used:
                    wider = np.clip(target + np.sqrt(spread.phi) * (limit - target), 0, 1)
                    panel.plot(sizes, 100 * wider, ":", color=MIDDLE, linewidth=1.3, label="95 %, over-dispersed")
        panel.plot(table["of"], 100 * table["share"], "o", color=DARK, markersize=5)
        for row in table.itertuples():
            panel.annotate(row.service, (row.of, 100 * row.share), xytext=(4, 3), textcoords="offset points")
        panel.set(xlabel=f"{label(rate)}, patients", xlim=(0, most), ylim=(-2, 102))
    axes[0, 0].set_ylabel("per cent")
    _legend_above(axes[0], 4)
    return add_caption(figure, title, caption)


def shrinkage(tables: dict[str, pd.DataFrame], title: str, caption: str) -> Figure:
    """Raw and partly pooled shares of each service with 95 % intervals (as `services.pooled_shares` gives them)."""
    figure, axes = _by_service(tables)
    for panel, table in zip(axes, tables.values(), strict=True):
        rows = np.arange(len(table))[::-1]
        panel.hlines(rows, 100 * table["low"], 100 * table["high"], color=DARK, linewidth=1.6)
        panel.hlines(rows, 100 * table["share"], 100 * table["pooled"], color=MIDDLE, linewidth=1)
        panel.plot(100 * table["share"], rows, "o", markerfacecolor="white", color=MIDDLE, label="raw")
        panel.plot(100 * table["pooled"], rows, "o", color=DARK, label="partly pooled, 95 % interval")
        panel.set(xlabel=f"{panel.get_xlabel()}, per cent", xlim=(-2, 102))
    _legend_above(axes, 2)
    return add_caption(figure, title, caption)


def ranks(tables: dict[str, pd.DataFrame], title: str, caption: str) -> Figure:
    """The rank of each service (1: highest share) with its 95 % interval (as `services.pooled_shares` gives them)."""
    figure, axes = _by_service(tables)
    for panel, table in zip(axes, tables.values(), strict=True):
        rows = np.arange(len(table))[::-1]
        panel.hlines(rows, table["rank_low"], table["rank_high"], color=DARK, linewidth=1.6)
        panel.plot(table["rank"], rows, "o", color=DARK)
        panel.set(xlabel=f"{panel.get_xlabel()}, rank", xlim=(0.5, len(table) + 0.5), xticks=range(1, len(table) + 1))
    return add_caption(figure, title, caption)


def _by_service(tables: dict[str, pd.DataFrame]):
    most = max(map(len, tables.values()))
    figure, axes = new_figure(9.5, 1.9 + 0.4 * most, columns=len(tables), squeeze=False)
    for panel, (rate, table) in zip(axes[0], tables.items(), strict=True):
        names = [f"{row.service} ({row.n}/{row.of})" for row in table.itertuples()]
        panel.set(xlabel=label(rate), yticks=np.arange(len(table))[::-1], yticklabels=names)
        panel.grid(axis="x", color="#e3e6e8")
    return figure, axes[0]


def _legend_above(axes, columns: int) -> None:
    """One legend of all panels, above the first one."""
    found = {words: handle for panel in axes for handle, words in zip(*panel.get_legend_handles_labels(), strict=True)}
    legend = axes[0].legend(found.values(), found, loc="lower left", bbox_to_anchor=(0, 1), ncols=columns,
                            frameon=False)
    legend.set_in_layout(False)  # else the first panel would be as wide as the legend
    axes[0].set_title(" ")  # the place for it
