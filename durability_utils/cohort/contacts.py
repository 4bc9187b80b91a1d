"""Long exports, one row a contact and measure: which contact gives which score of which patient.

Pure rules over typed tables; `cleaning` reads the cells and joins what comes out to the patients' columns. Every
contact either gives one score, is one of the scores after discharge, or is refused for one reason.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from durability_utils.study.column_maps import Column, normalise
from durability_utils.study.columns import TIMES, totals
from durability_utils.study.measures import Measure

CONTACT_RULES = {
    "no_patient_id": "the contact has no patient_id",
    "no_such_patient": "nobody with this id is among the patients",
    "patient_refused": "the patient's own row is refused",
    "no_measure": "the contact names no measure",
    "unknown_code": "a measure or an attendance that neither the study nor the column map knows",
    "not_attended": "booked and not attended",
    "no_score": "the contact holds no score",
    "no_date": "the contact has no date",
    "impossible_date": "no day of the calendar in the date style of the column map",
    "not_a_whole_number": "a score that is not a whole number (for an item mean: not a number)",
    "out_of_range": "a score outside the range of its measure",
    "conflicting_scores": "different scores of one measure on one day: all of them are out",
    "copy_of_contact": "the same score of the same measure on the same day; the first one stays",
    "other_adsm": "a score of an anxiety-disorder measure that is not the patient's relevant one",
    "no_discharge_date": "after the baseline, and without a discharge date nothing tells what it belongs to",
    "between_baseline_and_end": "neither the first nor the last score up to discharge",
    "no_contact_consent": "after discharge, and the patient did not agree to be contacted",
}
SCORES = [total for time in TIMES for total in totals(time)]


class Placed(NamedTuple):
    """Where each contact's score went.

    score: for each contact (its line in the file) the canonical column that it gives, as in `phq9_end`; missing where
    it gives none. days: whole days since discharge of each contact after it that is used; else missing. reason: for
    each contact the one of CONTACT_RULES that refuses it; missing where used. adsm: for each patient_id the relevant
    anxiety-disorder measure; missing where there is none.
    """

    score: pd.Series
    days: pd.Series
    reason: pd.Series
    adsm: pd.Series


def measure_names(cells: pd.Series, column: Column, measures: dict[str, Measure]) -> pd.Series:
    """The study's measure that each cell names, by the map's codes or in any spelling (phq9, PHQ 9); else missing.

    One without columns in the data dictionary has no place for its scores, and counts as unknown.
    """
    def squeezed(text):
        return normalise(text).replace("_", "")

    placed = [name for name, measure in measures.items() if f"{measure.columns}_baseline" in SCORES]
    codes, known = dict(column.codes), {squeezed(name): name for name in placed}
    names = {cell: known.get(squeezed(codes.get(normalise(cell), cell))) for cell in cells.unique()}
    return cells.map(names).astype("str")


def place(contacts: pd.DataFrame, patients: pd.DataFrame, measures: dict[str, Measure],
          windows: dict[str, tuple[int, int]]) -> Placed:
    """Which score is the baseline, the end and the follow-ups of each patient.

    contacts: one row a contact (index: line), `patient_id`, `date`, `measure` (a name in `measures`), `score`, and
    `reason` (of CONTACT_RULES) where reading refused it. patients: one row a patient (index: patient_id),
    `discharge_date`, and `adsm` where the export tells it. windows: first and last day after discharge, both included.

    Of each measure, on the scores not refused: baseline is the first up to discharge, end the last up to discharge on
    a later day than the baseline, a follow-up the first in its window. Every score after discharge is used.
    """
    scores = contacts.loc[contacts["reason"].isna(), ["date", "score"]].assign(line=lambda rows: rows.index)
    # whole numbers for patient and measure: texts would take most of the time
    scores["patient"] = patients.index.get_indexer(contacts.loc[scores.index, "patient_id"])
    scores["measure"] = pd.Index(measures).get_indexer(contacts.loc[scores.index, "measure"])
    scores = scores.sort_values(["patient", "date", "measure", "line"], ignore_index=True)
    families = np.array([measure.columns for measure in measures.values()])
    reasons = [contacts["reason"].dropna()]

    def without(holds, reason):
        reasons.append(pd.Series(reason, scores.loc[holds, "line"], dtype="str"))
        return scores[~holds]

    day = ["patient", "date", "measure"]
    of_day = scores.groupby(day)["score"]
    scores = without(of_day.transform("min") != of_day.transform("max"), "conflicting_scores")
    scores = without(scores.duplicated(day), "copy_of_contact")
    scores = scores.assign(total=families[scores["measure"]])
    relevant = _relevant_adsm(scores[scores["total"] == "adsm"], patients, measures)
    is_other = (scores["total"] == "adsm") & (scores["measure"] != relevant[scores["patient"]])
    scores = without(is_other, "other_adsm")

    days = (scores["date"] - patients["discharge_date"].to_numpy()[scores["patient"]]).dt.days
    when = {"untold": days.isna(), "treatment": days <= 0,
            **{time: days.between(*window) for time, window in windows.items()}}
    scores = scores.assign(days=days, time=np.select(list(when.values()), list(when), default="outside"))
    of_time = scores[["patient", "total", "time"]]
    scores = scores.assign(is_first=~of_time.duplicated(), is_last=~of_time.duplicated(keep="last"))
    scores = without((scores["time"] == "untold") & ~scores["is_first"], "no_discharge_date")
    is_end = (scores["time"] == "treatment") & scores["is_last"] & ~scores["is_first"]
    is_baseline = scores["time"].isin(["treatment", "untold"]) & scores["is_first"]
    scores = scores.assign(time=scores["time"].mask(is_end, "end").mask(is_baseline, "baseline"))
    scores = without(scores["time"] == "treatment", "between_baseline_and_end")
    is_after, is_follow_up = scores["days"] > 0, scores["time"].isin(windows) & scores["is_first"]
    given = (scores["total"] + "_" + scores["time"]).mask(is_after & ~is_follow_up)
    given = pd.Series(given.to_numpy(), scores["line"], dtype="str")
    days = pd.Series(scores["days"].mask(~is_after).to_numpy(), scores["line"], dtype="Int64")
    adsm = pd.Series(pd.Index(measures).take(relevant), patients.index, dtype="str").mask(relevant < 0)
    return Placed(*(found.reindex(contacts.index) for found in (given, days, pd.concat(reasons))), adsm)


def _relevant_adsm(scores: pd.DataFrame, patients: pd.DataFrame, measures: dict[str, Measure]) -> np.ndarray:
    """The place in `measures` of each patient's ADSM, or -1: as the export tells, else the first of the first day."""
    if "adsm" in patients:
        return pd.Index(measures).get_indexer(patients["adsm"])
    relevant = np.full(len(patients), -1)
    earliest = scores.drop_duplicates("patient")  # in the order of date and measure
    relevant[earliest["patient"]] = earliest["measure"]
    return relevant


def sessions(contacts: pd.DataFrame, patients: pd.DataFrame) -> pd.Series:
    """For each patient_id the number of different days with an attended contact up to discharge.

    Missing without a discharge date. `attended` of the contacts is yes, no or missing; `patients` as in `place`.
    """
    attended = contacts.loc[contacts["attended"] == "yes", ["patient_id", "date"]].drop_duplicates()
    discharge = patients["discharge_date"].reindex(attended["patient_id"]).to_numpy()
    days = attended.loc[attended["date"] <= discharge, "patient_id"].value_counts()
    return days.reindex(patients.index).fillna(0).astype("Int64").mask(patients["discharge_date"].isna())
