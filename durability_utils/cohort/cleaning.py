"""From an export to a cohort: which rows and values are refused, and why. Nothing is lost unlisted.

Two kinds of refusal. A refused row is out, listed once. A refused value becomes missing; its row stays.
"""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pandera.pandas as pa

from durability_utils.cohort.contacts import CONTACT_RULES, SCORES, measure_names, place, sessions
from durability_utils.cohort.exports import check_header, read_export
from durability_utils.results import for_owner_only, write_aside, write_table
from durability_utils.study.column_maps import (
    CONTACT_COLUMNS,
    Column,
    ColumnMap,
    canonical_columns,
    normalise,
    read_column_map,
)
from durability_utils.study.columns import (
    FOLLOW_UP_DATA,
    FOLLOW_UPS,
    TIMES,
    TREATMENT_DATA,
    dictionary,
    from_contacts,
    items_of,
    totals,
)
from durability_utils.study.errors import InputError
from durability_utils.study.holds import Holds
from durability_utils.study.measures import Measure
from durability_utils.study.rules import Rules
from durability_utils.study.study_file import Study

ROW_RULES = {
    "no_patient_id": "the row has no patient_id",
    "copy": "an exact copy of an earlier row of the patient; the first one stays",
    "conflicting_rows": "several rows of one patient that differ: all of them are out",
    "outside_window": "discharged before or after the study's window",
    "no_discharge_date": "no discharge date that can be read, so not known to be in the window",
    "too_few_sessions": "fewer sessions than the study's minimum",
}
VALUE_RULES = {
    "out_of_range": "outside the range that the data dictionary or the measure allows",
    "not_a_whole_number": "not a whole number (for an item mean: not a number)",
    "unknown_code": "a code that neither the data dictionary nor the column map knows",
    "impossible_date": "no day of the calendar in the date style of the column map",
    "before_discharge": "a follow-up dated before the patient was discharged",
    "contradicts_items": "a total that is not the sum of its items; the items win",
    "incomplete_items": "a total of which some items are missing or refused",
    "no_upflow_consent": "treatment data of a patient who did not agree to their up-flow",
    "no_contact_consent": "follow-up data of a patient who did not agree to be contacted",
}
RULES = {"row": ROW_RULES, "value": VALUE_RULES}
_DTYPES = {"text": "str", "code": "str", "measure": "str", "date": "datetime64[us]",
           "whole_number": "Int64", "score": "Float64"}


class Cleaned(NamedTuple):
    """What cleaning one export gives.

    cohort: one row a patient, the canonical columns. rejected: `row, patient_id, column, value, reason,
    refused` (row, value or contact). log: `rule, rows`. unused: columns of the export that nothing reads.
    absent: canonical columns that the export does not hold. unmatched: columns that the map names and the export does
    not hold. after_discharge: of a long export one row a score after discharge, those in follow-up windows included:
    `patient_id, date, days` (since discharge, 1 or more)`, measure, score` (points); None of any other.
    """

    cohort: pd.DataFrame
    rejected: pd.DataFrame
    log: pd.DataFrame
    unused: list[str]
    absent: list[str]
    unmatched: list[str]
    after_discharge: pd.DataFrame | None = None


def clean_service(study: Study, service: str) -> Cleaned:
    """Read and clean the export of one service of a study. Raises InputError where it cannot be used."""
    entry = study.services[service]
    columns = read_column_map(entry.columns)
    required = dictionary()["required"]
    wanted = ["yes", "window"] if study.discharged or columns.contacts else ["yes"]
    required = list(required.index[required.isin(wanted)])
    if columns.contacts is None:
        if entry.contacts:
            raise InputError(f"{entry.columns.name}: the key 'contacts' is missing; expected how "
                             f"{entry.contacts.name}, which {study.path.name} names, is read")
        return clean(read_export(entry.file, columns, required), columns, study)
    if study.follow_up_windows is None:
        raise InputError(f"{study.path.name}: the key 'follow_up_windows' is missing; expected "
                         "{6m: [91, 273], 12m: [274, 456]} (days after discharge) for a long export")
    export = read_export(entry.file, columns, [name for name in required if name not in from_contacts()])
    required = [name for name, (_, required) in CONTACT_COLUMNS.items() if required]
    if entry.contacts:
        return clean(export, columns, study, read_export(entry.contacts, columns.contacts, required))
    if (columns.contacts.separator, columns.contacts.encoding, columns.contacts.sheet) != (
            columns.separator, columns.encoding, columns.sheet):
        raise InputError(f"{entry.columns.name}: contacts: file: expected only where {study.path.name} names a second "
                         f"file behind `contacts:` of service {service}")
    check_header(entry.file, list(export.columns), columns.contacts, required)
    found = _positions(export)
    positions = [found[column.source.casefold()] for column in columns.columns.values()
                 if column.source and column.source.casefold() in found]
    # what is said of a patient stands in each contact's row: one row for each different thing said
    patients = export[~export.iloc[:, positions].duplicated()]
    return clean(patients, columns, study, export)


def clean(export: pd.DataFrame, columns: ColumnMap, study: Study, contacts: pd.DataFrame | None = None) -> Cleaned:
    """Clean an export (text, as `read_export` gives it) by the rules above, in their order.

    Of a long export `export` has the patients' rows and `contacts` the contacts' (text, too; `columns.contacts` says
    how they are read). Raises AssertionError where a row or a contact is neither kept nor listed.
    """
    found = _positions(export)
    raw = _canonical_text(export, columns, found, dictionary().index)
    if contacts is not None:
        contact_text = _canonical_text(contacts, columns.contacts, _positions(contacts), CONTACT_COLUMNS)
        told = {name for name in ("adsm", "sessions") if _is_there(columns, name, found)}
        placed = _join_contacts(raw, contact_text, columns, told, study)
    values, refusals = _interpret(raw, columns, study.rules)
    row_reason = _refused_rows(raw, values, refusals, study)
    kept = row_reason.isna()
    row_list = _row_list(raw, row_reason, values["consent_upflow"] == "no")
    raw, values = raw[kept], values[kept].copy()
    refusals = {column: reasons[reasons.index.isin(values.index)] for column, reasons in refusals.items()}
    _refuse_early_follow_ups(values, refusals)
    _check_items(values, refusals)
    _withhold_without_consent(raw, values, refusals)
    rejected = pd.concat([row_list, *_value_lists(raw, values, refusals)])
    rejected = rejected.sort_values("row", kind="stable", ignore_index=True)
    used = after_discharge = None
    if contacts is not None:
        after_discharge = _scores_after_discharge(placed, values)
        refused_contacts = _contact_list(contact_text, placed, values)
        # follow-ups without consent are used in the sense that their columns list them as refused values
        follow_ups = [name for name in SCORES if name.endswith(FOLLOW_UPS)]
        withheld = raw.loc[values["consent_contact"] != "yes", follow_ups]
        used = len(after_discharge) + int((raw[SCORES].drop(columns=follow_ups) != "").sum(axis=None)
                                          + (withheld != "").sum(axis=None))
        if len(contacts) != used + len(refused_contacts):
            raise AssertionError(f"{len(contacts)} contacts read, but {used} used and {len(refused_contacts)} listed "
                                 "as refused")
        rejected = pd.concat([rejected, refused_contacts], ignore_index=True)
    cohort = values.reset_index(drop=True)
    _schema(study.rules.adsms).validate(cohort)
    log = _log(len(export), rejected, len(cohort), used)
    listed = (rejected["refused"] == "row").sum()
    if len(export) != len(cohort) + listed:
        raise AssertionError(f"{len(export)} rows read, but {len(cohort)} kept and {listed} listed as refused")
    absent = [name for name in dictionary().index
              if not _is_there(columns, name, found) and (contacts is None or (raw[name] == "").all())]
    # canonical columns may be absent; a name that somebody wrote into a map and that is not there may be misspelt
    named = [column.source for column in columns.columns.values() if column.source]
    there = list(export.columns)
    if contacts is not None:
        named += [column.source for column in columns.contacts.columns.values() if column.source]
        there = list(dict.fromkeys([*there, *contacts.columns]))
    unused = [name for name in there if name.casefold() not in {source.casefold() for source in named}]
    in_file = {name.casefold() for name in there}
    unmatched = [] if columns == canonical_columns() else [name for name in named if name.casefold() not in in_file]
    return Cleaned(cohort, rejected, log, unused, absent, unmatched, after_discharge)


def by_rule(rejected: pd.DataFrame) -> pd.DataFrame:
    """What each rule refused, in their order, zeros too: `refuses, rule, because, rows, values`.

    `rows`: lines of the export that it touched; `values`: the values that it refused there, missing for a rule
    that refuses whole rows.
    """
    words = {(kind, rule): because for kind, rules in {**RULES, "contact": CONTACT_RULES}.items()
             for rule, because in rules.items()}
    found = rejected.groupby(["refused", "reason"])["row"].agg(rows="nunique", values="size")
    always = [rule for rule in words if rule[0] in RULES]  # those of contacts only where they found something
    rules = list(dict.fromkeys([*always, *found.index]))
    table = found.reindex(pd.MultiIndex.from_tuples(rules, names=["refuses", "rule"]), fill_value=0)
    table.insert(0, "because", [words.get(rule, "") for rule in rules])
    table = table.reset_index().astype({"values": "Int64"})
    return table.assign(values=table["values"].mask(table["refuses"] == "row"))


def write_cleaned(cleaned: Cleaned, folder: Path) -> None:
    """Write `cohort.parquet`, `cleaning_log.csv`, `rejected.csv` and, of a long export, `after_discharge.parquet`.

    They hold patients' ids, and are for the owner of `folder` only. The cohort comes last, since others wait for it.
    """
    with for_owner_only(folder):
        write_table(cleaned.log, folder / "cleaning_log.csv", Holds("What cleaning did", {"rows": "cleaning/{rule}"}))
        write_table(cleaned.rejected, folder / "rejected.csv", Holds("What cleaning refused", patients=True))
        after_discharge = folder / "after_discharge.parquet"
        if cleaned.after_discharge is None:
            after_discharge.unlink(missing_ok=True)  # the export may have been a long one before
        else:
            write_aside(after_discharge, lambda path: cleaned.after_discharge.to_parquet(path, index=False))
        write_aside(folder / "cohort.parquet", lambda path: cleaned.cohort.to_parquet(path, index=False))


# -- reading cells ---------------------------------------------------------------------------------

def _positions(table: pd.DataFrame) -> dict[str, int]:
    return {name.casefold(): position for position, name in enumerate(table.columns)}


def _is_there(columns: ColumnMap, name: str, found: dict[str, int]) -> bool:
    column = columns.columns.get(name)
    return column is not None and (column.source is None or column.source.casefold() in found)


def _canonical_text(export: pd.DataFrame, columns: ColumnMap, found: dict[str, int], names) -> pd.DataFrame:
    """The export's cells under the canonical names, still as the service wrote them; missing is an empty text."""
    texts = {}
    for name in names:
        column = columns.columns.get(name, Column(None))
        if not _is_there(columns, name, found) or column.source is None:
            texts[name] = pd.Series(column.constant if column.source is None else "", export.index, dtype="str")
            continue
        cells = export.iloc[:, found[column.source.casefold()]]
        no_code = column.missing | {code for code, meaning in column.codes if meaning == ""} | _no_answer(name)
        no_value = {cell for cell in cells.unique() if normalise(cell) in no_code} if no_code else set()
        if name == "patient_id":  # ids are text: with 99 for missing, 0099 is still somebody
            no_value = {cell for cell in no_value if not re.match("0[0-9]", cell)}
        texts[name] = cells.mask(cells.isin(no_value), "")
    return pd.DataFrame(texts, index=export.index)


def _no_answer(name: str) -> set[str]:
    """The codes that the data dictionary calls missing in this column, as 9 for *not applicable*."""
    declared = dictionary()["missing_codes"].get(name, "")
    return set(declared.split("|")) - {"blank", ""}


def _interpret(raw: pd.DataFrame, columns: ColumnMap, rules: Rules):
    """Typed values (missing where blank or refused), and for each column the reasons of its refused cells."""
    readers = {"text": _as_text, "code": _as_code, "measure": _as_code, "date": _as_date,
               "whole_number": _as_number, "score": _as_number}
    values, refusals = {}, {}
    for name, entry in dictionary().iterrows():
        column = columns.columns.get(name, Column(None))
        if (raw[name] == "").all():
            values[name] = pd.Series(None, raw.index, dtype=_DTYPES[entry["type"]])
            refusals[name] = pd.Series(None, raw.index[:0], dtype="str")
            continue
        allowed = rules.adsms
        if entry["type"] == "code":
            allowed = entry["allowed"].split("|")
        if entry["type"] == "score":
            limits = _limits(values["adsm"], rules.measures)
        else:
            limits = (entry["minimum"], entry["maximum"], False)
        read, reason = readers[entry["type"]](raw[name], column, allowed, limits)
        refused = reason.notna() & (raw[name] != "")
        values[name] = read.mask(refused).astype(_DTYPES[entry["type"]])
        refusals[name] = reason[refused]
    # a blank or unknown answer counts as no consent
    values["consent_contact"] = values["consent_contact"].fillna("no")
    return pd.DataFrame(values, index=raw.index), refusals


def _limits(names: pd.Series, measures: dict[str, Measure]):
    """Smallest and largest score, and whether it is an item mean, of the measure in each row; none: no limits."""
    def of(key):
        return names.map({name: getattr(measure, key) for name, measure in measures.items()})
    return of("minimum").astype(float), of("maximum").astype(float), of("scale").eq("item_mean")


def _as_text(cells, column, allowed, limits):
    # "in the words of the service or of its column map"
    codes = dict(column.codes)
    meanings = {cell: codes[code] for cell in cells.unique() if (code := normalise(cell)) in codes} if codes else {}
    return cells.replace(meanings).mask(cells == ""), pd.Series(None, cells.index, dtype="str")


def _as_code(cells, column, allowed, limits):
    known = {normalise(code): code for code in allowed} | dict(column.codes)
    # not everything: a map may name a measure that this version of the measures does not have
    known = {code: meaning for code, meaning in known.items() if meaning in allowed}
    meanings = {cell: known.get(normalise(cell)) for cell in cells.unique()}
    read = cells.map(meanings).astype("str")
    return read, _reason(read.isna(), "unknown_code", cells)


def _as_number(cells, column, allowed, limits):
    minimum, maximum, decimal = limits
    whole = cells.str.fullmatch(r"-?[0-9]+(\.0+)?")
    number = cells.str.fullmatch(r"-?[0-9]+(\.[0-9]+)?")
    readable = whole | (number & decimal)
    read = pd.to_numeric(cells.where(readable), errors="coerce").astype(float)
    # a number too long for a computer reads as infinite: outside every range, and no cohort can hold it
    outside = (read < minimum) | (read > maximum) | np.isinf(read)
    reason = _reason(outside, "out_of_range", cells).mask(~readable, "not_a_whole_number")
    return read.mask(outside), reason


def _as_date(cells, column, allowed, limits):
    days = {cell: read_day(cell, column.dates) for cell in cells.unique()}
    read = pd.to_datetime(cells.map(days))
    return read, _reason(read.isna(), "impossible_date", cells)


def read_day(text: str, style: str) -> pd.Timestamp:
    """One date; NaT where it is none. ISO dates are read in every style: spreadsheets write them so."""
    day = re.sub(r"[T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?Z?$", "", text)  # the time of day, if there is one
    # pandas reads "today" and "now" in every format, as the day of the run
    if not day[:1].isdigit():
        return pd.NaT
    if style == "excel_serial" and re.fullmatch(r"[0-9]+(\.[0-9]*)?", day):
        read = pd.to_datetime(float(day), unit="D", origin="1899-12-30", errors="coerce")
    elif style == "day_first" and not day[:4].isdigit():
        day = day.replace(".", "/").replace("-", "/")
        read = pd.to_datetime(day, format="%d/%m/%Y", errors="coerce")
        read = pd.to_datetime(day, format="%d/%b/%Y", errors="coerce") if pd.isna(read) else read
    else:
        read = pd.to_datetime(day, format="%Y-%m-%d", errors="coerce")
    return read.floor("D") if pd.notna(read) and 1900 <= read.year <= 2100 else pd.NaT


def _reason(holds: pd.Series, reason: str, cells: pd.Series) -> pd.Series:
    return pd.Series(None, cells.index, dtype="str").mask(holds, reason)


# -- contacts of a long export ---------------------------------------------------------------------

def _join_contacts(raw, contact_text, columns: ColumnMap, told: set[str], study: Study):
    """Where each contact's score belongs; scores and what else contacts tell are written into `raw`, in place.

    `told`: what the patients' own columns say of `adsm` and `sessions`, so that no contact is asked.
    """
    patients = raw[["patient_id"]][raw["patient_id"] != ""].drop_duplicates()
    about = raw.loc[patients.index]
    date, reason = _as_date(about["discharge_date"], columns.columns["discharge_date"], None, None)
    known = {"discharge_date": date.mask(reason.notna())}
    if "adsm" in told:
        known["adsm"] = _as_code(about["adsm"], columns.columns["adsm"], study.rules.adsms, None)[0]
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
        raw[name] = raw["patient_id"].map(texts).astype("str").fillna("")
    days = (contacts["date"] - patients["discharge_date"].reindex(contacts["patient_id"]).to_numpy()).dt.days
    return contacts.assign(gives=placed.score, days=placed.days, reason=placed.reason,
                           after_discharge=(days > 0).astype("boolean").mask(days.isna()))


def _read_contacts(text, columns: ColumnMap, patients: pd.DataFrame, measures: dict[str, Measure]) -> pd.DataFrame:
    """Typed contacts, with `reason` and `column` of the first thing for which reading refuses one."""
    attended, bad_attendance = _as_code(text["attended"], columns.columns.get("attended", Column(None)),
                                        ["yes", "no"], None)
    measure = measure_names(text["measure"], columns.columns["measure"], measures)
    date, bad_date = _as_date(text["date"], columns.columns["date"], None, None)
    score, bad_score = _as_number(text["score"], columns.columns["score"], None, _limits(measure, measures))
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


def _scores_after_discharge(placed: pd.DataFrame, values) -> pd.DataFrame:
    """The scores after discharge of those who agreed to be contacted, in the order of patient, date and measure."""
    agreed = values.loc[values["consent_contact"] == "yes", "patient_id"]
    used = placed[placed["days"].notna() & placed["patient_id"].isin(agreed)]
    used = used[["patient_id", "date", "days", "measure", "score"]].astype({"days": "int64", "score": "float64"})
    return used.sort_values(["patient_id", "date", "measure"], ignore_index=True)


def _contact_list(text, placed: pd.DataFrame, values) -> pd.DataFrame:
    """The refused contacts, each with the cell that the rule looked at, blank where the patient did not agree to it."""
    in_cohort = placed["patient_id"].isin(values["patient_id"])
    out = ~in_cohort & ~placed["reason"].isin(["no_patient_id", "no_such_patient"])
    # one that gives a follow-up's score is listed among the values of that follow-up
    agreed = placed["patient_id"].map(values.set_index("patient_id")["consent_contact"]) == "yes"
    withheld = placed["days"].notna() & placed["gives"].isna() & ~agreed
    reason = placed["reason"].mask(withheld, "no_contact_consent").mask(out, "patient_refused").dropna()
    column = placed["column"].mask(out, "patient_id").fillna("score")[reason.index]
    column = column.mask(reason == "other_adsm", "measure").mask(reason == "no_discharge_date", "date")
    value = pd.Series("", reason.index, dtype="str")
    for name in column.unique():
        value = value.mask(column == name, text.loc[reason.index, name])
    of_patient = values.set_index("patient_id")
    ids, after = placed.loc[reason.index, "patient_id"], placed.loc[reason.index, "after_discharge"]
    no_upflow = ids.map(of_patient["consent_upflow"]) == "no"
    no_contact = ids.map(of_patient["consent_contact"]) != "yes"
    # of a contact that cannot be told to be treatment or follow-up, either refusal hides the value
    hidden = (no_upflow & ~after.fillna(False)) | (no_contact & after.fillna(True))
    return pd.DataFrame({"row": reason.index, "patient_id": ids, "column": column,
                         "value": value.mask(hidden & (column != "patient_id"), ""), "reason": reason,
                         "refused": "contact"}).reset_index(drop=True)


# -- the rules -------------------------------------------------------------------------------------

def _refused_rows(raw, values, refusals, study: Study) -> pd.Series:
    """For each row of the export the first of ROW_RULES that refuses it; missing where it stays."""
    ids = values["patient_id"]
    # what the rows of one patient say: their values, and where one could not be read, the text itself
    says = values[ids.notna() & ids.duplicated(keep=False)].astype("object")
    for column, reasons in refusals.items():
        unread = reasons.index.intersection(says.index)
        says.loc[unread, column] = raw.loc[unread, column]
    copies = says.index[says.duplicated()]
    versions = says.drop(copies)["patient_id"].value_counts()
    rules = {
        "no_patient_id": ids.isna(),
        "conflicting_rows": ids.isin(versions.index[versions > 1]),
        "copy": ids.index.isin(copies),
    }
    if study.discharged:
        first, last = map(pd.Timestamp, study.discharged)
        date = values["discharge_date"]
        rules["outside_window"] = (date < first) | (date > last)
        rules["no_discharge_date"] = date.isna()
    rules["too_few_sessions"] = values["sessions"].lt(study.rules.minimum_sessions).fillna(False).astype(bool)
    reason = pd.Series(None, raw.index, dtype="str")
    for rule, holds in rules.items():
        reason = reason.mask(reason.isna() & holds, rule)
    return reason


def _refuse(values, refusals, column: str, holds: pd.Series, reason: str) -> None:
    """Make the values of a column missing where `holds`, for this reason (a later rule overrides an earlier)."""
    if not holds.any():
        return
    values[column] = values[column].mask(holds)
    earlier = refusals[column]
    new = pd.Series(reason, holds.index[holds], dtype="str")
    refusals[column] = pd.concat([earlier[~earlier.index.isin(new.index)], new])


def _refuse_early_follow_ups(values, refusals) -> None:
    for time in FOLLOW_UPS:
        column = f"followup_{time}_date"
        _refuse(values, refusals, column, values[column] < values["discharge_date"], "before_discharge")


def _check_items(values, refusals) -> None:
    """Totals against their items: where all items are there their sum is the total, where some are there is none."""
    for total in (name for time in TIMES for name in totals(time) if items_of(name)):
        items = values[items_of(total)]
        answered, n = items.notna().sum(axis=1), len(items.columns)
        readable, items_sum = values[total].notna(), items.sum(axis=1)
        contradicts = (answered == n) & readable & (values[total] != items_sum).fillna(False)
        _refuse(values, refusals, total, contradicts, "contradicts_items")
        incomplete = answered.between(1, n - 1) & readable
        _refuse(values, refusals, total, incomplete, "incomplete_items")
        values[total] = values[total].mask(answered == n, items_sum)


def _withhold_without_consent(raw, values, refusals) -> None:
    no_upflow = (values["consent_upflow"] == "no").fillna(False)
    no_contact = values["consent_contact"] != "yes"
    for columns, holds, reason in ((TREATMENT_DATA, no_upflow, "no_upflow_consent"),
                                   (FOLLOW_UP_DATA, no_contact, "no_contact_consent")):
        for column in columns:
            # a total computed from its items goes too, though the export held none
            values[column] = values[column].mask(holds)
            _refuse(values, refusals, column, holds & (raw[column] != ""), reason)


# -- what is written down --------------------------------------------------------------------------

def _row_list(raw, row_reason: pd.Series, no_upflow: pd.Series) -> pd.DataFrame:
    """The refused rows, each with the column, and its cell as exported, that the rule looked at.

    The sessions of a patient who did not agree to up-flow are withheld here too.
    """
    looked_at = {"outside_window": "discharge_date", "no_discharge_date": "discharge_date",
                 "too_few_sessions": "sessions"}
    out = row_reason.dropna()
    column = out.map(looked_at).fillna("patient_id").astype("str")
    value = pd.Series("", out.index, dtype="str")
    for name in column.unique():
        value = value.mask(column == name, raw.loc[out.index, name])
    value = value.mask((column == "sessions") & no_upflow.loc[out.index].fillna(False), "")
    return pd.DataFrame({"row": out.index, "patient_id": raw.loc[out.index, "patient_id"], "column": column,
                         "value": value, "reason": out, "refused": "row"}).reset_index(drop=True)


def _value_lists(raw, values, refusals) -> list[pd.DataFrame]:
    lists = []
    for column, reasons in refusals.items():
        if reasons.empty:
            continue
        withheld = reasons.isin(["no_upflow_consent", "no_contact_consent"])
        lists.append(pd.DataFrame({
            "row": reasons.index, "patient_id": values.loc[reasons.index, "patient_id"], "column": column,
            "value": raw.loc[reasons.index, column].mask(withheld, ""), "reason": reasons, "refused": "value",
        }).reset_index(drop=True))
    return lists


def _log(rows_read: int, rejected: pd.DataFrame, kept: int, used_contacts: int | None) -> pd.DataFrame:
    is_contact = rejected["refused"] == "contact"
    rows = rejected[~is_contact].groupby("reason")["row"].nunique()
    counts = {"rows_read": rows_read, **{rule: rows.get(rule, 0) for rule in ROW_RULES},
              "rows_in_cohort": kept, **{rule: rows.get(rule, 0) for rule in VALUE_RULES}}
    if used_contacts is not None:
        of_contacts = rejected.loc[is_contact, "reason"].value_counts()
        counts |= {"contacts_read": used_contacts + is_contact.sum(),
                   **{f"contact_{rule}": of_contacts.get(rule, 0) for rule in CONTACT_RULES},
                   "contacts_used": used_contacts}
    return pd.DataFrame({"rule": counts.keys(), "rows": counts.values()})


def _schema(adsms: list[str]) -> pa.DataFrameSchema:
    """What a finished cohort must satisfy, from the data dictionary: an independent look at the result."""
    columns = {}
    for name, entry in dictionary().iterrows():
        checks = []
        if entry["type"] == "whole_number":
            checks = [pa.Check.in_range(entry["minimum"], entry["maximum"])]
        elif entry["type"] in ("code", "measure"):
            checks = [pa.Check.isin(entry["allowed"].split("|") if entry["type"] == "code" else adsms)]
        always = name in ("patient_id", "consent_contact")
        columns[name] = pa.Column(_DTYPES[entry["type"]], checks, nullable=not always, unique=name == "patient_id")
    return pa.DataFrameSchema(columns, strict=True, ordered=True)
