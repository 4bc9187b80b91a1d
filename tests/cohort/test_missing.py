"""What a cohort lacks. Oracle: three patients, counted by hand."""

import pandas as pd
from conftest import PATIENT

from durability_utils.cohort.missing import ANY_TIME, missing_values
from durability_utils.study.columns import dictionary

ITEMS = {f"phq9_6m_item{i}": "1" for i in range(1, 10)}
ROWS = [
    {"age": "40", "adsm": "OCI", "adsm_baseline": "50", "employment_end": "employed"},
    {"phq9_end": "", "followup_6m_date": "2016-12-15", "gad7_6m": "3", **ITEMS},
    {"adsm": "SPIN", "phq9_6m": "5", "followup_6m_mode": "post", **ITEMS, "phq9_6m_item9": "", "phq9_6m_item1": ""},
]


def counts(cohort) -> dict[tuple[str, str], tuple[int, int]]:
    """For each column and time how many are missing, of how many."""
    table = missing_values(cohort)
    return {(row.column, row.time): (row.missing, row.n) for row in table.itertuples()}


def test_without_a_time_and_in_treatment_of_everyone(clean):
    found = counts(clean(ROWS).cohort)
    assert found["patient_id", ANY_TIME] == found["consent_contact", ANY_TIME] == (0, 3)
    assert found["age", ANY_TIME] == (2, 3)
    assert found["employment_<time>", "baseline"] == (3, 3)
    assert found["employment_<time>", "end"] == (2, 3)
    assert found["phq9_<time>", "baseline"] == (0, 3)
    assert found["phq9_<time>", "end"] == (1, 3)


def test_at_a_follow_up_of_those_who_completed_it(clean):
    found = counts(clean(ROWS).cohort)
    assert found["followup_<time>_date", "6m"] == (1, 2)
    assert found["followup_<time>_mode", "6m"] == (1, 2)
    assert found["phq9_<time>", "6m"] == (1, 2)  # nine items give a total; seven, and the total beside them goes
    assert found["gad7_<time>", "6m"] == (1, 2)
    assert found["phq9_<time>", "12m"] == found["phq9_<time>_item*", "12m"] == (0, 0)


def test_of_the_items_one_that_is_missing_is_enough_and_a_patient_counts_once(clean):
    found = counts(clean(ROWS).cohort)
    assert found["phq9_<time>_item*", "6m"] == (1, 2)
    assert found["gad7_<time>_item*", "6m"] == (2, 2)


def test_scores_of_the_adsm_of_those_who_have_one(clean):
    found = counts(clean(ROWS).cohort)
    assert found["adsm", ANY_TIME] == (1, 3)
    assert found["adsm_<time>", "baseline"] == (1, 2)
    assert found["adsm_<time>", "6m"] == (1, 1)


def test_every_column_of_the_dictionary_is_in_it_and_nobody_has_no_share(clean):
    table = missing_values(clean([PATIENT]).cohort)
    assert len(table) == len(dictionary()) - 2 * (8 + 6) - 4 * 4  # 9, 7 items at two times, 5 at four
    assert table.loc[table["n"] == 0, "share"].isna().all()
    assert table.loc[table["n"] > 0, "share"].isin([0, 1]).all()
    assert missing_values(clean([{"patient_id": ""}]).cohort)["n"].eq(0).all()


def test_shares_are_of_those_asked(clean):
    shares = missing_values(clean(ROWS).cohort).set_index(["column", "time"])["share"]
    assert shares["age", ANY_TIME] == 2 / 3
    assert shares["followup_<time>_date", "6m"] == 1 / 2
    assert pd.isna(shares["gad7_<time>", "12m"])
