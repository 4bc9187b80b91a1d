"""Study files.

Oracle: docs/reference.md, section 1: key, file and what was expected, for anything unknown, missing or mistyped.
"""

import datetime as dt
from pathlib import Path

import pytest
from conftest import RULES, STUDY, study_text

from durability_utils.study.errors import InputError
from durability_utils.study.study_file import read_study

PARAMETERS = Path(__file__).parents[2] / "parameters"
SERVICES = {"A": {"file": "raw/a.csv", "columns": "maps/a.yaml"}, "B": {"file": "raw/b.xlsx"}}
OPTIONAL = ("discharged", "table1_services", "published")
REFUSED = r"found .*, expected "


@pytest.fixture
def read(tmp_path):
    """read(**keys): a study file in which these keys are changed; None: left out."""
    def of(**keys):
        path = tmp_path / "study.yaml"
        path.write_text(study_text(**{"services": SERVICES, **keys}), encoding="utf-8")
        return read_study(path)
    return of


def test_what_a_study_file_says(read, tmp_path):
    (tmp_path / "figures.yaml").write_text("design: {}", encoding="utf-8")
    (tmp_path / "my").mkdir()
    (tmp_path / "my" / "12_functioning.ipynb").touch()
    study = read(table1_services=["A"], published="figures.yaml", notebooks=["my/12_functioning.ipynb"])
    assert (study.id, study.title) == ("durability_test", "Durability, one service")
    assert study.discharged == (dt.date(2016, 6, 1), dt.date(2016, 6, 30))
    assert study.rules == RULES
    assert (RULES.minimum_sessions, RULES.carry_back, RULES.anxiety_measure) == (2, True, "adsm_else_gad7")
    assert study.table1_services == ("A",)
    # paths are relative to the study file
    assert study.published == tmp_path / "figures.yaml"
    assert study.notebooks == (tmp_path / "my/12_functioning.ipynb",)
    assert (study.services["A"].file, study.services["A"].columns) == (
        tmp_path / "raw/a.csv", tmp_path / "maps/a.yaml")
    assert study.services["B"].columns is None


def test_a_long_export_has_windows_and_perhaps_a_second_file(read, tmp_path):
    study = read(follow_up_windows={"6m": [91, 273], "12m": [274, 456]},
                 services={"A": {"file": "a.csv", "columns": "a.yaml", "contacts": "raw/scores.csv"},
                           "B": SERVICES["B"]})
    assert study.follow_up_windows == {"6m": (91, 273), "12m": (274, 456)}
    assert study.services["A"].contacts == tmp_path / "raw/scores.csv"
    assert study.services["B"].contacts is None
    assert read().follow_up_windows is None


def test_what_may_be_left_out_and_what_then_holds(read):
    study = read(discharged=None, table1_services=None, published=None)
    assert study.discharged is None
    assert study.published is None
    assert study.table1_services == ("A", "B")  # default: all of them
    assert study.notebooks == ()


def test_thresholds_of_the_study_take_the_place_of_those_of_its_version(read):
    rules = read(thresholds={"PHQ-9": {"reliable_change": 5, "caseness": 9.5}, "GAD-7": {}}).rules
    assert (rules.measures["PHQ-9"].reliable_change, rules.measures["PHQ-9"].caseness) == (5, 9.5)
    assert rules.note == "PHQ-9 caseness 9.5, not 10; PHQ-9 reliable change 5, not 6."


@pytest.mark.parametrize("file", sorted(PARAMETERS.glob("*.yaml")), ids=lambda file: file.name)
def test_every_committed_study_file_can_be_read(file):
    if file.name in ("measures.yaml", "codes.yaml", "words.yaml"):
        with pytest.raises(InputError, match=f"{file.name}: unknown key"):
            read_study(file)
    else:
        assert read_study(file).services


@pytest.mark.parametrize("key", [key for key in (*STUDY, "services") if key not in OPTIONAL])
def test_a_missing_key_is_named(read, key):
    with pytest.raises(InputError, match=f"^study.yaml: the key '{key}' is missing; expected "):
        read(**{key: None})


@pytest.mark.parametrize(("key", "meant"), [
    ("minimum_session", "minimum_sessions"), ("Study", "study"), ("threshold", "thresholds")])
def test_an_unknown_key_is_named_beside_the_one_that_was_meant(read, key, meant):
    with pytest.raises(InputError, match=f"^study.yaml: unknown key '{key}'; did you mean '{meant}'[?]$"):
        read(**{key: 1})


def test_a_key_that_is_like_none_is_named_beside_all(read):
    with pytest.raises(InputError, match=r"^study.yaml: unknown key 'window'; known keys: study, title, measures, "):
        read(window=1)


@pytest.mark.parametrize(("key", "value"), [
    ("study", 2016), ("study", "two words"), ("study", "../up"), ("study", ""), ("study", "a\n"),
    ("title", 3), ("title", ["a"]),
    ("measures", 2016), ("measures", ["study_2016"]),
    ("discharged", "2016-06"), ("discharged", {"from": dt.date(2016, 6, 1)}),
    ("discharged", {"from": dt.date(2016, 6, 1), "until": dt.date(2016, 6, 30)}),
    ("discharged", {"from": dt.date(2016, 6, 1), "to": dt.date(2016, 6, 30), "by": 1}),
    ("discharged", {"from": "2016-06-01", "to": "2016-06-30"}),  # quoted: a text, no day
    ("discharged", {"from": "1 June", "to": dt.date(2016, 6, 30)}),
    ("discharged", {"from": dt.datetime(2016, 6, 1, 12), "to": dt.date(2016, 6, 30)}),
    ("discharged", {"from": dt.date(2016, 6, 30), "to": dt.date(2016, 6, 1)}),  # reversed
    ("minimum_sessions", "2"), ("minimum_sessions", 2.0), ("minimum_sessions", True), ("minimum_sessions", -1),
    ("carry_back", "yes"), ("carry_back", 1),
    ("anxiety_measure", "adsm"), ("anxiety_measure", True),
    ("table1_services", "A"), ("table1_services", []), ("table1_services", ["A", "Z"]),
    ("table1_services", [["A"]]), ("table1_services", [{"A": 1}]), ("table1_services", ["a"]),
    ("published", 3), ("published", {"file": "x"}),
    ("published", "figures.yaml"), ("published", "."), ("published", "x" * 300), ("published", "a\0"),  # not there
    ("notebooks", "12_functioning.ipynb"), ("notebooks", ["12_functioning.ipynb"]), ("notebooks", [3]),
    ("thresholds", {"PHQ-9": 5}), ("thresholds", {"PHQ-9": {"reliable_change": "5"}}),
    ("thresholds", {"PHQ-9": {"reliable_change": True}}), ("thresholds", {"PHQ-9": {"reliable_change": 0}}),
    ("thresholds", {"PHQ-9": {"reliable_changes": 5}}), ("thresholds", {"PHQ9": {"reliable_change": 5}}),
    ("thresholds", {"PHQ-9": {"measure": 5}}), ("thresholds", {None: {"caseness": 5}}),
    ("follow_up_windows", [91, 273]), ("follow_up_windows", {"6m": [91, 273]}),
    ("follow_up_windows", {"6m": [91, 273], "12m": [274, 456], "18m": [457, 600]}),
    ("follow_up_windows", {"6m": [91], "12m": [274, 456]}), ("follow_up_windows", {"6m": 91, "12m": [274, 456]}),
    ("follow_up_windows", {"6m": ["91", 273], "12m": [274, 456]}),
    ("follow_up_windows", {"6m": [91.0, 273], "12m": [274, 456]}),
    ("follow_up_windows", {"6m": [0, 273], "12m": [274, 456]}),  # the day of discharge belongs to treatment
    ("follow_up_windows", {"6m": [273, 91], "12m": [274, 456]}),
    ("follow_up_windows", {"6m": [91, 274], "12m": [274, 456]}),  # one score would count twice
    ("follow_up_windows", {"6m": [274, 456], "12m": [91, 273]}),
    ("services", []), ("services", {}), ("services", ["A"]),
])
def test_a_mistyped_value_is_refused_with_its_key(read, key, value):
    with pytest.raises(InputError, match=f"^study.yaml: {key}: .*{REFUSED}"):
        read(**{key: value})


@pytest.mark.parametrize(("keys", "message"), [
    ({"study": "../../x"}, "study.yaml: study: found '../../x', expected a plain name (letters, digits, - and _)"),
    ({"services": {"A": {"fiel": "a.csv"}}}, "study.yaml: services: A: unknown key 'fiel'; did you mean 'file'?"),
    ({"published": "../x.yaml"}, "study.yaml: published: found '../x.yaml', expected the path of a YAML file that is "
                                 "there"),
    ({"discharged": {"from": dt.date(2016, 6, 30), "to": dt.date(2016, 6, 1)}},
     "study.yaml: discharged: found {from: 2016-06-30, to: 2016-06-01}, expected {from: YYYY-MM-DD, to: YYYY-MM-DD}, "
     "`from` on or before `to`"),
    ({"table1_services": ["A", "Z"]}, "study.yaml: table1_services: found [A, Z], expected services of this study "
                                      "(A, B)"),
    ({"services": {"A": None}}, "study.yaml: services: A: found nothing, expected {file: ..., columns: ...}"),
])
def test_a_message_says_file_key_what_was_found_and_what_is_expected(read, keys, message):
    with pytest.raises(InputError) as error:
        read(**keys)
    assert str(error.value) == message


def test_an_unknown_version_of_the_measures_is_refused(read):
    with pytest.raises(InputError, match=r"^study.yaml: measures: found 'iapt', expected a version in measures.yaml: "):
        read(measures="iapt")


@pytest.mark.parametrize(("name", "entry"), [
    ("all", {"file": "a.csv"}), ("ALL", {"file": "a.csv"}),  # `all` pools the services
    ("a b", {"file": "a.csv"}), ("a/b", {"file": "a.csv"}), ("..", {"file": "a.csv"}), ("", {"file": "a.csv"}),
    ("é", {"file": "a.csv"}),
    ("A", "a.csv"), ("A", ["a.csv"]), ("A", None),
    ("A", {"file": 3}), ("A", {"file": ""}), ("A", {"file": None}), ("A", {"file": ["a.csv"]}),
    ("A", {"file": "a.csv", "columns": None}), ("A", {"file": "a.csv", "columns": {}}),
    ("A", {"file": "a.csv", "contacts": "c.csv"}),  # without a map nothing says how they are read
    ("A", {"file": "a.csv", "columns": "a.yaml", "contacts": None}),
])
def test_a_service_that_cannot_be_is_refused(read, name, entry):
    where = "A: " if name == "A" else f"found '{name}'"
    with pytest.raises(InputError, match=f"^study.yaml: services: {where}.*expected "):
        read(services={name: entry})


@pytest.mark.parametrize(("entry", "message"), [
    ({}, "the key 'file' is missing"), ({"columns": "a.yaml"}, "the key 'file' is missing"),
    ({"file": "a.csv", "column": "a.yaml"}, "unknown key 'column'"),
    ({"file": "a.csv", 1: "a.yaml"}, "unknown key '1'"),
])
def test_a_services_keys_are_named(read, entry, message):
    with pytest.raises(InputError, match=f"^study.yaml: services: A: {message}; "):
        read(services={"A": entry})


@pytest.mark.parametrize("name", ["no", "1", "2016-06-01", "null", "1.5"])
def test_a_service_id_that_yaml_does_not_read_as_text_is_refused_and_in_quotes_it_is_an_id(tmp_path, name):
    path = tmp_path / "study.yaml"
    plain = study_text() + f"services:\n  {name}: {{file: a.csv}}\n"
    path.write_text(plain)
    with pytest.raises(InputError, match=r"^study.yaml: services: found .*, expected for each service an id, in quo"):
        read_study(path)
    if name != "1.5":  # a dot is in no plain name
        path.write_text(plain.replace(f"{name}:", f"'{name}':"))
        assert list(read_study(path).services) == [name]


def test_services_that_differ_only_in_letter_case_are_refused(read):
    # on Windows and macOS their folders under results/ would be one
    with pytest.raises(InputError, match=r"^study.yaml: services: .*expected ids that differ by more than letter case"):
        read(services={"North": {"file": "a.csv"}, "north": {"file": "b.csv"}})


def test_a_key_twice_a_day_that_is_none_and_no_file_name_the_file(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(study_text(services=SERVICES) + "study: again\n")
    with pytest.raises(InputError, match=r"^study.yaml, line .*: the key 'study' stands there twice"):
        read_study(path)
    path.write_text(study_text(services=SERVICES).replace("to: 2016-06-30", "to: 2016-06-31"))
    with pytest.raises(InputError, match=r"^study.yaml, line .*'2016-06-31': day is out of range"):
        read_study(path)
    with pytest.raises(InputError, match=r"^absent.yaml: no such file"):
        read_study(tmp_path / "absent.yaml")
