"""What a notebook says of itself: its question, what it runs for, what it reads, which files it leaves.

It says so in its head, the table with a row a subject (ROWS) in its first cell. Of `runs for` the words are read, of
`reads` and `writes` the names in backticks; the rest is for people. docs/own_notebook.md explains it to them.
"""

import ast
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import combinations
from pathlib import Path

from durability_utils.study.errors import InputError
from durability_utils.study.study_file import SAFE_NAME

ROWS = ("runs for", "reads", "writes", "restricted", "does not show")
EACH_SERVICE, ALL_SERVICES, EACH_STEP = RUNS_FOR = ("each service", "all services", "each step")
COHORT, EXPORT, PUBLISHED = "cohort.parquet", "export", "published"

_TABLE = re.compile(r"^\| *\| *\|\n\|[ :-]+\|[ :-]+\|\n((?:\|.*(?:\n|$))+)", re.M)
_ROW = re.compile(r"^\| *(.*?) *\| *(.*?) *\|$", re.M)
_NAME = re.compile(r"`([^`]+)`")
_OUTPUT = re.compile(r"\w[\w.-]*\*?")


@dataclass(frozen=True)
class Head:
    """What one notebook says of itself. `runs_for`: some of RUNS_FOR.

    `reads` has what cleaning leaves by its file's name, EXPORT, PUBLISHED (it runs only for a study that has published
    figures), and other files by their paths. `writes` has names of files, or their beginnings with a `*`. `restricted`:
    patients' ids are in its files. `parameters`: those that it declares, with their defaults.
    """

    path: Path
    question: str = field(compare=False)
    runs_for: frozenset[str] = field(compare=False)
    reads: tuple[str, ...] = field(compare=False)
    writes: tuple[str, ...] = field(compare=False)
    restricted: bool = field(compare=False)
    parameters: dict = field(compare=False)

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def number(self) -> str:
        """By what others call it: `03` of `03_reliable_improvement`; its name where that begins with no number."""
        return number(self.path)

    @property
    def cleans(self) -> bool:
        """Whether it is the cleaning, which makes the cohorts that others read."""
        return COHORT in self.writes

    @property
    def leaves(self) -> list[str]:
        """Names of its files, or their beginnings with a `*`; beside a table what it holds."""
        return [*self.writes, *(f"{name.removesuffix('.csv')}.json" for name in self.writes if name.endswith(".csv"))]

    def owns(self, file: str) -> bool:
        """Whether a file of this name is one that it leaves."""
        return any(fnmatchcase(file, pattern) for pattern in self.leaves)


def read_heads(folder: Path, own: Iterable[Path] = ()) -> list[Head]:
    """The heads of all notebooks of a batch: those in `folder` that say what they run for, then a study's own.

    Raises InputError where one of them says what cannot be, or two of them would leave the same files.
    """
    heads = [head for path in sorted(folder.glob("*.ipynb")) if (head := read_head(path))]
    for path in own:
        if not (head := read_head(path)):
            raise _wrong(path, "runs for", "no such row in the table of its first cell", " and ".join(ROWS[:3]))
        heads.append(head)
    for first, second in combinations(heads, 2):
        if first.number.casefold() == second.number.casefold():
            raise InputError(f"{second.path.name}: its name or number is that of {first.path.name}; rename it, or take "
                             "the row `runs for` out of the table in its first cell, so that it is not run")
        if shared := next((name for name in second.writes if _overlap(name, first.writes)), None):
            raise _wrong(second.path, "writes", f"`{shared}`, which overlaps with what {first.path.name} writes",
                         "names of its own")
    if not any(head.cleans for head in heads):
        raise InputError(f"{folder.name}/: expected a notebook that writes `{COHORT}`, found none")
    return heads


def read_head(path: Path) -> Head | None:
    """What a notebook says of itself; None where it does not say what it runs for: it is none of a batch.

    Raises InputError, naming notebook and row, for a head that cannot be understood or parameters that do not fit it.
    """
    cells = _cells(path)
    table = _TABLE.search(_first(cells))
    rows = dict(_ROW.findall(table[1])) if table else {}
    for row in rows:
        if row not in ROWS:
            raise _wrong(path, "table of its first cell", f"a row `{row}`", f"rows {', '.join(ROWS)}")
    if "runs for" not in rows:
        return None
    if path.suffix != ".ipynb" or not SAFE_NAME.fullmatch(path.stem):
        raise InputError(f"{path.name}: expected a notebook with a plain name (letters, digits, - and _) and .ipynb")
    names = {row: tuple(dict.fromkeys(_NAME.findall(rows.get(row, "")))) for row in ("reads", "writes")}
    for row, found in names.items():
        if not found:
            raise _wrong(path, row, "no name in backticks", f"one or more, as in `{COHORT}`")
    for name in names["writes"]:
        if not _OUTPUT.fullmatch(name):
            raise _wrong(path, "writes", f"`{name}`", "names of files, or their beginnings as in `functioning*`")
    head = Head(path, _question(cells), frozenset(re.split(" *[,;] *", rows["runs for"])), **names,
                restricted="restricted" in rows, parameters=_declared(path, cells))
    _check_runs_for(head)
    _check_parameters(head)
    return head


def question(path: Path) -> str:
    """The title of a notebook, a lesson's too: the heading of its first cell."""
    return _question(_cells(path))


def number(path: Path) -> str:
    """By what others call a notebook: `03` or `L1`, before the first `_` of its name; else its name."""
    first = path.stem.partition("_")[0]
    return first if re.fullmatch("L?[0-9]+", first) else path.stem


def _wrong(path: Path, row: str, found: str, expected: str) -> InputError:
    return InputError(f"{path.name}: {row}: found {found}, expected {expected}")


def _overlap(name: str, others: tuple[str, ...]) -> bool:
    """Whether a file could have both names; letter case does not count, as on Windows."""
    pairs = [(name.casefold(), other.casefold()) for other in others]
    return any(fnmatchcase(one, other) or fnmatchcase(other, one) for one, other in pairs)


def _check_runs_for(head: Head) -> None:
    said, unknown = ", ".join(sorted(head.runs_for)), head.runs_for - {*RUNS_FOR}
    if unknown or not head.runs_for & {EACH_SERVICE, ALL_SERVICES}:
        raise _wrong(head.path, "runs for", f"'{', '.join(sorted(unknown)) or said}'",
                     f"{EACH_SERVICE}, {ALL_SERVICES} or both, and {EACH_STEP} where it runs for steps")
    if (head.cleans or head.restricted) and head.runs_for != {EACH_SERVICE}:
        raise _wrong(head.path, "runs for", f"'{said}'", f"{EACH_SERVICE} alone, since patients' ids stay with theirs")


def _check_parameters(head: Head) -> None:
    """Papermill would only warn of a parameter that is not declared, and every run would show the defaults."""
    required = ["study", "results", *(["service"] if EACH_SERVICE in head.runs_for else []),
                *(["step"] if EACH_STEP in head.runs_for else [])]
    for name in required:
        if not isinstance(head.parameters.get(name), str):
            raise InputError(f"{head.path.name}: expected `{name}: str = ...` in its cell tagged "
                             f"`parameters`; it declares {', '.join(head.parameters) or 'nothing'}")
    if "step" in head.parameters and EACH_STEP not in head.runs_for:
        raise _wrong(head.path, "runs for", f"no {EACH_STEP}, but `step` among the parameters", "both or neither")


# -- the file --------------------------------------------------------------------------------------

def _cells(path: Path) -> list[dict]:
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return [cell | {"source": "".join(cell["source"])} for cell in cells]
    except FileNotFoundError:
        raise InputError(f"{path.name}: no such file in {path.parent.name}/") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path.name}: expected a notebook ({type(error).__name__})") from None


def _first(cells: list[dict]) -> str:
    return cells[0]["source"] if cells and cells[0]["cell_type"] == "markdown" else ""


def _question(cells: list[dict]) -> str:
    found = re.match(r"# *(.*?) *$", _first(cells), re.M)
    return found[1] if found else ""


def _declared(path: Path, cells: list[dict]) -> dict:
    """Names and defaults in the cell tagged `parameters`; raises InputError unless there is one."""
    tagged = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
    if len(tagged) != 1:
        raise InputError(f"{path.name}: expected one cell tagged `parameters`, found {len(tagged)}")
    try:
        lines = [(getattr(line, "target", None) or line.targets[0], line.value)
                 for line in ast.parse(tagged[0]["source"]).body if isinstance(line, ast.Assign | ast.AnnAssign)]
        return {target.id: ast.literal_eval(value) for target, value in lines}
    except (ValueError, SyntaxError, TypeError, AttributeError) as error:
        raise InputError(f"{path.name}: expected flat values in its cell tagged `parameters` "
                         f"({type(error).__name__})") from None
