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


COUNTS = {  # missing, of how many
    # without a time and in treatment of everyone
    ("patient_id", ANY_TIME): (0, 3), ("consent_contact", ANY_TIME): (0, 3), ("age", ANY_TIME): (2, 3),
    ("employment_<time>", "baseline"): (3, 3), ("employment_<time>", "end"): (2, 3),
    ("phq9_<time>", "baseline"): (0, 3), ("phq9_<time>", "end"): (1, 3),
    # at a follow-up of those who completed it
    ("followup_<time>_date", "6m"): (1, 2), ("followup_<time>_mode", "6m"): (1, 2),
    ("phq9_<time>", "6m"): (1, 2),  # nine items give a total; seven, and the total beside them goes
    ("gad7_<time>", "6m"): (1, 2), ("phq9_<time>", "12m"): (0, 0), ("phq9_<time>_item*", "12m"): (0, 0),
    # of the items one that is missing is enough, and a patient counts once
    ("phq9_<time>_item*", "6m"): (1, 2), ("gad7_<time>_item*", "6m"): (2, 2),
    # scores of the ADSM of those who have one
    ("adsm", ANY_TIME): (1, 3), ("adsm_<time>", "baseline"): (1, 2), ("adsm_<time>", "6m"): (1, 1),
}


def test_of_each_column_and_time_how_many_are_missing_of_those_asked(clean):
    found = missing_values(clean(ROWS).cohort).set_index(["column", "time"])
    for key, (missing, n) in COUNTS.items():
        assert (found.at[key, "missing"], found.at[key, "n"]) == (missing, n), key
        assert found.at[key, "share"] == missing / n if n else pd.isna(found.at[key, "share"]), key


def test_every_column_of_the_dictionary_is_in_it_and_nobody_has_no_share(clean):
    table = missing_values(clean([PATIENT]).cohort)
    assert len(table) == len(dictionary()) - 2 * (8 + 6) - 4 * 4  # 9, 7 items at two times, 5 at four
    assert table.loc[table["n"] == 0, "share"].isna().all()
    assert table.loc[table["n"] > 0, "share"].isin([0, 1]).all()
    assert missing_values(clean([{"patient_id": ""}]).cohort)["n"].eq(0).all()
