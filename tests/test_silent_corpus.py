"""More than a hundred exports in the dialects of services, each with the truth beside it: none is wrong without a word.

Each goes through `durability new`, and as it is proposed through cleaning and the looks for what is odd. Oracle: the
cohort that the export was written from, and for each case what a person would want of it, typed by hand:

- `right`: scores, days, consent, sessions and ids are those of the cohort;
- `said`: each column that is not is named by a CHECK, NOT FOUND, REQUIRED or `no place for`, by a finding of level
  warning or stop, or by refused values or rows;
- `refused`: an error that names the thing.
"""

import datetime as dt
import io
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import openpyxl
import pandas as pd
import pyreadstat
import pytest
from strangers_export import cohort_texts

from durability_utils.cohort.cleaning import clean_service
from durability_utils.cohort.plausibility import WHO, look, same_people
from durability_utils.new_study.draft import new_study
from durability_utils.study.columns import TIMES, items_of
from durability_utils.study.errors import InputError
from durability_utils.study.study_file import read_study
from durability_utils.synthetic.example import CODES, DATES, NAMES
from durability_utils.synthetic.shapes import SHAPES

TODAY = pd.Timestamp("2018-01-01")
PAIR = [f"{measure}_{time}" for time in TIMES for measure in ("phq9", "gad7")]
ADSM = [f"adsm_{time}" for time in ("baseline", "end")]
DECIDES = ["discharge_date", "consent_contact", "sessions", *PAIR, *ADSM, "followup_6m_date", "followup_12m_date"]
N = NAMES | {"adsm": "ADSM", "adsm_baseline": "ADSM first", "adsm_end": "ADSM last"}
SIX, TWELVE = [["phq9_6m", "gad7_6m"], ["phq9_12m", "gad7_12m"]]
FIRST, LAST = [["phq9_baseline", "gad7_baseline"], ["phq9_end", "gad7_end"]]
# refusals that say nothing of what is wrong with an export
NO_WORD = ("copy", "not_a_patient", "no_contact_consent", "no_upflow_consent", "other_referral")
Files = dict[str, bytes]


class Case(NamedTuple):
    """What an export is, what it must come to, words that have to be said, and how it is made of the cohort.

    make: cohort as text -> files by name. adsm: the truth has the ADSM. by_counts: ids are not the cohort's, and only
    how many there are of each score is compared. part: some patients are left out on purpose.
    """

    id: str
    expected: str
    says: str
    make: Callable[[pd.DataFrame], Files]
    adsm: bool = False
    by_counts: bool = False
    part: bool = False


@cache
def truth() -> pd.DataFrame:
    """Who answered a follow-up, and some who did not, agreed or not; canonical columns as text."""
    texts = cohort_texts().apply(lambda column: column.str.removesuffix(".0"))
    answered = (texts[["phq9_6m", "phq9_12m"]] != "").any(axis=1)
    scored = (texts[FIRST + LAST] != "").all(axis=1) & ~answered
    # everybody who agreed answered once: some are taken twice, the second time without their answers
    silent = texts[answered & (texts[FIRST + LAST] != "").all(axis=1)].head(36).copy()
    silent["patient_id"] = "N" + silent["patient_id"]
    silent[[name for name in texts if "6m" in name or "12m" in name]] = ""
    chosen = pd.concat([texts[answered], silent, texts[scored].head(40)])
    return chosen.sort_values("patient_id", ignore_index=True)


def own(texts: pd.DataFrame, *more: str) -> pd.DataFrame:
    """In the words of a service, days first, NULL for missing; `more`: canonical columns beside the usual."""
    table = texts[[*NAMES, *more]].copy()
    for column, codes in CODES.items():
        table[column] = table[column].replace(codes)
    for column in DATES:
        table[column] = days(table[column], "%d/%m/%Y")
    return table.mask(table == "", "NULL").rename(columns=N)


def days(column: pd.Series, style: str) -> pd.Series:
    return pd.to_datetime(column.replace("", None)).dt.strftime(style).fillna("")


def text_of(table: pd.DataFrame, separator=",", encoding="utf-8", ends="\n") -> bytes:
    return table.to_csv(index=False, sep=separator, lineterminator=ends).encode(encoding)


def one(change: Callable[[pd.DataFrame], pd.DataFrame | None], *more: str, before=False, **written):
    """A case's file: the export with a change of its table in the service's words (`before`: in the canonical ones)."""
    def make(texts: pd.DataFrame) -> Files:
        texts = texts.copy()
        if before:
            found = change(texts)
            return {"north.csv": text_of(own(texts if found is None else found, *more), **written)}
        table = own(texts, *more)
        found = change(table)
        return {"north.csv": text_of(table if found is None else found, **written)}
    return make


def raw(change: Callable[[bytes], bytes], name="north.csv"):
    return lambda texts: {name: change(text_of(own(texts)))}


def renamed(**names):
    return one(lambda table: table.rename(columns={N[column]: name for column, name in names.items()}))


def beside(**columns):
    """Further columns, each of numbers from 0 to so many, or of a canonical column."""
    rng = np.random.default_rng(8)
    def change(table):
        for name, of in columns.items():
            name = name.replace("_", " ")
            table[name] = table[N[of]] if isinstance(of, str) else rng.integers(0, of + 1, len(table)).astype(str)
    return one(change)


def put(columns, value: Callable[[pd.DataFrame, str], pd.Series], where: Callable | None = None):
    """Canonical cells as `value(texts, column)` gives them, where `where(texts, column)`."""
    def change(texts):
        before = texts.copy()
        for column in columns:
            found = value(before, column)
            texts[column] = found if where is None else texts[column].mask(where(before, column), found)
    return one(change, before=True)


def numbers(texts, column):
    return pd.to_numeric(texts[column])


def whole(values: pd.Series) -> pd.Series:
    return values.round().astype("Int64").astype("str").fillna("")


def blank(texts, column):
    return texts[column] == ""


def shifted(number_of_days: int):
    return lambda texts, column: (pd.to_datetime(texts[column].replace("", None)) + pd.Timedelta(
        days=number_of_days)).dt.strftime("%Y-%m-%d").fillna("")


def cells(columns, respell: Callable[[str], str], missing="NULL"):
    """The service's cells in these columns spelt otherwise, those that are missing aside."""
    def change(table):
        for column in columns:
            table[N[column]] = table[N[column]].map(lambda cell: missing if cell == "NULL" else respell(cell))
    return one(change)


def rows(change: Callable[[pd.DataFrame], list[dict]], at=None):
    """Further rows, at the end or so far down."""
    def add(table):
        new = pd.DataFrame(change(table)).reindex(columns=table.columns, fill_value="").fillna("")
        place = len(table) if at is None else at
        return pd.concat([table.iloc[:place], new, table.iloc[place:]])
    return one(add)


def ids(respell: Callable[[int, str], str]):
    return put(["patient_id"], lambda texts, column: pd.Series(
        [respell(number, text) for number, text in enumerate(texts[column])], texts.index))


def book(*sheets: tuple[str, list[list]], name="north.xlsx") -> Files:
    made, buffer = openpyxl.Workbook(), io.BytesIO()
    made.remove(made.active)
    for title, lines in sheets:
        sheet = made.create_sheet(title)
        for line in lines:
            sheet.append(line)
    made.save(buffer)
    return {name: buffer.getvalue()}


def lines_of(table: pd.DataFrame) -> list[list[str]]:
    return [[*table], *map(list, table.to_numpy())]


def statistical(write, name):
    def make(texts):
        from tempfile import TemporaryDirectory

        table = own(texts).rename(columns=lambda column: column.replace(" ", "_"))
        with TemporaryDirectory() as folder:
            write(table, Path(folder, name))
            return {name: Path(folder, name).read_bytes()}
    return make


# -- right -----------------------------------------------------------------------------------------

def numbered(table):
    times = dict(zip(TIMES, ("T0", "T1", "T2", "T3"), strict=True))
    return table.rename(columns={N[f"{measure}_{time}"]: f"{measure.upper()} {number}"
                                 for time, number in times.items() for measure in ("phq9", "gad7")})


def of_weeks(table):
    return table.assign(**{"PHQ9 3 months": table[N["phq9_6m"]], "PHQ9 week 6": table[N["phq9_end"]]})


RIGHT = [
    Case("as a service writes it", "right", "", one(lambda table: None)),
    *(Case(f"separated by {name}", "right", "", one(lambda table: None, separator=separator))
      for name, separator in (("semicolons", ";"), ("tabs", "\t"), ("bars", "|"))),
    *(Case(f"in {encoding}", "right", "", one(lambda table: table.assign(Team="Café Süd"), encoding=encoding))
      for encoding in ("utf-8-sig", "utf-16", "windows-1252")),
    Case("CRLF", "right", "", one(lambda table: None, ends="\r\n")),
    Case("CR", "right", "", one(lambda table: None, ends="\r")),
    Case("quoted line ends", "right", "", one(lambda table: table.assign(Notes="one\ntwo, three"))),
    Case("a line end in a name", "right", "", one(lambda table: table.assign(**{"Some\nnotes": "x"}))),
    Case("outer blanks", "right", "", cells(PAIR, " {} ".format)),
    Case("non-breaking spaces around numbers", "right", "", cells(PAIR, "\u00a0{}\u00a0".format)),
    Case("whole numbers with .0", "right", "", cells(PAIR, "{}.0".format)),
    Case("whole numbers with ,0", "right", "", one(lambda table: table.apply(
        lambda column: column.where(~column.str.fullmatch(r"\d+") | ~column.name.startswith(("PHQ", "GAD", "FU")),
                                    column + ",0")), separator=";")),
    *(Case(f"missing is {code or 'blank'}", "right", "",
           one(partial(pd.DataFrame.replace, to_replace="NULL", value=code)))
      for code in ("", ".", "N/A", "-99", "-9", "999", "#N/A")),
    Case("missing is 99 in scores", "right", "", cells(PAIR, str, missing="99")),
    Case("names in capitals", "right", "", one(lambda table: table.rename(columns=str.upper))),
    Case("names with underscores", "right", "",
         one(lambda table: table.rename(columns=lambda name: name.replace(" ", "_")))),
    Case("trailing nameless columns", "right", "",
         raw(lambda content: b"\n".join(line + b",," for line in content.splitlines()))),
    Case("blank lines between rows", "right", "", raw(lambda content: content.replace(b"\n", b"\n\n"))),
    Case("rows of blank cells", "right", "", rows(lambda table: [{}] * 3)),
    Case("exact copies", "right", "copy", rows(lambda table: table.head(3).to_dict("records"))),
    Case("a row of totals below", "right", "not_a_patient", rows(lambda table: [
        {N["patient_id"]: "Total", N["phq9_baseline"]: "2000"}])),
    Case("a row of totals in the middle", "right", "not_a_patient", rows(lambda table: [
        {N["patient_id"]: "Subtotal", N["phq9_baseline"]: "900"}], at=40)),
    Case("a row of means", "right", "not_a_patient", rows(lambda table: [
        {N["patient_id"]: "Average", N["phq9_baseline"]: "15.2"}])),
    Case("a note below", "right", "not_a_patient", rows(lambda table: [
        {N["patient_id"]: "Source: the data team, 1 August 2017"}])),
    Case("title lines", "right", "", raw(lambda content: b"Follow-ups\nDischarges of June 2016\n" + content)),
    Case("ISO dates", "right", "", one(lambda table: table.assign(**{N[name]: table[N[name]].map(
        lambda day: day if day == "NULL" else "-".join(reversed(day.split("/")))) for name in DATES}))),
    *(Case(f"dates as {shown}", "right", "", one(lambda table, style=style: table.assign(**{
        N[name]: pd.to_datetime(table[N[name]].replace("NULL", None), dayfirst=True).dt.strftime(style).fillna("")
        for name in DATES})))
      for shown, style in (("15.06.2016", "%d.%m.%Y"), ("15-Jun-2016", "%d-%b-%Y"), ("15/06/16", "%d/%m/%y"),
                           ("15/06/2016 00:00", "%d/%m/%Y 00:00"), ("2016-06-15T00:00:00", "%Y-%m-%dT00:00:00"))),
    Case("numbered times", "right", "numbered times", one(numbered)),
    Case("PHQ-2 beside PHQ-9", "right", "PHQ2", beside(PHQ2_First=6, PHQ2_Last=6)),
    Case("GAD-2 beside GAD-7", "right", "GAD2", beside(GAD2_First=6, GAD2_Last=6)),
    Case("OCI-R beside", "right", "", beside(**{"OCI-R_First": 72, "OCI-R_Last": 72})),
    Case("number of scores beside", "right", "", beside(Number_of_PHQ9_scores=9, number_of_scores=12)),
    Case("change beside", "right", "", beside(PHQ9_change=15, GAD7_change=12)),
    Case("other weeks beside", "right", "", one(of_weeks)),
    Case("sessions booked beside", "right", "", beside(Sessions_booked=20, Sessions_cancelled=5)),
    Case("a letter's date beside", "right", "", one(lambda table: table.assign(
        **{"Discharge letter sent": "01/07/2016"}))),
    Case("flags beside", "right", "", one(lambda table: table.assign(
        Recovery="True", ReliableImprovement="", Caseness="True", CompletedTreatment="True"))),
    Case("another consent beside", "right", "", one(lambda table: table.assign(
        **{"Consent to share with GP": ["Y", "N"] * (len(table) // 2) + ["Y"] * (len(table) % 2)}))),
    Case("consent as 0 and 1", "right", "", cells(["consent_contact"], {"Y": "1", "N": "0"}.get)),
    Case("consent as 1 and 2", "right", "consent_contact", cells(["consent_contact"], {"Y": "1", "N": "2"}.get)),
    *(Case(f"consent as {yes} and {no}", "right", "", cells(["consent_contact"], {"Y": yes, "N": no}.get))
      for yes, no in (("TRUE", "FALSE"), ("Yes", "No"), ("Agreed", "Declined"))),
    Case("refusals left blank", "right", "", cells(["consent_contact"], {"Y": "Y", "N": ""}.get)),
    Case("ages of 99", "right", "age_is_a_code", put(["age"], lambda texts, column: pd.Series(
        "99", texts.index), lambda texts, column: texts.index % 9 == 0)),
    Case("mojibake", "right", "mojibake",
         put(["primary_problem"], lambda texts, column: texts[column] + " \u00c3\u00a9")),
    Case("ids with thousands separators", "right", "", ids(lambda number, text: f"1,{number + 100},{number + 300}"),
         by_counts=True),
    Case("a workbook", "right", "", lambda texts: book(("Sheet1", lines_of(own(texts))))),
    Case("a workbook of several sheets", "right", "sheet", lambda texts: book(
        ("Notes", [["Extract of June"]]), ("Data", lines_of(own(texts))), ("Pivot", [["Month", "n"], ["June", "9"]]))),
    Case("a workbook with a title", "right", "header", lambda texts: book(
        ("Sheet1", [["Extract of June"], [], *lines_of(own(texts))]))),
    Case("SPSS", "right", "", statistical(pyreadstat.write_sav, "north.sav")),
    Case("Stata", "right", "", statistical(pyreadstat.write_dta, "north.dta")),
    Case("Parquet", "right", "", statistical(pd.DataFrame.to_parquet, "north.parquet")),
]


# -- said ------------------------------------------------------------------------------------------

def follow_ups_swapped(texts):
    for name in ("phq9", "gad7"):
        texts[[f"{name}_6m", f"{name}_12m"]] = texts[[f"{name}_12m", f"{name}_6m"]].to_numpy()
    texts[["followup_6m_date", "followup_12m_date"]] = texts[["followup_12m_date", "followup_6m_date"]].to_numpy()


def swapped(one_column, other):
    return lambda texts, column: texts[other if column == one_column else one_column]


def month_first(table):
    for name in DATES:
        table[N[name]] = table[N[name]].str.replace(r"^(\d\d)/(\d\d)/", r"\2/\1/", regex=True)
    return table


def early_days(texts):
    silent = (texts[["phq9_6m", "phq9_12m"]] == "").all(axis=1)
    return month_first(own(texts[silent & (texts["discharge_date"].str[8:].astype(int) <= 12)]))


def with_items(more: int, total: bool):
    """Items of the 6-month follow-up counted from `more`, with their totals or without."""
    def make(texts):
        table = own(texts)
        for measure in ("phq9", "gad7"):
            for number, item in enumerate(items_of(f"{measure}_6m"), start=1):
                answers = pd.to_numeric(texts[item]) + more
                table[f"FU 6mth {measure.upper()} Q{number}"] = whole(answers).mask(blank(texts, item), "NULL")
        left = [] if total else [N[name] for name in SIX]
        return {"north.csv": text_of(table.drop(columns=left))}
    return make


def prorated(texts, column):
    return (numbers(texts, column) * 9 / 8).map("{:.1f}".format).where(~blank(texts, column), "")


def truncated(content: bytes) -> bytes:
    return content[:len(content) * 3 // 4 - 30]


def same_people_in_two(texts):
    return {"north.csv": text_of(own(texts)), "south.csv": text_of(own(texts.head(60).assign(
        patient_id=lambda rows: "S" + rows["patient_id"])))}


def shifted_rows(table):
    for number in range(5, len(table), 12):
        row = list(table.iloc[number])
        table.iloc[number] = [*row[:4], "", *row[4:-1]]


def blank_columns_of(columns, name):
    return one(lambda table: table.rename(columns={N[columns]: name}))


def two_headings(texts):
    """The names of times in merged cells above those of measures."""
    table = own(texts)
    above, names, time = [], [], ""
    for column in table:
        head, _, rest = column.partition("_Score_")
        now = rest or ""
        above.append(now if now != time else "")
        names.append(head if rest else column)
        time = now
    heads = [",".join(above), ",".join(names)]
    return {"north.csv": "\n".join([*heads, *text_of(table).decode().splitlines()[1:]]).encode()}


def later_sessions(texts, with_ids: bool):
    """Patients and contacts in two files; every third of those who agreed was treated again after discharge."""
    from tempfile import TemporaryDirectory

    texts = texts.drop(columns=[name for name in texts if name.startswith("adsm")]).copy()
    agreed = texts["consent_contact"] == "yes"
    silent = texts[agreed & (texts["phq9_6m"] == "") & (texts["phq9_12m"] == "")]
    texts = texts.reindex(columns=truth().columns, fill_value="")
    with TemporaryDirectory() as folder:
        SHAPES["contacts_of_referrals"](texts, Path(folder))
        patients, contacts = (pd.read_csv(Path(folder, name), dtype=str, keep_default_na=False)
                              for name in ("patients.csv", "scores.csv"))
    assert len(silent) >= 30
    if not with_ids:  # the extract knows one discharge a patient
        patients = patients[patients["referral_id"].str.endswith("/1")].drop(columns=["referral_id", "referral_date"])
        contacts = contacts.drop(columns="referral_id")
    return {"north.csv": text_of(patients), "scores.csv": text_of(contacts)}


def contacts_without_zeros(texts):
    """Ids of eight digits; in the file of contacts a spreadsheet has taken their zeros."""
    numbers_ = {text: f"{number * 7919 + 1234567:08d}" for number, text in enumerate(texts["patient_id"])}
    files = later_sessions(texts.assign(patient_id=texts["patient_id"].map(numbers_)), False)
    contacts = pd.read_csv(io.BytesIO(files["scores.csv"]), dtype=str, keep_default_na=False)
    contacts["patient_id"] = contacts["patient_id"].str.lstrip("0")
    return files | {"scores.csv": text_of(contacts)}


def everywhere(value: str):
    return lambda texts, column: pd.Series(value, texts.index)


def some(every: int):
    return lambda texts, column: ~blank(texts, column) & (texts.index % every == 0)


def no_answer(texts, column):
    return blank(texts, column) & (texts["consent_contact"] == "yes")


SAID = [
    Case("zeros where nobody answered", "said", "zeros_where_nobody_answered",
         put(SIX + TWELVE, everywhere("0"), no_answer)),
    Case("zeros at 12 months only", "said", "zeros_where_nobody_answered", put(TWELVE, everywhere("0"), no_answer)),
    Case("the last value carried forward", "said", "carried_forward", put(
        SIX + TWELVE, lambda texts, column: texts[f"{column.split('_')[0]}_end"], no_answer)),
    Case("the 6-month answer carried to 12", "said", "carried_forward", put(
        TWELVE, lambda texts, column: texts[column.replace("12m", "6m")], no_answer)),
    Case("baseline carried to the end", "said", "carried_forward", put(
        LAST, lambda texts, column: texts[column.replace("end", "baseline")],
        lambda texts, column: texts.index % 2 == 0)),
    Case("items from 1 to 4", "said", "phq9_6m", with_items(1, False)),
    Case("items from 1 to 4 beside their right totals", "said", "items_from_1", with_items(1, True)),
    Case("items from 0 to 3", "right", "", with_items(0, False)),
    Case("totals of items from 1", "said", "totals_from_1", put(
        PAIR, lambda texts, column: whole(numbers(texts, column) + (9 if "phq9" in column else 7)))),
    Case("PHQ-2 instead of PHQ-9", "refused", "phq9_baseline", renamed(
        phq9_baseline="PHQ2_First", phq9_end="PHQ2_Last")),
    Case("PHQ-2 under the name of PHQ-9", "refused", "phq9_end", put(
        ["phq9_baseline", "phq9_end"], lambda texts, column: whole(numbers(texts, column).clip(upper=24) // 4))),
    Case("GAD-2 under the name of GAD-7", "refused", "gad7_end", put(
        ["gad7_baseline", "gad7_end"], lambda texts, column: whole(numbers(texts, column) // 4))),
    Case("first and last swapped", "said", "first_and_last_swapped", put(
        FIRST + LAST, lambda texts, column: texts[column.replace("end", "x").replace("baseline", "end").replace(
            "x", "baseline")])),
    Case("scoring reversed", "said", "first_and_last_swapped", put(PAIR, lambda texts, column: whole(
        (27 if "phq9" in column else 21) - numbers(texts, column)))),
    Case("PHQ and GAD swapped", "said", "gad7_baseline", put(
        PAIR, lambda texts, column: texts[column.replace("phq9", "x").replace("gad7", "phq9").replace("x", "gad7")])),
    Case("6 and 12 months swapped", "said", "phq9_6m", one(follow_ups_swapped, before=True)),
    Case("a letter's date and no other", "said", "discharge_date", renamed(discharge_date="Discharge letter sent")),
    Case("letters of the first of a month as discharge", "said", "one_d", put(
        ["discharge_date"], lambda texts, column: pd.Series(
            np.where(texts.index % 2, "2016-07-01", "2016-08-01"), texts.index))),
    Case("the day of the export as discharge", "said", "one_discharge_day", put(
        ["discharge_date"], everywhere("2016-07-04"))),
    Case("number of scores and no score", "refused", "phq9_end", renamed(phq9_end="Number of PHQ9 scores")),
    Case("month first", "said", "month first", one(month_first)),
    Case("month first, no day above 12", "said", "discharge_date",
         lambda texts: {"north.csv": text_of(early_days(texts))}, part=True),
    Case("dates without years", "said", "discharge_date", one(lambda table: table.assign(
        **{N["discharge_date"]: table[N["discharge_date"]].str[:5]}))),
    Case("serials of the 1904 system", "said", "discharge_date", one(lambda table: table.assign(**{
        N[name]: pd.to_datetime(table[N[name]].replace("NULL", None), dayfirst=True).map(
            lambda day: "NULL" if pd.isna(day) else str((day.date() - dt.date(1904, 1, 1)).days)) for name in DATES}))),
    Case("ids rounded by a spreadsheet", "refused", "E+",
         ids(lambda number, text: f"{4.51 + number // 2 / 100:.2f}E+12")),
    Case("all ids rounded to one", "refused", "E+", ids(lambda number, text: "4.51E+12")),
    Case("ids equal but for case", "said", "ids_equal_but_for_case", ids(
        lambda number, text: f"kx{number // 2}a" if number % 2 else f"KX{number // 2}A")),
    Case("patients without an id", "said", "no_patient_id", ids(lambda number, text: "" if number % 20 == 0 else text)),
    Case("a truncated file", "said", "", raw(truncated)),
    Case("discharges in the future", "said", "in_the_future",
         put(["discharge_date"], everywhere("2019-06-15"), some(40))),
    Case("a century off", "said", "year_off", put(["discharge_date"], everywhere("1916-06-15"), some(40))),
    Case("all on the first of the month", "said", "one_d", put(
        ["discharge_date", "followup_6m_date", "followup_12m_date"],
        lambda texts, column: texts[column].str.replace(r"\d\d$", "01", regex=True))),
    Case("percentages", "refused", "phq9_baseline", put(
        PAIR, lambda texts, column: whole(numbers(texts, column) * 100 / (27 if "phq9" in column else 21)))),
    Case("two services with the same people", "said", "same_people", same_people_in_two),
    Case("a later referral's sessions, with ids", "right", "", partial(later_sessions, with_ids=True)),
    Case("a later referral's sessions, without ids", "said", "treated_again", partial(later_sessions, with_ids=False)),
    Case("contacts without the zeros of their ids", "refused", "REQUIRED phq9_baseline", contacts_without_zeros),
    Case("follow-ups before discharge", "said", "before_discharge", put(
        ["followup_6m_date"], shifted(-366), lambda texts, column: ~blank(texts, column))),
    Case("follow-ups on the day of discharge", "said", "follow_up_on_day_of_discharge", put(
        ["followup_6m_date"], lambda texts, column: texts["discharge_date"],
        lambda texts, column: ~blank(texts, column))),
    Case("6-month answers after three years", "said", "followup_6m_date", put(["followup_6m_date"], shifted(300))),
    Case("consent to something else", "said", "consent to what", one(lambda table: table.rename(
        columns={N["consent_contact"]: "Consent to share with GP"}).assign(
            **{"Consent to share with GP": ["Y", "N"] * (len(table) // 2) + ["Y"] * (len(table) % 2)}))),
    Case("consent as 1 and 2, reversed", "said", "consent_contact",
         cells(["consent_contact"], {"Y": "2", "N": "1"}.get)),
    Case("nobody's consent is known", "said", "nobody_consents", cells(["consent_contact"], lambda code: "")),
    *(Case(f"consent as {yes} and {no}", "refused", "consent_contact",
           cells(["consent_contact"], {"Y": yes, "N": no}.get))
      for yes, no in (("WAHR", "FALSCH"), ("VRAI", "FAUX"), ("P", "Q"))),
    Case("the MI as a sum", "said", "adsm_baseline", one(
        lambda table: None, "adsm", "adsm_baseline", "adsm_end"), adsm=True),
    Case("OCI-R for the ADSM", "said", "adsm", one(
        lambda table: table.assign(ADSM=table["ADSM"].replace("OCI", "OCI-R")), "adsm", "adsm_baseline", "adsm_end"),
        adsm=True),
    Case("prorated totals", "said", "phq9_6m", put(["phq9_6m"], prorated)),
    Case("a space within numbers", "refused", "phq9_end", cells(["phq9_end"], lambda text: "\u00a0".join(text))),
    Case("numbers behind apostrophes", "refused", "phq9_baseline", cells(PAIR, "'{}".format)),
    Case("scores as words", "refused", "phq9_end",
         cells(["phq9_end"], lambda text: "severe" if len(text) > 1 else "mild")),
    Case("scores as fractions", "refused", "phq9_end", cells(["phq9_end"], "{}/27".format)),
    Case("scores beyond the range", "said", "phq9_baseline", put(["phq9_baseline"], everywhere("33"), some(9))),
    Case("scores rounded to fives", "said", "heaping", put(PAIR, lambda texts, column: whole(
        (numbers(texts, column) / 5).round() * 5))),
    Case("one score for everybody", "said", "constant_column", put(["phq9_end"], everywhere("9"))),
    Case("merged header cells", "refused", "", two_headings),
    Case("a score's column twice", "refused", "phq9_baseline", one(
        lambda table: pd.concat([table, table[[N["phq9_baseline"]]]], axis=1))),
    Case("two columns for one score", "right", "or is it", one(lambda table: table.rename(
        columns={N["phq9_end"]: "PHQ9 end"}).assign(**{"PHQ9 last": table[N["phq9_baseline"]]}))),
    Case("rows shifted within the table", "said", "row_shifted", one(shifted_rows)),
    Case("patients twice who differ", "said", "conflicting_rows", rows(
        lambda table: table.head(4).assign(**{N["phq9_end"]: "27"}).to_dict("records"))),
    Case("no follow-up's column", "said", "NOT FOUND phq9_6m", one(
        lambda table: table.drop(columns=[N[name] for name in SIX + TWELVE]))),
    Case("no column of consent", "refused", "consent_contact", one(
        lambda table: table.drop(columns=N["consent_contact"]))),
]

# -- refused ---------------------------------------------------------------------------------------

REFUSED = [
    Case("a stray separator", "refused", "cells, but the header has", raw(
        lambda content: content.replace(b"\n", b",\n").replace(b",\n", b"\n", 30))),
    Case("no header", "refused", "line 1", raw(lambda content: content.split(b"\n", 1)[1])),
    Case("nothing", "refused", "is empty", raw(lambda content: b"")),
    Case("a header alone", "refused", "no data row", raw(lambda content: content.split(b"\n", 1)[0] + b"\n")),
    Case("a quote never closed", "refused", "quote", raw(lambda content: content[:3000] + b'\n"a' + content[3000:])),
    Case("NHS numbers", "refused", "NHS number", one(lambda table: table.assign(Number="9990000085"))),
    Case("birth dates", "refused", "date of birth", one(lambda table: table.assign(DOB="03/02/1950"))),
    Case("postcodes", "refused", "postcode", one(lambda table: table.assign(Area="ZZ99 3WZ"))),
    Case("a web page", "refused", "web page", raw(lambda content: b"<html><table>" + content)),
    Case("a workbook called .csv", "refused", "workbook",
         lambda texts: book(("S", lines_of(own(texts))), name="north.csv")),
    Case("text called .xlsx", "refused", "text", raw(lambda content: content, "north.xlsx")),
    Case("a formula never computed", "refused", "formula", lambda texts: book(("S", [
        *lines_of(own(texts)), ["p", *["=1+1"] * 19]]))),
]


# -- the shapes, as nobody has described them ------------------------------------------------------

def of_shape(name: str):
    def make(texts: pd.DataFrame) -> Files:
        from tempfile import TemporaryDirectory

        texts = texts.copy()
        texts[[column for column in texts if column.startswith("adsm")]] = ""
        with TemporaryDirectory() as folder:
            SHAPES[name](texts, Path(folder))
            return {path.relative_to(folder).as_posix(): path.read_bytes()
                    for path in sorted(Path(folder).rglob("*")) if path.is_file()}
    return make


# three files whose names tell no months are three services, with the same people where they overlap; of plain numbers
# nobody can know from which year they count
SAID_OF_SHAPES = {"files_that_overlap": "same_people", "serials_of_1904": "from 1904"}
SHAPED = [Case(f"shape: {name}", "said" if name in SAID_OF_SHAPES else "right", SAID_OF_SHAPES.get(name, ""),
               of_shape(name)) for name in SHAPES]
# those that differ from a case above in more than how a cell is written
TABLES_OF_THEIR_OWN = ("tables", "qualtrics", "events", "contacts_of")
CASES = [*RIGHT, *SAID, *REFUSED, *SHAPED]


# -- judging ---------------------------------------------------------------------------------------

class Judged(NamedTuple):
    """`verdict`; what was said of each column, as lines; the columns that are not the truth's and nobody named."""

    verdict: str
    said: str
    silent: list[str]


def judge(case: Case, folder: Path) -> Judged:
    exports = []
    for name, content in case.make(truth().copy()).items():
        (folder / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "data" / name).write_bytes(content)
        exports.append(folder / "data" / name)
    if (tables := folder / "data" / "tables").is_dir():
        exports = [tables]
    lines = []
    try:
        lines = new_study("mine", exports, folder)
        study = read_study(folder / "mine.yaml")
        cleaned = {service: clean_service(study, service) for service in study.services}
    except InputError as error:
        return Judged("refused", "\n".join([*lines, str(error)]), [])
    named = [line for line in lines if any(word in line for word in ("CHECK", "NOT FOUND", "REQUIRED", "no place for"))]
    lists = []
    for service, each in cleaned.items():
        findings = look(study, service, each, today=TODAY)
        # in the truth some people are there twice
        named += [f"{row.level} {row.name} {about(row.column)}" for row in findings.itertuples()
                  if row.level in ("warning", "stop") and row.name != "same_person_twice"]
        lists += [f"note {row.name} {row.column}" for row in findings.itertuples() if row.level == "note"]
        counts = each.rejected.groupby(["refused", "reason", "column"]).size()
        named += [f"{kind} {reason} {column if kind != 'row' else 'patient_id'}"
                  for kind, reason, column in counts.index if reason not in NO_WORD]
        lists += [f"{kind} {reason}" for kind, reason, _ in counts.index]
    if len(cleaned) > 1:
        shared = same_people(study, {service: each.cohort[WHO] for service, each in cleaned.items()})
        named += [f"{row.level} {row.name} patient_id" for row in shared.itertuples() if row.level == "warning"]
    cohort = pd.concat([each.cohort for each in cleaned.values()])
    wrong = differing(cohort, case)
    # a stop is no cohort, a file that ends in the middle lacks anything, and of a row that is shifted no cell is right
    whole = any(line.startswith(("stop ", "warning row_shifted")) or "written to its end" in line
                for line in [*lines, *named])
    silent = [column for column in wrong if not whole and not any(column in line for line in named)]
    said = "\n".join([*lines, *named, *lists])
    return Judged("right" if not wrong else "wrong" if silent else "said", said, silent)


def about(column: str) -> str:
    """The columns that a finding names; of contacts all that they may give, without any it is about whole rows."""
    return " ".join(PAIR + list(DATES)) if column.startswith("the contacts'") else column or "patient_id"


def differing(cohort: pd.DataFrame, case: Case) -> list[str]:
    """The columns in which a cohort is not the truth; `patient_id` where patients lack or are too many."""
    columns = [name for name in DECIDES if case.adsm or name not in ADSM]
    found = cohort.set_index("patient_id")[columns].apply(as_text)
    expected = truth().set_index("patient_id")[columns]
    if case.by_counts:
        return [name for name in columns if sorted(found[name]) != sorted(expected[name])]
    same = {*found.index} <= {*expected.index} if case.part else sorted(found.index) == sorted(expected.index)
    wrong = [] if same else ["patient_id"]
    found = found[~found.index.duplicated()]
    both = found.index.intersection(expected.index)
    found, expected = found.loc[both], expected.loc[both]
    # a contact has a day, also where the cohort tells none
    for time in ("6m", "12m"):
        no_day = (expected[f"followup_{time}_date"] == "") & (expected[f"phq9_{time}"] != "")
        found.loc[no_day, f"followup_{time}_date"] = ""
    # what is withheld for want of consent is said where the consent is
    alike = found["consent_contact"] == expected["consent_contact"]
    return [*wrong, *(name for name in columns
                      if ((found[name] != expected[name]) & (alike | (not is_of_follow_up(name)))).any())]


def is_of_follow_up(column: str) -> bool:
    return "6m" in column or "12m" in column


def as_text(column: pd.Series) -> pd.Series:
    shown = column.dt.strftime("%Y-%m-%d") if column.dtype.kind == "M" else column
    return shown.astype("str").fillna("").str.removesuffix(".0")


def marks(case: Case) -> list:
    plain = case in SHAPED and not case.id.removeprefix("shape: ").startswith(TABLES_OF_THEIR_OWN)
    # the reader has tests of its own for each of these
    plain |= case in RIGHT and case.id.startswith(("separated by", "in ", "missing is", "dates as", "consent as", "CR"))
    return [pytest.mark.slow(reason="written as in another case")] if plain else []


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id, marks=marks(case)) for case in CASES])
def test_nothing_is_wrong_without_a_word(case, tmp_path):
    judged = judge(case, tmp_path)
    assert judged.silent == [] and judged.verdict == case.expected
    assert case.says in judged.said


def test_there_are_a_hundred_cases_each_with_its_own_name():
    assert len({case.id for case in CASES}) == len(CASES) >= 100
