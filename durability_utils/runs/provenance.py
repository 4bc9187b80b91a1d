"""What a result was made from: hashes of what it read, versions of what made it."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from importlib.metadata import requires, version
from itertools import chain, count
from pathlib import Path

from durability_utils.study.parameters import PROJECT

PACKAGE = PROJECT / "durability_utils"


def hashes(files: list[Path], bases: list[Path]) -> dict[str, str]:
    """The SHA-256 of every file that is there, by its name (see `name_below`); of two with one name as `name (2)`."""
    found, bases = {}, [base.resolve() for base in bases]
    for file in dict.fromkeys(files):
        with suppress(OSError):
            name = name_below(file, bases)
            names = chain([name], (f"{name} ({number})" for number in count(2)))
            if file.is_file():  # of a pipe reading never ends
                found[next(name for name in names if name not in found)] = _hash(file, state(file))
    return found


def state(file: Path) -> tuple[int, ...]:
    """What is different once somebody has replaced a file or written to it, even where the time of its content is kept.

    The time of the last change of the file itself (ctime) can be set by nobody. On Windows it is that of its making.
    """
    found = file.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size, found.st_ctime_ns


@cache
def _hash(file: Path, state: tuple[int, ...]) -> str:
    """Read once as long as nobody has written to it: many runs read the same files."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


@cache
def own_code() -> dict[str, str]:
    """One SHA-256 over all modules and templates of this package, in every room."""
    files = sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.html")])
    listing = json.dumps(hashes(files, [PACKAGE]))
    return {PACKAGE.name: hashlib.sha256(listing.encode()).hexdigest()}


def name_below(file: Path, bases: list[Path]) -> str:
    """The path of `file` below the first of `bases` (resolved) that holds it, with forward slashes; else its name."""
    file = file.resolve()
    return next((file.relative_to(base).as_posix() for base in bases if base in file.parents), file.name)


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that this one depends on directly."""
    declared = [entry for entry in requires("durability-utils") if "extra ==" not in entry]
    names = sorted(re.match(r"[\w.-]+", entry).group() for entry in declared)
    return {"python": sys.version.split()[0]} | {name: version(name) for name in names}


@cache
def commit(folder: Path = PROJECT) -> dict | None:
    """`commit` (hash) and `dirty` (files differ from it) of the checkout; None without git or a commit."""
    git = shutil.which("git")
    if git is None:
        return None
    head, status = (
        subprocess.run([git, "-C", folder, *command], capture_output=True, text=True, encoding="utf-8")
        for command in (("rev-parse", "--verify", "HEAD"), ("status", "--porcelain"))
    )
    if head.returncode or status.returncode:
        return None
    return {"commit": head.stdout.strip(), "dirty": bool(status.stdout.strip())}


def without_machine_paths(value, folders: tuple[Path, ...] = ()):
    """A text, or the texts of a notebook output, with absolute paths cut to what stands below a known folder.

    Known are `folders`, the project, Python, home, temp and the working directory. A traceback or a warning
    names files of this machine; a result that is passed on should not. Images stay as they are.
    """
    if isinstance(value, str):
        return _machine_paths(folders).sub(lambda found: "" if found.group()[-1] in "\\/" else ".", value)
    if isinstance(value, list):
        return [without_machine_paths(entry, folders) for entry in value]
    if isinstance(value, dict):
        return type(value)({key: entry if key.startswith("image/") else without_machine_paths(entry, folders)
                            for key, entry in value.items()})
    return value


@cache
def _machine_paths(folders: tuple[Path, ...]) -> re.Pattern:
    home = Path.home()
    python = [Path(sys.prefix), Path(sys.base_prefix)]
    roots = [*folders, PROJECT, *python, home, Path(tempfile.gettempdir()), Path.cwd()]
    forms = set()
    for root in {place for folder in roots for place in (folder.absolute(), folder.resolve())}:
        if len(root.parts) > 1:  # a home of `/` would take the slash from every path
            forms |= {str(root), root.as_posix(), str(root).replace("\\", "\\\\")}
            if root != home and root.is_relative_to(home):  # as IPython shortens paths
                forms.add(f"~{os.sep}{root.relative_to(home)}")
    longest_first = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
    # `\dm` is the end of a colour code; any other letter before means a part of a longer, relative path
    start = r"(?:(?<![\w.~-])|(?<=\dm))"
    return re.compile(rf"{start}(?:{longest_first})(?:[\\/]+|(?![\w.-]))", re.I if os.name == "nt" else 0)
