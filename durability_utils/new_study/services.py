"""A new study from its exports: which services it has, and what the columns of their exports probably are."""

import re
import unicodedata
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from durability_utils.cohort.exports import read_export
from durability_utils.new_study.formats import file_format, read_labels
from durability_utils.new_study.proposal import Proposal, propose
from durability_utils.new_study.values import Export
from durability_utils.study.column_maps import ColumnMap
from durability_utils.study.errors import InputError
from durability_utils.study.measures import read_measures

MEASURES = "nhs_talking_therapies"
# `all` is every service together; the others are no names of files on Windows
_RESERVED = {"all", "con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


@dataclass(frozen=True)
class NewService:
    """A service of the new study: its id, its export (and the one with its contacts), and what was guessed of them."""

    id: str
    export: Export
    proposal: Proposal
    contacts: Export | None = None


def new_services(paths: list[Path]) -> list[NewService]:
    """Look at exports, one service each, and guess what their columns are.

    A file of contacts goes with the file that holds its patients. Raises InputError for an export that cannot be used.
    """
    if len({path.resolve() for path in paths}) < len(paths):
        raise InputError("an export is named twice; expected each once")
    exports = {path: _read(path) for path in paths}
    proposals = {path: propose(export) for path, export in exports.items()}
    contacts = _contacts(exports, proposals)
    services = []
    for path in paths:
        if path in contacts.values():
            continue
        scores = exports.get(contacts.get(path))
        proposal = propose(exports[path], scores) if scores else proposals[path]
        if not proposal.placed:
            raise InputError(f"{path.name}: line 1: no name of a column is understood; is line 1 the header?")
        services.append(NewService(_service_id(path, services), exports[path], proposal, scores))
    return services


def _read(path: Path) -> Export:
    form = file_format(path)
    table = read_export(path, ColumnMap(columns={}, file=form), [])
    return Export(table, read_labels(path), read_measures(MEASURES), path, form)


def _contacts(exports: dict[Path, Export], proposals: dict[Path, Proposal]) -> dict[Path, Path]:
    """For a file of patients the file that holds their contacts: one with contacts, but without what is a patient's."""
    found = {}
    for path, proposal in proposals.items():
        if not proposal.contacts or "consent_contact" in proposal.placed:
            continue
        ids = exports[path].table[proposal.contacts.placed["patient_id"].source]
        known = {other: ids.isin(exports[other].table[patients.placed["patient_id"].source]).mean()
                 for other, patients in proposals.items()
                 if other not in found and not patients.contacts and "patient_id" in patients.placed}
        best = max(known, key=known.get, default=None)
        if best and known[best] >= 0.5:
            found[best] = path
    return found


def _service_id(path: Path, others: list[NewService]) -> str:
    """A plain name from a file's, that no other service has."""
    ascii_only = unicodedata.normalize("NFKD", path.stem).encode("ascii", "ignore").decode()
    name = re.sub("[^A-Za-z0-9-]+", "_", ascii_only).strip("_-") or "service"
    name = f"service_{name}" if name.casefold() in _RESERVED else name
    taken = {service.id.casefold() for service in others}
    names = chain([name], (f"{name}_{number}" for number in count(2)))
    return next(unique for unique in names if unique.casefold() not in taken)
