"""Study files. Oracle: docs/reference.md, section 1: file, key and what was expected, for whatever is wrong."""

import datetime as dt

import pytest
from conftest import RULES, STUDY, study_text

from durability_utils.study.errors import InputError
from durability_utils.study.parameters import PROJECT
from durability_utils.study.study_file import read_study

SERVICES = {"A": {"file": "raw/a.csv", "columns": "maps/a.yaml"}, "B": {"file": "raw/b.xlsx"}}
OPTIONAL = ("discharged", "table1_services", "published")


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
        (tmp_path / "raw/a.csv",), tmp_path / "maps/a.yaml")
    assert study.services["B"].columns is None


def test_a_long_export_has_windows_and_perhaps_a_second_file(read, tmp_path):
    study = read(follow_up_windows={"6m": [91, 273], "12m": [274, 456]},
                 services={"A": {"file": "a.csv", "columns": "a.yaml", "contacts": "raw/scores.csv"},
                           "B": SERVICES["B"]})
    assert study.follow_up_windows == {"6m": (91, 273), "12m": (274, 456)}
    assert study.services["A"].contacts == (tmp_path / "raw/scores.csv",)
    assert study.services["B"].contacts == ()
    assert read().follow_up_windows is None


def test_what_may_be_left_out_and_what_then_holds(read):
    study = read(discharged=None, table1_services=None, published=None)
    assert (study.discharged, study.published, study.notebooks, study.few) == (None, None, (), 10)
    assert read(few=0).few == 0
    assert study.table1_services == ("A", "B")  # default: all of them


@pytest.mark.parametrize("file", [file for file in sorted((PROJECT / "parameters").glob("*.yaml"))
                                  if file.stem not in ("measures", "codes", "words")], ids=lambda file: file.stem)
def test_every_committed_study_file_can_be_read(file):
    assert read_study(file).services


@pytest.mark.parametrize("key", [key for key in (*STUDY, "services") if key not in OPTIONAL])
def test_a_missing_key_is_named(read, key):
    with pytest.raises(InputError, match=f"^study.yaml: the key '{key}' is missing; expected "):
        read(**{key: None})


JUNE = {"from": dt.date(2016, 6, 1), "to": dt.date(2016, 6, 30)}
WRONG = {
    "study": [2016, "two words", "../up", "", "a\n"],
    "title": [3, ["a"], "", "a\nb", "a\tb", "a\x07b", "a\x85b", "a\u2028b", "a\ufffeb", "x" * 201],
    "measures": [2016, ["study_2016"]],
    "discharged": ["2016-06", {"from": JUNE["from"]}, {"from": JUNE["from"], "until": JUNE["to"]}, JUNE | {"by": 1},
                   {"from": "2016-06-01", "to": "2016-06-30"},  # quoted: a text, no day
                   JUNE | {"from": "1 June"}, JUNE | {"from": dt.datetime(2016, 6, 1, 12)},
                   {"from": JUNE["to"], "to": JUNE["from"]}],
    "minimum_sessions": ["2", 2.0, True, -1],
    "carry_back": ["yes", 1],
    "anxiety_measure": ["adsm", True],
    "relapse": ["reliable", 5],
    "table1_services": ["A", [], ["A", "Z"], [["A"]], [{"A": 1}], ["a"]],
    "published": [3, {"file": "x"}, "figures.yaml", ".", "x" * 300, "a\0"],  # the texts: not there
    "notebooks": ["12_functioning.ipynb", ["12_functioning.ipynb"], [3]],
    "thresholds": [{"PHQ-9": 5}, *({"PHQ-9": {"reliable_change": value}} for value in ("5", True, 0)),
                   {"PHQ-9": {"reliable_changes": 5}}, {"PHQ9": {"reliable_change": 5}}, {"PHQ-9": {"measure": 5}},
                   {None: {"caseness": 5}}],
    "follow_up_windows": [
        [91, 273], {"6m": [91, 273]}, {"6m": [91, 273], "12m": [274, 456], "18m": [457, 600]},
        *({"6m": window, "12m": [274, 456]} for window in (
            [91], 91, ["91", 273], [91.0, 273],
            [0, 273],  # the day of discharge belongs to treatment
            [273, 91],
            [91, 274])),  # one score would count twice
        {"6m": [274, 456], "12m": [91, 273]}],
    "few": ["10", 10.0, True, -1],
    "services": [[], {}, ["A"]],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG.items() for value in values])
def test_a_mistyped_value_is_refused_with_its_key(read, key, value):
    with pytest.raises(InputError, match=f"^study.yaml: {key}: .*found .*, expected "):
        read(**{key: value})


@pytest.mark.parametrize(("keys", "message"), [
    ({"study": "../../x"}, "study.yaml: study: found '../../x', expected a plain name (letters, digits, - and _)"),
    ({"services": {"A": {"fiel": "a.csv"}}}, "study.yaml: services: A: unknown key 'fiel'; did you mean 'file'?"),
    ({"published": "../x.yaml"}, "study.yaml: published: found '../x.yaml', expected the path of a YAML file that is "
                                 "there"),
    ({"discharged": {"from": JUNE["to"], "to": JUNE["from"]}},
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


@pytest.mark.parametrize(("keys", "message"), [
    *(({key: 1}, f"unknown key '{key}'; did you mean '{meant}'?") for key, meant in (
        ("minimum_session", "minimum_sessions"), ("Study", "study"), ("threshold", "thresholds"))),
    ({"window": 1}, "unknown key 'window'; known keys: study, title, measures, "),  # like none of them
    ({"measures": "iapt"}, "measures: found 'iapt', expected a version in measures.yaml: "),
    # on Windows and macOS their folders under results/ would be one
    ({"services": {"North": {"file": "a.csv"}, "north": {"file": "b.csv"}}},
     "services: found {North: {file: a.csv}, north: {file: b.csv}}, expected ids that differ by more than letter case"),
    *(({"services": {"A": entry}}, f"services: A: {said}; ") for entry, said in (
        ({}, "the key 'file' is missing"), ({"columns": "a.yaml"}, "the key 'file' is missing"),
        ({"file": "a.csv", "column": "a.yaml"}, "unknown key 'column'"),
        ({"file": "a.csv", 1: "a.yaml"}, "unknown key '1'"))),
])
def test_a_message_begins_with_the_key(read, keys, message):
    with pytest.raises(InputError) as error:
        read(**keys)
    assert str(error.value).startswith(f"study.yaml: {message}")


@pytest.mark.parametrize(("name", "entry"), [
    ("all", {"file": "a.csv"}), ("ALL", {"file": "a.csv"}),  # `all` pools the services
    ("a b", {"file": "a.csv"}), ("a/b", {"file": "a.csv"}), ("..", {"file": "a.csv"}), ("", {"file": "a.csv"}),
    ("é", {"file": "a.csv"}),
    ("A", "a.csv"), ("A", ["a.csv"]), ("A", None),
    ("A", {"file": 3}), ("A", {"file": ""}), ("A", {"file": None}), ("A", {"file": []}), ("A", {"file": ["a.csv", 3]}),
    ("A", {"file": "a.csv", "columns": None}), ("A", {"file": "a.csv", "columns": {}}),
    ("A", {"file": "a.csv", "contacts": "c.csv"}),  # without a map nothing says how they are read
    ("A", {"file": "a.csv", "columns": "a.yaml", "contacts": None}),
])
def test_a_service_that_cannot_be_is_refused(read, name, entry):
    where = "A: " if name == "A" else f"found '{name}'"
    with pytest.raises(InputError, match=f"^study.yaml: services: {where}.*expected "):
        read(services={name: entry})


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
