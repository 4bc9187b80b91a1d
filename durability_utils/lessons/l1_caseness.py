"""Lesson L1, caseness and recovery: two cut-offs, and what it takes to cross them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from durability_utils.figures import DARK, LIGHT, MIDDLE, add_caption, new_figure
from durability_utils.lessons.checking import exercise, in_words
from durability_utils.outcomes.proportions import proportion
from durability_utils.outcomes.rules import at_caseness, classify
from durability_utils.study.measures import Measure
from durability_utils.study.rules import Rules


def case(phq9_score: float, gad7_score: float, phq9: Measure, gad7: Measure) -> str:
    """`yes` or `no`: whether a patient with these scores, in points, is at caseness."""
    return "yes" if at_caseness(phq9_score, gad7_score, phq9.caseness, gad7.caseness) else "no"


def recovered(at_end: pd.DataFrame) -> pd.Series:
    """True for those at caseness at baseline and not at end, however small the change; `at_end` by `classify`."""
    return at_end["improvement"].notna() & at_end["case_baseline"] & ~at_end["case_later"]


def recovery_rate(at_end: pd.DataFrame) -> float:
    """The share recovered of those at caseness at baseline, with both scores at both times."""
    return recovered(at_end)[_possible(at_end)].mean()


def _possible(at_end: pd.DataFrame) -> pd.Series:
    return at_end["improvement"].notna() & at_end["case_baseline"]


# -- the picture -----------------------------------------------------------------------------------

def cut_off_figure(cohort: pd.DataFrame, cut_offs: Sequence[float], top: float, title: str) -> Figure:
    """PHQ-9 at baseline against end, a panel for each cut-off, with how many cross it."""
    scores = cohort[["phq9_baseline", "phq9_end"]].dropna().astype(float)
    jitter = np.random.default_rng(1).uniform(-0.4, 0.4, scores.shape)  # whole points would hide one another
    figure, panels = new_figure(4.2 * len(cut_offs) + 0.6, 5.0, columns=len(cut_offs), squeeze=False, sharey=True)
    for panel, cut_off in zip(panels[0], cut_offs, strict=True):
        before, after = (at_caseness(scores[column], 0, cut_off, np.inf) for column in scores)
        colours = np.select([before & ~after, ~before & after], [DARK, MIDDLE], LIGHT)
        panel.scatter(*(scores.to_numpy() + jitter).T, s=6, c=colours, linewidth=0)
        panel.axhline(cut_off - 0.5, color="black", linestyle="--", linewidth=1)
        panel.axvline(cut_off - 0.5, color="black", linestyle="--", linewidth=1)
        rate = proportion((before & ~after).sum(), before.sum()).text()
        panel.set(xlim=(-0.6, top + 0.6), ylim=(-0.6, top + 0.6), aspect="equal", xlabel="PHQ-9 at baseline (points)",
                  title=f"cut-off {cut_off:g}: recovered\n{rate}")
        panel.title.set_fontsize(9.5)
    panels[0, 0].set_ylabel("PHQ-9 at end of treatment (points)")
    return add_caption(figure, "From caseness to below it, by the PHQ-9 alone",
                       f"{title}. n = {len(scores)} patients with both scores; {len(cohort) - len(scores)} of "
                       f"{len(cohort)} lack one. Dark: from the cut-off or above to below it; orange: the other way. "
                       "Dashed: the cut-off at both times. Rates are of those at caseness at baseline.")


# -- the exercises ---------------------------------------------------------------------------------

AT_START, LATER = (9, 8), (7, 8)  # PHQ-9 and GAD-7 of two patients, in points


def _with_higher_cut_off(cohort: pd.DataFrame, rules: Rules) -> str:
    higher = rules.changed("PHQ-9", caseness=rules.depression.caseness + 3)
    before, after = (recovery_rate(classify(cohort, "end", used)) for used in (rules, higher))
    return in_words(after - before, "lower", "the same", "higher")


EXERCISES = {
    "case": exercise(
        lambda phq9, gad7: case(*AT_START, phq9, gad7),
        "One measure is enough. Who is severely anxious and hardly depressed is a case.",
        ("no", "Look at each measure by itself: is one of the scores at its cut-off or above?"),
        ("it depends", "The rule leaves nothing open: both scores and both cut-offs are there."),
        choices=("yes", "no", "it depends"),
    ),
    "recovered_patient": exercise(
        lambda phq9, gad7: "no" if case(*LATER, phq9, gad7) == "yes" else "yes",
        "To become a case one measure is enough; to stop being one it takes both. The two rules are each other's "
        "reverse, and it is easy to get the second one wrong.",
        ("yes", "The PHQ-9 is below its cut-off. And the other one? A score at the cut-off counts as caseness."),
        ("it depends", "The rule leaves nothing open: both scores and both cut-offs are there."),
        choices=("yes", "no", "it depends"),
    ),
    "below_at_start": exercise(
        lambda at_end: 1 - _possible(at_end).sum() / at_end["improvement"].notna().sum(),
        "They cannot recover from what they do not have. Leave them in the denominator, and the rate can never reach "
        "one.",
        (lambda at_end: _possible(at_end).sum() / at_end["improvement"].notna().sum(),
         "Those are at caseness. How many are not?"),
        (lambda at_end: 1 - at_end["case_baseline"].mean(),
         "Below the line stand patients whose scores are not known. Take those with an `improvement` status."),
        (lambda at_end: 1 - at_end.loc[at_end["improvement"].notna(), "case_later"].mean(),
         "That is at end of treatment. The question is about baseline."),
        hint="Of those with a status (`improvement` is not missing), for whom is `case_baseline` False?",
    ),
    "recovery": exercise(
        recovery_rate,
        "This is the recovery rate of national reports (with paired scores): a share of those who were cases.",
        (lambda at_end: recovered(at_end).sum() / at_end["improvement"].notna().sum(),
         "Below the line stand patients who were never at caseness: leave them out."),
        (lambda at_end: (~at_end["case_later"])[at_end["improvement"].notna()].mean(),
         "That is everybody below the cut-offs at end, those who were below them at baseline included."),
        (lambda at_end: (at_end["recovery"] == "reliable_recovery").sum() / _possible(at_end).sum(),
         "That is *reliable* recovery, which asks for a reliable change as well. We come to it."),
        (lambda at_end: recovered(at_end).mean(),
         "Below the line stand all discharged patients, those without scores included."),
        hint="Below the line: a status and `case_baseline`. Above it: those of them with `case_later` False.",
        within=0.001,
    ),
    "by_a_hair": exercise(
        lambda at_end: (recovered(at_end) & (at_end["recovery"] != "reliable_recovery")).sum()
        / recovered(at_end).sum(),
        "They crossed a line without a change that exceeds the questionnaires' error. Reliable recovery leaves them "
        "out.",
        (lambda at_end: (at_end["recovery"] == "reliable_recovery").sum() / recovered(at_end).sum(),
         "Those did improve reliably. How many did not?"),
        (lambda at_end: (recovered(at_end) & (at_end["recovery"] != "reliable_recovery")).sum()
         / _possible(at_end).sum(),
         "Below the line: those who recovered, not all who could have."),
        hint="Of the patients in `recovered(at_end)`, who is not `reliable_recovery`?",
    ),
    "higher_cut_off": exercise(
        _with_higher_cut_off,
        "A higher line is easier to fall below, and those just below it at baseline drop out of the denominator. A "
        "rate is a property of the rule as much as of the patients.",
        ("lower",
         "Fewer patients are at caseness at baseline, that is so. But it is a rate among those: which of the two lines "
         "is easier to fall below?"),
        ("the same", "Some patients end with a score between the two cut-offs."),
        choices=("higher", "lower", "the same"),
    ),
}
