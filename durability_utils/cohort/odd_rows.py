"""Ids, rows, columns and contacts that look damaged: each look yields what it found, nothing where all is well."""

import re
from collections.abc import Iterator

import pandas as pd

from durability_utils.cohort.cells import read_day
from durability_utils.cohort.exports import LINES_A_FILE
from durability_utils.cohort.seen import CONTACT, MANY, UNREADABLE, Found, Seen, rows_where
from durability_utils.study.column_maps import CONTACT_COLUMNS, DATE_STYLES, code_lists, normalise
from durability_utils.study.columns import FOLLOW_UPS, completed, dictionary

# shorter ids are counted up from 1, and have every length; of longer ones a tenth or so begins with a 0
LEAST_ID_LENGTH, SHARE_OF_LENGTH = 6, 0.8
# of a counter that has just reached a new length, the shorter ids lie close below it
CLOSE_BELOW = 0.8
SHARE_OF_ROWS_REFUSED, SHARE_OUTSIDE = 0.5, 0.9
SHARE_REFUSED = SHARE_OF_NOBODY = 0.2
LEAST_REFUSED = 5
ANSWERED, SHARE_WITHOUT = 10, 0.25  # of those who answered, who had not agreed
CELLS_OF_A_ROW, SHARE_OF_A_ROW = 3, 0.2
DAYS_TO_ANSWER = 456  # after discharge, the last day of the 12-month window
DAYS_BEFORE = 730
# days from an attended contact to the next, and from a score to the next but one: weekly, never monthly
DAYS_OF_SESSIONS, DAYS_OF_SCORES = 28, 42
SOME = 200  # different values, enough to tell how a column is written
SHARE_OF_STYLE = 0.9
# UTF-8 read as Windows-1252 or Latin-1, and the sign for what could not be decoded
MOJIBAKE = "[\u00c2\u00c3][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u2018-\u201e\u2020-\u2022\u2026]" \
           "|\u00e2\u20ac|\ufffd"
DAY_AS_ID = r"(?:\d{4}-\d{2}-\d{2}(?: 00:00:00)?|\d{1,2}[/.]\d{1,2}[/.](?:\d{2}|\d{4})|" \
            r"\d{1,2}-(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)|" \
            r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-\d{2})"


def ids(seen: Seen) -> Iterator[Found]:
    cells = seen.raw.text["patient_id"]
    cells = cells[seen.filled["patient_id"]]
    for name, pattern in (("id_in_scientific_notation", r"\d(?:\.\d+)?[eE]\+\d+"), ("date_as_id", DAY_AS_ID)):
        if (holds := cells.str.fullmatch(pattern)).any():
            yield Found(name, "patient_id", rows_where(holds), len(cells))
    plain = cells.str.lower().str.replace(r"\s", "", regex=True)
    spellings = pd.DataFrame({"plain": plain, "id": cells}).drop_duplicates()
    twice = plain.isin(spellings.loc[spellings["plain"].duplicated(), "plain"])
    if twice.any():
        yield Found("ids_equal_but_for_case", "patient_id", rows_where(twice), len(cells))
    numeric = cells[cells.str.fullmatch("[0-9]{1,15}")]
    lengths = numeric.str.len()
    if len(numeric) >= max(MANY, SHARE_OF_LENGTH * len(cells)):
        usual = lengths.max()
        shorter = numeric[lengths < usual]
        full = (lengths == usual).mean()
        if (usual >= LEAST_ID_LENGTH and SHARE_OF_LENGTH <= full < 1
                and pd.to_numeric(shorter).median() < CLOSE_BELOW * 10.0 ** (usual - 1)):
            yield Found("id_without_leading_zeros", "patient_id", shorter.index, len(numeric))


# refused by the way in which records are kept, or by a rule of the study
EXPECTED = ("copy", "older_version", "other_referral")


def rows(seen: Seen) -> Iterator[Found]:
    read, of_rows = len(seen.raw.text), seen.rejected[seen.rejected["refused"] == "row"]
    for reason, refused in of_rows.groupby("reason"):
        outside = reason == "outside_window"  # an export of many years may be meant
        if reason not in EXPECTED and read >= MANY and len(refused) >= read * (SHARE_OUTSIDE if outside else
                                                                         SHARE_OF_ROWS_REFUSED):
            yield Found("rows_refused", refused["column"].iloc[0], pd.Index(refused["row"]), read,
                        "note" if outside else "", f"It is {reason}.")
    told = [name for name, column in seen.raw.columns.everywhere.items() if column.source and name != "patient_id"]
    others = seen.filled[[name for name in told if name in seen.filled]].to_numpy().any(axis=1)
    alone = seen.filled["patient_id"] & ~others
    if alone.any() and seen.raw.columns.contacts is None:
        yield Found("row_with_only_an_id", "patient_id", rows_where(alone), read)
    if seen.unread:
        # not items: a whole questionnaire of them may be coded in another way
        judged = [name for name in told if dictionary().at[name, "type"] != "text" and "_item" not in name]
        unread = pd.concat([pd.Series(0, seen.cohort.index[:0]), *(
            pd.Series(1, frame.index) for name, frame in seen.unread.items() if name in judged)])
        unread = unread.groupby(level=0).sum().loc[lambda counts: counts.index.isin(seen.filled.index)]
        cells = seen.filled.loc[unread.index, judged].sum(axis=1)
        shifted = (unread >= CELLS_OF_A_ROW) & (unread >= SHARE_OF_A_ROW * cells)
        if 0 < shifted.sum() < read / 2:  # of most rows it is the column map
            yield Found("row_shifted", "", rows_where(shifted), len(seen.cohort))


def consent(seen: Seen) -> Iterator[Found]:
    agreed = seen.cohort["consent_contact"] == "yes"
    if len(agreed) >= MANY and not agreed.any():
        yield Found("nobody_consents", "consent_contact", len(agreed), len(agreed))
    answered = completed(seen.cohort, "6m") | completed(seen.cohort, "12m")
    withheld = seen.rejected[(seen.rejected["refused"] == "value") & (seen.rejected["reason"] == "no_contact_consent")]
    without = pd.Index(withheld["row"].unique())
    if agreed.any() and len(without) >= max(ANSWERED, SHARE_WITHOUT * (len(without) + answered.sum())):
        yield Found("answers_without_consent", "consent_contact", without, len(without) + int(answered.sum()))
    due = seen.cohort["discharge_date"].max() + pd.Timedelta(days=DAYS_TO_ANSWER)
    if len(agreed) >= MANY and agreed.all() and not answered.any() and not due > seen.today:
        dates = ", ".join(f"followup_{time}_date" for time in FOLLOW_UPS)
        yield Found("nobody_answered", dates, len(agreed), len(agreed))


def blank(seen: Seen) -> Iterator[Found]:
    groups: dict[str, list[str]] = {}
    for name, column in seen.raw.columns.everywhere.items():
        if column.source and name not in seen.raw.absent and not seen.filled[name].any():
            time = dictionary().at[name, "time"]
            asked = completed(seen.cohort, time) if time in FOLLOW_UPS else pd.Series(True, seen.cohort.index)
            # the relevant measure of few need not come back
            if not name.startswith("adsm_") or (asked & seen.cohort["adsm"].notna()).sum() >= MANY:
                groups.setdefault(time, []).append(re.sub(r"_item\d+$", "_item*", name))
    for time, names in groups.items():
        if len(seen.filled) >= MANY:  # the time of a follow-up may not have come
            yield Found("mapped_but_blank", ", ".join(dict.fromkeys(names)), len(seen.filled), len(seen.filled),
                        "note" if time in FOLLOW_UPS else "")


def refused(seen: Seen) -> Iterator[Found]:
    columns = seen.raw.columns
    for name, unread in _unread_cells(seen).items():
        cells = seen.filled[name].sum()
        if len(unread) >= max(LEAST_REFUSED, SHARE_REFUSED * cells):
            yield Found("many_refused", name, unread.index, int(cells), "",
                        _remedy(unread["value"], dictionary().at[name, "type"], columns.everywhere[name].dates,
                                dictionary().at[name, "allowed"]))
    if columns.contacts is not None:
        contacts = seen.rejected[(seen.rejected["refused"] == "contact") & seen.rejected["reason"].isin(UNREADABLE)]
        for name, unread in contacts.groupby("column"):
            cells = int((seen.raw.contact_text[name] != "").sum())
            if len(unread) >= max(LEAST_REFUSED, SHARE_REFUSED * cells):
                kind = {"date": "date", "score": "whole_number"}.get(name, "code")
                yield Found("many_refused", CONTACT + name, pd.Index(unread["row"]), cells, "",
                            _remedy(unread["value"], kind, columns.contacts.columns[name].dates,
                                    CONTACT_COLUMNS[name][0]))


def _unread_cells(seen: Seen) -> dict[str, pd.DataFrame]:
    """By column what could not be read, the dates of discharge that cost a row included."""
    out = seen.rejected[(seen.rejected["reason"] == "no_discharge_date") & (seen.rejected["value"] != "")]
    return seen.unread | ({"discharge_date": out.set_index("row")} if len(out) else {})


def _remedy(values: pd.Series, kind: str, style: str, allowed: str) -> str:
    """Which decision of the column map would read these values; empty where none is known."""
    some = [text for text in values.unique() if text][:SOME]

    def most(reads) -> bool:
        return bool(some) and sum(map(bool, map(reads, some))) >= SHARE_OF_STYLE * len(some)

    match kind:
        case "date":
            for other in DATE_STYLES:
                if other != style and most(lambda text, other=other: pd.notna(read_day(text, other))):
                    return f"`dates: {other}` in the column map would read them."
            if most(re.compile(r"\d{1,2}[/.-](1[3-9]|2\d|3[01])[/.-]\d{2,4}").match):
                return "They have the month first: export them as YYYY-MM-DD."
        case "whole_number" | "score":
            if most(re.compile(r"-?\d+,\d+").fullmatch):
                return "`decimal: comma` in the column map would read them."
            if most(re.compile(r"[\d.]+ ?%").fullmatch):
                return "They are percentages: ask for points."
        case "code" | "measure":
            for name, codes in code_lists().items():
                known = {normalise(code) for code in codes}
                fits = {*codes.values()} <= {"", *allowed.split("|")} if allowed else name == "nhs_assessment_tool"
                if fits and most(lambda text, known=known: normalise(text) in known):
                    return f"`codes: {name}` in the column map would read them, if that is the list."
            return "Write what its codes mean under `codes:` of the column."
    return ""


def ages(seen: Seen) -> Iterator[Found]:
    age = seen.cohort["age"].dropna()
    # nobody of these ages is referred; 99 is a code where it is more frequent than the six years below it together
    code = (age == 0) | (age >= 120)
    old = int((age == 99).sum())
    if old >= 2 and old > age.between(93, 98).sum():
        code |= age == 99
    if code.any():
        yield Found("age_is_a_code", "age", rows_where(code), len(age))


def mojibake(seen: Seen) -> Iterator[Found]:
    kinds = dictionary()["type"]
    for name in kinds.index[kinds.isin(["text", "code"])]:
        cells = seen.raw.text[name]
        if seen.filled[name].any():
            odd = cells[cells.str.contains(MOJIBAKE)]
            if len(odd):
                yield Found("mojibake", name, odd.index, int(seen.filled[name].sum()))


def contacts(seen: Seen) -> Iterator[Found]:
    if seen.raw.columns.contacts is None:
        return
    placed = seen.raw.contacts
    nobody = placed["reason"] == "no_such_patient"
    if nobody.sum() >= max(LEAST_REFUSED, SHARE_OF_NOBODY * len(placed)):
        yield Found("contacts_of_nobody", CONTACT + "patient_id", rows_where(nobody), len(placed))
    scored = placed["measure"].isin([measure.name for measure in seen.study.rules.pair])
    lost = scored & placed["reason"].isin(["conflicting_scores", "incomplete_items"])
    if lost.sum() >= max(LEAST_REFUSED, SHARE_REFUSED * scored.sum()):
        yield Found("scores_lost", CONTACT + "score", rows_where(lost), int(scored.sum()))
    discharged = seen.cohort["discharge_date"].set_axis(seen.raw.referral[seen.cohort.index])
    days = (placed["date"] - discharged.reindex(placed["referral"]).to_numpy()).dt.days
    first = placed["gives"].str.endswith("_baseline").fillna(False).astype(bool)
    long_before = first & (days < -DAYS_BEFORE)
    if long_before.any():
        yield Found("contact_long_before", CONTACT + "date", rows_where(long_before), int(first.sum()))
    later = placed[["referral"]].assign(days=days)[days.between(1, DAYS_TO_ANSWER)]
    again = []
    sessions = (placed["attended"] == "yes") & (placed["appointment"] != "follow_up").fillna(True)
    for which, others, most in ((sessions, 1, DAYS_OF_SESSIONS),
                                (placed["score"].notna() & placed["reason"].isna(), 2, DAYS_OF_SCORES)):
        of_days = later[which.reindex(later.index).fillna(False)].drop_duplicates().sort_values(["referral", "days"])
        again.append(of_days[of_days.groupby("referral")["days"].diff(others) <= most])
    again = pd.concat(again).drop_duplicates("referral")
    if len(again):
        yield Found("treated_again", CONTACT + "date", again.index, len(seen.cohort))


def joined(seen: Seen) -> Iterator[Found]:
    lost = seen.rejected[(seen.rejected["refused"] == "joined")
                         & seen.rejected["reason"].isin(["no_such_patient", "conflicting_rows"])]
    for number, gone in lost.groupby(lost["row"] // LINES_A_FILE):
        used = {name: places[places // LINES_A_FILE == number] for name, places in seen.raw.places.items()}
        read = max((len(places) for places in used.values()), default=0) + len(gone)
        if len(gone) >= max(LEAST_REFUSED, SHARE_OF_NOBODY * read):
            columns = ", ".join(name for name, places in used.items() if len(places) and "_item" not in name)
            yield Found("joined_rows_lost", columns, len(gone), read, "", f"The file is {seen.raw.files[number]}.")


LOOKS = (ids, rows, consent, blank, refused, ages, mojibake, contacts, joined)
