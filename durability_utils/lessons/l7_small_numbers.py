"""Lesson L7, small numbers: what an interval of a few patients says, and who stands first by chance."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import binom
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from durability_utils.figures import DARK, MIDDLE, add_caption, new_figure
from durability_utils.lessons.checking import exercise
from durability_utils.outcomes import transitions
from durability_utils.outcomes.proportions import Proportion, proportion
from durability_utils.outcomes.response import who_answered
from durability_utils.outcomes.rules import OUTCOMES, carry_back, classify
from durability_utils.study.rules import Rules
from durability_utils.study.study_file import Study

LEAGUES = 10_000  # made up, to see how often each service stands first


# -- intervals -------------------------------------------------------------------------------------

def naive_interval(n: int, of: int) -> tuple[float, float]:
    """The interval of the textbooks, share +- 1.96 sqrt(share (1 - share) / of), cut at 0 and 1 (Laplace 1812)."""
    low, high = proportion_confint(n, of, method="normal")
    return float(low), float(high)


def coverage(intervals: Sequence[tuple[float, float]], share: float) -> float:
    """How often an interval holds the true share, exactly: `intervals` are those of 0, 1, 2, ... of all patients."""
    chance = binom.pmf(range(len(intervals)), len(intervals) - 1, share)
    return float(sum(p for p, (low, high) in zip(chance, intervals, strict=True) if low <= share <= high))


def overlap(a: Proportion, b: Proportion) -> bool:
    """Whether the intervals of two proportions have a value in common."""
    return a.low <= b.high and b.low <= a.high


def difference(a: Proportion, b: Proportion) -> tuple[float, float]:
    """The ends of the 95 % interval of the share of b less that of a (Newcombe 1998, method 10)."""
    low, high = confint_proportions_2indep(b.n, b.of, a.n, a.of, method="newcomb", compare="diff")
    return float(low), float(high)


# -- services --------------------------------------------------------------------------------------

def kept_by_service(cohort: pd.DataFrame, study: Study, outcome: str) -> pd.DataFrame:
    """Of the patients of each service with this outcome at end: `service, at_end, kept, lost` at 6 months."""
    code, rows = OUTCOMES[outcome], []
    for service, patients in who_answered(cohort).groupby("service", sort=False, observed=True):
        table = six_month_table(patients, study.rules, outcome)
        at_end, kept = transitions.as_square(table).loc[code, ["total", code]]
        rows.append((service, at_end, kept, at_end - kept))
    return pd.DataFrame(rows, columns=["service", "at_end", "kept", "lost"])


def six_month_table(answered: pd.DataFrame, rules: Rules, outcome: str) -> pd.DataFrame:
    """The paper's table of an outcome at end and at 6 months, with carry back if the rules have it."""
    carried = carry_back(answered) if rules.carry_back else answered
    return transitions.six_month_table(*(classify(carried, time, rules)[outcome] for time in ("end", "6m")))


def first_by_chance(sizes: Sequence[int], share: float, seed: int = 7) -> pd.Series:
    """How often each of these services stands first alone or with others, if all have the same true share.

    By size, a share of LEAGUES simulated ones. sizes: patients of each service, no two the same.
    """
    found = np.random.default_rng(seed).binomial(sizes, share, (LEAGUES, len(sizes))) / sizes
    first = found == found.max(axis=1, keepdims=True)
    return pd.Series(first.mean(axis=0), pd.Index(sizes, name="patients"), name="stands first")


# -- pictures --------------------------------------------------------------------------------------

def intervals_figure(counts: Sequence[tuple[str, int, int]], title: str, source: str) -> Figure:
    """Wilson's interval and the naive one of each (label, n, of)."""
    figure, axes = new_figure(8.5, 1.9 + 0.6 * len(counts))
    for row, (_, n, of) in enumerate(counts):
        wilson, naive = proportion(n, of), naive_interval(n, of)
        for shift, (low, high), colour, words in ((-0.14, (wilson.low, wilson.high), DARK, "Wilson's interval"),
                                                  (0.14, naive, MIDDLE, "naive interval")):
            axes.hlines(row + shift, 100 * low, 100 * high, color=colour, linewidth=2.5, label="_" if row else words)
            axes.plot(100 * wilson.share, row + shift, "o", color=colour)
    axes.set(yticks=range(len(counts)), yticklabels=[f"{words}\n{n} of {of}" for words, n, of in counts],
             ylim=(len(counts) - 0.5, -0.5), xlim=(-2, 102), xlabel="per cent, with 95 % interval")
    axes.grid(axis="x", color="#e3e6e8")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
    return add_caption(figure, title, source)


def coverage_figure(sizes: Sequence[int]) -> Figure:
    """How often each interval holds the true share, by that share, a panel for each number of patients."""
    figure, panels = new_figure(max(6.5, 3.6 * len(sizes)), 4.2, columns=len(sizes), squeeze=False, sharey=True)
    shares = np.linspace(0.01, 0.99, 197)
    for panel, of in zip(panels[0], sizes, strict=True):
        wilson = [proportion(n, of)[3:] for n in range(of + 1)]
        naive = [naive_interval(n, of) for n in range(of + 1)]
        for intervals, colour, words in ((wilson, DARK, "Wilson's interval"), (naive, MIDDLE, "naive interval")):
            panel.plot(100 * shares, [100 * coverage(intervals, share) for share in shares], color=colour, label=words)
        panel.axhline(95, color="black", linestyle="--", linewidth=0.8)
        panel.set(title=f"{of} patients", xlabel="true share (per cent)", ylim=(0, 101))
    panels[0, 0].set_ylabel("of 100 intervals hold the truth")
    panels[0, -1].legend(loc="lower center", frameon=False, fontsize=8.5)
    return add_caption(figure, "Does a 95 % interval hold the truth 95 times of 100?",
                       "Computed exactly from the binomial distribution, no patients behind it, so none missing. "
                       "Dashed line: what a 95 % interval promises.")


# -- the exercises ---------------------------------------------------------------------------------

CERTAIN = 0.9  # the share that the lower end of an interval has to reach


def _zero(a: Proportion, b: Proportion) -> str:
    low, high = difference(a, b)
    return "zero inside" if low <= 0 <= high else "zero outside"


def _enough(lower_end) -> int:
    """The smallest number of patients, all of whom kept their gains, whose interval begins at CERTAIN or above."""
    return next(n for n in range(1, 1000) if lower_end(n) >= CERTAIN)


EXERCISES = {
    "lowest": exercise(
        lambda n, of: proportion(n, of).low,
        "A handful of patients who all kept their gains is also what a much lower true share would often give.",
        (lambda n, of: naive_interval(n, of)[0],
         "That is the naive interval. Would you be as sure of a true share after so few patients?"),
        (0, "Had the true share been next to nothing, so many of them would hardly ever be seen."),
        (lambda n, of: proportion(n, of).high, "That is the upper end."),
        hints=("Which true shares would give this result not too rarely?",
               "Run `proportion(8, 10)`: which of its parts is the lower end in the picture?",
               "`proportion(n, of).low`."),
        explain="""
            The naive recipe takes the share that was found for the true one. Where everybody kept their recovery there
            is then no error left, and the interval shrinks to a point: "surely 100 %", from a handful of patients.
            Wilson asks the other way round: *which true shares would give this result not too rarely?*""",
    ),
    "how_many": exercise(
        lambda: _enough(lambda n: proportion(n, n).low),
        "Even a perfect result needs this many patients before it says *at least nine of ten*.",
        (lambda: _enough(lambda n: 0.05 ** (1 / n)),
         "That is the answer of an interval that errs on one side only. Wilson's may err on both."),
        (round(1 / (1 - CERTAIN)), "So few make nine of ten possible. Do they make it sure?"),
        (lambda: _enough(lambda n: proportion(n, n).low) - 1, "Nearly: the lower end is still below."),
        hints=("More than you think, or fewer? Try a number.",
               "Look at `proportion(n, n).low` for larger and larger `n`.",
               "The first `n` with `proportion(n, n).low >= 0.9`; a loop finds it."),
        explain="""
            A rule of thumb: where nothing went wrong in n patients, the true share that goes wrong may still be about
            four in n + 4. So a share of 100 per cent is worth what its n is worth.""",
        within=0,
    ),
    "held": exercise(
        lambda of, share: coverage([naive_interval(n, of) for n in range(of + 1)], share),
        "It promises 95 of 100 and holds fewer. An interval that is too narrow makes chance look like a finding.",
        (0.95, "That is the promise. Is it kept?"),
        (lambda of, share: coverage([proportion(n, of)[3:] for n in range(of + 1)], share), "That is Wilson's."),
        hints=("For each count that may be found there is an interval. Which of them hold the true share?",
               "`coverage` wants the naive intervals of 0, 1, 2, ... up to `of` patients, in a list, and the share.",
               "`coverage([naive_interval(n, of) for n in range(of + 1)], share)`."),
        explain="""
            Curves of this kind are jagged, since counts are whole numbers. Near 0 and 100 per cent the naive interval
            fails even with many patients. Wilson's stays closer to its promise; see where it, too, falls short.""",
    ),
    "two_services": exercise(
        _zero,
        "Look at the interval of the difference. Two intervals that do not overlap differ; of two that overlap nothing "
        "follows.",
        ("zero inside", "Is that read from the overlap? Two shares seldom err in opposite directions at once."),
        ("zero outside", "Look at both ends of the interval."),
        ("cannot be known", "It can be computed from the four counts."),
        hints=("Compute it, do not read it from the overlap.",
               "`difference(x, y)` gives both ends: what are their signs?"),
        explain="""
            If two intervals do not overlap, the services differ by more than chance would often make. The reverse does
            not hold: overlap proves nothing. Look at the interval of the difference instead. And even a clear
            difference says nothing of its cause: other patients, other steps, others who answered (lesson 6).""",
        choices=("zero inside", "zero outside", "cannot be known"),
    ),
    "first": exercise(
        lambda leagues: "the smallest" if leagues.idxmax() == leagues.index.min() else
        "the largest" if leagues.idxmax() == leagues.index.max() else "one as often as another",
        "Shares of few patients scatter most, so small services tend to stand at both ends of a league table, "
        "by luck alone.",
        ("the largest", "The largest is nearest to the truth. Is the truth the highest share?"),
        ("one as often as another", "The truth is the same for all. Is its scatter?"),
        ("the smallest", "Its share scatters most. Do the others never stand higher?"),
        hints=("Whose share is most often far from the truth?",
               "Of five patients all may keep their gains by luck. And of a hundred?"),
        explain="""
            A league table of shares ranks, in good part, the sizes. Notebook 11 draws services in a funnel instead: the
            fewer the patients, the wider what chance alone would do.""",
        choices=("the smallest", "the largest", "one as often as another"),
    ),
}

SUMMARY = """
    - Give n and N and an interval with every share; for few patients never the naive one.
    - 100 per cent of a handful is a result about a handful.
    - Compare by the interval of the difference, not by overlap.
    - Small services tend to stand first and last in a league table, by luck alone.
"""
