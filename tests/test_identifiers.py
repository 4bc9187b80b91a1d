"""Identifiers stop an export.

Oracle: docs/reference.md, section 3 (named by column and row, never by value) and modulus 11.

The numbers here are of the range 999 ..., which the NHS keeps for tests, or shown with their check sums.
"""

import pandas as pd
import pytest

from durability_utils.errors import InputError
from durability_utils.identifiers import refuse_identifiers

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


@pytest.mark.parametrize("cell", [
    VALID, "999 000 0085", "999-000-0085", "999  000  0085", "999\u00a0000\u00a00085", "999\u2013000\u20130085",
    "9990000085.0",  # as pandas writes a column of numbers with a blank in it
    "0000000000", "1111111111", "9999999999",  # placeholders; each passes the check
    "NHS no. 999 000 0085", "(9990000085)", "9990000085, see letter", "id:9990000085", "NHS-9990000085",
    "NHS9990000085", "999.000.0085", "x_9990000085",
    "known as 9990000085.", "999 000 0086 or 999 000 0085",
])
def test_an_nhs_number_is_refused_however_it_is_written(cell):
    message = refusal("none", cell, cell)
    assert message == ("a.csv: line 3: column 'notes' holds an NHS number; "
                       "use pseudonymous ids and leave identifiers out of the export")


@pytest.mark.parametrize("cell", [
    INVALID, "999 000 0086",                        # the check digit is wrong
    "999000008", "99900000850", "0 9990000085a",    # nine and eleven digits; glued to a letter
    "a9990000085", "9990000085f",                   # within a hash
    "0.9990000085", "2.9990000085", "999.0000085",  # decimal numbers
    "9990000085.5",
    "2016-06-01", "01/06/2016 10:00:00", "12", "", "yes", "-99", "0161 496 0000",
])
def test_what_is_no_nhs_number_stays(cell):
    assert refusal(cell) == ""


@pytest.mark.parametrize("cell", ["ann@example.org", "Ann.B@example.nhs.uk", "mail: ann@example.org", "<a@b.co>"])
def test_an_e_mail_address_is_refused(cell):
    message = refusal(cell)
    assert message.startswith("a.csv: line 2: column 'notes' holds an e-mail address")
    assert "@" not in message


@pytest.mark.parametrize("cell", ["@home", "a @ b", "x@y", "@", "3@10"])
def test_an_at_sign_alone_is_no_address(cell):
    assert refusal(cell) == ""


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
