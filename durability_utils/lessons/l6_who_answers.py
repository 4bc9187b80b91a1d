"""Lesson L6, who answers: the way from everyone discharged to a table, drop-out that is not by chance, and bounds."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from durability_utils.figures import DARK, LIGHT, MIDDLE, add_caption, new_figure
from durability_utils.lessons.checking import exercise, in_words
from durability_utils.outcomes.proportions import Proportion, proportion
from durability_utils.outcomes.response import response_flags, who_answered
from durability_utils.outcomes.rules import carry_back, classify
from durability_utils.outcomes.transitions import inclusion
from durability_utils.study.study_file import Study

IMPROVED = "reliable_improvement"
STUDIES = 100  # repeated to see how many of their intervals hold the truth


# -- the study -------------------------------------------------------------------------------------

def funnel(cohort: pd.DataFrame, study: Study) -> pd.Series:
    """How many patients each stage has: discharged, consented, answered, improvement (table), recovery (table)."""
    answered = who_answered(cohort)
    carried = carry_back(answered) if study.rules.carry_back else answered
    statuses = [classify(carried, time, study.rules) for time in ("end", "6m")]
    n = inclusion(carried, *statuses).value_counts()
    return pd.Series({
        "discharged": len(cohort),
        "consented": response_flags(cohort)["consented"].sum(),
        "answered": len(answered),
        "improvement": n["counted"] + n["below_caseness"],
        "recovery": n["counted"],
    }, name="patients")


def kept_gains(cohort: pd.DataFrame, study: Study) -> pd.Series:
    """Of everyone who had reliably improved at end: `improved_at_end`, `known` at 6 months, `kept` then.

    Without carry back, whatever the rules say: that a late answer holds for 6 months is an assumption.
    """
    end, later = (classify(cohort, time, study.rules)["improvement"] for time in ("end", "6m"))
    improved = end == IMPROVED
    return pd.Series({"improved_at_end": improved.sum(), "known": (improved & later.notna()).sum(),
                      "kept": (improved & (later == IMPROVED)).sum()}, name="patients")


# -- what drop-out does ----------------------------------------------------------------------------

def who_would_answer(kept: float, answers: float, less: float, n: int, seed: int = 6) -> pd.DataFrame:
    """n simulated people who had improved at end, one a row: whether they `kept` their gains, whether they `answered`.

    kept: the share who kept their gains. answers: the share of them who answer; of those who lost their gains, the
    share `less` fewer do.
    """
    random = np.random.default_rng(seed)
    has_kept = random.random(n) < kept
    answered = random.random(n) < answers * np.where(has_kept, 1, 1 - less)
    return pd.DataFrame({"kept": has_kept, "answered": answered})


def seen_share(kept: float, answers: float, less: float) -> float:
    """The share that is expected to have kept their gains among those who answer (Bayes' rule)."""
    answered_kept, answered_lost = kept * answers, (1 - kept) * answers * (1 - less)
    return answered_kept / (answered_kept + answered_lost)


def complete_cases(people: pd.DataFrame) -> Proportion:
    """Those who kept their gains, of those who answered, with Wilson's 95 % interval."""
    return proportion((people["kept"] & people["answered"]).sum(), people["answered"].sum())


def truth_and_seen(people: pd.DataFrame, kept: float, answers: float, less: float) -> Markdown:
    """The true share, what is expected among those who answer, and what these simulated people gave."""
    return Markdown(f"- truth: {100 * kept:.0f} %\n"
                    f"- expected among those who answer: {100 * seen_share(kept, answers, less):.0f} %\n"
                    f"- simulated, of those who answered: {complete_cases(people).text()}")


def worst_and_best(kept: int, known: int, everybody: int) -> tuple[float, float]:
    """The smallest and largest share of everybody that may have kept their gains, whatever became of the unknown.

    Worst: nobody of whom nothing is known kept them; best: all of them did (Manski 1989).
    """
    return kept / everybody, (kept + everybody - known) / everybody


def intervals_with_truth(kept: float, answers: float, less: float, n: int) -> int:
    """Of 100 such simulated studies, how many have a 95 % interval of the complete cases that holds the true `kept`."""
    intervals = [complete_cases(who_would_answer(kept, answers, less, n, seed)) for seed in range(STUDIES)]
    return sum(found.low <= kept <= found.high for found in intervals)


# -- pictures --------------------------------------------------------------------------------------

def drop_out_figure(settings: Sequence[tuple[float, int]], kept: float, answers: float) -> Figure:
    """What those who answered say and what is certain, beside the truth: a row for each (less, n)."""
    figure, axes = new_figure(8.5, 1.9 + 0.75 * len(settings))
    labels = []
    for row, (less, n) in enumerate(settings):
        people = who_would_answer(kept, answers, less, n)
        seen, answered = complete_cases(people), people["answered"].sum()
        low, high = worst_and_best(seen.n, answered, n)
        axes.barh(row, 100 * (high - low), left=100 * low, height=0.42, color=LIGHT,
                  label="_" if row else "from worst to best case")
        axes.hlines(row, 100 * seen.low, 100 * seen.high, color=DARK, linewidth=2.5,
                    label="_" if row else "95 % interval of those who answered")
        axes.plot(100 * seen.share, row, "o", color=DARK, label="_" if row else "share of those who answered")
        axes.plot(100 * people["kept"].mean(), row, "D", color=MIDDLE, markeredgecolor="black",
                  label="_" if row else "truth: share of everybody")
        labels.append(f"{100 * less:.0f} % less often\nn = {n}, missing {n - answered}")
    axes.set(yticks=range(len(settings)), yticklabels=labels, ylim=(len(settings) - 0.5, -0.5), xlim=(0, 100),
             xlabel="per cent who kept their gains")
    axes.legend(loc="lower left", bbox_to_anchor=(-0.2, 1), ncols=2, frameon=False, fontsize=8.5)
    return add_caption(figure, "Those who lost their gains answer less often",
                       f"Simulated people who had improved at end. Of those who kept their gains {100 * answers:.0f} % "
                       "answer, of those who lost them as many fewer as the row says. n: everybody who had improved; "
                       "missing: did not answer.")


def bounds_figure(counts: pd.Series, title: str, source: str) -> Figure:
    """The share of everybody who kept their gains, by what is assumed of those of whom nothing is known."""
    everybody, known, kept = counts["improved_at_end"], counts["known"], counts["kept"]
    low, high = worst_and_best(kept, known, everybody)
    seen = proportion(kept, known)
    figure, axes = new_figure(8, 4.6)
    axes.plot([0, 100], [100 * low, 100 * high], color=DARK, linewidth=2, label="everybody who had improved at end")
    axes.axhspan(100 * seen.low, 100 * seen.high, color=LIGHT, alpha=0.6, linewidth=0,
                 label="95 % interval of those who answered")
    axes.plot(100 * seen.share, 100 * seen.share, "o", color=MIDDLE, markeredgecolor="black", markersize=8,
              label="the unknown as those who answered")
    axes.set(xlim=(0, 100), ylim=(0, 101), xlabel="assumed: per cent of the unknown who kept their gains",
             ylabel="per cent of everybody")
    axes.legend(loc="lower right", frameon=False, fontsize=8.5)
    return add_caption(figure, title, f"{source} n = {everybody} who had reliably improved at end; known at 6 months: "
                                      f"{known}, missing: {everybody - known}. Certain without any assumption: "
                                      f"between {100 * low:.0f} % and {100 * high:.0f} %.")


# -- the exercises ---------------------------------------------------------------------------------

EXERCISES = {
    "answered": exercise(
        lambda stages: stages["answered"] / stages["discharged"],
        "Whatever the tables say of outcomes at follow-up, they say of this share of the patients discharged.",
        (lambda stages: stages["answered"] / stages["consented"],
         "That is of those who consented. Were others discharged as well?"),
        (lambda stages: stages["consented"] / stages["discharged"],
         "Those consented to be contacted. Did all of them send a questionnaire back?"),
        (lambda stages: stages["improvement"] / stages["discharged"],
         "Those are in the table of improvement. Did others answer as well?"),
        hints=("A share of whom? Begin with the line below.", "Two rows of the table are all you need: which?",
               "Divide those who answered at least once by everyone discharged."),
        explain="""
            Consent is asked before anybody has relapsed or stayed well. Who sends the questionnaire back is decided
            after. The second kind is the dangerous one: a patient who feels bad again may not want to fill in forms for
            the service that discharged them, or may be just the one who does. Nobody knows which.""",
        within=0.001,
    ),
    "direction": exercise(
        lambda people: in_words(complete_cases(people).share - people["kept"].mean(),
                                "too low", "about right", "too high", within=0.02),
        "Those who lost their gains are rarer among the answers than among the people, so what is seen looks too good.",
        ("too low", "It would be so if those who kept their gains stayed silent. Who stays silent here?"),
        ("about right", "That needs both groups to answer equally often, or nearly everybody to answer."),
        hints=("Compare the two groups.", "Which of them is missing more often, and what would it have said?"),
        explain="""
            It takes two things for the share to be off: those who kept and those who lost their gains answer
            *differently often*, and *not everybody answers*. If answering had nothing to do with the outcome, few
            answers would make the result unsure, but not wrong.""",
        choices=("too high", "too low", "about right"),
    ),
    "seen": exercise(
        seen_share,
        "The truth went in and this comes out. Nothing in the answers themselves shows the difference.",
        (lambda kept, answers, less: kept, "That is the truth. Among those who answer it is another share."),
        (lambda kept, answers, less: kept * answers, "That is of everybody. Of whom does the question speak?"),
        (lambda kept, answers, less: kept * answers + (1 - kept) * answers * (1 - less),
         "That is the share who answer at all. How many of these kept their gains?"),
        (lambda kept, answers, less: seen_share(kept, answers, 1 - less),
         "Those who lost their gains answer less often *by* this share, not *at* this share of the rate."),
        hints=("Count people, not shares: begin with the 1000.",
               "Four numbers: how many kept their gains, and how many of them answer; how many lost them, and how many "
               "of them answer.",
               "`kept * answers` divided by the sum of it and of `(1 - kept) * answers * (1 - less)`."),
        within=0.006,
    ),
    "interval": exercise(
        lambda studies: "far fewer" if studies < 85 else "all" if studies == STUDIES else "about 95",
        "The interval tells how far chance may have moved the share among people *like those who answered*. That the "
        "others differ is no matter of chance, and a larger study only makes the interval surer of it.",
        ("about 95", "So it would be if chance alone decided who answers."),
        ("all", "For that the interval would have to be very wide."),
        hints=("Where is the middle of these intervals?", "And how wide are they, with so many people?"),
        explain="""
            A 95 % interval answers one question: how far may *chance* have moved the share, if we draw again *in the
            same way*? Here the way of drawing itself is skewed. With more people chance grows smaller, the interval
            narrower, and so it leaves the truth behind more surely. An interval is never a statement on those who did
            not answer.""",
        choices=("far fewer", "about 95", "all"),
    ),
    "worst": exercise(
        lambda counts: worst_and_best(counts["kept"], counts["known"], counts["improved_at_end"])[0],
        "Less than this cannot be, whatever became of the others: it needs no assumption.",
        (lambda counts: counts["kept"] / counts["known"], "That is of those who answered."),
        (lambda counts: counts["known"] / counts["improved_at_end"],
         "That is the share of whom anything is known. How many of them kept their gains?"),
        (0, "Some are known to have kept their gains: they stay, in the worst case too."),
        hints=("What became of those of whom nothing is known, in the worst case?",
               "Above the line stand only those who are known to be well still; below it everybody who had improved.",
               "Divide `kept` by `improved_at_end`."),
    ),
    "best": exercise(
        lambda counts: worst_and_best(counts["kept"], counts["known"], counts["improved_at_end"])[1],
        "The distance between worst and best case is just the share of whom nothing is known. Only more answers make "
        "it smaller.",
        (1, "Some are known to have lost their gains: they stay lost, in the best case too."),
        (lambda counts: 1 - counts["known"] / counts["improved_at_end"],
         "Those are the unknown alone."),
        (lambda counts: counts["kept"] / counts["known"], "That is of those who answered."),
        hints=("What became of those of whom nothing is known, in the best case?",
               "Two groups stand above the line: those known to be well still, and those of whom nothing is known.",
               "`kept` and (`improved_at_end` less `known`), divided by `improved_at_end`."),
        explain="""
            Bounds as wide as these feel useless. They are not: they say *what the data alone can say*, and that
            everything narrower comes from an assumption. The grey band in the picture assumes that those who did not
            answer fared like those who did. That may be. Nothing in the data can show it, and an interval around the
            dot does not know that it was assumed.

            What does help, in this order: more answers (reminders, a telephone call, an appointment at discharge); data
            that exist of everyone, such as coming back to the service; comparing those who answered with those who did
            not on what is known of both (notebook 05), which can raise an alarm but never sound the all-clear; and
            saying for whom the result speaks.""",
        within=0.002,
    ),
}

SUMMARY = """
    - Say of whom a result speaks, beginning with everyone discharged.
    - Drop-out that depends on the outcome moves the result; more patients do not move it back.
    - A 95 % interval is about chance. It says nothing about who answers.
    - From worst to best case is as wide as the share of whom nothing is known. Only answers make it narrower.
"""
