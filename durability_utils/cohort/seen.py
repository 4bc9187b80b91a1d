"""What the looks for odd things see of one service, and what each of them says that it found."""

from typing import NamedTuple

import pandas as pd

from durability_utils.cohort.cleaning import Cleaned
from durability_utils.cohort.exports import LINES_A_FILE
from durability_utils.cohort.raw import Raw
from durability_utils.study.columns import TIMES, items_of, totals
from durability_utils.study.measures import Measure
from durability_utils.study.study_file import Study

# below this a share or a distribution says little: 30 scores of which all are below 7 do not happen by chance
MANY = 30
# fewer than three alike can be chance
FEW = 3
UNREADABLE = ("out_of_range", "not_a_whole_number", "unknown_code", "impossible_date")
CONTACT = "the contacts' "


class Found(NamedTuple):
    """A finding of study/findings.py: canonical columns, rows of the export (or how many), of how many judged.

    `level` takes the place of the finding's own, where it is given; `more` is a sentence after what it means.
    """

    name: str
    column: str
    rows: pd.Index | int
    of: int
    level: str = ""
    more: str = ""


class Seen(NamedTuple):
    """One service after cleaning. `cohort` has the export's rows as index; `filled`: which cells of `raw.text` are not
    blank; `unread`: by column the values of the cohort's patients that could not be read, by row; `today`: the day."""

    study: Study
    raw: Raw
    cohort: pd.DataFrame
    rejected: pd.DataFrame
    filled: pd.DataFrame
    unread: dict[str, pd.DataFrame]
    today: pd.Timestamp

    def numbers(self, column: str) -> pd.Series:
        """The numbers of a column by row, those above or below its range included."""
        read = self.cohort[column].dropna().astype("float64")
        if column not in self.unread:
            return read
        return pd.concat([read, _as_numbers(self.unread[column])])

    def scores(self, measure: Measure, time: str) -> pd.Series:
        return self.numbers(f"{measure.columns}_{time}")

    def by_time(self) -> list[dict[str, tuple[str, pd.Series]]]:
        """For each time, of a long export for all contacts together: column and scores of each measure, by its name.

        Scores beyond the measure's range are there as well.
        """
        measures = self.study.rules.pair
        if self.raw.columns.contacts is None:
            return [{measure.name: (f"{measure.columns}_{time}", self.scores(measure, time)) for measure in measures}
                    for time in TIMES]
        contacts = self.raw.contacts
        beyond = self.rejected[(self.rejected["refused"] == "contact") & (self.rejected["reason"] == "out_of_range")]
        beyond = _as_numbers(beyond.set_index("row"))
        scores = pd.concat([contacts["score"].dropna().astype("float64"), beyond])
        names = contacts["measure"].reindex(scores.index)
        return [{measure.name: (f"{CONTACT}score, {measure.name}", scores[(names == measure.name).to_numpy(bool)])
                 for measure in measures}]

    def itemised(self) -> list[str]:
        """The totals of which some item is there."""
        return [total for time in TIMES for total in totals(time)
                if any(self.filled[item].any() for item in items_of(total))]


def _as_numbers(rows: pd.DataFrame) -> pd.Series:
    return pd.to_numeric(rows.loc[rows["reason"] == "out_of_range", "value"], errors="coerce").dropna()


def by_place(cleaned: Cleaned) -> pd.DataFrame:
    """What was refused, with the places of rows instead of their lines, which several files have in common."""
    number = cleaned.rejected["file"].map({name: number for number, name in enumerate(cleaned.raw.files)})
    return cleaned.rejected.assign(row=number.astype("int64") * LINES_A_FILE + cleaned.rejected["row"])


def seen(study: Study, cleaned: Cleaned, today: pd.Timestamp) -> Seen:
    raw = cleaned.raw
    rejected = by_place(cleaned)
    out = rejected.loc[rejected["refused"] == "row", "row"]
    kept = raw.text.index[~raw.text.index.isin(out)]
    values = rejected[(rejected["refused"] == "value") & rejected["reason"].isin(UNREADABLE)]
    unread = {column: rows.set_index("row") for column, rows in values.groupby("column")}
    filled = pd.DataFrame({name: (raw.text[name] != "").to_numpy(bool) for name in raw.text}, raw.text.index)
    return Seen(study, raw, cleaned.cohort.set_axis(kept), rejected, filled, unread, today)


def rows_where(holds: pd.Series) -> pd.Index:
    return holds.index[holds.to_numpy(dtype=bool, na_value=False)]
