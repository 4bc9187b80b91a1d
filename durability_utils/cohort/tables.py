"""The tables of a Talking Therapies (IAPT) Data Set, version 2.1, in a folder, as two tables of text.

Which file is which table its columns tell, whatever the file's name, format and letter case; a table in several files,
as one a month, is all of them. Names of tables and columns are those of the data set as submitted; extracts that come
back have more columns, and other ids beside the local ones or instead of them.

Every submission repeats records of earlier ones, and only records of the same submission fit together for certain. But
a month's submission need not hold a contact of an earlier month; so the newest version of each record is chosen first,
table by table and by the record's key, and what was chosen is joined.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from durability_utils.cohort.cells import read_day
from durability_utils.cohort.exports import DELIMITED, LINES_A_FILE, read_as_text
from durability_utils.cohort.formats import file_format
from durability_utils.cohort.identifiers import refuse_identifiers
from durability_utils.study.column_maps import ColumnMap
from durability_utils.study.errors import InputError


class Tables(NamedTuple):
    """What a folder of tables holds. The index of both tables is the row's `place`: see LINES_A_FILE.

    patients: the newest version of each row of IDS101, all its columns (derived ones as they are), then those columns
    of IDS001 that identify nobody, and `AgeAtReferral`. contacts: columns CONTACT_COLUMNS; a row for each score of
    IDS606 and IDS607 and each internet-therapy log of IDS205, and for each contact of IDS201 without a score of IDS607.
    files: the names of the files below the folder, by number. refused: `place, patient_id, column, value, reason,
    refused` (row or contact) of each row that is in neither; reasons: REFUSED. read: how many rows each table has, then
    `contacts_with_scores` (rows of IDS201 that only rows of IDS607 stand for) and `older_IDS001`, `older_IDS202` (older
    versions, not listed). others: the files that are none of the tables.

    So `patients` and refused rows are the rows of IDS101; `contacts`, refused contacts and contacts_with_scores those
    of IDS201, IDS205, IDS606 and IDS607.
    """

    patients: pd.DataFrame
    contacts: pd.DataFrame
    files: list[str]
    refused: pd.DataFrame
    read: dict[str, int]
    others: list[Path]


CONTACT_COLUMNS = ["ServiceRequestId", "LocalPatientId", "CareContactId", "Date", "CodedAssToolType", "PersScore",
                   "AttendOrDNACode", "PlannedCareContIndicator", "AppType"]
REFUSED = {
    "older_version": "a later submission holds the same record, or this one is not marked as the latest",
    "no_care_contact": "the score's care activity or contact, which has its date, is absent or told in two ways",
}


class _Table(NamedTuple):
    """How a table is known: the columns it must have and those it cannot have; the columns that tell its records."""

    has: tuple[str, ...]
    lacks: tuple[str, ...]
    key: tuple[str, ...]


TABLES = {
    "IDS001": _Table(("LocalPatientId",), ("ServiceRequestId", "CodedAssToolType"), ("LocalPatientId",)),
    "IDS101": _Table(("ServiceRequestId", "LocalPatientId", "ReferralRequestReceivedDate"), ("CareContactId",),
                     ("ServiceRequestId",)),
    "IDS201": _Table(("CareContactId", "ServiceRequestId", "CareContDate"), ("CodedAssToolType",), ("CareContactId",)),
    "IDS202": _Table(("CareActId", "CareContactId"), ("CodedAssToolType",), ("CareActId",)),
    # names as in the view definitions of public pipelines; no specification was at hand
    "IDS205": _Table(("ServiceRequestId", "StartDateIntEnabledTherLog"), (),
                     ("ServiceRequestId", "StartDateIntEnabledTherLog", "EndDateIntEnabledTherLog",
                      "IntEnabledTherProg")),
    "IDS606": _Table(("ServiceRequestId", "CodedAssToolType", "PersScore", "AssToolCompDate"), ("CareActId",),
                     ("ServiceRequestId", "CodedAssToolType", "AssToolCompDate", "AssToolCompTime")),
    "IDS607": _Table(("CareActId", "CodedAssToolType", "PersScore"), (), ("CareActId", "CodedAssToolType")),
}
# ids as submitted, and those that may stand beside or instead of them in what comes back
IDS = {"LocalPatientId": ("Person_ID",), "ServiceRequestId": ("Unique_ServiceRequestID", "PathwayID"),
       "CareContactId": ("Unique_CareContactID",), "CareActId": ("Unique_CareActivityID",)}
ATTRIBUTES = ("NHSNumber", "PersonBirthDate", "Postcode", "Gender", "GenderIdentity", "EthnicCategory",
              "EthnicCategory2021")                        # IDS001 has at least two of these
LATEST = ("IsLatest_SubmissionID", "UsePathway_Flag")      # true in the newest version
# the newest version has the highest of these, the first deciding: a month's data are sent again after the next month's
SUBMISSIONS = ("Unique_MonthID", "ReportingPeriodEndDate", "UniqueSubmissionID", "SubmissionID")
DERIVED_AGES = ("Age_ReferralRequest_ReceivedDate", "AgeAtReferral")
_IDENTIFIES = re.compile("nhsno|nhsnumber|birth|dob$|postcode|lsoa|email|phone|mobile|address|^names?$|"
                         "(sur|fore|first|last|middle|given|family|full|maiden|patient|person|preferred)names?$")


def read_tables(folder: Path) -> Tables:
    """The tables in a folder and the folders in it. Identifiers are left out, unread but for the age at referral.

    The newest version of a record is told by LATEST where those columns are there, then by those of SUBMISSIONS that
    every row has, else by the names of the files: a later one wins. Rows with the same key in the same submission are
    no versions: all stay, for cleaning to judge; so does a record that later submissions leave out.

    Scores of IDS606 have their own date, those of IDS607 that of the contact (IDS202 tells which, IDS201 when), and its
    id, attendance and type. An internet-therapy log (IDS205) counts as a contact attended (5) for treatment (02). The
    patient of a contact is that of its referral, and empty where no referral or several tell one.

    Raises InputError, naming file and column, where the folder has no referrals (IDS101) or its scores of IDS607 no
    contacts, a file of a table cannot be read, has a column twice or lacks one, fits two tables, or still holds an
    identifier where none should be.
    """
    files, others = recognised(folder)
    _check_tables(folder, files, others)
    names = sorted((name for found in files.values() for name in found), key=_in_order)
    tables = _with_ids({table: _same_names(_read(folder, name, table, number) for number, name in enumerate(names)
                                           if name in found)
                        for table, found in files.items()})
    read = {table: len(rows) for table, rows in tables.items()}
    older = {table: _older(rows, TABLES[table].key) for table, rows in tables.items()}
    newest = {table: rows[~older[table]] for table, rows in tables.items()}
    patients = _patients(newest)
    contacts, undated, with_scores = _contacts(newest)
    referrals = _only(patients[["ServiceRequestId", "LocalPatientId"]])["LocalPatientId"]
    contacts.insert(1, "LocalPatientId", _found(contacts["ServiceRequestId"], referrals))
    gone = [_refused(tables[table][older[table]], referrals, TABLES[table].key[-1 if table == "IDS607" else 0],
                     "older_version", "row" if table == "IDS101" else "contact")
            for table in tables if table not in ("IDS001", "IDS202")]
    gone.append(_refused(undated, referrals, "CareActId", "no_care_contact", "contact"))
    read |= {"contacts_with_scores": with_scores}
    read |= {f"older_{table}": int(older[table].sum()) for table in ("IDS001", "IDS202") if table in tables}
    refused = pd.concat(gone).fillna("").sort_values("place", ignore_index=True)
    return Tables(patients, contacts, names, refused, read, [folder / name for name in others])


# -- which file is which table ---------------------------------------------------------------------

def recognised(folder: Path) -> tuple[dict[str, list[str]], list[str]]:
    """The names below the folder of each table's files, in the order of TABLES; and those of the other files.

    Raises InputError where there is no such folder, or a file named after a table is not as it has to be.
    """
    if not folder.is_dir():
        raise InputError(f"{folder.name}: no such folder; expected one with tables of the Talking Therapies Data Set")
    names, others = {table: [] for table in TABLES}, []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith((".", "~$")) for part in name.parts):
            table = _table_of(folder, name.as_posix())
            (names[table] if table else others).append(name.as_posix())
    return {table: found for table, found in names.items() if found}, others


def _check_tables(folder: Path, names: dict[str, list[str]], others: list[str]) -> None:
    if "IDS101" not in names:
        there = sorted(name for found in (*names.values(), others) for name in found)
        raise InputError(f"{folder.name}: no table of referrals: expected a file with the columns of IDS101Referral "
                         f"({', '.join(TABLES['IDS101'].has)}); found {', '.join(there)[:300] or 'no file'}")
    if "IDS607" in names and not {"IDS201", "IDS202"} <= names.keys():
        raise InputError(f"{names['IDS607'][0]}: its scores have no date of their own: expected "
                         "IDS202CareActivity and IDS201CareContact in the folder, too")


def _table_of(folder: Path, name: str) -> str | None:
    """The table that a file's columns fit, or None."""
    path = folder / name
    named = re.match(r"IDS\d{3}", path.name.upper())
    named = named[0] if named and named[0] in TABLES else None
    if path.suffix.lower() not in (*DELIMITED, ".xlsx", ".parquet"):
        return None
    try:
        header = list(_text(folder, name, 0).columns)
    except InputError:
        if named:
            raise
        return None
    plain = {_plain(column) for column in header}
    fits = [table for table in TABLES if not _lacking(table, plain)
            and not any(_there(column, plain) for column in TABLES[table].lacks)]
    if named and named not in fits:
        wrong = [f"the column '{column}' is absent" for column in [_lacking(named, plain)] if column]
        wrong += [f"the column '{column}' is there" for column in TABLES[named].lacks if _there(column, plain)]
        raise InputError(f"{name}: line 1: {wrong[0]}; expected the columns of {named}, or another name")
    if len(fits) > 1 and not named:
        raise InputError(f"{name}: its columns fit {' and '.join(fits)}; expected a name that begins with one")
    table = named or (fits or [None])[0]
    if table and (twice := [each for each in header if [_plain(other) for other in header].count(_plain(each)) > 1]):
        raise InputError(f"{name}: line 1: the column '{twice[0]}' is there twice; expected once")
    return table


def _text(folder: Path, name: str, most: int | None = None) -> pd.DataFrame:
    """The file's table as text; errors name the file with the folders in which it is."""
    path = folder / name
    try:
        return read_as_text(path, ColumnMap(columns={}, file=file_format(path)), most)
    except InputError as error:
        raise InputError(f"{name}{str(error).removeprefix(path.name)}") from None


def _in_order(name: str) -> list[str | int]:
    """For sorting: 2016-9 comes before 2016-10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"([0-9]+)", name)]


def _lacking(table: str, plain: set[str]) -> str | None:
    """The first column of a table that is not among these names."""
    if table == "IDS001" and sum(_plain(name) in plain for name in ATTRIBUTES) < 2:
        return "PersonBirthDate"
    return next((name for name in TABLES[table].has if not _there(name, plain)), None)


def identifies(column: str) -> bool:
    """Whether a column by this name may identify somebody, so that it is left out."""
    return bool(_IDENTIFIES.search(_plain(column)))


def _there(name: str, plain: Iterable[str]) -> bool:
    return any(_plain(each) in plain for each in (name, *IDS.get(name, ())))


def _plain(name: str) -> str:
    """A column's name without letter case and underscores: they differ between extracts."""
    return re.sub(r"[\W_]+", "", name).casefold()


_KNOWN = {_plain(name): name for names in (
    *((*table.has, *table.key) for table in TABLES.values()), *IDS.values(), CONTACT_COLUMNS, ATTRIBUTES, LATEST,
    SUBMISSIONS, DERIVED_AGES, ("ServDischDate", "EndCode", "OnsetDate")) for name in names}


# -- one table -------------------------------------------------------------------------------------

def _read(folder: Path, name: str, table: str, number: int) -> pd.DataFrame:
    """A file of a table without identifiers, known columns under the names of the data set; index: place.

    Of IDS001 the day of birth is kept, as `PersonBirthDate`, until the age at referral is known.
    """
    named = _text(folder, name).rename(columns=lambda column: _KNOWN.get(_plain(column), column))
    kept = named[[column for column in named if not identifies(column)]]
    # ids that only join tables: a million of ten digits would hold some that look like an NHS number
    refuse_identifiers(kept.drop(columns=["CareContactId", "CareActId"], errors="ignore"), name)
    if table == "IDS001" and "PersonBirthDate" in named:
        kept = kept.assign(PersonBirthDate=named["PersonBirthDate"])
    return kept.set_index(kept.index + number * LINES_A_FILE)


def _same_names(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The rows of all parts; a column that a part lacks is missing there, and of two spellings the first is used."""
    spelling, named = {}, []
    for part in parts:
        named.append(part.rename(columns=lambda name: spelling.setdefault(_plain(name), name)))
    return pd.concat(named)


def _with_ids(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The tables with ids under the names as submitted: of each the first kind that every table has throughout."""
    for local, others in IDS.items():
        need = [table for table in tables if local in TABLES[table].has]
        kinds = [kind for kind in (local, *others)
                 if all(kind in tables[table] and tables[table][kind].notna().all() for table in need)]
        if not kinds:
            raise InputError(f"{', '.join(need)}: no id in all of these tables and files; expected {local}, or "
                             f"{' or '.join(others)} in each")
        for table in need:
            tables[table] = tables[table].assign(**{local: tables[table][kinds[0]]})
    return tables


def _older(rows: pd.DataFrame, key: tuple[str, ...]) -> pd.Series:
    """Whether each row is an older version of a record of that key."""
    older = pd.Series(False, rows.index)
    for flag in LATEST:
        if flag in rows:
            older |= rows[flag].notna() & ~rows[flag].str.casefold().isin(["true", "1", "1.0", "y", "yes", "t"])
    submission = _submission(rows)[~older & (rows[key[0]] != "")]
    columns = [rows.loc[submission.index, name].fillna("") for name in key if name in rows]
    latest = submission.groupby(columns, sort=False).transform("max")
    older[submission.index] = submission < latest
    return older


def _submission(rows: pd.DataFrame) -> pd.Series:
    """Of each row a number that is higher in a later submission."""
    told = [name for name in SUBMISSIONS if name in rows and rows[name].fillna("").ne("").all()]
    submission = pd.Series(0 if told else rows.index // LINES_A_FILE, rows.index)
    for name in told:
        distinct = rows[name].drop_duplicates()
        order = pd.to_numeric(distinct, errors="coerce")
        if order.isna().any():
            days = pd.to_datetime(distinct.map(_day))
            order = days if days.notna().all() else distinct
        ranks = pd.Series(order.rank(method="dense").to_numpy(), distinct)
        submission = submission * (len(distinct) + 1) + rows[name].map(ranks)
    return submission


def _day(text: str) -> pd.Timestamp:
    return read_day(text, "day_first")


# -- tables joined ---------------------------------------------------------------------------------

def _patients(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The referrals with what IDS001 says of their patients, and the age at referral in whole years."""
    referrals = tables["IDS101"].fillna("")
    derived = [referrals[name] for name in DERIVED_AGES if name in referrals]
    born = pd.Series("", referrals.index)
    if "IDS001" in tables:
        told = tables["IDS001"].fillna("")
        told = told[told["LocalPatientId"] != ""]
        about = _agreed(told.drop(columns=referrals.columns.drop("LocalPatientId"), errors="ignore"))
        about = about.reindex(referrals["LocalPatientId"]).fillna("").set_axis(referrals.index)
        born = about.pop("PersonBirthDate") if "PersonBirthDate" in about else born
        referrals = referrals.join(about)
    age = _years(born, referrals["ReferralRequestReceivedDate"])
    for told in derived:
        age = told.where(told != "", age)
    return referrals.assign(AgeAtReferral=age)


def _agreed(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a LocalPatientId (the index); empty where several rows say different things of somebody."""
    patient = "LocalPatientId"
    about = rows.drop_duplicates(patient).set_index(patient)
    ways = rows[rows.duplicated(patient, keep=False)].groupby(patient).nunique()
    about.loc[ways.index] = about.loc[ways.index].mask(ways > 1, "")
    return about


def _years(born: pd.Series, on: pd.Series) -> pd.Series:
    """Whole years from one day to the other as text; empty where they cannot be an age."""
    birth, day = (pd.to_datetime(texts.map({text: _day(text) for text in texts.unique()})) for texts in (born, on))
    before = (day.dt.month * 100 + day.dt.day) < (birth.dt.month * 100 + birth.dt.day)
    years = day.dt.year - birth.dt.year - before
    return years.where(years.between(0, 120)).astype("Int64").astype("str").fillna("")


def _contacts(tables: dict[str, pd.DataFrame]) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """CONTACT_COLUMNS without the patient; the scores without a care contact; how many contacts only scores stand for.
    """
    parts, undated, with_scores = [], tables["IDS101"][:0], 0
    own = ["CareContactId", "ServiceRequestId", "Date", "AttendOrDNACode", "PlannedCareContIndicator", "AppType"]
    held = tables.get("IDS201", tables["IDS101"][:0]).rename(columns={"CareContDate": "Date"}).reindex(columns=own)
    if "IDS607" in tables:
        scores, contact = tables["IDS607"], _only(tables["IDS202"][["CareActId", "CareContactId"]])["CareContactId"]
        about = _only(held)
        of_contact = _found(scores["CareActId"], contact)
        known = about.index.get_indexer(of_contact) >= 0  # `isin` would take most of the time
        undated, scores, of_contact = scores[~known], scores[known], of_contact[known]
        parts.append(about.loc[of_contact].reset_index().set_axis(scores.index).join(
            scores[["CodedAssToolType", "PersScore"]]))
        scored = pd.Index(of_contact.unique()).get_indexer(held["CareContactId"]) >= 0
        held, with_scores = held[~scored], int(scored.sum())
    parts.append(held)
    if "IDS606" in tables:
        parts.append(tables["IDS606"].rename(columns={"AssToolCompDate": "Date"}))
    if "IDS205" in tables:
        logs = tables["IDS205"].rename(columns={"StartDateIntEnabledTherLog": "Date"})
        ids = [f"IDS205 {place}" for place in logs.index]
        parts.append(logs.assign(CareContactId=ids, AttendOrDNACode="5", PlannedCareContIndicator="", AppType="02"))
    columns = [name for name in CONTACT_COLUMNS if name != "LocalPatientId"]
    together = pd.concat([part.reindex(columns=columns).astype("str") for part in parts])
    return together.fillna("").sort_index(), undated, with_scores


def _only(rows: pd.DataFrame) -> pd.DataFrame:
    """What is told of each id in the first column, where it is told in one way only; index: the id."""
    distinct = rows[rows.iloc[:, 0] != ""].drop_duplicates()
    distinct = distinct[~distinct.iloc[:, 0].duplicated(keep=False)]
    return distinct.set_index(distinct.columns[0])


def _found(ids: pd.Series, values: pd.Series) -> pd.Series:
    """The value of each id; an empty text where there is none."""
    return ids.map(values).astype("str").fillna("")


def _refused(rows: pd.DataFrame, referrals: pd.Series, column: str, reason: str, what: str) -> pd.DataFrame:
    patient = _found(rows["ServiceRequestId"], referrals) if "ServiceRequestId" in rows else ""
    cells = {"patient_id": patient, "column": column, "value": rows.get(column), "reason": reason, "refused": what}
    return pd.DataFrame(cells, rows.index, dtype="str").rename_axis("place").reset_index()
