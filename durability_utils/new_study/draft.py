"""The files of a new study, for a person to read and correct: the study file, and for each service a column map.

Each line says what speaks for it, and above it stands what has to be checked. No value of a single patient is shown.
"""

import os
import re
import tempfile
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import yaml

from durability_utils.new_study.proposal import Proposal
from durability_utils.new_study.services import MEASURES, NewService, new_services
from durability_utils.new_study.values import Export
from durability_utils.study.columns import FOLLOW_UPS, dictionary
from durability_utils.study.errors import InputError
from durability_utils.study.study_file import SAFE_NAME


class _Typed(yaml.SafeDumper):
    """Texts in double quotes wherever they are more than a few plain words."""

    def text(self, text: str) -> yaml.ScalarNode:
        plain = re.fullmatch(r"[A-Za-z0-9](?:[\w.+/() -]*[\w.+/()-])?", text, re.A)
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Typed.add_representer(str, _Typed.text)


class _Text(_Typed):
    """For a column map, of which every scalar is read as text: `no` and `1` need no quotes."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 (PyYAML's own name and type)


def new_study(study: str, exports: list[Path], folder: Path, force: bool = False) -> list[str]:
    """Propose a study and write its files into `folder`; what was found and what has to be checked, as lines.

    Raises InputError, before anything is written, where `study` is no plain name, an export cannot be used, or a file
    is there already and not `force`.
    """
    if not SAFE_NAME.fullmatch(study):
        raise InputError(f"{study!r} cannot be the name of a study; expected a plain name (letters, digits, - and _)")
    services = new_services(exports)
    texts = new_files(study, services, folder)
    write_files(texts, force)
    *maps, path = (path.relative_to(folder).as_posix() for path in texts)
    return [*(line for service in services for line in summary(service)), f"written: {path} and {', '.join(maps)}",
            "Read them, above all what says CHECK, REQUIRED or NOT FOUND. Then:",
            f"  durability check {path}", f"  durability run {path}"]


def new_files(study: str, services: list[NewService], folder: Path) -> dict[Path, str]:
    """The column maps and the study file that belong into `folder`, with their text; the study file last."""
    maps = {folder / f"{study}_columns" / f"{service.id}.yaml": service for service in services}
    texts = {path: column_map(service) for path, service in maps.items()}
    return texts | {folder / f"{study}.yaml": study_file(study, maps, folder)}


def write_files(texts: dict[Path, str], force: bool = False) -> None:
    """Write all of the files or none. Raises InputError where one is there already, unless `force`."""
    before = {path: path.read_bytes() for path in texts if path.exists()}
    if before and not force:
        names = ", ".join(path.name for path in before)
        raise InputError(f"{names}: there already; --force replaces {'it' if len(before) == 1 else 'them'}")
    *_, study_path = texts
    with tempfile.TemporaryDirectory(prefix=".", dir=study_path.parent) as aside:
        asides = {path: Path(aside) / str(number) for number, path in enumerate(texts)}
        for path, text in texts.items():
            asides[path].write_text(text, encoding="utf-8", newline="\n")
        try:
            for path in texts:
                path.parent.mkdir(exist_ok=True)
                asides[path].replace(path)
        except OSError:
            for path in texts:
                path.write_bytes(before[path]) if path in before else path.unlink(missing_ok=True)
                with suppress(OSError):  # holds something else
                    path.parent.rmdir()
            raise


def summary(service: NewService) -> list[str]:
    """What was found in a service's export, what has to be checked, and what has no place: lines for the screen."""
    proposal, contacts, width = service.proposal, service.proposal.contacts, len(service.export.table.columns)
    lines = [f"service {service.id}: {_described(service.export, proposal)}"]
    if service.contacts:
        lines.append(f"  contacts: {_described(service.contacts, contacts)}")
    elif contacts:
        lines.append("  a long export: one row a contact and measure")
    lines.append(f"  {width - len(proposal.unplaced)} of {width} columns have a place")
    checks = defaultdict(list)
    for guess in [*proposal.placed.values(), *(contacts.placed.values() if contacts else ())]:
        for doubt in guess.doubts:
            checks[doubt].append(guess.column)
    lines += [f"  CHECK {', '.join(columns)}: {_short(doubt)}" for doubt, columns in checks.items()]
    lines += [f"  {how} {column}: {_meaning(column)}" for column, how in _absent(service).items() if how != "optional"]
    if without := [_short(name, 40) for name in proposal.unplaced]:
        lines.append(f"  no place for: {', '.join(without[:12])}{', ...' if len(without) > 12 else ''}")
    return lines


def study_file(study: str, maps: dict[Path, NewService], folder: Path) -> str:
    """The text of the study file. `maps`: the column map of each service; paths start from `folder`."""
    months = [month for service in maps.values() for month in service.proposal.discharged or ()]
    window, seen = "from: 2024-04-01, to: 2025-03-31", "no discharge dates were found"
    if months:
        window = f"from: {min(months).start_time.date()}, to: {max(months).end_time.date()}"
        seen = "the months of most discharges in the exports"
    lines = [
        "# Proposed by `durability new`: read it, correct it, then run `durability check`. Keys: docs/reference.md.",
        f"study: {_yaml(study, _Typed)}",
        f"title: {_yaml(study, _Typed)}    # shown with every table and figure; say what the study is",
        f"measures: {MEASURES}    # the MI as the mean of its items, 0 to 5; study_2016 has their sum",
        f"# discharged: {{{window}}}    # both days included; {seen}. Without it everybody counts",
        "minimum_sessions: 2    # CHECK: patients with fewer are left out; 0 leaves nobody out",
        "carry_back: true    # CHECK: a 12-month answer takes the place of a missing 6-month one",
        "anxiety_measure: adsm_else_gad7    # or gad7",
    ]
    if any(service.proposal.contacts for service in maps.values()):
        lines.append("follow_up_windows: {6m: [91, 273], 12m: [274, 456]}    # CHECK: days after discharge, first and last")
    lines.append("services:")
    for columns, service in maps.items():
        paths = {"file": service.export.path, "columns": columns}
        paths |= {"contacts": service.contacts.path} if service.contacts else {}
        entry = {key: _relative(path, folder) for key, path in paths.items()}
        lines.append(f"  {_yaml(service.id, _Typed)}: {_yaml(entry, _Typed)}")
    return "\n".join(lines) + "\n"


def column_map(service: NewService) -> str:
    """The text of a service's column map."""
    export, proposal = service.export, service.proposal
    lines = [
        f"# Column map of service {service.id}, proposed by `durability new` from {_short(export.path.name)}: "
        f"{len(export.table)} rows.",
        "# A comment says what speaks for its line: words of the column's name; what the values are.",
        "# A line below CHECK may be wrong. Correct it, then run `durability check`. Keys: docs/reference.md.",
        *_section(export, proposal, {"file": {}, "missing": (), "dates": "iso"}),
    ]
    if absent := _absent(service):
        lines.append("  # Not found. Name the column behind it and remove the #:")
        lines += [f"{f'  # {column}:':<50}  # {how}: {_meaning(column)}" for column, how in absent.items()]
    if proposal.contacts:
        usual = {"file": export.form, "missing": proposal.missing, "dates": proposal.dates}
        section = _section(service.contacts or export, proposal.contacts, usual)
        lines += ["contacts:", *(f"  {line}" for line in section)]
    if proposal.unplaced:
        lines.append("# Columns of the export without a place:")
        lines += [f"#   {_short(name)}{f': {_short(against)}' if against else ''}"
                  for name, against in proposal.unplaced.items()]
    return "\n".join(lines) + "\n"


def _section(export: Export, proposal: Proposal, usual: dict) -> list[str]:
    """File format, missing codes and date style where they are not the usual ones, and the columns."""
    head = {"file": export.form, "missing": proposal.missing, "dates": proposal.dates}
    lines = [f"{key}: {_yaml(value)}" for key, value in head.items() if value != usual[key]]
    lines.append("columns:" if proposal.placed else "columns: {}")
    for guess in proposal.placed.values():
        lines += [f"  # CHECK: {_short(doubt)}" for doubt in guess.doubts]
        why = f"  # {_short(f'{guess.meaning.said}; {guess.reading.why}')}"
        entry = {"column": guess.source, "codes": guess.reading.codes, "missing": guess.missing, "dates": guess.dates}
        entry = {key: value for key, value in entry.items() if value}
        line = f"  {guess.column}: {_yaml(entry if len(entry) > 1 else guess.source)}"
        if len(line) <= 110:
            lines.append(f"{line:<50}{why}")
        else:
            lines.append(f"{f'  {guess.column}:':<50}{why}")
            lines += [f"    {line}" for line in _yaml(entry, flow=False).splitlines()]
    return lines


def _absent(service: NewService) -> dict[str, str]:
    """The canonical columns that were not found, items aside, and how much they matter."""
    required = dictionary()["required"].isin(["yes", "window"] if service.proposal.contacts else ["yes"])
    # not required, but without them nobody is followed up, or counted in a window
    wanted = {"discharge_date", *(f"{measure.columns}_{time}" for measure in service.export.measures.values()
                                  for time in FOLLOW_UPS if measure.role in ("depression", "anxiety"))}
    return {column: "REQUIRED" if required[column] else "NOT FOUND" if column in wanted else "optional"
            for column in service.proposal.absent if "_item" not in column}


def _described(export: Export, proposal: Proposal) -> str:
    """An export in a few words: its file, size and format."""
    said = [f"{key} {value}".replace("\t", "tabs") for key, value in sorted(export.form.items(), reverse=True)]
    said += [f"dates {proposal.dates}"] if proposal.dates != "iso" else []
    said += [f"missing {' '.join(proposal.missing)}"] if proposal.missing else []
    rows, width = export.table.shape
    return ", ".join(map(_short, [export.path.name, f"{rows} rows", f"{width} columns", *said]))


def _meaning(column: str) -> str:
    return dictionary().at[column, "description"]


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive on Windows
        return path.resolve().as_posix()


def _short(text: str, most: int = 200) -> str:
    """A text for one line of a comment or of the screen: short, and without what would move the cursor."""
    text = "".join(letter if letter.isprintable() else " " for letter in text[:most + 1])
    return f"{text[:most]}..." if len(text) > most else text


def _yaml(value: str | dict | tuple, dumper: type[_Typed] = _Text, flow: bool = True) -> str:
    """A value in YAML, in one line unless not `flow`."""
    text = yaml.dump(value, Dumper=dumper, default_flow_style=flow, width=10**9, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")
