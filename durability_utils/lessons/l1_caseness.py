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


def by_reliable_recovery(at_end: pd.DataFrame) -> pd.DataFrame:
    """Patients at caseness at baseline: recovered or not (rows), recovered reliably or not (columns), with totals."""
    could = at_end[_possible(at_end)]
    return pd.crosstab(recovered(could), could["recovery"].astype("str"), rownames=["recovered"],
                       colnames=["reliably"], margins=True)


def rates_by_cut_off(cohort: pd.DataFrame, rules: Rules, cut_offs: Sequence[int]) -> pd.DataFrame:
    """The recovery rate with each of these cut-offs of the PHQ-9, that of the GAD-7 unchanged."""
    rates = {points: recovery_rate(classify(cohort, "end", rules.changed("PHQ-9", caseness=points)))
             for points in cut_offs}
    return pd.Series(rates, name="recovery rate").rename_axis("cut-off of the PHQ-9").round(3).to_frame()


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
        ("no", "Of how many of the two scores does the rule ask that they reach their cut-off?"),
        ("it depends", "The rule leaves nothing open: both scores and both cut-offs are there."),
        hints=("Read the rule again, word by word.", "Put each score beside the cut-off of its own measure."),
        choices=("yes", "no", "it depends"),
    ),
    "recovered_patient": exercise(
        lambda phq9, gad7: "no" if case(*LATER, phq9, gad7) == "yes" else "yes",
        "To become a case one measure is enough; to stop being one it takes both. The two rules are each other's "
        "reverse, and it is easy to get the second one wrong.",
        ("yes", "The PHQ-9 is below its cut-off. And the other one?"),
        ("it depends", "The rule leaves nothing open: both scores and both cut-offs are there."),
        hints=("What is the opposite of *at least one at its cut-off or above*?",
               "Put each score beside its cut-off. A score at the cut-off counts as caseness."),
        explain="""
            *At least one at or above* is the rule for being a case. Its opposite is *both below*. Whoever reads "below
            the cut-off" with one questionnaire in mind makes too many patients recover.""",
        choices=("yes", "no", "it depends"),
    ),
    "below_at_start": exercise(
        lambda at_end: 1 - _possible(at_end).sum() / at_end["improvement"].notna().sum(),
        "They cannot recover from what they do not have. Leave them in the denominator, and the rate can never reach "
        "one.",
        (lambda at_end: _possible(at_end).sum() / at_end["improvement"].notna().sum(),
         "Those are at caseness. How many are not?"),
        (lambda at_end: 1 - at_end["case_baseline"].mean(),
         "Below the line of your fraction stand patients whose scores are not known."),
        (lambda at_end: 1 - at_end.loc[at_end["improvement"].notna(), "case_later"].mean(),
         "That is at end of treatment. The question is about baseline."),
        hints=("Of whom is it a share? Begin with the line below.",
               "Two columns decide: `improvement` says who counts, `case_baseline` who was at caseness.",
               "Of the rows where `improvement` is not missing: the share with `case_baseline` False."),
        explain="""
            People below both lines are treated too, for good reasons: a phobia that neither questionnaire asks about, a
            relapse that one wants to prevent. But *moving from caseness to below it* is not open to them, so a recovery
            rate leaves them out.""",
    ),
    "recovery": exercise(
        recovery_rate,
        "This is the recovery rate of national reports (with paired scores): a share of those who were cases.",
        (lambda at_end: recovered(at_end).sum() / at_end["improvement"].notna().sum(),
         "Below the line stand patients who could not recover."),
        (lambda at_end: (~at_end["case_later"])[at_end["improvement"].notna()].mean(),
         "That is everybody below the cut-offs at end. Could all of them recover?"),
        (lambda at_end: (at_end["recovery"] == "reliable_recovery").sum() / _possible(at_end).sum(),
         "That is *reliable* recovery, which asks for more. We come to it."),
        (lambda at_end: recovered(at_end).mean(),
         "Below the line stand all discharged patients. Can you say of each whether he or she has recovered?"),
        hints=("Who could recover, and is known to have or not? Begin with the line below.",
               "Three columns decide: `improvement` (is there a status?), `case_baseline` and `case_later`.",
               "Below the line: a status and `case_baseline`. Above it: those of them with `case_later` False."),
        explain="""
            The number is called "recovery rate" in every report, and every report must say of whom. Lesson 4 is about
            nothing else.""",
        within=0.001,
    ),
    "by_a_hair": exercise(
        lambda at_end: (recovered(at_end) & (at_end["recovery"] != "reliable_recovery")).sum()
        / recovered(at_end).sum(),
        "They crossed a line without a change that exceeds the questionnaires' error. Reliable recovery leaves them "
        "out.",
        (lambda at_end: (at_end["recovery"] == "reliable_recovery").sum() / recovered(at_end).sum(),
         "Those did recover reliably. How many did not?"),
        (lambda at_end: (recovered(at_end) & (at_end["recovery"] != "reliable_recovery")).sum()
         / _possible(at_end).sum(),
         "Below the line stand all who could recover. Of whom does the question speak?"),
        hints=("Of whom does the question ask a share?",
               "`has_recovered` is True for those who recovered; `recovery` says who of them did so reliably.",
               'Of the rows with `has_recovered`: the share whose `recovery` is not `"reliable_recovery"`.'),
        explain="""
            A line has two sides and nothing in between. Patients near it cross it for little, often by error alone, and
            patients far from it may gain much and stay a case. Recovery says where a patient *is*, reliable change how
            far he or she has *moved*. Reliable recovery asks for both.""",
    ),
    "higher_cut_off": exercise(
        _with_higher_cut_off,
        "A higher line is easier to fall below, and those just below it at baseline drop out of the denominator. A "
        "rate is a property of the rule as much as of the patients.",
        ("lower", "Fewer patients are at caseness at baseline, that is so. But it is a rate among those."),
        ("the same", "Some patients end with a score between the two cut-offs."),
        hints=("Above and below the line of the fraction something changes: think of each.",
               "Who stands between the two cut-offs at end, and who at baseline?"),
        explain="""
            Nobody's score changed, and the rate did. Cut-offs are agreed, not found: they balance cases missed against
            healthy people called cases. So a rate can only be compared with another one that was made with the same
            lines.""",
        choices=("higher", "lower", "the same"),
    ),
}

SUMMARY = """
    - At caseness: at least one score at its cut-off or above. Recovered: before yes, now both below.
    - The denominator of recovery holds those at caseness at baseline, and nobody else.
    - Recovery is about a place, reliable change about a distance; reliable recovery is both.
    - Move the line, and the rate moves.
"""
