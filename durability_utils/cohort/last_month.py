"""What an export was like, in counts, and what has changed since the one before it.

A profile holds no value of a patient: numbers of rows, of blank and refused cells, names of columns, and of columns of
codes those that several rows have.
"""

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from durability_utils.cohort.cleaning import Cleaned
from durability_utils.cohort.seen import UNREADABLE, Found
from durability_utils.results import for_owner_only, write_aside
from durability_utils.study.columns import dictionary
from durability_utils.study.findings import PROFILE
from durability_utils.study.study_file import Study

ROWS_OF_A_CODE = 5  # a code of fewer could tell of somebody
# both: beyond chance (one in 15 thousand, for a hundred columns a month), and more than is worth a word
DEVIATIONS, SHARE_APART, ROWS_APART = 4, 0.1, 1 / 3


def profile_of(study: Study, service: str, cleaned: Cleaned, last: dict | None) -> dict:
    """What an export is like, and under `before` what the last other one was, of which `last` is or has the profile."""
    raw, kinds = cleaned.raw, dictionary()["type"]
    refused = cleaned.rejected[(cleaned.rejected["refused"] == "value") & cleaned.rejected["reason"].isin(UNREADABLE)]
    refused = refused.groupby(["column", "reason"]).size()
    mapped = [column for name, column in raw.columns.everywhere.items() if name not in raw.absent]
    mapped += raw.columns.contacts.columns.values() if raw.columns.contacts else []
    sources = {column.source for column in mapped if column.source}
    there = [name for name in raw.text if name not in raw.absent]
    profile = {
        "export": export_hash(study, service), "rows": len(raw.text), "contacts": len(raw.contact_text),
        "in_cohort": len(cleaned.cohort),
        "columns": sorted(sources - {*raw.unmatched} | {*raw.unused}),
        "blank": {name: int((raw.text[name] == "").sum()) for name in there},
        "refused": {name: {reason: int(n) for reason, n in refused.get(name, pd.Series(dtype=int)).items()}
                    for name in refused.index.get_level_values(0).unique()},
        "codes": {name: _codes(raw.text[name]) for name in there if kinds[name] in ("code", "measure")},
    }
    before = last and (last["before"] if last["export"] == profile["export"] else last)
    if not before or not profile.keys() <= before.keys():  # none, or one of a version that told less
        return profile | {"before": None}
    return profile | {"before": {key: before[key] for key in profile}}


def export_hash(study: Study, service: str) -> str:
    """The SHA-256 over a service's files."""
    entry, digest = study.services[service], hashlib.sha256()
    for path in entry.files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _codes(cells: pd.Series) -> dict[str, int]:
    counts = cells[cells != ""].value_counts()
    return {code: int(n) for code, n in counts.items() if n >= ROWS_OF_A_CODE}


def read_profile(folder: Path) -> dict | None:
    """The profile in a folder of cleaning; None where none is there that can be read."""
    try:
        found = json.loads((folder / PROFILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and {"export", "rows", "before"} <= found.keys() else None


def write_profile(profile: dict, folder: Path) -> None:
    """Write `profile.json`, for the owner of `folder` only."""
    text = json.dumps(profile, indent=1, ensure_ascii=False) + "\n"
    with for_owner_only(folder):
        write_aside(folder / PROFILE, lambda aside: aside.write_text(text, encoding="utf-8", newline="\n"))


def changes(profile: dict) -> Iterator[Found]:
    """What has changed since the export before; nothing where there is none."""
    before = profile.get("before")
    if not before:
        return
    for rows, column in (("rows", ""), ("contacts", "the contacts")):
        now, then = profile[rows], before[rows]
        if abs(now - then) > max(DEVIATIONS * math.sqrt(now + then), ROWS_APART * max(now, then)):
            yield Found("fewer_rows" if now < then else "more_rows", column, now, now, more=f"There were {then}.")
    for name, one, other in (("column_gone", before, profile), ("column_new", profile, before)):
        known = {column.casefold() for column in other["columns"]}
        yield from (Found(name, column, one["rows"], one["rows"])
                    for column in one["columns"] if column.casefold() not in known)
    for column in (name for name in profile["blank"] if name in before["blank"]):
        yield from _changes_of(column, profile, before)


def _changes_of(column: str, profile: dict, before: dict) -> Iterator[Found]:
    rows = [each["rows"] for each in (profile, before)]
    blank = [each["blank"][column] for each in (profile, before)]
    filled = [n - none for n, none in zip(rows, blank, strict=True)]
    refused = [sum(each["refused"].get(column, {}).values()) for each in (profile, before)]
    for counts, of, names in ((blank, rows, ("more_blank", "fewer_blank")), (refused, filled, ("more_refused", ""))):
        if all(of):
            now, then = (count / n for count, n in zip(counts, of, strict=True))
            name = names[0] if now > then else names[1]
            if name and abs(now - then) > SHARE_APART and _beyond_chance(*counts, *of):
                yield Found(name, column, counts[0], of[0], more=f"{100 * now:.0f} % now, {100 * then:.0f} % before.")
    codes = [each["codes"].get(column, {}) for each in (profile, before)]
    for name, here, there in (("code_new", 0, 1), ("code_gone", 1, 0)):
        for code, count in codes[here].items():
            # one that fewer had is not told, so that many may have had it
            if code not in codes[there] and filled[there] and _beyond_chance(
                    count, ROWS_OF_A_CODE - 1, filled[here], filled[there]):
                yield Found(name, column, count, filled[here], more=f"It is '{code}'.")


def _beyond_chance(one: int, other: int, of_one: int, of_other: int) -> bool:
    """Whether two shares are farther apart than chance allows."""
    both = (one + other) / (of_one + of_other)
    error = math.sqrt(max(both * (1 - both), 0) * (1 / of_one + 1 / of_other))
    return abs(one / of_one - other / of_other) > DEVIATIONS * error
