"""Lesson L2, measurement error and reliable change: how large a change must be before it is more than error."""

from collections.abc import Sequence
from math import floor

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from durability_utils.analyses.reliable_change import own_criterion, standard_error
from durability_utils.figures import DARK, LIGHT, MIDDLE, add_caption, new_figure
from durability_utils.lessons.checking import exercise, in_words
from durability_utils.outcomes.proportions import proportion
from durability_utils.outcomes.rules import reliable_improvement


def called_improved(before: pd.Series, later: pd.Series, criterion: float) -> pd.Series:
    """True for whom the rule calls reliably improved by this measure alone, with a criterion in points."""
    return pd.Series(reliable_improvement(before - later, 0 * before, criterion, np.inf) == "reliable_improvement",
                     before.index)


def smallest_whole_change(index: float) -> int:
    """The smallest change in whole points that exceeds an index, in points."""
    return floor(index) + 1


def steps_to_the_index(sd: float, reliability: float) -> pd.DataFrame:
    """The three steps from the error of a score to the reliable change index, in points."""
    error = standard_error(sd, reliability)
    return pd.Series({
        "standard error of measurement": error,
        "standard error of a difference": 2 ** 0.5 * error,
        "1.96 of them: the reliable change index": own_criterion(sd, reliability),
    }, name="points").round(2).to_frame()


def improved_by_error(people: pd.DataFrame, criteria: Sequence[int]) -> pd.DataFrame:
    """The share of unchanged `people` called improved with each of these criteria, in points."""
    shares = {points: called_improved(people["referral"], people["start"], points).mean() for points in criteria}
    return pd.Series(shares, name="share called improved").rename_axis("points").round(3).to_frame()


# -- the picture -----------------------------------------------------------------------------------

def jacobson_figure(cohort: pd.DataFrame, settings: Sequence[tuple[float, float, float]], top: float,
                    title: str) -> Figure:
    """PHQ-9 at baseline against end with the band of error, a panel for each (reliability, SD, cut-off)."""
    scores = cohort[["phq9_baseline", "phq9_end"]].dropna().astype(float).set_axis(["before", "later"], axis="columns")
    jitter = np.random.default_rng(1).uniform(-0.4, 0.4, scores.shape)  # whole points would hide one another
    figure, panels = new_figure(4.2 * len(settings) + 0.6, 5.1, columns=len(settings), squeeze=False, sharey=True)
    line = np.array([0, top])
    for panel, (reliability, sd, cut_off) in zip(panels[0], settings, strict=True):
        criterion = smallest_whole_change(own_criterion(sd, reliability))
        better = called_improved(scores["before"], scores["later"], criterion)
        worse = called_improved(scores["later"], scores["before"], criterion)
        colours = np.select([better, worse], [DARK, MIDDLE], LIGHT)
        panel.scatter(*(scores.to_numpy() + jitter).T, s=6, c=colours, linewidth=0)
        for side in (-1, 1):
            panel.plot(line, line + side * (criterion - 0.5), color="black", linewidth=0.9)
        panel.axhline(cut_off - 0.5, color="black", linestyle="--", linewidth=0.9)
        panel.set(xlim=(-0.6, top + 0.6), ylim=(-0.6, top + 0.6), aspect="equal", xlabel="PHQ-9 at baseline (points)",
                  title=f"reliability {reliability:g}, SD {sd:.1f}: reliable from {criterion} points\n"
                        f"improved {proportion(better.sum(), len(better)).text()}")
        panel.title.set_fontsize(9.5)
    panels[0, 0].set_ylabel("PHQ-9 at end of treatment (points)")
    return add_caption(figure, "Beyond error, by the PHQ-9 alone",
                       f"{title}. n = {len(scores)} patients with both scores; {len(cohort) - len(scores)} of "
                       f"{len(cohort)} lack one. Between the lines: changes that error alone often makes. Dark: "
                       "reliably improved; orange: reliably deteriorated. Dashed: the cut-off.")


# -- the exercises ---------------------------------------------------------------------------------

def _changed(people: pd.DataFrame, points: float) -> float:
    return ((people["referral"] - people["start"]).abs() >= points).mean()


def _improved(people: pd.DataFrame, points: float) -> float:
    return called_improved(people["referral"], people["start"], points).mean()


EXERCISES = {
    "error": exercise(
        standard_error,
        "So many points lie, as a rule, between what the questionnaire shows and what it would show without error.",
        (lambda sd, reliability: sd * (1 - reliability),
         "You took a share of the SD. Of what does reliability say a share?"),
        (lambda sd, reliability: sd * reliability ** 0.5, "That is the SD of true severity. Error is the rest."),
        (lambda sd, reliability: sd, "That is how far people differ from each other, error and truth together."),
        hints=("Which share of the differences between people is error?",
               "Reliability divides the *variance*. What you look for is an SD, in points.",
               "SD times the square root of (1 - reliability)."),
        explain="""
            Of the variance, the share 1 - reliability is error. The error's SD is the root of that:
            *SD x root of (1 - reliability)*.""",
        within=0.05,
    ),
    "index": exercise(
        own_criterion,
        "This is Jacobson and Truax's reliable change index turned into points: error alone goes beyond it once in "
        "twenty times.",
        (lambda sd, reliability: 1.96 * standard_error(sd, reliability),
         "That would do if only one of the two scores had an error."),
        (lambda sd, reliability: 2 ** 0.5 * standard_error(sd, reliability),
         "That is one SD of such a difference. How often does error go beyond one?"),
        (lambda sd, reliability: 2 * 1.96 * standard_error(sd, reliability),
         "You added up the two errors. What is it that adds up?"),
        (lambda sd, reliability: 1.96 * sd, "That is about differences between people, not about error."),
        hints=("How many errors are there in a difference of two scores?",
               "Two steps: the SD of a difference of two errors, from the sum of their variances; and how many of "
               "these SDs error goes beyond once in twenty times.",
               "1.96 times the root of two times the standard error of measurement."),
        explain="""
            *1.96 x root of 2 x SD x root of (1 - reliability)*: Jacobson and Truax published this in 1991, and most
            outcome reports rest on it. The national manual has another number for the PHQ-9, since another SD belongs
            to it.""",
        within=0.05,
    ),
    "whole_points": exercise(
        smallest_whole_change,
        "Scores are whole numbers, so no change lies between the index and the next whole number. *More than* the "
        "index and *at least* that number are the same rule, and the second one cannot be misread.",
        (lambda index: round(index), "Does a change of so many points exceed the index?"),
        (lambda index: index, "Can a patient change by a fraction of a point?"),
        hints=("Which changes are there at all?",
               "Write the possible changes down: which of them lie beyond the index?",
               "The first whole number beyond the index."),
        explain="""
            Software differs here, and patients with it: *more than 5.2*, *at least 5.2* and *at least 6* are the same
            for whole numbers; *at least 5* (the index rounded) is not, and calls many more patients improved. The study
            file's measures have the smallest whole change, and the rule is *at least*.""",
        within=0,
    ),
    "one_point": exercise(
        lambda people, phq9: _changed(people, 1),
        "Most scores change when nothing has changed. A changed score is no news.",
        (lambda people, phq9: _improved(people, 1), "Those got lower scores. What of the higher ones?"),
        (lambda people, phq9: _changed(people, 2), "A change of exactly one point counts, too."),
        (0, "Nobody's severity changed. But is that all there is in a score?"),
        hints=("Up counts as much as down.", "Put the two columns of `people` beside each other, row by row.",
               'The mean of `people["referral"] != people["start"]`.'),
    ),
    "by_error": exercise(
        lambda people, phq9: _improved(people, phq9.reliable_change),
        "So rare is a false improvement on this measure, in people picked without a look at their score: that is what "
        "the criterion buys. It is not none.",
        (lambda people, phq9: _changed(people, phq9.reliable_change),
         "That counts the falsely deteriorated as well."),
        (lambda people, phq9: _improved(people, phq9.reliable_change + 1),
         "A change of exactly the reliable change counts, too."),
        (0.05, "Once in twenty is for both directions, and for an index that fits these people's SD and reliability."),
        hints=("In which direction is a change an improvement?",
               "`phq9.reliable_change` is the smallest change that counts, in points. A fall is an improvement.",
               'The mean of `people["referral"] - people["start"] >= phq9.reliable_change`.'),
        explain="""
            A low criterion calls error improvement, a high one calls improvement nothing. Once in twenty is a
            convention between the two. Two warnings: these people were picked without a look at their score, and a
            service does look (lesson 5); and the study's rule takes two measures, which gives error two chances
            (lesson 3).""",
        within=0.002,
    ),
    "better_questionnaire": exercise(
        lambda sd, reliability: in_words(own_criterion(sd, (1 + reliability) / 2) - own_criterion(sd, reliability),
                                         "smaller", "the same", "larger"),
        "A better questionnaire sees smaller changes. A criterion belongs to a questionnaire, to a kind of "
        "reliability, and to a group of people.",
        ("larger", "More reliable means less error. What does a change have to exceed?"),
        ("the same", "The SD stays, that is so. Is it the only thing that the index depends on?"),
        hints=("What does a more reliable questionnaire have less of?",
               "Look where the reliability stands in your answer to question 2."),
        explain="""
            The lower the reliability, the wider the band in the picture, and the fewer patients have reliably improved,
            with the very same scores. Reliability is not a property of the paper alone: agreement of items on one day
            is higher than agreement of scores two weeks apart, and each gives another criterion. So a report says which
            criterion it used, and where it comes from; here, `parameters/measures.yaml` does.""",
        choices=("smaller", "larger", "the same"),
    ),
}

SUMMARY = """
    - Scores change when nothing has changed. The standard error of measurement says by how much.
    - A difference has two errors in it: hence the root of two.
    - The smallest whole change beyond the index counts, and *at least* is the rule.
    - About one in forty unchanged people passes for improved on one measure with an index that fits: rare, not never.
    - SD and reliability make the criterion. Other people, another criterion.
"""
