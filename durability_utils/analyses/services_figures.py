"""The pictures that compare services. Each function draws one figure from finished numbers and returns it."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from durability_utils.analyses.funnel import LEVELS, limits, wider_limits
from durability_utils.analyses.rates import NO_GAINS
from durability_utils.figures import DARK, MIDDLE, add_caption, label, new_figure

RATES_SHOWN = ("recovery", "reliable_recovery", "reliable_improvement", "reliable_deterioration")
DENOMINATOR_WORDS = {"nhs": "NHS denominator", "paired": "paired scores", "followed_up": "those followed up"}
MANY = 25  # so many services can be named beside their points


def outcome_rates(rates: pd.DataFrame, england: pd.DataFrame, title: str, caption: str) -> Figure:
    """Rates at end of treatment by service with their intervals, by both denominators; a line: England's, of gains.

    `rates`: of services in the order of the picture, `england`: of one year; both as in `rates.rates_from_counts`.
    """
    services = list(dict.fromkeys(rates["service"]))
    figure, panels = new_figure(9.5, 2.2 + 0.42 * len(services), columns=len(RATES_SHOWN), sharey=True)
    styles = {"nhs": (DARK, "o", 0.13), "paired": (MIDDLE, "s", -0.13)}
    for panel, rate in zip(panels, RATES_SHOWN, strict=True):
        national = england.loc[(england["rate"] == rate) & (england["denominator"] == "nhs"), "share"].iloc[0]
        if rate not in NO_GAINS:  # below England's may be who is not known
            panel.axvline(100 * national, color="black", linewidth=0.9, linestyle="--", label="England")
        for denominator, (colour, marker, shift) in styles.items():
            part = rates[(rates["rate"] == rate) & (rates["denominator"] == denominator)].set_index("service")
            rows = np.arange(len(services))[::-1] + shift
            panel.hlines(rows, 100 * part["low"], 100 * part["high"], color=colour, linewidth=1.6)
            panel.plot(100 * part["share"], rows, marker, color=colour, markersize=5,
                       label=DENOMINATOR_WORDS[denominator])
        _rows(panel, services, label(rate).replace("reliable ", "reliable\n"), "per cent")
        most = rates.loc[rates["rate"] == rate, "high"].max() if rate == "reliable_deterioration" else 1
        panel.set_xlim(-2 * most, 102 * most) if most > 0 else panel.set_xlim(-2, 102)
    panels[0].set_ylabel("service")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="upper right", ncols=3, frameon=False, fontsize=9)
    return add_caption(figure, title, caption)


def funnels(places: pd.DataFrame, spread: pd.DataFrame, title: str, caption: str) -> Figure:
    """A funnel for each rate: services by number of patients and per cent, and the control limits around the target.

    `places`: of `funnel.positions`; `spread`: of `funnel.dispersions`, whose wider limits are drawn where tau is above
    0. Services are named, of more than 25 only those beyond the limits of 95 per cent.
    """
    figure, panels = _panels(places, 3.1)
    spread = spread.set_index(["rate", "denominator"])
    for panel, (rate, part) in zip(panels, places.groupby(["rate", "denominator"], sort=False), strict=False):
        target, most = part["target"].iloc[0], part["of"].max()
        of = np.unique(np.linspace(1, max(1.12 * most, 5), 250).astype(int))
        for level, style in zip(LEVELS.values(), ((0, (4, 2)), "solid"), strict=True):
            for limit in limits(target, of, level):
                panel.plot(of, 100 * limit, color="#70787e", linewidth=0.9, linestyle=style)
        if spread.at[rate, "tau"] > 0:
            for limit in wider_limits(target, of, spread.at[rate, "tau"], LEVELS["95"]):
                panel.plot(of, 100 * limit, color=MIDDLE, linewidth=1.3, linestyle="dotted")
        panel.axhline(100 * target, color="black", linewidth=0.9)
        panel.plot(part["of"], 100 * part["share"], "o", color=DARK, markersize=5)
        _name(panel, part, of.max())
        panel.set(xlabel="patients", ylabel="per cent", ylim=(-4, 104), xlim=(-0.05 * of.max(), of.max()))
        panel.set_title(_words(rate), fontsize=10)
    dotted = ("; dotted: limits of 95 % with the estimated spread between services, where it is above 0"
              if (spread["tau"] > 0).any() else "")
    return add_caption(figure, title, f"{caption} Curves: limits of 95 % (dashed) and 99.8 % (solid) around the target "
                                      f"(level line){dotted}.")


def _name(panel: Axes, part: pd.DataFrame, width: float) -> None:
    """Put the ids beside the points, one label for services close together: at right, unless a point stands there."""
    named = (part if len(part) <= MANY else part[part["position"] != "within"]).sort_values("of")
    close = [(named["of"] / (0.05 * width)).round(), (named["share"] / 0.03).round()]
    for _, here in named.groupby(close):
        of, share = here["of"].max(), here["share"].mean()
        right = part["of"].between(of, of + 0.13 * width) & ((part["share"] - share).abs() < 0.07)
        free = not (right & ~part.index.isin(here.index)).any()
        shift, ha = ((6, 0), "left") if free else ((-6, 0), "right") if of > 0.15 * width else ((0, -10), "center")
        panel.annotate(", ".join(here["service"]), (of, 100 * share), xytext=shift, ha=ha, va="center", fontsize=9,
                       textcoords="offset points", path_effects=[withStroke(linewidth=3, foreground="white")])


def raw_beside(table: pd.DataFrame, other: str, title: str, caption: str) -> Figure:
    """Each service's raw rate (open) beside another of it (filled) with its interval, a panel a rate.

    `other`: `pooled`, of `pooling.pooled_rates`, with the interval of the rank where there is an order; or `adjusted`,
    of `case_mix.adjusted_rates`, with the raw interval, too.
    """
    figure, panels = _panels(table, 1.4 + (0.3 if table["service"].nunique() <= MANY else 0.19)
                             * table["service"].nunique())
    for panel, (rate, part) in zip(panels, table.groupby(["rate", "denominator"], sort=False), strict=False):
        rows = np.arange(len(part))[::-1]
        panel.hlines(rows, 100 * part[f"{other}_low"], 100 * part[f"{other}_high"], color=DARK, linewidth=1.6)
        if "low" in part:
            panel.hlines(rows + 0.28, 100 * part["low"], 100 * part["high"], color="#70787e", linewidth=0.8)
        panel.plot(100 * part["share"], rows + 0.28, "o", color="black", markerfacecolor="white", markersize=5)
        panel.plot(100 * part[other], rows, "o", color=DARK, markersize=6)
        for row, raw, drawn in zip(rows, 100 * part["share"], 100 * part[other], strict=True):
            panel.plot([raw, drawn], [row + 0.28, row], color="#70787e", linewidth=0.8)
        panel.axvline(100 * part["n"].sum() / part["of"].sum(), color="black", linewidth=0.9, linestyle="--")
        _rows(panel, [_with_rank(row) for row in part.to_dict("records")], _words(rate), "per cent")
        panel.set_xlim(-2, 102)
    return add_caption(figure, title, caption)


def _with_rank(row: dict) -> str:
    name, low, high = f"{row['service']} ({row['n']}/{row['of']})", row.get("rank_low"), row.get("rank_high")
    if pd.isna(low):
        return name
    return f"{name}, rank {low:.0f}" + (f" to {high:.0f}" if high > low else "")


def _panels(table: pd.DataFrame, height: float) -> tuple[Figure, np.ndarray]:
    """Panels for the rates of a table, three in a row, of four two; those left over are empty."""
    rates = len(table[["rate", "denominator"]].drop_duplicates())
    columns = 2 if rates == 4 else min(rates, 3)
    figure, panels = new_figure(9.5, 1.3 + height * -(-rates // columns), rows=-(-rates // columns), columns=columns,
                                squeeze=False)
    for panel in panels.ravel()[rates:]:
        panel.axis("off")
    return figure, panels.ravel()


def _rows(panel: Axes, names: list[str], title: str, unit: str) -> None:
    panel.set(yticks=np.arange(len(names))[::-1], yticklabels=names, ylim=(-0.6, len(names) - 0.3), xlabel=unit)
    panel.set_title(title, fontsize=10)
    panel.grid(axis="x", color="#e3e6e8")


def _words(rate: tuple[str, str]) -> str:
    return f"{label(rate[0])},\n{DENOMINATOR_WORDS[rate[1]]}"
