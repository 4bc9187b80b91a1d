"""An export as one frame of texts under the canonical names, whichever way the service writes it.

Wide or long, in one file or two: what comes out has the same form, so that cleaning need not know. Nothing is judged
here but the contacts of a long export, since only they tell which score is whose.
"""

import re
from typing import NamedTuple

import pandas as pd

from durability_utils.cohort.cells import as_code, as_date, as_number, limits_of
from durability_utils.cohort.contacts import SCORES, measure_names, place, sessions
from durability_utils.cohort.exports import check_header, read_export
from durability_utils.study.column_maps import CONTACT_COLUMNS, Column, ColumnMap, normalise, read_column_map
from durability_utils.study.columns import FOLLOW_UPS, dictionary, from_contacts
from durability_utils.study.errors import InputError
from durability_utils.study.measures import Measure
from durability_utils.study.study_file import Study


class Raw(NamedTuple):
    """One service's export, before cleaning.

    text: one row a row of the export (index: its line), the canonical columns as the service wrote them, missing as an
    empty text. columns: how they are read. contact_text: of a long export the same for its contacts (the names of
    CONTACT_COLUMNS); without a row of a wide one. contacts: one row a contact, typed, with `gives` (the canonical
    column whose score it is), `days` since discharge where used, `reason` and `column` where refused, and
    `after_discharge`. unused, absent, unmatched: as in `Cleaned`.
    """

    text: pd.DataFrame
    columns: ColumnMap
    contact_text: pd.DataFrame
    contacts: pd.DataFrame
    unused: list[str]
    absent: list[str]
    unmatched: list[str]


def read_raw(study: Study, service: str) -> Raw:
    """Read the export of one service of a study. Raises InputError where it cannot be used."""
    entry = study.services[service]
    columns = read_column_map(entry.columns)
    required = dictionary()["required"]
    wanted = ["yes", "window"] if study.discharged or columns.contacts else ["yes"]
    required = list(required.index[required.isin(wanted)])
    if columns.contacts is None:
        if entry.contacts:
            raise InputError(f"{entry.columns.name}: the key 'contacts' is missing; expected how "
                             f"{entry.contacts.name}, which {study.path.name} names, is read")
        return _raw(read_export(entry.file, columns, required), None, columns, study)
    if study.follow_up_windows is None:
        raise InputError(f"{study.path.name}: the key 'follow_up_windows' is missing; expected "
                         "{6m: [91, 273], 12m: [274, 456]} (days after discharge) for a long export")
    export = read_export(entry.file, columns, [name for name in required if name not in from_contacts()])
    required = [name for name, (_, required) in CONTACT_COLUMNS.items() if required]
    if entry.contacts:
        return _raw(export, read_export(entry.contacts, columns.contacts, required), columns, study)
    if columns.contacts.file != columns.file:
        raise InputError(f"{entry.columns.name}: contacts: file: expected only where {study.path.name} names a second "
                         f"file behind `contacts:` of service {service}")
    check_header(entry.file, list(export.columns), columns.contacts, required)
    found = _positions(export)
    positions = [found[column.source.casefold()] for column in columns.columns.values()
                 if column.source and column.source.casefold() in found]
    # what is said of a patient stands in each contact's row: one row for each different thing said
    return _raw(export[~export.iloc[:, positions].duplicated()], export, columns, study)


def _raw(export: pd.DataFrame, contacts: pd.DataFrame | None, columns: ColumnMap, study: Study) -> Raw:
    found = _positions(export)
    text = _canonical_text(export, columns, dictionary().index)
    contact_text = placed = pd.DataFrame()
    maps, there = [columns], list(export.columns)
    if contacts is not None:
        told = {name for name in ("adsm", "sessions") if _is_there(columns, name, found)}
        contact_text = _canonical_text(contacts, columns.contacts, CONTACT_COLUMNS)
        placed = _join_contacts(text, contact_text, columns, told, study)
        maps, there = [columns, columns.contacts], list(dict.fromkeys([*there, *contacts.columns]))
    absent = [name for name in dictionary().index
              if not _is_there(columns, name, found) and (contacts is None or (text[name] == "").all())]
    named = [column.source for each in maps for column in each.columns.values() if column.source]
    unused = [name for name in there if name.casefold() not in {source.casefold() for source in named}]
    # canonical columns may be absent; a name that somebody wrote into a map and that is not there may be misspelt
    in_file = {name.casefold() for name in there}
    unmatched = [] if columns == read_column_map(None) else [name for name in named if name.casefold() not in in_file]
    return Raw(text, columns, contact_text, placed, unused, absent, unmatched)


def _positions(table: pd.DataFrame) -> dict[str, int]:
    return {name.casefold(): position for position, name in enumerate(table.columns)}


def _is_there(columns: ColumnMap, name: str, found: dict[str, int]) -> bool:
    column = columns.columns.get(name)
    return column is not None and (column.source is None or column.source.casefold() in found)


def _canonical_text(export: pd.DataFrame, columns: ColumnMap, names) -> pd.DataFrame:
    """The export's cells under the canonical names, still as the service wrote them; missing is an empty text."""
    found, texts = _positions(export), {}
    for name in names:
        column = columns.columns.get(name, Column())
        if not _is_there(columns, name, found) or column.source is None:
            texts[name] = pd.Series(column.constant if column.source is None else "", export.index, dtype="str")
            continue
        cells = export.iloc[:, found[column.source.casefold()]]
        declared = {*dictionary()["missing_codes"].get(name, "").split("|")}  # as 9 for *not applicable*
        no_code = column.missing | {code for code, meaning in column.codes if meaning == ""} | declared - {"blank", ""}
        no_value = {cell for cell in cells.unique() if normalise(cell) in no_code} if no_code else set()
        if name == "patient_id":  # ids are text: with 99 for missing, 0099 is still somebody
            no_value = {cell for cell in no_value if not re.match("0[0-9]", cell)}
        texts[name] = cells.mask(cells.isin(no_value), "")
    return pd.DataFrame(texts, index=export.index)


def _join_contacts(text: pd.DataFrame, contact_text: pd.DataFrame, columns: ColumnMap, told: set[str],
                   study: Study) -> pd.DataFrame:
    """Where each contact's score belongs; scores and what else contacts tell are written into `text`, in place.

    `told`: what the patients' own columns say of `adsm` and `sessions`, so that no contact is asked.
    """
    about = text[text["patient_id"] != ""].drop_duplicates("patient_id")
    date, reason = as_date(about["discharge_date"], columns.columns["discharge_date"])
    known = {"discharge_date": date.mask(reason.notna())}
    if "adsm" in told:
        known["adsm"] = as_code(about["adsm"], columns.columns["adsm"], study.rules.adsms)[0]
    patients = pd.DataFrame(known).set_axis(pd.Index(about["patient_id"]), axis="index")
    contacts = _read_contacts(contact_text, columns.contacts, patients, study.rules.measures)
    placed = place(contacts, patients, study.rules.measures, study.follow_up_windows)
    derived = {}
    for name in SCORES:
        lines = placed.score.index[placed.score == name]
        derived[name] = contact_text.loc[lines].set_index("patient_id")["score"]
    for time in FOLLOW_UPS:
        answers = contacts[placed.score.isin([name for name in SCORES if name.endswith(f"_{time}")])]
        derived[f"followup_{time}_date"] = answers.groupby("patient_id")["date"].min().dt.strftime("%Y-%m-%d")
    if "adsm" not in told:
        derived["adsm"] = placed.adsm.dropna()
    if "sessions" not in told and (contact_text["attended"] != "").any():
        derived["sessions"] = sessions(contacts, patients).dropna().astype("str")
    for name, texts in derived.items():
        text[name] = text["patient_id"].map(texts).astype("str").fillna("")
    days = (contacts["date"] - patients["discharge_date"].reindex(contacts["patient_id"]).to_numpy()).dt.days
    return contacts.assign(gives=placed.score, days=placed.days, reason=placed.reason,
                           after_discharge=(days > 0).astype("boolean").mask(days.isna()))


def _read_contacts(text, columns: ColumnMap, patients: pd.DataFrame, measures: dict[str, Measure]) -> pd.DataFrame:
    """Typed contacts, with `reason` and `column` of the first thing for which reading refuses one."""
    attended, bad_attendance = as_code(text["attended"], columns.columns.get("attended", Column()), ["yes", "no"])
    measure = measure_names(text["measure"], columns.columns["measure"], measures)
    date, bad_date = as_date(text["date"], columns.columns["date"])
    score, bad_score = as_number(text["score"], *limits_of(measure, measures))
    rules = (
        ("patient_id", "no_patient_id", text["patient_id"] == ""),
        ("patient_id", "no_such_patient", ~text["patient_id"].isin(patients.index)),
        ("attended", "unknown_code", bad_attendance.notna() & (text["attended"] != "")),
        ("attended", "not_attended", attended == "no"),
        ("measure", "no_measure", text["measure"] == ""),
        ("measure", "unknown_code", measure.isna()),
        ("score", "no_score", text["score"] == ""),
        ("date", "no_date", text["date"] == ""),
        ("date", "impossible_date", bad_date.notna()),
        ("score", "not_a_whole_number", bad_score == "not_a_whole_number"),
        ("score", "out_of_range", bad_score == "out_of_range"),
    )
    reason, column = (pd.Series(None, text.index, dtype="str") for _ in range(2))
    for name, rule, holds in rules:
        first = holds.fillna(False).astype(bool) & reason.isna()
        reason, column = reason.mask(first, rule), column.mask(first, name)
    return pd.DataFrame({"patient_id": text["patient_id"], "date": date, "measure": measure, "score": score,
                         "attended": attended, "reason": reason, "column": column})
