"""A column map for an export that nobody has described: guessed from names, kept only where the values agree.

Nothing relies on a guess: it is written down for a person to read, with its reason and its doubt.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import pandas as pd

from durability_utils.cohort.cells import read_day
from durability_utils.new_study.names import (
    Meaning,
    Times,
    contact_meanings,
    family_time,
    item_families,
    meanings,
    names_one_adsm,
    read_times,
)
from durability_utils.new_study.values import (
    DAY_OR_MONTH,
    MISSING_NUMBERS,
    SHOWN,
    Contradiction,
    Export,
    Reading,
    is_item,
    read_contact_values,
    read_values,
)
from durability_utils.study.column_maps import CONTACT_COLUMNS, normalise
from durability_utils.study.columns import FOLLOW_UPS, dictionary, from_contacts


@dataclass(frozen=True)
class Guess:
    """One line of a proposed column map.

    `column`: a canonical column, or a family as `phq9_6m_item*`. `why`: what speaks for it. `doubts`: what a person
    has to check. `codes`: a list's name or code -> canonical code. `missing`, `dates`: where not as in the whole map.
    """

    column: str
    source: str
    why: str
    doubts: tuple[str, ...] = ()
    codes: str | dict[str, str] | None = None
    missing: tuple[str, ...] = ()
    dates: str = ""


@dataclass(frozen=True)
class Proposal:
    """What was guessed of one export.

    `guesses`: in the order of the data dictionary. `absent`: canonical columns for which nothing was found.
    `unplaced`: columns of the export without a place -> what speaks against the place that the name suggests, or
    nothing. `discharged`: first and last month in which patients were discharged, or None. `contacts`: what was
    guessed of the contacts of a long export, or None; `missing` and `dates` are its own.
    """

    rows: int
    width: int
    missing: tuple[str, ...]
    dates: str
    guesses: list[Guess]
    absent: list[str]
    unplaced: dict[str, str]
    discharged: tuple[pd.Period, pd.Period] | None = None
    contacts: "Proposal | None" = None

    @property
    def placed(self) -> dict[str, Guess]:
        """The guesses by their column."""
        return {guess.column: guess for guess in self.guesses}


@dataclass(frozen=True)
class _Place:
    """A column of the export in its place. `doubt`: about the meaning of its name; `others`: that suit as well."""

    source: str
    said: str
    reading: Reading
    doubt: str = ""
    others: tuple[str, ...] = ()


def propose(export: Export, contacts: Export | None = None) -> Proposal:
    """Guess what the columns of an export are; `contacts`: the second file of a long export."""
    of_contacts = propose_contacts(contacts or export)
    wanted, taken = list(dictionary().index), set()
    patients = export
    if of_contacts:
        wanted = [column for column in wanted if column not in from_contacts()]
    if of_contacts and contacts is None:  # what is said of a patient stands in each contact's row
        taken = {guess.source for guess in of_contacts.guesses}
        patient = of_contacts.placed["patient_id"].source
        patients = replace(export, table=export.table.drop_duplicates(patient).drop(columns=taken - {patient}))
    places, against = _places(patients, wanted)
    against = {name: "scores of one measure; here an ADSM's stand in adsm_baseline, ... and its name in adsm"
               for name in patients.counts if names_one_adsm(name)} | against
    against |= {name: "its name stands there twice" for name in patients.table if name not in patients.counts}
    missing, dates, guesses = _lines(patients, places, wanted)
    discharge = places.get("discharge_date")
    return Proposal(
        len(export.table), len(export.table.columns), missing, dates, guesses,
        absent=[column for column in wanted if column not in places],
        unplaced={name: against.get(name, "") for name in export.table
                  if name not in taken | {place.source for place in places.values()}},
        discharged=_months(_days(patients, discharge)) if discharge else None, contacts=of_contacts)


def propose_contacts(export: Export) -> Proposal | None:
    """Guess which columns hold the contacts of a long export; None where it is none."""
    places, _ = _place(export, list(export.counts), contact_meanings, read_contact_values)
    if any(required and column not in places for column, (_, required) in CONTACT_COLUMNS.items()):
        return None
    return Proposal(len(export.table), len(export.table.columns), *_lines(export, places, list(CONTACT_COLUMNS)),
                    absent=[], unplaced={})


# -- places ----------------------------------------------------------------------------------------

def _places(export: Export, wanted: list[str]) -> tuple[dict[str, _Place], dict[str, str]]:
    """The places of the patients' columns, and for each other column what speaks against the one that it suggests."""
    families = {key: members for key, members in item_families(export.counts).items()
                if all(is_item(export.counts[name]) for name in members.values())}
    items = {name for members in families.values() for name in members.values()}
    names = [name for name in export.counts if name not in items]
    discharges, _ = _place_patients(export, names, Times({}, {}, False), ["discharge_date"])
    middle = _days(export, discharges["discharge_date"]).median() if discharges else pd.NaT
    times = read_times(names, None if pd.isna(middle) else (middle.year, middle.month))
    places, against = _place_patients(export, names, times, wanted)
    items, against_items = _place_items(export, families, times, wanted)
    return _checked_by_dates(export, _with_codes_of_both_times(export, places | items)), against | against_items


def _place_patients(export: Export, names: list[str], times: Times,
                    wanted: list[str]) -> tuple[dict[str, _Place], dict[str, str]]:
    def suggest(name: str) -> list[Meaning]:
        found = meanings(name, times) or meanings(export.labels.names.get(name, ""), times)
        return [meaning for meaning in found if meaning.column in wanted]
    return _place(export, names, suggest, read_values)


def _place(export: Export, names: list[str], suggest: Callable[[str], list[Meaning]],
           read: Callable[[Export, str, str], Reading]) -> tuple[dict[str, _Place], dict[str, str]]:
    """For each canonical column the export's column that suits it best; for the others what speaks against them."""
    candidates, against = defaultdict(list), {}
    for name in names:
        for meaning in suggest(name):
            try:
                reading = read(export, meaning.column, name)
            except Contradiction as contradiction:
                against.setdefault(name, f"its name suggests {meaning.column}, but {contradiction}")
                continue
            candidates[meaning.column].append((meaning, name, reading))
            against.pop(name, None)
            break
    places = {}
    for column, found in candidates.items():
        (meaning, name, reading), *others = sorted(found, key=lambda candidate: candidate[0].rank)
        places[column] = _Place(name, meaning.said, reading, meaning.doubt, tuple(other for _, other, _ in others))
        against |= {other: f"{name} was taken for {column}" for _, other, _ in others}
    return places, against


def _place_items(export: Export, families: dict[tuple[str, str], dict[int, str]], times: Times,
                 wanted: list[str]) -> tuple[dict[str, _Place], dict[str, str]]:
    places, against = {}, {}
    for (measure, template), members in families.items():
        time = family_time(template, times)
        for item, name in members.items():
            column = f"{measure}_{time.column}_item{item}" if time else ""
            if column in wanted:
                reading = read_values(export, column, name)
                places[column] = _Place(name, f"{measure[:3]}, {time.said}, items", reading, time.doubt)
            else:
                against[name] = "an item; only the items of follow-ups have a place"
    return places, against


def _with_codes_of_both_times(export: Export, places: dict[str, _Place]) -> dict[str, _Place]:
    """Codes of employment and of the mode are the same at both times, also where one has not met all of them."""
    for pair in (("employment_baseline", "employment_end"), ("followup_6m_mode", "followup_12m_mode")):
        if set(pair) <= places.keys():
            counts = pd.concat([export.counts[places[column].source] for column in pair])
            counts = counts.groupby(level=0).sum().sort_values(ascending=False)
            for column in pair:
                with suppress(Contradiction):
                    reading = read_values(export, column, places[column].source, counts)
                    places = places | {column: replace(places[column], reading=reading)}
    return places


def _checked_by_dates(export: Export, places: dict[str, _Place]) -> dict[str, _Place]:
    """Whether what is taken for a follow-up was answered so many months after discharge, where dates can tell."""
    for time in FOLLOW_UPS:
        date = places.get(f"followup_{time}_date")
        if date is None or "discharge_date" not in places:
            continue
        months = ((_days(export, date) - _days(export, places["discharge_date"])).dt.days / 30.44).median()
        if pd.isna(months):
            continue
        for column, place in places.items():
            if f"_{time}" not in column:
                continue
            if abs(months - int(time[:-1])) <= 3:
                places = places | {column: replace(place, doubt="")}
            else:
                doubt = f"answered about {months:.0f} months after discharge"
                places = places | {column: replace(place, doubt=doubt)}
    return places


def _days(export: Export, place: _Place) -> pd.Series:
    cells = export.table[place.source]
    return pd.to_datetime(cells.map({cell: read_day(cell, place.reading.dates or "iso") for cell in cells.unique()}))


def _months(days: pd.Series) -> tuple[pd.Period, pd.Period] | None:
    """First and last month in which patients were discharged; a month with a few is somebody's slip."""
    months = days.dropna().dt.to_period("M").value_counts()
    usual = months[months >= max(SHOWN, len(days) / 100)]
    return (usual.index.min(), usual.index.max()) if len(usual) else None


# -- lines of the map ------------------------------------------------------------------------------

def _lines(export: Export, places: dict[str, _Place], order: list[str]) -> tuple[tuple[str, ...], str, list[Guess]]:
    """What is said once for the whole map, missing codes and date style, and its lines."""
    missing = _shared_missing(export, places)
    styles = Counter(place.reading.dates for place in places.values() if place.reading.dates not in ("", "iso"))
    dates = styles.most_common(1)[0][0] if styles else "iso"
    certain = any(place.reading.dates == "day_first" and not place.reading.doubt for place in places.values())
    guesses = [_guess(export, places, column, missing, dates, certain) for column in order if column in places]
    return tuple(_spellings(export, missing)), dates, _items_in_one_line(guesses)


def _shared_missing(export: Export, places: dict[str, _Place]) -> frozenset[str]:
    """The missing codes that can be said once for the whole map: nowhere are they a value."""
    shared = frozenset().union(*(place.reading.missing for place in places.values()))
    return frozenset(code for code in shared if not any(_is_value(export, places, name, code) for name in places))


def _is_value(export: Export, places: dict[str, _Place], column: str, code: str) -> bool:
    place = places[column]
    if code in place.reading.missing:
        return False
    texts = export.counts[place.source].index
    if column == "patient_id" and code.isdigit():  # 999 may be the next patient
        return any(text.isdigit() and len(text) == len(code) for text in texts)
    return place.reading.readable(code) and any(normalise(text) == code for text in texts)


def _spellings(export: Export, codes: frozenset[str]) -> list[str]:
    """Missing codes as the export writes them, the commonest first."""
    rows = Counter()
    for counts in export.counts.values():
        rows.update({text: n for text, n in counts.items() if normalise(text) in codes})
    spelt = {normalise(text): text for text, _ in reversed(rows.most_common())}
    return sorted(spelt.values(), key=lambda text: -rows[text])


def _guess(export: Export, places: dict[str, _Place], column: str, shared: frozenset[str], dates: str,
           certain: bool) -> Guess:
    place = places[column]
    doubts = [place.doubt, place.reading.doubt if place.reading.doubt != DAY_OR_MONTH or not certain else ""]
    if place.others:
        doubts.append(f"or is it {' or '.join(place.others)}?")
    if column.startswith("adsm_") and "adsm" not in places:
        doubts.append("no column says of which measure")
    elsewhere = frozenset().union(*(other.reading.missing for other in places.values())) & MISSING_NUMBERS - shared
    doubts += [f"{code} stands there too: a value, or missing?" for code in sorted(elsewhere)
               if _is_value(export, places, column, code) and column != "patient_id"]
    style = place.reading.dates
    return Guess(column, place.source, f"{place.said}; {place.reading.why}", tuple(filter(None, doubts)),
                 place.reading.codes, tuple(sorted(place.reading.missing - shared)),
                 style if style not in ("", "iso", dates) else "")


def _items_in_one_line(guesses: list[Guess]) -> list[Guess]:
    """The items of a measure in one line, where their names differ by the item's number only."""
    families = defaultdict(list)
    for guess in guesses:
        families[re.sub("_item[0-9]+$", "_item*", guess.column)].append(guess)
    lines = []
    for column, members in families.items():
        template = _template([guess.source for guess in members]) if column.endswith("*") else None
        if template is None:
            lines += members
        else:
            lines.append(replace(members[0], column=column, source=template,
                                 missing=tuple(sorted({code for guess in members for code in guess.missing}))))
    return lines


def _template(sources: list[str]) -> str | None:
    for number in re.finditer("[0-9]+", sources[0]):
        template = f"{sources[0][:number.start()]}*{sources[0][number.end():]}"
        if sources == [template.replace("*", str(item)) for item in range(1, len(sources) + 1)]:
            return template
    return None
