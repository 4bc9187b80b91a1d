"""What may look wrong in an export and its cohort: every finding by its name, with what it would mean and what to do.

The names are what a study file acknowledges; `cohort/plausibility.py` looks for them.
"""

import difflib
from typing import NamedTuple

from durability_utils.study.errors import InputError

LEVELS = ("stop", "warning", "note")
# what cleaning leaves of them, and of what the export was like
FINDINGS_FILE, PROFILE = "findings.csv", "profile.json"


class Finding(NamedTuple):
    """`level`: `stop` (every number would be wrong: no cohort), `warning` or `note`; two sentences for people."""

    level: str
    means: str
    do: str


FINDINGS = {
    # -- scores
    "phq2_in_phq9": Finding(
        "stop", "Nobody scores above 6, the most that a PHQ-2 can give: these are no PHQ-9 totals.",
        "Map the column of the PHQ-9 total, or leave it out of the map."),
    "gad2_in_gad7": Finding(
        "stop", "Nobody scores above 6, the most that a GAD-2 can give: these are no GAD-7 totals.",
        "Map the column of the GAD-7 total, or leave it out of the map."),
    "measures_swapped": Finding(
        "stop", "GAD-7 has scores of 22 to 27 and the higher median, PHQ-9 none above 21: one is taken for the other.",
        "Exchange the two columns in the column map."),
    "first_and_last_swapped": Finding(
        "stop", "Most patients score clearly higher at end than at baseline: first and last are swapped, or the "
        "scoring is reversed.",
        "Look up in the source system which of the two columns is the first, and how it is scored."),
    "follow_up_above_baseline": Finding(
        "warning", "Most patients score clearly higher at the follow-up than before treatment, though they improved by "
        "its end: the follow-up may be scored in reverse.",
        "Ask how the follow-up's questionnaire is scored, and whose answers these are."),
    "items_from_1": Finding(
        "stop", "Nobody answers 0 to any item and some answer one more than there is: items count from 1, and sums are "
        "too high.",
        "Recode the items in the export, or map them with codes: {1: 0, 2: 1, ...}."),
    "totals_from_1": Finding(
        "stop", "Nobody scores below the number of items and some above the highest total: the items were counted from "
        "1 before they were summed.",
        "Ask for totals of items that count from 0."),
    "totals_never_match": Finding(
        "warning", "Half of the totals or more are not the sum of their items: they are of another time or measure.",
        "Look at which columns the map gives to the total and to its items."),
    "low_at_baseline": Finding(
        "warning", "Half of the patients hardly have symptoms at baseline: it may be another time or measure.",
        "Check which column is mapped as the baseline."),
    "percentages": Finding(
        "warning", "Many scores lie above the highest total, and none above 100: they may be percentages.",
        "Ask for points of the questionnaire's total."),
    "constant_column": Finding(
        "warning", "Everybody has the same value: a default of the system, or another column.",
        "Compare some patients with the source system."),
    "heaping": Finding(
        "warning", "Most values are multiples of 5: they are rounded or estimated.",
        "Ask how they were recorded; thresholds of single points mean little with them."),
    "zeros_where_nobody_answered": Finding(
        "warning", "Zeros on all measures where nobody seems to have answered: each counts as a recovered patient.",
        "Ask how the system writes a questionnaire that did not come back, and export it blank."),
    "carried_forward": Finding(
        "warning", "Scores equal the earlier ones on all measures far more often than chance allows: the last value "
        "was carried forward.",
        "Ask how the system fills in what nobody answered, and export it blank."),
    # -- dates
    "year_off": Finding(
        "warning", "Dates before 2000, or years away from nearly all others: the year is mistyped.",
        "Correct the dates in the source system."),
    "in_the_future": Finding(
        "warning", "Dates after today: mistyped, or planned and not happened.",
        "Correct the dates; export only what has happened."),
    "one_day_of_the_month": Finding(
        "warning", "Nearly all dates fall on one day of the month: only the month is known, and days since discharge "
        "are off by up to a month.",
        "Ask for the exact day, or say in the study's title that dates are months."),
    "one_discharge_day": Finding(
        "warning", "Everybody was discharged on one day: it may be the day of the export or of a letter.",
        "Map the column of each patient's own discharge."),
    "day_and_month_swapped": Finding(
        "warning", "Of many dates none has a day above 12: day and month are swapped, and the rest was refused.",
        "Export dates as YYYY-MM-DD, or correct `dates:` in the column map."),
    "follow_up_on_day_of_discharge": Finding(
        "warning", "Follow-ups are dated on the day of discharge: these are scores at end, or dates filled in.",
        "Check which column is mapped as the date of the follow-up."),
    "follow_up_at_another_time": Finding(
        "warning", "Half of the answers or more came far from the time that the follow-up is named after.",
        "Check which questionnaire the column holds, or say so in the study's title."),
    "follow_ups_out_of_order": Finding(
        "warning", "The 12-month answer is dated before the 6-month one: dates or columns are swapped.",
        "Check both columns in the column map, and these patients in the source system."),
    "referral_after_discharge": Finding(
        "warning", "The referral is dated after the discharge: it is a later one, or the two columns are swapped.",
        "Check both columns in the column map, and these patients in the source system."),
    # -- ids, rows and columns
    "id_in_scientific_notation": Finding(
        "warning", "A spreadsheet has rounded long ids to a few digits: different patients may share one.",
        "Export the ids as text, without opening the file in a spreadsheet before."),
    "id_without_leading_zeros": Finding(
        "note", "Nearly all numeric ids have one length and a few are shorter: a spreadsheet may have taken leading "
        "zeros.",
        "Compare some with the source system; where other files hold the same ids they would not match."),
    "ids_equal_but_for_case": Finding(
        "warning", "Ids differ by letter case or blanks only: one patient may be counted twice.",
        "Look up whether they are the same people, and write each id in one way."),
    "date_as_id": Finding(
        "warning", "Ids look like dates: a spreadsheet has rewritten them.",
        "Export the ids as text, without opening the file in a spreadsheet before."),
    "same_person_twice": Finding(
        "warning", "More patients than chance allows have the same dates, age and scores under different ids: they "
        "count twice.",
        "Find out whether ids have changed between the exports, and give each patient one."),
    "rows_refused": Finding(
        "warning", "Half of the rows or more are refused for one reason: it is likely one decision, not many mistakes.",
        "Read the reason in rejected.csv, and check column map and study file for it."),
    "nobody_consents": Finding(
        "warning", "Nobody agreed to be contacted, so nobody has a follow-up.",
        "Check the column of consent in the column map, and its codes."),
    "answers_without_consent": Finding(
        "warning", "A quarter of those who answered or more did not agree to be contacted: yes and no of consent may "
        "be exchanged, or answers stand in other patients' rows.",
        "Compare some of them with their consent forms before anybody is contacted."),
    "nobody_answered": Finding(
        "warning", "Everybody agreed to be contacted long ago, and no answer of anybody is there.",
        "Check whether the follow-up's columns are in the export and in the column map."),
    "mapped_but_blank": Finding(
        "warning", "The column is mapped and in the export, and blank in every row.",
        "Check whether another column holds the values, and the missing codes of the column map."),
    "many_refused": Finding(
        "warning", "A fifth of the column's values or more cannot be read: a decision of the column map is wrong.",
        "Look at some of the values with `durability check`."),
    "row_shifted": Finding(
        "warning", "Most values of these rows are refused: their cells may stand in the wrong columns.",
        "Look at these lines of the export."),
    "row_with_only_an_id": Finding(
        "warning", "These rows hold an id and nothing else.",
        "Ask whether they are patients; if not, leave them out of the export."),
    "age_is_a_code": Finding(
        "warning", "Ages such as 0, 99 or 120 stand for *not known*, and count as ages.",
        "Name the code under `missing:` of the column `age` in the column map."),
    "mojibake": Finding(
        "warning", "Letters such as Ã© show text that was read in the wrong encoding, or written in two.",
        "Name the file's encoding in the column map, or export it anew in UTF-8."),
    # -- long exports
    "contacts_of_nobody": Finding(
        "warning", "A fifth of the contacts or more belong to nobody among the patients.",
        "Check that both files are of the same time, and that ids are written alike."),
    "scores_lost": Finding(
        "warning", "A fifth of the scores or more are refused, since one day has different ones or answers to single "
        "questions are missing.",
        "Export each score once, and every answer, zeros too."),
    "joined_rows_lost": Finding(
        "warning", "A fifth of a joined file's rows or more are not used: they are nobody's among the patients, or a "
        "patient has several that differ.",
        "Check that ids are written alike, and keep one row a patient."),
    "contact_long_before": Finding(
        "warning", "The baseline lies more than two years before discharge: it may be of an earlier referral.",
        "Export the contacts of this referral only, or map its id."),
    "treated_again": Finding(
        "warning", "After discharge two attended contacts within four weeks, or three scores within six: a new "
        "treatment, whose scores are no follow-up.",
        "Export the contacts of this referral only, or map its id."),
    # -- several services
    "same_people": Finding(
        "warning", "More patients than chance allows have the same dates and scores in two services: they count twice.",
        "Find out which service treated them, and take them out of the other's export."),
    "same_ids": Finding(
        "note", "Two services use the same ids: the same people, or the same numbering.",
        "Ask whether the services share a system; if so, look at these patients."),
    # -- the files, beside the table in them
    "lines_skipped": Finding("note", "Lines above the first row of data are skipped.",
                             "Look whether one of them is a patient's."),
    "other_sheets": Finding("note", "A workbook has other sheets with rows.",
                            "Name the sheet that is meant in the column map, if it is another."),
    "hidden_rows": Finding("note", "Rows are hidden in the workbook.", "Ask whether they belong to the export."),
    "hidden_columns": Finding("note", "Columns are hidden in the workbook.", "Ask whether they belong to the export."),
    "merged_cells": Finding("warning", "Cells are merged in the workbook.", "Take the merging out and export again."),
    "file_ends_in_the_middle": Finding("warning", "The file ends in the middle of a row: rows may be lost.",
                                       "Export it again, and compare the number of rows with the source system."),
    "two_encodings": Finding("warning", "Some text is in another encoding.", "Export the file in one encoding."),
    "lost_letters": Finding("warning", "Letters were lost before the export was written.",
                            "Export it again, as UTF-8; an id among them may be two people's."),
    "nul_bytes": Finding("warning", "There are bytes that are no text.", "Copy or export the file again."),
    # -- against last month
    "fewer_rows": Finding(
        "warning", "The export has clearly fewer rows than last time: it may end in the middle.",
        "Compare the number of rows with the source system."),
    "more_rows": Finding(
        "note", "The export has clearly more rows than last time.",
        "Check that it holds one row a patient and the period that you mean."),
    "column_gone": Finding(
        "warning", "A column of the last export is not in this one.",
        "Check whether it was renamed; then change the column map."),
    "column_new": Finding(
        "note", "A column is new since the last export.", "Add it to the column map if it is of use."),
    "code_new": Finding(
        "note", "A code is new since the last export.", "Check what it means, and that the column map says so."),
    "code_gone": Finding(
        "note", "A code of the last export is not used any more.", "Check whether it was replaced by another."),
    "more_blank": Finding(
        "warning", "Clearly more values of the column are blank than last time.",
        "Compare some patients with the source system."),
    "fewer_blank": Finding(
        "note", "Clearly fewer values of the column are blank than last time.",
        "Check whether the system now fills in what nobody recorded."),
    "more_refused": Finding(
        "warning", "Clearly more values of the column are refused than last time.",
        "Look at some with `durability check`: codes, dates or numbers may be written in another way."),
}


def check_names(acknowledged, services) -> None:
    """Raises InputError where a name, or the service before its slash, is none of a study with these services."""
    for key in acknowledged:
        service, _, name = key.rpartition("/")
        if service and service not in (*services, "all"):
            raise InputError(f"acknowledged: {key}: found service '{service}', expected one of {', '.join(services)}, "
                             "all")
        if name not in FINDINGS:
            close = difflib.get_close_matches(name, FINDINGS, 1)
            hint = f"did you mean '{close[0]}'?" if close else f"known findings: {', '.join(FINDINGS)}"
            raise InputError(f"acknowledged: found '{name}', which no finding is called; {hint}")
