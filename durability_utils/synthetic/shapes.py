"""A cohort as the tables that services really hold: one small writer for each shape, and the map that reads it.

Texts in (canonical columns, ISO dates, blanks for missing), files out. What is written says nothing but what the cohort
says; what a shape cannot carry, and what it adds, its test names.
"""

import csv
import datetime as dt
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import openpyxl
import pandas as pd
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from durability_utils.study.columns import FOLLOW_UPS, TIMES, dictionary, items_of, totals
from durability_utils.synthetic.tables import write_tables

EVENTS = {"baseline_arm_1": "baseline", "end_arm_1": "end", "6_months_arm_1": "6m", "12_months_arm_1": "12m"}
# in a long export the days since discharge of scores of which the cohort tells no day
DAYS = {"baseline": -100, "end": -7, "6m": 183, "12m": 365}
NO_DAY = dt.date(2016, 6, 15)  # stands for a discharge that is not told
MI_ITEMS = 27
SURVEY_TEXTS = {"patient_id": "Your reference number (on our letter)", "date": "RecordedDate"}


class Written(NamedTuple):
    """One service's files, and what reads them.

    service: what stands in a study file behind the service, without `columns`; paths start from the folder. columns:
    the column map. study: further lines of the study file.
    """

    service: dict
    columns: dict
    study: dict | None = None


Writer = Callable[[pd.DataFrame, Path], Written]


# -- one file, one row a patient -------------------------------------------------------------------

def of_one_file(above=(), below: Callable = lambda table: [], day: Callable = str, number: Callable = str,
                separator: str = ",", encoding: str = "utf-8", header: int = 1, mean_of_items: bool = False,
                **head) -> Writer:
    """The writer of a delimited file: lines above the header and below the table, how days and scores are written.

    `head`: what the column map says beside columns and file. `mean_of_items`: the MI as the mean of its items.
    """
    form = {"separator": separator, "encoding": encoding, "header": header}
    form = {key: value for key, value in form.items()
            if value != {"separator": ",", "encoding": "utf-8", "header": 1}[key]}

    def write(texts: pd.DataFrame, folder: Path) -> Written:
        table, codes = _spelt(_filled(texts), day, number, mean_of_items), {}
        if encoding != "utf-8":  # letters that differ
            codes = {f"\u00ab{text}\u00bb caf\u00e9": text for text in texts["primary_problem"].unique() if text}
            table["primary_problem"] = table["primary_problem"].replace({to: was for was, to in codes.items()})
        _write(folder / "export.csv", [*above, [*table], *table.to_numpy(), *below(table)], separator, encoding)
        columns = _names(table) | ({"primary_problem": {"column": "primary_problem", "codes": codes}} if codes else {})
        return Written({"file": "export.csv"}, {**({"file": form} if form else {}), **head, "columns": columns},
                       {"measures": "nhs_talking_therapies"} if mean_of_items else {})
    return write


def _filled(texts: pd.DataFrame) -> pd.DataFrame:
    """The columns of which any cell is filled, and those that every export has to have."""
    always = dictionary()["required"].isin(["yes", "window"])
    return texts[[name for name in dictionary().index if name in texts and (always[name] or (texts[name] != "").any())]]


def _names(table: Iterable[str]) -> dict[str, str]:
    return {name: name for name in table}


def _spelt(table: pd.DataFrame, day: Callable = str, number: Callable = str, mean_of_items=False) -> pd.DataFrame:
    types = dictionary()["type"]
    spelt = {}
    for name in table:
        cells = table[name]
        if name.startswith("adsm_") and mean_of_items and "adsm" in table:  # nobody may have one
            means = pd.to_numeric(cells[table["adsm"] == "MI"]) / MI_ITEMS
            cells = cells.mask(table["adsm"] == "MI", means.map("{:.2f}".format).where(means.notna(), ""))
        if types[name] in ("date", "score", "whole_number"):
            write = day if types[name] == "date" else number
            cells = cells.map(lambda cell, write=write: write(cell) if cell else "")
        spelt[name] = cells
    return pd.DataFrame(spelt, index=table.index)


def _write(path: Path, rows, separator: str = ",", encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=separator, lineterminator="\n").writerows(rows)


def _totals(table: pd.DataFrame) -> list[list[str]]:
    """A row of totals and one of means, as a spreadsheet has them below."""
    numbers = table[[*totals("baseline")[:2]]].apply(pd.to_numeric, errors="coerce")
    return [[label if name == "patient_id" else f"{found[name]:.1f}" if name in found else "" for name in table]
            for label, found in (("Total", numbers.sum()), (f"Mean (n = {len(table)})", numbers.mean()))]


def _in_utc(day: str) -> str:
    """Midnight in London of that day, as a database in UTC writes it: in summer 23:00 of the day before."""
    midnight = dt.datetime.combine(dt.date.fromisoformat(day), dt.time(), ZoneInfo("Europe/London"))
    return midnight.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _since(origin: dt.date) -> Callable[[str], str]:
    return lambda day: str((dt.date.fromisoformat(day) - origin).days)


def _styled(style: str) -> Callable[[str], str]:
    return lambda day: dt.date.fromisoformat(day).strftime(style)


# -- several files ---------------------------------------------------------------------------------

def in_parts(files: str | list[str], again: int = 0) -> Writer:
    """Three files one after another, each beginning with the last `again` rows of the one before."""
    def write(texts: pd.DataFrame, folder: Path) -> Written:
        table, part = _filled(texts), -(-len(texts) // 3)
        for number in range(3):
            rows = table.iloc[max(number * part - again, 0) if number else 0:(number + 1) * part]
            if len(rows) or not number:
                _write(folder / f"month_{number + 1}.csv", [[*table], *rows.to_numpy()])
        there = sorted(path.name for path in folder.glob("month_*.csv"))
        return Written({"file": there if isinstance(files, list) else files}, {"columns": _names(table)})
    return write


def consent_apart(texts: pd.DataFrame, folder: Path) -> Written:
    """Who agreed stands in a list of its own, in its own words."""
    table = _filled(texts)
    consents = [name for name in table if name.startswith("consent_")]
    said = {"yes": "Y", "no": "N"}
    _write(folder / "export.csv", [[*table.columns.drop(consents)], *table.drop(columns=consents).to_numpy()])
    _write(folder / "consents.csv", [["Ref", *consents], *table[["patient_id", *consents]].replace(said).to_numpy()])
    codes = {answer: meaning for meaning, answer in said.items()}
    listed = {"patient_id": "Ref", **{name: {"column": name, "codes": codes} for name in consents}}
    return Written({"file": "export.csv", "joined": {"consents": "consents.csv"}},
                   {"columns": _names(table.columns.drop(consents)), "joined": {"consents": {"columns": listed}}})


def qualtrics(texts: pd.DataFrame, folder: Path) -> Written:
    """Answers at follow-up as a survey exports them: three lines of names, the patient's id in one question."""
    def write(name: str, table: pd.DataFrame) -> dict:
        asked = [f"Q{number}" for number, _ in enumerate(table, start=1)]
        imports = [json.dumps({"ImportId": f"QID{number}"}) for number, _ in enumerate(table, start=1)]
        _write(folder / f"{name}.csv", [["ResponseId", *asked], ["Response ID", *map(_question, table)],
                                        [json.dumps({"ImportId": "_recordId"}), *imports],
                                        *([f"R_{number:05d}", *row] for number, row in enumerate(table.to_numpy()))])
        return {"file": {"data": 4}, "columns": dict(zip(table, asked, strict=True))}
    return _surveys(texts, folder, write, "csv")


def forms(texts: pd.DataFrame, folder: Path) -> Written:
    """The same as Forms gives it: a workbook, the whole question as the name of its column, real days."""
    def write(name: str, table: pd.DataFrame) -> dict:
        rows = [[number, *_typed(row, table)] for number, row in enumerate(table.to_numpy(), start=1)]
        _book([["ID", *map(_question, table)], *rows]).save(folder / f"{name}.xlsx")
        return {"columns": {column: _question(column) for column in table}}
    return _surveys(texts, folder, write, "xlsx")


def _surveys(texts: pd.DataFrame, folder: Path, write: Callable, suffix: str) -> Written:
    """The patients' file without their answers, and for each follow-up a file of those who gave any."""
    table, joined, left = _filled(texts), {}, []
    for time in FOLLOW_UPS:
        own = [name for name in table if f"_{time}" in name]
        answers = table.loc[(table[own] != "").any(axis=1), ["patient_id", *own]]
        if own and len(answers):
            joined[f"survey_{time}"] = write(f"survey_{time}", answers)
            left += own
    _write(folder / "export.csv", [[*table.columns.drop(left)], *table.drop(columns=left).to_numpy()])
    return Written({"file": "export.csv", "joined": {name: f"{name}.{suffix}" for name in joined}},
                   {"columns": _names(table.columns.drop(left)), "joined": joined})


def _question(column: str) -> str:
    return SURVEY_TEXTS.get(column, f"{dictionary().at[column, 'description']}?")


# -- several rows a patient ------------------------------------------------------------------------

def events(texts: pd.DataFrame, folder: Path) -> Written:
    """As REDCap exports it: a row a patient and event, what is said once in the first of them."""
    table, times = _filled(texts), {}
    for name in table:
        time = next((time for time in TIMES if re.search(rf"_{time}(_|$)", name)), None)
        if time:
            column = re.sub(rf"_{time}(?=_|$)", "", name)
            times[name] = time, f"{column}_total" if column in table else column
    fixed = [name for name in table if name not in times]
    own = list(dict.fromkeys(column for _, column in times.values()))
    rows = []
    for patient in table.to_dict("records"):
        for event, time in EVENTS.items():
            said = {column: patient[name] for name, (at, column) in times.items() if at == time}
            if time == "baseline" or any(said.values()):
                once = {name: patient[name] for name in fixed if time == "baseline" or name == "patient_id"}
                rows.append([{"redcap_event_name": event, **once, **said}.get(name, "")
                             for name in ("patient_id", "redcap_event_name", *fixed[1:], *own)])
    _write(folder / "redcap.csv", [["patient_id", "redcap_event_name", *fixed[1:], *own], *rows])
    lines = {re.sub(rf"_{time}(?=_|$)", "_<time>", name): column for name, (time, column) in times.items()}
    return Written({"file": "redcap.csv"}, {"events": {"column": "redcap_event_name", "times": EVENTS},
                                            "columns": _names(fixed) | lines})


def of_contacts(by_item: bool = False, referrals: bool = False) -> Writer:
    """A row a contact and measure beside the patients, or one a question; with referrals and their ids.

    A score at end without one at baseline stands among the patients: among the contacts it would be the first. Every
    third patient who answered no follow-up is referred again, and treated; everybody missed an appointment.
    """
    def write(texts: pd.DataFrame, folder: Path) -> Written:
        table = _filled(texts)
        scores = [name for time in TIMES for name in totals(time) if name in table]
        alone = {name: table[name].where(table[name.replace("_end", "_baseline")] == "", "")
                 for name in scores if name.endswith("_end")}
        patients = table[[name for name in table if name not in scores and "_item" not in name]].assign(**{
            name: cells for name, cells in alone.items() if cells.any()})
        contacts = [contact for _, patient in table.iterrows()
                    for contact in _contacts(patient, scores, alone, by_item)]
        head = ["patient_id", "referral_id", "date", "measure", "item", "score", "attended"]
        if referrals:
            silent = (table.filter(regex="_6m|_12m") == "").all(axis=1)
            again = [patient for _, patient in patients[silent][::3].iterrows()]
            contacts += [contact for patient in table.to_dict("records") for contact in _missed(patient)]
            contacts += [contact for patient in again for contact in _again(patient)]
            patients = _with_referrals(patients, again)
        _write(folder / "patients.csv", [[*patients], *patients.to_numpy()])
        dropped = [name for name, there in (("item", by_item), ("referral_id", referrals), ("attended", referrals))
                   if not there]
        lines = pd.DataFrame(contacts, columns=head).drop(columns=dropped)
        _write(folder / "scores.csv", [[*lines], *lines.to_numpy()])
        return Written({"file": "patients.csv", "contacts": "scores.csv"},
                       {"columns": _names(patients), "contacts": {"columns": _names(lines)}},
                       {"follow_up_windows": {"6m": [91, 273], "12m": [274, 456]}})
    return write


def _contacts(patient: pd.Series, scores: list[str], alone: dict, by_item: bool) -> Iterable[list[str]]:
    """A patient's contacts: id, referral, day, measure, item, score, attended."""
    discharged = dt.date.fromisoformat(patient["discharge_date"]) if patient["discharge_date"] else NO_DAY
    for column in scores:
        family, time = column.split("_")
        items = [patient[item] for item in items_of(column) if item in patient] if by_item else []
        score = "" if column in alone and alone[column][patient.name] else patient[column]
        told = patient.get(f"followup_{time}_date", "")
        day = told or str(discharged + dt.timedelta(DAYS[time]))
        measure = {"phq9": "PHQ-9", "gad7": "GAD-7", "wsas": "WSAS"}.get(family, patient.get("adsm", ""))
        before = [patient["patient_id"], f"{patient['patient_id']}/1", day, measure]
        if any(items):
            yield from ([*before, number, answer, ""] for number, answer in enumerate(items, start=1) if answer)
        elif score:
            yield [*before, "", score, ""]


def _missed(patient: dict) -> Iterable[list[str]]:
    if patient["discharge_date"]:
        day = dt.date.fromisoformat(patient["discharge_date"]) - dt.timedelta(30)
        yield [patient["patient_id"], f"{patient['patient_id']}/1", str(day), "", "", "", "no"]


def _again(patient: pd.Series) -> Iterable[list[str]]:
    """The contacts of a later referral: six sessions, as many weeks after the discharge as a follow-up may be."""
    discharged = dt.date.fromisoformat(patient["discharge_date"]) if patient["discharge_date"] else NO_DAY
    for session in range(6):
        day = str(discharged + dt.timedelta(120 + 7 * session))
        for measure, score in (("PHQ-9", 20 - session), ("GAD-7", 15 - session)):
            yield [patient["patient_id"], f"{patient['patient_id']}/2", day, measure, "", str(score), "yes"]


def _with_referrals(patients: pd.DataFrame, again: list[pd.Series]) -> pd.DataFrame:
    """One row a referral: first ones received 150 days before discharge, later ones 100 days after it, still open."""
    def received(days: int, people: pd.DataFrame) -> pd.Series:
        day = pd.to_datetime(people["discharge_date"].replace("", str(NO_DAY))) + pd.Timedelta(days=days)
        return day.dt.strftime("%Y-%m-%d")
    later = pd.DataFrame(again, columns=patients.columns)
    first = patients.assign(referral_id=patients["patient_id"] + "/1", referral_date=received(-150, patients))
    later = later.assign(referral_id=later["patient_id"] + "/2", referral_date=received(100, later),
                         discharge_date=later["discharge_date"].map(
                             lambda day: day and str(dt.date.fromisoformat(day) + dt.timedelta(170))))
    return pd.concat([first, later], ignore_index=True)


# -- other formats ---------------------------------------------------------------------------------

def workbook(sheets=(), hidden: int = 0, epoch=None) -> Writer:
    """A workbook with real days and numbers: other sheets beside that of the data, every so-manieth row hidden."""
    def write(texts: pd.DataFrame, folder: Path) -> Written:
        table = _filled(texts)
        book = _book([[*table], *(_typed(row, table) for row in table.to_numpy())], epoch)
        data = book.active
        data.title = "Data"
        for place, (title, lines) in enumerate(sheets):
            other = book.create_sheet(title, place)
            for line in lines:
                other.append(line)
        for line in range(3, data.max_row + 1, hidden) if hidden else ():
            data.row_dimensions[line].hidden = True
        book.save(folder / "export.xlsx")
        return Written({"file": "export.xlsx"}, {**({"file": {"sheet": "Data"}} if sheets else {}),
                                                 "columns": _names(table)})
    return write


def _book(rows, epoch=None) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    if epoch:
        book.epoch = epoch
    for row in rows:
        book.active.append(list(row))
    return book


def _typed(row: Iterable[str], table: pd.DataFrame) -> list:
    """The cells of a row as the days and numbers that they are; what is none stays text."""
    types = dictionary()["type"]
    found = []
    for name, cell in zip(table, row, strict=True):
        if types[name] == "date" and re.fullmatch(r"\d{4}-\d\d-\d\d", cell):
            found.append(dt.datetime.fromisoformat(cell))
        elif types[name] in ("whole_number", "score") and re.fullmatch(r"-?\d+", cell):
            found.append(int(cell))
        else:
            found.append(cell or None)
    return found


def spss(texts: pd.DataFrame, folder: Path) -> Written:
    """Codes as numbers with labels, days as days."""
    import pyreadstat

    table, types, frame, labels, columns = _filled(texts), dictionary()["type"], {}, {}, {}
    for name in table:
        columns[name] = name
        if types[name] == "date":
            frame[name] = pd.to_datetime(table[name].replace("", None), errors="coerce")
        elif types[name] in ("code", "measure"):
            numbers = {text: number for number, text in enumerate(sorted({*table[name]} - {""}), start=1)}
            frame[name] = table[name].map(numbers).astype(float)
            labels[name] = {float(number): text for text, number in numbers.items()}
            columns[name] = {"column": name, "codes": {str(number): text for text, number in numbers.items()}}
        elif types[name] == "text":
            frame[name] = list(table[name])
        else:
            frame[name] = pd.to_numeric(table[name], errors="coerce").astype(float)
    pyreadstat.write_sav(pd.DataFrame(frame), folder / "export.sav", variable_value_labels=labels,
                         variable_format=dict.fromkeys(table.columns[types[table.columns] == "date"], "DATE11"))
    return Written({"file": "export.sav"}, {"columns": columns})


def parquet(texts: pd.DataFrame, folder: Path) -> Written:
    """Typed columns, nothing as nothing."""
    table = _filled(texts)
    typed = pd.DataFrame([_typed(row, table) for row in table.to_numpy()], columns=table.columns, dtype="object")
    typed.convert_dtypes().to_parquet(folder / "export.parquet", index=False)
    return Written({"file": "export.parquet"}, {"columns": _names(table)})


def talking_therapies(form: str) -> Writer:
    """The tables of the IAPT Data Set, and beside them what it has no place for."""
    def write(texts: pd.DataFrame, folder: Path) -> Written:
        types, cohort = dictionary()["type"], texts.replace("", None).assign(service="A")
        for name, kind in types.items():
            if kind == "date":
                cohort[name] = pd.to_datetime(cohort[name])
            elif kind in ("whole_number", "score"):
                cohort[name] = pd.to_numeric(cohort[name]).astype("Float64")
        paths = write_tables(cohort, folder / "tables", form=form)
        beside = {path.stem: f"tables/{path.name}" for path in paths if path.stem in ("local", "survey", "end_only")}
        joined = {}
        for name, file in beside.items():
            head = (folder / file).read_text(encoding="utf-8").split("\n", 1)[0].split(",")
            keys = {"ServiceRequestId": "referral_id", "LocalPatientId": "patient_id"}
            joined[name] = {"columns": {keys.get(column, column): column for column in head}}
        return Written({"file": "tables", "joined": beside}, {**TABLES, "joined": joined},
                       {"measures": "nhs_talking_therapies", "follow_up_windows": {"6m": [91, 273], "12m": [274, 456]}})
    return write


TABLES = {
    "file": {"tables": "talking_therapies"},
    "columns": {
        "patient_id": "LocalPatientId", "referral_id": "ServiceRequestId",
        "referral_date": "ReferralRequestReceivedDate", "discharge_date": "ServDischDate", "age": "AgeAtReferral",
        "gender": {"column": "Gender", "codes": "nhs_gender"},
        "ethnicity": {"column": "EthnicCategory", "codes": "nhs_ethnic_category"}},
    "contacts": {"sessions": "treatment_contacts", "columns": {
        "patient_id": "LocalPatientId", "referral_id": "ServiceRequestId", "contact_id": "CareContactId",
        "date": "Date", "measure": {"column": "CodedAssToolType", "codes": "nhs_assessment_tool"},
        "score": "PersScore", "attended": {"column": "AttendOrDNACode", "codes": "nhs_attendance"},
        "planned": {"column": "PlannedCareContIndicator", "codes": "nhs_planned"},
        "appointment": {"column": "AppType", "codes": "nhs_appointment_type"}}}}

SHAPES: dict[str, Writer] = {
    "files_in_a_list": in_parts(["month_1.csv"]),
    "files_by_pattern": in_parts("month_*.csv"),
    "files_that_overlap": in_parts("month_*.csv", again=2),
    "title_lines": of_one_file(above=[["Follow-up extract, synthetic"], ["Discharges of June 2016"], []], header=4),
    "totals": of_one_file(below=_totals),
    "note_below": of_one_file(below=lambda table: [["Extracted on 1 August 2017 by the data team"]]),
    "decimal_comma": of_one_file(number=lambda text: text.replace(".", ",") if "." in text else f"{text},0",
                                 separator=";", mean_of_items=True, decimal="comma"),
    "dotted_dates": of_one_file(day=_styled("%d.%m.%Y"), dates="day_first"),
    "two_digit_years": of_one_file(day=_styled("%d/%m/%y"), dates="day_first"),
    "serials": of_one_file(day=_since(dt.date(1899, 12, 30)), dates="excel_serial"),
    "serials_of_1904": of_one_file(day=_since(dt.date(1904, 1, 1)), dates="excel_serial_1904"),
    "times_with_zone": of_one_file(day=_in_utc),
    "semicolons": of_one_file(separator=";"),
    "utf_16": of_one_file(separator="\t", encoding="utf-16"),
    "windows_1252": of_one_file(separator=";", encoding="windows-1252"),
    "workbook": workbook(),
    "workbook_of_1904": workbook(epoch=CALENDAR_MAC_1904),
    "hidden_rows_and_other_sheets": workbook(hidden=5, sheets=[
        ("Notes", [["Extract of June"], ["Ask the data team"]]), ("Pivot", [["Month", "n"], ["June", 12]])]),
    "spss_labels": spss,
    "parquet": parquet,
    "consent_apart": consent_apart,
    "qualtrics": qualtrics,
    "forms": forms,
    "events_as_rows": events,
    "contacts": of_contacts(),
    "contacts_of_referrals": of_contacts(referrals=True),
    "one_row_an_item": of_contacts(by_item=True),
    "tables_as_submitted": talking_therapies("as_submitted"),
    "tables_as_returned": talking_therapies("as_returned"),
}
