"""What a paper needs beside its tables: methods in words, and checklists."""

import re
from dataclasses import replace

import pytest
from conftest import RULES

from durability_utils.analyses.imputation import IMPUTATIONS
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
    assert "OCI, SPIN, HAI, IES-R, MI" in measures
    assert "not completed was replaced by the 12-month one" in measures
    assert "rule `nhs`" in said["Disclosure control and software"]


def test_another_setting_is_another_sentence(study):
    changed = replace(
        study, rules=RULES.changed("PHQ-9", reliable_change=5).changed(carry_back=False, anxiety_measure="gad7"),
        discharged=None, referrals="all", follow_up_windows={"6m": (91, 273), "12m": (274, 456)}, disclosure=None,
        follow_ups_after_re_referral=True)
    before, after = methods(study), methods(changed)
    assert {heading for heading in before if before[heading] != after[heading]} == {
        "Design, setting and patients", "Measures and outcomes", "Disclosure control and software"}
    design, measures = after["Design, setting and patients"], after["Measures and outcomes"]
    assert "2016" not in design
    assert "a patient could count more than once" in design
    assert "(days 91 to 273 and 274 to 456)" in design
    assert "Answers after a later referral counted" in design
    assert "reliable change 5 points or more" in measures
    assert "PHQ-9 reliable change 5, not 6" in measures
    assert "Anxiety was the GAD-7 for everybody" in measures
    assert "No answer was carried" in measures


def test_every_method_named_with_a_year_is_in_the_references(study):
    said = methods(study)
    references = said.pop("References")
    named = re.findall(r"([A-Z][\w-]+)(?: et al\.| & [A-Z][\w-]+|, Rotnitzky & Zhao)?(?:'s)?,? \(?((?:19|20)\d\d)\)",
                       " ".join(said.values()))
    assert len(named) > 8
    for author, year in named:
        assert re.search(rf"{author}[^()]*\({year}\)", references), (author, year)


def test_checklists_have_every_item_once(study):
    """Oracle: STROBE's 22 items; RECORD's 13, which are numbered after STROBE's."""
    found = checklists()
    assert [*found.loc[found["statement"] == "STROBE", "item"]] == [str(item) for item in range(1, 23)]
    assert [*found.loc[found["statement"] == "RECORD", "item"]] == [
        "1.1", "1.2", "1.3", "6.1", "6.2", "6.3", "7.1", "12.1", "12.2", "12.3", "13.1", "19.1", "22.1"]
    assert (found != "").all(axis=None)


def test_the_page_shows_both_and_says_what_is_synthetic(study):
    text = page(study)
    assert "Synthetic data" in text
    assert text.count("<tr><td>") == 35
    assert "Turnbull" in text


def test_numbers_in_the_methods_are_those_of_the_code(study):
    assert f"imputation of the follow-up scores, {IMPUTATIONS} times" in methods(study)["Missing answers"]
