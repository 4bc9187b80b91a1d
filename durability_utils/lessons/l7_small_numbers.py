"""Lesson L7, small numbers: intervals of a few patients, and how a hidden count is worked out, or not."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import binom
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from durability_utils.figures import DARK, LIGHT, MIDDLE, add_caption, new_figure
from durability_utils.lessons.checking import exercise
from durability_utils.outcomes import transitions
from durability_utils.outcomes.proportions import Proportion, proportion, rounded_percent
from durability_utils.outcomes.response import who_answered
from durability_utils.outcomes.rules import OUTCOMES, RECOVERY, STEP_GROUPS, carry_back, classify, in_step
from durability_utils.sharing.disclosure import BASE, LARGEST_HIDDEN, SYMBOLS, Controlled, Tables, bounds, table_of
from durability_utils.study.rules import Rules
from durability_utils.study.study_file import Study

NOT_RECOVERED, RECOVERED = RECOVERY
LOST, GAINED = (RECOVERED, NOT_RECOVERED), (NOT_RECOVERED, RECOVERED)  # cells: at end, at follow-up


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


# -- tables with hidden counts ---------------------------------------------------------------------

def six_month_tables(cohort: pd.DataFrame, study: Study, service: str, outcome: str) -> Tables:
    """The six-month tables of an outcome of all patients and of both steps, and the same with shares and intervals.

    `service` names whose cohort it is. Keys as `disclosure` has them: service, step, name of the table.
    """
    answered, found = who_answered(cohort), {}
    for step in ("all", *STEP_GROUPS):
        table = _six_month_table(in_step(answered, step), study.rules, outcome)
        found[service, step, f"reliable_{outcome}_6m"] = table_of(service, step, table, transitions.SIX_MONTHS[outcome])
        found[service, step, f"reliable_{outcome}_rates"] = table_of(
            service, step, transitions.by_status_at_end(table), transitions.BY_STATUS_AT_END[outcome])
    return found


def kept_by_service(cohort: pd.DataFrame, study: Study, outcome: str) -> pd.DataFrame:
    """Of the patients of each service with this outcome at end: `service, at_end, kept, lost` at 6 months."""
    code, rows = OUTCOMES[outcome], []
    for service, patients in who_answered(cohort).groupby("service", sort=False, observed=True):
        table = _six_month_table(patients, study.rules, outcome)
        at_end, kept = transitions.as_square(table).loc[code, ["total", code]]
        rows.append((service, at_end, kept, at_end - kept))
    return pd.DataFrame(rows, columns=["service", "at_end", "kept", "lost"])


def _six_month_table(answered: pd.DataFrame, rules: Rules, outcome: str) -> pd.DataFrame:
    carried = carry_back(answered) if rules.carry_back else answered
    return transitions.six_month_table(*(classify(carried, time, rules)[outcome] for time in ("end", "6m")))


def with_a_star(by_service: pd.DataFrame) -> pd.Series:
    """The row of a service whose number `lost` would be hidden and is not zero; the largest where there are several."""
    hidden = by_service["lost"].between(1, LARGEST_HIDDEN["nhs"])
    return by_service.assign(hidden=hidden).sort_values(["hidden", "at_end"]).iloc[-1]


def starred(counts: pd.DataFrame) -> pd.DataFrame:
    """A table with a star for each small count, and nothing else done to it: that is what this lesson is about."""
    return counts.map(lambda n: SYMBOLS["nhs"] if n <= LARGEST_HIDDEN["nhs"] else str(n))


def squares(tables: Tables) -> dict[str, pd.DataFrame]:
    """The tables of counts as the paper prints them, with totals, by step."""
    return {step: transitions.as_square(table.cells) for (_, step, name), table in tables.items()
            if name.endswith("_6m")}


def shown_rates(controlled: Controlled, end: str) -> pd.DataFrame:
    """The rates as shown of those with this status at end: `step, end, follow_up, n, of, percent`, no row if hidden."""
    columns = ["step", "end", "follow_up", "n", "of", "percent"]
    shown = [table.assign(step=step)[columns] for (_, step, name), table in controlled.tables.items()
             if name.endswith("_rates")]
    rates = pd.concat([pd.DataFrame(columns=columns), *shown])
    return rates[rates["end"] == end].set_index("step")


def fitting(percent: int, of: int) -> list[int]:
    """The counts that are so many whole per cent of `of`."""
    return [n for n in range(of + 1) if rounded_percent(n, of) == percent]


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


def possible_figure(rule_bounds: dict[str, tuple[int, int]], title: str, source: str) -> Figure:
    """Which whole numbers may stand behind each count as it is shown: `rule_bounds` by what is shown."""
    figure, axes = new_figure(8.5, 1.5 + 0.4 * len(rule_bounds))
    for row, (least, most) in enumerate(rule_bounds.values()):
        numbers = range(least, most + 1)
        axes.plot(numbers, [row] * len(numbers), "s", color=DARK, markersize=9)
        axes.hlines(row, least, most, color=LIGHT, zorder=0)
    axes.set(yticks=range(len(rule_bounds)), yticklabels=list(rule_bounds), ylim=(len(rule_bounds) - 0.5, -0.5),
             xlabel="number of patients that may stand behind it", ylabel="shown as")
    axes.xaxis.get_major_locator().set_params(integer=True)
    return add_caption(figure, title, source)


# -- the exercises ---------------------------------------------------------------------------------

def _zero(a: Proportion, b: Proportion) -> str:
    low, high = difference(a, b)
    return "zero inside" if low <= 0 <= high else "zero outside"


EXERCISES = {
    "lowest": exercise(
        lambda n, of: proportion(n, of).low,
        "A handful of patients who all kept their gains is also what a much lower true share would often give.",
        (lambda n, of: naive_interval(n, of)[0],
         "That is the naive interval. It has no width here, since it takes the share found for the true one."),
        (0, "Had the true share been next to nothing, so many of them would hardly ever be seen."),
        (lambda n, of: proportion(n, of).high, "That is the upper end."),
        hint="`proportion(n, of)` has the ends of Wilson's interval: `.low` and `.high`.",
    ),
    "two_services": exercise(
        _zero,
        "Look at the interval of the difference. Two intervals that do not overlap differ; of two that overlap nothing "
        "follows.",
        ("zero inside", "That is read from the overlap. Two shares seldom err in opposite directions at once, so the "
                        "interval of their difference is narrower than both together."),
        ("zero outside", "Look at both ends of the interval: one is below zero, the other above."),
        ("cannot be known", "It can be computed from the four counts: `difference(a, b)`."),
        hint="Compute `difference(a, b)`.", choices=("zero inside", "zero outside", "cannot be known"),
    ),
    "from_margins": exercise(
        lambda squares: squares["step2"].at[LOST],
        "One hidden number in a row with a total hides nothing.",
        (lambda squares: squares["step2"].at[NOT_RECOVERED, "total"]
            - squares["step2"].at[NOT_RECOVERED, NOT_RECOVERED],
         "That is another row. Take the row of those who had recovered at end."),
        (LARGEST_HIDDEN["nhs"], "That is the most that a star can stand for. The total of the row says more."),
        (0, "A star is not zero: it stands for any small number, until you subtract."),
        hint="Subtract the number that is shown in that row from the total of the row.",
    ),
    "from_steps": exercise(
        lambda squares: squares["all"].at[GAINED] - squares["step2"].at[GAINED],
        "Each table on its own may be safe. Whoever lays three tables side by side has equations.",
        (lambda squares: squares["all"].at[LOST] - squares["step2"].at[LOST],
         "That is the other one of the two cells: recovered at end, and not at follow-up."),
        (lambda squares: squares["all"].at[GAINED], "That is all steps together. Some of them are in step 2."),
        (LARGEST_HIDDEN["nhs"], "A star alone says: four at most. Two other tables say more."),
        hint="Find the same cell in the table of all patients and in that of step 2.",
    ),
    "from_a_percentage": exercise(
        lambda n, of: n,
        "Of few patients, each whole per cent belongs to one count at most. A hidden count needs a hidden percentage.",
        (lambda n, of: of - n, "Those are the others: the percentage is of those who had *lost* it."),
        (lambda n, of: rounded_percent(n, of) / 100 * of,
         "Nearly: a count of patients is a whole number, and the percentage was rounded."),
        (lambda n, of: rounded_percent(n, of), "That is the percentage. How many patients is it?"),
        hint="Try the whole numbers from 0: `rounded_percent(n, of)`, or let `fitting(percent, of)` do it.",
        within=1e-6,
    ),
    "rounded": exercise(
        lambda shown: len(range(bounds(shown, "nhs")[0], bounds(shown, "nhs")[1] + 1)),
        "Whoever subtracts rounded numbers adds up their errors: a star can then be any small number again.",
        (1, "It was rounded: the count need not be the number that is shown."),
        (BASE + 1, f"Rounded to the *nearest* {BASE}: at most {BASE // 2} away, on either side."),
        (2 * BASE + 1, f"That would be up to {BASE} away. Rounded to the *nearest* {BASE} it is at most {BASE // 2}."),
        (2 * (BASE // 2), "The number itself is possible too."),
        hint="Write down the whole numbers to which this is the nearest multiple of five.", within=1e-6,
    ),
}

