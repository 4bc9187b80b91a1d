"""What codes probably mean. Oracle: as a person reads them; `parameters/codes.yaml`; `docs/reference.md`, section 2."""

import pytest

from durability_utils.new_study.names import told
from durability_utils.new_study.values import guess_codes
from durability_utils.study.column_maps import code_lists
from durability_utils.study.columns import dictionary
from durability_utils.study.measures import read_measures

COLUMNS = {"consent": "consent_contact", "mode": "followup_*_mode", "employment": "employment_*"}
TOLD = {by.column: by for by in told("columns")}


def allowed(column):
    return dictionary().at[column.replace("employment_*", "employment_end").replace("*", "6m"), "allowed"].split("|")


def guess(kind, found, labels=None):
    column = COLUMNS.get(kind, kind)
    return guess_codes(TOLD[column], found, allowed(column), labels or {})


@pytest.mark.parametrize(("kind", "found", "codes"), [
    ("consent", ["N", "Y", "n"], {"Y": "yes", "N": "no"}), ("consent", ["yes", "No", "YES"], None),
    ("consent", ["0", "1"], {"1": "yes", "0": "no"}), ("consent", ["True", "False"], {"True": "yes", "False": "no"}),
    ("gender", ["F", "M", "f"], {"F": "female", "M": "male"}), ("gender", ["Woman", "Man"], {"Woman": "female",
                                                                                        "Man": "male"}),
    ("gender", ["Female", "male"], None), ("gender", ["1", "2", "X"], "nhs_gender"),
    ("gender", ["1", "2", "3", "4", "Z"], "nhs_gender_identity"),
    ("ethnicity", ["A", "C", "Z", "99"], "nhs_ethnic_category"),
    ("ethnicity", ["White - British", "Any other Asian background"], {"White - British": "white_british",
                                                                     "Any other Asian background": "asian_other"}),
    ("employment", ["01", "02", "ZZ"], "nhs_employment_status"), ("employment", ["Employed", "Long-term sick"], None),
    ("step", ["LI", "HI", "LI+HI"], {"LI": "step2", "HI": "step3", "LI+HI": "step2+3"}),
    ("step", ["2", "3", "23"], {"2": "step2", "3": "step3", "23": "step2+3"}),
    ("step", ["Step 2 only", "Step 2 and Step 3"], {"Step 2 only": "step2", "Step 2 and Step 3": "step2+3"}),
    ("mode", ["P", "O", "T"], {"P": "post", "O": "online", "T": "phone"}), ("mode", ["Post", "online"], None),
    ("end_reason", ["46", "47", "50"], "nhs_end_code")])
def test_codes_are_understood(kind, found, codes):
    assert guess(kind, found).codes == codes


@pytest.mark.parametrize(("kind", "found", "doubt"), [
    ("consent", ["1", "2"], "1 = yes, 2 = no"), ("consent", ["2"], "1 = yes, 2 = no"), ("consent", ["1"], "1 = yes"),
    ("gender", ["1", "2"], "1 = male, 2 = female"), ("gender", ["2", "1", "9"], "nhs_gender"),
    ("employment", ["1", "2", "8"], "nhs_employment_status"), ("mode", ["P", "O"], "phone"),
    # codes that say it themselves
    ("consent", ["Y", "N"], ""), ("consent", ["0", "1"], ""), ("gender", ["F", "M"], ""), ("mode", ["P", "T"], ""),
    ("employment", ["01", "02"], ""), ("ethnicity", ["A", "B"], "")])
def test_codes_that_may_be_the_other_way_round_are_doubted(kind, found, doubt):
    said = guess(kind, found).doubt
    assert doubt in said and bool(said) == bool(doubt)


@pytest.mark.parametrize(("found", "refusal"), [(["Y"], "n"), (["1"], "0"), (["1"], "2"), (["TRUE"], "false")])
def test_a_refusal_is_known_before_anybody_refuses(found, refusal):
    # an unknown code in consent_upflow would keep data that have to be removed
    assert guess("consent", found).meant[refusal] == "no"


def test_labels_in_the_file_decide():
    labels = {"1": "No", "2": "Yes", "3": "Not known"}
    assert guess("consent", ["1", "2"], labels).codes == {"1": "no", "2": "yes", "3": ""}
    assert guess("consent", ["1", "2"], labels).doubt == ""


def test_measures_in_any_spelling():
    measures = list(read_measures("nhs_talking_therapies"))
    found = ["PHQ9", "gad-7", "IESR", "Obsessive Compulsive Inventory", "CORE-10"]
    assert guess_codes(TOLD["adsm"], found, measures, {}).codes == {
        "PHQ9": "PHQ-9", "gad-7": "GAD-7", "Obsessive Compulsive Inventory": "OCI", "IESR": "IES-R"}
    assert guess_codes(TOLD["adsm"], ["720433000", "445455005"], measures, {}).codes == "nhs_assessment_tool"


def test_what_is_not_understood_is_not_guessed():
    assert guess("gender", ["7", "8"]).codes is None
    assert not {"7", "8"} & guess("gender", ["7", "8"]).meant.keys()


@pytest.mark.parametrize("column", [by.column for by in TOLD.values() if by.codes and by.column != "adsm"])
def test_no_word_means_two_things(column):
    codes = TOLD[column].codes
    assert set(codes) <= set(allowed(column))
    words = [word for entry in codes.values() for word in entry.split(", ")]
    assert len(words) == len(set(words)) and not set(words) & set(allowed(column))


def test_the_lists_are_those_of_the_parameters():
    # of the ADSM of a complaint only a person knows whether the service goes by it
    named = {name for by in (*told("columns"), *told("contacts")) for name in by.lists}
    assert named == code_lists().keys() - {"nhs_adsm_of_complaint"}
