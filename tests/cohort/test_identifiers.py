"""Identifiers stop an export. Oracle: docs/reference.md, section 3 (column and row, never the value) and modulus 11.

The numbers here are of the range 999 ..., which the NHS keeps for tests, or shown with their check sums.
"""

import pandas as pd
import pytest

from durability_utils.cohort.identifiers import refuse_identifiers
from durability_utils.study.errors import InputError

# weights 10 to 2: 9*10 + 9*9 + 9*8 + 8 * 2 = 259 = 23 * 11 + 6, so the check digit is 11 - 6 = 5 for 999000008
VALID = "9990000085"
INVALID = "9990000086"


def refusal(*cells: str, name: str = "notes") -> str:
    """The message for a column of these cells, whose first stands on line 2; empty where nothing is refused."""
    table = pd.DataFrame({"sessions": ["1"] * len(cells), name: cells}, dtype="str",
                         index=pd.RangeIndex(2, len(cells) + 2, name="row"))
    try:
        refuse_identifiers(table, "a.csv")
    except InputError as error:
        return str(error)
    return ""


IDENTIFIERS = {
    "an NHS number": (
        VALID, "999 000 0085", "999-000-0085", "999  000  0085", "999\u00a0000\u00a00085", "999\u2013000\u20130085",
        "9990000085.0",  # as pandas writes a column of numbers with a blank in it
        "0000000000", "1111111111", "9999999999",  # placeholders; each passes the check
        "NHS no. 999 000 0085", "(9990000085)", "9990000085, see letter", "id:9990000085", "NHS-9990000085",
        "NHS9990000085", "999.000.0085", "x_9990000085", "known as 9990000085.", "999 000 0086 or 999 000 0085"),
    "an e-mail address": ("ann@example.org", "Ann.B@example.nhs.uk", "mail: ann@example.org", "<a@b.co>"),
    "a UK postcode": ("AB1 2DE", "ab12 3de", "W1A 1HQ", "EC1A\u00a01BB", "lives at M1 1AE now", "GIR 0AA"),
}


@pytest.mark.parametrize(("kind", "cell"), [(kind, cell) for kind, cells in IDENTIFIERS.items() for cell in cells])
@pytest.mark.parametrize("blank", ["none", ""])
def test_an_identifier_is_refused_unseen_however_it_is_written(kind, cell, blank):
    assert refusal(blank, cell, cell) == (f"a.csv: line 3: column 'notes' holds {kind}; "
                                          "use pseudonymous ids and leave identifiers out of the export")


@pytest.mark.parametrize("cell", [
    INVALID, "999 000 0086",                        # the check digit is wrong
    "999000008", "99900000850", "0 9990000085a",    # nine and eleven digits; glued to a letter
    "a9990000085", "9990000085f",                   # within a hash
    "0.9990000085", "2.9990000085", "999.0000085",  # decimal numbers
    "9990000085.5",
    "2016-06-01", "01/06/2016 10:00:00", "12", "", "yes", "-99", "0161 496 0000",
    "@home", "a @ b", "x@y", "@", "3@10",           # an at sign alone is no address
    "AB1", "M1 and M2", "E11 1", "AB12 3CI", "PHQ9 1st", "1A 2BB", "step2 3",  # half a postcode
])
def test_what_is_no_identifier_stays(cell):
    assert refusal(cell) == ""


def test_a_postcode_without_its_gap_counts_where_most_of_the_column_look_so():
    # in a column of ids one in fifty random ones of six signs does
    assert refusal("AB12DE", "M11AE", "W1A1HQ").startswith("a.csv: line 2: column 'notes' holds a UK postcode")
    assert refusal("AB12DE", "x7p2q9", "00ab3d", "M11AE") == ""


@pytest.mark.parametrize("name", ["Name", "Surname", "first_name", "PatientName", "Patient names", "FORENAME 2",
                                  "Therapist Name", "family-name"])
def test_a_column_of_names_is_refused_at_its_first_value(name):
    assert refusal("", "Bee", name=name).startswith(f"a.csv: line 3: column '{name}' holds names of persons")
    assert refusal("", "", name=name) == ""


@pytest.mark.parametrize("name", ["spec_name", "service name", "diagnosis_name", "surname initial?", "username id"])
def test_other_names_stay(name):
    assert refusal("SPIN", name=name) == ""


@pytest.mark.parametrize("cell", ["01/06/1985", "1985-06-01", "1.6.2005", "01-Jun-1985", "1985-06-01 00:00", "31199",
                                  "01/06/85", "1.6.05", "01-Jun-85"])
def test_a_full_date_of_birth_is_refused(cell):
    for name in ("DOB", "date of birth", "PatientDateOfBirth", "birth_date"):
        assert refusal("", cell, name=name).startswith(f"a.csv: line 3: column '{name}' holds a full date of birth")
    assert refusal("1985", "", "NULL", "34", name="Year of birth") == ""


def test_dates_of_birth_under_another_name_are_told_by_their_years():
    table = pd.DataFrame({"discharged": ["01/06/2024", "30/06/2024", "7/6/2024", ""],
                          "other": ["2001-01-31", "", "2003-02-01", "2019-01-01"],
                          "seen": ["2019-01-31", "2023-01-31", "2024-01-31", "1899-12-30"]},
                         index=pd.RangeIndex(2, 6, name="row"), dtype="str")
    with pytest.raises(InputError, match=r"line 2: column 'other' holds a full date of birth"):
        refuse_identifiers(table, "a.csv")
    refuse_identifiers(table.drop(columns="other"), "a.csv")
    # of two digits those up to 30 are of this century, as discharges are
    short = pd.DataFrame({"discharged": ["01/06/24", "30/06/24"], "other": ["31/01/85", "1.2.52"]}, dtype="str")
    with pytest.raises(InputError, match=r"column 'other' holds a full date of birth"):
        refuse_identifiers(short, "a.csv")
    refuse_identifiers(short[["discharged"]], "a.csv")
    assert "holds a full date of birth" in refusal("1985-06-01", "1990-06-01", name="d1")


@pytest.mark.parametrize(("name", "kind"), [
    ("999 000 0085", "an NHS number"), ("ann@example.org", "an e-mail address")])
def test_an_identifier_as_the_name_of_a_column_is_refused_unseen(name, kind):
    # a file without a header: its first patient stands in line 1
    message = refusal("1", name=name)
    assert message == f"a.csv: line 1: the name of column 2 holds {kind}; is there a header?"


def test_every_column_is_looked_at_even_where_two_have_one_name():
    table = pd.DataFrame([["a", "b", VALID]], columns=["x", "y", "y"], index=pd.Index([7], name="row"), dtype="str")
    with pytest.raises(InputError, match="line 7: column 'y' holds an NHS number"):
        refuse_identifiers(table, "a.csv")
