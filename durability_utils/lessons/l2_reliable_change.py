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
         "The root is missing: it is a share of the *variance*, and the SD is the variance's root."),
        (lambda sd, reliability: sd * reliability ** 0.5, "That is the SD of true severity. Error is the rest."),
        (lambda sd, reliability: sd, "That is how far people differ from each other, error and truth together."),
        hint="SD times the square root of the unreliable share.", within=0.05,
    ),
    "index": exercise(
        own_criterion,
        "This is Jacobson and Truax's reliable change index turned into points: error alone goes beyond it once in "
        "twenty times.",
        (lambda sd, reliability: 1.96 * standard_error(sd, reliability),
         "That would do if only one of the two scores had an error. Both have, so the difference has more."),
        (lambda sd, reliability: 2 ** 0.5 * standard_error(sd, reliability),
         "That is one standard error of a difference. How many of them does error go beyond once in twenty times?"),
        (lambda sd, reliability: 2 * 1.96 * standard_error(sd, reliability),
         "Two independent errors do not simply add up: their variances do, so it is the root of two, not two."),
        (lambda sd, reliability: 1.96 * sd, "That is about differences between people, not about error."),
        hint="1.96 times the root of two times the standard error.", within=0.05,
    ),
    "whole_points": exercise(
        smallest_whole_change,
        "Scores are whole numbers, so no change lies between 5 and 6. *More than 5.2* and *6 or more* are the same "
        "rule, and the second one cannot be misread.",
        (lambda index: round(index), "A change of so many points does not exceed the index: never round down."),
        (lambda index: index, "No patient can change by a fraction of a point. Which is the first change beyond?"),
        hint="The first whole number beyond the index.", within=0,
    ),
    "one_point": exercise(
        lambda people, phq9: _changed(people, 1),
        "Almost everybody's score changes when nothing has changed. A changed score is no news.",
        (lambda people, phq9: _improved(people, 1), "Those got lower scores. Count the higher ones as well."),
        (lambda people, phq9: _changed(people, 2), "A change of exactly one point counts, too."),
        (0, "Nobody's severity changed. Their scores did: there is a new error each time."),
        hint="The share of `people` whose two scores differ.",
    ),
    "by_error": exercise(
        lambda people, phq9: _improved(people, phq9.reliable_change),
        "So rare is a false improvement on this measure, in people picked without a look at their score: that is what "
        "the criterion buys. It is not none.",
        (lambda people, phq9: _changed(people, phq9.reliable_change),
         "That counts the falsely deteriorated as well. How many are called improved?"),
        (lambda people, phq9: _improved(people, phq9.reliable_change + 1),
         "A change of exactly the reliable change counts: at least, not more than."),
        (0.05, "Once in twenty is for both directions, and for an index that fits these people's SD and reliability. "
               "Count them."),
        hint="Whose score fell by at least `phq9.reliable_change`?", within=0.002,
    ),
    "better_questionnaire": exercise(
        lambda sd, reliability: in_words(own_criterion(sd, (1 + reliability) / 2) - own_criterion(sd, reliability),
                                         "smaller", "the same", "larger"),
        "A better questionnaire sees smaller changes. A criterion belongs to a questionnaire, to a kind of "
        "reliability, and to a group of people.",
        ("larger", "More reliable means less error. Does a change then need to be larger to exceed it?"),
        ("the same", "Reliability is in the formula: look where."),
        choices=("smaller", "larger", "the same"),
    ),
}
