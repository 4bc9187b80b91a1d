"""Lesson L4, denominators: the same patients counted, and divided by others."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from durability_utils.analyses.rates import end_counts, kept_counts, rates_from_counts
from durability_utils.figures import DARK, LIGHT, MIDDLE, add_caption, new_figure
from durability_utils.lessons.checking import exercise, in_words
from durability_utils.outcomes.proportions import proportion
from durability_utils.outcomes.rules import carry_back, classify
from durability_utils.study.columns import completed
from durability_utils.study.rules import Rules

FINISHED = 400  # patients in the picture
IMPROVED, RECOVERED = "reliable_improvement", "reliable_recovery"


def rates_of(cohort: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """All rates of one cohort (of its services together) with each denominator, as notebook 11 makes them.

    But gains kept are counted by the 6-month answers alone, without carry back.
    """
    together = cohort.assign(service=pd.Categorical(["all"] * len(cohort)))
    end, later = (classify(together, time, rules) for time in ("end", "6m"))
    counts = end_counts(together, end).join(kept_counts(together, end, later))
    return rates_from_counts(counts).drop(columns="service")


def counted_at_six_months(cohort: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """For each patient of the cohort, before carry back and with it: whether he or she counts at end and 6 months.

    Columns `answered` and `carried` (bool).
    """
    at_end = classify(cohort, "end", rules)["improvement"].notna()
    return pd.DataFrame({
        name: at_end & classify(patients, "6m", rules)["improvement"].notna()
        for name, patients in (("answered", cohort), ("carried", carry_back(cohort)))})


# -- the picture -----------------------------------------------------------------------------------

def missing_scores_figure(settings: Sequence[tuple[float, float]]) -> Figure:
    """One rate with both denominators, a panel for each (share recovered, share without a score at end)."""
    figure, panels = new_figure(3.1 * len(settings) + 0.8, 4.0, columns=len(settings), squeeze=False, sharey=True)
    for panel, (recovered, missing) in zip(panels[0], settings, strict=True):
        known = round(FINISHED * (1 - missing))
        n = round(known * recovered)
        panel.bar([0, 1], [known, FINISHED], color=LIGHT, width=0.6)
        panel.bar([0, 1], [n, n], color=DARK, width=0.6)
        panel.bar([1], [FINISHED - known], bottom=known, color="none", edgecolor=MIDDLE, hatch="//", width=0.6)
        for place, of in enumerate((known, FINISHED)):
            rate = proportion(n, of).text().replace("\u00a0(", "\n(")
            panel.annotate(rate, (place, of), ha="center", va="bottom", fontsize=8.5)
        panel.set(xticks=[0, 1], xticklabels=["paired", "NHS"], ylim=(0, 1.2 * FINISHED), xlim=(-0.6, 1.6),
                  title=f"{100 * missing:.0f} % without a score at end")
        panel.title.set_fontsize(9.5)
    panels[0, 0].set_ylabel("patients")
    return add_caption(figure, "The same recoveries, two denominators",
                       f"Made-up service of n = {FINISHED} patients at caseness who finished treatment. Dark: "
                       "recovered; light: not recovered; hatched: no score at end (missing). Above each bar n/N, per "
                       "cent and 95 % interval.")


# -- the exercises ---------------------------------------------------------------------------------

def _n(table: pd.DataFrame, end: bool | None = None, later: bool | None = None) -> int:
    """Patients of a six-month table of recovery, recovered (or not) at end and at follow-up; None: either."""
    rows = np.ones(len(table), bool)
    for column, wanted in (("end", end), ("follow_up", later)):
        if wanted is not None:
            rows &= (table[column] == RECOVERED) == wanted
    return table.loc[rows, "n"].sum()


def _rate(rates: pd.DataFrame, rate: str, denominator: str, column: str = "share") -> float:
    return rates.set_index(["rate", "denominator"]).loc[(rate, denominator), column]


def _n_kept(rates: pd.DataFrame, column: str = "n") -> int:
    return _rate(rates, "improvement_kept", "followed_up", column)


EXERCISES = {
    "not_recovered": exercise(
        lambda table: _n(table, end=False) / _n(table),
        "The paper prints the right per cent beside the wrong fraction. Who checks the denominator finds it out.",
        (lambda table: _n(table, end=False) / _n(table, end=True),
         "Do those above the line of your fraction belong to those below it?"),
        (lambda table: _n(table, end=True) / _n(table), "Those are the recovered ones. How many were not?"),
        (lambda table: _n(table, end=False, later=False) / _n(table),
         "That leaves out some who had no recovery at end."),
        (lambda table: _n(table, later=False) / _n(table), "That is at follow-up. The question is about the end."),
        hints=("A share of whom? Begin with the line below.",
               "Rows are the status at end. Whoever was not recovered then may stand in either column.",
               "Above the line: the total of the row with no reliable recovery. Below it: the total of the table."),
        explain="""
            A share has a part above the line and *the whole that the part belongs to* below it. The paper's text has
            the unrecovered above the line and the recovered below it. That is a ratio of two groups, an odds, and it
            looks like a share because it, too, is below one here. The check is quick: do those above the line all
            belong to those below it?""",
    ),
    "kept": exercise(
        lambda table: _n(table, True, True) / _n(table, end=True),
        "Durability is a question about those who had something to lose, so they are the denominator.",
        (lambda table: _n(table, later=True) / _n(table),
         "That is recovery at follow-up, of everybody: people who recovered later are in it."),
        (lambda table: _n(table, True, True) / _n(table), "Below the line is everybody. Who had something to keep?"),
        (lambda table: _n(table, True, True) / _n(table, later=True),
         "That looks back: of those well at follow-up, how many were well at end?"),
        (lambda table: _n(table, True, False) / _n(table, end=True), "Those lost it. How many kept it?"),
        hints=("Who had a recovery to keep?", "One row of the square is about them, and about nobody else.",
               "Below the line: recovered at end. Above it: those of them who are recovered at follow-up, too."),
        explain="""
            *Recovered at follow-up* has everybody below the line. It can stay the same from end to follow-up while many
            patients lose their recovery and as many others gain one. *Recovery kept* has those below the line who had
            recovered at end. Both are right. They answer different questions, and "the recovery rate at follow-up" may
            mean either: say which.""",
    ),
    "nhs": exercise(
        lambda rates: _rate(rates, RECOVERED, "nhs"),
        "The national definition keeps a patient without a score in the denominator: a service cannot better its rate "
        "by losing questionnaires.",
        (lambda rates: _rate(rates, RECOVERED, "paired"),
         "That is of those with both scores. What of those who finished without a score at end?"),
        (lambda rates: _rate(rates, RECOVERED, "nhs", "n") / _rate(rates, IMPROVED, "nhs", "of"),
         "That is of everybody who finished. Could all of them recover?"),
        (lambda rates: _rate(rates, RECOVERED, "nhs", "n") / _rate(rates, IMPROVED, "paired", "of"),
         "That is of everybody with both scores, those below caseness at the start included."),
        hints=("Who finished, and who of them is taken away?",
               "In the table above, each row has its patients in the last column: which rows stay below the line?",
               "Above the line: `reliable_recovery`. Below it: everybody in the table, less those whose baseline is "
               "known and not at caseness."),
        within=0.002,
    ),
    "direction": exercise(
        lambda rates: in_words(_rate(rates, RECOVERED, "nhs") - _rate(rates, RECOVERED, "paired"),
                               "lower", "the same", "higher"),
        "Counting silence as failure can only pull a rate down. It is not the truth either: it is a lower bound.",
        ("higher", "Is anybody added above the line?"),
        ("the same", "That would be so only if no score were missing."),
        hints=("Compare the two fractions, first above the line, then below it.",
               "Those without a score at end stand in one of the two fractions only: where in it?"),
        explain="""
            The NHS denominator is fair between services that lose few scores, and it cannot be bettered by losing more.
            Of a service that reports few scores it tells how many it reports. The paired denominator tells how those
            fared who have scores; whether the others fared alike, it cannot say. Where the two are far apart, quote
            both or neither.""",
        choices=("lower", "higher", "the same"),
    ),
    "known_to_keep": exercise(
        lambda rates: _n_kept(rates) / _rate(rates, IMPROVED, "nhs", "n"),
        "It is the least that the share of everybody can be. Non-response leaves open all that is above, more than the "
        "share of those who answered, too; lesson 6 and notebook 08 go on from here.",
        (lambda rates: _n_kept(rates, "share"), "That is of those who answered."),
        (lambda rates: _n_kept(rates) / _rate(rates, IMPROVED, "paired", "of"),
         "Below the line stand all with scores at end. Had all of them improved?"),
        (lambda rates: _n_kept(rates, "of") / _rate(rates, IMPROVED, "nhs", "n"),
         "That is the share who answered. What is known of each of them?"),
        hints=("Who had improved at end, whether or not they answered?",
               "`n` of the rate *reliable_improvement* had improved at end; `n` of *improvement_kept* are known to be "
               "improved still.",
               "Divide the second of these by the first."),
        explain="""
            Same patients above the line, very different ones below. The share of those who answered takes it that the
            others fared like them; this one, that all of the others lost it. Neither is known. This one is the least
            that is possible; those who did not answer may also have fared better than those who did.""",
    ),
    "carried": exercise(
        lambda cohort, counted: (counted["carried"] & ~counted["answered"]).sum(),
        "One rule of the study file decides over these patients. Notebook 03 says how many they are, and 08 shows the "
        "result without them.",
        (lambda cohort, counted: (completed(cohort, "12m") & ~completed(cohort, "6m")).sum(),
         "That is everybody who answered late. Are all of them in the table?"),
        (lambda cohort, counted: counted["carried"].sum(), "That is everybody in the table, with carry back."),
        (lambda cohort, counted: counted["answered"].sum(), "That is everybody in the table without carry back."),
        hints=("Who is in one of the two tables, and not in the other?", "`counted` has a column for each of the two.",
               'The sum of `counted["carried"] & ~counted["answered"]`.'),
        explain="""
            Those who answer late need not fare like those who answer on time, and a year after discharge is not half a
            year. Carrying back gives more patients and a less exact question. No calculation says whether that is a
            good bargain; a report says which it is, and shows the result without.""",
        within=0,
    ),
}

SUMMARY = """
    - Ask of every rate: who is above the line, who is below, and are those above a part of those below?
    - *At follow-up* and *kept* are different rates.
    - A missing score leaves the denominator (paired) or counts against the service (NHS). Look at how many there are.
    - A rule about late answers decides who is counted. State it.
"""
