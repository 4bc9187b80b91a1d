"""The pictures of `08_attrition`: one function each, from finished numbers, in the style of `figures.py`."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from durability_utils.analyses.attrition import AUXILIARY, VARIABLES
from durability_utils.figures import DARK, LIGHT, MIDDLE, add_caption, label, new_figure
from durability_utils.outcomes.rules import OUTCOMES
from durability_utils.study.labels import METHOD_WORDS

GREY = "#888888"
TIME_WORDS = {"6m": "6 months", "12m": "12 months"}
STAGE_WORDS = {"consented": "consent", "answered": "answer"}
# the rows of dots below the curve: what an estimate's method or variables have to name
_CHOICES = {**{METHOD_WORDS[method]: [method] for method in ("complete_cases", "weighting", "doubly_robust")},
            "g-formula": ["g_formula"], **{METHOD_WORDS[method]: [method] for method in ("normal", "pmm")},
            "consent and answer apart": ["consented"], "services": ["service_"],
            "services in both": ["service_.*;.*service_"],
            "step, age or sessions": VARIABLES["all"], "the 6-month answer": AUXILIARY[:1]}


def _panels(width: float, height: float, rows: int = 1, **shared) -> tuple[Figure, np.ndarray]:
    # a column an outcome
    figure, axes = new_figure(width, height, rows, len(OUTCOMES), squeeze=False, **shared)
    for panel, code in zip(axes[0], OUTCOMES.values(), strict=True):
        panel.set_title(label(code), fontsize=10)
    return figure, axes


def _says(panel: Axes, words: str) -> None:
    panel.text(0.5, 0.5, words, transform=panel.transAxes, ha="center", va="center", color="#666666", fontsize=9,
               wrap=True)
    panel.tick_params(bottom=False, labelbottom=False, left=False, labelleft=False)


def estimates(table: pd.DataFrame, title: str, caption: str) -> Figure:
    """A forest plot of the table of estimates: share kept with its interval, a row a method, a panel an outcome."""
    figure, (panels,) = _panels(9.5, 5.4, sharey=True)
    y = np.arange(len(METHOD_WORDS))[::-1]
    for outcome, panel in zip(OUTCOMES, panels, strict=True):
        for time, shift, colour, marker in (("6m", 0.15, DARK, "o"), ("12m", -0.15, MIDDLE, "s")):
            own = table[(table["outcome"] == outcome) & (table["time"] == time)]
            rows = own.set_index("method").reindex(METHOD_WORDS)
            panel.hlines(y + shift, 100 * rows["low"], 100 * rows["high"], color=colour, linewidth=1.6)
            panel.plot(100 * rows["estimate"], y + shift, marker, color=colour, label=TIME_WORDS[time], markersize=5)
            for at, note in zip(y + shift, rows["note"], strict=True):
                if isinstance(note, str) and note:
                    panel.text(50, at, note.partition(":")[0], ha="center", va="center", color=GREY, fontsize=8)
        panel.axvline(50, color=LIGHT, zorder=0)
        panel.set(xlabel="per cent who have it", xlim=(-2, 102), ylim=(-0.6, len(y) - 0.4), yticks=y,
                  yticklabels=METHOD_WORDS.values())
        panel.grid(axis="x", color="#e3e6e8")
    panels[0].legend(loc="lower left", bbox_to_anchor=(0, 1.06), ncols=2, frameon=False, fontsize=8.5)
    return add_caption(figure, title, caption)


def curve(table: pd.DataFrame, limits: dict[str, tuple[float, float]], notes: dict[str, str], title: str,
          caption: str) -> Figure:
    """A specification curve: all estimates, lowest first, with their intervals; dots below say what each one is.

    `table`: `outcome` and the columns of `specifications.curve`, those printed in dark; `limits`: for each outcome
    the shares of worst and best case, dotted; `notes`: for an outcome without models, why.
    """
    figure, (above, below) = _panels(9.5, 6.2, rows=2, height_ratios=[3, 2.6], sharex="col", sharey="row")
    table = table.reset_index(drop=True)
    words = table[["method", "stages", "variables"]].agg(", ".join, axis="columns")
    choices = {choice: words.str.contains("|".join(names)) for choice, names in _CHOICES.items()}
    choices = {choice: has for choice, has in choices.items() if has.any()}
    for outcome, curves, dots in zip(OUTCOMES, above, below, strict=True):
        rows = table[table["outcome"] == outcome].sort_values("estimate")
        x = np.arange(len(rows))
        if notes[outcome]:
            _says(curves, notes[outcome])
            _says(dots, "")
            continue
        colours = np.where(rows["printed"], DARK, GREY)
        curves.vlines(x, 100 * rows["low"], 100 * rows["high"], color=colours, linewidth=1.2)
        curves.scatter(x, 100 * rows["estimate"], c=colours, s=18, zorder=3)
        for limit in limits[outcome]:
            curves.axhline(100 * limit, color=MIDDLE, linestyle=":", linewidth=1.2)
        for place, has in enumerate(choices.values()):
            dots.scatter(x, np.full(len(x), place), c=np.where(has[rows.index], DARK, "#eceef0"), s=12)
        dots.set(yticks=range(len(choices)), yticklabels=choices, ylim=(len(choices) - 0.4, -0.6), xticks=[])
        curves.set(ylim=(-2, 102))
        curves.grid(axis="y", color="#e3e6e8")
    above[0].set_ylabel("per cent who have it")
    return add_caption(figure, title, caption)


def surface(table: pd.DataFrame, notes: dict[tuple[str, str], str], title: str, caption: str) -> Figure:
    """The imputed share by how much worse those without consent, and those silent, did; a bold line at one half.

    `table`: `outcome`, `time` and the columns of `specifications.shifted`; `notes`: for each outcome and time why there
    is no model, or nothing. Rows of panels are times.
    """
    figure, axes = _panels(9.5, 7.4, rows=len(TIME_WORDS))
    levels = np.arange(0, 101, 10)
    for time, panels in zip(TIME_WORDS, axes, strict=True):
        panels[0].set_ylabel(f"{TIME_WORDS[time]}\ndid not consent: points worse")
        for outcome, panel in zip(OUTCOMES, panels, strict=True):
            if notes[outcome, time]:
                _says(panel, notes[outcome, time])
                continue
            own = table[(table["outcome"] == outcome) & (table["time"] == time)]
            grid = 100 * own.pivot(index="no_consent", columns="silent", values="estimate")
            panel.contourf(grid.columns, grid.index, grid, levels=levels, cmap="Blues", alpha=0.8)
            lines = panel.contour(grid.columns, grid.index, grid, levels=levels, colors="black",
                                  linewidths=np.where(levels == 50, 2.4, 0.6))
            panel.clabel(lines, fmt="%d %%", fontsize=8)
            panel.set(xlabel="silent: points worse (PHQ-9)")
    return add_caption(figure, title, caption)


def overlap(stages: dict[str, dict[str, pd.DataFrame] | str], title: str, caption: str) -> Figure:
    """Estimated probability of consenting, and of then answering, of those who did (above) and did not (below).

    `stages`: for each outcome, by stage, a frame with `probability` and `passed` (bool) of those there, or why there is
    no model. Bars are per cent of their group.
    """
    figure, axes = _panels(9.5, 5.6, rows=len(STAGE_WORDS))
    for stage, panels in zip(STAGE_WORDS, axes, strict=True):
        for outcome, panel in zip(OUTCOMES, panels, strict=True):
            found = stages[outcome]
            panel.set(xlabel=f"probability of {STAGE_WORDS[stage]}", ylabel="per cent of the group")
            if isinstance(found, str) or stage not in found:
                _says(panel, found if isinstance(found, str) else f"everybody {stage}")
                continue
            own = found[stage]
            edges = np.linspace(0, own["probability"].max() * 1.001, 21)
            for passed, sign, colour, words in ((True, 1, DARK, "did"), (False, -1, LIGHT, "did not")):
                group = own.loc[own["passed"] == passed, "probability"]
                share = 100 * np.histogram(group, edges)[0] / len(group)
                panel.bar(edges[:-1], sign * share, np.diff(edges), align="edge", color=colour, edgecolor="black",
                          linewidth=0.4, label=f"{words} (n = {len(group)})")
            panel.axhline(0, color="black", linewidth=0.8)
            panel.yaxis.set_major_formatter(lambda value, _: f"{abs(value):.0f}")
            panel.legend(frameon=False, fontsize=8.5)
    return add_caption(figure, title, caption)


def love(table: pd.DataFrame, notes: dict[str, str], title: str, caption: str) -> Figure:
    """A Love plot: standardised mean differences of those who passed each stage from all, before and after weighting.

    `table`: `outcome` and the columns of `specifications.balance`; `notes`: for an outcome without rows, why.
    """
    variables = list(dict.fromkeys(table["variable"]))[::-1]
    figure, (panels,) = _panels(9.5, 2.1 + 0.3 * max(len(variables), 3), sharey=True)
    for outcome, panel in zip(OUTCOMES, panels, strict=True):
        own = table[table["outcome"] == outcome]
        panel.set(xlabel="standardised mean difference from all")
        if own.empty:
            _says(panel, notes[outcome])
            continue
        y = np.arange(len(variables))
        for stage, shift, colour, marker in (("consented", 0.15, MIDDLE, "s"), ("answered", -0.15, DARK, "o")):
            rows = own[own["stage"] == stage].set_index("variable").reindex(variables)
            if rows["before"].isna().all():
                continue  # everybody passed
            panel.hlines(y + shift, rows["before"], rows["after"], color=LIGHT, linewidth=1.6)
            panel.plot(rows["before"], y + shift, marker, color=colour, markerfacecolor="white", label=stage)
            panel.plot(rows["after"], y + shift, marker, color=colour, label=f"{stage}, weighted")
        panel.axvline(0, color="black", linewidth=0.8)
        for limit in (-0.1, 0.1):
            panel.axvline(limit, color=GREY, linestyle=":", linewidth=1)
        panel.legend(loc="lower left", bbox_to_anchor=(0, 1 + 0.41 / figure.get_figheight()), ncols=2, frameon=False,
                     fontsize=8.5)
        panel.set(yticks=y, yticklabels=[label(name) for name in variables], ylim=(-0.6, len(variables) - 0.4))
        panel.locator_params(axis="x", nbins=6)
        panel.grid(axis="y", color="#e3e6e8")
    return add_caption(figure, title, caption)


def coverage(table: pd.DataFrame, settings: dict) -> Figure:
    """What `synthetic.attrition.stored_coverage` has of 6 months: shares of intervals that hold the truth.

    A panel a mechanism. `data/attrition_coverage.png` is this picture: it is the same in every run.
    """
    table = table[table["time"] == "6m"]
    words = {"recorded": "consent and answer depend on\nwhat was recorded", "consent": "consent alone depends on it,\n"
             "and more strongly", "unseen": "answer depends on\nthe unseen outcome"}
    names = {**METHOD_WORDS, "bounds": "worst to best case"}
    methods = list(dict.fromkeys(table["method"]))[::-1]
    figure, axes = new_figure(9.5, 4.8, columns=len(words), sharey=True)
    for panel, (mechanism, title) in zip(axes, words.items(), strict=True):
        panel.axvspan(92, 98, color=LIGHT, alpha=0.5, linewidth=0)
        cells = table[table["mechanism"] == mechanism].groupby(["outcome", "generator"], sort=False)
        for ((outcome, generator), own), shift in zip(cells, np.linspace(0.24, -0.24, len(cells)), strict=True):
            rows, y = own.set_index("method").reindex(methods), np.arange(len(methods)) + shift
            colour = DARK if outcome == "improvement" else MIDDLE
            panel.hlines(y, 100 * rows["coverage_low"], 100 * rows["coverage_high"], color=colour, linewidth=1.2)
            panel.plot(100 * rows["coverage"], y, "s" if generator == "resampled" else "o", color=colour, markersize=4,
                       label=f"{outcome}, {label(generator)}")
        panel.set(xlabel="per cent that hold the truth", xlim=(-2, 102), yticks=range(len(methods)),
                  yticklabels=[names[method] for method in methods])
        panel.grid(axis="x", color="#e3e6e8")
        panel.set_title(title, fontsize=9.5)
    axes[0].legend(loc="lower left", frameon=False, fontsize=7.5)  # where no interval is
    return add_caption(
        figure, "Simulated cohorts, 6 months: how often does the interval hold the truth?",
        f"Synthetic data. n = {settings['cohorts']} cohorts each, for models less those refused. Band: 92 to 98 %. "
        "Lines: Monte-Carlo 95 % intervals.")
