"""Lesson L3, two measures at once: one rule for both, the mixed case, and what a second chance costs."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from durability_utils.figures import COLOURS, MIDDLE, add_caption, new_figure
from durability_utils.lessons.checking import exercise, in_words
from durability_utils.outcomes.rules import IMPROVEMENT, mixed_change, reliable_improvement
from durability_utils.study.measures import Measure

PEOPLE = 100_000
STATUS = {"improved": "reliable_improvement", "deteriorated": "reliable_deterioration",
          "neither": "no_reliable_improvement"}


def status(phq9_change: float, gad7_change: float, phq9: Measure, gad7: Measure) -> str:
    """`improved`, `deteriorated` or `neither`: what the study's rule says of these changes, in points."""
    code = reliable_improvement([phq9_change], [gad7_change], phq9.reliable_change, gad7.reliable_change)[0]
    return next(word for word, name in STATUS.items() if name == code)


def unchanged_people(correlation: float, seed: int = 3) -> pd.DataFrame:
    """100 000 people who have not changed, and their changes on two measures, in standard errors of a change.

    Columns `first` and `second`: errors of measurement only, normal, with this correlation. Beyond 1.96 lies 2.5 % at
    either end, which is what a reliable change promises for one measure.
    """
    changes = np.random.default_rng(seed).multivariate_normal(
        [0, 0], [[1, correlation], [correlation, 1]], PEOPLE)
    return pd.DataFrame(changes, columns=["first", "second"])


def called_changed(people: pd.DataFrame, criterion: float = 1.96) -> pd.Series:
    """The shares of those people whom the rule calls improved, deteriorated, mixed; and improved by `first` alone."""
    codes = reliable_improvement(people["first"], people["second"], criterion, criterion)
    return pd.Series({
        "improved": (codes == STATUS["improved"]).mean(),
        "deteriorated": (codes == STATUS["deteriorated"]).mean(),
        "mixed": mixed_change(people["first"], people["second"], criterion, criterion).mean(),
        "improved by the first measure alone": (people["first"] >= criterion).mean(),
    }, name="share of people")


def by_one_and_by_both(at_end: pd.DataFrame, phq9: Measure) -> pd.DataFrame:
    """Patients with a status: improved by the PHQ-9 alone or not (rows), status by both measures (columns), totals."""
    known = at_end[at_end["improvement"].notna()]
    return pd.crosstab(_better(known, phq9), known["improvement"].astype("str"), rownames=["by the PHQ-9 alone"],
                       colnames=["by both measures"], margins=True)


# -- the pictures ----------------------------------------------------------------------------------

def rule_figure(settings: Sequence[tuple[float, float]], changes: pd.DataFrame | None = None,
                caption: str = "") -> Figure:
    """The plane of two changes and what the rule says of each point, a panel for each pair of reliable changes.

    changes: patients to draw in the first panel, `phq9_change` and `anxiety_change` in points.
    """
    figure, panels = new_figure(4.3 * len(settings) + 0.8, 4.9, columns=len(settings), squeeze=False, sharey=True)
    edges = np.arange(-12, 24.01, 0.25)
    x, y = np.meshgrid(edges[:-1] + 0.125, edges[:-1] + 0.125)
    colours = ListedColormap([COLOURS[code] for code in IMPROVEMENT])
    for panel, (phq9, gad7) in zip(panels[0], settings, strict=True):
        codes = reliable_improvement(x.ravel(), y.ravel(), phq9, gad7).codes.reshape(x.shape)
        panel.pcolormesh(edges, edges, codes, cmap=colours, vmin=0, vmax=2, alpha=0.6, rasterized=True)
        for place in ((-9, 16), (16, -9)):
            panel.annotate("mixed", place, ha="center", fontsize=9)
        panel.set(xlabel=f"fall on PHQ-9 (points), reliable from {phq9:g}", aspect="equal", title=" ")
        panel.set_ylabel(f"fall on GAD-7 (points), reliable from {gad7:g}")
    if changes is not None:
        known = changes.dropna()
        panels[0, 0].plot(known["phq9_change"], known["anxiety_change"], ".", color="black", markersize=2.5)
    boxes = [Patch(color=COLOURS[code], alpha=0.6, label=word) for word, code in STATUS.items()]
    legend = panels[0, 0].legend(handles=boxes, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False,
                                 fontsize=8.5)
    legend.set_in_layout(False)
    return add_caption(figure, "What the rule says of two changes", caption)


def chance_figure(correlations: Sequence[float]) -> Figure:
    """How many unchanged people are called improved, deteriorated or mixed, by how alike their two errors are."""
    figure, axes = new_figure(8, 3.8)
    table = pd.DataFrame({correlation: called_changed(unchanged_people(correlation)) for correlation in correlations})
    colours = {"improved": COLOURS[STATUS["improved"]], "deteriorated": COLOURS[STATUS["deteriorated"]],
               "mixed": "#6b747c"}
    for shift, (row, colour) in zip((-0.27, 0, 0.27), colours.items(), strict=True):
        places = np.arange(len(correlations)) + shift
        axes.bar(places, 100 * table.loc[row], 0.25, color=colour, label=row)
        for place, share in zip(places, 100 * table.loc[row], strict=True):
            axes.annotate(f"{share:.1f}", (place, share), ha="center", va="bottom", fontsize=8.5)
    axes.axhline(100 * table.loc["improved by the first measure alone"].mean(), color=MIDDLE, linestyle="--",
                 label="improved by one measure alone")
    axes.set(xticks=range(len(correlations)), xticklabels=[f"{correlation:g}" for correlation in correlations],
             xlabel="correlation of the two errors", ylabel="per cent of people", ylim=(0, 6.4))
    axes.legend(frameon=False, ncols=2)
    return add_caption(figure, "Called changed without having changed",
                       f"Simulated people, n = {PEOPLE} a group, none missing. Nobody has changed; the two measures "
                       "have an error each, and each reliable change would be passed by 2.5 % at either end.")


# -- the exercises ---------------------------------------------------------------------------------

MIXED_PATIENT = (8, -5)    # points by which PHQ-9 and GAD-7 fell
NEARLY = (5, 3)


def _share(at_end: pd.DataFrame, better: pd.Series) -> float:
    return better[at_end["improvement"].notna()].mean()


def _better(at_end: pd.DataFrame, phq9: Measure) -> pd.Series:
    return at_end["phq9_change"] >= phq9.reliable_change


EXERCISES = {
    "mixed_patient": exercise(
        lambda phq9, gad7: status(*MIXED_PATIENT, phq9, gad7),
        "The rule asks for a gain on one measure *and* for no reliable loss on the other: such a patient is no "
        "success, and no failure either.",
        ("improved", "PHQ-9 fell reliably. The rule has a second half."),
        ("deteriorated", "GAD-7 rose reliably. The reverse of a rule with two halves has two halves, too."),
        hints=("Look at each measure by itself, and then at the whole rule.",
               "Subtract, and put each change beside the reliable change of its measure."),
        explain="""
            Such a patient is called *mixed*. One could argue for "improved", because what he came for may be the
            depression; or for "deteriorated", because something is reliably worse. The study, like the national
            definition, does neither. Some reports forget the second half of the rule, and their improved patients then
            include the mixed ones.""",
        choices=("improved", "deteriorated", "neither"),
    ),
    "nearly": exercise(
        lambda phq9, gad7: status(*NEARLY, phq9, gad7),
        "Each change is within what error alone can do. Two doubtful changes do not make a certain one by this rule, "
        "however likely the patient feels better.",
        ("improved", "Both scores fell. By how much does a score have to fall?"),
        ("deteriorated", "Both scores fell. A fall is a change for the better."),
        hints=("Look at each measure by itself.",
               "Subtract, and put each change beside the reliable change of its measure."),
        explain="""
            The rule looks at one measure after the other. It never adds up. Who falls just short on both counts as
            unchanged, who passes on one and stays put on the other counts as improved.""",
        choices=("improved", "deteriorated", "neither"),
    ),
    "phq9_alone": exercise(
        lambda at_end, phq9: _share(at_end, _better(at_end, phq9)),
        "A rate by one measure and a rate by two are not the same rate, though both are called reliable improvement.",
        (lambda at_end, phq9: _share(at_end, at_end["improvement"] == STATUS["improved"]),
         "That is by both measures."),
        (lambda at_end, phq9: _better(at_end, phq9).mean(),
         "Below the line stand patients without scores at end."),
        (lambda at_end, phq9: _share(at_end, at_end["phq9_change"] > phq9.reliable_change),
         "A change of exactly the reliable change counts, too."),
        (lambda at_end, phq9: _share(at_end, at_end["phq9_change"] > 0),
         "That is any fall at all. Which falls count?"),
        hints=("Of whom is it a share, and which falls count?",
               "Two columns decide: `improvement` says who counts, `phq9_change` by how much the score fell.",
               "Of the rows where `improvement` is not missing: the share whose `phq9_change` is at least "
               "`phq9.reliable_change`."),
        explain="""
            By both measures those improve, too, whose PHQ-9 falls by less than its reliable change while their anxiety
            falls by its own. In the study most of them had room to fall further on the PHQ-9, and did not: the anxiety
            measure found them. So two services with the same patients report different rates if one uses one measure
            and the other two: before you compare rates, compare rules.""",
    ),
    "mixed": exercise(
        lambda at_end: at_end.loc[at_end["improvement"].notna(), "mixed"].sum(),
        "They are few here. Where they are many, a rule on two measures hides what happens, and both should be shown.",
        (lambda at_end: (at_end["improvement"] == STATUS["neither"]).sum(),
         "That is everybody with no reliable improvement, most of whom changed little on both."),
        (lambda at_end: (at_end["improvement"] == STATUS["deteriorated"]).sum(),
         "Those got worse on one measure and better on none."),
        hints=("What is a mixed patient? Question 1 had one.", "Look at the columns: `at_end.columns`.",
               'The sum of `at_end["mixed"]`.'),
        explain="""
            Depression and anxiety mostly rise and fall together, so the mixed corners are nearly empty. That is worth
            checking in every cohort, since the rule hides them among those with no reliable improvement. The notebooks
            count them apart.""",
        within=0,
    ),
    "on_either": exercise(
        lambda people: called_changed(people)["improved"],
        "Two chances to pass make false improvement nearly twice as frequent. That is the price of *on either "
        "measure*, and of missing fewer true ones.",
        (lambda people: called_changed(people)["improved by the first measure alone"],
         "That is the promise for one measure."),
        (lambda people: ((people["first"] >= 1.96) & (people["second"] >= 1.96)).mean(),
         "That is on *both* measures. Does the rule ask for both?"),
        (lambda people: 1 - (people.abs() < 1.96).all(axis=1).mean(),
         "That is everybody who changed on any measure, for the worse as well."),
        hints=("How many chances does error have to pass for improvement?",
               "Better is a change of at least 1.96. The rule asks for that on one of the two, and for no such loss on "
               "the other.",
               "`(people >= 1.96).any(axis=1) & ~(people <= -1.96).any(axis=1)` says of each whether the rule calls "
               "him or her improved: take the mean."),
        within=0.0015,
    ),
    "alike": exercise(
        lambda: in_words(called_changed(unchanged_people(0.9))["improved"]
                         - called_changed(unchanged_people(0.0))["improved"], "fewer", "as many", "more"),
        "The more the two errors agree, the more the second measure only repeats the first: no second chance, and no "
        "new information either.",
        ("more", "Whom does the second measure call improved who has not passed on the first?"),
        ("as many", "With two errors that have nothing to do with each other there are two separate chances."),
        hints=("How many separate chances are there?", "What remains of the second chance if it repeats the first?"),
        explain="""
            Errors that go together leave only one chance. Errors that go apart make mixed patients. Real questionnaires
            lie in between, so the share of false improvement of the rule lies between that of one measure and nearly
            twice as much. That is no reason to drop the second measure: it finds people whom the first one cannot see.
            It is a reason not to compare a rate "on either measure" with one from a single questionnaire.""",
        choices=("more", "fewer", "as many"),
    ),
}

SUMMARY = """
    - Improved: a reliable gain on one measure or both, *and* no reliable loss on the other.
    - The anxiety measure is the patient's own where it has both scores, else the GAD-7, at each time anew.
    - A rate by one measure and a rate by two are different rates.
    - *On either* gives two chances: more true improvement found, and more false.
"""
