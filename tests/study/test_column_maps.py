"""The data dictionary and column maps. Oracle: docs/reference.md, section 2, and its columns, typed once more."""

import re
from pathlib import Path

import pytest

from durability_utils.study.column_maps import CODES_PATH, canonical_columns, normalise, read_column_map
from durability_utils.study.columns import dictionary
from durability_utils.study.errors import InputError
from durability_utils.study.parameters import read_yaml

MAPS = Path(__file__).parents[2] / "parameters" / "columns"


@pytest.fixture
def read(tmp_path):
    def of(text: str):
        path = tmp_path / "map.yaml"
        path.write_text(text, encoding="utf-8")
        return read_column_map(path)
    return of


def test_the_dictionary_lists_the_columns_of_the_design_and_no_other():
    expected = {"patient_id", "discharge_date", "referral_id", "referral_date", "re_referred_date",
                "consent_contact", "consent_upflow", "gender", "age", "ethnicity",
                "primary_problem", "employment_baseline", "employment_end", "step", "sessions", "adsm", "end_reason"}
    for time in ("baseline", "end", "6m", "12m"):
        expected |= {f"{name}_{time}" for name in ("phq9", "gad7", "adsm", "wsas")}
        expected |= {f"wsas_{time}_item{i}" for i in range(1, 6)}
    for time in ("6m", "12m"):
        expected |= {f"followup_{time}_date", f"followup_{time}_mode"}
        expected |= {f"phq9_{time}_item{i}" for i in range(1, 10)} | {f"gad7_{time}_item{i}" for i in range(1, 8)}
    assert set(dictionary().index) == expected and dictionary().index.is_unique


def test_what_is_required_and_the_codes_that_the_design_fixes():
    required = dictionary()["required"]
    assert set(required.index[required == "yes"]) == {
        "patient_id", "consent_contact", "phq9_baseline", "phq9_end", "gad7_baseline", "gad7_end"}
    assert list(required.index[required == "window"]) == ["discharge_date"]
    assert set(required) == {"yes", "no", "window"}
    fixed = {"consent_contact": "yes|no", "consent_upflow": "yes|no", "step": "step2|step3|step2+3",
             "followup_6m_mode": "post|online|phone", "followup_12m_mode": "post|online|phone"}
    assert dictionary().loc[list(fixed), "allowed"].to_dict() == fixed


@pytest.mark.parametrize(("text", "same_as"), [
    ("YES", "yes"), (" yes ", "yes"), ("Step2+3", "step2+3"), ("White British", "white_british"),
    ("white-british", "white_british"), ("IES-R", "ies_r"), ("2.0", "2"), ("2", "2"), ("-99.0", "-99"), ("-99", "-99"),
    # how the national code 02 stands in exports
    ("02", "2"), (" 2", "2"), ("2 ", "2"), ("02.0", "2"), ("0", "0"), ("00", "0"), ("007a", "007a"), ("20", "20"),
])
def test_codes_are_compared_without_letter_case_and_outer_blanks(text, same_as):
    assert normalise(text) == same_as


def test_without_a_map_an_export_has_the_canonical_names():
    assert read_column_map(None) == canonical_columns()
    assert {name: column.source for name, column in canonical_columns().columns.items()} == {
        name: name for name in dictionary().index}
    assert (canonical_columns().file.separator, canonical_columns().file.encoding) == (",", "utf-8-sig")


def test_what_a_map_says(read):
    found = read("""
source: the record system
file: {separator: "\\t", encoding: windows-1252, sheet: "2", header: 3, data: 6}
missing: [NULL, -99]
dates: day_first
decimal: comma
columns:
  patient_id: Pat Ref
  consent_contact: {constant: yes}
  gender: {column: Sex, codes: {F: female, M: male, U: ""}}
  sessions: {column: Seen, missing: [999]}
  discharge_date: {column: Out, dates: iso, decimal: point}
""")
    assert (found.source, found.file.separator, found.file.encoding, found.file.sheet) == (
        "the record system", "\t", "windows-1252", "2")
    assert (found.file.header, found.file.data, found.decimal) == (3, 6, "comma")
    assert set(found.columns) == {"patient_id", "consent_contact", "gender", "sessions", "discharge_date"}
    assert found.columns["patient_id"].source == "Pat Ref"
    assert (found.columns["consent_contact"].source, found.columns["consent_contact"].constant) == (None, "yes")
    assert found.columns["gender"].codes == (("f", "female"), ("m", "male"), ("u", ""))
    # a column's missing codes add to those of the file; its date style and decimal sign replace the file's
    assert found.columns["gender"].missing == {"null", "-99"}
    assert found.columns["sessions"].missing == {"null", "-99", "999"}
    assert (found.columns["sessions"].dates, found.columns["discharge_date"].dates) == ("day_first", "iso")
    assert (found.columns["sessions"].decimal, found.columns["discharge_date"].decimal) == ("comma", "point")


def test_a_star_stands_for_each_number_of_a_family(read):
    found = read("columns:\n  phq9_6m_item*: {column: P*_6, missing: [9]}").columns
    assert {name: column.source for name, column in found.items()} == {
        f"phq9_6m_item{i}": f"P{i}_6" for i in range(1, 10)}
    assert all(column.missing == {"9"} for column in found.values())
    found = read("columns:\n  gad7_*m: g*").columns
    assert {name: column.source for name, column in found.items()} == {"gad7_6m": "g6", "gad7_12m": "g12"}
    found = read("columns:\n  gad7_*m_item*: g_*_*").columns  # two stars, two numbers
    assert len(found) == 14 and found["gad7_12m_item3"].source == "g_12_3"


@pytest.mark.parametrize(("name", "column", "meanings"), [
    ("nhs_gender", "gender", {"2": "female", "X": ""}), ("nhs_gender_identity", "gender", {"3": "other", "Z": ""}),
    ("nhs_ethnic_category", "ethnicity", {"A": "white_british", "99": ""}),
    ("nhs_employment_status", "employment_end", {"01": "employed", "02": "unemployed"}),
    ("nhs_employment_status", "employment_baseline", {"ZZ": "not_stated"}),
    ("nhs_end_code", "end_reason", {"46": "completed", "47": "dropped_out", "48": "ended_early_by_service",
                                    "50": "not_assessed"}),
])
def test_a_national_code_however_it_is_written(read, name, column, meanings):
    # oracle: the lists of the NHS data dictionary; '02', '2', ' 2', 2.0 are one code in practice
    codes = dict(read(f"columns:\n  {column}: {{column: c, codes: {name}}}").columns[column].codes)
    for code, meaning in meanings.items():
        bare = code.removeprefix("0")
        spellings = [code, f" {code}", f"{code} ", code.lower(), bare]
        spellings += [f"0{bare}", f"{bare}.0", f" {bare}.00 "] if code.isdigit() else []
        assert {codes.get(normalise(text)) for text in spellings} == {meaning}, code


def test_every_code_list_says_where_it_comes_from():
    lists = read_yaml(CODES_PATH, text_only=True)
    assert set(lists) == {"nhs_gender", "nhs_gender_identity", "nhs_ethnic_category", "nhs_employment_status",
                          "nhs_end_code", "nhs_attendance", "nhs_planned", "nhs_appointment_type",
                          "nhs_adsm_of_complaint", "nhs_assessment_tool"}
    for name, entry in lists.items():
        assert set(entry) == {"source", "version", "codes"}, name
        assert entry["source"] and entry["version"]
        assert len({normalise(code) for code in entry["codes"]}) == len(entry["codes"]), name
    # the codes of the IAPT Data Set's tables, as the project's issue lists them
    assert lists["nhs_assessment_tool"]["codes"] == {
        "720433000": "PHQ-9", "445455005": "GAD-7", "445552006": "SPIN", "450324005": "OCI", "446793008": "HAI",
        "450326007": "PDSS", "491581000000104": "PCL-5", "473355002": "MI", "473354003": "MI accompanied",
        "446517006": "PSWQ", "1065441000000103": "PHQ-15", "1077511000000101": "CFQ-11", "1083671000000108": "IBS-SSS",
        "1128221000000100": "BIQ"}
    attended = {code for code, meaning in lists["nhs_attendance"]["codes"].items() if meaning == "yes"}
    assert attended == {"5", "6"}


@pytest.mark.parametrize("file", sorted(MAPS.glob("*.yaml")), ids=lambda file: file.name)
def test_every_committed_map_can_be_read(file):
    columns = read_column_map(file)
    assert {"patient_id", "consent_contact"} <= set(columns.columns)
    assert "phq9_baseline" in columns.columns or columns.contacts  # which give the scores of a long export


@pytest.mark.parametrize(("text", "message"), [
    ("", "expected `key: value` lines"),
    ("source: x", "the key 'columns' is missing; expected `key: value` lines"),
    ("columns: [a]", "columns: found [a], expected `key: value` lines"),
    ("seperator: ';'\ncolumns: {patient_id: id}", "unknown key 'seperator'; known keys: source, file, missing"),
    ("file: {delimiter: ';'}\ncolumns: {patient_id: id}", "file: unknown key 'delimiter'; known keys: separator"),
    ("file: a.csv\ncolumns: {patient_id: id}", "file: found 'a.csv', expected `key: value` lines"),
    *((f"file: {{separator: {odd}}}\ncolumns: {{patient_id: id}}", "file: separator: found ")
      for odd in ("'; '", "''", "[;]", "'\"'", '"\\n"')),
    ("file: {encoding: [utf-8]}\ncolumns: {patient_id: id}", "file: encoding: found [utf-8], expected a text"),
    ("file: {sheet: {a: b}}\ncolumns: {patient_id: id}", "file: sheet: found {a: b}, expected a text"),
    ("source: [a]\ncolumns: {patient_id: id}", "source: found [a], expected a text"),
    ("missing: NULL\ncolumns: {patient_id: id}", "missing: found 'NULL', expected a list of missing codes"),
    ("missing: [[NULL]]\ncolumns: {patient_id: id}", "missing: found ['NULL'], expected a list of missing codes"),
    ("file: {header: 0}\ncolumns: {patient_id: id}", "file: header: found '0', expected the number of a line, 1"),
    ("file: {header: two}\ncolumns: {patient_id: id}", "file: header: found 'two', expected the number of a line"),
    ("file: {data: 1}\ncolumns: {patient_id: id}", "file: data: found '1', expected a line below the header's"),
    ("file: {header: 3, data: 3}\ncolumns: {patient_id: id}", "file: data: found '3', expected a line below the"),
    ("decimal: dot\ncolumns: {patient_id: id}", "decimal: found 'dot', expected point or comma"),
    ("dates: american\ncolumns: {patient_id: id}", "dates: found 'american', expected iso or day_first or excel"),
    ("columns: {patient: id}", "columns: found 'patient', expected a canonical column, as data/dictionary.csv lists"),
    ("columns: {Patient_ID: id}", "columns: found 'Patient_ID', expected a canonical column"),
    ("columns: {phq9_6m_thing*: id}", "columns: found 'phq9_6m_thing*', expected a canonical column"),
    # copied and not changed: everyone's change would be zero
    ("columns: {phq9_baseline: PHQ, phq9_end: phq}", "columns: phq9_baseline and phq9_end both read 'phq'"),
    ("columns: {phq9_6m_item*: p}", "columns: phq9_6m_item1: found 'p', expected a `*` in it"),
    ("columns: {'*': id}", "columns: found '*', expected a canonical column"),
    ("columns: {patient_id: }", "columns: patient_id: found '', expected a column of the export, {column: ...} or"),
    ("columns: {patient_id: [id]}", "columns: patient_id: found [id], expected a column of the export"),
    ("columns: {patient_id: {col: id}}", "columns: patient_id: unknown key 'col'; did you mean 'column'?"),
    ("columns: {patient_id: {missing: [0]}}", "columns: patient_id: found {missing: ['0']}, expected a column of"),
    ("columns: {patient_id: {column: a, constant: b}}", "columns: patient_id: found {column: a, constant: b}, "),
    ("columns: {patient_id: {column: [a]}}", "columns: patient_id: column: found [a], expected a text"),
    ("columns: {patient_id: {constant: [a]}}", "columns: patient_id: constant: found [a], expected a text"),
    ("columns: {gender: {column: a, missing: 9}}", "columns: gender: missing: found '9', expected a list"),
    ("columns: {gender: {column: a, dates: [iso]}}", "columns: gender: dates: found [iso], expected iso or"),
    ("columns: {gender: {column: a, codes: nhs_sex}}", "columns: gender: codes: found 'nhs_sex', expected "),
    ("columns: {gender: {column: a, codes: [F]}}", "columns: gender: codes: found [F], expected `key: value` lines"),
    ("columns: {gender: {column: a, codes: {F: woman}}}",
     "columns: gender: codes: f: found 'woman', expected one of female|male|other"),
    ("columns: {gender: {column: a, codes: {F: Female}}}", "columns: gender: codes: f: found 'Female', expected"),
    ("columns: {gender: {column: a, codes: {F: [female]}}}", "columns: gender: codes: F: found [female], expected"),
    ("columns: {gender: {column: a, codes: nhs_employment_status}}", "columns: gender: codes: 1: found 'employed', "),
    # letter case does not count, so one of the two would silently win
    ("columns: {gender: {column: a, codes: {F: female, f: male}}}", "expected one meaning of code 'f'"),
    ("columns: {gender: {column: a, codes: {02: female, 2: male}}}", "expected one meaning of code '2'"),
    ("columns: {patient_id: a, patient_id: b}", "not valid YAML: the key 'patient_id' stands there twice"),
])
def test_a_map_that_is_wrong_is_refused_with_file_and_key(read, text, message):
    with pytest.raises(InputError, match=rf"^map\.yaml(, line 1)?: .*{re.escape(message)}"):
        read(text)
