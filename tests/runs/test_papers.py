"""What a paper needs beside its tables: methods in words, and checklists."""

import json
import re
from dataclasses import replace

import pytest
from conftest import RULES

from durability_utils.analyses import attrition, case_mix, rates, relapse, weighting
from durability_utils.analyses.imputation import IMPUTATIONS
from durability_utils.outcomes.representativeness import TESTS, VARIABLES
from durability_utils.runs.papers import checklists, methods, page
from durability_utils.study.parameters import PROJECT
from durability_utils.study.study_file import read_study


@pytest.fixture
def study():
    return read_study(PROJECT / "parameters" / "durability_2016.yaml")


def test_methods_say_what_the_study_file_sets(study):
    """Oracle: the study file itself, read by eye."""
    said = methods(study)
    assert "patients discharged from 1 June 2016 to 30 June 2016 from 6 NHS Talking Therapies services" in (
        said["Design, setting and patients"])
    assert "at least 2 sessions" in said["Design, setting and patients"]
    measures = said["Measures and outcomes"]
    assert "PHQ-9 (0 to 27, caseness at 10 or more, reliable change 6 points or more)" in measures
    assert "not completed was replaced by the 12-month one" in measures
    assert "rule `nhs`" in said["Disclosure control and software"]


def test_another_setting_is_another_sentence(study):
    changed = replace(
        study, rules=RULES.changed("PHQ-9", reliable_change=5).changed(carry_back=False, anxiety_measure="gad7"),
        discharged=None, referrals="all", follow_up_windows={"6m": (91, 273), "12m": (274, 456)}, disclosure=None,
        follow_ups_after_re_referral=True)
    before, after = methods(study), methods(changed)
    assert {heading for heading in before if before[heading] != after[heading]} == {
        "Design, setting and patients", "Measures and outcomes", "Missing answers", "Disclosure control and software"}
    design, measures = after["Design, setting and patients"], after["Measures and outcomes"]
    assert "2016" not in design
    assert "a patient could count more than once" in design
    assert "(days 91 to 273 and 274 to 456)" in design
    assert "Answers after a later referral counted" in design
    assert "reliable change 5 points or more" in measures
    assert "PHQ-9 reliable change 5, not 6" in measures
    assert "Anxiety was the GAD-7 for everybody" in measures
    assert "No answer was carried" in measures


def _cited(said: dict[str, str]) -> set[tuple[str, str]]:
    """First author and year of what the paragraphs cite: `Bang & Robins, 2005`, `Wilson (1927)`, `Welch's (1951)`."""
    return set(re.findall(r"([A-Z][a-z]\w+)(?:'s)?(?: et al\.| & [A-Z]\w+)?,? \(?((?:19|20)\d\d)(?=[);,]|$)", " ".join(
        text for heading, text in said.items() if heading not in ("References", "Design, setting and patients"))))


def test_who_is_cited_is_in_the_references_and_nobody_else(study):
    template = (PROJECT / "durability_utils" / "templates" / "methods.md").read_text(encoding="utf-8")
    one = replace(study, services={"A": study.services["A"]}, table1_services=("A",))
    ever = set()
    for said in (methods(study), methods(one)):
        listed = {(name.removeprefix("van "), year) for name, year in re.findall(
            r"(?:^|[.?\d] |Wiley\. )((?:van )?[A-Z][a-z]\w+) [A-Z]{1,3}\b[^()]*\((\d{4})\)", said["References"])}
        assert len(listed) > 20 and _cited(said) == listed
        ever |= listed
    assert len(ever) == len(template.split("## References\n")[1].strip().splitlines())


def test_what_the_methods_say_of_the_comparison_is_what_notebook_05_does(study):
    """Oracle: `representativeness.compare_groups` and `effect_sizes`, and the services of the study file."""
    said = methods(study)["Analysis"]
    assert "patients of service A (no consent to contact; consent and no answer; consent and at least one" in said
    assert TESTS["games_howell"][:2] == ("welch_anova", "pairwise_gameshowell")
    assert VARIABLES == ("age", "phq9_baseline", "phq9_change", "gad7_baseline", "gad7_change", "sessions")
    assert "age, PHQ-9 and GAD-7 at baseline, their change during treatment, and number of sessions" in said
    everything = " ".join(methods(study).values())
    assert "chi-squared" not in everything and "Cramer" not in everything


def test_covariates_in_the_methods_are_those_of_the_code():
    assert attrition.VARIABLES == {
        "services_first": [], "scores": ["phq9_end", "anxiety_end", "phq9_baseline", "anxiety_baseline"],
        "services": ["service"], "all": ["step3", "age", "sessions"]}
    assert attrition.AUXILIARY == ["answered_6m", "phq9_6m", "anxiety_6m"]
    assert case_mix.RECORDED == ["phq9_baseline", "gad7_baseline", "age", "employment_baseline", "gender"]
    assert set(relapse.GROUPED_BY) == {"residual_phq9", "residual_gad7", "step3"}


def test_a_study_of_one_service_compares_none_and_names_england(study):
    one = methods(replace(study, services={"A": study.services["A"]}, table1_services=("A",)))
    for word in ("Cochran", "pooled rate", "ranked", "mixed logistic"):
        assert word in methods(study)["Services"] and word not in one["Services"]
    assert all("England's published rates" in said["Services"] for said in (one, methods(study)))


def test_checklists_have_every_item_once():
    """Oracle: STROBE's 22 items with their parts for a cohort; RECORD's 13, which are numbered after STROBE's."""
    found = checklists()
    parts = {1: "ab", 6: "ab", 12: "abcde", 13: "abc", 14: "abc", 16: "abc"}
    assert [*found.loc[found["statement"] == "STROBE", "item"]] == [
        f"{item}{part}" for item in range(1, 23) for part in (parts.get(item) or [""])]
    assert [*found.loc[found["statement"] == "RECORD", "item"]] == [
        "1.1", "1.2", "1.3", "6.1", "6.2", "6.3", "7.1", "12.1", "12.2", "12.3", "13.1", "19.1", "22.1"]
    assert (found != "").all(axis=None)


def test_what_the_checklists_name_is_there(study):
    """Each notebook, each heading of one, each paragraph of the methods; and no page, since a bundle has others."""
    said = methods(study)
    for cell in checklists()["found in"]:
        assert ".html" not in cell
        assert all((PROJECT / path).is_file() for path in re.findall(r"(?:parameters|data)/\w+\.\w+", cell))
        for name, rest in re.findall(r"(\d\d_\w+)(?:, ([^;]*))?", cell):
            cells = json.loads((PROJECT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
            headings = re.findall(r"^##+ (.*)", "\n".join("".join(one["source"]) for one in cells), re.M)
            assert not re.match("[A-Z]", rest) or any(map(rest.startswith, headings)), (name, rest)
        for rest in re.findall(r"Methods in words, ([^;]*)", cell):
            assert any(map(rest.startswith, said)), rest


def test_the_page_shows_both_links_what_is_there_and_says_what_is_synthetic(study, tmp_path):
    (tmp_path / "all" / "all").mkdir(parents=True)
    (tmp_path / "all" / "all" / "08_attrition.html").write_text("", encoding="utf-8")
    text = page(study, tmp_path)
    assert "Synthetic data" in text
    assert text.count("<tr><td>") == 47
    assert "Turnbull" in text and "von Elm E et al. (2007)" in text
    assert set(re.findall(r'href="(all/[^"]+)"', text)) == {"all/all/08_attrition.html"}


def test_numbers_in_the_methods_are_those_of_the_code(study):
    assert f"imputation of the follow-up scores, {IMPUTATIONS} times" in methods(study)["Missing answers"]
    said = methods(study)
    for number in (f"bootstrap of {weighting.RESAMPLES} samples", f"fewer than {attrition.LEAST_ON_A_SIDE} answered",
                   f"below {attrition.LEAST_EFFECTIVE}", "0 to 6 points of the PHQ-9",
                   "mean and standard deviation of 1.5 points"):
        assert number in said["Missing answers"]
    assert f"services of {rates.LEAST_PATIENTS} patients or more" in said["Services"]
    assert f"fewer than {study.few} patients" in said["Analysis"]
    prior = (PROJECT / "notebooks" / "08_attrition.ipynb").read_text(encoding="utf-8")
    assert "quarter = rules.depression.reliable_change / 4" in prior  # of 6 points


def test_thresholds_are_all_said_and_which_are_not_confirmed(study):
    said = methods(study)["Measures and outcomes"]
    assert "OCI (0 to 168, caseness at 40 or more, reliable change 32 points or more)" in said
    assert "The reliable change of OCI, SPIN, HAI, IES-R, MI is known from secondary citations only" in said
    assert "at all three times (baseline, end of treatment, follow-up)" in said
