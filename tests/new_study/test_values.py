"""What the values of a column are. Oracle: the data dictionary and `docs/reference.md`, section 2."""

import pandas as pd
import pytest

from durability_utils.new_study.exports import Export
from durability_utils.new_study.names import Meaning, Told, told
from durability_utils.new_study.values import MIDNIGHT_IN_UTC, SERIALS, Contradiction, read_values
from durability_utils.study.measures import read_measures

MEASURES = read_measures("nhs_talking_therapies")


def read(column, cells, section="columns"):
    export = Export(pd.DataFrame({"x": list(cells)}, dtype="str"), MEASURES)
    by = next((by for by in told(section) if by.column == column), Told(column, []))
    return read_values(export, Meaning(column, by, 0, "", ""), "x")


@pytest.mark.parametrize(("column", "cells"), [
    ("phq9_end", ["3", "28", "35", "40"]), ("gad7_end", ["27"] * 9 + ["3"]), ("phq9_end", ["-4", "2", "-3", "0"]),
    ("phq9_end", ["3.5", "2.25", "7.1"]), ("phq9_end", ["mild", "severe", "mild"]), ("phq9_end", ["1", "0"] * 15),
    ("age", ["18-25", "26-35"]), ("gender", ["yes", "no"]), ("consent_contact", ["01/06/2016", "02/06/2016"]),
    ("discharge_date", ["dropped out", "completed"]), ("discharge_date", ["06/30/2016", "06/28/2016"]),
    ("discharge_date", ["06/30/16", "06/28/16"]), ("discharge_date", ["20160630"]), ("patient_id", ["a", "a", "b"]),
    ("primary_problem", [f"told me about {n}" for n in range(30)]), ("adsm", ["PHQ-9", "GAD-7"])])
def test_values_that_contradict_the_name(column, cells):
    with pytest.raises(Contradiction):
        read(column, cells)


@pytest.mark.parametrize(("column", "cells", "why"), [
    # 27 and 84 are one patient's: only numbers of five patients or more are shown
    ("phq9_end", [" 3", "3.0", "3", "3", "3", *["12"] * 5, "27"], "whole numbers, most from 3 to 12"),
    ("phq9_end", [], "no values"), ("phq9_6m", ["3", "27"], "whole numbers"),
    ("age", [*["30"] * 5, *["45"] * 6, "84"], "whole numbers, most from 30 to 45"),
    ("adsm_end", [*["1.5"] * 5, *["4"] * 5], "numbers, most from 1.5 to 4"),
    ("discharge_date", ["2016-06-30", "2016-06-01 10:30"], "ISO dates"),
    ("discharge_date", ["30/06/2016", "1.6.2016"], "day first"), ("discharge_date", ["14-Jun-2016"], "day first"),
    ("discharge_date", ["30/06/16", "28/06/16"], "day first"),
    ("discharge_date", ["42551", "42522.0"], "day numbers"), ("patient_id", ["007", "7", "x1"], "nearly every row"),
    ("gender", ["F"] * 6 + ["M"] * 5 + ["O"], "codes F, M")])
def test_what_values_look_like(column, cells, why):
    reading = read(column, [cell.strip() for cell in cells])
    asked = SERIALS if why == "day numbers" else ""  # nothing tells from which year they count
    assert reading.why.endswith(why) and reading.doubt == asked and not reading.missing


def test_missing_codes_are_what_is_no_value():
    assert read("phq9_end", ["3"] * 9 + ["-99"] * 3 + ["NULL", "n/a"]).missing == {"-99", "NULL", "n/a"}
    assert read("phq9_end", ["3"] * 9 + ["88"]).missing == frozenset()  # one is a slip
    assert read("age", ["30"] * 9 + ["99"] * 3).missing == frozenset()  # 99 is an age
    assert read("phq9_end", ["."] * 4).why == "no values"


def test_days_and_months_that_cannot_be_told_apart_are_doubted():
    assert read("discharge_date", ["01/06/2016", "02/06/2016"]).doubt
    assert not read("discharge_date", ["01/06/2016", "13/06/2016"]).doubt


def test_codes_in_many_rows_are_shown_and_no_others():
    reading = read("consent_contact", ["yes"] * 60 + ["no"] * 9 + ["77"] * 5 + ["maybe, said Ann"])
    assert "77" in reading.doubt and "Ann" not in reading.doubt + reading.why
    with pytest.raises(Contradiction, match=r"not understood: 77$"):
        read("consent_contact", ["77"] * 9 + ["said Ann"])


@pytest.mark.parametrize(("column", "holds", "contradicts"), [
    ("patient_id", [["a", "a", "b", "b"]], [["a", "b", "c"]]),
    ("measure", [["PHQ9", "GAD7", "WSAS", "WSAS"], ["720433000", "445455005"]], [["OCI", "SPIN"], ["yes", "no"]]),
    ("date", [["2016-06-30"]], [["1", "2"]]), ("score", [["12", "80"]], [["250"]]),
    ("attended", [["5", "6", "3"]], [["5", "30"]])])
def test_values_of_contacts(column, holds, contradicts):
    assert all(read(column, cells, "contacts").why for cells in holds)
    for cells in contradicts:
        with pytest.raises(Contradiction):
            read(column, cells, "contacts")


@pytest.mark.parametrize(("cells", "said"), [
    (["06/30/2016"] * 3 + ["06/05/2016"] * 9, "month first"), (["6/30/16"] * 5, "month first"),
    (["06-30-2016"] * 5, "export them as 2016-06-30 or 30/06/2016"), (["2016-06-30"] * 30 + ["06/30/2016"], None),
    (["30/06/2016"] * 30 + ["06/30/2016"], None), (["30/06/2016"] * 30 + ["06/30/2016"] * 6, "some the month")])
def test_american_dates_are_told_from_british_ones(cells, said):
    try:
        found = read("discharge_date", cells).doubt
    except Contradiction as contradiction:
        found = str(contradiction)
    assert (said in found) if said else found == ""


def test_midnights_in_utc_without_their_zone_are_asked_about():
    winter, summer = ["2016-01-15 00:00:00"] * 9, ["2016-06-14T23:00:00.000"] * 5
    assert read("discharge_date", winter + summer).doubt == MIDNIGHT_IN_UTC
    for others in ([], summer[:4], [*summer, "2016-06-14 09:30"], [f"{day}Z" for day in summer]):
        assert read("discharge_date", winter + others).doubt == ""


def test_decimal_commas():
    assert read("adsm_end", ["1,5", "4", "2,25"]).decimal == "comma"
    assert read("phq9_end", ["12,0", "7,0"]).meant == {"12,0": 12, "7,0": 7}
    assert read("phq9_end", ["12", "7.0"]).decimal == ""
    with pytest.raises(Contradiction, match="not all are whole numbers"):
        read("phq9_end", ["12,5", "7,1"])


def test_what_is_no_value_of_some_is_asked_about():
    assert read("phq9_end", ["13"] * 90 + ["31"] * 6).doubt == "6 values: not all are whole numbers from 0 to 27"
    assert read("phq9_end", ["13"] * 90 + ["31"]).doubt == ""
