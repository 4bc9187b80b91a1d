"""Functions called with a table of one's own: wrong ones get one sentence, what `pandas.read_csv` makes of a canonical
export is right. Oracle: the argument, what was found and what is expected, typed out; the data dictionary."""

import io

import numpy as np
import pandas as pd
import pytest
from conftest import PAIR_RULES, RULES, patient, typed

from durability_utils.analyses import (
    attrition,
    definitions,
    desk,
    funnel,
    rates,
    relapse,
    reliable_change,
)
from durability_utils.cohort.missing import missing_values
from durability_utils.outcomes import proportions, representativeness, response, rules, transitions
from durability_utils.study.columns import completed
from durability_utils.study.errors import InputError
from durability_utils.study.measures import read_measures

ROWS = [patient((18, 15), (8, 7), patient_id="a", consent_contact="yes", step="step2", adsm="SPIN", adsm_baseline=40,
                adsm_end=10, adsm_6m=12, phq9_6m=5, gad7_6m=4, sessions=6, age=40),
        patient((20, 12), (9, 3), patient_id="b", consent_contact="no", consent_upflow="yes", step="step3", age=30),
        patient((12, 9), (11, 9), patient_id="c", consent_contact="yes", phq9_12m=7, gad7_12m=3)]
COHORT = typed(pd.DataFrame(ROWS)).assign(service="A")
END, LATER = (rules.classify(COHORT, time, RULES) for time in ("end", "6m"))
NUMBERS = "and nothing (NaN) where there is none, no code such as -9 or 999"
PHQ9 = f"expected whole numbers from 0 to 27, {NUMBERS}"
ONE_ROW = "in 1 of 3 rows, first in row 1 (counted from 0)"
OUT, OF_27 = "found numbers below", "0 or above 27"
NO_CODE = f"found text that is no code {ONE_ROW}"
TABLE = "expected a DataFrame, one row a patient"
AMONG = "expected it among its {}; what nobody has may be a column without values"
OTHER = "expected the same patients in the same order"
STEPS = "expected one of step2, step3, step2+3"


def having(column, *values):
    return COHORT.assign(**{column: pd.Series(values, COHORT.index)})


def scored(*values):
    """What `classify` says of a cohort with these values as PHQ-9 at end."""
    return rules.classify(having("phq9_end", *values), "end", RULES)


WRONG = {
    # times, steps, rules
    "time": (lambda: rules.classify(COHORT, "9m", RULES), "time: found '9m', expected one of end, 6m, 12m"),
    "baseline": (lambda: rules.relevant_anxiety(COHORT, "baseline", RULES),
                 "time: found 'baseline', expected one of end, 6m, 12m"),
    "no follow-up": (lambda: completed(COHORT, "end"), "time: found 'end', expected one of 6m, 12m"),
    "time as number": (lambda: completed(COHORT, 6), "time: found 6, expected one of 6m, 12m"),
    "step": (lambda: rules.in_step(COHORT, "step4"), "step: found 'step4', expected one of all, step2, step3"),
    "rules as a version": (lambda: rules.classify(COHORT, "end", "study_2016"),
                           "rules: found a str, expected the rules of a study, as `read_study(study).rules`"),
    "measures as rules": (lambda: relapse.status_at_end(COHORT, RULES.measures),
                          "rules: found a dict, expected the rules of a study, as `read_study(study).rules`"),
    "version": (lambda: read_measures("study_2017"),
                "measures: found 'study_2017', expected a version in measures.yaml: study_2016, nhs_talking_therapies"),
    "outcome": (lambda: attrition.well_at_end(COHORT, END, LATER, "gain", "6m", RULES),
                "outcome: found 'gain', expected one of improvement, recovery"),
    "test": (lambda: representativeness.compare_groups(COHORT, "t"),
             "test: found 't', expected one of games_howell, tukey"),
    # tables
    "a list": (lambda: rules.classify([1], "end", RULES), f"cohort: found a list, {TABLE}"),
    "a column": (lambda: rules.carry_back(COHORT["phq9_6m"]),
                 f"cohort: found a Series, {TABLE}"),
    "absent": (lambda: rules.classify(COHORT.drop(columns=["phq9_end"]), "end", RULES),
               f"cohort: found no column phq9_end, {AMONG.format(COHORT.shape[1] - 1)}"),
    "absent items": (lambda: completed(COHORT[["phq9_6m", "gad7_6m"]], "6m"),
                     f"cohort: found no column adsm_6m and 23 more, {AMONG.format(2)}"),
    "twice": (lambda: rules.classify(pd.concat([COHORT, COHORT[["phq9_end"]]], axis=1), "end", RULES),
              "cohort: found the column phq9_end twice, expected it once"),
    # scores
    "missing code": (lambda: scored(8, -9, 8), f"cohort: phq9_end: {OUT} {OF_27} {ONE_ROW}, {PHQ9}"),
    "999": (lambda: scored(8, 999, 8.0), f"cohort: phq9_end: {OUT} {OF_27} {ONE_ROW}, {PHQ9}"),
    "infinite": (lambda: scored(8, np.inf, 8), f"cohort: phq9_end: {OUT} {OF_27} {ONE_ROW}, {PHQ9}"),
    "fraction": (lambda: scored(8, 7.5, 8), f"cohort: phq9_end: found fractions {ONE_ROW}, {PHQ9}"),
    "text": (lambda: scored("8", "9", None),
             f"cohort: phq9_end: found text, {PHQ9} (`pd.to_numeric` makes numbers of text)"),
    "truth": (lambda: scored(True, False, True), f"cohort: phq9_end: found True or False, {PHQ9}"),
    "kinds": (lambda: scored(8, "nine", 8), f"cohort: phq9_end: found values of several kinds, {PHQ9}"),
    "answer": (lambda: response.response_rates(having("phq9_6m_item3", 1, 9, None)),
               "cohort: phq9_6m_item3: found numbers below 0 or above 3 " + ONE_ROW
               + f", expected whole numbers from 0 to 3, {NUMBERS}"),
    "carried": (lambda: rules.carry_back(having("gad7_12m", None, 9999, None)),
                f"cohort: gad7_12m: found numbers below 0 or above 21 {ONE_ROW}, expected whole numbers from 0 to 21, "
                f"{NUMBERS}"),
    "of another measure": (lambda: rules.classify(having("adsm_end", 99, None, None), "end", RULES),
                           "cohort: adsm_end: found numbers that the patient's measure in `adsm` does not have in 1 of "
                           f"3 rows, first in row 0 (counted from 0), expected its range in measures.yaml, {NUMBERS}"),
    "relapse": (lambda: relapse.status_at_end(having("gad7_end", 3, 99, 3), PAIR_RULES),
                f"cohort: gad7_end: found numbers below 0 or above 21 {ONE_ROW}, expected whole numbers from 0 to 21, "
                f"{NUMBERS}"),
    "classes": (lambda: reliable_change.class_counts(pd.DataFrame({"baseline": [20, 99], "6m": [5, 5]}),
                                                      RULES.depression),
                f"scores: baseline: found numbers below 0 or above 27 in 1 of 2 rows, expected none, {NUMBERS}"),
    "age": (lambda: representativeness.compared_variables(having("age", 40, 999, 30)),
            f"cohort: age: found numbers below 0 or above 120 {ONE_ROW}, expected whole numbers from 0 to 120, "
            f"{NUMBERS}"),
    # codes, days, ids
    "consent as said": (lambda: response.response_flags(having("consent_contact", "yes", "Yes", "no")),
                        f"cohort: consent_contact: {NO_CODE}, expected one of yes, no"),
    "consent as truth": (lambda: response.who_answered(having("consent_contact", True, False, True)),
                         "cohort: consent_contact: found True or False, expected one of yes, no"),
    "consent as number": (lambda: response.response_rates(having("consent_contact", 1, 0, 1)),
                          "cohort: consent_contact: found numbers, expected one of yes, no"),
    "step as number": (lambda: rules.in_step(having("step", 2, 3, None), "step2"),
                       f"cohort: step: found numbers, {STEPS}"),
    "step as text": (lambda: rules.in_step(having("step", "step2", "2", None), "all"),
                     f"cohort: step: {NO_CODE}, {STEPS}"),
    "gender": (lambda: representativeness.sample_characteristics(having("gender", "female", "F", None)),
               f"cohort: gender: {NO_CODE}, expected one of female, male, other"),
    "measure": (lambda: rules.classify(having("adsm", "SPIN", "spin", None), "end", RULES),
                f"cohort: adsm: {NO_CODE}, expected one of PHQ-9, GAD-7, "),
    "mode": (lambda: response.answers_by_mode(having("followup_6m_mode", "post", "email", None)),
             f"cohort: followup_6m_mode: {NO_CODE}, expected one of post, online, phone"),
    "day as text": (lambda: completed(having("followup_6m_date", None, "2016-12-01", None), "6m"),
                    "cohort: followup_6m_date: found text, expected days as `pd.to_datetime` makes them"),
    "id as number": (lambda: desk.due(having("patient_id", 1, 2, 3), pd.DataFrame(), desk.day("2017-06-30")),
                     "cohort: patient_id: found numbers, expected text "
                     "(`pd.read_csv(..., dtype={'patient_id': str})`)"),
    "unknown column": (lambda: missing_values(COHORT),
                       "cohort: found the column service, expected those of data/dictionary.csv alone"),
    "as of": (lambda: desk.due(COHORT, pd.DataFrame(columns=["patient_id", "time"]), "2017-06-30"),
              "as_of: found a str, expected a day, as `day(\"2017-06-30\")` makes it"),
    # what other functions give
    "not classified": (lambda: rates.end_counts(COHORT, COHORT),
                       f"end: found no column improvement and 5 more, {AMONG.format(COHORT.shape[1])}"),
    "codes as text": (lambda: transitions.six_month_table(END["improvement"].astype(str), LATER["improvement"]),
                      "end: found no improvement or recovery, expected a column of what `classify` gives, with its "
                      "categories"),
    "other patients": (lambda: transitions.six_month_table(END["recovery"], LATER["recovery"].iloc[1:]),
                       f"follow_up: found other rows than in end (2 and 3), {OTHER}"),
    "shuffled": (lambda: definitions.no_return_to_caseness(END, LATER.iloc[::-1]),
                 f"later: found other rows than in end (3 and 3), {OTHER}"),
    "both": (lambda: transitions.path_table(*[END["recovery"]] * 3, pd.Series([1, 0, 1])),
             "both: found numbers, expected True or False for every patient"),
    "labels twice": (lambda: relapse.time_to_relapse(COHORT.set_axis([0, 0, 1]), pd.DataFrame(), RULES),
                     "remitted: found labels in its index twice, expected one a row (`reset_index(drop=True)`, or "
                     "`pd.concat(..., ignore_index=True)`)"),
    "kept": (lambda: attrition.bounds(pd.Series(["yes", "no"])),
             "kept: found something else, expected 1 or 0 for every patient, and nothing (NaN) where it is not known, "
             "as `well_at_end` gives it"),
    "reliability": (lambda: reliable_change.jacobson_truax(pd.Series([20, 10]), pd.Series([5, 5]), 89),
                    "reliability: found 89, expected a number from 0 to 1"),
    "target": (lambda: funnel.positions(pd.DataFrame(columns=["service", "rate", "denominator", "n", "of", "share"]),
                                        pd.DataFrame({"rate": ["a"], "denominator": "nhs", "target": [50.0]})),
               f"targets: target: found numbers below 0 or above 1 in 1 of 1 rows, expected none, {NUMBERS}"),
    # counts
    "more than all": (lambda: proportions.proportion(3, 2), "n: found 3 of 2, expected no more than `of`"),
    "negative": (lambda: proportions.proportion(-1, 2), "n: found -1, expected a count: a whole number of 0 or more"),
    "unknown": (lambda: proportions.rounded_percent(1, np.nan),
                "of: found nan, expected a count: a whole number of 0 or more"),
    "share": (lambda: proportions.proportion(0.5, 1), "n: found 0.5, expected a count: a whole number of 0 or more"),
    "count as text": (lambda: proportions.proportion("1", 2), "n: found '1', expected a count: a whole number of 0 or "
                      "more"),
    "in a table": (lambda: proportions.with_proportions(pd.DataFrame({"kept": [3], "all": [2]}), "kept", "all"),
                   "table: kept: found 3 of 2, expected no more than `table: all`"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_call_is_refused_in_one_sentence(name):
    call, sentence = WRONG[name]
    with pytest.raises(InputError) as refused:
        call()
    said = str(refused.value)
    assert said.startswith(sentence) if name == "measure" else said == sentence


def test_what_pandas_reads_from_a_canonical_export_gives_the_same():
    text = COHORT.to_csv(index=False)
    read = pd.read_csv(io.StringIO(text), parse_dates=["discharge_date", "followup_6m_date", "followup_12m_date"])
    assert {str(read[name].dtype) for name in ("phq9_6m", "adsm_end", "phq9_end")} == {"float64", "int64"}
    for time in ("end", "6m"):
        pd.testing.assert_frame_equal(rules.classify(read, time, RULES), rules.classify(COHORT, time, RULES))
    pd.testing.assert_frame_equal(response.response_rates(read), response.response_rates(COHORT))
    objects = COHORT.astype(object)
    pd.testing.assert_frame_equal(rules.classify(objects, "6m", RULES), LATER)


def test_a_score_without_the_name_of_its_measure_is_not_judged():
    nameless = having("adsm", None, None, None).assign(adsm_end=500.0)
    assert rules.classify(nameless, "end", RULES)["anxiety_measure"].tolist() == ["GAD-7"] * 3


def test_labels_that_stand_twice_do_not_multiply_patients():
    twice = pd.concat([COHORT, COHORT])
    assert len(response.flagged(twice)) == 6
    assert response.response_rates(response.flagged(twice))["discharged"].tolist() == [6]
