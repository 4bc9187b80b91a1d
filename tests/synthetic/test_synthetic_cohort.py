"""The synthetic cohort gives back every published figure, and its exports clean to exactly that cohort.

Oracle: parameters/published/durability_2016.yaml, the figures that the durability study printed. Group sizes that
the study did not print (services, available cases of Table 1) are those of the reading that `synthetic` states.
"""

from decimal import ROUND_HALF_UP, Decimal

import nhs_number
import pandas as pd
import pytest
from conftest import RULES, table_at_6_months, table_of_paths

from durability_utils.analyses.published import compare, our_figures, read_published
from durability_utils.cohort.cleaning import clean_service
from durability_utils.outcomes.representativeness import compare_groups, sample_characteristics, snake_case
from durability_utils.outcomes.response import response_rates
from durability_utils.outcomes.rules import in_step
from durability_utils.study.columns import TREATMENT_DATA, completed, dictionary
from durability_utils.study.parameters import PROJECT, read_yaml
from durability_utils.study.study_file import read_study
from durability_utils.synthetic.cohort import DURABILITY_2016, study_cohort
from durability_utils.synthetic.exports import FILES, dirt_inventory, write_exports
from durability_utils.synthetic.plan import SERVICES, TABLE1_N

RAW = PROJECT / "data" / "raw"
SEEDS = (2016, 7)
COHORTS = {seed: study_cohort(seed) for seed in SEEDS}
FIGURES = read_yaml(DURABILITY_2016)
STUDY = read_study(PROJECT / "parameters" / "durability_2016.yaml")
TABLES = [("improvement", "table2_all", "all"), ("improvement", "table3_step2", "step2"),
          ("improvement", "table4_step3", "step3"), ("recovery", "table5_all", "all"),
          ("recovery", "table6_step2", "step2"), ("recovery", "table7_step3", "step3")]


@pytest.fixture(params=SEEDS)
def cohort(request):
    return COHORTS[request.param]


def printed(value, digits="1"):
    """A number as the paper prints it: rounded half up, on its decimal figures."""
    return str(Decimal(repr(round(float(value), 9))).quantize(Decimal(digits), ROUND_HALF_UP))


def square(cohort, outcome, step):
    table = table_at_6_months(in_step(cohort, step), outcome)
    size = 3 if outcome == "improvement" else 2
    return table["n"].to_numpy().reshape(size, size).tolist()


# -- the published figures -------------------------------------------------------------------------

def test_response_as_published(cohort):
    rates, response = response_rates(cohort).set_index("service"), FIGURES["response"]
    everyone = rates.loc["all"]
    assert everyone["discharged"] == response["discharged"]
    for ours, theirs in (("consented", "consented"), ("first_follow_up", "first_follow_up"),
                         ("second_follow_up", "second_follow_up"), ("either_follow_up", "either_follow_up"),
                         ("both_follow_ups", "both_follow_ups")):
        assert everyone[ours] == response[theirs]["n"]
        assert printed(100 * everyone[f"{ours}_share"]) == str(response[theirs]["percent"])
    for ours, theirs in (("consented", "consent"), ("first_follow_up", "first"), ("second_follow_up", "second")):
        shares = 100 * rates.drop("all")[f"{ours}_share"]
        limits = response[f"{theirs}_rate_by_service_percent"]
        assert (printed(shares.min()), printed(shares.max())) == (str(limits["min"]), str(limits["max"]))


def test_every_published_figure(cohort):
    found = compare(read_published(DURABILITY_2016), our_figures(cohort, STUDY, RULES))
    assert list(found.loc[found["verdict"] == "differs", "figure"]) == []
    assert (found["verdict"] == "agrees").sum() > 200


def test_services_as_allocated(cohort):
    columns = ["discharged", "consented", "first_follow_up", "second_follow_up", "both_follow_ups"]
    rates = response_rates(cohort).set_index("service").drop("all")[columns]
    assert {service: tuple(row) for service, row in zip(rates.index, rates.to_numpy(), strict=True)} == SERVICES


@pytest.mark.parametrize(("outcome", "name", "step"), TABLES)
def test_tables_2_to_7_as_published(cohort, outcome, name, step):
    assert square(cohort, outcome, step) == FIGURES[f"reliable_{outcome}"][name]


@pytest.mark.parametrize(("outcome", "figure", "counts"), [
    ("improvement", "figure1_both_follow_ups", (29, 24, 23)), ("recovery", "figure2_both_follow_ups", (19, 14, 12))])
def test_figures_1_and_2_as_published(cohort, outcome, figure, counts):
    good, published = f"reliable_{outcome}", FIGURES[f"reliable_{outcome}"][figure]
    table = table_of_paths(cohort, outcome)
    kept = table[table["end"] == good]
    at_6m, at_12m = (kept[kept[time] == good]["n"].sum() for time in ("at_6m", "at_12m"))
    still = kept[(kept["at_6m"] == good) & (kept["at_12m"] == good)]["n"].sum()
    assert table["n"].sum() == published["n"]
    assert (kept["n"].sum(), at_6m, at_12m, still) == (*counts, counts[2])   # nobody lost the gain and regained it
    assert printed(100 * at_6m / counts[0]) == str(published["kept_at_6_percent"])
    # 12 of 19 is 63.2, 23 of 29 is 79.3
    assert printed(100 * at_12m / counts[0]) == str(published["kept_at_12_percent"])


@pytest.mark.parametrize("test", ["tukey", "games_howell"])
def test_table_1_as_published(cohort, test):
    table = compare_groups(cohort[cohort["service"] == "A"], test)
    for variable, sizes in TABLE1_N.items():
        rows, published = table[table["variable"] == variable], FIGURES["representativeness"][variable]
        assert tuple(rows["n"]) == sizes
        assert [printed(mean, "0.01") for mean in rows["mean"]] == published["means"]
        assert list(rows["letters"]) == published["letters"]
        relation, limit = published["p"].split()
        assert (rows["p"].iloc[0] < float(limit)) == (relation == "<")


def test_sample_characteristics_as_published(cohort):
    found = sample_characteristics(cohort).set_index(["variable", "level"])
    sample = FIGURES["sample"]
    assert printed(100 * found.at[("gender", "female"), "value"]) == str(sample["female_percent"])
    assert printed(100 * found.at[("ethnicity", "white_british"), "value"]) == str(sample["white_british_percent"])
    for problem, percent in sample["primary_problem_percent"].items():
        assert printed(100 * found.at[("primary_problem", snake_case(problem)), "value"]) == str(percent)
    assert found.at[("primary_problem", "missing"), "n"] == 5
    for level, digits in (("mean", "1"), ("sd", "0.01"), ("min", "1"), ("max", "1")):
        assert printed(found.at[("age", level), "value"], digits) == str(sample["age"][level])
    for step in ("step2", "step3"):
        assert printed(100 * found.at[("step", step), "value"]) == str(sample["step_percent"][step])
        assert printed(found.at[("sessions", step), "value"], "0.01") == str(sample["sessions_mean"][step])


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
    counts = ["discharged", "consented", "first_follow_up", "second_follow_up", "both_follow_ups", "either_follow_up"]
    assert response_rates(twice)[counts].equals(2 * response_rates(once)[counts])
    for outcome, _, step in TABLES:
        assert square(twice, outcome, step) == [[2 * n for n in row] for row in square(once, outcome, step)]


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
