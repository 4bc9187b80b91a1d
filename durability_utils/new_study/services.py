"""A new study from its exports: which services it has, and what the columns of their exports probably are."""

import re
import unicodedata
from dataclasses import dataclass, replace
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
    """A service of the new study: its id, its export (and the file with its contacts), and what was guessed of it."""

    id: str
    file: Path
    form: dict[str, str]
    proposal: Proposal
    contacts: Path | None = None
    contacts_form: dict[str, str] | None = None


@dataclass(frozen=True)
class _Read:
    path: Path
    form: dict[str, str]
    export: Export


def new_services(paths: list[Path]) -> list[NewService]:
    """Look at exports, one service each, and guess what their columns are.

    A file of contacts goes with the file that holds its patients. Raises InputError for an export that cannot be used.
    """
    if len({path.resolve() for path in paths}) < len(paths):
        raise InputError("an export is named twice; expected each once")
    reads = [_read(path) for path in paths]
    proposals = [propose(read.export) for read in reads]
    partners = _partners(reads, proposals)
    ids = _service_ids([read.path for read in reads if read not in partners.values()])
    services = []
    for read, proposal in zip(reads, proposals, strict=True):
        if read in partners.values():
            continue
        service = NewService(ids[read.path], read.path, read.form, proposal)
        if (contacts := partners.get(read.path)) is not None:
            service = replace(service, proposal=propose(read.export, contacts.export), contacts=contacts.path,
                              contacts_form=contacts.form)
        if not service.proposal.guesses:
            raise InputError(f"{read.path.name}: line 1: no name of a column is understood; is line 1 the header?")
        services.append(service)
    return services


def _read(path: Path) -> _Read:
    form = file_format(path)
    table = read_export(path, ColumnMap(columns={}, file=form), [])
    return _Read(path, form, Export(table, read_labels(path), read_measures(MEASURES)))


def _partners(reads: list[_Read], proposals: list[Proposal]) -> dict[Path, _Read]:
    """For a file of patients the file that holds their contacts: one with contacts, but without what is a patient's."""
    partners = {}
    patients = {read.path: set(read.export.table[proposal.placed["patient_id"].source])
                for read, proposal in zip(reads, proposals, strict=True)
                if proposal.contacts is None and "patient_id" in proposal.placed}
    for read, proposal in zip(reads, proposals, strict=True):
        if proposal.contacts is None or "consent_contact" in proposal.placed:
            continue
        ids = read.export.table[proposal.contacts.placed["patient_id"].source]
        known = {path: ids.isin(found).mean() for path, found in patients.items() if path not in partners}
        best = max(known, key=known.get, default=None)
        if best is not None and known[best] >= 0.5:
            partners[best] = read
    return partners


def _service_ids(paths: list[Path]) -> dict[Path, str]:
    """For each file a plain name of its own, from its name."""
    ids = {}
    for path in paths:
        ascii_only = unicodedata.normalize("NFKD", path.stem).encode("ascii", "ignore").decode()
        name = re.sub("[^A-Za-z0-9-]+", "_", ascii_only).strip("_-") or "service"
        name = f"service_{name}" if name.casefold() in _RESERVED else name
        taken, number = {used.casefold() for used in ids.values()}, 2
        while (unique := name if number == 2 else f"{name}_{number - 1}").casefold() in taken:
            number += 1
        ids[path] = unique
    return ids
