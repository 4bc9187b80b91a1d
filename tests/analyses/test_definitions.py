"""Definitions of durability. Oracle: patients made for each rule's sentence in notebook 09, told by hand; the tables of
notebooks 03 and 04 (`conftest.table_at_6_months`) where both must agree; and Jacobson & Truax's formula."""

import conftest
import numpy as np
import pandas as pd
import pytest
from conftest import PAIR_RULES, RULES, STUDY_2016, table_at_6_months, table_of_paths

from durability_utils.analyses import definitions as durable
from durability_utils.cohort.cleaning import clean_service
from durability_utils.outcomes.response import who_answered
from durability_utils.outcomes.rules import carry_back, classify

TIMES = ("baseline", "end", "6m")
K, L, N = "kept", "lost", "-"
# PHQ-9 and GAD-7 at baseline, end and 6 months; reliable changes 6 and 4, cut-offs 10 and 8. Then what reliable
# improvement, reliable recovery, recovery, no relapse say.
PEOPLE = {
    "well and stays well": ((20, 5, 5), (12, 4, 4), K, K, K, K),
    "returns to the cut-off by fewer points than reliable": ((20, 9, 10), (12, 4, 4), K, L, L, K),
    "a point below the cut-off": ((20, 3, 9), (12, 4, 4), K, K, K, K),
    "up by the reliable change, to the cut-off": ((20, 4, 10), (12, 4, 4), K, L, L, L),
    "up by a point less, to the cut-off": ((20, 5, 10), (12, 4, 4), K, L, L, K),
    "relapse on GAD-7 alone": ((20, 5, 5), (15, 4, 8), K, L, L, L),
    "gains lost altogether": ((20, 5, 20), (12, 4, 12), L, L, L, L),
    "in remission without reliable improvement": ((12, 9, 9), (6, 5, 5), N, N, K, K),
    "improved, still at caseness": ((25, 15, 15), (12, 12, 12), K, N, N, N),
    "below caseness at baseline": ((9, 2, 2), (7, 2, 2), K, N, N, N),
    "not improved at end": ((20, 20, 5), (12, 12, 4), N, N, N, N),
    "no PHQ-9 at 6 months": ((20, 5, None), (12, 4, 4), N, N, N, N),
    "no GAD-7 at end": ((20, 5, 5), (12, None, 4), N, N, N, N),
}
DEFINITIONS = ("reliable_improvement_kept", "reliable_recovery_kept", "recovery_kept", "no_relapse_gad7")


@pytest.fixture
def cohort():
    rows = [{f"{name}_{time}": score for name, scores in (("phq9", phq9), ("gad7", gad7))
             for time, score in zip(TIMES, scores, strict=True)} for phq9, gad7, *_ in PEOPLE.values()]
    return conftest.cohort(*rows)


def by_hand(name: str) -> list[str]:
    return [row[2 + DEFINITIONS.index(name)] for row in PEOPLE.values()]


def said(statuses: pd.Series) -> list[str]:
    return statuses.astype("str").fillna(N).tolist()


def every(cohort, rules=PAIR_RULES, own=PAIR_RULES):
    return durable.every_status(cohort, "6m", rules, own)


def test_each_rule_patient_by_patient_and_whoever_relapsed_has_lost_recovery(cohort):
    statuses = every(cohort)
    for place, patient in enumerate(PEOPLE):
        assert [said(statuses[name])[place] for name in DEFINITIONS] == list(PEOPLE[patient][2:]), patient
    assert list(statuses) == [*DEFINITIONS, "own_criterion_kept_gad7"]  # where the study takes GAD-7: each rule once
    assert (statuses.loc[statuses["no_relapse_gad7"] == L, "recovery_kept"] == L).all()
    assert statuses["no_relapse_gad7"].notna().equals(statuses["recovery_kept"].notna())  # the same denominator


def test_remission_needs_both_measures_below_and_caseness_at_baseline(cohort):
    found = durable.remission(classify(cohort, "end", PAIR_RULES))
    expected = [status != N for status in by_hand("recovery_kept")]
    expected[list(PEOPLE).index("no PHQ-9 at 6 months")] = True  # in remission, and then not seen again
    assert found.tolist() == expected


def test_the_relevant_anxiety_measure_decides_for_the_study_and_not_for_the_pair(cohort):
    # a patient of OCI (cut-off 40, reliable change 32): well on PHQ-9 and GAD-7, at 6 months a case on the OCI
    person = cohort.iloc[[0]].assign(adsm="OCI", adsm_baseline=90, adsm_end=20, adsm_6m=45)
    statuses = every(person, rules=RULES)
    assert list(statuses) == list(durable.KEPT_OF)
    assert {name: statuses[name].iloc[0] for name in statuses if "recovery" in name} == {
        "reliable_recovery_kept": L, "recovery_kept": L, "reliable_recovery_kept_gad7": K, "recovery_kept_gad7": K}


def test_own_criteria_are_jacobson_and_truaxs(cohort):
    # 1.96 * sqrt(2) * 5 * sqrt(1 - .89) = 4.60, and with 4 * sqrt(1 - .92) = 3.14
    own = durable.with_own_criteria(RULES, {"PHQ-9": 5.0, "GAD-7": 4.0})
    assert own.depression.reliable_change == pytest.approx(4.597, abs=0.001)
    assert own.anxiety.reliable_change == pytest.approx(3.136, abs=0.001)
    assert own.measures["OCI"] == RULES.measures["OCI"] and own.depression.caseness == RULES.depression.caseness
    assert own.anxiety_measure == "gad7"
    person = cohort.iloc[[0]].assign(phq9_baseline=10, phq9_end=5, phq9_6m=6, gad7_baseline=4)
    statuses = every(person, own=own)  # 5 points at end are reliable by it, and 4 points at 6 months are not
    assert (said(statuses["own_criterion_kept_gad7"]), said(statuses["reliable_improvement_kept"])) == ([L], [N])


@pytest.mark.parametrize("sds", [(np.nan, np.nan), (5.0, np.nan), (np.nan, 4.0)])
def test_without_an_sd_nobody_is_classed_by_the_own_criterion(cohort, sds):
    own = durable.with_own_criteria(RULES, dict(zip(("PHQ-9", "GAD-7"), sds, strict=True)))
    assert every(cohort, own=own)["own_criterion_kept_gad7"].isna().all()
    assert durable.classed_otherwise(cohort, "end", RULES, own).empty


def test_shares_on_own_and_on_common_patients(cohort):
    table = durable.shares_kept(every(cohort), "6m", PAIR_RULES).set_index(["population", "definition"])
    for name in DEFINITIONS:
        kept, lost = (by_hand(name).count(status) for status in (K, L))
        assert tuple(table.loc[("own", name), ["n", "of"]]) == (kept, kept + lost)
    common = [row[2:] for row in PEOPLE.values() if N not in row[2:]]
    for place, name in enumerate(DEFINITIONS):
        assert tuple(table.loc[("common", name), ["n", "of"]]) == (sum(row[place] == K for row in common), len(common))
    assert set(table["measures"]) == {"phq9_gad7"}


def test_agreement_counts_each_pair_on_whom_both_count(cohort):
    table = durable.agreement(every(cohort), "6m").set_index(["first", "second"])
    pairs = list(zip(by_hand("reliable_improvement_kept"), by_hand("no_relapse_gad7"), strict=True))
    expected = [pairs.count(pair) for pair in ((K, K), (K, L), (L, K), (L, L))]
    assert table.loc[("reliable_improvement_kept", "no_relapse_gad7")].tolist()[1:] == expected == [4, 2, 0, 1]
    assert len(table) == 10


def test_patterns_hold_everybody_whom_a_definition_counts_once(cohort):
    table = durable.patterns(every(cohort), "6m")
    assert table["n"].sum() == sum(set(row[2:]) != {N} for row in PEOPLE.values()) == 10
    assert table["n"].is_monotonic_decreasing
    only_recovery = table[table["reliable_improvement_kept"] == "not_counted"]
    assert only_recovery[["recovery_kept", "no_relapse_gad7", "n"]].to_numpy().tolist() == [[K, K, 1]]


def test_classed_otherwise_crosses_fixed_and_own_criteria(cohort):
    own = durable.with_own_criteria(RULES, {"PHQ-9": 1.0, "GAD-7": 1.0})  # criteria of 0.92 and 0.78 points
    table = durable.classed_otherwise(cohort, "end", RULES, own)
    # one patient fell by 3 and 1 points: no reliable improvement by the fixed thresholds
    none, well = "no_reliable_improvement", "reliable_improvement"
    assert table[["fixed", "own", "n"]].to_numpy().tolist() == [[none, none, 1], [none, well, 1], [well, well, 10]]


def test_nobody_gives_empty_tables_and_no_share(cohort):
    statuses = every(cohort.iloc[:0])
    shares = durable.shares_kept(statuses, "6m", PAIR_RULES)
    assert (shares["of"] == 0).all() and shares["share"].isna().all()
    assert durable.patterns(statuses, "6m").empty and len(durable.agreement(statuses, "6m")) == 10
    assert durable.classed_otherwise(cohort.iloc[:0], "6m", RULES, PAIR_RULES).empty


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
    late, early = (durable.every_status(answered, time, RULES, PAIR_RULES)[f"{well}_kept"] for time in ("12m", "6m"))
    late = late[early.notna()]
    assert late.count() == path["n"].sum()
    assert (late == K).sum() == path.loc[path["at_12m"] == well, "n"].sum()
