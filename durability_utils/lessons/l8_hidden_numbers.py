"""Lesson L8, hidden numbers: how a hidden count is worked out, and what stops that."""

import pandas as pd
from matplotlib.figure import Figure

from durability_utils.figures import DARK, LIGHT, add_caption, new_figure
from durability_utils.lessons.checking import exercise
from durability_utils.lessons.l7_small_numbers import six_month_table
from durability_utils.outcomes import transitions
from durability_utils.outcomes.proportions import rounded_percent
from durability_utils.outcomes.response import who_answered
from durability_utils.outcomes.rules import IMPROVEMENT, RECOVERY, STEP_GROUPS, in_step
from durability_utils.sharing.disclosure import (
    BASE,
    LARGEST_HIDDEN,
    SYMBOLS,
    Controlled,
    Count,
    Tables,
    bounds,
    table_of,
)
from durability_utils.study.study_file import Study

NOT_RECOVERED, RECOVERED = RECOVERY
_, NOT_IMPROVED, IMPROVED = IMPROVEMENT
LOST, GAINED = (RECOVERED, NOT_RECOVERED), (NOT_RECOVERED, RECOVERED)  # cells: at end, at follow-up


# -- tables with hidden counts ---------------------------------------------------------------------

def six_month_tables(cohort: pd.DataFrame, study: Study, service: str, outcome: str) -> Tables:
    """The six-month tables of an outcome of all patients and of both steps, and the same with shares and intervals.

    `service` names whose cohort it is. Keys as `disclosure` has them: service, step, name of the table.
    """
    answered, found = who_answered(cohort), {}
    for step in ("all", *STEP_GROUPS):
        table = six_month_table(in_step(answered, step), study.rules, outcome)
        found[service, step, f"reliable_{outcome}_6m"] = table_of(service, step, table, transitions.SIX_MONTHS[outcome])
        found[service, step, f"reliable_{outcome}_rates"] = table_of(
            service, step, transitions.by_status_at_end(table), transitions.BY_STATUS_AT_END[outcome])
    return found


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


def _no_longer(controlled: Controlled, step: str) -> Count:
    return next(count for count in controlled.exact
                if count.step == step and count.what == (IMPROVED, NOT_IMPROVED))


def fitting(percent: int, of: int) -> list[int]:
    """The counts that are so many whole per cent of `of`."""
    return [n for n in range(of + 1) if rounded_percent(n, of) == percent]


# -- the picture -----------------------------------------------------------------------------------

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

EXERCISES = {
    "from_margins": exercise(
        lambda squares: squares["step2"].at[LOST],
        "One hidden number in a row with a total hides nothing.",
        (lambda squares: squares["step2"].at[NOT_RECOVERED, "total"]
            - squares["step2"].at[NOT_RECOVERED, NOT_RECOVERED],
         "That is another row. Who had recovered at end?"),
        (LARGEST_HIDDEN["nhs"], "That is the most that a star can stand for. The table says more."),
        (0, "A star may stand for nobody. Does it here?"),
        hints=("What else is printed in the row of the star?", "The parts of a row add up to its total.",
               "The total of the row, less the number that is shown in it."),
        explain="""
            A row is an equation: its parts add up to its total. With one unknown it is solved at once. So one star is
            never enough: a second one is needed in the same row and in the same column, or the totals must go.""",
    ),
    "from_steps": exercise(
        lambda squares: squares["all"].at[GAINED] - squares["step2"].at[GAINED],
        "Each table on its own may be safe. Whoever lays three tables side by side has equations.",
        (lambda squares: squares["all"].at[LOST] - squares["step2"].at[LOST],
         "That is the other one of the two cells: recovered at end, and not at follow-up."),
        (lambda squares: squares["all"].at[GAINED], "That is all steps together."),
        (LARGEST_HIDDEN["nhs"], "A star alone says no more than that. Two other tables say more."),
        hints=("Who is in the table of all patients, and not in that of step 2?",
               "Find the same cell in both tables: not recovered at end, recovered at follow-up.",
               "That cell of all patients, less that cell of step 2."),
        explain="""
            Step 2 and step 3 together are all patients. Tables that belong together must be judged together: steps and
            all, services and all, this year's release and last year's.""",
    ),
    "from_a_percentage": exercise(
        lambda n, of: n,
        "Of few patients, each whole per cent belongs to one count at most. A hidden count needs a hidden percentage.",
        (lambda n, of: of - n, "Those are the others: the percentage is of those who had *lost* it."),
        (lambda n, of: rounded_percent(n, of) / 100 * of,
         "Nearly: but can so many patients have lost it?"),
        (lambda n, of: rounded_percent(n, of), "That is the percentage. How many patients is it?"),
        hints=("How many whole numbers of patients can there be?",
               "Try them from 0 on: `rounded_percent(n, of)` gives the percentage of each.",
               "`fitting(percent, of)` finds the count that gives this percentage."),
        explain="""
            Of a hundred patients or fewer a whole per cent belongs to one count at most. Only of more it leaves a
            choice. Where a count is hidden, its percentage must be hidden too, and so must that of the rest: it is 100
            less the other.""",
        within=1e-6,
    ),
    "rounded": exercise(
        lambda shown: len(range(bounds(shown, "nhs")[0], bounds(shown, "nhs")[1] + 1)),
        "Whoever subtracts rounded numbers adds up their errors: a star can then be any small number again.",
        (1, "It was rounded: the count need not be the number that is shown."),
        (BASE + 1, "Is each of them nearer to the shown number than to its neighbours?"),
        (2 * BASE + 1, "You went up and down to the neighbours. Were these rounded to the number that is shown?"),
        (2 * (BASE // 2), "Does the shown number itself count?"),
        hints=("How far may the true count be from the number that is shown?",
               "Write down the whole numbers around it: to which multiple is each of them *nearest*?",
               f"Those at most {BASE // 2} below, itself, and those at most {BASE // 2} above."),
        explain="""
            Try questions 1 and 2 again with the rounded tables: whatever you subtract is now known only to within a few
            patients, and the star may be any of its numbers. Everybody pays: the reader loses the last digit, the
            patient keeps the secret.""",
        within=1e-6,
    ),
    "from_rounded": exercise(
        lambda controlled: controlled.bounds(_no_longer(controlled, "all"))[1]
            - controlled.bounds(_no_longer(controlled, "step3"))[0],
        "A rounded number is an interval, and intervals can be subtracted like numbers.",
        (LARGEST_HIDDEN["nhs"], "That is the most that a star can stand for. The other two tables say more."),
        (0, "That is what the rounded numbers leave if they are exact. How far may each be from the truth?"),
        (2 * (BASE // 2), "Nearly: look up how little the number of step 3 can be. Counts below 5 would be a star."),
        hints=("Look at the same row of all patients, and of step 3.",
               "Who is left of all patients without step 3? How many can all be at most? And step 3, at least?",
               "The most that stands behind the number of all, less the least that stands behind that of step 3."),
        explain="""
            No star of its own gives that away; only all the numbers together do, which is why a program looks for it
            and not an eye. The project's audit writes everything that a reader knows as equations over whole numbers. A
            star has to be able to be any number from 1 to the largest hidden one, and a rounded count any that its
            rounding allows. Where one is not, the audit looks for what to hide as well, details before headline rates.
            What it hides looks like any other star: one sign for everything hidden does not
            tell which of them are small.

            No program knows what the reader knows from elsewhere. A colleague's memory is another equation. So is an
            earlier bundle of the same patients, which the project remembers.""",
        within=1e-6,
    ),
}

SUMMARY = """
    - A star is an unknown in an equation. Totals, other tables and percentages are equations.
    - Tables that belong together must be judged together.
    - Rounding makes every equation vague; what can be worked out all the same is hidden, too.
"""
