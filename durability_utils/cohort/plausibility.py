"""What looks wrong in a service's export and cohort, before anybody believes its numbers.

Cleaning refuses what cannot be; here is what can be, and hardly is. A finding is a question to the service, with the
lines to look at, never a correction. Its words stand in `study/findings.py`.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from durability_utils.cohort import odd_dates, odd_rows, odd_scores
from durability_utils.cohort.cleaning import Cleaned
from durability_utils.cohort.exports import LINES_A_FILE
from durability_utils.cohort.file_notes import file_notes
from durability_utils.cohort.last_month import changes
from durability_utils.cohort.seen import FEW, Found, by_place, seen
from durability_utils.results import for_owner_only, read_cohort, write_table
from durability_utils.study.errors import InputError
from durability_utils.study.findings import FINDINGS, FINDINGS_FILE, LEVELS
from durability_utils.study.holds import Holds
from durability_utils.study.study_file import Study

COLUMNS = ["name", "level", "column", "count", "of", "lines", "means", "do", "acknowledged"]
LINES = 5  # of a finding's rows those that are named
# what tells that two records are one person's, whatever the ids
PERSON = ["discharge_date", "age", "phq9_baseline", "gad7_baseline", "phq9_end", "gad7_end"]
WHO = ["patient_id", *PERSON]
# columns depend on each other, so that more patients agree than the product of the columns' chances
TIMES_CHANCE = 10
LONG_ID = 6  # shorter ids are counted up in each service


def look(study: Study, service: str, cleaned: Cleaned, profile: dict | None = None,
         today: pd.Timestamp | None = None) -> pd.DataFrame:
    """What looks wrong in one service, in the order stop, warning, note; no row where nothing does.

    `name` and its `level`, `means`, `do` as study/findings.py has them; `column`: canonical names or blank; `count` of
    the `of` judged; `lines`: rows of the export, the first few; `acknowledged`: why, as the study file says, or blank.
    `profile`: of the export as `last_month.profile_of` gives it, to hear what has changed.
    """
    view = seen(study, cleaned, today or pd.Timestamp.today().normalize())
    looks = (*odd_scores.LOOKS, *odd_dates.LOOKS, *odd_rows.LOOKS)
    found = [*(each for one in looks for each in one(view)), *_twice(view.cohort)]
    found += [Found(note.name, "", 1, 1, more=f"{path.name}: {note.means}.")
              for path, section in _files(study, service, cleaned) for note in file_notes(path, section)]
    return _table([*found, *changes(profile or {})], study, service)


def _files(study: Study, service: str, cleaned: Cleaned) -> list[tuple]:
    """The files of a service with the section of the column map that reads them; none of a folder of tables."""
    entry, columns = study.services[service], cleaned.raw.columns
    if columns.file.tables:
        return []
    return [*((path, columns) for path in entry.file), *((path, columns.contacts) for path in entry.contacts),
            *((path, columns.joined[name]) for name, paths in entry.joined.items() for path in paths)]


def same_people(study: Study, cohorts: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """People who seem to be in two services, as `look` gives it; `cohorts`: the columns WHO by service.

    `column` names the two services, `of` is the size of the smaller one; no lines, since these are of two exports.
    """
    found = []
    for (one, first), (other, second) in combinations(cohorts.items(), 2):
        pair, smaller = f"{one}, {other}", min(len(first), len(second))
        shared = np.intersect1d(first["patient_id"], second["patient_id"])
        alike, chance = _alike(first, second)
        if alike >= FEW and alike > TIMES_CHANCE * chance:
            found.append(Found("same_people", pair, alike, smaller))
        if len(shared) >= FEW and np.median([len(name) for name in shared]) >= LONG_ID:
            found.append(Found("same_ids", pair, len(shared), smaller))
    return _table(found, study, "all")


def same_people_there(study: Study, results: Path) -> pd.DataFrame:
    """The same of the cohorts in a folder of results."""
    cohorts, _ = read_cohort(results, study, "all", WHO)
    return same_people(study, {str(name): people for name, people in cohorts.groupby("service", observed=True)})


def _alike(first: pd.DataFrame, second: pd.DataFrame) -> tuple[int, float]:
    """How many of the first have the very dates, ages and scores of one of the second, and how many would by chance."""
    columns = [name for name in PERSON if first[name].notna().any() and second[name].notna().any()]
    first, second = (frame[columns].dropna() for frame in (first, second))
    if len(columns) < len(PERSON) - 1:  # with fewer, strangers look alike
        return 0, 0
    chance = float(len(first) * len(second))
    for name in columns:
        shares, others = (frame[name].value_counts(normalize=True) for frame in (first, second))
        chance *= shares.mul(others, fill_value=0).sum()
    alike = first.drop_duplicates().merge(second.drop_duplicates())
    return len(alike), chance


def _twice(cohort: pd.DataFrame) -> Iterable[Found]:
    """People who seem to be in one service under two ids."""
    columns = [name for name in PERSON if cohort[name].notna().any()]
    people = cohort[["patient_id", *columns]].dropna().drop_duplicates()
    if len(columns) >= len(PERSON) - 1:
        chance = len(people) ** 2 / 2 * np.prod([(people[name].value_counts(normalize=True) ** 2).sum()
                                                 for name in columns])
        again = people.duplicated(columns)
        if again.sum() >= FEW and again.sum() > TIMES_CHANCE * chance:
            yield Found("same_person_twice", "patient_id", people.index[again], len(people))


def _table(found: Iterable[Found], study: Study, service: str) -> pd.DataFrame:
    rows = []
    for each in found:
        finding = FINDINGS[each.name]
        why = study.acknowledged.get(f"{service}/{each.name}") or study.acknowledged.get(each.name, "")
        count, lines = each.rows, ()
        if not isinstance(count, int):
            count, lines = len(each.rows), tuple(int(row) for row in each.rows.sort_values()[:LINES])
        rows.append((each.name, each.level or finding.level, each.column, count, int(each.of), lines,
                     f"{finding.means} {each.more}".strip(), finding.do, why))
    rows.sort(key=lambda row: LEVELS.index(row[1]))
    return pd.DataFrame(rows, columns=COLUMNS)


def unacknowledged(findings: pd.DataFrame, level: str) -> pd.DataFrame:
    """Those of a level of which the study file does not say why."""
    return findings[(findings["level"] == level) & (findings["acknowledged"] == "")]


def refuse_stops(findings: pd.DataFrame, study: Study, service: str) -> None:
    """Raises InputError where a finding makes every number wrong and nobody has acknowledged it."""
    stops = unacknowledged(findings, "stop")
    if len(stops):
        said = "; ".join(f"{row.name} ({in_words(row)}): {row.means} {row.do}" for row in rows_of(stops))
        names = ", ".join(f"{name}: why" for name in stops["name"].unique())
        raise InputError(f"service {service}: {study.services[service].file[0].name}: {said} "
                         f"If it is right as it is, write `acknowledged: {{{names}}}` into {study.path.name}")


def rows_of(findings: pd.DataFrame) -> list:
    """Each finding with its columns as attributes."""
    return list(findings.itertuples(index=False, name="Finding"))


def in_words(row) -> str:
    """Where and how often, as in `phq9_baseline, 12 of 40`."""
    return ", ".join(filter(None, [row.column, f"{row.count} of {row.of}"]))


def shown(findings: pd.DataFrame, files: Sequence[str]) -> pd.DataFrame:
    """The findings for a reader: what was found where, the first lines of the export, what it means and what to do.

    `files`: the names of the export's, by number.
    """
    of = [f"{row.count}/{row.of}" for row in rows_of(findings)]
    lines = [", ".join(line(place, files) for place in row.lines) + (" ..." if 0 < len(row.lines) < row.count else "")
             for row in rows_of(findings)]
    to_do = findings["do"].mask(findings["acknowledged"] != "", "Acknowledged: " + findings["acknowledged"])
    table = findings[["level", "name", "column"]].assign(**{
        "count/of": of, "lines": lines, "what it would mean": findings["means"], "what to do": to_do})
    return table.rename(columns={"name": "finding"})


def examples(row, cleaned: Cleaned) -> list[str]:
    """Of one finding's lines each with the values there, as in `12: 8 7`; none that cleaning withholds.

    They are patients' values. A long one is cut, and what would move a cursor is written out.
    """
    rejected = by_place(cleaned)
    listed = rejected[rejected["refused"] != "contact"]
    listed = listed.set_index(["row", "column"])["value"].to_dict()
    out = {*rejected.loc[rejected["refused"] == "row", "row"]}
    text, said = cleaned.raw.text, []
    for place in row.lines:
        values = [listed.get((place, column), "" if place in out and column != "patient_id" else text.at[place, column])
                  for column in row.column.split(", ") if column in text and place in text.index]
        values = " ".join(repr(value[:20])[1:-1] for value in values if value)
        where = line(place, cleaned.raw.files)
        said.append(f"{where}: {values}" if values else where)
    return said


def line(place: int, files: Sequence[str]) -> str:
    """A row's place as people look for it: its line, and where there are several files the name of its file."""
    file, number = divmod(place, LINES_A_FILE)
    return f"{files[file]} {number}" if len(files) > 1 else str(number)


def write_findings(findings: pd.DataFrame, folder: Path, files: Sequence[str]) -> None:
    """Write `findings.csv`, for the owner of `folder` only; `files`: the names of the export's, by number."""
    lines = ["; ".join(line(place, files) for place in places) for places in findings["lines"]]
    with for_owner_only(folder):
        write_table(findings.assign(lines=lines), folder / FINDINGS_FILE,
                    Holds("What looks wrong in the export", patients=True))
