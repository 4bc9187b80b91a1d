"""Tables that are not one file with one row a patient: several files as one, events as rows, files joined by an id.

Texts in, texts out, under the export's own names. Every row is used or listed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from durability_utils.cohort.exports import LINES_A_FILE, read_export
from durability_utils.study.column_maps import ColumnMap, normalise

SHAPE_RULES = {
    "no_such_patient": "nobody with this id is among the patients",
    "no_patient_id": "the row has no id",
    "copy": "an exact copy of an earlier row; the first one stays",
    "conflicting_rows": "several rows of one patient that differ: all of them are out",
    "unknown_event": "an event for which the column map has no time",
}


class Source(NamedTuple):
    """Files of one kind as one table.

    table: texts under the export's names (index: place of the row). files: by number. lost: rows that are not in the
    table, as `place, column, value, reason`. read: how many rows the files have.
    """

    table: pd.DataFrame
    files: tuple[str, ...]
    lost: pd.DataFrame
    read: int


def read_files(paths: Sequence[Path], columns: ColumnMap, required: Sequence[str], first: int) -> Source:
    """Read files of one kind as one table; `first`: the number of the first. A column that one lacks is blank there."""
    tables = [read_export(path, columns, list(required)) for path in paths]
    names = {}  # letter case does not count; a name that stands there twice is two columns
    for number, table in enumerate(tables):
        keys = pd.MultiIndex.from_arrays([table.columns.str.casefold(), table.columns.to_series().groupby(
            table.columns.str.casefold()).cumcount()])
        names |= {key: name for key, name in zip(keys, table.columns, strict=True) if key not in names}
        tables[number] = table.set_axis(keys, axis="columns").set_axis(
            table.index + (first + number) * LINES_A_FILE, axis="index")
    table = pd.concat(tables).reindex(columns=list(names)).fillna("") if len(tables) > 1 else tables[0]
    table = table.set_axis([names[key] for key in table.columns], axis="columns").rename_axis("row")
    return Source(table, tuple(path.name for path in paths), no_rows(), len(table))


def no_rows() -> pd.DataFrame:
    """Nothing lost."""
    return pd.DataFrame({"place": pd.Series(dtype="int64"), **dict.fromkeys(
        ("column", "value", "reason"), pd.Series(dtype="str"))})


def lost(table: pd.DataFrame, holds: pd.Series, column: str, reason: str) -> pd.DataFrame:
    """The rows for which `holds`, with their cell in `column`."""
    return pd.DataFrame({"place": table.index[holds], "column": column, "value": table.loc[holds, column].to_numpy(),
                         "reason": reason})


def one_row_a_patient(source: Source, columns: ColumnMap) -> Source:
    """Of a table with one row a patient and event the values of each event side by side: `total at 6m`.

    What stands in no event's columns may stand in any row of the patient. Rows that contradict each other there, or
    two of the same event, give several rows of the patient, for cleaning to refuse.
    """
    table, events = source.table.rename(columns=str.casefold), columns.events
    event = events.column.casefold()
    lines = [line for line in columns.columns.values() if line.source and line.source.casefold() in table]
    keys = [columns.columns[key].source.casefold() for key in ("patient_id", "referral_id")
            if key in columns.columns and columns.columns[key].source.casefold() in table]
    time = table[event].map({text: events.times.get(normalise(text), "") for text in table[event].unique()})
    copies = table.duplicated() & (table[keys[0]] != "")
    gone = [lost(table, time == "", event, "unknown_event"), lost(table, (time != "") & copies, keys[0], "copy")]
    table, time = table[(time != "") & ~copies], time[(time != "") & ~copies]
    # without an id each row is somebody of its own
    ids = table[keys[0]].mask(table[keys[0]] == "", table.index.astype("str") + " without")
    who = pd.MultiIndex.from_arrays([ids, *(table[key] for key in keys[1:])]).factorize()[0]
    again = table.groupby([who, time.to_numpy()]).cumcount()
    said = [*dict.fromkeys(line.source.casefold() for line in lines if line.where == line.source)]
    of_patient = table[said].replace("", None).groupby(who).transform("bfill")
    of_patient = of_patient.groupby(who).ffill().fillna("").assign(again=again)
    of_patient.insert(0, "who", who)
    rows = of_patient.drop_duplicates()
    asked = pd.MultiIndex.from_frame(rows[["who", "again"]])
    told = {}
    for line in lines:
        if line.where != line.source:
            at = time == line.time
            values = pd.Series(table.loc[at, line.source.casefold()].to_numpy(), pd.MultiIndex.from_frame(
                of_patient.loc[at, ["who", "again"]]))
            told[line.where] = values.reindex(asked).fillna("").to_numpy()
    wide = rows[said].assign(**told)
    return Source(wide, source.files, pd.concat(gone), source.read)
