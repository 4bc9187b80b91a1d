"""A column map for a folder of Talking Therapies tables: their columns are known, so little is guessed.

What the data set has no place for, as consent, is looked for in the other files of the folder.
"""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pandas as pd

from durability_utils.cohort.contacts import measure_names
from durability_utils.cohort.exports import LINES_A_FILE, read_as_text
from durability_utils.cohort.formats import file_format
from durability_utils.cohort.tables import (
    DERIVED_AGES,
    IDS,
    LATEST,
    SUBMISSIONS,
    Tables,
    identifies,
    read_tables,
    recognised,
)
from durability_utils.new_study import values
from durability_utils.new_study.exports import Export, months_together, read_new_export
from durability_utils.new_study.names import Meaning, Told
from durability_utils.new_study.proposal import (
    NO_MEASURE,
    Guess,
    Proposal,
    as_proposal,
    guess_columns,
    joined,
    usual_months,
)
from durability_utils.study.column_maps import CONTACT_COLUMNS, Column, ColumnMap, code_lists, normalise
from durability_utils.study.columns import dictionary
from durability_utils.study.errors import InputError
from durability_utils.study.measures import Measure

FORM = {"tables": "talking_therapies"}
# column of ours -> column of the tables and list of its codes; the first that is there and not blank throughout
PATIENTS = {
    "patient_id": [("LocalPatientId", "")], "referral_id": [("ServiceRequestId", "")],
    "referral_date": [("ReferralRequestReceivedDate", "")], "discharge_date": [("ServDischDate", "")],
    "gender": [("Gender", "nhs_gender"), ("GenderIdentity", "nhs_gender_identity")], "age": [("AgeAtReferral", "")],
    "ethnicity": [("EthnicCategory", "nhs_ethnic_category")], "end_reason": [("EndCode", "nhs_end_code")]}
CONTACTS = {
    "patient_id": [("LocalPatientId", "")], "referral_id": [("ServiceRequestId", "")],
    "contact_id": [("CareContactId", "")], "date": [("Date", "")],
    "measure": [("CodedAssToolType", "nhs_assessment_tool")], "score": [("PersScore", "")],
    "attended": [("AttendOrDNACode", "nhs_attendance")], "planned": [("PlannedCareContIndicator", "nhs_planned")],
    "appointment": [("AppType", "nhs_appointment_type")]}
COMPLAINTS = "nhs_adsm_of_complaint"
_VERSIONS = {*LATEST, *SUBMISSIONS, *DERIVED_AGES, *(other for others in IDS.values() for other in others)}


def propose_tables(folder: Path, measures: dict[str, Measure]) -> Proposal:
    """What is proposed for a folder of tables, with the files in it that tell more of its patients or referrals.

    Where no table has a score, the first and last scores that come back with the referrals are read as in a wide
    export. Raises InputError where the tables cannot be read.
    """
    tables = read_tables(folder)
    export = Export(tables.patients, measures, path=folder, form=FORM)
    placed = _placed(export, PATIENTS, ("patient_id", "referral_id", "referral_date", "discharge_date"))
    with_scores = bool((tables.contacts["PersScore"] != "").any())
    if not with_scores:
        taken = {guess.source for guess in placed.values()} | _VERSIONS
        others = replace(export, table=export.table[[name for name in export.table if name not in taken]])
        guesses, _ = guess_columns(others, [column for column in dictionary().index if column not in placed])
        placed |= {column: guess for column, guess in guesses.items() if guess.reading.meant}
    of_contacts = Export(tables.contacts, measures, path=folder, form=FORM)
    contacts = as_proposal(of_contacts, _placed(of_contacts, CONTACTS, [
        column for column, (_, required) in CONTACT_COLUMNS.items() if required]), [*CONTACT_COLUMNS])
    contacts = replace(contacts, sessions="treatment_contacts" if "appointment" in contacts.placed else "")
    discharged = placed["discharge_date"].reading.meant if "discharge_date" in placed else {}
    remarks = [*_of_tables(folder, tables), *_of_scores(tables, contacts, discharged, measures)]
    several = int((tables.patients["LocalPatientId"].value_counts().drop("", errors="ignore") > 1).sum())
    used = {name for guess in placed.values() for name in guess.names}
    proposal = replace(
        as_proposal(export, placed, list(dictionary().index)), contacts=contacts, several=several,
        discharged=usual_months(export, placed), unplaced={
            name: _why_unplaced(name, with_scores) for name in tables.patients if name not in used})
    proposal, left = _with_the_others(proposal, tables.others, measures)
    remarks += [*proposal.export.remarks, *(f"left aside: {said}" for said in left)]
    return replace(proposal, export=replace(proposal.export, remarks=tuple(remarks)))


def _placed(export: Export, columns: dict[str, list[tuple[str, str]]], required) -> dict[str, Guess]:
    """The guesses for the columns of which the tables have values, and for those of `required`."""
    placed = {}
    for column, known in columns.items():
        there = [pair for pair in known if len(export.counts.get(pair[0], ()))]
        source, codes = next(iter(there or known))
        if there or (column in required and source in export.table):
            meaning = Meaning(column, Told(column, []), 0, "the data set's own name", "")
            placed[column] = Guess(meaning, source, (source,), _reading(export, column, source, codes))
    return placed


def _reading(export: Export, column: str, source: str, codes: str) -> values.Reading:
    """How a column of the tables is read: dates as they are written, codes by their national list."""
    counts = export.counts[source]
    if codes:
        listed = {normalise(code): meaning for code, meaning in code_lists()[codes].items()}
        unknown = [text for text in counts.index if normalise(text) not in listed and counts[text] >= values.SHOWN]
        if column == "measure":
            named = measure_names(pd.Series(unknown, dtype="str"), Column(), export.measures)
            unknown = [text for text, known in zip(unknown, named["known"], strict=True) if not known]
        doubt = f"not in {codes}: {', '.join(f'{text[:40]} ({counts[text]} rows)' for text in unknown[:6])}"
        return values.Reading(f"codes of {codes}", {text: text for text in counts.index}, codes=codes,
                              doubt=doubt if unknown else "")
    if "date" in column:
        with suppress(values.Contradiction):
            return values.read_dates(counts)
    return values.Reading("as in the tables", {text: text for text in counts.index})


def _why_unplaced(name: str, with_scores: bool) -> str:
    if name in _VERSIONS:
        return "tells versions, ages or other ids; used in reading the tables"
    is_derived = name.endswith(("_FirstScore", "_LastScore", "_Flag", "_Count")) or name == "ADSM"
    return "derived; the scores and contacts themselves are there" if is_derived and with_scores else ""


# -- what a person has to know ---------------------------------------------------------------------

def _of_tables(folder: Path, tables: Tables) -> list[str]:
    """Remarks on the tables found, their versions, and what identifies somebody."""
    rows = {name: count for name, count in tables.read.items() if name.startswith("IDS")}
    is_older = tables.refused["reason"] == "older_version"
    lost = tables.refused[~is_older]
    older_rows = int((is_older & (tables.refused["refused"] == "row")).sum())
    older = int(is_older.sum()) + sum(tables.read.get(f"older_{name}", 0) for name in ("IDS001", "IDS202"))
    left_out = dict.fromkeys(column for name in tables.files for column in read_as_text(
        folder / name, ColumnMap(columns={}, file=file_format(folder / name)), 0) if identifies(column))
    remarks = [f"tables of the Talking Therapies Data Set in {len(tables.files)} files: "
               + ", ".join(f"{name} {count} rows" for name, count in rows.items()),
               f"the newest version of each record is kept: {len(tables.patients)} of "
               f"{len(tables.patients) + older_rows} rows of referrals; {older} rows of all tables are older versions"]
    remarks += [f"identifiers, which are left out: {', '.join(left_out)}"] if left_out else []
    table_of = {name: table for table, names in recognised(folder)[0].items() for name in names}
    gone = (tables.refused.loc[is_older, "place"] // LINES_A_FILE).map(lambda number: table_of[tables.files[number]])
    older_of = gone.value_counts().to_dict() | {name: tables.read.get(f"older_{name}") for name in ("IDS001", "IDS202")}
    unread = [name for name, count in rows.items() if count == older_of.get(name)]
    remarks += [f"CHECK: no row of {', '.join(unread)} is marked as the latest, so that none is read"] if unread else []
    remarks += [f"CHECK: {len(lost)} scores have no care contact, which would tell their day"] if len(lost) else []
    return remarks


def _of_scores(tables: Tables, contacts: Proposal, discharged: dict, measures: dict[str, Measure]) -> list[str]:
    """Remarks on tools that the study does not use, on scores after discharge, and on how sessions are counted."""
    cells = tables.contacts["CodedAssToolType"]
    scores = tables.contacts[(cells != "") & (tables.contacts["PersScore"] != "")]
    codes = {normalise(code): name for code, name in code_lists()["nhs_assessment_tool"].items()}
    named = measure_names(scores["CodedAssToolType"], Column(codes=codes), measures)
    unused = scores["CodedAssToolType"][named["known"] & named["measure"].isna()]
    counts = unused.map(lambda code: codes.get(normalise(code), code)).value_counts()
    remarks = [f"tools that the study does not use: {', '.join(f'{name} ({n} scores)' for name, n in counts.items())}"
               ] if len(counts) else []
    if scores.empty:
        return [*remarks, "CHECK: no table has a score (IDS606, IDS607): only what comes back derived with the "
                          "referrals can be read"]
    date = contacts.placed["date"].reading.meant
    left = tables.patients.drop_duplicates("ServiceRequestId").set_index("ServiceRequestId")["ServDischDate"]
    left = scores["ServiceRequestId"].map(left).map(discharged)
    later = int((pd.to_datetime(scores["Date"].map(date)) > pd.to_datetime(left)).sum())
    remarks.append(f"{later or 'no'} scores are dated after the discharge of their referral")
    if contacts.sessions:
        remarks.append("sessions are treatment contacts, as the NHS counts them: attended or not planned, AppType 02, "
                       "03 or 05")
    return remarks


# -- the other files of the folder -----------------------------------------------------------------

def _with_the_others(proposal: Proposal, paths: list[Path],
                     measures: dict[str, Measure]) -> tuple[Proposal, list[str]]:
    """The proposal with those files joined that tell more of its patients; and what is said of the others."""
    exports, left = [], []
    for path in paths:
        try:
            exports.append(read_new_export(path, measures))
        except InputError as error:
            left.append(str(error))
    for export in months_together(exports):
        found = joined(proposal, export)
        left += [f"{export.path.name}: nothing in it is of these patients or referrals, or has a place"
                 ] if found is None else []
        proposal = found or proposal
    return _with_adsm(proposal), left


def _with_adsm(proposal: Proposal) -> Proposal:
    """The relevant anxiety measure told by presenting complaint, where no file names it and one has such codes."""
    if "adsm" not in proposal.absent:
        return _without_doubt(proposal)
    listed = {normalise(code): code for code in code_lists()[COMPLAINTS]}
    for name, beside in proposal.joined.items():
        for source, counts in beside.export.counts.items():
            known = [text for text in counts.index if normalise(text) in listed]
            if not known or counts[known].sum() < values.AGREE * counts.sum():
                continue
            doubt = "by the presenting complaint; of a complaint without a measure there is none"
            meaning = Meaning("adsm", Told("adsm", []), 0, "codes of presenting complaints", "")
            guess = Guess(meaning, source, (source,), values.Reading(
                f"codes of {COMPLAINTS}", {text: text for text in known}, codes=COMPLAINTS), (doubt,))
            placed = {column: other for column, other in beside.placed.items() if other.source != source}
            taken = beside.placed.keys() - placed.keys()
            found = replace(beside, placed=placed | {"adsm": guess}, unplaced={
                column: reason for column, reason in beside.unplaced.items() if column != source})
            absent = [column for column in dictionary().index if column in {*proposal.absent, *taken} - {"adsm"}]
            return _without_doubt(replace(proposal, absent=absent, joined=proposal.joined | {name: found}))
    remark = "CHECK: the relevant anxiety measure of a patient is that of the earliest score: no file tells it"
    return replace(proposal, export=replace(proposal.export, remarks=(*proposal.export.remarks, remark)))


def _without_doubt(proposal: Proposal) -> Proposal:
    """Without asking of which measure the scores of a joined file are: another file tells it."""
    def told(guess: Guess) -> Guess:
        return replace(guess, doubts=tuple(doubt for doubt in guess.doubts if doubt != NO_MEASURE))

    return replace(proposal, joined={name: replace(beside, placed={
        column: told(guess) for column, guess in beside.placed.items()}) for name, beside in proposal.joined.items()})
