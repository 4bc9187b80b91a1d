"""The answer in sentences. Oracle: sentences and numbers written by hand from small tables, and the paper's Table 2."""

import pandas as pd
import pytest

from durability_utils.outcomes.proportions import proportion
from durability_utils.runs.answers import Answers, england, in_words, read_answers, span

RESPONSE = """service,discharged,consented,either_follow_up
A,120,40,12
B,80,60,38
all,200,100,50
"""
RATES = """service,rate,denominator,n,of
A,reliable_improvement,nhs,1,2
all,reliable_improvement,nhs,110,160
all,reliable_improvement,paired,110,130
all,no_reliable_change,nhs,5,160
all,reliable_recovery,nhs,60,150
"""
SIX_MONTHS = """end,follow_up,n
no_reliable_improvement,reliable_improvement,17
reliable_improvement,no_reliable_improvement,10
reliable_improvement,reliable_improvement,61
"""
DEFINITIONS = """definition,measures,time,population,denominator,n,of
reliable_improvement_kept,phq9_relevant_anxiety,6m,own,x,1,2
reliable_improvement_kept,phq9_relevant_anxiety,12m,own,x,23,29
reliable_improvement_kept,phq9_relevant_anxiety,12m,common,x,1,2
reliable_improvement_kept_gad7,phq9_gad7,12m,own,x,1,2
"""
ESTIMATES = """outcome,time,method,estimate,answered
improvement,6m,complete_cases,0.9,55
improvement,6m,complete_cases_carried_back,0.86,71
improvement,6m,weighting,0.834
improvement,6m,normal,0.8
improvement,6m,pmm,
improvement,6m,returned_to_baseline,0.2
improvement,6m,worst_case,0.062
improvement,6m,best_case,0.986
improvement,12m,worst_case,0.1
improvement,12m,best_case,0.97
"""
CURVE = """outcome,time,method,estimate
improvement,6m,g_formula,0.75
improvement,6m,complete_cases,0.99
"""


@pytest.fixture
def tables(tmp_path):
    for name, text in {"response_rates": RESPONSE, "services_rates": RATES, "reliable_improvement_6m": SIX_MONTHS,
                       "definitions": DEFINITIONS, "attrition_estimates": ESTIMATES}.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    return tmp_path


def plain(sentences):
    return [sentence.replace("\u00a0", " ") for sentence in sentences]


def test_the_numbers_are_those_of_all_services_and_of_the_study_s_own_rule(tables):
    answers = read_answers(tables)
    assert (answers.discharged, answers.consented[:2], answers.answered[:2]) == (200, (100, 200), (50, 200))
    assert {key: of[:2] for key, of in answers.end.items()} == {
        ("improvement", "nhs"): (110, 160), ("improvement", "paired"): (110, 130), ("recovery", "nhs"): (60, 150)}
    assert {key: of[:2] for key, of in answers.kept.items()} == {
        ("improvement", "6m"): (61, 71), ("improvement", "12m"): (23, 29)}
    assert answers.reach == {("improvement", "6m"): (0.062, 0.986, 0.8, 0.834),
                             ("improvement", "12m"): (0.1, 0.97, None, None)}


def test_every_specification_counts_but_not_those_who_answered_alone(tables):
    (tables / "attrition_curve.csv").write_text(CURVE, encoding="utf-8")
    assert read_answers(tables).reach["improvement", "6m"] == (0.062, 0.986, 0.75, 0.834)


def test_a_table_of_six_months_only_says_no_time(tables):
    (tables / "attrition_estimates.csv").write_text(
        "outcome,method,estimate\nrecovery,worst_case,0.1\nrecovery,best_case,0.9\n", encoding="utf-8")
    assert read_answers(tables).reach == {("recovery", "6m"): (0.1, 0.9, None, None)}


def test_the_answer_in_sentences(tables):
    assert plain(in_words(read_answers(tables), 10)) == [
        "At least 110 of 160 who finished treatment had reliably improved at its end (30 lack a score; 85 %, 77 to 90, "
        "of the other 130). Of those reliably improved who answered, 61 of 71 (86 %, 76 to 92) still were at 6 months "
        "(for 16 the 12-month answer stands in) and 23 of 29 (79 %, 62 to 90) at 12 months.",
        "At least 60 of 150 who finished treatment had reliably recovered at its end.",
        "50 of 200 (25 %, 20 to 31) of those discharged answered. Of all known to have improved, without any "
        "assumption about the others, 6 to 99 % may still be so at 6 months (from the 55 who answered at 6 months "
        "themselves; 80 to 83 % by methods that allow for who answers), and 10 to 97 % may still be so at 12 months."]


def test_where_everybody_has_all_scores_it_is_a_rate_and_no_bound():
    end = {("improvement", denominator): proportion(110, 160) for denominator in ("nhs", "paired")}
    assert plain(in_words(Answers(end=end), 10)) == [
        "110 of 160 (69 %, 61 to 75) who finished treatment had reliably improved at its end."]
    assert "lack one" not in england(Answers(end=end), None, 10)


def test_a_rate_of_few_patients_within_it_is_counts(tables):
    [improved, *_] = plain(in_words(read_answers(tables), 30))
    assert improved.endswith("61 of 71 (86 %, 76 to 92) still were at 6 months (for 16 the 12-month answer stands in) "
                             "and 23 of 29 at 12 months.")


def test_of_few_patients_it_is_one_sentence_of_counts(tables):
    assert not read_answers(tables).are_few(71)
    assert read_answers(tables).are_few(72)
    assert plain(in_words(read_answers(tables), 72)) == [
        "Too few for rates. 50 of 200 discharged answered. Of 110 known to have reliably improved at the end of "
        "treatment 71 could be judged at 6 months (for 16 the 12-month answer stands in), and 61 still were; 29 at 12 "
        "months, and 23 still were. How the others fared is not known; 30 of 160 who finished lack a score."]


@pytest.mark.parametrize(("kept", "said"), [
    ({("improvement", "6m"): proportion(0, 0)}, "nobody could be judged at 6 months."),
    ({("improvement", "6m"): proportion(0, 0), ("improvement", "12m"): proportion(1, 1)},
     "nobody could be judged at 6 months; 1 at 12 months, and 1 still was.")])
def test_where_nobody_or_one_answered(kept, said):
    assert plain(in_words(Answers(kept=kept), 10)) == [
        f"Too few for rates. Of those known to have reliably improved at the end of treatment {said} How the others "
        "fared is not known."]


def test_without_tables_nothing_is_said(tmp_path):
    assert read_answers(tmp_path) == Answers()
    assert in_words(Answers(), 10) == []
    assert england(Answers(), None, 10) == ""


def test_england_is_that_of_the_year_by_the_same_denominator(tables):
    """368,518 of 554,709 finished in 2017-18 had improved, 250,395 of the 517,942 of them at caseness had recovered."""
    said = england(read_answers(tables), pd.Timestamp("2016-06-01"), 10).replace("\u00a0", " ")
    assert said.startswith(
        "Of those who finished treatment in all services of England in 2017-18, the nearest year published, 66 % had "
        "reliably improved and 48 % had reliably recovered at its end; here, by the same denominators, 110 of 160 "
        "(69 %, 61 to 75) and 60 of 150 (40 %, 33 to 48). Whoever lacks a score at baseline or end counts as not "
        "improved, in England, too: here 30 of 160 lack one, so that no distance from England's, on either side, is a "
        "finding.")
    assert "Open Government Licence" in said
    own, latest = (england(read_answers(tables), day, 10).replace("\u00a0", " ")
                   for day in (pd.Timestamp("2018-03-31"), None))
    assert "England in 2017-18, 66 %" in own
    assert "England in 2021-22, the latest year published, 67 %" in latest


def test_one_share_twice_is_said_once():
    assert [span(0.06, 0.98), span(0.5, 0.501)] == ["6\u00a0to\u00a098\u00a0%", "50\u00a0%"]
