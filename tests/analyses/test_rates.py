"""NHS rates from counts. Oracles: the rates that NHS England printed, worked examples of NHS Digital, hand counts."""

import os

import conftest
import pandas as pd
import pytest
from conftest import RULES

from durability_utils.analyses import rates
from durability_utils.outcomes.proportions import rounded_percent
from durability_utils.outcomes.rules import carry_back, classify
from durability_utils.study.errors import InputError
from durability_utils.study.parameters import PROJECT

ANNUAL = PROJECT.parent / "shared" / "real" / "nhs_england_annual.csv"
# our names of the columns of the annual reports
COUNTS = {"count_finished_course_treatment": "finished", "count_at_caseness": "at_caseness",
          "count_not_at_caseness": "not_at_caseness", "count_improvement": "reliable_improvement",
          "count_no_reliable_change": "no_reliable_change", "count_deterioration": "reliable_deterioration",
          "count_recovery": "recovery", "count_reliable_recovery": "reliable_recovery"}
PERCENT = {"percentage_improvement": "reliable_improvement", "percentage_no_reliable_change": "no_reliable_change",
           "percentage_deterioration": "reliable_deterioration", "percentage_recovery": "recovery",
           "percentage_reliable_recovery": "reliable_recovery"}

# PHQ-9 and GAD-7 at baseline and end; the outcomes in words are those of the rules, counted by hand below
PEOPLE = [
    ("A", 20, 15, 5, 3, None),  # at caseness; reliably improved, recovered
    ("A", 20, 15, 11, 3, None),  # at caseness; reliably improved, PHQ-9 still a case
    ("A", 11, 5, 9, 5, None),  # at caseness; recovered by two points, which is no reliable change
    ("A", 20, 5, 10, 12, None),  # at caseness; better on PHQ-9, worse on GAD-7: mixed
    ("A", 9, 7, 2, 1, None),  # not at caseness; reliably improved
    ("A", 15, 10, 25, 10, None),  # at caseness; reliably deteriorated
    ("A", 20, 15, None, None, None),  # at caseness; no scores at end
    ("A", 5, 5, None, None, None),  # not at caseness; no scores at end
    ("A", 5, None, None, None, None),  # GAD-7 missing: nobody knows whether at caseness
    ("A", None, None, None, None, "no"),  # no consent to up-flow: nothing is known
    ("B", 20, 15, 5, 3, "yes"),  # at caseness; reliably improved, recovered
]


@pytest.fixture
def cohort():
    names = ["service", "phq9_baseline", "gad7_baseline", "phq9_end", "gad7_end", "consent_upflow"]
    people = conftest.cohort(*(dict(zip(names, person, strict=True)) for person in PEOPLE))
    # a third service has nobody in its cohort
    return people.assign(service=pd.Categorical([service for service, *_ in PEOPLE], ["A", "B", "C"]))


@pytest.fixture
def published():
    if not ANNUAL.is_file():
        pytest.skip(f"{os.path.relpath(ANNUAL, PROJECT)} is not there: NHS England's annual figures by group are not "
                    "part of this project")
    return pd.read_csv(ANNUAL, keep_default_na=False)


def test_every_rate_that_nhs_england_printed_comes_out_of_its_counts(published):
    published = published.rename(columns=COUNTS | {name: f"printed_{rate}" for name, rate in PERCENT.items()})
    assert len(published) == 454
    ours = rates.rates_from_counts(published[list(COUNTS.values())].rename_axis("row"))
    printed = [published.at[row, f"printed_{rate}"] for row, rate in zip(ours["row"], ours["rate"], strict=True)]
    found = [rounded_percent(*pair, 1) for pair in zip(ours["n"], ours["of"], strict=True)]
    assert len(found) == 454 * 5 and set(ours["denominator"]) == {"nhs"}
    differing = ours.assign(printed=printed, found=found)[[a != b for a, b in zip(found, printed, strict=True)]]
    assert differing.empty, differing.to_string()


def test_england_is_what_the_annual_reports_hold_under_total(published):
    total = published[published["variable_type"] == "Total"].set_index("reporting_period")
    england = rates.read_england()
    for table, names in ((england.counts, COUNTS), (england.percent, PERCENT)):
        expected = total.rename(columns=names)[list(names.values())]
        assert list(table.index) == list(expected.index) == ["2017-18", "2018-19", "2019-20", "2020-21", "2021-22"]
        assert (table[expected.columns].to_numpy() == expected.to_numpy()).all()


@pytest.mark.parametrize(("rate", "n", "finished", "not_at_caseness", "percent"), [
    # NHS Digital, Psychological Therapies: reports on the use of IAPT services, June 2020 final, page Outcomes
    ("recovery", 27884, 57060, 3200, 51.8),
    ("reliable_improvement", 39417, 57060, 3200, 69.1),
    ("recovery", 23291, 48111, 2957, 51.6),  # the same of December 2020
])
def test_worked_examples_of_nhs_digital(rate, n, finished, not_at_caseness, percent):
    counts = pd.DataFrame({"finished": [finished], "not_at_caseness": not_at_caseness, rate: n})
    found = rates.rates_from_counts(counts.rename_axis("month"))
    assert rounded_percent(found["n"][0], found["of"][0], 1) == percent


def test_a_suppressed_count_leaves_out_its_rates_only():
    counts = pd.DataFrame({"finished": [100, 50], "not_at_caseness": [10, None], "recovery": [40, 20],
                           "reliable_improvement": [60, 30]}, index=pd.Index(["x", "y"], name="group"))
    found = rates.rates_from_counts(counts).set_index(["group", "rate"])
    assert found["of"].to_dict() == {("x", "reliable_improvement"): 100, ("y", "reliable_improvement"): 50,
                                     ("x", "recovery"): 90}
    assert found.at[("x", "recovery"), "share"] == 40 / 90


@pytest.mark.parametrize(("n", "of", "percent"), [(1, 16, 6.3), (1, 80, 1.3), (3, 16, 18.8), (0, 0, None)])
def test_one_decimal_rounds_halves_up(n, of, percent):
    # 6.25, 1.25 and 18.75: half way, where Python's round() goes to the even digit
    assert rounded_percent(n, of, 1) == percent


def test_counts_at_end_of_a_cohort_counted_by_hand(cohort):
    found = rates.end_counts(cohort, classify(cohort, "end", RULES))
    assert found.loc["A"].to_dict() == {
        "discharged": 10, "withheld": 1, "finished": 9, "at_caseness": 6, "not_at_caseness": 2,
        "paired": 6, "paired_at_caseness": 5, "reliable_improvement": 3, "no_reliable_change": 1, "mixed": 1,
        "reliable_deterioration": 1, "recovery": 2, "reliable_recovery": 1}
    assert found.loc["B", ["discharged", "finished", "paired", "reliable_recovery"]].tolist() == [1, 1, 1, 1]
    assert (found.loc["C"] == 0).all()
    assert list(found.index) == ["A", "B", "C"] and found.index.name == "service"


def test_rates_of_both_denominators_by_hand(cohort):
    counts = rates.end_counts(cohort, classify(cohort, "end", RULES))
    found = rates.rates_from_counts(counts).set_index(["service", "denominator", "rate"])
    of = found["of"].loc["A"]
    # nhs: finished, three without scores among them; less two not at caseness, and who is not known stays
    assert [of["nhs", "reliable_improvement"], of["nhs", "reliable_recovery"]] == [9, 7]
    assert [of["paired", "reliable_improvement"], of["paired", "reliable_recovery"]] == [6, 5]
    assert found.loc[("A", "nhs", "recovery"), ["n", "of", "share"]].tolist() == [2, 7, 2 / 7]
    assert found.loc[("C", "nhs", "recovery"), ["share", "low", "high"]].isna().all()


def test_all_is_the_sum_and_stands_last_where_there_are_several(cohort):
    counts = rates.end_counts(cohort, classify(cohort, "end", RULES))
    assert rates.with_all(counts).loc["all"].tolist() == counts.sum().tolist()
    assert list(rates.with_all(counts).index) == ["A", "B", "C", "all"]
    assert list(rates.with_all(counts.loc[["A"]]).index) == ["A"]


@pytest.mark.parametrize(("carried_back", "followed_up", "kept"), [(True, 3, 2), (False, 2, 1)])
def test_gains_kept_by_hand(cohort, carried_back, followed_up, kept):
    # improved at end: kept at 6 months; lost at 6 months; kept at 12 months only; no answer
    rows = pd.DataFrame({"phq9_6m": [5, 20, None, None], "gad7_6m": [3, 15, None, None],
                         "phq9_12m": [None, None, 5, None], "gad7_12m": [None, None, 3, None]})
    answered = pd.concat([cohort.iloc[[0]]] * 4, ignore_index=True)
    answered[list(rows)] = rows.astype("Float64")
    carried = carry_back(answered) if carried_back else answered
    found = rates.kept_counts(carried, *(classify(carried, time, RULES) for time in ("end", "6m"))).loc["A"]
    assert found.to_dict() == {"improved_and_followed_up": followed_up, "improvement_kept": kept,
                               "recovered_and_followed_up": followed_up, "recovery_kept": kept}


@pytest.mark.parametrize(("improved", "order"), [
    ([20, 60], "the order of services is that of"), ([25, 20], "a service's rates depend on")])
def test_an_order_is_that_of_completeness_only_where_it_is(improved, order):
    counts = pd.DataFrame({"finished": 100, "not_at_caseness": 0, "paired": [30, 90], "paired_at_caseness": [30, 90],
                           "reliable_improvement": improved}, pd.Index(["A", "B"], name="service"))
    assert rates.completeness_in_words(counts, rates.rates_from_counts(counts)) == (
        f"By the NHS denominator {order} the completeness of scores (30 to 90 %), so no ranks are given.")


def test_no_distance_is_a_finding_where_scores_are_missing():
    counts = pd.Series({"finished": 10, "paired": 9, "reliable_improvement": 4})
    assert rates.bound_in_words(counts).startswith(
        ", so every rate by the NHS denominator is a lower bound (of reliable improvement up to 50 % is possible); Eng")
    without = rates.bound_in_words(counts.replace(10, 9))
    assert without.startswith("; England's rates lack scores, too")
    assert without.endswith("no distance from them is a finding")


def test_who_lacks_scores_in_words():
    counts = pd.DataFrame({"finished": [100, 300], "paired": [98, 102]}, ["A", "C"])
    assert rates.lacking_in_words(counts) == "50 % of those who finished lack scores (2 % of A's, 66 % of C's)"
    assert rates.lacking_in_words(counts[:1]) == "2 % of those who finished lack scores"


def test_for_whom_the_later_answer_stands_in():
    assert rates.known_in_words(71, 1092, 55) == (
        "71 of 1,092 (55 answered at 6 months; for 16 the 12-month answer stands in)")
    assert rates.known_in_words(3, 40, 3) == "3 of 40"


def test_compared_rates_come_in_their_order_and_targets_leave_nobody_out():
    table = pd.DataFrame({"rate": ["recovery", "recovery_kept", "reliable_improvement"],
                          "denominator": ["nhs", "followed_up", "nhs"], "of": [5, 0, 4], "share": [0.4, None, 0.5]})
    found = rates.of_compared(table)
    assert list(zip(found["rate"], found["denominator"], strict=True)) == [rates.COMPARED[0], rates.COMPARED[-1]]
    assert rates.targets(found).to_numpy().tolist() == [["reliable_improvement", "nhs", 0.5]]


@pytest.mark.parametrize(("day", "year"), [
    ("2016-06-15", "2017-18"),  # before the first
    ("2018-03-31", "2017-18"), ("2018-04-01", "2018-19"),  # the NHS's year begins in April
    ("2026-01-01", "2019-20"), (None, "2019-20"), (pd.NaT, "2019-20"),
])
def test_the_nearest_published_year(day, year):
    years = ["2018-19", "2017-18", "2019-20"]
    assert rates.nearest_year(years, day if day is None or day is pd.NaT else pd.Timestamp(day)) == year


@pytest.mark.parametrize(("text", "message"), [
    ("years: {2017-18: {counts: {finished: 1}}}", "years: 2017-18: the key 'percent' is missing"),
    ("source: x", "the key 'licence' is missing"), ("years: 3", "years: found 3, expected `key: value` lines"),
    ("years: {2017-18: {counts: {finished: few}}}", "years: 2017-18: counts: finished: found 'few', expected a whole"),
])
def test_a_file_without_its_keys_is_refused_by_name(tmp_path, text, message):
    (tmp_path / "england.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=rf"^england\.yaml: {message}"):
        rates.read_england(tmp_path / "england.yaml")
