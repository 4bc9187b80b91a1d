"""The files of a new study, for a person to read and correct: the study file, and for each service a column map.

Each line says what speaks for it, and above it stands what has to be checked. No value of a single patient is shown.
"""

import os
import re
import uuid
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import pandas as pd
import yaml

from durability_utils.new_study.proposal import Guess, Proposal
from durability_utils.new_study.services import MEASURES, NewService
from durability_utils.study.columns import dictionary
from durability_utils.study.errors import InputError
from durability_utils.study.study_file import SAFE_NAME

FOLLOW_UP_WINDOWS = "{6m: [91, 273], 12m: [274, 456]}"
# Not required, but without them nobody is followed up, or counted in a window.
_WANTED = ("discharge_date", "phq9_6m", "gad7_6m", "phq9_12m", "gad7_12m")
_COMMENT = 50  # where comments begin


def study_path(study: str, folder: Path) -> Path:
    """Where the study file will lie. Raises InputError where `study` is no plain name."""
    if not SAFE_NAME.fullmatch(study):
        raise InputError(f"{study!r} cannot be the name of a study; expected a plain name (letters, digits, - and _)")
    return folder / f"{study}.yaml"


def new_files(study: str, services: list[NewService], folder: Path) -> dict[Path, str]:
    """The column maps and the study file that belong into `folder`, with their text; the study file last."""
    maps = {service.id: folder / f"{study}_columns" / f"{service.id}.yaml" for service in services}
    texts = {maps[service.id]: column_map(service) for service in services}
    return texts | {study_path(study, folder): study_file(study, services, maps, folder)}


def write_files(texts: dict[Path, str], force: bool = False) -> None:
    """Write all of the files or none. Raises InputError where one is there already, unless `force`."""
    there = [path.name for path in texts if path.exists()]
    if there and not force:
        raise InputError(f"{', '.join(there)}: there already; --force replaces {'it' if len(there) == 1 else 'them'}")
    before = {path: path.read_bytes() for path in texts if path.exists()}
    asides = {path: path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}") for path in texts}
    folders = [folder for folder in {path.parent for path in texts} if not folder.exists()]
    replaced = []
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            asides[path].write_text(text, encoding="utf-8", newline="\n")
        for path, aside in asides.items():
            aside.replace(path)
            replaced.append(path)
    except OSError:
        for path in replaced:
            path.write_bytes(before[path]) if path in before else path.unlink()
        raise
    finally:
        for aside in asides.values():
            aside.unlink(missing_ok=True)
        for folder in folders:
            with suppress(OSError):  # holds the files
                folder.rmdir()


def summary(service: NewService) -> list[str]:
    """What was found in a service's export, what has to be checked, and what has no place: lines for the screen."""
    proposal = service.proposal
    lines = [f"service {service.id}: {service.file.name}, {proposal.rows} rows, {_how(service.form, proposal)}"]
    if service.contacts:
        lines.append(f"  contacts: {service.contacts.name}, {proposal.contacts.rows} rows, "
                     f"{_how(service.contacts_form, proposal.contacts)}")
    elif proposal.contacts:
        lines.append("  a long export: one row a contact and measure")
    placed = proposal.width - len(proposal.unplaced)
    lines.append(f"  {placed} of {proposal.width} columns have a place")
    checks = defaultdict(list)
    for part in filter(None, (proposal, proposal.contacts)):
        for guess in part.guesses:
            for doubt in guess.doubts:
                checks[doubt].append(guess.column)
    lines += [f"  CHECK {', '.join(columns)}: {_plain(doubt)}" for doubt, columns in checks.items()]
    lines += [f"  {words} {column}: {_meaning(column)}" for column, words in _missed(proposal).items()]
    without = [_plain(name, 40) for name in proposal.unplaced]
    if without:
        lines.append(f"  no place for: {', '.join(without[:12])}{', ...' if len(without) > 12 else ''}")
    return lines


def study_file(study: str, services: list[NewService], maps: dict[str, Path], folder: Path) -> str:
    """The text of the study file; paths start from `folder`."""
    months = [service.proposal.discharged for service in services if service.proposal.discharged]
    window = "from: 2024-04-01, to: 2025-03-31"
    seen = "no discharge dates were found"
    if months:
        first, last = min(first for first, _ in months), max(last for _, last in months)
        window = f"from: {first.start_time.date()}, to: {last.end_time.date()}"
        seen = f"most discharges in the exports: {' to '.join(dict.fromkeys(map(_month, (first, last))))}"
    lines = [
        "# Proposed by `durability new`: read it, correct it, then run `durability check`. Keys: docs/reference.md.",
        f"study: {_typed(study)}",
        f"title: {_typed(study)}    # shown with every table and figure; say what the study is",
        f"measures: {MEASURES}    # the MI as the mean of its items, 0 to 5; study_2016 has their sum",
        f"# discharged: {{{window}}}    # both days included; {seen}. Without it everybody counts",
        "minimum_sessions: 2    # CHECK: patients with fewer are left out; 0 leaves nobody out",
        "carry_back: true    # CHECK: a 12-month answer takes the place of a missing 6-month one",
        "anxiety_measure: adsm_else_gad7    # or gad7",
    ]
    if any(service.proposal.contacts for service in services):
        lines.append(f"follow_up_windows: {FOLLOW_UP_WINDOWS}    # CHECK: first and last day after discharge")
    lines.append("services:")
    for service in services:
        entry = {"file": service.file, "columns": maps[service.id]} | (
            {"contacts": service.contacts} if service.contacts else {})
        paths = ", ".join(f"{key}: {_typed(_relative(path, folder))}" for key, path in entry.items())
        lines.append(f"  {_typed(service.id)}: {{{paths}}}")
    return "\n".join(lines) + "\n"


def column_map(service: NewService) -> str:
    """The text of a service's column map."""
    proposal = service.proposal
    lines = [
        f"# Column map of service {service.id}, proposed by `durability new` from {_plain(service.file.name)}: "
        f"{proposal.rows} rows.",
        "# A comment says what speaks for its line: words of the column's name; what the values are.",
        "# A line below CHECK may be wrong. Correct it, then run `durability check`. Keys: docs/reference.md.",
        *_format_lines(service.form, proposal),
        "columns:" if proposal.guesses else "columns: {}",
        *_guess_lines(proposal.guesses, "  "),
    ]
    missed = _missed(proposal)
    if missed:
        lines.append("  # Not found. Name the column behind it and remove the #:")
        lines += [f"  # {column}:".ljust(_COMMENT) + f"  # {words}: {_meaning(column)}"
                  for column, words in missed.items()]
    others = [column for column in proposal.absent if column not in missed and "_item" not in column]
    if others:
        lines.append(f"  # Not found either: {', '.join(others)}")
    if proposal.contacts:
        lines += ["contacts:", *_format_lines(service.contacts_form, proposal.contacts, proposal, "  "), "  columns:",
                  *_guess_lines(proposal.contacts.guesses, "    ")]
    if proposal.unplaced:
        lines.append("# Columns of the export without a place:")
        lines += [f"#   {_plain(name)}{f': {_plain(against)}' if against else ''}"
                  for name, against in proposal.unplaced.items()]
    return "\n".join(lines) + "\n"


def _format_lines(form: dict[str, str] | None, proposal: Proposal, above: Proposal | None = None,
                  indent: str = "") -> list[str]:
    """File format, missing codes and date style, where they are not the usual ones, or not those `above`."""
    lines = []
    if form:
        lines.append(f"file: {{{', '.join(f'{key}: {_scalar(value)}' for key, value in sorted(form.items()))}}}")
    if set(proposal.missing) != set(above.missing if above else ()):
        lines.append(f"missing: [{', '.join(map(_quoted, proposal.missing))}]")
    if proposal.dates != (above.dates if above else "iso"):
        lines.append(f"dates: {proposal.dates}")
    return [indent + line for line in lines]


def _guess_lines(guesses: list[Guess], indent: str) -> list[str]:
    lines = []
    for guess in guesses:
        lines += [f"{indent}# CHECK: {_plain(doubt)}" for doubt in guess.doubts]
        lines += _entry_lines(guess, indent)
    return lines


def _entry_lines(guess: Guess, indent: str) -> list[str]:
    why = f"  # {_plain(guess.why)}"
    if guess.codes is None and not guess.missing and not guess.dates:
        return [f"{indent}{guess.column}: {_scalar(guess.source)}".ljust(_COMMENT) + why]
    entry = {"column": _scalar(guess.source)}
    if isinstance(guess.codes, str):
        entry["codes"] = guess.codes
    elif guess.codes is not None:
        codes = [f"{_scalar(code)}: {_scalar(meaning)}" for code, meaning in guess.codes.items()]
        entry["codes"] = f"{{{', '.join(codes)}}}"
    if guess.missing:
        entry["missing"] = f"[{', '.join(map(_quoted, guess.missing))}]"
    if guess.dates:
        entry["dates"] = guess.dates
    line = f"{indent}{guess.column}: {{{', '.join(f'{key}: {value}' for key, value in entry.items())}}}"
    if len(line) <= 110:
        return [line.ljust(_COMMENT) + why]
    lines = [f"{indent}{guess.column}:".ljust(_COMMENT) + why]
    for key, value in entry.items():
        in_lines = key == "codes" and isinstance(guess.codes, dict)
        lines += [f"{indent}  codes:", *(f"{indent}    {code}" for code in codes)] if in_lines else \
            [f"{indent}  {key}: {value}"]
    return lines


def _missed(proposal: Proposal) -> dict[str, str]:
    """The canonical columns that were not found and matter, and how much."""
    needed = ("yes", "window") if proposal.contacts else ("yes",)
    required = dictionary()["required"].isin(needed)
    return {column: "REQUIRED" if required[column] else "NOT FOUND" for column in proposal.absent
            if required[column] or column in _WANTED}


def _meaning(column: str) -> str:
    return dictionary().at[column, "description"]


def _how(form: dict[str, str], proposal: Proposal) -> str:
    """The form of an export in a few words."""
    names = {"\t": "tabs", ",": "commas"}
    said = [f"{key} {names.get(value, value)}" for key, value in sorted(form.items(), reverse=True)]
    said += [f"dates {proposal.dates}"] if proposal.dates != "iso" else []
    said += [f"missing {' '.join(proposal.missing)}"] if proposal.missing else []
    return ", ".join(map(_plain, [f"{proposal.width} columns", *said]))


def _month(month: pd.Period) -> str:
    return month.strftime("%B %Y")


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive on Windows
        return path.resolve().as_posix()


def _plain(text: str, most: int = 200) -> str:
    """A text for one line of a comment or of the screen: short, and without what would move the cursor."""
    text = "".join(letter if letter.isprintable() else " " for letter in text[:most + 1])
    return f"{text[:most]}..." if len(text) > most else text


def _scalar(text: str) -> str:
    """A text for a column map, where every scalar is read as text; in quotes where YAML needs them."""
    return text if re.fullmatch(r"[A-Za-z0-9](?:[\w.+/() -]*[\w.+/()-])?", text, re.A) else _quoted(text)


def _quoted(text: str) -> str:
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10**9).rstrip("\n")


def _typed(text: str) -> str:
    """A text for the study file, where YAML would read `no` or `1` as something else."""
    return text if _scalar(text) == text and yaml.safe_load(text) == text else _quoted(text)
