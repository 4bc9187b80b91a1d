"""From export to cohort. Oracle: the rules of docs/reference.md, sections 2 to 4, each expectation counted by hand.

The first row of a list stands on line 2 of its export, and is patient p2 where it does not say otherwise.
"""

import re

import pandas as pd
import pytest
from conftest import PATIENT, canonical_rows, study_text, write_csv
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from durability_utils.cohort import cleaning
from durability_utils.cohort.cleaning import ROW_RULES, VALUE_RULES, Cleaned, by_rule, clean_service, write_cleaned
from durability_utils.study.columns import FOLLOW_UP_DATA, FOLLOW_UPS, TIMES, TREATMENT_DATA, dictionary
from durability_utils.study.errors import InputError
from durability_utils.study.measures import read_measures
from durability_utils.study.study_file import read_study

NO_WINDOW = {"discharged": None}
BEFORE, AFTER = {"discharge_date": "2016-05-31"}, {"discharge_date": "2016-07-01"}
SAME = {"patient_id": "same"}
CONFLICT = "conflicting_rows"
IDS = ["007", "7", "7.0", "1e1", "P1", "p1", "=1+1"]  # each is a text


def refused_rows(cleaned: Cleaned) -> dict[int, str]:
    """The reason for each refused line of the export; it fails where a line is listed twice."""
    rows = cleaned.rejected[cleaned.rejected["refused"] == "row"]
    assert rows["row"].is_unique
    return dict(zip(rows["row"], rows["reason"], strict=True))


def refused_values(cleaned: Cleaned) -> list[tuple]:
    """(line, column, value, reason) of each refused value."""
    values = cleaned.rejected[cleaned.rejected["refused"] == "value"]
    return list(values[["row", "column", "value", "reason"]].itertuples(index=False, name=None))


def refused(cleaned: Cleaned) -> dict:
    """Line -> reason of each refused row, (line, column, value) -> reason of each refused value; nothing else."""
    found = refused_rows(cleaned) | {tuple(what): reason for *what, reason in refused_values(cleaned)}
    assert len(found) == len(cleaned.rejected)
    return found


def ids(cleaned: Cleaned) -> list[str]:
    return list(cleaned.cohort["patient_id"])


def value(cleaned: Cleaned, column: str, row: int = 0):
    """A value of the cohort; None where it is missing."""
    found = cleaned.cohort[column].iloc[row]
    return None if pd.isna(found) else found


def as_they_are(*names: str) -> str:
    """Lines of a column map for an export that has these canonical names."""
    return "columns:\n" + "".join(f"  {name}: {name}\n" for name in names)


def items(name: str, time: str, *answers) -> dict:
    return {f"{name}_{time}_item{i}": str(answer) for i, answer in enumerate(answers, start=1)}


class TestRows:
    """id, copies (over all rows read), window, sessions; the first rule that holds is the one listed."""

    @pytest.mark.parametrize(("rows", "out", "kept"), [
        ([{}, {}], {}, ["p2", "p3"]),
        ([{"patient_id": ""}] * 2, {2: "no_patient_id", 3: "no_patient_id"}, []),
        ([{"patient_id": name} for name in IDS], {}, IDS),
        # the first two are alike, outside the window, with too few sessions; still, what they lack first is an id
        ([{"patient_id": "", "sessions": "0", **BEFORE}] * 2 + [{"patient_id": "  "}, {}],
         dict.fromkeys((2, 3, 4), "no_patient_id"), ["p5"]),
        # a refused row has none of its values listed, and one of two copies is listed once
        ([{"sessions": "0", "age": "old", "phq9_6m": "99", "consent_contact": "no"}], {2: "too_few_sessions"}, []),
        ([{**SAME, "age": "x"}] * 2, {3: "copy", (2, "age", "x"): "not_a_whole_number"}, ["same"]),
        ([SAME, {}, SAME, SAME], {4: "copy", 5: "copy"}, ["same", "p3"]),  # of exact copies the first stays
        # copies are judged by what they say: 6, 6.0 and " 6 " are six, YES is yes
        ([SAME, {**SAME, "sessions": "6.0"}, {**SAME, "sessions": " 6 ", "consent_contact": "YES"}],
         {3: "copy", 4: "copy"}, ["same"]),
        ([SAME, {}, {**SAME, "phq9_end": "9"}], {2: CONFLICT, 4: CONFLICT}, ["p3"]),
        ([SAME, SAME, {**SAME, "age": "40"}, {}], dict.fromkeys((2, 3, 4), CONFLICT), ["p5"]),  # two of them alike
        # a row that says less or worse differs too: a score or none; out of range, which reads as missing, but is not
        # what the other row says; something only one of them has
        *(([SAME, {**SAME, **other}], {2: CONFLICT, 3: CONFLICT}, [])
          for other in ({"phq9_end": ""}, {"phq9_end": "99"}, {"phq9_6m": "3"})),
        # judged over all rows read: which discharge, which number of sessions is the patient's, the file does not say
        ([SAME, {**SAME, **BEFORE}], {2: CONFLICT, 3: CONFLICT}, []),
        ([SAME, {**SAME, "sessions": "1"}], {2: CONFLICT, 3: CONFLICT}, []),
        ([{**SAME, **AFTER}] * 2, {2: "outside_window", 3: "copy"}, []),
        ([{**SAME, "age": "x"}, {**SAME, "age": ""}], {2: CONFLICT, 3: CONFLICT}, []),
        # the window comes before the sessions
        ([{"sessions": "0", **BEFORE}, {"sessions": "0", "discharge_date": ""}],
         {2: "outside_window", 3: "no_discharge_date"}, []),
    ])
    def test_the_first_rule_that_holds_refuses_a_row(self, clean, rows, out, kept):
        cleaned = clean(rows)
        assert (refused(cleaned), ids(cleaned)) == (out, kept)
        assert list(cleaned.cohort.columns) == list(dictionary().index)

    def test_a_refused_row_that_is_not_listed_stops_the_service(self, clean, monkeypatch):
        listed = cleaning._row_list
        monkeypatch.setattr(cleaning, "_row_list", lambda *arguments: listed(*arguments).iloc[1:])
        with pytest.raises(AssertionError, match="3 rows read, but 1 kept and 1 listed as refused"):
            clean([{"patient_id": ""}, {"patient_id": ""}, {}])

    def test_both_ends_of_the_window_are_in_it(self, clean):
        days = {"2016-05-31": "outside_window", "2016-06-01": None, "2016-06-30": None, "2016-07-01": "outside_window",
                "2016-06-30 23:59:59": None,  # both days are included, to their end
                "": "no_discharge_date", "June 2016": "no_discharge_date", "2016-06-31": "no_discharge_date"}
        cleaned = clean([{"discharge_date": day} for day in days])
        assert [refused_rows(cleaned).get(line) for line in range(2, 10)] == list(days.values())
        assert refused_values(cleaned) == []  # a refused row is listed once, its date not again

    def test_each_refused_row_is_listed_with_the_cell_that_was_looked_at(self, clean):
        cleaned = clean([{"patient_id": ""}, BEFORE, {"sessions": "1.0"}, {"discharge_date": "soon"}, SAME, SAME])
        listed = cleaned.rejected[["row", "patient_id", "column", "value", "reason"]]
        assert list(listed.itertuples(index=False, name=None)) == [
            (2, "", "patient_id", "", "no_patient_id"),
            (3, "p3", "discharge_date", "2016-05-31", "outside_window"),
            (4, "p4", "sessions", "1.0", "too_few_sessions"),
            (5, "p5", "discharge_date", "soon", "no_discharge_date"),
            (7, "same", "patient_id", "same", "copy")]

    def test_the_log_counts_rows_in_the_order_of_the_rules(self, clean):
        cleaned = clean([{"patient_id": ""}, BEFORE, AFTER, SAME, SAME, {"age": "-1", "sessions": "x"}, {"age": "999"}])
        assert list(cleaned.log["rule"]) == ["rows_read", *ROW_RULES, "rows_in_cohort", *VALUE_RULES]
        counts = dict(zip(cleaned.log["rule"], cleaned.log["rows"], strict=True))
        assert {rule: n for rule, n in counts.items() if n} == {
            "rows_read": 7, "no_patient_id": 1, "copy": 1, "outside_window": 2, "rows_in_cohort": 3,
            "out_of_range": 2, "not_a_whole_number": 1}


RANGES = {**{f"phq9_{time}": (0, 27) for time in ("baseline", "end", "6m", "12m")},
          **{f"gad7_{time}": (0, 21) for time in ("baseline", "end", "6m", "12m")},
          "phq9_6m_item9": (0, 3), "gad7_12m_item7": (0, 3), "age": (0, 120), "sessions": (0, 500)}


NUMBERS = ("12", " 12 ", "12.0", "12.00", "012", "0", "-0")
NO_NUMBERS = ("12.5", "1e1", "12,5", "+12", "12.", ".0", "1 2", "0x0c", "twelve", "-", "NaN", "inf", "NULL", "1_2",
              "12%", "\u0661\u0662", "12\u00b2", "12.01")
LONG = ("1" * 30, "9" * 400, "-" + "9" * 400)  # longer than any word of a computer
CODED = ["gender", "step", "ethnicity", "employment_end", "consent_upflow"]
SESSIONS = {"0": False, "1": False, "1.0": False, "2": 2, "3": 3, "": None, "two": None, "-1": None}
VALUES = {  # rows, keys of the study, what is refused, and of the cohort some columns
    "without a window every discharge date stays": (
        [BEFORE, AFTER, {"discharge_date": ""}, {"discharge_date": "soon"}], NO_WINDOW,
        {(5, "discharge_date", "soon"): "impossible_date"}, {"patient_id": ["p2", "p3", "p4", "p5"]}),
    "sessions that are blank or cannot be read stay": (
        [{"sessions": text} for text in SESSIONS], {"minimum_sessions": 2},
        {**dict.fromkeys((2, 3, 4), "too_few_sessions"), (8, "sessions", "two"): "not_a_whole_number",
         (9, "sessions", "-1"): "out_of_range"},
        {"sessions": [number for number in SESSIONS.values() if number is not False]}),
    "whole numbers": ([{"phq9_end": text} for text in NUMBERS], {}, {}, {"phq9_end": [12] * 5 + [0] * 2}),
    "no whole numbers": (
        [{"phq9_end": text, "adsm": "OCI", "adsm_end": text, "age": text} for text in NO_NUMBERS], {},
        {(line, column, text): "not_a_whole_number" for line, text in enumerate(NO_NUMBERS, start=2)
         for column in ("adsm_end", "age", "phq9_end")},
        {column: [None] * len(NO_NUMBERS) for column in ("phq9_end", "adsm_end", "age")}),
    "long numbers": ([{"phq9_end": text, "adsm": "OCI", "adsm_end": text} for text in LONG], {},
                     {(line, column, text): "out_of_range" for line, text in enumerate(LONG, start=2)
                      for column in ("phq9_end", "adsm_end")}, {}),
    "scores without a measure have no range and no outcome rule reads them": (
        [{"adsm": name, "adsm_baseline": "9999"} for name in ("", "XYZ")], {}, {(3, "adsm", "XYZ"): "unknown_code"},
        {"adsm_baseline": [9999, 9999]}),
    "measures in any letter case": (
        [{"adsm": name} for name in ("IES-R", "ies-r", "Hai", "PHQ-9", "GAD-7", "PDSS")], {},
        {(line, "adsm", name): "unknown_code" for line, name in ((5, "PHQ-9"), (6, "GAD-7"), (7, "PDSS"))},
        {"adsm": ["IES-R", "IES-R", "HAI", None, None, None]}),
    "a measure of the other version": (
        [{"adsm": "pdss"}], {"measures": "nhs_talking_therapies"}, {}, {"adsm": ["PDSS"]}),
    "an unknown code": ([dict.fromkeys(CODED, "unheard of"), dict.fromkeys(CODED, "")], {},
                        {(2, column, "unheard of"): "unknown_code" for column in CODED},
                        {column: [None, None] for column in CODED}),
    "blank and unknown consent is no consent": (
        [{"consent_contact": consent} for consent in ("", "perhaps", "1", "no", "Yes")], {},
        {(line, "consent_contact", text): "unknown_code" for line, text in ((3, "perhaps"), (4, "1"))},
        {"consent_contact": ["no", "no", "no", "no", "yes"]}),
    "only an explicit no is no to up-flow": (
        [{"consent_upflow": answer} for answer in ("", "yes", "perhaps", "NO")], {},
        {(4, "consent_upflow", "perhaps"): "unknown_code", **{(5, column, ""): "no_upflow_consent" for column in (
            "sessions", "phq9_baseline", "phq9_end", "gad7_baseline", "gad7_end")}}, {"phq9_end": [8, 8, 8, None]}),
    "a missing code is one with leading zeros too, but an id is text": (
        [{"patient_id": "0099", "age": "099"}, {"patient_id": "99"}],
        {"columns": "missing: [99]\n" + as_they_are("patient_id", *PATIENT, "age")}, {3: "no_patient_id"},
        {"patient_id": ["0099"], "age": [None]}),
    "a follow-up before discharge cannot be": (  # discharged on 15 June; the same day is possible
        [{"followup_6m_date": day, "followup_12m_date": day} for day in ("2016-06-14", "2016-06-15", "2016-12-15")], {},
        {(2, f"followup_{time}_date", "2016-06-14"): "before_discharge" for time in FOLLOW_UPS},
        {"followup_6m_date": [None, pd.Timestamp(2016, 6, 15), pd.Timestamp(2016, 12, 15)]}),
    "before what?": ([{"discharge_date": "", "followup_6m_date": "2016-01-01"}], NO_WINDOW, {},
                     {"followup_6m_date": [pd.Timestamp(2016, 1, 1)]}),
    "where every item is refused none is there and the total stands": (
        [{"gad7_6m": "7", **items("gad7", "6m", *[9] * 7)}], {},
        {(2, f"gad7_6m_item{i}", "9"): "out_of_range" for i in range(1, 8)}, {"gad7_6m": [7]}),
    "nine zeros are a total, and items of one time or measure do not touch another": (
        [{"phq9_6m": "", **items("phq9", "6m", *[0] * 9)},
         {"phq9_6m": "5", "phq9_12m": "6", "gad7_6m": "7", **items("phq9", "12m", 1)}], {},
        {(3, "phq9_12m", "6"): "incomplete_items"},
        {"phq9_6m": [0, 5], "phq9_12m": [None, None], "gad7_6m": [None, 7]}),
    "blank cells are not withheld": ([{"consent_contact": "no", "phq9_6m": ""}], {}, {}, {"phq9_6m": [None]}),
    "a total that only its items gave is withheld with them": (
        [{"consent_contact": "no", "gad7_6m": "", **items("gad7", "6m", *[1] * 7)}], {},
        {(2, f"gad7_6m_item{i}", ""): "no_contact_consent" for i in range(1, 8)}, {"gad7_6m": [None]}),
}


@pytest.mark.parametrize(("rows", "keys", "out", "held"), VALUES.values(), ids=VALUES)
def test_which_values_are_refused_and_what_the_cohort_then_holds(clean, rows, keys, out, held):
    cleaned = clean(rows, **keys)
    assert refused(cleaned) == out
    assert {name: [value(cleaned, name, row) for row in range(len(cleaned.cohort))] for name in held} == held


class TestNumbers:
    @pytest.mark.parametrize("version", ["study_2016", "nhs_talking_therapies"])
    def test_the_range_includes_both_ends(self, clean, version):
        ranges = [({}, column, *ends) for column, ends in RANGES.items()]
        ranges += [({"adsm": measure.name}, f"adsm_{time}", int(measure.minimum), int(measure.maximum))
                   for measure in read_measures(version).values() if measure.role == "disorder_specific"
                   for time in TIMES]
        rows, expected = [], []
        for adsm, column, low, high in ranges:
            rows += [{**adsm, column: str(number)} for number in (low - 1, low, high, high + 1)]
            expected += [(column, None), (column, low), (column, high), (column, None)]
        cleaned = clean(rows, minimum_sessions=0, measures=version)
        assert [(column, value(cleaned, column, row)) for row, (column, _) in enumerate(expected)] == expected
        assert refused_values(cleaned) == [(line, column, rows[line - 2][column], "out_of_range")
                                           for line, (column, kept) in enumerate(expected, start=2) if kept is None]

    def test_with_a_decimal_comma(self, clean):
        row = {"phq9_baseline": "18,0", "gad7_end": "7,5", "adsm": "MI", "adsm_baseline": "2,3", "adsm_end": "2.3"}
        names = as_they_are("patient_id", *PATIENT, "adsm", "adsm_baseline", "adsm_end")
        cleaned = clean([row], f"decimal: comma\n{names}", measures="nhs_talking_therapies")
        assert [value(cleaned, name) for name in ("phq9_baseline", "adsm_baseline", "adsm_end")] == [18, 2.3, 2.3]
        assert refused_values(cleaned) == [(2, "gad7_end", "7,5", "not_a_whole_number")]

    def test_the_mi_is_an_item_mean_in_nhs_data_and_a_sum_in_the_study(self, clean):
        row = {"adsm": "MI", "adsm_baseline": "2.3", "adsm_end": "0.73", "adsm_6m": "5.01", "adsm_12m": "2,3"}
        cleaned = clean([row, {**row, "adsm": "PDSS"}], measures="nhs_talking_therapies")
        assert (value(cleaned, "adsm_baseline"), value(cleaned, "adsm_end")) == (2.3, 0.73)
        assert {(line, column): reason for line, column, _, reason in refused_values(cleaned)} == {
            (2, "adsm_6m"): "out_of_range", (2, "adsm_12m"): "not_a_whole_number",
            # the PDSS is a sum: no decimals
            **{(3, f"adsm_{time}"): "not_a_whole_number" for time in ("baseline", "end", "6m", "12m")}}
        cleaned = clean([row], measures="study_2016")
        assert [reason for *_, reason in refused_values(cleaned)] == ["not_a_whole_number"] * 4

class TestCodes:
    def test_each_canonical_code_in_any_letter_case(self, clean):
        codes = [(column, code) for column, entry in dictionary().iterrows() if entry["type"] == "code"
                 for code in entry["allowed"].split("|")]
        assert len(codes) > 50
        # a withheld follow-up mode would say nothing: everyone agrees, but where consent itself is the code
        rows = [{column: text} for column, code in codes for text in (code, code.upper(), f" {code.title()} ")]
        cleaned = clean(rows)
        found = [value(cleaned, next(iter(row)), position) for position, row in enumerate(rows)]
        assert found == [code for _, code in codes for _ in range(3)]
        assert {reason for *_, reason in refused_values(cleaned)} == {"no_upflow_consent"}

    def test_a_column_map_translates_codes_texts_and_missing_codes(self, clean):
        cleaned = clean(
            [{"gender": "1", "age": "-99", "primary_problem": "F41", "sessions": "NULL", "adsm": "Obsessive"},
             {"gender": "2.0", "age": "30", "primary_problem": "other", "adsm": "ies-r"},
             {"gender": "U", "age": "-9", "primary_problem": "-99.0", "adsm": "Panic"}],
            columns="missing: [-99, 'null']\n" + as_they_are("patient_id", *PATIENT.keys() - {"consent_contact"}) + """
  consent_contact: {constant: yes}
  gender: {column: gender, codes: {1: male, 2: female, u: ""}}
  age: Age
  primary_problem: {column: primary_problem, codes: {F41: anxiety}}
  adsm: {column: adsm, codes: {obsessive: OCI, panic: PDSS}}
""")
        assert {column: [value(cleaned, column, row) for row in range(3)]
                for column in ("gender", "age", "primary_problem", "adsm")} == {
            "gender": ["male", "female", None], "age": [None, 30, None], "primary_problem": ["anxiety", "other", None],
            # PDSS is no measure of version study_2016: an unknown code, however the map names it
            "adsm": ["OCI", "IES-R", None]}
        assert sorted(refused_values(cleaned)) == [
            (4, "adsm", "Panic", "unknown_code"), (4, "age", "-9", "out_of_range")]
        assert cleaned.unused == ["consent_contact"]  # the map puts a constant in its place
        assert {"step", "phq9_6m"} < set(cleaned.absent)
        assert "consent_contact" not in cleaned.absent

    def test_what_nothing_reads_is_named(self, clean):
        cleaned = clean([{"Favourite colour": "blue", "GENDER": "female"}])
        assert cleaned.unused == ["Favourite colour"]
        assert value(cleaned, "gender") == "female"
        assert {"age", "step", "phq9_12m_item9"} < set(cleaned.absent)


class TestDates:
    def days(self, clean, texts: list[str], style: str) -> list[str | None]:
        """Each text as cleaning reads it: the day, or None where it is refused and so listed."""
        rows = [{"discharge_date": text} for text in texts]
        cleaned = clean(rows, f"dates: {style}\n{as_they_are('patient_id', *PATIENT)}", **NO_WINDOW)
        found = [value(cleaned, "discharge_date", row) for row in range(len(texts))]
        assert refused_values(cleaned) == [
            (line, "discharge_date", text, "impossible_date")
            for line, (text, day) in enumerate(zip(texts, found, strict=True), start=2) if day is None]
        return [day and f"{day:%Y-%m-%d %H:%M}".removesuffix(" 00:00") for day in found]

    @pytest.mark.parametrize(("style", "expected"), [
        ("iso", {"2016-06-03": "2016-06-03", "2016-06-03 23:59:59": "2016-06-03", "2016-06-03T08:00": "2016-06-03",
                 "2016-02-29": "2016-02-29"}),
        # a month in capitals holds the T that elsewhere begins the time of day
        ("day_first", {"14-OCT-2016 00:00:00": "2016-10-14", "2016-10-14T09:30": "2016-10-14",
                       "03/06/2016": "2016-06-03", "3/6/2016": "2016-06-03", "03.06.2016": "2016-06-03",
                       "03-06-2016": "2016-06-03", "03-Jun-2016": "2016-06-03", "29/02/2016": "2016-02-29",
                       "03/06/2016 10:15": "2016-06-03", "03.06.16": "2016-06-03", "3-Jun-16": "2016-06-03",
                       # spreadsheets write real dates so, whatever the text cells beside them look like
                       "2016-06-03": "2016-06-03"}),
        # serial numbers by Excel: =DATE(2016,6,3) is 42524, 61 is 1900-03-01
        ("excel_serial", {"42524": "2016-06-03", "42524.75": "2016-06-03", "42429": "2016-02-29", "61": "1900-03-01",
                          "2016-06-03": "2016-06-03"})])
    def test_a_day_in_the_style_of_the_map(self, clean, style, expected):
        assert self.days(clean, list(expected), style) == list(expected.values())

    @pytest.mark.parametrize(("style", "texts"), [
        ("iso", ["2015-02-29", "1900-02-29",  # no leap years
                 "2016-06-31", "2016-13-01", "0000-00-00", "1899-12-31", "2101-01-01", "9999-12-31",
                 "16-06-03",  # which century?
                 "03/06/2016", "2016-06", "2016", "20160603", "42524", "2016/06/03", "10:30",
                 "today", "now", "NaT", "nan", "null"]),  # pandas reads the first two as the day of the run
        ("iso", ["2016-06-01 garbage:x"]),
        ("day_first", ["29/02/2015", "06/13/2016",  # an American date
                       "06/30/16", "42524", "20160603", "today", "Jun-03-2016"]),
        ("excel_serial", ["0", "-5", "9" * 400, "\u00b2", "\u0661", ".", "03/06/2016", "1e4", "today", "999999999"])])
    def test_what_is_no_day(self, clean, style, texts):
        assert self.days(clean, texts, style) == [None] * len(texts)

ITEM_CASES = {  # the items, then the total, what the cohort then holds, and why the total is listed
    "all": {"right": ("sum", None), "wrong": ("sum", "contradicts_items"), "blank": ("sum", None),
            "out of range": ("sum", "out_of_range"), "no number": ("sum", "not_a_whole_number")},
    "one blank": {"right": (None, "incomplete_items"), "blank": (None, None),
                  "out of range": (None, "out_of_range")},
    "one refused": {"right": (None, "incomplete_items"), "blank": (None, None),
                    "no number": (None, "not_a_whole_number")},
    "only one": {"right": (None, "incomplete_items"), "blank": (None, None)},
    "none": {"right": ("sum", None), "blank": (None, None), "out of range": (None, "out_of_range")},
}


class TestItems:
    """The items win where all are there; with some there and one missing or refused there is no total."""

    @pytest.mark.parametrize("time", ["6m", "12m"])
    @pytest.mark.parametrize(("name", "n", "highest", "items_sum"), [("phq9", 9, 27, 13), ("gad7", 7, 21, 10)])
    def test_items_against_their_total(self, clean, name, n, highest, items_sum, time):
        there = ["1", "2"] * 4 + ["1"]  # 1, 2, 1, 2, ...: nine make 13, seven make 10
        answers = {"all": there[:n], "one blank": ["", *there[1:n]], "one refused": ["4", *there[1:n]],
                   "only one": ["1"] + [""] * (n - 1), "none": [""] * n}
        totals = {"right": str(items_sum), "wrong": str(items_sum + 1), "blank": "",
                  "out of range": str(highest + 1), "no number": "x"}
        total = f"{name}_{time}"
        cases = [(case, *then) for case, by_total in ITEM_CASES.items() for then in by_total.items()]
        cleaned = clean([{total: totals[written], **items(name, time, *answers[given_items])}
                         for given_items, written, _ in cases])
        listed = refused_values(cleaned)
        for row, (given_items, written, (expected, reason)) in enumerate(cases):
            case = (given_items, written)
            assert value(cleaned, total, row) == (items_sum if expected == "sum" else None), case
            wanted = [(row + 2, total, totals[written], reason)] if reason else []
            wanted += [(row + 2, f"{total}_item1", "4", "out_of_range")] if given_items == "one refused" else []
            assert [entry for entry in listed if entry[0] == row + 2] == wanted, case
            kept = [None if answer in ("", "4") else int(answer) for answer in answers[given_items]]
            assert [value(cleaned, f"{total}_item{i}", row) for i in range(1, n + 1)] == kept, case


EVERYTHING = {
    "adsm": "OCI", "step": "step3", "end_reason": "completed", "adsm_baseline": "50", "adsm_end": "20",
    **{f"{name}_{time}": "5" for name in ("phq9", "gad7", "adsm") for time in FOLLOW_UPS},
    **{f"wsas_{time}": "5" for time in TIMES},
    **{f"followup_{time}_date": "2017-01-01" for time in FOLLOW_UPS},
    **{f"followup_{time}_mode": "post" for time in FOLLOW_UPS},
    **{key: answer for name, n, times in (("phq9", 9, FOLLOW_UPS), ("gad7", 7, FOLLOW_UPS), ("wsas", 5, TIMES))
       for time in times for key, answer in items(name, time, *[1] * 5 + [0] * (n - 5)).items()},
}


class TestConsent:
    """What a patient did not agree to is removed and listed, with the value left blank."""

    NO_TREATMENT = dict.fromkeys(TREATMENT_DATA, "no_upflow_consent")
    NO_FOLLOW_UP = dict.fromkeys(FOLLOW_UP_DATA, "no_contact_consent")

    @pytest.mark.parametrize(("answers", "withheld"), [
        ({"consent_upflow": "no"}, NO_TREATMENT), ({"consent_contact": "no"}, NO_FOLLOW_UP),
        ({"consent_contact": ""}, NO_FOLLOW_UP),
        ({"consent_upflow": "no", "consent_contact": "no"}, NO_TREATMENT | NO_FOLLOW_UP)])
    def test_no_takes_all_of_it_and_no_more(self, clean, answers, withheld):
        cleaned = clean([EVERYTHING, {**EVERYTHING, **answers}])
        assert sorted(refused_values(cleaned)) == sorted((3, column, "", reason) for column, reason in withheld.items())
        gone = set(cleaned.cohort.columns[cleaned.cohort.iloc[1].isna() & cleaned.cohort.iloc[0].notna()])
        assert gone == set(withheld)

    def test_a_value_refused_for_another_reason_is_withheld_too(self, clean):
        # 99 is out of range, but what this patient answered is not to be seen anywhere
        cleaned = clean([{"consent_contact": "no", "phq9_6m": "99", "followup_6m_date": "2001-01-01", "gad7_6m": "3",
                          **items("gad7", "6m", 1), "consent_upflow": "no", "phq9_end": "77"}])
        assert {column: (text, reason) for _, column, text, reason in refused_values(cleaned) if "_consent" in reason
                and column in ("phq9_6m", "followup_6m_date", "gad7_6m", "phq9_end")} == {
            "phq9_6m": ("", "no_contact_consent"), "followup_6m_date": ("", "no_contact_consent"),
            "gad7_6m": ("", "no_contact_consent"), "phq9_end": ("", "no_upflow_consent")}
        assert all(text == "" for _, _, text, _ in refused_values(cleaned))

    def test_too_few_sessions_of_someone_who_said_no_to_up_flow_are_not_shown(self, clean):
        cleaned = clean([{"consent_upflow": "no", "sessions": "1"}, {"consent_upflow": "yes", "sessions": "1"}])
        assert refused_rows(cleaned) == {2: "too_few_sessions", 3: "too_few_sessions"}
        assert list(cleaned.rejected["value"]) == ["", "1"]


def test_the_type_of_each_column_of_the_cohort(clean):
    types = dictionary()["type"].map({"text": "str", "code": "str", "measure": "str", "date": "datetime64[us]",
                                      "whole_number": "Int64", "score": "Float64"})
    assert clean([{}]).cohort.dtypes.astype(str).to_dict() == types.to_dict()


class TestByRule:
    def test_every_rule_in_its_order_with_zeros(self, clean):
        rejected = clean([{}]).rejected
        assert list(rejected.columns) == ["row", "patient_id", "column", "value", "reason", "refused", "file"]
        table = by_rule(rejected)
        assert list(table.columns) == ["refuses", "rule", "because", "rows", "values"]
        assert list(table["rule"]) == [*ROW_RULES, *VALUE_RULES]
        assert list(table["because"]) == [*ROW_RULES.values(), *VALUE_RULES.values()]
        assert table["rows"].eq(0).all()
        assert table.loc[table["refuses"] == "value", "values"].eq(0).all()
        assert table.loc[table["refuses"] == "row", "values"].isna().all()

    def test_rows_are_lines_and_values_are_cells(self, clean):
        # line 2: two scores out of range, line 3: one, and an age; line 4 is out, with all that is on it
        cleaned = clean([{"phq9_end": "28", "gad7_end": "99"}, {"phq9_end": "28", "age": "x"},
                         {"sessions": "1", "phq9_end": "28"}])
        table = by_rule(cleaned.rejected).set_index("rule")
        assert table.loc["out_of_range", ["rows", "values"]].to_list() == [2, 3]
        assert table.loc["not_a_whole_number", ["rows", "values"]].to_list() == [1, 1]
        assert table.loc["too_few_sessions", "rows"] == 1
        assert table["rows"].sum() == 4

    def test_a_kind_of_refusal_that_it_does_not_know_is_shown_too(self, clean):
        rejected = clean([{"age": "x"}]).rejected
        other = rejected.assign(refused="contact", reason="after_discharge")
        last = by_rule(pd.concat([rejected, other])).iloc[-1]
        assert last.to_list() == ["contact", "after_discharge", "", 1, 1]


BAD = {"code": "?", "measure": "?", "date": "2016-02-30", "whole_number": "12,5", "score": "-1"}


def test_every_column_with_a_bad_value_is_in_the_written_list_with_its_line_and_text(clean, tmp_path):
    kinds = dictionary()["type"].drop(["patient_id", "discharge_date"])  # their rows are refused whole
    bad = {column: BAD[kind] for column, kind in kinds.items() if kind != "text"}  # any text is a text
    rows = [{column: text} for column, text in bad.items()]
    # the same in one row: a follow-up of someone who agreed to it, where nothing hides behind anything else
    rows.append({column: text for column, text in bad.items() if column not in (
        "consent_contact", "consent_upflow", "adsm")})
    write_cleaned(clean([{"adsm": "OCI", **row} for row in rows]), tmp_path / "cleaning")
    listed = pd.read_csv(tmp_path / "cleaning" / "rejected.csv", dtype=str, keep_default_na=False)
    expected = [(str(line), f"p{line}", column, text, "value")
                for line, row in enumerate(rows, start=2) for column, text in row.items()]
    found = listed[["row", "patient_id", "column", "value", "refused"]].itertuples(index=False, name=None)
    assert sorted(found) == sorted(expected)


MESS = st.sampled_from([
    "", " ", "0", "1", "2", "3", "6", "12", " 12 ", "12.0", "12.5", "27", "28", "-1", "99", "x", "yes", "NO", "step2",
    "Step2+3", "female", "OCI", "mi", "post", "2016-06-15", "2016-05-31", "2017-02-30", "2.3", "=1", "\u00b2", "9" * 30,
    'say "no"', "a,b", "today", "NA", "None"])
SCORES = st.sampled_from(["", "0", "1", "2", "3", "9", "21", "28", "1.0", "x"])
LIKELY = {
    "patient_id": st.sampled_from(["", "01", "A", *"123456789abcdefghijklmnopqrst"]),
    "discharge_date": st.sampled_from(["2016-06-01", "2016-06-15", "2016-06-30", "2016-07-01", ""]),
    "consent_contact": st.sampled_from(["yes", "yes", "yes", "YES", "no", ""]),
    "consent_upflow": st.sampled_from(["yes", "no", "", "maybe"]),
    "sessions": st.sampled_from(["1", "2", "9", "20", ""]),
    "primary_problem": MESS,
}
COLUMNS = [*PATIENT, "patient_id", "consent_upflow", "adsm", "adsm_baseline", "adsm_6m", "gender", "followup_6m_date",
           "followup_6m_mode", "phq9_6m", "gad7_6m", *(f"gad7_6m_item{i}" for i in range(1, 8)), "primary_problem"]


@st.composite
def exports(draw):
    """Rows of which any cell may hold anything; ids repeat, and some rows are copies of others."""
    likely = st.fixed_dictionaries({column: LIKELY.get(column, SCORES) for column in COLUMNS})
    rows = draw(st.lists(likely, min_size=1, max_size=20))
    for row in rows:
        row |= draw(st.dictionaries(st.sampled_from(COLUMNS), MESS, max_size=3))
    copies = draw(st.lists(st.integers(0, len(rows) - 1), max_size=3))
    return rows + [rows[i] for i in copies]


def read_as(column: str, text: str) -> str:
    """A cell and a cohort's value in one spelling, so that 12.0 is 12, YES is yes."""
    text = text.strip()
    kind = dictionary().at[column, "type"]
    if kind in ("whole_number", "score"):
        return str(float(text))
    return text.casefold() if kind in ("code", "measure") else text


def readable(examples: int):
    """Settings under which a failing export is shown as it was drawn: one of twenty rows takes minutes to shrink."""
    return settings(max_examples=examples, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
                    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@readable(12)
@given(exports(), st.sampled_from(["study_2016", "nhs_talking_therapies"]), st.booleans())
def test_of_any_export_nothing_is_lost_unlisted(tmp_path_factory, rows, version, with_window):
    folder = tmp_path_factory.mktemp("any")
    keys = {"measures": version, **({} if with_window else NO_WINDOW)}
    (folder / "study.yaml").write_text(study_text(services={"A": {"file": "a.csv"}}, **keys))
    study = read_study(folder / "study.yaml")
    write_csv(folder / "a.csv", rows)
    cleaned = clean_service(study, "A")
    out = refused_rows(cleaned)
    assert len(rows) == len(cleaned.cohort) + len(out)
    listed = {(line, column) for line, column, *_ in refused_values(cleaned)}
    kept_lines = [line for line in range(2, len(rows) + 2) if line not in out]
    for position, line in enumerate(kept_lines):
        for column, text in rows[line - 2].items():
            if text.strip() and (line, column) not in listed:
                found = cleaned.cohort[column].iloc[position]
                assert pd.notna(found), (line, column, text)
                shown = f"{found:%Y-%m-%d}" if isinstance(found, pd.Timestamp) else str(found)
                assert read_as(column, shown) == read_as(column, text), (line, column)
    # what is listed is not in the cohort as well; only a total that its items replace has a value
    for line, column in listed:
        found = cleaned.cohort[column].iloc[kept_lines.index(line)]
        assert pd.isna(found) or column in ("phq9_6m", "gad7_6m", "consent_contact")
    # a cohort written back is a canonical export, of which nothing is refused
    if len(cleaned.cohort):
        cleaned.cohort.to_csv(folder / "a.csv", index=False)
        again = clean_service(study, "A")
        assert again.rejected.empty
        pd.testing.assert_frame_equal(again.cohort, cleaned.cohort)


CELLS = st.one_of(*[MESS] * 20, st.sampled_from(["p1", "p2", '"', '"a\nb"', "\0", "ann@example.org", "9990000085"]))
HEADERS = st.one_of(*[st.permutations([*PATIENT, "patient_id"])] * 5,
                    st.lists(st.sampled_from([*COLUMNS, "", "x", " PATIENT_ID "]), max_size=12))


@readable(60)
@given(HEADERS, st.lists(st.lists(CELLS, max_size=8), max_size=6), st.sampled_from([*"," * 9, ";"]),
       st.sampled_from([*["utf-8"] * 8, "utf-8-sig", "utf-16"]), st.sampled_from([*[b""] * 8, b"\n", b"\xff", b"\0"]))
def test_any_file_at_all_is_accounted_for_or_refused_by_name(tmp_path_factory, header, rows, separator, encoding, end):
    folder = tmp_path_factory.mktemp("any")
    (folder / "study.yaml").write_text(study_text(services={"A": {"file": "a.csv"}}))
    content = "\n".join(separator.join(cells) for cells in [header, *rows])
    (folder / "a.csv").write_bytes(content.encode(encoding) + end)
    try:
        cleaned = clean_service(read_study(folder / "study.yaml"), "A")
    except InputError as error:
        assert str(error).startswith("a.csv: ")
        assert "9990000085" not in str(error) and "ann@" not in str(error)
    else:
        # every line that is not empty is a row, but that a quoted cell has a line end in it
        read = dict(zip(cleaned.log["rule"], cleaned.log["rows"], strict=True))["rows_read"]
        assert read == len(cleaned.cohort) + len(refused_rows(cleaned))
        text = content + end.decode("latin-1")
        assert read <= len(re.split(r"[\r\n]+", text.strip("\r\n"))) - 1


def test_the_order_of_the_rows_does_not_change_who_is_in(clean):
    rows = canonical_rows([{}, BEFORE, SAME, {**SAME, "age": "3"}, {"sessions": "1"}, {"patient_id": ""}, {"age": "x"}])
    assert sorted(ids(clean(rows))) == sorted(ids(clean(rows[::-1]))) == ["p2", "p8"]
