"""Response rates, counted by hand."""

import pandas as pd

from durability_utils.outcomes.representativeness import participation
from durability_utils.outcomes.response import answers_by_mode, flagged, response_flags, response_rates, who_answered
from durability_utils.study.columns import dictionary

DAY = pd.Timestamp("2016-12-05")
ROWS = [
    {"service": "A", "consent_contact": "no"},  # did not consent
    {"service": "A", "consent_contact": "yes"},  # consented, answered neither
    {"service": "A", "consent_contact": "yes", "phq9_6m": 3.0},  # first only, by a score
    {"service": "A", "consent_contact": "yes", "followup_6m_date": DAY, "followup_6m_mode": "post",
     "followup_12m_date": DAY, "followup_12m_mode": "phone"},  # both
    {"service": "B", "consent_contact": "yes", "gad7_12m_item1": 0.0, "followup_12m_mode": "online"},  # second only
    {"service": "C", "consent_contact": "no"},  # a service where nobody consented
]
COHORT = pd.DataFrame(ROWS).reindex(columns=["service", *dictionary().index])


def test_each_service_and_all():
    rates = response_rates(COHORT).set_index("service")
    counts = rates[["discharged", "consented", "first_follow_up", "second_follow_up", "both_follow_ups",
                    "either_follow_up"]]
    assert counts.T.to_dict("list") == {"A": [4, 3, 2, 1, 1, 2], "B": [1, 1, 0, 1, 0, 1], "C": [1, 0, 0, 0, 0, 0],
                                        "all": [6, 4, 2, 2, 1, 3]}
    # consent is of those discharged, and follow-up of those who consented
    assert rates["consented_share"]["A"] == 3 / 4
    assert rates["first_follow_up_share"]["A"] == 2 / 3
    assert pd.isna(rates["first_follow_up_share"]["C"])  # nobody to ask
    assert list(response_rates(COHORT[COHORT["service"] == "A"])["service"]) == ["A"]  # one service has one row


def test_a_service_with_nobody_in_its_cohort_has_a_row_of_zeros():
    services = pd.Categorical(COHORT["service"], ["A", "B", "C", "empty"])
    rates = response_rates(COHORT.assign(service=services)).set_index("service")
    assert rates.loc["empty", ["discharged", "consented", "either_follow_up"]].tolist() == [0, 0, 0]
    assert pd.isna(rates.loc["empty", "consented_share"])
    assert rates.loc["all", "discharged"] == 6


def test_a_flagged_cohort_gives_the_same_rates_and_groups_without_its_follow_up_data():
    flags, small = response_flags(COHORT), flagged(COHORT)
    assert flags["either_follow_up"].tolist() == [False, False, True, True, True, False]
    assert flags["both_follow_ups"].tolist() == [False, False, False, True, False, False]
    assert not [column for column in small if "6m" in column or "12m" in column]
    pd.testing.assert_frame_equal(response_rates(small), response_rates(COHORT))
    assert participation(small).tolist() == participation(COHORT).tolist() == [
        "no_consent", "consent_no_participation", *["consent_and_participation"] * 3, "no_consent"]
    # and those who answered have every column
    pd.testing.assert_frame_equal(who_answered(COHORT), COHORT.iloc[[2, 3, 4]])


def test_modes_of_completed_follow_ups_with_the_missing_ones():
    found = answers_by_mode(COHORT).set_index(["time", "mode"])["n"]
    assert found["6m"].to_dict() == {"post": 1, "online": 0, "phone": 0, "missing": 1}
    assert found["12m"].to_dict() == {"post": 0, "online": 1, "phone": 1, "missing": 0}
