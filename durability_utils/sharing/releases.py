"""The register of what left the service, beside the private results: the next bundle is audited against all of it.

Two bundles of nearly the same patients tell what those are who are in one of them only. So `releases/` in a study's
results has a file for every bundle: what everybody knows by it, the true counts, and for each service a keyed hash of
every patient's row, which says who was in both, and unchanged. Only the owner can read it; no bundle has any of it.
"""

import hmac
import json
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from durability_utils.results import cleaning_folder, read_cohort
from durability_utils.sharing.audit import Mean, System, intervals, knowledge, without, worth
from durability_utils.sharing.disclosure import LARGEST_HIDDEN, Controlled, Count
from durability_utils.study.errors import InputError
from durability_utils.study.study_file import Study

Patients = dict[str, list[str]]  # by service, a keyed hash of each row


class Release(NamedTuple):
    """A bundle that was shared: `system` has what everybody knows by it, with the names of unknowns as texts.

    largest_hidden: of its rule.
    """

    made: str
    largest_hidden: int
    patients: Patients
    system: System
    intervals: dict[str, tuple[int, int]]


def register(results: Path, study: Study) -> Path:
    """The folder of a study's register, its owner's alone, with the key in it.

    Raises InputError where the key is not that of the releases in it: then nobody knows who was in them.
    """
    folder = results / study.id / "releases"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = folder / "key"
    if not key.is_file() and not any(folder.glob("*.json")):
        _write(key, secrets.token_hex(32))
    if not (key.is_file() and re.fullmatch(r"[0-9a-f]{64}\n", key.read_text(encoding="utf-8", errors="replace"))):
        raise InputError("key: is missing from the register of releases, or damaged; without it nobody knows which "
                         "patients were in earlier bundles: put it back from a copy")
    return folder


def patients_of(results: Path, study: Study, folder: Path) -> Patients:
    """Everybody whom a bundle of these results is about, with all that it counts of them."""
    key = (folder / "key").read_text(encoding="utf-8").encode()
    cohort, _ = read_cohort(results, study, "all")
    after = {(service, patient): scores.astype(str).to_numpy().tolist() for service in study.services
             if (file := cleaning_folder(results, study, service) / "after_discharge.parquet").is_file()
             for patient, scores in pd.read_parquet(file).groupby("patient_id")}
    known = [[*map(str, row), after.get((row.service, row.patient_id))] for row in cohort.itertuples(index=False)]
    rows = pd.Series([hmac.digest(key, json.dumps(row).encode(), "sha256").hex()[:24] for row in known],
                     index=cohort.index)
    return {str(service): sorted(of) for service, of in rows.groupby(cohort["service"], observed=False)}


def earlier(folder: Path, patients: Patients) -> list[Release]:
    """The releases in which any of these patients was, as they are now, oldest first; none twice.

    Raises InputError where an entry is damaged, or one of another version.
    """
    found = {}
    for file in sorted(folder.glob("*.json")):
        try:
            release = _read(json.loads(file.read_text(encoding="utf-8")))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise InputError(f"{file.name}: cannot be read, expected an entry of the register of releases as this "
                             "version writes it; put it back from a copy, or move it away where none of its patients "
                             "is in this study any more") from error
        if any(set(of) & set(release.patients.get(service, [])) for service, of in patients.items()):
            found.setdefault(repr((release.patients, release.system.bounds, release.system.rows)), release)
    return [*found.values()]


def _read(entry: dict) -> Release:
    system = System()
    system.exact = {name: int(n) for name, n in entry["exact"].items()}
    system.bounds = {name: (-np.inf if low is None else low, np.inf) for name, low in entry["bounds"].items()}
    system.rows = [(dict(terms), -np.inf if low is None else low, np.inf if high is None else high, ())
                   for terms, low, high in entry["rows"]]
    patients = {service: [*of] for service, of in entry["patients"].items()}
    ends = {name: (least, most) for name, (least, most) in entry["intervals"].items()}
    if not system.bounds.keys() >= (system.exact.keys() | ends).union(*(row[0] for row in system.rows)):
        raise LookupError("a number without its bounds")
    return Release(str(entry["made"]), LARGEST_HIDDEN[entry["rule"]], patients, system, ends)


def enter(folder: Path, patients: Patients, controlled: Controlled, compared: Sequence[str], override: str) -> Path:
    """Put a bundle into the register, with what everybody knows by it; the file of the entry."""
    made, system = datetime.now(UTC), knowledge(controlled, compared)
    entry = folder / f"{made:%Y-%m-%dT%H%M%S.%f}.json"
    _write(entry, json.dumps({
        "made": made.isoformat(timespec="seconds"), "rule": controlled.rule, "override": override, "patients": patients,
        "intervals": {_name(count): ends for count, ends in intervals(controlled, system).items()},
        "exact": {_name(unknown): n for unknown, n in system.exact.items()},
        "bounds": {_name(unknown): _finite(low) for unknown, (low, _) in system.bounds.items()},
        "rows": [[{_name(unknown): factor for unknown, factor in terms.items()}, _finite(low), _finite(high)]
                 for terms, low, high, _ in system.rows]}))
    return entry


def control_again(controlled: Controlled, compared: Sequence[str], releases: Iterable[Release],
                  patients: Patients, show: Callable[[int, int], None] = lambda *_: None) -> Controlled:
    """Tables that are safe alone, without what they would tell beside earlier releases of the same patients.

    show: as `System.protect`.
    """
    system = knowledge(controlled, compared)
    asked, fallen = intervals(controlled, system), set()
    for release in releases:
        differences, means = _remember(system, release, patients)
        asked |= differences
        fallen |= means & {Mean(count) for count in controlled.means}
    return without(controlled, fallen | system.protect(asked, worth(controlled), show))


def _remember(system: System, release: Release, patients: Patients) -> tuple[dict[tuple, tuple[int, int]], set[Mean]]:
    """Add what is known by an earlier release; what its counts, and the differences, have to be able to be.

    What was counted then and is counted now differs by no more than the patients who came and who went. Where those are
    few, the difference must not tell anything of them, and their means, which are returned too, tell their values. What
    differs by more was counted by other rules of the study, a threshold for instance, and is another number.
    """
    def then(name: str) -> tuple:
        return release.made, name

    system.exact |= {then(name): n for name, n in release.system.exact.items()}
    system.bounds |= {then(name): limits for name, limits in release.system.bounds.items()}
    system.rows += [({then(name): factor for name, factor in terms.items()}, *rest)
                    for terms, *rest in release.system.rows]
    came, went, most = {}, {}, release.largest_hidden
    for service in patients.keys() | release.patients:
        now, before = set(patients.get(service, [])), set(release.patients.get(service, []))
        came[service], went[service] = len(now - before), len(before - now)
    came["all"], went["all"] = sum(came.values()), sum(went.values())
    asked, means = {then(name): tuple(ends) for name, ends in release.intervals.items()}, set()
    for unknown, n in [*system.exact.items()]:
        name = _name(unknown)
        if not isinstance(unknown, Count | Mean) or name not in release.system.exact or name.endswith("/rest"):
            continue  # what is left out may be another rest
        service = unknown.of.service if isinstance(unknown, Mean) else unknown.service
        few = came[service], went[service]
        if isinstance(unknown, Mean):
            if not any(few) and n == release.system.exact[name]:
                system.between(0, 0, [unknown], [then(name)])
            elif sum(few) <= most:
                means.add(Mean(unknown.of))
            continue
        if not -few[1] <= n - release.system.exact[name] <= few[0]:
            continue
        difference = release.made, name, "difference"
        system.exact[difference] = n - release.system.exact[name]
        system.bounds[difference] = -few[1], few[0]
        system.between(0, 0, [unknown], [then(name), difference])
        if any(few) and abs(system.exact[difference]) <= most:
            asked[difference] = -min(few[1], most), min(few[0], most)
    return asked, means


def _name(unknown: tuple) -> str:
    return str(unknown) if isinstance(unknown, Count | Mean) else repr(tuple(unknown))


def _finite(number: float) -> float | None:
    return number if np.isfinite(number) else None


def _write(path: Path, text: str) -> None:
    """A file that only its owner can read, from its first moment."""
    aside = path.with_name(f".{path.name}")
    aside.touch(mode=0o600)
    aside.write_text(text + "\n", encoding="utf-8")
    aside.replace(path)
