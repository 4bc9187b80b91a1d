"""Reading YAML.

Oracle: docs/reference.md, section 1 (nothing unknown or mistyped passes) and YAML 1.1 as PyYAML reads it.
"""

import datetime as dt
import re

import pytest

from durability_utils.study.errors import InputError
from durability_utils.study.parameters import read_yaml


@pytest.fixture
def read(tmp_path):
    def of(text: str | bytes, **options):
        path = tmp_path / "some.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_yaml(path, **options)
    return of


def test_a_mapping_is_read_with_its_types(read):
    assert read("a: 1\nb: true\nc: 2016-06-01\nd: [x, y]") == {
        "a": 1, "b": True, "c": dt.date(2016, 6, 1), "d": ["x", "y"]}


def test_text_only_leaves_every_scalar_as_written(read):
    # plain YAML reads no as False, 01 as 1, 2016-06-01 as a day, an absent value as None
    text = "no: 01\nday: 2016-06-01\nnothing:\nlist: [NULL, -99, 1.0]"
    assert read(text, text_only=True) == {
        "no": "01", "day": "2016-06-01", "nothing": "", "list": ["NULL", "-99", "1.0"]}


def test_a_byte_order_mark_is_no_part_of_the_first_key(read):
    assert read(b"\xef\xbb\xbfa: 1") == {"a": 1}


def test_a_merge_key_with_an_overridden_value_is_no_duplicate(read):
    assert read("x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  a: 3")["y"] == {"a": 3, "b": 2}


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
    ("- a\n- b", "some.yaml: expected `key: value` lines, found list"),
    ("just words", "some.yaml: expected `key: value` lines, found str"),
    ("", "some.yaml: expected `key: value` lines, found NoneType"),
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


def test_in_a_notebook_the_message_stands_alone():
    # IPython calls this method and prints what it returns in the place of a traceback
    assert InputError("a.csv: line 3: no")._render_traceback_() == ["InputError: a.csv: line 3: no"]
