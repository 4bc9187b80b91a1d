"""The synthetic cohort gives back every published figure, and its exports clean to exactly that cohort.

Oracle: parameters/published/durability_2016.yaml, the figures that the durability study printed. Group sizes that
the study did not print (services, available cases of Table 1) are those of the reading that `synthetic` states.
"""

from itertools import product

import nhs_number
import pandas as pd
import pytest
from conftest import RULES, table_at_6_months, table_of_paths

from durability_utils.analyses.published import compare, our_figures, read_published
from durability_utils.cohort.cleaning import clean_service
from durability_utils.outcomes.representativeness import compare_groups
from durability_utils.outcomes.response import response_rates
from durability_utils.outcomes.rules import in_step
from durability_utils.study.columns import TREATMENT_DATA, completed, dictionary
from durability_utils.study.parameters import PROJECT, read_yaml
from durability_utils.study.study_file import read_study
from durability_utils.synthetic.cohort import DURABILITY_2016, study_cohort
from durability_utils.synthetic.exports import FILES, dirt_inventory, write_exports
from durability_utils.synthetic.plan import SERVICES, TABLE1_N

RAW = PROJECT / "data" / "raw"
COHORTS = {seed: study_cohort(seed) for seed in (2016, 7)}
COUNTS = ["discharged", "consented", "first_follow_up", "second_follow_up", "both_follow_ups", "either_follow_up"]
FIGURES = read_yaml(DURABILITY_2016)
STUDY = read_study(PROJECT / "parameters" / "durability_2016.yaml")


@pytest.fixture(params=COHORTS)
def cohort(request):
    return COHORTS[request.param]


# -- the published figures -------------------------------------------------------------------------

def test_every_published_figure(cohort):
    found = compare(read_published(DURABILITY_2016), our_figures(cohort, STUDY, RULES))
    assert list(found.loc[found["verdict"] == "differs", "figure"]) == ["measures.IES-R.window"]  # not so on the form
    assert (found["verdict"] == "agrees").sum() > 200


def test_services_as_allocated(cohort):
    rates = response_rates(cohort).set_index("service").drop("all")[COUNTS[:-1]]
    assert {service: tuple(row) for service, row in zip(rates.index, rates.to_numpy(), strict=True)} == SERVICES


@pytest.mark.parametrize(("outcome", "counts"), [("improvement", (29, 24, 23)), ("recovery", (19, 14, 12))])
def test_the_counts_behind_figures_1_and_2(cohort, outcome, counts):
    good, table = f"reliable_{outcome}", table_of_paths(cohort, outcome)
    kept = table[table["end"] == good]
    at_6m, at_12m = (kept[kept[time] == good]["n"].sum() for time in ("at_6m", "at_12m"))
    still = kept[(kept["at_6m"] == good) & (kept["at_12m"] == good)]["n"].sum()
    assert (kept["n"].sum(), at_6m, at_12m, still) == (*counts, counts[2])   # nobody lost the gain and regained it


def test_table_1_by_the_other_test_too(cohort):
    table = compare_groups(cohort[cohort["service"] == "A"], "games_howell")
    for variable, sizes in TABLE1_N.items():
        rows, published = table[table["variable"] == variable], FIGURES["representativeness"][variable]
        assert tuple(rows["n"]) == sizes
        assert list(rows["letters"]) == published["letters"]
        relation, limit = published["p"].split()
        assert (rows["p"].iloc[0] < float(limit)) == (relation == "<")


def test_who_does_not_count(cohort):
    first, second = completed(cohort, "6m"), completed(cohort, "12m")
    refused = (cohort["consent_upflow"] == "no") & (first | second)
    assert refused.sum() == FIGURES["reliable_improvement"]["no_consent_to_upflow"]
    assert (refused & first & second).sum() == 2
    assert not (refused & (cohort["service"] == "A")).any()
    answered = first & cohort[["phq9_6m", "gad7_6m"]].notna().all(axis=1)
    answered |= second & cohort[["phq9_12m", "gad7_12m"]].notna().all(axis=1)
    incomplete = cohort[(first | second) & ~answered]
    assert len(incomplete) == FIGURES["reliable_improvement"]["missing_phq_or_gad_at_follow_up"]
    assert [len(in_step(incomplete, step)) for step in ("step2", "step3")] == [1, 2]


# -- a cohort that could be one --------------------------------------------------------------------

def test_ids_are_unique_and_identify_nobody(cohort):
    assert not cohort.duplicated(["service", "patient_id"]).any()
    assert not any(nhs_number.is_valid(number) for number in cohort["patient_id"])


def test_values_within_their_ranges(cohort):
    for name, entry in dictionary().iterrows():
        if entry["type"] == "whole_number":
            assert cohort[name].dropna().between(entry["minimum"], entry["maximum"]).all(), name
        if entry["type"] == "code":
            assert set(cohort[name].dropna()) <= set(entry["allowed"].split("|")), name
    for name, measure in RULES.measures.items():
        scores = cohort.loc[cohort["adsm"] == name, ["adsm_baseline", "adsm_end", "adsm_6m", "adsm_12m"]]
        assert scores.melt()["value"].dropna().between(measure.minimum, measure.maximum).all(), name


def test_items_add_up_to_their_totals(cohort):
    for total, n in ((f"{name}_{time}", n) for name, n in (("phq9", 9), ("gad7", 7)) for time in ("6m", "12m")):
        items = cohort[[f"{total}_item{i}" for i in range(1, n + 1)]]
        complete, some = items.notna().all(axis=1), items.notna().any(axis=1)
        assert complete.any()
        assert (items[complete].sum(axis=1) == cohort.loc[complete, total]).all()
        assert cohort.loc[some & ~complete, total].isna().all()


def test_nothing_is_there_without_consent(cohort):
    assert cohort.loc[cohort["consent_upflow"] == "no", TREATMENT_DATA].isna().all(axis=None)
    silent = cohort[cohort["consent_contact"] == "no"]
    assert not (completed(silent, "6m") | completed(silent, "12m")).any()


def test_dates_in_the_months_of_the_study(cohort):
    months = {"discharge_date": {"2016-06"}, "followup_6m_date": {"2016-12", "2017-01"},
              "followup_12m_date": {"2017-06", "2017-07"}}
    for column, allowed in months.items():
        assert set(cohort[column].dropna().dt.strftime("%Y-%m")) <= allowed


def test_the_same_seed_gives_the_same_cohort_and_another_seed_another():
    pd.testing.assert_frame_equal(study_cohort(2016), COHORTS[2016])
    assert not COHORTS[2016].equals(COHORTS[7])


def test_twice_the_scale_doubles_every_count():
    once, twice = COHORTS[2016], study_cohort(2016, scale=2)
    assert not twice.duplicated(["service", "patient_id"]).any()
    assert response_rates(twice)[COUNTS].equals(2 * response_rates(once)[COUNTS])
    for outcome, step in product(("improvement", "recovery"), ("all", "step2", "step3")):
        tables = [table_at_6_months(in_step(cohort, step), outcome)["n"] for cohort in (once, twice)]
        assert tables[1].equals(2 * tables[0])


# -- the exports -----------------------------------------------------------------------------------

def test_regenerating_gives_the_committed_bytes(tmp_path):
    for path in write_exports(COHORTS[2016], tmp_path):
        assert path.read_bytes() == (RAW / path.name).read_bytes(), path.name


@pytest.fixture(scope="module")
def cleaned():
    return {service: clean_service(STUDY, service) for service in FILES}


@pytest.mark.parametrize("service", FILES)
def test_cleaning_gives_the_cohort_back(cleaned, service):
    truth = COHORTS[2016]
    truth = truth[truth["service"] == service].drop(columns="service")
    found = cleaned[service].cohort.sort_values("patient_id", ignore_index=True)
    pd.testing.assert_frame_equal(found, truth.sort_values("patient_id", ignore_index=True))


@pytest.fixture(scope="module")
def inventory():
    return dirt_inventory(COHORTS[2016]).set_index("dirt")


@pytest.mark.parametrize("service", FILES)
def test_cleaning_refuses_the_dirt_that_was_put_in(cleaned, inventory, service):
    dirt = inventory[service]
    refused = cleaned[service].rejected.groupby("reason").size()
    unclear = sum(1 for i in range(dirt["unclear_consent"]) if i % 3 == 0)    # the others are blank
    expected = {"copy": dirt["exact_copy"], "conflicting_rows": 2 * dirt["conflicting_rows"],
                "outside_window": dirt["outside_window"], "no_discharge_date": dirt["unreadable_date"],
                "too_few_sessions": dirt["single_session"], "no_patient_id": dirt["no_id"],
                "out_of_range": dirt["too_high"] + dirt["too_old"], "not_a_whole_number": dirt["not_a_number"],
                "unknown_code": dirt["unknown_code"] + unclear, "before_discharge": dirt["wrong_year"],
                "contradicts_items": dirt["wrong_total"], "incomplete_items": dirt["partial_total"]}
    found = {reason: int(refused.get(reason, 0)) for reason in expected}
    assert found == {reason: int(n) for reason, n in expected.items()}


def test_no_two_exports_are_written_alike():
    starts = {name: (RAW / name).read_bytes() for name in FILES.values()}
    assert starts["service_b.csv"].startswith(b"\xef\xbb\xbf")
    assert not starts["service_a.csv"].isascii()
    assert starts["service_d.xlsx"].startswith(b"PK")
    assert starts["service_e.sav"].startswith(b"$FL2")
    separators = {"service_a.csv": b";", "service_b.csv": b",", "service_c.txt": b"\t", "service_f.csv": b"|"}
    for name, separator in separators.items():
        assert starts[name].split(b"\n")[0].count(separator) > 50
