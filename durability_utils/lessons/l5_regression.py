"""Lesson L5, regression to the mean: simulated people, who get better because they were selected."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from durability_utils.figures import DARK, LIGHT, MIDDLE, add_caption, new_figure
from durability_utils.lessons.checking import exercise, in_words
from durability_utils.outcomes.rules import reliable_improvement
from durability_utils.study.measures import Measure

PEOPLE = 20_000
DRAWN = 1_500  # of them, in a picture
MEASURED_AT = ("referral", "start", "end", "follow_up")


def simulated_people(reliability: float, mean: float, sd: float, top: float, gain: float,
                     seed: int = 5) -> pd.DataFrame:
    """20 000 people measured four times, every other one treated: `treated` (bool) and a score for each of MEASURED_AT.

    Scores are whole points from 0 to `top`. True severity never changes, except that the treated lose `gain` points
    between start and end. A score is true severity and an error, new each time; of the variance at referral, sd**2, the
    share `reliability` is true severity (classical test theory: Lord & Novick 1968). So `reliability` is the
    correlation of two scores with nothing in between.
    """
    random = np.random.default_rng(seed)
    before = random.normal(mean, sd * np.sqrt(reliability), PEOPLE)
    treated = np.arange(PEOPLE) % 2 == 1
    after = before - gain * treated
    scores = {time: severity + random.normal(0, sd * np.sqrt(1 - reliability), PEOPLE)
              for time, severity in zip(MEASURED_AT, (before, before, after, after), strict=True)}
    return pd.DataFrame(scores).round().clip(0, top).astype(int).assign(treated=treated)


def expected_gain(reliability: float, selected_mean: float, mean: float) -> float:
    """Points by which people selected on a first score are better at the second, with nothing done (Galton 1886)."""
    return (1 - reliability) * (selected_mean - mean)


def status(before: pd.Series, later: pd.Series, phq9: Measure) -> pd.Series:
    """The code of IMPROVEMENT of each of the simulated people, whose anxiety stays as it is."""
    codes = reliable_improvement(before - later, 0 * before, phq9.reliable_change, np.inf)
    return pd.Series(codes, before.index)


def designs(selected: pd.DataFrame) -> pd.Series:
    """Points gained since referral, judged in three ways: a few treated, all treated, and all against the others."""
    gains = selected["referral"] - selected["end"]
    treated = gains[selected["treated"]]
    return pd.Series({
        "few patients": treated.head(100).mean(),
        "more patients": treated.mean(),
        "control group": treated.mean() - gains[~selected["treated"]].mean(),
    }, name="gain in points")


# -- the picture -----------------------------------------------------------------------------------

def regression_figure(settings: Sequence[tuple[float, int]], mean: float, sd: float, top: float) -> Figure:
    """Score at referral against score at start, untreated, a panel for each (reliability, smallest score selected)."""
    figure, panels = new_figure(max(6.5, 3.5 * len(settings)), 5.0, columns=len(settings), squeeze=False, sharey=True)
    jitter = np.random.default_rng(1).uniform(-0.4, 0.4, (DRAWN, 2))  # whole points would hide one another
    line = np.array([0, top])
    for panel, (reliability, cut_off) in zip(panels[0], settings, strict=True):
        people = simulated_people(reliability, mean, sd, top, 0)
        drawn = people.head(DRAWN)[["referral", "start"]]
        colours = np.where(drawn["referral"] >= cut_off, DARK, LIGHT)
        panel.scatter(*(drawn.to_numpy() + jitter).T, s=7, c=colours, linewidth=0)
        panel.plot(line, line, color="#90989e", linewidth=0.9)
        panel.plot(line, mean + reliability * (line - mean), color="black", linestyle="--", linewidth=1.1)
        selected = people[people["referral"] >= cut_off]
        first, second = selected["referral"].mean(), selected["start"].mean()
        panel.plot(first, second, "D", color=MIDDLE, markeredgecolor="black", markersize=8)
        words = (f"{len(selected)} selected, mean {first:.1f},\nthen {second:.1f}: {first - second:.1f} points better"
                 if len(selected) else "nobody selected")
        panel.set(xlim=(-0.5, top + 0.5), ylim=(-0.5, top + 0.5), xlabel="score at referral (points)",
                  title=f"reliability {reliability:g}, selected from {cut_off:g} points\n{words}")
        panel.title.set_fontsize(9.5)
    panels[0, 0].set_ylabel("score at start (points)")
    return add_caption(figure, "Selected on a high score, better at the next one",
                       f"Simulated people whom nobody treated. n = {PEOPLE} a panel, none missing; {DRAWN} of them are "
                       "drawn, dark if selected. Solid line: the same score twice. Dashed line: the mean second score "
                       "that the reliability predicts. Diamond: both means of all those selected.")


# -- the exercises ---------------------------------------------------------------------------------

def _excess(people, selected) -> float:
    return selected["referral"].mean() - people["referral"].mean()


def _called(group, phq9, code="reliable_improvement") -> float:
    return (status(group["referral"], group["start"], phq9) == code).mean()


def _gain(selected: pd.DataFrame, first: str, second: str, treated: bool) -> float:
    group = selected[selected["treated"] == treated]
    return (group[first] - group[second]).mean()


def _lost(people, phq9) -> pd.Series:
    """Of the treated who are reliably improved at end: who is not at follow-up."""
    treated = people[people["treated"]]
    at_end, later = (status(treated["referral"], treated[time], phq9) == "reliable_improvement"
                     for time in ("end", "follow_up"))
    return ~later[at_end]


EXERCISES = {
    "nothing_done": exercise(
        lambda selected: in_words(selected["start"].mean() - selected["referral"].mean(),
                                  "lower", "the same", "higher", within=0.5),
        "Nobody was treated and nobody changed. Who is chosen for a high score is chosen in part for bad luck on that "
        "day, and bad luck does not repeat itself.",
        ("the same",
         "That holds for all people together, whose errors cancel out. It does not hold for those who were picked "
         "because this very score was high."),
        ("higher", "For that, the errors of the second day would have to be even worse than those that got these "
                   "people selected. What is the mean error on a new day?"),
        hint="Compare the mean of `selected` at referral with its mean at start.",
        choices=("lower", "higher", "the same"),
    ),
    "expected_gain": exercise(
        lambda people, selected, reliability: expected_gain(
            reliability, selected["referral"].mean(), people["referral"].mean()),
        "The less reliable the score, and the further out you select, the larger the gain that nobody worked for.",
        (lambda people, selected, reliability: reliability * _excess(people, selected),
         "That is the part of the distance that stays. The gain is the part that does not stay."),
        (lambda people, selected, reliability: _excess(people, selected),
         "That is all the way back to the mean, as if the score were nothing but error."),
        (lambda people, selected, reliability: (1 - reliability) * selected["referral"].mean(),
         "People go back towards the mean of everybody, not towards zero: take the distance from that mean first."),
        (lambda people, selected, reliability:
            people["referral"].mean() + reliability * _excess(people, selected),
         "That is their mean score at start. The question is by how much it is lower than at referral."),
        (0, "Nobody is treated, and still the mean falls: that was the first exercise."),
        hint="Take the distance of the selected mean from the mean of everybody, times the share of it that is error.",
        within=0.05,
    ),
    "called_better": exercise(
        lambda people, selected, phq9: _called(selected, phq9),
        "Reliable change limits how often error alone looks like a change, in people picked without a look at their "
        "score. It gives no such promise for people picked because of it.",
        (lambda people, selected, phq9: _called(people, phq9),
         "That is the share among everybody. The question is about those who were selected."),
        (lambda people, selected, phq9: (selected["referral"] - selected["start"] > phq9.reliable_change).mean(),
         "A change of exactly the reliable change counts too: at least, not more than."),
        (lambda people, selected, phq9: _called(selected, phq9) + _called(selected, phq9, "reliable_deterioration"),
         "That counts those who got worse as well. How many would be called improved?"),
        (lambda people, selected, phq9: _called(selected, phq9, "reliable_deterioration"),
         "Those got worse. Change is the first score minus the second, so an improvement is positive."),
        (0.025,
         "That would be one side of a 95 % interval for people picked without a look at their score. These were "
         "selected on it: count them."),
        hint="Count those of `selected` whose score fell by at least the reliable change, and divide by all selected.",
    ),
    "second_baseline": exercise(
        lambda selected: _gain(selected, "start", "end", True),
        "The second score was not what they were selected on, so its errors cancel out. That is what a score from the "
        "waiting list is good for.",
        (lambda selected: _gain(selected, "referral", "end", True),
         "That is the gain since referral, the score that they were selected on: regression to the mean is in it."),
        (lambda selected: _gain(selected, "referral", "start", True),
         "That is what happened on the waiting list, before treatment: it is the regression alone."),
        (lambda selected: _gain(selected, "start", "end", False), "Those are the people who were not treated."),
        hint="Take the treated among `selected`, and the mean of their change from start to end.", within=0.05,
    ),
    "design": exercise(
        lambda selected, gain: (designs(selected) - gain).abs().drop("few patients").idxmin(),
        "The control group was selected in the same way, so it regresses in the same way: what is left is treatment. "
        "No number of patients does that.",
        ("more patients", "More patients give a narrower interval, around the same wrong number."),
        ("neither", "One of them takes away what would have happened without treatment."),
        hint="Which way of judging knows what happens without treatment?",
        choices=("more patients", "control group", "neither"),
    ),
    "lost_at_follow_up": exercise(
        lambda people, phq9: _lost(people, phq9).mean(),
        "Nobody's true severity changed after the end of treatment. Who is improved at end is selected too, on a good "
        "day: a part of what looks like relapse is regression to the mean.",
        (lambda people, phq9: 1 - _lost(people, phq9).mean(), "Those are the ones who kept it: the rest lost it."),
        (lambda people, phq9: _lost(people, phq9).sum() / people["treated"].sum(),
         "The denominator is those who were improved at end, not all treated people."),
        (0, "Nobody truly changed, that is so. But scores did: a score at follow-up has a new error."),
        hint="Among the treated with `at_end` reliably improved, what share is not reliably improved at `later`?",
    ),
}
