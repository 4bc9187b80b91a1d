"""Definitions of durability. Oracle: patients made for each rule's sentence in notebook 09, told by hand; the tables of
notebooks 03 and 04 (`conftest.table_at_6_months`) where both must agree."""

from dataclasses import replace

import conftest
import pandas as pd
import pytest
from conftest import PAIR_RULES, RULES, STUDY_2016, table_at_6_months, table_of_paths

from durability_utils.analyses import definitions as durable
from durability_utils.cohort.cleaning import clean_service
from durability_utils.outcomes.response import who_answered
from durability_utils.outcomes.rules import carry_back, classify

TIMES = ("baseline", "end", "6m")
K, L, N = "kept", "lost", "-"
# PHQ-9 and GAD-7 at baseline, end and 6 months; reliable changes 6 and 4, cut-offs 10 and 8, noticed falls 1.7 points
# and 21 %, 1.5 points and 26.8 %. Then what reliable improvement, reliable recovery, no return to caseness, no relapse
# and noticed change say.
PEOPLE = {
    "well and stays well": ((20, 5, 5), (12, 4, 4), K, K, K, K, K),
    "returns to the cut-off by fewer points than reliable": ((20, 9, 10), (12, 4, 4), K, L, L, K, K),
    "a point below the cut-off": ((20, 3, 9), (12, 4, 4), K, K, K, K, K),
    "up by the reliable change, to the cut-off": ((20, 4, 10), (12, 4, 4), K, L, L, L, K),
    "up by a point less, to the cut-off": ((20, 5, 10), (12, 4, 4), K, L, L, K, K),
    "relapse on GAD-7 alone": ((20, 5, 5), (15, 4, 8), K, L, L, L, K),
    "gains lost altogether": ((20, 5, 20), (12, 4, 12), L, L, L, L, L),
    "in remission without reliable improvement": ((12, 9, 9), (6, 5, 5), N, N, K, K, K),
    "improved, still at caseness": ((25, 15, 15), (12, 12, 12), K, N, N, N, K),
    "below caseness at baseline": ((9, 2, 2), (7, 2, 2), K, N, N, N, K),
    "not improved at end": ((20, 20, 5), (12, 12, 4), N, N, N, N, N),
    "noticed, and again at the edge": ((10, 7, 7), (5, 5, 5), N, N, K, K, K),  # 2.1 points are 21 % of 10
    "noticed, then a point too few": ((10, 7, 8), (5, 5, 5), N, N, K, K, L),
    "21 %, and fewer than 1.7 points": ((7, 6, 6), (5, 5, 5), N, N, N, N, N),
    "a reliable change of GAD-7 that is less than its share": ((8, 8, 8), (16, 12, 12), K, N, N, N, N),
    "noticed on PHQ-9, worse on GAD-7": ((20, 12, 12), (6, 9, 6), K, N, N, N, N),
    "no PHQ-9 at 6 months": ((20, 5, None), (12, 4, 4), N, N, N, N, N),
    "no GAD-7 at end": ((20, 5, 5), (12, None, 4), N, N, N, N, N),
}
DEFINITIONS = tuple(durable.KEPT_OF)


@pytest.fixture
def cohort():
    rows = [{f"{name}_{time}": score for name, scores in (("phq9", phq9), ("gad7", gad7))
             for time, score in zip(TIMES, scores, strict=True)} for phq9, gad7, *_ in PEOPLE.values()]
    return conftest.cohort(*rows)


def by_hand(name: str) -> list[str]:
    return [row[2 + DEFINITIONS.index(name)] for row in PEOPLE.values()]


def said(statuses: pd.Series) -> list[str]:
    return statuses.astype("str").fillna(N).tolist()


def every(cohort, rules=PAIR_RULES):
    return durable.every_status(cohort, "6m", rules)


def test_each_rule_patient_by_patient_and_whoever_relapsed_has_returned_to_caseness(cohort):
    statuses = every(cohort)
    for place, patient in enumerate(PEOPLE):
        assert [said(statuses[name])[place] for name in DEFINITIONS] == list(PEOPLE[patient][2:]), patient
    assert tuple(statuses) == DEFINITIONS
    assert (statuses.loc[statuses["no_relapse"] == L, "no_return_to_caseness"] == L).all()
    assert statuses["no_relapse"].notna().equals(statuses["no_return_to_caseness"].notna())  # the same denominator


def test_remission_needs_both_measures_below_and_caseness_at_baseline(cohort):
    found = durable.remission(classify(cohort, "end", PAIR_RULES))
    expected = [status != N for status in by_hand("no_return_to_caseness")]
    expected[list(PEOPLE).index("no PHQ-9 at 6 months")] = True  # in remission, and then not seen again
    assert found.tolist() == expected


def test_the_relevant_anxiety_measure_decides_by_the_studys_rules_and_not_where_the_source_has_the_pair(cohort):
    # a patient of OCI (cut-off 40, reliable change 32): well on PHQ-9 and GAD-7, at 6 months a case on the OCI
    person = cohort.iloc[[0]].assign(adsm="OCI", adsm_baseline=90, adsm_end=20, adsm_6m=45)
    assert every(person, RULES).iloc[0].tolist() == [K, L, L, K, K]
    assert every(person).iloc[0].tolist() == [K] * 5


@pytest.mark.parametrize(("change", "end", "expected"), [
    ({"noticed_points": 3}, 7, K), ({"noticed_points": 3.5}, 7, N), ({"noticed_share": 0.3}, 7, K),
    ({"noticed_share": 0.31}, 7, N)])
def test_what_is_noticed_is_a_threshold_of_the_measure(cohort, change, end, expected):
    person = cohort.iloc[[0]].assign(phq9_baseline=10, phq9_end=end, phq9_6m=end, gad7_baseline=4)
    assert said(every(person, PAIR_RULES.changed("PHQ-9", **change))["noticed_change_kept"]) == [expected]


def test_a_measure_without_a_noticed_change_notices_nothing(cohort):
    rules = replace(PAIR_RULES, measures={name: replace(measure, noticed_points=None)
                                          for name, measure in PAIR_RULES.measures.items()})
    assert every(cohort, rules)["noticed_change_kept"].isna().all()


def test_shares_on_own_and_on_common_patients(cohort):
    table = durable.shares_kept(every(cohort), "6m", PAIR_RULES).set_index(["population", "definition"])
    for name in DEFINITIONS:
        kept, lost = (by_hand(name).count(status) for status in (K, L))
        assert tuple(table.loc[("own", name), ["n", "of"]]) == (kept, kept + lost)
    common = [row[2:] for row in PEOPLE.values() if N not in row[2:]]
    for place, name in enumerate(DEFINITIONS):
        assert tuple(table.loc[("common", name), ["n", "of"]]) == (sum(row[place] == K for row in common), len(common))
    assert set(table["measures"]) == {"phq9_gad7"}
    by_study = durable.shares_kept(every(cohort), "6m", RULES).set_index("definition")["measures"]
    assert set(by_study[list(durable.ON_PAIR)]) == {"phq9_gad7"}
    assert set(by_study.drop(list(durable.ON_PAIR))) == {"phq9_relevant_anxiety"}


def test_agreement_is_of_those_whom_all_count(cohort):
    table = durable.agreement(every(cohort), "6m").set_index("said")
    common = [set(row[2:]) for row in PEOPLE.values() if N not in row[2:]]
    assert table["n"].to_dict() == {"all_kept": common.count({K}), "all_lost": common.count({L}),
                                    "some_kept": common.count({K, L})} == {"all_kept": 2, "all_lost": 1, "some_kept": 4}
    assert set(table["of"]) == {7}


def test_lost_by_all_of_those_lost_by_any(cohort):
    table = durable.agreement(every(cohort), "6m")
    assert durable.lost_in_words(table) == "of the 5 whom any calls lost all call lost only 1"
    for n, words in (([2, 0, 0], "none calls anybody lost"),  # all_kept, all_lost, some_kept
                     ([2, 0, 3], "of the 3 whom any calls lost all call lost none"),
                     ([2, 3, 0], "of the 3 whom any calls lost all call lost all")):
        assert durable.lost_in_words(table.assign(n=n)) == words


def test_the_measure_and_the_rule_are_told_apart(cohort):
    # in remission by PHQ-9 and GAD-7: kept 6 of 10 by the cut-off and 8 of 10 by relapse
    own = [by_hand(name) for name in ("no_return_to_caseness", "no_relapse")]
    back, relapse = (f"{status.count(K)}/{status.count(K) + status.count(L)}" for status in own)
    pair = durable.shares_kept(every(cohort), "6m", PAIR_RULES)
    study = pair.assign(n=1, of=2)
    assert durable.measure_and_rule_in_words(study, pair) == (
        f"the measure: 1/2 against {back} not at caseness; the rule, on the same patients: {back} not at caseness "
        f"against {relapse} not in relapse")


def test_patterns_hold_everybody_whom_a_definition_counts_once(cohort):
    table = durable.patterns(every(cohort), "6m")
    assert table["n"].sum() == sum(set(row[2:]) != {N} for row in PEOPLE.values())
    assert table["n"].is_monotonic_decreasing
    only_remission = table[(table["reliable_improvement_kept"] == "not_counted") & (table["no_relapse"] == K)]
    assert only_remission[["noticed_change_kept", "n"]].to_numpy().tolist() == [[K, 2], [L, 1]]


def test_nobody_gives_empty_tables_and_no_share(cohort):
    statuses = every(cohort.iloc[:0])
    shares = durable.shares_kept(statuses, "6m", PAIR_RULES)
    assert (shares["of"] == 0).all() and shares["share"].isna().all()
    assert durable.patterns(statuses, "6m").empty and (durable.agreement(statuses, "6m")["of"] == 0).all()


@pytest.fixture(scope="module")
def answered():
    cohorts = [clean_service(STUDY_2016, name).cohort for name in STUDY_2016.services]
    return who_answered(pd.concat(cohorts, ignore_index=True))


@pytest.mark.parametrize(("outcome", "published"), [("improvement", (61, 71)), ("recovery", (38, 47))])
def test_the_papers_definitions_agree_with_its_tables(answered, outcome, published):
    # 61 of 71 in the paper's Table 2 and 38 of 47 in its Table 5, and so in the tables of notebooks 03 and 04
    well = f"reliable_{outcome}"
    found = every(carry_back(answered), RULES)[f"{well}_kept"]
    table = table_at_6_months(answered, outcome)
    at_end = table[table["end"] == well]
    assert ((found == K).sum(), found.count()) == published
    assert (at_end.loc[at_end["follow_up"] == well, "n"].sum(), at_end["n"].sum()) == published


@pytest.mark.parametrize("outcome", ["improvement", "recovery"])
def test_twelve_months_agree_with_the_paths_of_those_who_completed_both(answered, outcome):
    well = f"reliable_{outcome}"
    path = table_of_paths(answered, outcome)
    path = path[path["end"] == well]
    late, early = (durable.every_status(answered, time, RULES)[f"{well}_kept"] for time in ("12m", "6m"))
    late = late[early.notna()]
    assert late.count() == path["n"].sum()
    assert (late == K).sum() == path.loc[path["at_12m"] == well, "n"].sum()
