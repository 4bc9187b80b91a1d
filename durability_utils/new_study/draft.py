"""The files of a new study, for a person to read and correct: the study file, and for each service a column map.

Each line says what speaks for it, and above it stands what has to be checked. No value of a single patient is shown.
"""

import os
import re
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from durability_utils.cohort.exports import READABLE
from durability_utils.cohort.tables import recognised
from durability_utils.new_study.exports import Export, months_together, plain_name, read_new_export, without_date
from durability_utils.new_study.proposal import Proposal, joined, propose
from durability_utils.new_study.tables import propose_tables
from durability_utils.study.columns import FOLLOW_UPS, dictionary, from_contacts
from durability_utils.study.errors import InputError
from durability_utils.study.measures import read_measures
from durability_utils.study.rules import RELAPSE_RULES
from durability_utils.study.study_file import FEW, REFERRALS, SAFE_NAME

MEASURES = "nhs_talking_therapies"
_SCORES_OF_TREATMENT = {f"{measure}_{time}" for measure in ("phq9", "gad7") for time in ("baseline", "end")}


def new_study(study: str, exports: list[Path], folder: Path, force: bool = False, plan: bool = False,
              show: Callable[[int, int, str], None] = lambda *_: None) -> list[str]:
    """Propose a study and write its files into `folder`; what was found and what has to be checked, as lines.

    With `plan` also the frame of an analysis plan, to fill in before anybody looks at outcomes. `show`: told how many
    files of how many are read, and which one is next.
    Raises InputError, with nothing written: `study` is no plain name, an export of no use, a file there and no `force`.
    """
    if not SAFE_NAME.fullmatch(study):
        raise InputError(f"{study!r} cannot be the name of a study; expected a plain name (letters, digits, - and _)")
    services = new_services(exports, show)
    texts = {folder / f"{study}_columns" / f"{service}.yaml": column_map(service, proposal)
             for service, proposal in services.items()}
    settings = study_file(study, services, folder)
    if plan:
        texts[folder / f"{study}_plan.md"] = analysis_plan(study, yaml.safe_load(settings))
    texts[folder / f"{study}.yaml"] = settings
    write_files(texts, force)
    *maps, path = (path.relative_to(folder).as_posix() for path in texts)
    return [*(line for service, proposal in services.items() for line in summary(service, proposal)),
            f"written: {path} and {', '.join(maps)}",
            "Read them, above all what says CHECK, REQUIRED or NOT FOUND. Then:",
            f"  durability check {path}", f"  durability run {path}"]


def new_services(paths: list[Path], show: Callable[[int, int, str], None] = lambda *_: None) -> dict[str, Proposal]:
    """Look at exports, one service each, and guess what their columns are: service id -> proposal.

    A folder of Talking Therapies tables is one service; of any other folder each file counts as if it were named. A
    file of contacts goes with the file that holds its patients. Raises InputError for an export that cannot be used.
    """
    measures = read_measures(MEASURES)
    folders = [path for path in paths if path.is_dir() and recognised(path)[0].keys() - {"IDS001"}]
    files = [file for path in paths if path not in folders for file in (_exports_in(path) if path.is_dir() else [path])]
    if len({path.resolve() for path in (*folders, *files)}) < len(folders) + len(files):
        raise InputError("an export is named twice; expected each once")
    of = len(files) + len(folders)
    exports = months_together([show(at, of, path.name) or read_new_export(path, measures)
                               for at, path in enumerate(files)])
    proposals = {folder: show(at, of, folder.name) or propose_tables(folder, measures)
                 for at, folder in enumerate(folders, len(files))}
    proposals |= {export.path: propose(export) for export in exports}
    for path in [path for path in proposals if path not in folders]:
        if (patients := _patients_of(proposals[path], proposals)) is not None:
            proposals[patients] = propose(proposals[patients].export, proposals.pop(path).export)
    # a file with the scores of treatment, or its contacts, holds patients of its own; any other may tell more of them
    alone = {path: proposal for path, proposal in proposals.items()
             if proposal.contacts or proposal.events or _SCORES_OF_TREATMENT & proposal.placed.keys()}
    for path, patients in product([path for path in proposals if path not in alone], alone):
        if path in proposals and "patient_id" in proposals[patients].placed and (
                found := joined(proposals[patients], proposals[path].export)):
            proposals[patients] = found
            del proposals[path]
    services = {}
    for path, proposal in proposals.items():
        if not proposal.placed:
            line = proposal.export.form.get("header", 1)
            raise InputError(f"{path.name}: line {line}: no name of a column is understood; is line {line} the header?")
        stem = path.absolute().name if path in folders else path.stem
        stem = without_date(stem) if proposal.export.later else stem
        services[plain_name(stem, services)] = proposal
    return services


def _exports_in(folder: Path) -> list[Path]:
    """The files below a folder that may be exports. Raises InputError where there is none."""
    found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in READABLE and path.is_file()
             and not any(part.startswith((".", "~$")) for part in path.relative_to(folder).parts)]
    if not found:
        raise InputError(f"{folder.absolute().name}: no table in this folder; expected tables of the Talking Therapies "
                         f"Data Set, or exports ({', '.join(READABLE)})")
    return found


def _patients_of(scores: Proposal, others: dict[Path, Proposal]) -> Path | None:
    """The file that holds the patients of a file of contacts, or None; a file with consent has patients of its own."""
    if not scores.contacts or "consent_contact" in scores.placed:
        return None
    ids = scores.export.table[scores.contacts.placed["patient_id"].source]
    known = {path: ids.isin(other.export.table[other.placed["patient_id"].source]).mean()
             for path, other in others.items() if not other.contacts and "patient_id" in other.placed}
    return max((path for path in known if known[path] >= 0.5), key=known.get, default=None)


def write_files(texts: dict[Path, str], force: bool = False) -> None:
    """Write all of the files or none. Raises InputError where one is there already, unless `force`."""
    before = {path: path.read_bytes() for path in texts if path.exists()}
    if before and not force:
        names = ", ".join(path.name for path in before)
        raise InputError(f"{names}: there already; --force replaces {'it' if len(before) == 1 else 'them'}")
    with TemporaryDirectory(prefix=".", dir=[*texts][-1].parent) as aside:
        asides = [Path(aside) / str(number) for number in range(len(texts))]
        for written, text in zip(asides, texts.values(), strict=True):
            written.write_text(text, encoding="utf-8", newline="\n")
        try:
            for written, path in zip(asides, texts, strict=True):
                path.parent.mkdir(exist_ok=True)
                written.replace(path)
        except BaseException:  # a Ctrl-C, too
            for path in texts:
                path.write_bytes(before[path]) if path in before else path.unlink(missing_ok=True)
                with suppress(OSError):  # holds something else
                    path.parent.rmdir()
            raise


def summary(service: str, proposal: Proposal) -> list[str]:
    """What was found in a service's export, what has to be checked, and what has no place: lines for the screen."""
    beside = [*proposal.joined.values()]
    parts, meaning = [proposal, *filter(None, [proposal.contacts]), *beside], dictionary()["description"]
    width, without = len(proposal.export.table.columns), proposal.unplaced
    described = [f"{kind}{_described(part)}" for kind, part in zip(
        ["", *(["contacts: "] if proposal.contacts else []), *(f"joined {name}: " for name in proposal.joined)], parts,
        strict=True)]
    checks = defaultdict(list)
    for column, guess in (placed for part in parts for placed in part.placed.items()):
        for doubt in guess.doubts:
            checks[doubt].append(column)
    return [f"service {service}: {'; '.join(described)}",
            *(f"  {_short(remark)}" for remark in _remarks(proposal)),
            *([f"  CHECK referrals: patients with several: {proposal.several}; the first in the study counts, unless "
               "the study file says last or all"] if proposal.several else []),
            f"  {width - len(without)} of {width} columns have a place",
            *(f"  CHECK {', '.join(columns)}: {_short(doubt)}" for doubt, columns in checks.items()),
            *(f"  {how} {column}: {meaning[column]}" for column, how in _missed(proposal).items()),
            *(line for part in (proposal, *beside) for line in _without_a_place(part.unplaced))]


def _without_a_place(unplaced: dict[str, str]) -> list[str]:
    """Lines on the columns without a place, twelve at most, those of which the values contradict the name first."""
    by_reason = defaultdict(list)
    for name, reason in unplaced.items():
        by_reason[reason].append(_short(name, 40))
    without = by_reason.pop("", [])
    shown = [f"{', '.join(names[:3])}{', ...' if len(names) > 3 else ''} ({_short(reason)})"
             for reason, names in sorted(by_reason.items(), key=lambda found: "its name suggests" not in found[0])]
    left = max(12 - len(shown), 0)
    more = len(without[left:]) + len(shown[12:])
    lines = [*shown[:12], *filter(None, [", ".join(without[:left])]), *([f"{more} more"] if more else [])]
    return [f"  no place for: {line}" for line in lines]


def study_file(study: str, services: dict[str, Proposal], folder: Path) -> str:
    """The text of the study file; paths start from `folder`."""
    months = [month for proposal in services.values() for month in proposal.discharged or ()]
    first, last = (min(months), max(months)) if months else (pd.Period("2024-04"), pd.Period("2025-03"))
    window = f"from: {first.start_time.date()}, to: {last.end_time.date()}"
    seen = "the months of most discharges in the exports" if months else "no discharge dates were found"
    lines = [
        "# Proposed by `durability new`: read it, correct it, then run `durability check`. Keys: docs/reference.md.",
        f'study: "{study}"',
        f'title: "{study}"    # shown with every table and figure; say what the study is',
        f"measures: {MEASURES}    # the MI as the mean of its items, 0 to 5; study_2016 has their sum",
        f"# discharged: {{{window}}}    # both days included; {seen}. Without it everybody counts",
        "minimum_sessions: 2    # CHECK: patients with fewer are left out; 0 leaves nobody out",
        "carry_back: true    # CHECK: a 12-month answer takes the place of a missing 6-month one",
        "anxiety_measure: adsm_else_gad7    # or gad7",
    ]
    files = {}
    for service, proposal in services.items():
        files[service] = {"file": _files(proposal.export, folder), "columns": f"{study}_columns/{service}.yaml"}
        if proposal.contacts and proposal.contacts.export.path != proposal.export.path:
            files[service]["contacts"] = _files(proposal.contacts.export, folder)
        if proposal.joined:
            files[service]["joined"] = {name: _files(beside.export, folder)
                                        for name, beside in proposal.joined.items()}
    if several := sum(proposal.several for proposal in services.values()):
        lines.append(f"referrals: first    # CHECK: patients with several: {several}; or last, or all")
    if any(proposal.contacts for proposal in services.values()):
        lines.append("follow_up_windows: {6m: [91, 273], 12m: [274, 456]}    # CHECK: days after discharge")
    return "\n".join([*lines, _dumped({"services": files}, default_flow_style=None)]) + "\n"


def analysis_plan(study: str, settings: dict) -> str:
    """The frame of an analysis plan, with what the study file sets (`settings`, as YAML reads it) or leaves out."""
    usual = {"relapse": RELAPSE_RULES[0], "few": FEW, "referrals": REFERRALS[0], "discharged": None, "disclosure": None,
             "follow_up_windows": None}
    frame = Environment(loader=PackageLoader("durability_utils", "templates"), undefined=StrictUndefined)
    return frame.get_template("analysis_plan.md").render(study=study, settings=usual | settings) + "\n"


def column_map(service: str, proposal: Proposal) -> str:
    """The text of a service's column map."""
    export, missed, meaning = proposal.export, _missed(proposal), dictionary()["description"]
    given = {*from_contacts(), "sessions"} if proposal.contacts else {}
    others = [column for column in proposal.absent if column not in {*missed, *given} and "_item" not in column]
    lines = [
        f"# Column map of service {service}, proposed by `durability new` from {_short(export.path.name)}: "
        f"{len(export.table)} rows.",
        "# A comment says what speaks for its line: words of the column's name; what the values are.",
        "# A line below CHECK may be wrong. Correct it, then run `durability check`. Keys: docs/reference.md.",
        *(f"# {_short(remark)}" for remark in _remarks(proposal)),
        *_section(proposal),
        *(["  # Not found. Name the column behind it and remove the #:"] if missed else []),
        *(f"{f'  # {column}:':<50}  # {how}: {meaning[column]}" for column, how in missed.items()),
        *([f"  # Not found either: {', '.join(others)}"] if others else []),
        *(["contacts:", *(f"  {line}" for line in _section(proposal.contacts, proposal))] if proposal.contacts else []),
        *(["joined:"] if proposal.joined else []),
        *(line for name, beside in proposal.joined.items()
          for line in (f"  {name}:", *(f"    {line}" for line in _section(beside, proposal)))),
    ]
    for part in (proposal, *proposal.joined.values()):
        if part.unplaced:
            lines += [f"# Columns of {_short(part.export.path.name)} without a place:",
                      *(f"#   {_short(name)}{f': {_short(against)}' if against else ''}"
                        for name, against in part.unplaced.items())]
    return "\n".join(lines) + "\n"


def _section(proposal: Proposal, above: Proposal | None = None) -> list[str]:
    """File format, missing codes, dates, decimal sign where not as `above`, or the usual ones, and the columns."""
    head, usual = ((of.export.form, of.missing, of.dates, of.decimal) if of else ({}, (), "iso", "point")
                   for of in (proposal, above))
    lines = [f"{key}: {_yaml(value)}" for key, value, other
             in zip(("file", "missing", "dates", "decimal"), head, usual, strict=True) if value != other]
    if proposal.sessions:
        lines.append(f"sessions: {proposal.sessions}")
    if proposal.events:
        lines.append(f"events: {_yaml(dict(zip(('column', 'times'), proposal.events, strict=True)))}")
    lines.append("columns:" if proposal.placed else "columns: {}")
    for column, guess in proposal.placed.items():
        reading = guess.reading
        entry = {"column": guess.source, "codes": reading.codes,
                 "missing": tuple(sorted(reading.missing - {*proposal.missing})),
                 "dates": reading.dates if reading.dates not in ("iso", proposal.dates) else ""}
        entry = {key: value for key, value in entry.items() if value}
        line, below = f"  {column}: {_yaml(entry if len(entry) > 1 else guess.source)}", []
        if len(line) > 110:
            line, below = f"  {column}:", [f"    {line}" for line in _dumped(entry).splitlines()]
        why = _short(f"{guess.meaning.said}; {reading.why}")
        lines += [*(f"  # CHECK: {_short(doubt)}" for doubt in guess.doubts), f"{line:<50}  # {why}", *below]
    return lines


def _missed(proposal: Proposal) -> dict[str, str]:
    """The canonical columns that were not found and matter, and how much."""
    required = dictionary()["required"].isin(["yes", "window"] if proposal.contacts else ["yes"])
    # not required, but without them nobody is followed up, or counted in a window
    wanted = {"discharge_date", *(f"{measure.columns}_{time}" for measure in proposal.export.measures.values()
                                  for time in FOLLOW_UPS if measure.role in ("depression", "anxiety"))}
    given = from_contacts() if proposal.contacts else ()
    return {column: "REQUIRED" if required[column] else "NOT FOUND" for column in proposal.absent
            if (required[column] or column in wanted) and column not in given}


def _described(proposal: Proposal) -> str:
    export, (rows, width) = proposal.export, proposal.export.table.shape
    name = f"{export.path.name} and {len(export.later)} more" if export.later else export.path.name
    said = [name, f"{rows} rows", f"{width} columns"]
    said += [f"{key} {value}".replace("\t", "tabs") for key, value in sorted(export.form.items(), reverse=True)]
    said += [f"dates {proposal.dates}"] if proposal.dates != "iso" else []
    said += ["decimal comma"] if proposal.decimal == "comma" else []
    said += [f"missing {' '.join(proposal.missing)}"] if proposal.missing else []
    return ", ".join(map(_short, said))


def _remarks(proposal: Proposal) -> list[str]:
    """What a person has to know of the files of a service."""
    exports = [part.export for part in (proposal, proposal.contacts, *proposal.joined.values()) if part]
    return [f"{export.path.name}: {remark}" for export in {id(export): export for export in exports}.values()
            for remark in export.remarks]


def _files(export: Export, folder: Path) -> str | list[str]:
    """The path of an export's file, a list of them where it has several; they start from `folder`."""
    paths = [_relative(path, folder) for path in (export.path, *export.later)]
    return paths if export.later else paths[0]


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive on Windows
        return path.resolve().as_posix()


def _short(text: str, most: int = 200) -> str:
    """A text for one line of a comment or of the screen: short, and without what would move the cursor."""
    text = "".join(letter if letter.isprintable() else " " for letter in text[:most + 1])
    return f"{text[:most]}..." if len(text) > most else text


def _yaml(value: str | dict | tuple) -> str:
    """A value in YAML for a column map, where every scalar is read as text; in quotes where YAML needs them."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_yaml(key)}: {_yaml(entry)}' for key, entry in value.items())}}}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_yaml, value))}]"
    plain = re.fullmatch(r"[A-Za-z0-9](?:[\w.+/() -]*[\w.+/()-])?", value, re.A)
    return value if plain else _dumped(value, default_style='"')


def _dumped(value: str | dict, **style) -> str:
    return yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=10**9, **style).rstrip("\n")
