"""A column map for an export that nobody has described: guessed from names, kept only where the values agree.

Nothing relies on a guess: it is written down for a person to read, with its reason and its doubt.
"""

import re
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import product

import pandas as pd

from durability_utils.new_study import values
from durability_utils.new_study.exports import Export, plain_name
from durability_utils.new_study.names import EXACT, UNREAD, Meaning, Names, said, suggested, told, without
from durability_utils.study.column_maps import CONTACT_COLUMNS, normalise
from durability_utils.study.columns import FOLLOW_UPS, KEYS, TIMES, dictionary, from_contacts

NO_MEASURE = "no column says of which measure"


@dataclass(frozen=True)
class Guess:
    """One line of a proposed column map: the column that is meant, and `source`, the export's; `doubts`: what to check.
    The items of a measure are one: `phq9_6m_item*` and a source with `*`. `names`: the export's columns."""

    meaning: Meaning
    source: str
    names: tuple[str, ...]
    reading: values.Reading
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proposal:
    """What was guessed of one export.

    `placed`: canonical column -> guess, in the order of the dictionary; `missing`, `dates`, `decimal`: said once for
    all. `absent`: canonical columns for which nothing was found. `unplaced`: columns of the export without a place ->
    what speaks against the place that the name suggests, or nothing. `discharged`: first and last month in which
    patients were discharged, or None. `contacts`: what was guessed of the contacts of a long export, or None.
    `joined`: by name what was guessed of the files beside it, which tell more of the same patients. `events`: where a
    patient has a row an event, the column that names it, and event -> time; a key of `placed` then has `<time>`.
    `sessions`: how contacts are counted, where not as usual. `several`: patients with more than one referral.
    """

    export: Export
    placed: dict[str, Guess]
    missing: tuple[str, ...]
    dates: str
    absent: list[str]
    unplaced: dict[str, str] = field(default_factory=dict)
    discharged: tuple[pd.Period, pd.Period] | None = None
    contacts: "Proposal | None" = None
    decimal: str = "point"
    joined: dict[str, "Proposal"] = field(default_factory=dict)
    events: tuple[str, dict[str, str]] | None = None
    sessions: str = ""
    several: int = 0


def propose(export: Export, contacts: Export | None = None) -> Proposal:
    """Guess what the columns of an export are; `contacts`: the second file of a long export."""
    of_contacts = propose_contacts(contacts or export)
    if not of_contacts and (events := _events(export)):
        return _propose_of_events(export, *events)
    wanted = [column for column in dictionary().index if not of_contacts or column not in from_contacts()]
    patients, taken = export, set()
    if of_contacts and not contacts:  # what is said of a patient stands in each contact's row
        taken = {guess.source for guess in of_contacts.placed.values()}
        patient = of_contacts.placed["patient_id"].source
        patients = replace(export, table=export.table.drop_duplicates(patient).drop(columns=taken - {patient}))
    guesses, against = guess_columns(patients, wanted)
    taken |= {name for guess in guesses.values() for name in guess.names}
    return replace(as_proposal(export, guesses, wanted), contacts=of_contacts,
                   discharged=usual_months(patients, guesses),
                   unplaced={name: against.get(name, "") for name in export.table if name not in taken})


def _events(export: Export) -> tuple[str, dict[str, str]] | None:
    """The column that names the event of each row, and event -> time; None where a patient has no row an event."""
    names = Names(export.measures)
    for column in export.counts:
        if not said("*event*, visit*, time point, timepoint, occasion", names.words(column)):
            continue
        # the same event of several arms has one time; of two that may be at one time, the commoner is
        arms, times = defaultdict(list), {}
        for event in export.counts[column].index:
            arms[without("arm NUMBER", names.words(event))].append(event)
        for event in arms:
            for meaning in names.meanings(f"PHQ9 {event}"):
                times.setdefault(dictionary().at[meaning.column, "time"], arms[event])
        if len(times) > 1 and len(arms) <= 30:
            return column, {event: time for time in TIMES for event in times.get(time, ())}
    return None


def _propose_of_events(export: Export, column: str, times: dict[str, str]) -> Proposal:
    """What is guessed where a patient has a row an event: as of a table of one row a patient, in which the columns that
    have a time stand once for each, with it in their name."""
    names = Names(export.measures)
    by = next(by for by in told("columns") if by.column == "patient_id")
    ids = next((name for name in export.counts if suggested([by], names.words(name))), None)
    if ids is None:
        return as_proposal(export, {}, list(dictionary().index))
    rows = export.table.set_index(ids)
    wide, of_time = {}, {}
    for name in rows.columns.drop(column):
        cells = rows[name][rows[name] != ""]
        timed = names.meanings(f"{name} baseline") or names.meanings(f"{name} 6m") or "*" in _template(name)
        untimed = names.meanings(name)
        # whose name tells no time, as employment, has one where it stands in rows of several
        if untimed and dictionary().at[untimed[0].column, "time"]:
            untimed = untimed if rows.loc[rows[name] != "", column].map(times).nunique() < 2 else []
        if untimed or not timed:
            wide[name] = cells[~cells.index.duplicated()]
            continue
        for time in dict.fromkeys(times.values()):
            then = cells[rows.loc[rows[name] != "", column].map(times) == time]
            of_time[f"{name} {time}"] = name
            wide[f"{name} {time}"] = then[~then.index.duplicated()]
    patients = pd.Index(rows.index.unique(), name=ids)
    table = pd.DataFrame(wide, patients).fillna("").reset_index().astype("str")
    found = propose(replace(export, table=table))
    placed = {}
    for canonical, guess in found.placed.items():
        if guess.names[0] in of_time:
            source, _, time = guess.source.rpartition(" ")
            placed.setdefault(canonical.replace(f"_{time}", "_<time>", 1), replace(guess, source=source))
        else:
            placed[canonical] = guess
    unplaced = {of_time.get(name, name): reason for name, reason in found.unplaced.items()}
    used = {of_time.get(name, name) for guess in found.placed.values() for name in guess.names}
    left = [event for event, rows in export.counts[column].items() if event not in times and rows >= values.SHOWN]
    doubt = f"no time of ours: {', '.join(left)}" if left else ""
    remarks = (*export.remarks, "CHECK: a row a patient and event; "
               f"{', '.join(f'{event} = {time}' for event, time in times.items())}{'; ' if doubt else ''}{doubt}")
    return replace(found, export=replace(export, remarks=remarks), placed=placed, events=(column, times),
                   unplaced={name: reason for name, reason in unplaced.items() if name not in used})


def _template(name: str) -> str:
    """A name with * for its last number: items of one measure have the same."""
    return re.sub(r"\d+(?=\D*$)", "*", name)


def joined(patients: Proposal, export: Export) -> Proposal | None:
    """The proposal with a file beside it, of one row a patient or referral: follow-up answers, consent. None where it
    is none.

    Whose a row is say values, whatever their column is called. A column that the patients' file has is not read twice.
    """
    known = {key: patients.export.table[patients.placed[key].source] for key in KEYS if key in patients.placed}
    shares = {(key, column): export.table[column].isin(ids[ids != ""]).mean() for key, ids in known.items()
              for column in export.counts}
    # of a patient's several referrals a row of theirs tells which it is about
    key, ids = max(reversed(shares), key=shares.get, default=("", ""))
    if not ids or shares[key, ids] < 0.5 or export.table[ids].duplicated().mean() > 0.25:
        return None
    name = plain_name(export.path.stem, patients.joined)
    by = next(by for by in told("columns") if by.column == key)
    found = {text: text for text in export.counts[ids].index}
    guess = Guess(Meaning(key, by, 0, f"ids of {patients.export.path.name}", ""), ids, (ids,),
                  values.Reading("the same ids", found))
    wanted = [column for column in patients.absent if column not in ("referral_id", "re_referred_date")]
    # a survey of one follow-up may say its time in the name of the file only
    texts = {column: f"{export.descriptions.get(column, column)} {name}" for column in export.table}
    others = replace(export, table=export.table.drop(columns=ids), descriptions=texts)
    guesses, against = guess_columns(others, wanted)
    if not guesses:
        return None
    if "sessions" in guesses and patients.contacts:
        counted = "the contacts would tell it, too: take this line away to have them counted"
        guesses["sessions"] = replace(guesses["sessions"], doubts=(*guesses["sessions"].doubts, counted))
    found = as_proposal(export, {key: guess} | guesses, [key, *wanted])
    taken = {name for guess in found.placed.values() for name in guess.names}
    found = replace(found, unplaced={name: against.get(name, "") for name in export.table if name not in taken})
    return replace(patients, joined=patients.joined | {name: found}, absent=[
        column for column in patients.absent if column in found.absent or column not in wanted],
        discharged=patients.discharged or usual_months(export, guesses))


def propose_contacts(export: Export) -> Proposal | None:
    """Guess which columns hold the contacts of a long export; None where it is none."""
    names = Names(export.measures)
    columns = [by for by in told("contacts") if by.column in CONTACT_COLUMNS]
    guesses, _ = _place(export, {name: suggested(columns, names.words(name)) for name in export.counts})
    if any(required and column not in guesses for column, (_, required) in CONTACT_COLUMNS.items()):
        return None
    return as_proposal(export, guesses, list(CONTACT_COLUMNS))


def guess_columns(export: Export, wanted: list[str]) -> tuple[dict[str, Guess], dict[str, str]]:
    """The guesses by their column, and for each other column what speaks against the place that it suggests."""
    names = Names(export.measures)
    items = _items(export, names)
    others = [name for name in export.counts if not any(name in guess.names for guess in items)]

    def meanings(wanted: list[str]) -> dict[str, list[Meaning]]:
        return {name: [meaning for meaning in names.meanings(name) or names.meanings(export.descriptions.get(name, ""))
                       if meaning.column in wanted] for name in others}

    middle = _days(export, _place(export, meanings(["discharge_date"]))[0]).median()
    names = names.learned(others, None if pd.isna(middle) else middle.to_period("M"))
    suggested = meanings(wanted)
    guesses, against = _place(export, suggested)
    while contradicted := _before_referral(export, guesses):
        column, reason = contradicted
        name = guesses[column].source
        suggested |= {name: [meaning for meaning in suggested[name] if meaning.column != column]}
        guesses, placed_against = _place(export, suggested)
        against = against | placed_against | {name: f"its name suggests {column}, but {reason}"}
    for guess in items:
        meaning = names.timed(guess.meaning)
        if meaning and meaning.column.replace("*", "1") in wanted:
            guesses[meaning.column] = replace(guess, meaning=meaning)
        else:
            against |= dict.fromkeys(guess.names, "an item; the data dictionary has no column for it")
    against |= {name: "its name stands there twice" for name in export.table if name not in export.counts}
    one_adsm = "scores of one measure; here an ADSM's stand in adsm_baseline, ... and its name in adsm"
    adsms = ", ".join(names.phrases(each) for each in export.measures.values() if each.role == "disorder_specific")
    against = {name: one_adsm for name in others if said(adsms, names.words(name))} | against
    for name in others:
        given = [meaning.column for meaning in names.meanings(name) if meaning.column not in wanted]
        against.setdefault(name, f"the contacts give {given[0]}" if given else names.unmeant(name))
    guesses = _checked_by_dates(export, _with_codes_of_both_times(export, guesses))
    return _checked_by_follow_ups(export, names, guesses), against


def _place(export: Export, suggested: dict[str, list[Meaning]]) -> tuple[dict[str, Guess], dict[str, str]]:
    """For each canonical column the export's column that suits it best; for the others what speaks against them."""
    suiting, against, exact = defaultdict(list), {}, {}
    for name, meanings in suggested.items():
        for meaning in meanings:
            try:
                guess = Guess(meaning, name, (name,), values.read_values(export, meaning, name))
                suiting[meaning.column].append(guess)
                against.pop(name, None)
                break
            except values.Contradiction as contradiction:
                against.setdefault(name, f"its name suggests {meaning.column}, but {contradiction}")
                if meaning.rank == EXACT:
                    exact[meaning.column] = f"{name} is there too, but {contradiction}"
    guesses = {}
    for column, found in suiting.items():
        best, *others = sorted(found, key=lambda guess: guess.meaning.rank)
        # a name with a doubt of its own does not make a sure one doubtful
        rivals = [guess.source for guess in others if guess.meaning.rank < UNREAD or best.meaning.rank >= UNREAD]
        doubts = [f"or is it {' or '.join(rivals)}?"] if rivals else []
        unread = best.meaning.unread
        doubts += [*([f"`{unread}` in the name {best.source}: is it {column}?"] if unread else []),
                   *([exact[column]] if column in exact else [])]
        guesses[column] = replace(best, doubts=tuple(doubts))
        against |= {guess.source: f"{best.source} was taken for {column}" for guess in others}
    return guesses, against


def _items(export: Export, names: Names) -> list[Guess]:
    """Measures' items, `*` for their time, where all are there: one guess if their names differ by the number only."""
    families, found = defaultdict(dict), []
    for name in export.counts:
        for number in re.finditer(r"\d+", name):
            families[f"{name[:number.start()]}*{name[number.end():]}"][int(number.group())] = name
    for (template, members), (measure, by) in product(families.items(), names.scores.items()):
        items = {number: members.get(number) for number in range(1, measure.items + 1)}
        # some ask how difficult it all is after the last item
        if not all(items.values()) or members.keys() - items.keys() - {measure.items + 1}:
            continue
        for total in suggested([by], names.words(template.replace("*", " item "))):
            meaning = replace(total, column=f"{total.column}_item*", rest=without("ITEM", total.rest))
            with suppress(values.Contradiction):
                reading = values.read_numbers(export.counted(items.values()), *measure.item_range)
                if all(name == template.replace("*", str(number)) for number, name in items.items()):
                    found.append(Guess(meaning, template, tuple(items.values()), reading))
                else:
                    found += [Guess(replace(meaning, column=f"{total.column}_item{number}"), name, (name,), reading)
                              for number, name in items.items()]
    return found


def _with_codes_of_both_times(export: Export, guesses: dict[str, Guess]) -> dict[str, Guess]:
    """Codes of employment and of the mode are the same at both times, also where one has not met all of them."""
    for by in told("columns"):
        both = [guess for guess in guesses.values() if guess.meaning.told is by and by.codes]
        with suppress(values.Contradiction):
            guesses = guesses | {guess.meaning.column: replace(guess, reading=values.read_values(
                export, guess.meaning, guess.source, export.counted(same.source for same in both))) for guess in both}
    return guesses


def _checked_by_dates(export: Export, guesses: dict[str, Guess]) -> dict[str, Guess]:
    """Whether what is taken for a follow-up was answered so many months after discharge, where dates can tell."""
    for time in FOLLOW_UPS:
        later = _days(export, guesses, f"followup_{time}_date") - _days(export, guesses)
        months = (later.dt.days / 30.44).median()
        if pd.notna(months):
            doubt = "" if abs(months - int(time[:-1])) <= 3 else f"answered about {months:.0f} months after discharge"
            guesses = guesses | {column: replace(guess, meaning=replace(guess.meaning, doubt=doubt))
                                 for column, guess in guesses.items() if f"_{time}" in column}
    return guesses


def _before_referral(export: Export, guesses: dict[str, Guess]) -> tuple[str, str] | None:
    """Where discharges lie before referrals: the less sure of both columns, and what speaks against it."""
    discharged, referred = _days(export, guesses), _days(export, guesses, "referral_date")
    known = discharged.notna() & referred.notna()
    if known.sum() < values.SHOWN or (early := (discharged < referred)[known].mean()) <= 1 - values.AGREE:
        return None
    sides = {"discharge_date": "referral_date", "referral_date": "discharge_date"}
    column = max(sides, key=lambda side: guesses[side].meaning.rank)
    said = "before" if column == "discharge_date" else "after"
    return column, f"{early:.0%} of its days lie {said} those of {guesses[sides[column]].source}"


def _checked_by_follow_ups(export: Export, names: Names, guesses: dict[str, Guess]) -> dict[str, Guess]:
    """Whether the last score is that of the end of treatment, and how many patients have a day of discharge."""
    doubts = defaultdict(list)
    if "discharge_date" in guesses:
        blank = _days(export, guesses).isna().mean()
        doubts["discharge_date"] += [f"no day in {blank:.0%} of the rows"] if blank > 0.5 else []
    for measure in export.measures.values():
        end, later = f"{measure.columns}_end", [f"{measure.columns}_{time}" for time in FOLLOW_UPS]
        if end not in guesses:
            continue
        if not any(column in guesses for column in later) and said("last, latest", names.words(guesses[end].source)):
            doubts[end] = ["the last score at end of treatment, or after a follow-up? No follow-up has a column"]
        for column in filter(guesses.__contains__, later):
            scores, ends = (export.table[guesses[name].source].map(guesses[name].reading.meant)
                            for name in (column, end))
            known = scores.notna() & ends.notna()
            if known.sum() >= values.ENOUGH and (same := (scores == ends)[known].mean()) > 0.9:
                doubts[column] += [f"the same as {end} in {same:.0%} of the rows: carried forward where nobody "
                                   "answered, or is the last score the follow-up's?"]
    return guesses | {column: replace(guesses[column], doubts=(*guesses[column].doubts, *dict.fromkeys(found)))
                      for column, found in doubts.items()}


def usual_months(export: Export, guesses: dict[str, Guess]) -> tuple[pd.Period, pd.Period] | None:
    """The first and the last month in which patients were discharged; None where no day is known."""
    months = _days(export, guesses).dropna().dt.to_period("M").value_counts()
    usual = months.index[months >= max(values.SHOWN, months.sum() / 100)]  # a month with a few is somebody's slip
    return (usual.min(), usual.max()) if len(usual) else None


def _days(export: Export, guesses: dict[str, Guess], column: str = "discharge_date") -> pd.Series:
    """The days in the export's column for a canonical one; NaT throughout where it has none."""
    if column not in guesses:
        return pd.Series(pd.NaT, export.table.index)
    return pd.to_datetime(export.table[guesses[column].source].map(guesses[column].reading.meant))


def as_proposal(export: Export, guesses: dict[str, Guess], order: list[str]) -> Proposal:
    """The lines of a map with all their doubts, and what is said once for all of them: missing codes and date style."""
    readings = [guess.reading for guess in guesses.values()]
    missing = frozenset().union(*(reading.missing for reading in readings))
    taken = {column: {*map(normalise, guess.reading.meant)} for column, guess in guesses.items()}
    ids = {len(text) for text in taken.get("patient_id", ()) if text.isdigit()}
    next_ids = {code for code in missing if code.isdigit() and len(code) in ids}  # 999 may be the next patient
    shared = {code for code in missing - next_ids if not any(normalise(code) in texts for texts in taken.values())}
    styles = Counter(reading.dates for reading in readings if reading.dates not in ("", "iso"))
    day_first = any(reading.dates == "day_first" and not reading.doubt for reading in readings)
    placed = {}
    for column in sorted(guesses, key=lambda column: order.index(column.replace("*", "1"))):
        guess, doubt = guesses[column], guesses[column].reading.doubt
        doubts = [guess.meaning.doubt, "" if day_first and doubt == values.DAY_OR_MONTH else doubt, *guess.doubts,
                  NO_MEASURE if column.startswith("adsm_") and "adsm" not in guesses else "",
                  *(f"{code} stands there too: a value, or missing?" for code
                    in sorted(values.MISSING_NUMBERS & missing & taken[column]) if column != "patient_id")]
        placed[column] = replace(guess, doubts=tuple(filter(None, doubts)))
    absent = [column for column in order if not any(fnmatchcase(column, found) for found in placed)]
    decimal = "comma" if any(reading.decimal for reading in readings) else "point"
    dates = max(styles, key=styles.get, default="iso")
    return Proposal(export, placed, tuple(sorted(shared)), dates, absent, decimal=decimal)
