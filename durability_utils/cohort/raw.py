"""An export as one frame of texts under the canonical names, whichever way the service writes it.

Wide or long, in one file or several: what comes out has the same form, one row a referral, so that cleaning need not
know. Nothing is judged here but the contacts of a long export, since only they tell which score is whose, and what a
row's shape alone shows to be nobody's.
"""

import re
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from durability_utils.cohort.cells import as_code, as_date, as_number, limits_of
from durability_utils.cohort.contacts import SCORES, measure_names, place, sessions, summed
from durability_utils.cohort.exports import LINES_A_FILE, check_header
from durability_utils.cohort.referrals import next_referral, referral_of
from durability_utils.cohort.shapes import Source, lost, no_rows, one_row_a_patient, read_files
from durability_utils.cohort.tables import read_tables
from durability_utils.cohort.workbooks import cell_text
from durability_utils.study.column_maps import (
    APPOINTMENTS,
    CONTACT_COLUMNS,
    Column,
    ColumnMap,
    normalise,
    read_column_map,
)
from durability_utils.study.columns import FOLLOW_UPS, KEYS, columns_with, dictionary
from durability_utils.study.errors import InputError
from durability_utils.study.measures import Measure
from durability_utils.study.study_file import Study

# what stands where an id does in a row of totals, or in a note below a table
_TOTALS = re.compile(r"(?:grand |sub-?)?(?:totals?|sums?|means?|averages?|medians?|counts?|std\.? ?dev\.?|s\.?d\.?|n|"
                     r"min(?:imum)?|max(?:imum)?)(?: of .*| \(.*\))?\s*[:=]?\s*[0-9.,%]*", re.I)


class Raw(NamedTuple):
    """One service's export, before cleaning.

    text: one row a row of the export (index: its place), the canonical columns as the service wrote them, missing as an
    empty text. referral: for each of them the number of its referral. columns: how they are read. places: for columns
    that stand in a file of their own the place of each row there. not_patients: rows of totals, and notes. lost: rows
    of the export that give none, as `place, column, value, reason, refused`. read: how many rows of each kind the files
    have. files: their names by number. contact_text: of a long export the same as `text` for its contacts (the names of
    CONTACT_COLUMNS). contacts: one row a contact, typed, with `referral` (its number, or -1), `gives` (the canonical
    column whose score it is), `days` since discharge where used, `reason` and `column` where refused, `part` (an answer
    of a score) and `after_discharge`; without a row of a wide export. unused, absent, unmatched: as in `Cleaned`.
    """

    text: pd.DataFrame
    referral: pd.Series
    columns: ColumnMap
    places: dict[str, pd.Series]
    not_patients: pd.Index
    lost: pd.DataFrame
    read: dict[str, int]
    files: tuple[str, ...]
    contact_text: pd.DataFrame
    contacts: pd.DataFrame
    unused: list[str]
    absent: list[str]
    unmatched: list[str]


def read_raw(study: Study, service: str) -> Raw:
    """Read the export of one service of a study. Raises InputError where it cannot be used."""
    entry = study.services[service]
    columns = read_column_map(entry.columns)
    _check_files(study, service, columns)
    needed = dictionary()["required"].isin(["yes", "window"] if study.discharged or columns.contacts else ["yes"])
    told = {name for part in columns.joined.values() for name in part.columns}
    needed = [name for name in dictionary().index[needed] if name not in told and not (
        columns.contacts and name in columns_with(unit="points"))]
    of_contacts = [name for name, (_, required) in CONTACT_COLUMNS.items() if required]
    if columns.file.tables:
        source, contacts = _of_tables(entry.file[0])
        check_header(entry.file[0], list(source.table.columns), columns, needed)
        check_header(entry.file[0], list(contacts.table.columns), columns.contacts, of_contacts)
    else:
        source, contacts = read_files(entry.file, columns, needed, 0), None
    sources = [source]
    if entry.contacts:
        contacts = read_files(entry.contacts, columns.contacts, of_contacts, len(entry.file))
        sources.append(contacts)
    elif columns.contacts and contacts is None:
        check_header(entry.file[0], list(source.table.columns), columns.contacts, of_contacts)
        contacts, source = source, source._replace(table=_what_is_said(source.table, columns))
    joined = {}
    for name, paths in entry.joined.items():
        required = [key for key in KEYS if key in columns.joined[name].columns]
        joined[name] = read_files(paths, columns.joined[name], required, sum(len(other.files) for other in sources))
        sources.append(joined[name])
    return _raw(source, contacts, joined, columns, study, tuple(name for each in sources for name in each.files))


def _of_tables(folder: Path) -> tuple[Source, Source]:
    """The patients and the contacts of a folder of tables."""
    tables = read_tables(folder)
    refused = {kind: rows.drop(columns="refused") for kind, rows in tables.refused.groupby("refused")}
    rows, contacts = (refused.get(kind, no_rows()) for kind in ("row", "contact"))
    return (Source(tables.patients, tuple(tables.files), rows, len(tables.patients) + len(rows)),
            Source(tables.contacts, (), contacts, len(tables.contacts) + len(contacts)))


def _check_files(study: Study, service: str, columns: ColumnMap) -> None:
    """Study file and column map speak of the same files."""
    entry, path = study.services[service], study.path.name
    if columns.contacts is None and entry.contacts:
        raise InputError(f"{entry.columns.name}: the key 'contacts' is missing; expected how {entry.contacts[0].name}, "
                         f"which {path} names, is read")
    if columns.contacts and study.follow_up_windows is None:
        raise InputError(f"{path}: the key 'follow_up_windows' is missing; expected {{6m: [91, 273], 12m: [274, 456]}} "
                         "(days after discharge) for a long export")
    if columns.file.tables and not (columns.contacts and len(entry.file) == 1):
        raise InputError(f"{entry.columns.name}: file: tables: expected `contacts:` with it, and in {path} one folder "
                         f"behind `file:` of service {service}")
    if columns.contacts and not entry.contacts and columns.contacts.file != columns.file:
        raise InputError(f"{entry.columns.name}: contacts: file: expected only where {path} names a second file behind "
                         f"`contacts:` of service {service}")
    if lacking := entry.joined.keys() ^ columns.joined.keys():
        name = min(lacking)
        where, other = (path, entry.columns.name) if name in columns.joined else (entry.columns.name, path)
        raise InputError(f"{where}: joined: {name} is missing, which {other} names; expected it in both")


def _what_is_said(export: pd.DataFrame, columns: ColumnMap) -> pd.DataFrame:
    """What is said of a patient stands in each contact's row: one row for each different thing said."""
    found = _positions(export)
    positions = [found[column.source.casefold()] for column in columns.columns.values()
                 if column.source and column.source.casefold() in found]
    return export[~export.iloc[:, positions].duplicated()]


def _raw(source: Source, contacts: Source | None, joined: dict[str, Source], columns: ColumnMap, study: Study,
         files: tuple[str, ...]) -> Raw:
    maps = [columns, *(columns.joined[name] for name in joined), *([columns.contacts] if contacts else [])]
    tables = [source.table, *(each.table for each in joined.values()), *([contacts.table] if contacts else [])]
    there = list(dict.fromkeys(name for table in tables for name in table))
    named = [column.source for each in maps for column in each.columns.values() if column.source]
    read = {"events": source.read} if columns.events else {}
    source = one_row_a_patient(source, columns) if columns.events else source
    text = _canonical_text(source.table, columns, dictionary().index)
    not_patients = _not_patients(source.table, text["patient_id"], files)
    told = {name for name in dictionary().index if _is_there(columns, name, _positions(source.table))}
    gone, places = [source.lost.assign(refused="event" if columns.events else "row")], {}
    for name, each in joined.items():
        section = columns.joined[name]
        read[f"joined_{name}"] = each.read
        each = one_row_a_patient(each, section) if section.events else each
        own, rows, refused = _join(text, each, section)
        _keep_answers_of_referral(text, columns, own)
        places |= dict.fromkeys(own, rows)
        gone.append(pd.concat([each.lost, refused]).assign(refused="joined"))
        told |= {column for column in own if _is_there(section, column, _positions(each.table))}
    referral = text[text["patient_id"] != ""].groupby(KEYS, sort=False).ngroup().reindex(text.index, fill_value=-1)
    _tell_re_referrals(text, columns)
    contact_text = placed = pd.DataFrame()
    if contacts is not None:
        contact_text = _canonical_text(contacts.table, columns.contacts, CONTACT_COLUMNS)
        placed = _join_contacts(text, referral, contact_text, columns, told, study)
        read["contacts"] = contacts.read
        gone.append(contacts.lost.assign(refused="contact"))
    absent = [name for name in dictionary().index if name not in told and (text[name] == "").all()]
    events = [each.events.column for each in (columns, *columns.joined.values()) if each.events]
    unused = [name for name in there if name.casefold() not in {each.casefold() for each in (*named, *events)}]
    # canonical columns may be absent; a name that somebody wrote into a map and that is not there may be misspelt
    in_file = {name.casefold() for name in there}
    unmatched = [] if columns == read_column_map(None) else [name for name in named if name.casefold() not in in_file]
    return Raw(text, referral, columns, places, not_patients, pd.concat(gone, ignore_index=True), read, files,
               contact_text, placed, unused, absent, unmatched)


def _positions(table: pd.DataFrame) -> dict[str, int]:
    return {name.casefold(): position for position, name in enumerate(table.columns)}


def _is_there(columns: ColumnMap, name: str, found: dict[str, int]) -> bool:
    column = columns.columns.get(name)
    return column is not None and (column.where is None or column.where.casefold() in found)


def _canonical_text(export: pd.DataFrame, columns: ColumnMap, names) -> pd.DataFrame:
    """The export's cells under the canonical names, still as the service wrote them; missing is an empty text."""
    found, texts = _positions(export), {}
    for name in names:
        column = columns.columns.get(name, Column())
        if not _is_there(columns, name, found) or column.source is None:
            texts[name] = pd.Series(column.constant if column.source is None else "", export.index, dtype="str")
            continue
        cells = export.iloc[:, found[column.where.casefold()]]
        declared = {*dictionary()["missing_codes"].get(name, "").split("|")}  # as 9 for *not applicable*
        no_code = column.missing | {code for code, meaning in column.codes if meaning == ""} | declared - {"blank", ""}
        no_value = {cell for cell in cells.unique() if normalise(cell) in no_code} if no_code else set()
        if name in KEYS:  # ids are text: with 99 for missing, 0099 is still somebody
            no_value = {cell for cell in no_value if not re.match("0[0-9]", cell)}
        texts[name] = cells.mask(cells.isin(no_value), "")
    return pd.DataFrame(texts, index=export.index)


def _not_patients(export: pd.DataFrame, ids: pd.Series, files: tuple[str, ...]) -> pd.Index:
    """Rows of totals or means, notes, and the header once more: told by the word in the place of an id, or since one
    cell stands alone, or by the columns' own names."""
    header = [name.casefold() for name in export.columns]
    cells = export[ids.str.casefold().isin(header)].map(str.casefold)
    again = cells.index[cells.isin(header).sum(axis=1) >= min(3, len(header))]
    for row in again[((cells != header) & (cells != "")).loc[again].any(axis=1)]:
        number, line = divmod(row, LINES_A_FILE)
        raise InputError(f"{files[number]}: line {line}: a header whose columns stand in another order than those of "
                         "line 1; expected one table in a file")
    label = ids.mask(ids == "", export.iloc[:, 0])
    totals = {text for text in label.unique() if _TOTALS.fullmatch(text)}
    sentence = label.str.contains(r"\S\s+\S") & ((export != "").sum(axis=1) == 1) & (export.shape[1] > 3)
    return export.index[label.isin(totals) | sentence | export.index.isin(again)]


def _join(text: pd.DataFrame, source: Source, section: ColumnMap) -> tuple[list[str], pd.Series, pd.DataFrame]:
    """Write what a joined file tells into `text`, in place, by the referral's id or else the patient's.

    The columns that it tells, the place of each row's answer (missing: it has none), and the rows that are not used.
    """
    joined = _canonical_text(source.table, section, dictionary().index)
    key = KEYS[1] if KEYS[1] in section.columns else KEYS[0]
    own, ids = [column for column in section.columns if column not in KEYS], joined[key]
    copies = joined.duplicated([key, *own]) & (ids != "")
    differ = ~copies & ids.isin(ids[~copies][ids[~copies].duplicated(keep=False)])
    rules = {"no_patient_id": ids == "", "no_such_patient": ~ids.isin(text[key]), "conflicting_rows": differ,
             "copy": copies}
    refused, left = [no_rows()], pd.Series(True, joined.index)
    for reason, holds in rules.items():
        refused.append(lost(joined, holds & left, key, reason))
        left &= ~holds
    rows = pd.Series(joined.index[left], ids[left], dtype="Int64").reindex(text[key]).set_axis(text.index)
    text[own] = joined[own].reindex(rows.to_list()).fillna("").to_numpy()
    return own, rows, pd.concat(refused)


def _keep_answers_of_referral(text: pd.DataFrame, columns: ColumnMap, own: list[str]) -> None:
    """Of a patient's several referrals an answer joined by the patient's id is that of the last one discharged before
    it, or where its day is not known of the first; in place."""
    whose = text["patient_id"]
    if not (whose[whose != ""].duplicated() & (text["referral_id"] != "")).any():
        return
    discharged, _ = as_date(text["discharge_date"], columns.everywhere.get("discharge_date", Column()))
    for time in FOLLOW_UPS:
        day, _ = as_date(text[f"followup_{time}_date"], columns.everywhere.get(f"followup_{time}_date", Column()))
        order = discharged.where(discharged <= day.fillna(discharged.groupby(whose).transform("min")))
        elsewhere = (whose != "") & (order != order.groupby(whose).transform("max"))
        for name in set(own) & {*columns_with(time=time, consent="contact")}:
            text[name] = text[name].mask(elsewhere, "")


def _tell_re_referrals(text: pd.DataFrame, columns: ColumnMap) -> None:
    """Where the export does not tell the day of the next referral, another row of the patient may; in place."""
    if not text["referral_date"].any():
        return
    days = {name: as_date(text[name], columns.everywhere.get(name, Column()))[0]
            for name in ("referral_date", "discharge_date")}
    found = next_referral(text[["patient_id"]].assign(**days)[text["patient_id"] != ""])
    told = found.dt.strftime("%Y-%m-%d").reindex(text.index).fillna("")
    text["re_referred_date"] = text["re_referred_date"].mask(text["re_referred_date"] == "", told)


def _join_contacts(text: pd.DataFrame, referral: pd.Series, contact_text: pd.DataFrame, columns: ColumnMap,
                   told: set[str], study: Study) -> pd.DataFrame:
    """Where each contact's score belongs; scores and what else contacts tell are written into `text`, in place.

    `told`: the columns that the patients' own files hold. Of scores and days contacts then tell what is blank there,
    of the ADSM and of sessions nothing.
    """
    about = text[text["patient_id"] != ""].drop_duplicates(KEYS)
    days = {}
    for name in ("discharge_date", "referral_date", "re_referred_date"):
        day, reason = as_date(about[name], columns.everywhere.get(name, Column()))
        days[name] = day.mask(reason.notna())
    referrals = about[KEYS].assign(**days)
    told_adsms = []  # as the export writes what may be one of several measures
    if "adsm" in told:
        codes = columns.everywhere["adsm"]
        several = [meaning for _, meaning in codes.codes if "|" in meaning]
        referrals["adsm"] = as_code(about["adsm"], codes, [*study.rules.adsms, *several])[0]
        told_adsms = about["adsm"][referrals["adsm"].isin(several)].unique()
    contacts = _read_contacts(contact_text, columns.contacts, referrals, study.rules.measures)
    later = _begun_later(contacts, contact_text, referrals)
    referrals["re_referred_date"] = referrals["re_referred_date"].fillna(later)

    def of_contact(values: pd.Series) -> pd.Series:
        return values.reset_index(drop=True).reindex(contacts["referral"]).set_axis(contacts.index)

    if not study.follow_ups_after_re_referral:
        after = (contacts["date"] >= of_contact(referrals["re_referred_date"])) & contacts["reason"].isna()
        contacts = contacts.assign(reason=contacts["reason"].mask(after, "after_re_referral"),
                                   column=contacts["column"].mask(after, "date"))
    contacts, head = summed(contacts, study.rules.measures)
    part = pd.Series(head.index != head, head.index).reindex(contacts.index, fill_value=False)
    appointment = contacts["measure"].isna() & contacts["reason"].isna()
    placed = place(contacts[~part & ~appointment], referrals, study.rules.measures, study.follow_up_windows)
    # an answer to one question goes where the score goes
    to = pd.Series(contacts.index, contacts.index).where(~part, head.reindex(contacts.index))
    gives, days, reason = (found.reindex(to).set_axis(contacts.index) for found in placed[:3])
    reason = reason.fillna(contacts["reason"])
    by_referral = text[referral >= 0].set_axis(referral[referral >= 0]).loc[lambda rows: ~rows.index.duplicated()]
    for name in SCORES:  # what the patients' own columns hold stands
        held = (gives == name) & of_contact(by_referral[name] != "").fillna(False).astype(bool)
        reason, gives = reason.mask(held & days.isna(), "told_by_patient"), gives.mask(held)
    derived = {}
    of_row = contacts["referral"]
    for name in SCORES:
        lines = gives.index[(gives == name) & ~part]
        derived[name] = contacts.loc[lines, "score"].map(cell_text).astype("str").set_axis(of_row[lines])
    for time in FOLLOW_UPS:
        answers = gives.isin([name for name in SCORES if name.endswith(f"_{time}")])
        first = contacts[answers].groupby(of_row[answers])["date"].min()
        derived[f"followup_{time}_date"] = first.dt.strftime("%Y-%m-%d")
    derived["adsm"] = placed.adsm.reset_index(drop=True).dropna()
    derived["re_referred_date"] = referrals["re_referred_date"].dt.strftime("%Y-%m-%d").reset_index(drop=True).dropna()
    if (contact_text[["attended", "appointment"]] != "").any(axis=None):
        derived["sessions"] = sessions(contacts, referrals, columns.contacts.sessions).reset_index(
            drop=True).dropna().astype("str")
    for name, texts in derived.items():
        if name == "sessions" and name in told:
            continue
        found = pd.Series(texts.astype("str").reindex(referral).fillna("").to_numpy(), text.index)
        # of what may be several measures the one that was chosen
        asked = text["adsm"].isin(told_adsms) if name == "adsm" else text[name] == ""
        text[name] = text[name].mask(asked | (name not in told), found)
    since = (contacts["date"] - of_contact(referrals["discharge_date"])).dt.days
    return contacts.assign(gives=gives, days=days, reason=reason, part=part,
                           after_discharge=(since > 0).astype("boolean").mask(since.isna()))


def _begun_later(contacts: pd.DataFrame, contact_text: pd.DataFrame, referrals: pd.DataFrame) -> pd.Series:
    """The day on which another referral of the patient, which no row tells of, began: that of its first contact."""
    other = contacts[contacts["reason"].isin(["other_referral", "no_such_referral"]) & contacts["date"].notna()]
    ids = contact_text.loc[other.index, KEYS]
    began = ids.assign(referral_date=other["date"]).groupby(KEYS, as_index=False)["referral_date"].min()
    both = pd.concat([referrals[["patient_id", "discharge_date"]], began[["patient_id", "referral_date"]]])
    return next_referral(both.reset_index(drop=True)).iloc[:len(referrals)].set_axis(referrals.index)


def _read_contacts(text, columns: ColumnMap, referrals: pd.DataFrame, measures: dict[str, Measure]) -> pd.DataFrame:
    """Typed contacts, with `reason` and `column` of the first thing for which reading refuses one."""
    codes = {"attended": ["yes", "no"], "planned": ["yes", "no"], "appointment": [*APPOINTMENTS]}
    coded = {name: as_code(text[name], columns.columns.get(name, Column()), allowed) for name, allowed in codes.items()}
    unknown = {name: reason.notna() & (text[name] != "") for name, (_, reason) in coded.items()}
    coded = {name: values for name, (values, _) in coded.items()}
    named = measure_names(text["measure"], columns.columns["measure"], measures)
    number = text["item"].mask(text["item"] == "", named["item"])
    item, bad_item = as_number(number, 1, 99, False)
    date, bad_date = as_date(text["date"], columns.columns["date"])
    whole = number == ""
    least, most, decimal = limits_of(named["measure"], measures)
    for_items = {name: measure.item_range for name, measure in measures.items()}
    least, most = (limit.where(whole, named["measure"].map({name: at[end] for name, at in for_items.items()}))
                   for end, limit in ((0, least), (1, most)))
    score, bad_score = as_number(text["score"], least, most, decimal & whole,
                                 columns.columns["score"].decimal == "comma")
    known = referrals["patient_id"]
    told = pd.DataFrame({key: text[key] for key in KEYS}).assign(date=date)
    referral = referral_of(told, referrals)
    booked = (text[["attended", "appointment"]] != "").any(axis=1)
    appointment = (text["measure"] == "") & (text["score"] == "") & booked
    rules = (
        ("patient_id", "no_patient_id", text["patient_id"] == ""),
        ("patient_id", "no_such_patient", ~text["patient_id"].isin(known)),
        ("referral_id", "no_such_referral" if referrals["referral_id"].any() else "other_referral", referral < 0),
        *((name, "unknown_code", holds) for name, holds in unknown.items()),
        ("attended", "not_attended", (coded["attended"] == "no") & ~appointment),
        ("measure", "no_measure", (text["measure"] == "") & ~appointment),
        ("measure", "measure_not_used", named["measure"].isna() & named["known"] & ~appointment),
        ("measure", "unknown_code", named["measure"].isna() & ~appointment),
        ("score", "no_score", (text["score"] == "") & ~appointment),
        ("date", "no_date", text["date"] == ""),
        ("date", "impossible_date", bad_date.notna()),
        ("item", "not_a_whole_number", bad_item.notna() & ~whole),
        ("score", "not_a_whole_number", (bad_score == "not_a_whole_number") & ~appointment),
        ("score", "out_of_range", bad_score == "out_of_range"),
    )
    reason, column = (pd.Series(None, text.index, dtype="str") for _ in range(2))
    for name, rule, holds in rules:
        first = holds.fillna(False).astype(bool) & reason.isna()
        reason, column = reason.mask(first, rule), column.mask(first, name)
    return pd.DataFrame({"patient_id": text["patient_id"], "referral": referral, "contact_id": text["contact_id"],
                         "date": date, "measure": named["measure"].mask(appointment), "item": item.mask(whole),
                         "score": score, **coded, "reason": reason, "column": column})
