"""Long exports, one row a contact and measure: which contact gives which score of which patient.

Pure rules over typed tables; `cleaning` reads the cells and joins what comes out to the patients' columns. Every
contact either gives one score, is one of the scores after discharge, or is refused for one reason.
"""

import re
from typing import NamedTuple

import numpy as np
import pandas as pd

from durability_utils.study.column_maps import Column, code_lists, normalise
from durability_utils.study.columns import TIMES, totals
from durability_utils.study.measures import Measure

CONTACT_RULES = {
    "no_patient_id": "the contact has no patient_id",
    "no_such_patient": "nobody with this id is among the patients",
    "no_such_referral": "the patient has no referral with this id",
    "other_referral": "of another referral of the patient than the one in the study",
    "patient_refused": "the patient's own row is refused",
    "no_measure": "the contact names no measure",
    "unknown_code": "a measure or an attendance that neither the study nor the column map knows",
    "measure_not_used": "a known measure that the study does not use",
    "not_attended": "booked and not attended",
    "no_score": "the contact holds no score",
    "no_date": "the contact has no date",
    "impossible_date": "no day of the calendar in the date style of the column map",
    "not_a_whole_number": "a score that is not a whole number (for an item mean: not a number)",
    "out_of_range": "a score outside the range of its measure",
    "incomplete_items": "an answer of a questionnaire of which others are missing or refused",
    "conflicting_scores": "different scores of one measure on one day: all of them are out",
    "copy_of_contact": "the same score of the same measure on the same day; the first one stays",
    "other_adsm": "a score of an anxiety-disorder measure that is not the patient's relevant one",
    "no_discharge_date": "after the baseline, and without a discharge date nothing tells what it belongs to",
    "between_baseline_and_end": "neither the first nor the last score up to discharge",
    "told_by_patient": "up to discharge, and the patients' columns hold that score",
    "after_re_referral": "on the day that a later referral began, or after it",
    "older_version": "an older version of the same record",
    "no_care_contact": "the care activity or the contact that would tell its day is not there",
    "no_contact_consent": "after discharge, and the patient did not agree to be contacted",
}
SCORES = [total for time in TIMES for total in totals(time)]


class Placed(NamedTuple):
    """Where each contact's score went.

    score: for each contact (its place) the canonical column that it gives, as in `phq9_end`; missing where it gives
    none. days: whole days since discharge of each contact after it that is used; else missing. reason: for each contact
    the one of CONTACT_RULES that refuses it; missing where used. adsm: for each referral the relevant anxiety-disorder
    measure; missing where there is none.
    """

    score: pd.Series
    days: pd.Series
    reason: pd.Series
    adsm: pd.Series


def measure_names(cells: pd.Series, column: Column, measures: dict[str, Measure]) -> pd.DataFrame:
    """What each cell names, by the map's codes or in any spelling (phq9, PHQ 9): `measure, item, known`.

    `measure`: one of the study's, missing where it is none, or has no columns in the data dictionary. `item`: the
    number of the question in `WSAS item 3`, else blank. `known`: whether the map or the project knows such a measure.
    """
    def squeezed(text):
        return normalise(text).replace("_", "")

    placed = {squeezed(name): name for name, measure in measures.items() if f"{measure.columns}_baseline" in SCORES}
    tools = {squeezed(name) for name in (*measures, *code_lists()["nhs_assessment_tool"].values())}
    codes, rows = dict(column.codes), {}
    for cell in cells.unique():
        text, item = squeezed(codes.get(normalise(cell), cell)), ""
        question = re.fullmatch(r"(.+?)(?:item|question|q)(\d+)", text)
        if question and text not in placed:  # phq9 is no question 9
            text, item = question.groups()
        known = normalise(cell) in codes or text in tools
        rows[cell] = placed.get(text), item, known
    found = pd.DataFrame.from_dict(rows, "index", columns=["measure", "item", "known"]).reindex(cells)
    return found.set_axis(cells.index).astype({"measure": "str", "item": "str", "known": bool})


def summed(contacts: pd.DataFrame, measures: dict[str, Measure]) -> tuple[pd.DataFrame, pd.Series]:
    """Contacts of which the answers to single questions are one score, and for each such answer the place of the score.

    contacts: as `place` takes them, with `item` (missing: a whole score). The score of a questionnaire stands in the
    place of its first question and is the sum of all of them, or their mean where its scale says so. Where a question
    is missing, refused, or has two different answers, all of its answers are refused; of copies the first counts.
    """
    whole = contacts["item"].isna()
    answers = contacts[~whole & contacts["reason"].isna()]
    if answers.empty:
        return contacts, pd.Series(dtype="int64")
    day = ["referral", "date", "measure"]
    differ = answers.groupby([*day, "item"])["score"].transform("nunique") > 1
    copies = answers.duplicated([*day, "item"]) & ~differ
    single = answers[~copies & ~differ]
    of_day = single.groupby(day)["score"]
    items = single["measure"].map({name: measure.items for name, measure in measures.items()})
    in_range = single["item"].between(1, items)
    complete = (of_day.transform("size") == items) & in_range.groupby([single[key] for key in day]).transform("all")
    mean = single["measure"].isin([name for name, measure in measures.items() if measure.scale == "item_mean"])
    score = of_day.transform("sum").where(~mean, of_day.transform("mean"))
    heads = single.index[complete & (single["item"] == 1)]
    head = pd.Series(single.index.where(single["item"] == 1, 0), single.index).groupby(
        [single[key] for key in day]).transform("max")[complete]
    reason = contacts["reason"].copy()
    reason[answers.index[differ]] = "conflicting_scores"
    reason[answers.index[copies]] = "copy_of_contact"
    reason[single.index[~complete]] = "incomplete_items"
    contacts = contacts.assign(reason=reason, score=contacts["score"].mask(contacts.index.isin(heads), score))
    return contacts, head


def place(contacts: pd.DataFrame, referrals: pd.DataFrame, measures: dict[str, Measure],
          windows: dict[str, tuple[int, int]]) -> Placed:
    """Which score is the baseline, the end and the follow-ups of each referral.

    contacts: one row a contact (index: its place), `referral` (its row in `referrals`), `date`, `measure` (a name in
    `measures`), `score`, and `reason` (of CONTACT_RULES) where reading refused it. referrals: one row each,
    `discharge_date`, and `adsm` where the export tells it. windows: first and last day after discharge, both included.

    Of each measure, on the scores not refused: baseline is the first up to discharge, end the last up to discharge on
    a later day than the baseline, a follow-up the first in its window. Every score after discharge is used.
    """
    scores = contacts.loc[contacts["reason"].isna(), ["referral", "date", "score"]].assign(line=lambda rows: rows.index)
    # a whole number for the measure: texts would take most of the time
    scores["measure"] = pd.Index(measures).get_indexer(contacts.loc[scores.index, "measure"])
    scores = scores.sort_values(["referral", "date", "measure", "line"], ignore_index=True)
    families = np.array([measure.columns for measure in measures.values()])
    reasons = [contacts["reason"].dropna()]

    def without(holds, reason):
        reasons.append(pd.Series(reason, scores.loc[holds, "line"], dtype="str"))
        return scores[~holds]

    day = ["referral", "date", "measure"]
    of_day = scores.groupby(day)["score"]
    scores = without(of_day.transform("min") != of_day.transform("max"), "conflicting_scores")
    scores = without(scores.duplicated(day), "copy_of_contact")
    scores = scores.assign(total=families[scores["measure"]])
    relevant = _relevant_adsm(scores[scores["total"] == "adsm"], referrals, measures)
    is_other = (scores["total"] == "adsm") & (scores["measure"] != relevant[scores["referral"]])
    scores = without(is_other, "other_adsm")

    days = (scores["date"] - referrals["discharge_date"].to_numpy()[scores["referral"]]).dt.days
    when = {"untold": days.isna(), "treatment": days <= 0,
            **{time: days.between(*window) for time, window in windows.items()}}
    scores = scores.assign(days=days, time=np.select(list(when.values()), list(when), default="outside"))
    of_time = scores[["referral", "total", "time"]]
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
    adsm = pd.Series(pd.Index(measures).take(relevant), referrals.index, dtype="str").mask(relevant < 0)
    return Placed(*(found.reindex(contacts.index) for found in (given, days, pd.concat(reasons))), adsm)


def _relevant_adsm(scores: pd.DataFrame, referrals: pd.DataFrame, measures: dict[str, Measure]) -> np.ndarray:
    """The place in `measures` of each referral's ADSM, or -1: as the export tells, else the first of the first day.

    Of several that a presenting complaint allows (`IES-R|PCL-5`) it is the first of the first day, too.
    """
    names, told = [*measures], np.full(len(referrals), True)
    allowed = np.zeros((len(referrals), len(names)), bool)
    if "adsm" in referrals:
        for text in referrals["adsm"].dropna().unique():
            allowed[np.ix_(referrals["adsm"] == text, [name in text.split("|") for name in names])] = True
    else:
        allowed[:] = True
        told[:] = False
    relevant = np.where(told & (allowed.sum(axis=1) == 1), allowed.argmax(axis=1), -1)
    suited = scores[allowed[scores["referral"], scores["measure"]]]
    earliest = suited.drop_duplicates("referral")  # in the order of date and measure
    several = allowed.sum(axis=1)[earliest["referral"]] != 1
    relevant[earliest["referral"][several]] = earliest["measure"][several]
    return relevant


def sessions(contacts: pd.DataFrame, referrals: pd.DataFrame, rule: str) -> pd.Series:
    """For each referral the number of contacts up to discharge that the rule counts; missing without a discharge date.

    `attended_days`: different days with an attended contact. `treatment_contacts`, as the NHS counts: different
    contacts (days, where they have no id) that were attended or not planned, of a kind with treatment in its name.
    `attended` and `planned` of the contacts are yes, no or missing; `referrals` as in `place`.
    """
    counts = contacts["attended"] == "yes"
    if rule == "treatment_contacts":
        counts = (counts | (contacts["planned"] == "no")) & contacts["appointment"].str.contains("treatment", na=False)
    own = contacts.loc[counts & (contacts["referral"] >= 0), ["referral", "date", "contact_id"]]
    if rule == "attended_days" or (own["contact_id"] == "").all():
        own = own.assign(contact_id="")
    own = own.drop_duplicates(["referral", "contact_id"] if own["contact_id"].any() else ["referral", "date"])
    own = own[own["date"] <= referrals["discharge_date"].to_numpy()[own["referral"]]]
    counted = own["referral"].value_counts().reindex(np.arange(len(referrals))).fillna(0).astype("Int64")
    return counted.set_axis(referrals.index).mask(referrals["discharge_date"].isna())
