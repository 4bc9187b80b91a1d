"""The study's rules as one value. Oracle: the thresholds of docs/reference.md, section 4, and sentences by hand."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import PAIR_RULES, RULES

from durability_utils.study.errors import InputError
from durability_utils.study.measures import THRESHOLDS, read_measures
from durability_utils.study.rules import Rules


@pytest.mark.parametrize(("version", "adsms"), [
    ("study_2016", ["OCI", "SPIN", "HAI", "IES-R", "MI"]),
    ("nhs_talking_therapies", ["OCI", "SPIN", "HAI", "IES-R", "MI", "PDSS", "PCL-5"])])
def test_the_pair_that_everybody_has_and_one_measure_for_each_disorder(version, adsms):
    rules = Rules(read_measures(version), "adsm_else_gad7", carry_back=True, minimum_sessions=2)
    assert (rules.depression.name, rules.anxiety.name) == ("PHQ-9", "GAD-7")
    assert rules.pair == (rules.measures["PHQ-9"], rules.measures["GAD-7"])
    assert rules.adsms == adsms
    assert list(rules.deciding) == ["PHQ-9", "GAD-7", *adsms]


def test_on_the_pair_nothing_else_changes():
    assert PAIR_RULES.anxiety_measure == "gad7"
    assert replace(PAIR_RULES, anxiety_measure="adsm_else_gad7") == RULES
    assert PAIR_RULES.on_pair() == PAIR_RULES
    # a second look, not a change of the study's rules; what has been changed in these stays
    changed = RULES.changed("PHQ-9", reliable_change=5)
    assert changed.on_pair().depression.reliable_change == 5
    assert (PAIR_RULES.note, changed.on_pair().note) == ("", changed.note)


def test_one_threshold_changes_and_nothing_else_and_rules_are_equal_where_they_count_alike():
    changed = RULES.changed("PHQ-9", reliable_change=5)
    assert changed.measures == RULES.measures | {"PHQ-9": replace(RULES.measures["PHQ-9"], reliable_change=5)}
    assert list(changed.measures) == list(RULES.measures)
    assert replace(changed, measures=RULES.measures) == RULES != changed
    assert RULES.depression.reliable_change == 6  # what it was changed from stays
    assert changed.changed("PHQ-9", reliable_change=6) == RULES
    assert RULES.changed(anxiety_measure="gad7") == PAIR_RULES
    assert RULES.changed(carry_back=False) == replace(RULES, carry_back=False)


@pytest.mark.parametrize("key", THRESHOLDS)
def test_each_threshold_can_be_changed(key):
    changed = RULES.changed("GAD-7", **{key: 0.5})
    assert getattr(changed.anxiety, key) == 0.5
    assert changed.note.startswith(f"GAD-7 {key.replace('_', ' ')} 0.5, not ")


@pytest.mark.parametrize(("measure", "values", "said"), [
    ("PHQ9", {"caseness": 9}, "thresholds: found 'PHQ9', expected one of PHQ-9, GAD-7, OCI, SPIN, HAI, IES-R, MI"),
    ("PHQ-9", {"cut_off": 9}, "thresholds: PHQ-9: found 'cut_off', expected one of caseness, reliable_change, "
                              "residual, noticed_points, noticed_share, reliability, population_mean, "
                              "population_sd"),
    ("PHQ-9", {"maximum": 30}, "thresholds: PHQ-9: found 'maximum', expected one of caseness, "),
    (None, {"reliable_change": 5}, "rules: found 'reliable_change', expected carry_back, anxiety_measure, relapse, or "
                                   "a measure first"),
    # whoever had fewer sessions is not in the cohort
    (None, {"minimum_sessions": 3}, "rules: found 'minimum_sessions', expected carry_back, anxiety_measure, "),
    (None, {"carry_back": "no"}, "rules: carry_back: found 'no', expected True or False"),
    (None, {"carry_back": 1}, "rules: carry_back: found 1, expected True or False"),
    (None, {"anxiety_measure": "adsm"}, "rules: anxiety_measure: found 'adsm', expected adsm_else_gad7 or gad7"),
    (None, {"relapse": 5}, "rules: relapse: found 5, expected reliable_change or more_than_5_points"),
    # of two values of which one can be none, neither is taken
    ("PHQ-9", {"reliable_change": 5, "caseness": 0}, "thresholds: PHQ-9: caseness: found 0"),
    ("PHQ-9", {"reliability": 1.01}, "thresholds: PHQ-9: reliability: found 1.01, expected a number above 0, at most "
                                     "1"),
])
def test_what_there_is_not_is_refused_beside_what_there_is(measure, values, said):
    with pytest.raises(InputError) as refused:
        RULES.changed(measure, **values)
    assert str(refused.value).startswith(said) and RULES.note == ""


@pytest.mark.parametrize("value", [0, -1, 27.5, True, False, "5", None, [5], float("nan"), float("inf"), np.nan])
@pytest.mark.parametrize("key", ["caseness", "reliable_change"])
def test_a_value_that_can_be_none_is_refused(key, value):
    with pytest.raises(InputError) as refused:
        RULES.changed("PHQ-9", **{key: value})
    assert str(refused.value) == (f"thresholds: PHQ-9: {key}: found {value!r}, expected a number above 0, at most 27 "
                                  "points")


def test_thresholds_of_a_study_file_are_such_changes(make_study):
    study = make_study(thresholds={"PHQ-9": {"reliable_change": 5}, "GAD-7": {"caseness": 10}})
    assert study.rules == RULES.changed("PHQ-9", reliable_change=5).changed("GAD-7", caseness=10)
    # what a notebook changes further is told beside the published value, not beside that of the study file
    assert study.rules.changed("PHQ-9", reliable_change=4).note == (
        "PHQ-9 reliable change 4, not 6; GAD-7 caseness 10, not 8.")
    assert make_study().rules == RULES and make_study().rules.note == ""


def test_what_counts_as_a_relapse_is_a_setting_and_by_default_the_reliable_change_of_each_measure(make_study):
    assert [RULES.relapse_increase(measure) for measure in RULES.pair] == [6, 4]
    other = make_study(relapse="more_than_5_points").rules
    assert other == RULES.changed(relapse="more_than_5_points") != RULES
    assert [other.relapse_increase(measure) for measure in other.pair] == [6, 6]
    assert other.note == "relapse more_than_5_points, not reliable_change."


@pytest.mark.parametrize(("changes", "note"), [
    ([], ""),
    ([("PHQ-9", {"reliable_change": 5})], "PHQ-9 reliable change 5, not 6."),
    # several at once, and numbers of numpy
    ([("PHQ-9", {"caseness": np.int64(12), "reliable_change": np.float64(5)})],
     "PHQ-9 caseness 12, not 10; PHQ-9 reliable change 5, not 6."),
    ([("PHQ-9", {"reliable_change": 6})], ""),  # as it was
    # changed twice: the published value is named, not the one between
    ([("PHQ-9", {"reliable_change": 5}), ("PHQ-9", {"reliable_change": 4})], "PHQ-9 reliable change 4, not 6."),
    ([("PHQ-9", {"reliable_change": 5}), ("PHQ-9", {"reliable_change": 6})], ""),  # and back
    # in the order of measures.yaml, settings last
    ([("GAD-7", {"caseness": 10}), (None, {"carry_back": False}), ("PHQ-9", {"reliable_change": 5.5})],
     "PHQ-9 reliable change 5.5, not 6; GAD-7 caseness 10, not 8; carry back no, not yes."),
    ([(None, {"anxiety_measure": "gad7"})], "anxiety measure gad7, not adsm_else_gad7."),
    ([(None, {"carry_back": False}), (None, {"carry_back": True})], ""),
    ([(None, {"relapse": "more_than_5_points"})], "relapse more_than_5_points, not reliable_change."),
    ([("OCI", {"residual": 20})], "OCI residual 20, not none."),  # nobody has said one
])
def test_the_note_says_what_has_been_changed_from_what(changes, note):
    rules = RULES
    for measure, values in changes:
        rules = rules.changed(measure, **values)
        assert measure is None or {key: getattr(rules.measures[measure], key) for key in values} == values
    assert rules.note == note
