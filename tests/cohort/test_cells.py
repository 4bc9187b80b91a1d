"""Single cells: numbers and dates in every way that a map may name. Oracles: docs/reference.md, a calendar, Excel."""

from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from durability_utils.cohort.cells import as_date, as_number, read_day
from durability_utils.study.column_maps import Column


def numbers(cells: list[str], **how) -> list[float | str]:
    """The value of each cell, or why it is refused."""
    how = {"minimum": 0, "maximum": 27, "decimal": False, **how}
    read, reason = as_number(pd.Series(cells, dtype="str"), **how)
    return [why if isinstance(why, str) else value for value, why in zip(read, reason, strict=True)]


class TestNumbers:
    WHOLE, RANGE = "not_a_whole_number", "out_of_range"

    def test_decimal_point(self):
        assert numbers(["12", "12.0", "12.00", "0", "27", "28", "-1", "12,0", "12,5", "12.5", "1e1", "", "12."]) == [
            12, 12, 12, 0, 27, self.RANGE, self.RANGE, *[self.WHOLE] * 6]
        assert numbers(["2.3", "2.25", "27.5"], decimal=True) == [2.3, 2.25, self.RANGE]

    def test_decimal_comma(self):
        assert numbers(["12", "12,0", "12,00", "28,0", "12,5", ",5", "12,", "1,2,3"], comma=True) == [
            12, 12, 12, self.RANGE, *[self.WHOLE] * 4]
        # what a spreadsheet holds as a number comes with a point, whatever the text cells beside it have
        assert numbers(["2,3", "2.3", "2,25", "-0,5"], comma=True, decimal=True) == [2.3, 2.3, 2.25, self.RANGE]
        # a thousand, or one? where the comma is decimal, a point may part the thousands
        assert numbers(["1.000", "1.000,5", "1.234.567", "12.000,0"], comma=True, decimal=True, maximum=np.inf) == [
            self.WHOLE] * 4


DAY = "2016-06-30"


class TestDates:
    @pytest.mark.parametrize("style", ["iso", "day_first", "excel_serial", "excel_serial_1904"])
    @pytest.mark.parametrize("text", [DAY, "2016-6-30", f"{DAY}T00:00:00", f"{DAY} 10:30", f"{DAY}T10:30:15.123"])
    def test_iso_is_read_in_every_style(self, text, style):
        assert read_day(text, style) == pd.Timestamp(DAY)

    @pytest.mark.parametrize(("text", "day"), [
        ("30/06/2016", DAY), ("30.06.2016", DAY), ("30-6-2016", DAY), ("30-Jun-2016", DAY), ("30/JUN/2016", DAY),
        ("30/06/16", DAY), ("30.06.16", DAY), ("30-Jun-16", DAY), ("30.06.16 10:30", DAY),
        # two digits are of this century, though Python's own reading changes over at 69
        ("01/02/00", "2000-02-01"), ("01/02/68", "2068-02-01"), ("01/02/69", "2069-02-01"), ("31/12/99", "2099-12-31"),
        ("29.02.16", "2016-02-29"), ("29.02.17", None), ("31/06/16", None), ("06/30/16", None), ("30/06/016", None),
        ("30/06/20166", None), ("30 06 2016", None), ("30/Juni/16", None), ("30/Xyz/16", None), ("20160630", None),
        ("42551", None), ("today", None), ("", None)])
    def test_day_first(self, text, day):
        read = read_day(text, "day_first")
        assert read == pd.Timestamp(day) if day else pd.isna(read)

    # Excel: =DATEVALUE("2016-06-30") is 42551, and with the 1904 date system 41089
    @pytest.mark.parametrize(("text", "style", "day"), [
        ("42551", "excel_serial", DAY), ("42551.75", "excel_serial", DAY), ("41089", "excel_serial_1904", DAY),
        ("41089.0", "excel_serial_1904", DAY), ("0", "excel_serial_1904", "1904-01-01"),
        ("61", "excel_serial", "1900-03-01"), ("42551", "iso", None), ("-5", "excel_serial", None),
        ("99999999", "excel_serial", None), ("9" * 400, "excel_serial", None), ("30/06/2016", "excel_serial", None)])
    def test_serial_numbers(self, text, style, day):
        read = read_day(text, style)
        assert read == pd.Timestamp(day) if day else pd.isna(read)

    # the UK changed to summer time on 27 March 2016 and back on 30 October, each at 01:00 UTC
    @pytest.mark.parametrize(("text", "day"), [
        ("2016-06-30T23:00:00Z", "2016-07-01"), ("2016-06-30T22:59:59Z", DAY), ("2016-06-30 23:00+00:00", "2016-07-01"),
        ("2016-06-30T23:30:00.000Z", "2016-07-01"), ("2016-07-01T00:00:00+01:00", "2016-07-01"),
        ("2016-07-01T00:30:00+02:00", DAY), ("2016-07-01T00:30:00+0200", DAY), ("2016-07-01T00:30:00+02", DAY),
        ("2016-06-30T19:00:00-04:00", "2016-07-01"), ("2016-01-31T23:30:00Z", "2016-01-31"),
        ("2016-03-26T23:30:00Z", "2016-03-26"), ("2016-03-27T23:00:00Z", "2016-03-28"),
        ("2016-10-29T23:00:00Z", "2016-10-30"), ("2016-10-30T23:30:00Z", "2016-10-30"),
        ("2016-06-30T24:00:00Z", None), ("2016-06-30T10:99:00Z", None), ("2016-06-31T10:00:00Z", None),
        ("30/06/2016 23:00Z", None)])
    def test_a_zone_is_turned_into_uk_time(self, text, day):
        read = read_day(text, "iso")
        assert read == pd.Timestamp(day) if day else pd.isna(read)

    def test_a_zone_in_another_style(self):
        assert read_day("30/06/16 23:00Z", "day_first") == pd.Timestamp("2016-07-01")

    def test_a_column_has_the_style_of_its_map_and_lists_what_is_no_day(self):
        read, reason = as_date(pd.Series(["30.06.16", "", "31.06.16", "1899-12-31", "2101-01-01"], dtype="str"),
                               Column(dates="day_first"))
        assert read[0] == datetime(2016, 6, 30) and read[1:].isna().all() and pd.isna(reason[0])
        assert list(reason[1:]) == ["impossible_date"] * 4  # the blank is not looked at by those who ask
