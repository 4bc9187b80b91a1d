"""A column map for an export that nobody has described: guessed from names, kept only where the values agree.

Nothing relies on a guess: it is written down for a person to read, with its reason and its doubt.
"""

from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import pandas as pd

from durability_utils.new_study.names import Meaning, Names
from durability_utils.new_study.values import (
    DAY_OR_MONTH,
    MISSING_NUMBERS,
    SHOWN,
    Contradiction,
    Export,
    Reading,
    read_items,
    read_values,
)
from durability_utils.study.column_maps import CONTACT_COLUMNS, normalise
from durability_utils.study.columns import FOLLOW_UPS, dictionary, from_contacts


@dataclass(frozen=True)
class Guess:
    """One line of a proposed column map: `source` (of items with `*`) stands for the export's columns `names`.

    `meaning`: its column (of items as `phq9_6m_item*`), and what speaks for it; `reading`: what the values are.
    `doubts`: what a person has to check. `missing`, `dates`: where not as in the whole map.
    """

    meaning: Meaning
    source: str
    names: tuple[str, ...]
    reading: Reading
    doubts: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    dates: str = ""

    @property
    def column(self) -> str:
        return self.meaning.column


@dataclass(frozen=True)
class Proposal:
    """What was guessed of one export.

    `missing`, `dates`: of the whole map. `placed`: its lines by their column, in the order of the data dictionary.
    `absent`: canonical columns for which nothing was found. `unplaced`: columns of the export without a place -> what
    speaks against the place that the name suggests, or nothing. `discharged`: first and last month in which patients
    were discharged, or None. `contacts`: what was guessed of the contacts of a long export, or None.
    """

    missing: tuple[str, ...]
    dates: str
    placed: dict[str, Guess]
    absent: list[str]
    unplaced: dict[str, str]
    discharged: tuple[pd.Period, pd.Period] | None = None
    contacts: "Proposal | None" = None


def propose(export: Export, contacts: Export | None = None) -> Proposal:
    """Guess what the columns of an export are; `contacts`: the second file of a long export."""
    of_contacts = propose_contacts(contacts or export)
    wanted = [column for column in dictionary().index if not of_contacts or column not in from_contacts()]
    patients, taken = export, set()
    if of_contacts and not contacts:  # what is said of a patient stands in each contact's row
        taken = {guess.source for guess in of_contacts.placed.values()}
        patient = of_contacts.placed["patient_id"].source
        patients = replace(export, table=export.table.drop_duplicates(patient).drop(columns=taken - {patient}))
    guesses, against = _guess(patients, wanted)
    taken |= {name for guess in guesses.values() for name in guess.names}
    return replace(_proposal(guesses, wanted), contacts=of_contacts, discharged=_months(_days(patients, guesses)),
                   unplaced={name: against.get(name, "") for name in export.table if name not in taken})


def propose_contacts(export: Export) -> Proposal | None:
    """Guess which columns hold the contacts of a long export; None where it is none."""
    names = Names(export.measures)
    guesses, _ = _place(export, {name: names.contact_meanings(name) for name in export.counts})
    if any(required and column not in guesses for column, (_, required) in CONTACT_COLUMNS.items()):
        return None
    return _proposal(guesses, list(CONTACT_COLUMNS))


# -- guesses ---------------------------------------------------------------------------------------

def _guess(export: Export, wanted: list[str]) -> tuple[dict[str, Guess], dict[str, str]]:
    """The guesses by their column, and for each other column what speaks against the place that it suggests."""
    names = Names(export.measures)
    families = [(items, reading) for items in names.items(export.counts) if (reading := read_items(export, items))]
    single = {name for items, _ in families for name in items.names}
    others = [name for name in export.counts if name not in single]

    def suggested(wanted: list[str]) -> dict[str, list[Meaning]]:
        return {name: [meaning for meaning in names.meanings(name) or names.meanings(export.labels.names.get(name, ""))
                       if meaning.column in wanted] for name in others}

    middle = _days(export, _place(export, suggested(["discharge_date"]))[0]).median()
    names = names.learned(others, None if pd.isna(middle) else (middle.year, middle.month))
    guesses, against = _place(export, suggested(wanted))
    for items, reading in families:
        meaning = names.timed(items.meaning)
        if meaning and meaning.column.replace("*", "1") in wanted:
            guesses |= {guess.column: guess for guess in _lines_of_items(Guess(meaning, items.template, items.names, reading))}
        else:
            against |= dict.fromkeys(items.names, "an item; the data dictionary has no column for it")
    against |= {name: "its name stands there twice" for name in export.table if name not in export.counts}
    one_adsm = "scores of one measure; here an ADSM's stand in adsm_baseline, ... and its name in adsm"
    against = {name: one_adsm for name in others if names.is_one_adsm(name)} | against
    return _checked_by_dates(export, _with_codes_of_both_times(export, guesses)), against


def _place(export: Export, suggested: dict[str, list[Meaning]]) -> tuple[dict[str, Guess], dict[str, str]]:
    """For each canonical column the export's column that suits it best; for the others what speaks against them."""
    suiting, against = defaultdict(list), {}
    for name, meanings in suggested.items():
        for meaning in meanings:
            try:
                guess = Guess(meaning, name, (name,), read_values(export, meaning, name))
            except Contradiction as contradiction:
                against.setdefault(name, f"its name suggests {meaning.column}, but {contradiction}")
            else:
                suiting[meaning.column].append(guess)
                against.pop(name, None)
                break
    guesses = {}
    for column, found in suiting.items():
        best, *others = sorted(found, key=lambda guess: guess.meaning.rank)
        doubts = (f"or is it {' or '.join(guess.source for guess in others)}?",) if others else ()
        guesses[column] = replace(best, doubts=doubts)
        against |= {guess.source: f"{best.source} was taken for {column}" for guess in others}
    return guesses, against


def _lines_of_items(items: Guess) -> list[Guess]:
    """One line for all items where their names differ by the item's number only, else one for each."""
    lines = [replace(items, meaning=replace(items.meaning, column=items.column.replace("*", str(number))), source=name,
                     names=(name,)) for number, name in enumerate(items.names, start=1)]
    plain = [items.source.replace("*", str(number)) for number in range(1, len(lines) + 1)]
    return [items] if list(items.names) == plain else lines


def _with_codes_of_both_times(export: Export, guesses: dict[str, Guess]) -> dict[str, Guess]:
    """Codes of employment and of the mode are the same at both times, also where one has not met all of them."""
    timed = defaultdict(list)
    for guess in guesses.values():
        if "*" in guess.meaning.told.column and guess.meaning.told.codes:
            timed[guess.meaning.told.column].append(guess)
    for both in timed.values():
        counts = export.counted([guess.source for guess in both])
        with suppress(Contradiction):
            guesses = guesses | {guess.column: replace(guess, reading=read_values(
                export, guess.meaning, guess.source, counts)) for guess in both}
    return guesses


def _checked_by_dates(export: Export, guesses: dict[str, Guess]) -> dict[str, Guess]:
    """Whether what is taken for a follow-up was answered so many months after discharge, where dates can tell."""
    for time in FOLLOW_UPS:
        answered = _days(export, guesses, f"followup_{time}_date")
        months = ((answered - _days(export, guesses)).dt.days / 30.44).median()
        if pd.isna(months):
            continue
        doubt = "" if abs(months - int(time[:-1])) <= 3 else f"answered about {months:.0f} months after discharge"
        guesses = guesses | {column: replace(guess, meaning=replace(guess.meaning, doubt=doubt))
                             for column, guess in guesses.items() if f"_{time}" in column}
    return guesses


def _days(export: Export, guesses: dict[str, Guess], column: str = "discharge_date") -> pd.Series:
    """The days in the export's column for a canonical one; NaT throughout where it has none."""
    if column not in guesses:
        return pd.Series(pd.NaT, export.table.index)
    return pd.to_datetime(export.table[guesses[column].source].map(guesses[column].reading.meant))


def _months(days: pd.Series) -> tuple[pd.Period, pd.Period] | None:
    """First and last month in which patients were discharged; a month with a few is somebody's slip."""
    months = days.dropna().dt.to_period("M").value_counts()
    usual = months[months >= max(SHOWN, len(days) / 100)]
    return (usual.index.min(), usual.index.max()) if len(usual) else None


# -- lines of the map ------------------------------------------------------------------------------

def _proposal(guesses: dict[str, Guess], order: list[str]) -> Proposal:
    """The lines of a map, with what is said once for all of them: missing codes and date style."""
    readings = [guess.reading for guess in guesses.values()]
    missing = frozenset().union(*(reading.missing for reading in readings))
    shared = {code for code in missing if not any(_is_value(guess, code) for guess in guesses.values())}
    styles = Counter(reading.dates for reading in readings if reading.dates not in ("", "iso"))
    dates = max(styles, key=styles.get, default="iso")
    day_first = any(reading.dates == "day_first" and not reading.doubt for reading in readings)
    placed = {}
    for guess in sorted(guesses.values(), key=lambda guess: order.index(guess.column.replace("*", "1"))):
        reading, column = guess.reading, guess.column
        doubts = [guess.meaning.doubt, reading.doubt if reading.doubt != DAY_OR_MONTH or not day_first else "", *guess.doubts]
        if column.startswith("adsm_") and "adsm" not in guesses:
            doubts.append("no column says of which measure")
        doubts += [f"{code} stands there too: a value, or missing?" for code in sorted(missing & MISSING_NUMBERS - shared)
                   if column != "patient_id" and _is_value(guess, code)]
        placed[column] = replace(
            guess, doubts=tuple(filter(None, doubts)), missing=tuple(sorted(reading.missing - shared)),
            dates=reading.dates if reading.dates not in ("iso", dates) else "")
    absent = [column for column in order if not any(fnmatchcase(column, found) for found in placed)]
    return Proposal(tuple(sorted(shared)), dates, placed, absent, {})


def _is_value(guess: Guess, code: str) -> bool:
    if code in guess.reading.missing:
        return False
    if guess.column == "patient_id" and code.isdigit():  # 999 may be the next patient
        return any(text.isdigit() and len(text) == len(code) for text in guess.reading.meant)
    return normalise(code) in map(normalise, guess.reading.meant)
