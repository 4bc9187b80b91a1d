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
TRUE_GAIN = 3.7  # what treatment does in the lesson, in points; no whole number, so that a guess does not find it
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


def expected_and_simulated(people: pd.DataFrame, selected: pd.DataFrame, reliability: float) -> pd.DataFrame:
    """The gain of the selected from referral to start, by the formula and as it came out, in points."""
    return pd.Series({
        "expected": expected_gain(reliability, selected["referral"].mean(), people["referral"].mean()),
        "simulated": (selected["referral"] - selected["start"]).mean(),
    }, name="gain in points").round(2).to_frame()


def called_by_group(people: pd.DataFrame, selected: pd.DataFrame, phq9: Measure) -> pd.DataFrame:
    """Shares of each status from referral to start, of everybody and of those selected."""
    return pd.DataFrame({
        words: status(group["referral"], group["start"], phq9).value_counts(normalize=True)
        for words, group in (("everybody", people), ("selected", selected))
    }).round(3)


def parts_of_the_gain(selected: pd.DataFrame) -> pd.DataFrame:
    """Of the treated among those selected: the gain from referral to end and its two parts, in points."""
    return pd.Series({
        "referral to end": _gain(selected, "referral", "end", True),
        "of which on the waiting list": _gain(selected, "referral", "start", True),
        "of which in treatment": _gain(selected, "start", "end", True),
    }, name="gain in points").round(1).to_frame()


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
        ("the same", "That holds for all people together, whose errors cancel out. Do they cancel out in those "
                     "selected?"),
        ("higher", "For that, the errors of the second day would have to be even worse than those that got these "
                   "people selected."),
        hints=("What brought these people over the line?",
               "A score is severity and error. What was the error of those selected like at referral, and what is it "
               "like on a new day, on average?"),
        explain="""
            Everybody's mean stays where it was, so the questionnaire is not at fault, and nobody got better. But a high
            score comes about in two ways: high true severity, or bad luck on that day, and mostly by a bit of both. We
            picked people *because* the score was high, so we picked bad luck along with severity. On the next day luck
            is only average. This is called **regression to the mean**. Francis Galton described it in 1886, in the
            heights of children of tall parents.""",
        choices=("lower", "higher", "the same"),
    ),
    "expected_gain": exercise(
        lambda people, selected, reliability: expected_gain(
            reliability, selected["referral"].mean(), people["referral"].mean()),
        "The less reliable the score, and the further out you select, the larger the gain that nobody worked for.",
        (lambda people, selected, reliability: reliability * _excess(people, selected),
         "That is the part of the distance that stays."),
        (lambda people, selected, reliability: _excess(people, selected),
         "That is all the way back to the mean, as if the score were nothing but error."),
        (lambda people, selected, reliability: (1 - reliability) * selected["referral"].mean(),
         "So it would be if people went back towards zero. Towards what do they go?"),
        (lambda people, selected, reliability:
            people["referral"].mean() + reliability * _excess(people, selected),
         "That is their mean score at start. The question is about the gain."),
        (0, "Nobody is treated, and still the mean falls: that was the first exercise."),
        hints=("How far out were the selected picked, and which part of that is error?",
               "Two means at referral, of `selected` and of `people`, and the reliability are all you need.",
               "(1 - reliability) times the difference of the two means."),
        explain="""
            In words: *expected gain = (1 - reliability) x (selected mean - mean of everybody)*. Two traps:

            - "Everybody" are those *from whom* you selected: all who were referred, say, not the general population.
            - The reliability that counts is the agreement of two scores with that much time in between. A
              questionnaire's manual often prints the agreement of its items on one day. That is higher, and would
              promise too little regression.""",
        within=0.05,
    ),
    "called_better": exercise(
        lambda people, selected, phq9: _called(selected, phq9),
        "Reliable change limits how often error alone looks like a change, in people picked without a look at their "
        "score. It gives no such promise for people picked because of it.",
        (lambda people, selected, phq9: _called(people, phq9), "That is the share among everybody."),
        (lambda people, selected, phq9: (selected["referral"] - selected["start"] > phq9.reliable_change).mean(),
         "A change of exactly the reliable change counts, too."),
        (lambda people, selected, phq9: _called(selected, phq9) + _called(selected, phq9, "reliable_deterioration"),
         "That counts those who got worse as well."),
        (lambda people, selected, phq9: _called(selected, phq9, "reliable_deterioration"),
         "Those got worse. Which of the two scores comes first?"),
        (0.025,
         "That would be one side of a 95 % interval for people picked without a look at their score."),
        hints=("Of whom is it a share, and which code counts?",
               'The cell above has the codes of those selected; the one that counts is `"reliable_improvement"`.',
               'The mean of `status(selected["referral"], selected["start"], phq9) == "reliable_improvement"`.'),
        explain="""
            Among everybody, error makes about as many people reliably better as reliably worse. That balance is what
            reliable change counts on. Among those selected the balance is gone: many more "improve" than "deteriorate".

            So reliable change guards against error in *one person picked without a look at the score*. It makes
            regression to the mean rarer, since small gains do not count. It does not take it away. A service that
            admits people at their worst moment starts with improvements that are not its own.""",
    ),
    "second_baseline": exercise(
        lambda selected: _gain(selected, "start", "end", True),
        "The second score was not what they were selected on, so its errors cancel out. That is what a score from the "
        "waiting list is good for.",
        (lambda selected: _gain(selected, "referral", "end", True),
         "That is the gain since referral: regression to the mean is in it."),
        (lambda selected: _gain(selected, "referral", "start", True),
         "That is what happened on the waiting list, before treatment."),
        (lambda selected: _gain(selected, "start", "end", False), "Those are the people who were not treated."),
        hints=("Whose gain, and between which two times?",
               "`treated` says who of `selected` was treated; the columns are `start` and `end`.",
               "Of the rows of `selected` with `treated` True: the mean of `start` less `end`."),
        explain="""
            At `start` nobody was selected *on that score*. Its errors are as often up as down, and the gain from there
            is the true one. Beware: a service that looks at the second score as well, and keeps only those who are
            still high, has selected again.""",
        within=0.05,
    ),
    "design": exercise(
        lambda selected, gain: (designs(selected) - gain).abs().drop("few patients").idxmin(),
        "The control group was selected in the same way, so it regresses in the same way: what is left is treatment. "
        "No number of patients does that.",
        ("more patients", "More patients give a narrower interval. Around which number?"),
        ("neither", "One of them takes away what would have happened without treatment."),
        hints=("What is wrong with the gain since referral: is it unsure, or off?",
               "Which of the two knows what happens without treatment?"),
        explain="""
            More patients make an estimate *steadier*. They do not move it. The control group was picked on the same
            score, so it shows what would have happened anyway: the regression, and whatever else time does (recovery on
            one's own, a new job). Subtract it, and treatment remains. The study has no control group: its gains from
            baseline to end are treatment, regression and time together, and no computation can part them.""",
        choices=("more patients", "control group", "neither"),
    ),
    "lost_at_follow_up": exercise(
        lambda people, phq9: _lost(people, phq9).mean(),
        "Nobody's true severity changed after the end of treatment. Who is improved at end is selected too, on a good "
        "day: a part of what looks like relapse is regression to the mean.",
        (lambda people, phq9: 1 - _lost(people, phq9).mean(), "Those are the ones who kept it."),
        (lambda people, phq9: _lost(people, phq9).sum() / people["treated"].sum(),
         "Below the line stand all treated people. Of whom does the question speak?"),
        (0, "Nobody truly changed, that is so. But scores did: a score at follow-up has a new error."),
        hints=("Who could lose it? Begin with the line below.",
               '`at_end` and `later` have the codes of the treated; improved is `"reliable_improvement"`.',
               'The mean of `later[at_end == "reliable_improvement"] != "reliable_improvement"`.'),
        explain="""
            "Improved at end" is a selection too, this time on a *low* score: true gains and good days. At follow-up the
            good days are gone, and some fall back over the line. The reverse happens as well: some who were not
            improved at end are improved at follow-up, and nobody did anything for them.

            So a table of end against follow-up (notebook 03) loses people on one side and wins some on the other *even
            if nothing changes*. "Lost their gains" is therefore no synonym of relapse, and is always read beside
            "gained later". The share here is large, since treatment brought most of our people no further than close to
            the line; do not carry it over to patients.""",
    ),
}

SUMMARY = """
    - Who was selected on a score will be nearer to the mean at the next score, on average. No cause is needed.
    - The gain to expect is the unreliable share of the distance from the mean of those one selected from.
    - Reliable change makes it rarer; it does not remove it.
    - A baseline that nobody was selected on, or a control group selected in the same way, shows it. More patients do
      not.
    - Those who did best at end are a selection as well.
"""
