"""The follow-up desk: what came back, whom the service must telephone, whose follow-up is due.

These tables hold patients' ids. They are written to the service's folder `restricted`, for its owner only.
"""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd

from durability_utils.results import cleaning_folder, for_owner_only, not_a_formula, write_table
from durability_utils.study.columns import FOLLOW_UP_DATA, FOLLOW_UPS, completed, evidence, items_of
from durability_utils.study.errors import InputError
from durability_utils.study.expected import expect, expect_columns, expect_rules
from durability_utils.study.holds import Holds
from durability_utils.study.rules import Rules
from durability_utils.study.study_file import Study

MONTHS_AFTER = {"6m": 6, "12m": 12}  # after discharge
RISK = {
    "above_zero": "above zero: telephone the patient",
    "unreadable": "unreadable: look at the questionnaire",
    "not_answered": "other items are there, this one was left blank",
    "not_in_export": "no item is in the export: only the questionnaire can say",
    "zero": "zero",
}
TO_TELEPHONE = ("above_zero", "unreadable")
WHY_NO_TOTAL = {
    "item_refused": "cleaning refused an answer",
    "items_missing": "some items were left blank",
    "total_refused": "cleaning refused the total, and there are no items",
    "not_answered": "neither a total nor an item is there",
}


# -- what came back --------------------------------------------------------------------------------

def read_rejected(results: str | Path, study: Study, service: str) -> pd.DataFrame:
    """What cleaning refused of a service: `rejected.csv` as text. Raises InputError where it is not there."""
    path = cleaning_folder(results, study, service) / "rejected.csv"
    if not path.is_file():
        raise InputError(f"no {path.name} of service {service}: run the notebook 01_cleaning for it first")
    return pd.read_csv(path, dtype="str", keep_default_na=False)


def answers(cohort: pd.DataFrame, rejected: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Every questionnaire of patients who consented to contact that came back, one row each, 6 months first.

    Columns: `patient_id, time, date, mode`; for PHQ-9 and GAD-7 how many items are answered (`phq9_items`), the
    total (`phq9_total`, points) and where there is none the reason, a code of WHY_NO_TOTAL (`phq9_no_total`); the
    answer to the PHQ-9's risk item (`risk_answer`, points) and what it asks for, a code of RISK (`risk`).
    A questionnaire came back when it was completed, or when cleaning refused its date or any of its scores.
    """
    expect_rules(rules)
    expect(cohort, ["patient_id", "consent_contact", *FOLLOW_UP_DATA])
    expect_columns(rejected, ["patient_id", "column"], "rejected")
    consented = cohort[cohort["consent_contact"] == "yes"]
    refused = _refused(consented, rejected)
    return pd.concat([_answers_at(time, consented, refused, rules) for time in FOLLOW_UPS], ignore_index=True)


def _refused(cohort: pd.DataFrame, rejected: pd.DataFrame) -> pd.DataFrame:
    """For each patient and column of follow-up data whether cleaning refused the value."""
    of_follow_ups = rejected[rejected["column"].isin(FOLLOW_UP_DATA)]
    # an id that a spreadsheet would run as a formula is written with an apostrophe
    cells = pd.crosstab(of_follow_ups["patient_id"].map(not_a_formula), of_follow_ups["column"])
    found = cells.reindex(index=cohort["patient_id"].map(not_a_formula), columns=FOLLOW_UP_DATA, fill_value=0) > 0
    return found.set_axis(cohort.index)


def _answers_at(time: str, cohort: pd.DataFrame, refused: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    came_back = completed(cohort, time) | refused[evidence(time)].any(axis=1)
    cohort, refused = cohort[came_back], refused[came_back]
    table = pd.DataFrame({"patient_id": cohort["patient_id"], "time": time, "date": cohort[f"followup_{time}_date"],
                          "mode": cohort[f"followup_{time}_mode"]})
    for name in (measure.columns for measure in rules.pair):
        items = items_of(f"{name}_{time}")
        total, answered = cohort[f"{name}_{time}"], cohort[items].notna().sum(axis=1)
        reasons = {"": total.notna(), "item_refused": refused[items].any(axis=1), "items_missing": answered > 0,
                   "total_refused": refused[f"{name}_{time}"]}
        table = table.assign(**{f"{name}_items": answered, f"{name}_total": total,
                                f"{name}_no_total": _first(reasons, "not_answered")})
    column, items = risk_column(time, rules), items_of(f"{rules.depression.columns}_{time}")
    answer = cohort[column]
    said = {"above_zero": answer.gt(0).fillna(False), "unreadable": refused[column], "zero": answer.notna(),
            "not_answered": cohort[items].notna().any(axis=1) | refused[items].any(axis=1)}
    return table.assign(risk_answer=answer, risk=_first(said, "not_in_export"))


def risk_column(time: str, rules: Rules) -> str:
    """The column of the risk item at a follow-up: item 9 of the PHQ-9."""
    return f"{rules.depression.columns}_{time}_item{rules.depression.risk_item}"


def _first(conditions: dict[str, pd.Series], otherwise: str) -> np.ndarray:
    """For each patient the first code whose condition holds."""
    return np.select([holds.to_numpy(bool) for holds in conditions.values()], list(conditions), otherwise)


# -- the worklists ---------------------------------------------------------------------------------

def telephone(came_back: pd.DataFrame) -> pd.DataFrame:
    """The questionnaires, of `answers`, whose risk item is above zero or unreadable: most recent first.

    Columns: `patient_id, time, date, mode, risk, to_do, risk_answer, phq9_total, gad7_total`. Without a date, which may
    be the most recent, a questionnaire stands at the top.
    """
    expect_columns(came_back, ["patient_id", "time", "date", "mode", "risk", "risk_answer", "phq9_total", "gad7_total"],
                   "came_back")
    wanted = came_back[came_back["risk"].isin(TO_TELEPHONE)]
    wanted = wanted.sort_values("date", ascending=False, na_position="first", kind="stable", ignore_index=True)
    return wanted.assign(to_do=wanted["risk"].map(RISK))[
        ["patient_id", "time", "date", "mode", "risk", "to_do", "risk_answer", "phq9_total", "gad7_total"]]


def unseen(rejected: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Lines of the export whose answers no worklist can hold: `row, patient_id, column, reason`, as in `rejected`.

    Refused whole (but for copies, of which the first stays), or the risk item withheld for want of consent to contact.
    """
    expect_rules(rules)
    expect_columns(rejected, ["row", "patient_id", "column", "reason", "refused"], "rejected")
    risk_items = [risk_column(time, rules) for time in FOLLOW_UPS]
    withheld = (rejected["reason"] == "no_contact_consent") & rejected["column"].isin(risk_items)
    whole = (rejected["refused"] == "row") & (rejected["reason"] != "copy")
    return rejected.loc[withheld | whole, ["row", "patient_id", "column", "reason"]].reset_index(drop=True)


def due(cohort: pd.DataFrame, came_back: pd.DataFrame, as_of: dt.date) -> pd.DataFrame:
    """Who consented to contact and has reached a follow-up as of a day, one row a patient, longest due first.

    Columns: `patient_id, discharge_date, time, due, answered` (yes or no). A patient is due for one follow-up: the
    6-month one from the day 6 months after discharge, and from the day 12 months after it the 12-month one in its
    place. `answered`, of `came_back` (as `answers` gives it): that questionnaire, or a later one, came back.
    """
    expect(cohort, ["patient_id", "consent_contact", "discharge_date"])
    expect_columns(came_back, ["patient_id", "time"], "came_back")
    if not isinstance(as_of, dt.date):
        raise InputError(f"as_of: found a {type(as_of).__name__}, expected a day, as `day(\"2017-06-30\")` makes it")
    consented = cohort.loc[cohort["consent_contact"] == "yes", ["patient_id", "discharge_date"]]
    table = pd.concat([consented.assign(time=time, due=consented["discharge_date"] + pd.DateOffset(months=months))
                       for time, months in MONTHS_AFTER.items()])
    table = table[table["due"] <= pd.Timestamp(as_of)].drop_duplicates("patient_id", keep="last")
    last = came_back.drop_duplicates("patient_id", keep="last").set_index("patient_id")["time"].map(MONTHS_AFTER)
    answered = table["patient_id"].map(last) >= table["time"].map(MONTHS_AFTER)
    return table.assign(answered=np.where(answered, "yes", "no")).sort_values("due", kind="stable", ignore_index=True)


def day(as_of: str) -> dt.date:
    """A day from an ISO date; raises InputError where it is none."""
    try:
        return dt.date.fromisoformat(as_of)
    except (TypeError, ValueError):
        raise InputError(f"as_of: expected a day as YYYY-MM-DD, found '{as_of}'") from None


def write_worklists(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    """Write each table as `<name>.csv` for the owner of `folder` only, from the first byte on."""
    with for_owner_only(folder):
        for name, table in tables.items():
            write_table(table, folder / f"{name}.csv", Holds(patients=True))
