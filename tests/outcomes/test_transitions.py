"""Counts from end of treatment to follow-up, on a cohort small enough to count by hand."""

import conftest
import pandas as pd
import pytest
from conftest import RULES, table_at_6_months, table_of_paths

from durability_utils.outcomes.rules import carry_back, classify
from durability_utils.outcomes.transitions import as_square, by_status_at_end, count, inclusion, margin
from durability_utils.study.columns import TIMES

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


def test_count_leaves_out_a_row_with_a_missing_code():
    codes = pd.DataFrame({"end": pd.Categorical(["x", "x", None], ["x", "y"]),
                          "later": pd.Categorical(["y", None, "y"], ["x", "y"])})
    assert cells(count(codes)) == {("x", "y"): 1}
