"""Counts from end of treatment to follow-up, on a cohort small enough to count by hand."""

import conftest
import pandas as pd
import pytest
from conftest import RULES, table_at_6_months, table_of_paths

from durability_utils.outcomes.rules import carry_back, classify
from durability_utils.outcomes.transitions import as_square, by_status_at_end, count, inclusion, kept_in_words, margin
from durability_utils.study.columns import TIMES, completed

GOOD, NONE, BAD = "reliable_improvement", "no_reliable_improvement", "reliable_deterioration"

# PHQ-9 at baseline, end, 6 and 12 months; GAD-7 stays at 10 (no reliable change of its own there)
PEOPLE = {
    "improved and kept, at 6 and 12 months": (20, 5, 5, 5),
    "improved, lost at 6, gained again at 12": (20, 5, 20, 5),
    "improved; answered at 12 months only, where it was kept": (20, 5, None, 5),
    "improved; answered at 12 months only, deteriorated": (15, 5, None, 25),
    "not improved, gained at 6 months, no answer at 12": (20, 20, 5, None),
    "answered neither": (20, 5, None, None),
    "no score at end": (20, None, 5, 5),
}


@pytest.fixture
def cohort():
    people = conftest.cohort(*(dict(zip([f"phq9_{time}" for time in TIMES], scores, strict=True))
                               for scores in PEOPLE.values()))
    return people.assign(**{f"gad7_{time}": people[f"phq9_{time}"].clip(10, 10) for time in TIMES})


def cells(table):
    return {tuple(row[:-1]): row[-1] for row in table.itertuples(index=False) if row[-1]}


def test_six_month_table_and_path(cohort):
    table = table_at_6_months(cohort, "improvement")
    assert cells(table) == {(GOOD, GOOD): 2, (GOOD, NONE): 1, (GOOD, BAD): 1, (NONE, GOOD): 1}
    assert list(table.columns) == ["end", "follow_up", "n"]
    assert len(table) == 9  # zeros too
    plain = table_at_6_months(cohort, "improvement", RULES.changed(carry_back=False))
    assert cells(plain) == {(GOOD, GOOD): 1, (GOOD, NONE): 1, (NONE, GOOD): 1}
    # the path holds those who completed both follow-ups, and carries nothing back
    assert cells(table_of_paths(cohort, "improvement")) == {(GOOD, GOOD, GOOD): 1, (GOOD, NONE, GOOD): 1}


def test_recovery_leaves_out_who_is_below_caseness_at_baseline(cohort):
    # GAD-7 of 10 is above its cut-off throughout: at caseness at baseline, and nobody can recover
    table = table_at_6_months(cohort, "recovery")
    assert cells(table) == {("no_reliable_recovery", "no_reliable_recovery"): 5}
    assert len(table) == 4
    below = cohort.assign(**{f"gad7_{time}": cohort[f"gad7_{time}"] * 0 for time in TIMES},
                          phq9_baseline=cohort["phq9_baseline"].clip(upper=9))
    assert table_at_6_months(below, "recovery")["n"].sum() == 0


def test_shares_are_of_those_with_the_same_status_at_end(cohort):
    table = by_status_at_end(table_at_6_months(cohort, "improvement"))
    kept = table[(table["end"] == GOOD) & (table["follow_up"] == GOOD)].iloc[0]
    assert (kept["n"], kept["of"], kept["share"]) == (2, 4, 0.5)
    assert table.loc[table["end"] == BAD, ["share", "low", "high"]].isna().all(axis=None)  # nobody there


def test_square_has_the_papers_order_and_totals(cohort):
    square = as_square(table_at_6_months(cohort, "improvement"))
    assert list(square.index) == [BAD, NONE, GOOD, "total"]
    assert square.to_numpy().tolist() == [[0, 0, 0, 0], [0, 0, 1, 1], [1, 1, 2, 4], [1, 1, 3, 5]]


def test_margins_and_an_empty_cohort(cohort):
    table = table_at_6_months(cohort, "improvement")
    assert margin(table, "end").to_dict() == {BAD: 0, NONE: 1, GOOD: 4}
    nobody = table_at_6_months(cohort.iloc[:0], "improvement")
    assert (len(nobody), nobody["n"].sum()) == (9, 0)


def test_each_participant_is_counted_or_has_the_first_reason_that_holds(cohort):
    def status(people):
        end, later = (classify(people, time, RULES) for time in ("end", "6m"))
        return inclusion(people, end, later).tolist()

    late, deteriorated, neither, no_end = (list(PEOPLE)[row] for row in (2, 3, 5, 6))
    carried = dict(zip(PEOPLE, status(carry_back(cohort)), strict=True))
    assert carried == dict.fromkeys(PEOPLE, "counted") | {neither: "no_6_month_follow_up", no_end: "scores_missing"}
    # without carry back, those who answered at 12 months only are not said to lack scores
    plain = dict(zip(PEOPLE, status(cohort), strict=True))
    assert plain[late] == plain[deteriorated] == "no_6_month_follow_up"
    below = cohort.assign(phq9_baseline=9, gad7_baseline=7)
    assert status(below)[0] == "below_caseness"
    assert status(below.assign(consent_upflow="no"))[0] == "no_upflow_consent"


def in_words(people, at_end, outcome="improvement", few=0, rules=RULES):
    carried = carry_back(people) if rules.carry_back else people
    classes = (classify(carried, time, rules)[outcome] for time in ("end", "6m", "12m"))
    return kept_in_words(at_end, *classes, completed(people, "6m"), few)


def test_how_many_are_still_well_in_words(cohort):
    # of nine who had improved at end, four answered: two at both times, two at 12 months alone; one of each pair kept
    # it at 6 months or then (the second pair by carry back), and three of the four at 12
    unknown = " Of the other 5 it is not known whether they still were."
    assert in_words(cohort, 9, few=10) == (
        "Of 9 who had reliably improved at end of treatment 4 have scores at follow-up: 2 of 4 still were at 6 months "
        "(for 2 the 12-month answer stands in; without it 1 of 2), and 3 of 4 still were at 12 months." + unknown)
    assert "at follow-up: 2/4 (50 %, 15 to 85) still were at 6 months (" in in_words(cohort, 9).replace(
        "\u00a0", " ")  # Wilson's, by hand
    # without carry back those two are seen at 12 months only: other patients than at 6, and still no unknown ones
    plain = in_words(cohort, 9, few=10, rules=RULES.changed(carry_back=False))
    assert plain == (
        "Of 9 who had reliably improved at end of treatment 4 have scores at follow-up: 1 of 2 still were at 6 months, "
        "and 3 of 4 still were at 12 months. Not the same patients answered at 6 and at 12 months." + unknown)
    assert in_words(cohort, 4).endswith("at 12 months.")  # of nobody it is not known


def test_where_nobody_is_well_or_seen_words_take_the_place_of_numbers(cohort):
    late, never = cohort.iloc[[2]], cohort.iloc[[5]]
    had = "who had reliably improved at end of treatment"
    assert in_words(late, 1, few=10) == (
        f"Of 1 {had} 1 has scores at follow-up: 1 of 1 still were at 6 months (for 1 the 12-month answer stands in; "
        "without it nobody has scores), and 1 of 1 still were at 12 months.")
    early = late.assign(phq9_6m=5, gad7_6m=10, phq9_12m=pd.NA, gad7_12m=pd.NA)
    assert in_words(early, 2, few=10) == (
        f"Of 2 {had} 1 has scores at follow-up: 1 of 1 still were at 6 months, and nobody has scores at 12 months. "
        "Of the other 1 it is not known whether they still were.")
    assert in_words(never, 1200) == (
        f"Of 1,200 {had} none has scores at follow-up: whether they still were is not known.")
    assert in_words(never, 0, "recovery") == "Nobody had reliably recovered at end of treatment."


def test_count_leaves_out_a_row_with_a_missing_code():
    codes = pd.DataFrame({"end": pd.Categorical(["x", "x", None], ["x", "y"]),
                          "later": pd.Categorical(["y", None, "y"], ["x", "y"])})
    assert cells(count(codes)) == {("x", "y"): 1}
