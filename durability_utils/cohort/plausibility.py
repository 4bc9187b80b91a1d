"""What looks wrong in a service's export and cohort, before anybody believes its numbers.

Cleaning refuses what cannot be; here is what can be, and hardly is. A finding is a question to the service, with the
lines to look at, never a correction. Its words stand in `study/findings.py`.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations, compress
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
A_THOUSANDTH = 0.001  # of a service (the smaller one) at least: among thousands a few agree
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
    names = list(cohorts)
    if len(names) < 2:
        return _table([], study, "all")
    everyone = pd.concat([people[WHO].assign(service=place) for place, people in enumerate(cohorts.values())])
    ids = everyone[["service", "patient_id"]].drop_duplicates()
    sizes = np.bincount(everyone["service"], minlength=len(names))
    smaller = np.minimum.outer(sizes, sizes)
    shared, long = (_in_both(some["service"], some["patient_id"], len(names))
                    for some in (ids, ids[ids["patient_id"].str.len() >= LONG_ID]))
    alike, chance = _alike(everyone, len(names))
    enough = alike >= np.maximum(FEW, A_THOUSANDTH * smaller)
    found = {"same_people": (alike, enough & (alike > TIMES_CHANCE * chance)),
             "same_ids": (shared, (shared >= FEW) & (2 * long > shared))}
    return _table((Found(kind, f"{names[one]}, {names[other]}", int(count[one, other]), smaller[one, other])
                   for one, other in combinations(range(len(names)), 2)
                   for kind, (count, so) in found.items() if so[one, other]), study, "all")


def same_people_there(study: Study, results: Path) -> pd.DataFrame:
    """The same of the cohorts in a folder of results."""
    cohorts, _ = read_cohort(results, study, "all", WHO)
    return same_people(study, {str(name): people for name, people in cohorts.groupby("service", observed=True)})


def _alike(everyone: pd.DataFrame, services: int) -> tuple[np.ndarray, np.ndarray]:
    """How many of a service have the very dates, ages and scores of one of another, and how many would by chance.

    Both services x services, over the columns that both services have; 0 where these are too few, as then strangers
    look alike.
    """
    has = everyone.groupby("service")[PERSON].count().reindex(range(services), fill_value=0).to_numpy() > 0
    both = has[:, None] & has
    alike, chance = np.zeros((services, services)), np.zeros((services, services))
    for which in np.unique(both.reshape(-1, len(PERSON)), axis=0):
        if which.sum() < len(PERSON) - 1:
            continue
        columns = [*compress(PERSON, which)]
        people = everyone[["service", *columns]].dropna()
        n = np.bincount(people["service"], minlength=services)
        at_random = np.outer(n, n).astype(float)
        for name in columns:
            at_random *= _in_both(people["service"], people[name], services) / np.maximum(np.outer(n, n), 1)
        distinct, pairs = people.drop_duplicates(), (both == which).all(axis=2)
        alike[pairs] = _in_both(distinct["service"], distinct.groupby(columns).ngroup(), services)[pairs]
        chance[pairs] = at_random[pairs]
    return alike, chance


def _in_both(service: pd.Series, values: pd.Series, services: int) -> np.ndarray:
    """Services x services: in how many pairs, a row of each, both have the same value."""
    from scipy.sparse import csr_array  # not for `durability check` of one service

    codes, distinct = pd.factorize(values)
    counts = csr_array((np.ones(len(codes)), (service, codes)), shape=(services, len(distinct)))
    return (counts @ counts.T).toarray()


def _twice(cohort: pd.DataFrame) -> Iterable[Found]:
    """People who seem to be in one service under two ids."""
    columns = [name for name in PERSON if cohort[name].notna().any()]
    people = cohort[["patient_id", *columns]].dropna().drop_duplicates()
    if len(columns) >= len(PERSON) - 1:
        chance = len(people) ** 2 / 2 * np.prod([(people[name].value_counts(normalize=True) ** 2).sum()
                                                 for name in columns])
        again = people.duplicated(columns)
        if again.sum() >= max(FEW, A_THOUSANDTH * len(people)) and again.sum() > TIMES_CHANCE * chance:
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
