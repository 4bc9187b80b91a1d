"""Reading YAML. Oracle: docs/reference.md, section 1 (nothing unknown or mistyped passes), and YAML 1.1."""

import copy
import datetime as dt
import re
from typing import Literal

import pytest
import yaml
from conftest import STUDY

from durability_utils.study.column_maps import read_column_map
from durability_utils.study.errors import InputError
from durability_utils.study.parameters import FileModel, Number, Text, read_checked, read_yaml
from durability_utils.study.study_file import read_study


@pytest.fixture
def read(tmp_path):
    def of(text: str | bytes, **options):
        path = tmp_path / "some.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_yaml(path, **options)
    return of


@pytest.mark.parametrize(("text", "options", "expected"), [
    ("a: 1\nb: true\nc: 2016-06-01\nd: [x, y]", {}, {"a": 1, "b": True, "c": dt.date(2016, 6, 1), "d": ["x", "y"]}),
    # text only: plain YAML reads no as False, 01 as 1, 2016-06-01 as a day, an absent value as None
    ("no: 01\nday: 2016-06-01\nnothing:\nlist: [NULL, -99, 1.0]", {"text_only": True},
     {"no": "01", "day": "2016-06-01", "nothing": "", "list": ["NULL", "-99", "1.0"]}),
    (b"\xef\xbb\xbfa: 1", {}, {"a": 1}),  # a byte order mark is no part of the first key
    # a merge key with an overridden value is no duplicate
    ("x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  a: 3", {}, {"x": {"a": 1, "b": 2}, "y": {"a": 3, "b": 2}}),
])
def test_a_mapping_is_read(read, text, options, expected):
    assert read(text, **options) == expected


@pytest.mark.parametrize(("text", "message"), [
    # PyYAML itself keeps the last of two keys
    ("a: 1\nb: 2\na: 3", "some.yaml, line 3: not valid YAML: the key 'a' stands there twice"),
    ("a:\n  b: 1\n  b: 1", "some.yaml, line 3: not valid YAML: the key 'b' stands there twice"),
    ("a: {b: 1", "some.yaml, line 1: not valid YAML"),
    ("a: 1\n---\nb: 2", "some.yaml, line 2: not valid YAML"),
    ("a: !!python/name:os.system ''", "some.yaml, line 1: not valid YAML"),
    # June has 30 days
    ("a: 1\nb: 2016-06-31", "some.yaml, line 2: not valid YAML: '2016-06-31': day is out of range for month"),
    ("[a, b]: 1", "some.yaml, line 1: not valid YAML: a key that is a list or mapping"),
    ("? {a: 1}\n: 2", "some.yaml, line 1: not valid YAML: a key that is a list or mapping"),
    ("a: !!int twelve", "some.yaml, line 1: not valid YAML: 'twelve'"),
    ("a: !!map 3", "some.yaml, line 1: not valid YAML"),
    ("a: \0", "some.yaml: not valid YAML"),
    ("- a\n- b", "some.yaml: expected `key: value` lines, found a list"),
    ("just words", "some.yaml: expected `key: value` lines, found a text without keys"),
    ("", "some.yaml: expected `key: value` lines, found nothing"),
    (b"a: caf\xe9", "some.yaml: cannot be read as a UTF-8 text file"),
])
def test_what_is_no_mapping_is_refused_with_file_and_line(read, text, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        read(text)


def test_a_key_twice_is_refused_in_text_only_too(read):
    with pytest.raises(InputError, match=r"the key '01' stands there twice"):
        read("01: a\n01: b", text_only=True)


def test_no_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(InputError, match=rf"^absent.yaml: no such file in {tmp_path.name}/$"):
        read_yaml(tmp_path / "absent.yaml")
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(InputError, match=r"^folder.yaml: cannot be read"):
        read_yaml(tmp_path / "folder.yaml")


class _Inner(FileModel):
    number: Number
    words: Text = None


class _Outer(FileModel):
    count: int
    said: bool = False
    day: dt.date = None
    names: list[str] = ()
    colour: Literal["red", "blue"] = "red"
    inner: dict[str, _Inner] = {}  # noqa: RUF012 (pydantic copies it)


@pytest.fixture
def read_outer(tmp_path):
    def of(text: str):
        (tmp_path / "some.yaml").write_text(text, encoding="utf-8")
        return read_checked(_Outer, tmp_path / "some.yaml")
    return of


def test_what_fits_is_read_as_it_stands(read_outer):
    found = read_outer("count: 2\nsaid: true\nday: 2016-06-01\ninner: {a: {number: 3}, b: {number: 0.5, words: x}}")
    assert (found.count, found.said, found.day) == (2, True, dt.date(2016, 6, 1))
    numbers = [found.inner[name].number for name in "ab"]
    assert numbers == [3, 0.5] and [type(number) for number in numbers] == [int, float]


@pytest.mark.parametrize(("text", "message"), [
    # nothing is converted: not a text to a number, not 1 to true, not a time of day to a day
    ("count: '2'", "count: found '2', expected a whole number"), ("count: 2.0", "count: found 2.0, expected a whole"),
    ("count: true", "count: found true, expected a whole number"), ("count:", "count: found nothing, expected a whole"),
    ("count: 2\nsaid: 1", "said: found 1, expected true or false"),
    ("count: 2\nsaid: 'yes'", "said: found 'yes', expected true or false"),
    ("count: 2\nday: 2016-06-01 12:00:00", "day: found 2016-06-01 12:00:00, expected a day as YYYY"),
    ("count: 2\nnames: a", "names: found 'a', expected a list"),
    ("count: 2\nnames: [a, 1]", "names: found 1, expected a text"),
    ("count: 2\ncolour: green", "colour: found 'green', expected red or blue"),
    ("count: 2\ninner: {a: {number: true}}", "inner: a: number: found true, expected a number"),
    ("count: 2\ninner: {a: {number: .inf}}", "inner: a: number: found .inf, expected a number"),
    ("count: 2\ninner: {a: {number: 1, words: ''}}", "inner: a: words: found '', expected a text"),
    ("count: 2\ninner: {1: {number: 1}}", "inner: found 1, expected `key: value` lines"),
    ("said: true", "the key 'count' is missing; expected a whole number"),
    ("count: 2\ninner: {a: {}}", "inner: a: the key 'number' is missing; expected a number"),
    ("count: 2\ncolor: red", "unknown key 'color'; did you mean 'colour'?"),
    ("count: 2\nno: red", "unknown key 'False'; known keys: count, said, day, names, colour, inner"),
    ("count: 2\ninner: {a: {number: 1, x: 1}}", "inner: a: unknown key 'x'; known keys: number, words"),
    # what is wrong first in the file, whatever the order of the keys in the model; what is missing after what is there
    ("inner: {a: {number: x}}\ncount: x", "inner: a: number: found 'x'"), ("x: 1\ncount: x", "unknown key 'x'"),
    ("inner: {a: {numbre: 1}}\ncount: 2", "inner: a: unknown key 'numbre'; did you mean 'number'?"),
    ("inner: {a: {number: x}}", "inner: a: number: found 'x'"),
])
def test_what_does_not_fit_is_said_with_key_found_and_expected(read_outer, text, message):
    with pytest.raises(InputError, match=f"^some.yaml: {re.escape(message)}"):
        read_outer(text)


def test_a_long_value_is_cut(read_outer):
    with pytest.raises(InputError) as error:
        read_outer(f"count: [{', '.join(map(str, range(1000)))}]")
    assert re.fullmatch(r"some.yaml: count: found \[0, 1, .{60,90} \.\.\., expected a whole number", str(error.value))


def changed(content, values):
    """The content with every mapping, list and value in it replaced by each of the values, one at a time."""
    for key in content if isinstance(content, dict) else range(len(content)):
        within = changed(content[key], values) if isinstance(content[key], dict | list) else ()
        for value in (*values, *within):
            other = copy.copy(content)
            other[key] = value
            yield other


MAP = {"source": "x", "file": {"separator": ";"}, "missing": ["NULL"], "dates": "iso",
       "columns": {"patient_id": "id", "gender": {"column": "g", "codes": {"F": "female"}, "missing": ["9"]}},
       "contacts": {"file": {"encoding": "utf-8"}, "columns": {name: name for name in (
           "patient_id", "date", "measure", "score")}}}
FILE = {**STUDY, "thresholds": {"PHQ-9": {"caseness": 9}}, "table1_services": ["A"], "disclosure": "nhs",
        "follow_up_windows": {"6m": [91, 273], "12m": [274, 456]}, "notebooks": ["x.ipynb"],
        "services": {"A": {"file": "a.csv", "columns": "a.yaml", "contacts": "c.csv"}}}


@pytest.mark.parametrize(("reader", "content"), [(read_study, FILE), (read_column_map, MAP)])
def test_whatever_stands_in_the_place_of_a_value_it_is_read_or_refused_in_words_of_the_file(tmp_path, reader, content):
    (tmp_path / "x.ipynb").touch()
    path, refused = tmp_path / "some.yaml", 0
    odd = [None, [], {}, "", "x", 3, -1.5, True, dt.date(2016, 6, 1), [None], {"x": [1]}, {1: 2}]
    for other in changed(content, odd):
        path.write_text(yaml.safe_dump(other, sort_keys=False), encoding="utf-8")
        try:
            reader(path)
        except InputError as error:
            refused += 1
            said = str(error)
            assert re.match("some.yaml: .*(expected |unknown key )", said), said
            assert not re.search("(?i:pydantic|input should|validat)|None|Error", said), said
    assert refused > 150


def test_in_a_notebook_the_message_stands_alone():
    # IPython calls this method and prints what it returns in the place of a traceback
    assert InputError("a.csv: line 3: no")._render_traceback_() == ["InputError: a.csv: line 3: no"]
