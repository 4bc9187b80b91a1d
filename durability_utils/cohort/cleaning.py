"""From an export to a cohort: which rows and values are refused, and why. Nothing is lost unlisted.

Two kinds of refusal. A refused row is out, listed once. A refused value becomes missing; its row stays.
"""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from durability_utils.cohort.cells import as_code, as_date, as_number, as_text, limits_of
from durability_utils.cohort.contacts import CONTACT_RULES, SCORES
from durability_utils.cohort.exports import LINES_A_FILE
from durability_utils.cohort.raw import Raw, read_raw
from durability_utils.cohort.referrals import not_counted
from durability_utils.cohort.shapes import SHAPE_RULES
from durability_utils.results import for_owner_only, write_aside, write_table
from durability_utils.study.column_maps import Column
from durability_utils.study.columns import (
    FOLLOW_UP_DATA,
    FOLLOW_UPS,
    KEYS,
    TREATMENT_DATA,
    columns_with,
    dictionary,
    items_of,
)
from durability_utils.study.holds import Holds
from durability_utils.study.rules import Rules
from durability_utils.study.study_file import Study

ROW_RULES = {
    "older_version": "an older version of the same record",
    "not_a_patient": "a row of totals or means, a note, or the header once more",
    "no_patient_id": "the row has no patient_id",
    "copy": "an exact copy of an earlier row of the referral; the first one stays",
    "conflicting_rows": "several rows of one referral (without their ids: of one patient) that differ: all are out",
    "outside_window": "discharged before or after the study's window",
    "no_discharge_date": "no discharge date that can be read, so not known to be in the window",
    "too_few_sessions": "fewer sessions than the study's minimum",
    "other_referral": "another referral of the patient is the one that the study counts",
}
VALUE_RULES = {
    "out_of_range": "outside the range that the data dictionary or the measure allows",
    "not_a_whole_number": "not a whole number (for an item mean: not a number)",
    "unknown_code": "a code that neither the data dictionary nor the column map knows",
    "impossible_date": "no day of the calendar in the date style of the column map",
    "before_discharge": "a follow-up, or the next referral, dated before the patient was discharged",
    "after_re_referral": "a follow-up on the day that a later referral began, or after it",
    "contradicts_items": "a total that is not the sum of its items; the items win",
    "incomplete_items": "a total of which some items are missing or refused",
    "no_upflow_consent": "treatment data of a patient who did not agree to their up-flow",
    "no_contact_consent": "follow-up data of a patient who did not agree to be contacted",
}
CLEANING_RULES = {"row": ROW_RULES, "value": VALUE_RULES}
OTHER_RULES = {"event": SHAPE_RULES, "joined": SHAPE_RULES, "contact": CONTACT_RULES}
_DTYPES = {"text": "str", "code": "str", "measure": "str", "date": "datetime64[us]",
           "whole_number": "Int64", "score": "Float64"}


class Cleaned(NamedTuple):
    """What cleaning one export gives.

    cohort: one row a referral (without their ids: a patient), the canonical columns. rejected: `row` (line)`,
    patient_id, column, value, reason, refused` (row, value, contact, event or joined)`, file`. log: `rule, rows`.
    unused: columns of the export that nothing reads. absent: canonical columns that the export does not hold.
    unmatched: columns that the map names and the export does not hold. raw: what was read. after_discharge: of a long
    export one row a score after discharge, those in follow-up windows included: `patient_id, referral_id, date, days`
    (since discharge, 1 or more)`, measure, score` (points); None of any other.
    """

    cohort: pd.DataFrame
    rejected: pd.DataFrame
    log: pd.DataFrame
    unused: list[str]
    absent: list[str]
    unmatched: list[str]
    raw: Raw
    after_discharge: pd.DataFrame | None = None
    raw: Raw | None = None


def clean_service(study: Study, service: str) -> Cleaned:
    """Read and clean the export of one service of a study, by the rules above in their order.

    Raises InputError where the export cannot be used, AssertionError where a row or contact is neither kept nor listed.
    """
    raw = read_raw(study, service)
    values, refusals = _interpret(raw.text, raw.columns.everywhere, study.rules)
    row_reason = _refused_rows(raw, values, refusals, study)
    kept = row_reason.isna()
    row_list = _row_list(raw, row_reason, values["consent_upflow"] == "no")
    text, values = raw.text[kept], values[kept].copy()
    refusals = {column: reasons[reasons.index.isin(values.index)] for column, reasons in refusals.items()}
    _check_days(values, refusals, study)
    _check_items(values, refusals)
    _withhold_without_consent(text, values, refusals)
    value_lists = (_listed("value", text, values["patient_id"], pd.Series(column, reasons.index, dtype="str"), reasons,
                           reasons.isin(["no_upflow_consent", "no_contact_consent"]), raw.places.get(column))
                   for column, reasons in refusals.items() if len(reasons))
    gone = _lost_list(raw)
    of_rows = gone["refused"] == "row"
    rejected = pd.concat([gone[of_rows], row_list, *value_lists])
    rejected = rejected.sort_values("row", kind="stable", ignore_index=True)
    cohort = values.reset_index(drop=True)
    _schema(study.rules.adsms).validate(cohort)
    if len(raw.text) != len(cohort) + len(row_list):
        raise AssertionError(f"{len(raw.text)} rows read, but {len(cohort)} kept and {len(row_list)} listed as refused")
    rows, after_discharge = _rows(len(raw.text) + of_rows.sum(), rejected, len(cohort)), None
    if raw.columns.contacts is not None:
        after_discharge = _scores_after_discharge(raw, values)
        contacts = pd.concat([gone[gone["refused"] == "contact"], _contact_list(raw, values)])
        rows |= _contact_rows(raw.read["contacts"], contacts, _contacts_used(raw, values))
        gone = pd.concat([gone[gone["refused"] != "contact"], contacts])
    rows |= {f"{kind}_read": read for kind, read in raw.read.items()}
    rejected = pd.concat([rejected, gone[gone["refused"] != "row"]], ignore_index=True)
    log = pd.DataFrame({"rule": rows.keys(), "rows": rows.values()})
    number, line = rejected["row"] // LINES_A_FILE, rejected["row"] % LINES_A_FILE
    rejected = rejected.assign(row=line, file=number.map(dict(enumerate(raw.files))).astype("str"))
    return Cleaned(cohort, rejected, log, raw.unused, raw.absent, raw.unmatched, raw, after_discharge)


def by_rule(rejected: pd.DataFrame) -> pd.DataFrame:
    """What each rule refused, in their order, zeros too: `refuses, rule, because, rows, values`.

    `rows`: lines of the export that it touched; `values`: those that it refused there, missing for whole rows.
    """
    words = {(kind, rule): because for kind, rules in {**CLEANING_RULES, **OTHER_RULES}.items()
             for rule, because in rules.items()}
    lines = rejected["file"].astype("str") + " " + rejected["row"].astype("str")
    found = lines.groupby([rejected["refused"], rejected["reason"]]).agg(rows="nunique", values="size")
    always = [rule for rule in words if rule[0] in CLEANING_RULES]  # the others only where they found something
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


# -- reading -----------------------------------------------------------------------------------------

def _interpret(raw: pd.DataFrame, columns: dict[str, Column], rules: Rules):
    """Typed values (missing where blank or refused), and for each column the reasons of its refused cells."""
    values, refusals = {}, {}
    for name, entry in dictionary().iterrows():
        column = columns.get(name, Column())
        if (raw[name] == "").all():
            values[name] = pd.Series(None, raw.index, dtype=_DTYPES[entry["type"]])
            refusals[name] = pd.Series(None, raw.index[:0], dtype="str")
            continue
        comma = column.decimal == "comma"
        match entry["type"]:
            case "text":
                read, reason = as_text(raw[name], column)
            case "code":
                read, reason = as_code(raw[name], column, entry["allowed"].split("|"))
            case "measure":
                read, reason = as_code(raw[name], column, rules.adsms)
            case "date":
                read, reason = as_date(raw[name], column)
            case "whole_number":
                read, reason = as_number(raw[name], entry["minimum"], entry["maximum"], False, comma)
            case "score":
                read, reason = as_number(raw[name], *limits_of(values["adsm"], rules.measures), comma)
        refused = reason.notna() & (raw[name] != "")
        values[name] = read.mask(refused).astype(_DTYPES[entry["type"]])
        refusals[name] = reason[refused]
    # a blank or unknown answer counts as no consent
    values["consent_contact"] = values["consent_contact"].fillna("no")
    return pd.DataFrame(values, index=raw.index), refusals


# -- the rules -------------------------------------------------------------------------------------

def _refused_rows(raw: Raw, values, refusals, study: Study) -> pd.Series:
    """For each row of the export the first of ROW_RULES that refuses it; missing where it stays."""
    ids, referrals = values["patient_id"], values[KEYS].fillna("")
    # what the rows of one referral say: their values, and where one could not be read, the text itself
    says = values[ids.notna() & referrals.duplicated(keep=False)].astype("object")
    for column, reasons in refusals.items():
        unread = reasons.index.intersection(says.index)
        says.loc[unread, column] = raw.text.loc[unread, column]
    copies = says.index[says.duplicated()]
    versions = referrals.loc[says.index.difference(copies)]
    conflicting = versions.index[versions.duplicated(keep=False)]
    differ = pd.MultiIndex.from_frame(referrals).isin(pd.MultiIndex.from_frame(referrals.loc[conflicting]))
    rules = {
        "not_a_patient": ids.index.isin(raw.not_patients),
        "no_patient_id": ids.isna(),
        "conflicting_rows": differ & ids.notna(),
        "copy": ids.index.isin(copies),
    }
    if study.discharged:
        first, last = map(pd.Timestamp, study.discharged)
        date = values["discharge_date"]
        rules["outside_window"] = (date < first) | (date > last)
        rules["no_discharge_date"] = date.isna()
    rules["too_few_sessions"] = values["sessions"].lt(study.rules.minimum_sessions).fillna(False).astype(bool)
    reason = pd.Series(None, raw.text.index, dtype="str")
    for rule, holds in rules.items():
        reason = reason.mask(reason.isna() & holds, rule)
    counted = values.loc[reason.isna(), [*KEYS, "referral_date", "discharge_date"]]
    other = not_counted(counted, study.referrals)
    reason[other.index[other]] = "other_referral"
    return reason


def _refuse(values, refusals, column: str, holds: pd.Series, reason: str) -> None:
    """Make the values of a column missing where `holds`, for this reason (a later rule overrides an earlier)."""
    if not holds.any():
        return
    values[column] = values[column].mask(holds)
    new = pd.Series(reason, holds.index[holds], dtype="str")
    refusals[column] = pd.concat([refusals[column].drop(new.index, errors="ignore"), new])


def _check_days(values, refusals, study: Study) -> None:
    """No follow-up and no later referral before discharge; and unless the study file says so, none of the former after
    the latter."""
    for column in (*(f"followup_{time}_date" for time in FOLLOW_UPS), "re_referred_date"):
        _refuse(values, refusals, column, values[column] < values["discharge_date"], "before_discharge")
    for time in FOLLOW_UPS if not study.follow_ups_after_re_referral else ():
        late = (values[f"followup_{time}_date"] >= values["re_referred_date"]).fillna(False)
        for column in columns_with(time=time, consent="contact"):
            _refuse(values, refusals, column, late & values[column].notna(), "after_re_referral")


def _check_items(values, refusals) -> None:
    """Totals against their items: where all items are there their sum is the total, where some are there is none."""
    for total in filter(items_of, SCORES):
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


# -- contacts of a long export ---------------------------------------------------------------------

def _scores_after_discharge(raw: Raw, values) -> pd.DataFrame:
    """The scores after discharge of those who agreed to be contacted, in the order of patient, date and measure."""
    placed = raw.contacts
    used = placed[placed["days"].notna() & ~placed["part"] & _of_referral(raw, values, "consent_contact").eq("yes")]
    ids = _of_referral(raw, values, "referral_id")[used.index]
    used = used.assign(referral_id=ids)[["patient_id", "referral_id", "date", "days", "measure", "score"]]
    used = used.astype({"days": "int64", "score": "float64"})
    return used.sort_values(["patient_id", "referral_id", "date", "measure"], ignore_index=True)


def _of_referral(raw: Raw, values, column: str) -> pd.Series:
    """What the cohort holds of the referral to which each contact belongs; missing where that is not in it."""
    found = values[column].set_axis(raw.referral[values.index]).reindex(raw.contacts["referral"])
    return found.set_axis(raw.contacts.index)


def _contact_list(raw: Raw, values) -> pd.DataFrame:
    """The refused contacts, each with the cell that the rule looked at, blank where the patient did not agree to it."""
    placed, consent = raw.contacts, _of_referral(raw, values, "consent_contact")
    # of another referral than those that were read it is enough that the patient is in the cohort
    inside = consent.notna() | ((placed["referral"] < 0) & placed["patient_id"].isin(values["patient_id"]))
    out = ~inside & ~placed["reason"].isin(["no_patient_id", "no_such_patient"])
    # one that gives a follow-up's score is listed among the values of that follow-up
    agreed = consent == "yes"
    withheld = placed["days"].notna() & placed["gives"].isna() & ~agreed
    reason = placed["reason"].mask(withheld, "no_contact_consent").mask(out, "patient_refused").dropna()
    column = placed["column"].mask(out, "patient_id").fillna("score")[reason.index]
    column = column.mask(reason == "other_adsm", "measure").mask(reason == "no_discharge_date", "date")
    after = placed.loc[reason.index, "after_discharge"]
    no_upflow = _of_referral(raw, values, "consent_upflow")[reason.index] == "no"
    # of a contact that cannot be told to be treatment or follow-up, either refusal hides the value
    hidden = (no_upflow & ~after.fillna(False)) | (~agreed[reason.index] & after.fillna(True))
    return _listed("contact", raw.contact_text, placed.loc[reason.index, "patient_id"], column, reason,
                   hidden & ~column.isin(KEYS))


def _contacts_used(raw: Raw, values) -> int:
    """How many contacts give a score, one answer of it or a session, or a follow-up's that is listed as withheld."""
    placed, consent = raw.contacts, _of_referral(raw, values, "consent_contact")
    after = placed["days"].notna() & (consent == "yes")
    appointment = placed["measure"].isna() & placed["reason"].isna()
    return int((consent.notna() & (placed["gives"].notna() | after | appointment)).sum())


# -- what is written down --------------------------------------------------------------------------

def _row_list(raw: Raw, row_reason: pd.Series, no_upflow: pd.Series) -> pd.DataFrame:
    """The refused rows, each with the cell that the rule looked at; sessions without agreed up-flow are withheld."""
    looked_at = {"outside_window": "discharge_date", "no_discharge_date": "discharge_date",
                 "too_few_sessions": "sessions", "other_referral": "referral_id"}
    out = row_reason.dropna()
    column = out.map(looked_at).fillna("patient_id").astype("str")
    hidden = (column == "sessions") & no_upflow.loc[out.index].fillna(False)
    ids = raw.text["patient_id"].mask(raw.text.index.isin(raw.not_patients), "")
    return _listed("row", raw.text, ids, column, out, hidden)


def _listed(refused: str, text, ids: pd.Series, column: pd.Series, reason: pd.Series, hidden,
            places: pd.Series | None = None) -> pd.DataFrame:
    """What was refused for a `reason`, each with its cell in the `column` that the rule looked at, unless `hidden`.

    `places`: for each row of `text` where the cell stands, if that is in another file.
    """
    value = pd.Series("", reason.index, dtype="str")
    for name in column.unique():
        value = value.mask(column == name, text.loc[reason.index, name])
    row = reason.index.to_series() if places is None else places[reason.index].fillna(reason.index.to_series())
    return pd.DataFrame({"row": row.astype("int64"), "patient_id": ids.loc[reason.index], "column": column,
                         "value": value.mask(hidden, ""), "reason": reason, "refused": refused}).reset_index(drop=True)


def _lost_list(raw: Raw) -> pd.DataFrame:
    """The rows of the export's files that give no row and no contact."""
    ids = raw.lost.get("patient_id", pd.Series(index=raw.lost.index, dtype="str")).fillna(
        raw.lost["value"].where(raw.lost["column"] == "patient_id", ""))
    columns = ["row", "patient_id", "column", "value", "reason", "refused"]
    return raw.lost.assign(patient_id=ids, row=raw.lost["place"])[columns]


def _rows(rows_read: int, rejected: pd.DataFrame, kept: int) -> dict[str, int]:
    """How many rows each rule refused, as the log tells it."""
    rows = rejected.groupby("reason")["row"].nunique()
    return {"rows_read": rows_read, **{rule: rows.get(rule, 0) for rule in ROW_RULES},
            "rows_in_cohort": kept, **{rule: rows.get(rule, 0) for rule in VALUE_RULES}}


def _contact_rows(contacts_read: int, rejected: pd.DataFrame, used: int) -> dict[str, int]:
    refused = rejected["reason"].value_counts()
    if contacts_read != used + refused.sum():
        raise AssertionError(f"{contacts_read} contacts read, but {used} used and {refused.sum()} listed as refused")
    return {"contacts_read": contacts_read, **{f"contact_{rule}": refused.get(rule, 0) for rule in CONTACT_RULES},
            "contacts_used": used}


def _schema(adsms: list[str]):
    """What a finished cohort must satisfy, from the data dictionary: an independent look at the result (pandera)."""
    import pandera.pandas as pa  # here: who compares finished cohorts checks none

    columns = {}
    for name, entry in dictionary().iterrows():
        checks = []
        if entry["type"] == "whole_number":
            checks = [pa.Check.in_range(entry["minimum"], entry["maximum"])]
        elif entry["type"] in ("code", "measure"):
            checks = [pa.Check.isin(entry["allowed"].split("|") if entry["type"] == "code" else adsms)]
        always = name in ("patient_id", "consent_contact")
        columns[name] = pa.Column(_DTYPES[entry["type"]], checks, nullable=not always)
    return pa.DataFrameSchema(columns, strict=True, ordered=True, unique=KEYS)
