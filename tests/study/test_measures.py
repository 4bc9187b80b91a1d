"""The thresholds, typed a second time by hand. Oracle: docs/reference.md, section 4, and the study's table."""

import pytest

from durability_utils.study import measures
from durability_utils.study.errors import InputError
from durability_utils.study.measures import PATH, read_measures

# name: items, smallest and largest score, cut-off, smallest reliable change
STUDY_2016 = {
    "PHQ-9": (9, 0, 27, 10, 6), "GAD-7": (7, 0, 21, 8, 4), "OCI": (42, 0, 168, 40, 32), "SPIN": (17, 0, 68, 19, 10),
    "HAI": (18, 0, 54, 18, 4), "IES-R": (22, 0, 88, 33, 9), "MI": (27, 27, 135, 60, 20),
}
# the same, but the MI as an item mean, two measures more, and one that decides nothing
NHS_TALKING_THERAPIES = {**STUDY_2016, "MI": (27, 0, 5, 2.3, 0.73), "PDSS": (7, 0, 28, 8, 5),
                         "PCL-5": (20, 0, 80, 32, 10), "WSAS": (5, 0, 40, None, None)}
VERSIONS = {"study_2016": STUDY_2016, "nhs_talking_therapies": NHS_TALKING_THERAPIES}


@pytest.mark.parametrize(("version", "expected"), VERSIONS.items())
def test_each_version_holds_these_thresholds(version, expected):
    found = read_measures(version)
    assert {name: (measure.items, measure.minimum, measure.maximum, measure.caseness, measure.reliable_change)
            for name, measure in found.items()} == expected
    for name, measure in found.items():
        # a sum runs from all items lowest to all items highest, an item mean over the range of one item
        assert measure.scale == ("item_mean" if (version, name) == ("nhs_talking_therapies", "MI") else "sum"), name
        times = 1 if measure.scale == "item_mean" else measure.items
        assert (measure.minimum, measure.maximum) == tuple(times * end for end in measure.item_range), name
        assert measure.role == "functioning" or measure.minimum < measure.caseness <= measure.maximum, name
        assert measure.source, name
    # residual symptoms begin where the scales call them mild: Kroenke, Spitzer & Williams 2001; Spitzer, Kroenke,
    # Williams & Lowe 2006; Ali et al. 2017 for PHQ-9
    assert {name: m.residual for name, m in found.items() if m.residual} == {"PHQ-9": 5, "GAD-7": 5}
    assert {name for name, m in found.items() if m.confirmed and m.role != "functioning"} == {"PHQ-9", "GAD-7"}
    # Kounali et al. 2022, abstract: "-1.7, -3.5 and -1.5 points on the PHQ-9, BDI-II and GAD-7", "21%", "26.8%"
    assert {name: (m.noticed_points, m.noticed_share) for name, m in found.items() if m.noticed_points} == {
        "PHQ-9": (1.7, 0.21), "GAD-7": (1.5, 0.268)}
    assert found["IES-R"].window == "past seven days"  # the form; the study's paper says month
    others = {"WSAS": ("functioning", "wsas")} if version == "nhs_talking_therapies" else {}
    assert {name: (m.role, m.columns) for name, m in found.items() if m.role != "disorder_specific"} == {
        "PHQ-9": ("depression", "phq9"), "GAD-7": ("anxiety", "gad7")} | others


def test_an_unknown_version_is_refused_and_the_known_ones_are_named():
    with pytest.raises(InputError, match=r"^measures: found 'study_2017', expected a version in "
                                         "measures.yaml: study_2016, nhs_talking_therapies$"):
        read_measures("study_2017")


@pytest.mark.parametrize(("old", "new", "message"), [
    ("role: depression", "role: sadness",
     "study_2016: PHQ-9: role: found 'sadness', expected depression or anxiety or disorder_specific or functioning"),
    ("role: anxiety", "role: depression",
     "study_2016: found {PHQ-9: {for: depression, .*, expected one measure of role depression and one of role anxiety"),
    ("role: anxiety", "role: other", "study_2016: found .*, expected one measure of role depression and one of role"),
    ("    caseness: 40\n", "", "study_2016: OCI: found {for: OCD, .*, expected caseness, reliable_change and "),
    ("    reliable_change: 32\n", "", "study_2016: OCI: found {for: OCD, .*, expected caseness, reliable_change and "),
    ("columns: phq9", "columns: phq", "study_2016: PHQ-9: found .*, expected .* columns of data/dictionary.csv"),
    ("caseness: 40", "caseness: '40'", "study_2016: OCI: caseness: found '40', expected a number"),
    ("caseness: 40", "casenes: 40", "study_2016: OCI: unknown key 'casenes'; did you mean 'caseness'[?]"),
    ("items: 42", "items: 42.0", "study_2016: OCI: items: found 42.0, expected a whole number"),
    ("confirmed: true", "confirmed: 1", "study_2016: PHQ-9: confirmed: found 1, expected true or false"),
    ("from_memory: [population_sd, reliability]", "from_memory: [population_sd, residuals]",
     "study_2016: GAD-7: found .*, expected .*; from_memory only of keys that it has"),
    ("range: [0, 168]", "range: [0]", r"study_2016: OCI: range: found \[0\], expected \[lowest, highest\]"),
    ("    for: OCD\n", "", "study_2016: OCI: the key 'for' is missing; expected a text"),
    ("study_2016:", "2016:", "found 2016, expected `key: value` lines"),
])
def test_a_measure_that_is_wrong_is_refused_with_its_version_and_key(tmp_path, monkeypatch, old, new, message):
    text = PATH.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "measures.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    monkeypatch.setattr(measures, "PATH", tmp_path / "measures.yaml")
    with pytest.raises(InputError, match=f"^measures.yaml: {message}"):
        read_measures("study_2016")
