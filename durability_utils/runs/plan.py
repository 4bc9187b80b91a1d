"""Which notebooks run for which service and step, what each of them reads, and which have nothing new to say."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path

from durability_utils.runs.heads import ALL_SERVICES, EACH_SERVICE, EACH_STEP, EXPORT, PUBLISHED, Head, read_heads
from durability_utils.runs.provenance import PROJECT, hashes, name_below, own_code, state, versions
from durability_utils.study.errors import InputError
from durability_utils.study.study_file import STEPS, Study, read_study

NOTEBOOKS = PROJECT / "notebooks"
RULE_FILES = [PROJECT / name for name in ("parameters/measures.yaml", "parameters/codes.yaml", "data/dictionary.csv")]
POOLED = "all"
RESTRICTED = "restricted"


@dataclass(frozen=True)
class Run:
    """One notebook for one service and step.

    `needs` are the services after whose cleaning it runs; `reads` are the files that its head names, those that are
    not there included.
    """

    head: Head
    service: str
    step: str
    folder: Path
    needs: tuple[str, ...]
    reads: tuple[Path, ...] = field(repr=False, compare=False)
    study: Study = field(repr=False, compare=False)
    parameters: dict[str, str] = field(default_factory=dict, compare=False)

    notebook = property(lambda self: self.head.path)
    name = property(lambda self: self.head.name)
    cleans = property(lambda self: self.head.cleans)

    @property
    def restricted(self) -> bool:
        """Whether it holds patients' ids: run when asked for, for its owner only, without a page, in no report."""
        return self.head.restricted

    @property
    def private(self) -> bool:
        """Whether patients' ids lie in its folder, which then is for its owner only."""
        return self.cleans or self.restricted

    @property
    def target(self) -> Path:
        """Where the executed notebook lies; its page and its provenance stand beside it."""
        return self.folder / self.notebook.name

    @property
    def record(self) -> Path:
        """Its provenance: the last file of a run to come into place, so that what is beside it is complete."""
        return self.target.with_suffix(".provenance.json")

    @property
    def results(self) -> Path:
        return self.folder.parents[2]

    @property
    def home(self) -> Path:
        """The folder of the study file: its kernels work there."""
        return self.study.path.parent.resolve()

    @property
    def shown_parameters(self) -> dict[str, str]:
        """The parameters as others may see them: results far from the study file by the folder's name only.

        The way there would lead through folders of this machine, and they carry people's names.
        """
        shown = self.parameters.get("results", "")
        near = shown.count("../") <= 1 and not Path(shown).is_absolute()
        return self.parameters if near else self.parameters | {"results": self.results.name}

    @property
    def label(self) -> str:
        step = f", {self.step}" if EACH_STEP in self.head.runs_for else ""
        return f"service {self.service}{step}: {self.name}"


@dataclass(frozen=True)
class Result:
    """How a run ended: `succeeded`, `unchanged`, `failed` or `skipped`, with the reason, and what it cost.

    `seconds` from begin to end, `cell_seconds` of them in the notebook's cells; `peak_memory` of its kernel in MB
    (None where the system does not tell); `attempts`, more than one where workers died; `worker`, who ran it.
    """

    run: Run
    status: str
    message: str = ""
    seconds: float = 0.0
    cell_seconds: float = 0.0
    peak_memory: float | None = None
    attempts: int = 0
    worker: str = ""


# -- what runs -------------------------------------------------------------------------------------

def every_run(study: Study, output: Path, notebooks: Path = NOTEBOOKS) -> list[Run]:
    """All runs of a study in the order of the notebooks; raises InputError for a notebook that says what cannot be."""
    heads = read_heads(notebooks, study.notebooks)
    cleaning = next(head for head in heads if head.cleans)
    root = output / study.id

    def run(head: Head, service: str, step: str) -> Run:
        services = tuple(study.services) if service == POOLED else (service,)
        needs = () if head.cleans else services
        files = tuple(file for name in head.reads for file in _files(name, head, cleaning, root, services, study))
        folder = root / service / ("cleaning" if head.cleans else RESTRICTED if head.restricted else step)
        return Run(head, service, step, folder, needs, files, study, _parameters(head, study, output, service, step))

    return [run(head, service, step) for head in heads if study.published or PUBLISHED not in head.reads
            for service in (*study.services, POOLED)
            if (ALL_SERVICES if service == POOLED else EACH_SERVICE) in head.runs_for
            for step in (STEPS if EACH_STEP in head.runs_for else STEPS[:1])]


def plan(study: Study, output: Path, services: Sequence[str] = (), steps: Sequence[str] = (),
         names: Sequence[str] = (), notebooks: Path = NOTEBOOKS) -> list[Run]:
    """The runs of a selection (nothing selected: all but restricted ones) and the cleaning whose cohorts they read.

    Raises InputError for a service, step or notebook that does not exist, for a selection that holds
    nothing, and for a notebook that says what cannot be.
    """
    services = chosen("service", services, [*study.services, POOLED])
    steps = chosen("step", steps, STEPS)
    runs = every_run(study, output, notebooks)
    heads = list(dict.fromkeys(run.head for run in runs))
    by_number = {head.number: head.name for head in heads}
    usual = [head.name for head in heads if not head.restricted]
    names = chosen("notebook", [by_number.get(name.zfill(2), name) for name in names] or usual,
                    [head.name for head in heads])
    wanted = [run for run in runs if run.name in names and (
        run.service in services or POOLED in services if run.cleans
        else run.service in services and run.step in steps)]
    if not wanted:
        asked = (", ".join(chosen) for chosen in (names, services, steps))
        raise InputError("nothing to run: {} for {} at {}".format(*asked))
    read = {service for run in wanted for service in run.needs}
    return [run for run in runs if run in wanted or (run.cleans and run.service in read)]


def chosen(kind: str, given: Sequence[str], valid: Sequence[str]) -> list[str]:
    """Those given, else all valid ones; raises InputError for one that is not valid."""
    for name in given:
        if name not in valid:
            raise InputError(f"no {kind} '{name}'; there are {', '.join(valid)}")
    return list(given or valid)


def _files(name: str, head: Head, cleaning: Head, root: Path, services: tuple[str, ...], study: Study) -> list[Path]:
    """What a name under `reads` stands for; raises InputError where it stands for nothing."""
    if name == PUBLISHED:
        return [study.published]
    if name == EXPORT:
        exports = [study.services[service] for service in services]
        return [file for export in exports for file in (*export.files, export.columns) if file]
    if name in cleaning.writes:
        return [root / service / "cleaning" / name for service in services]
    for file in (study.path.parent / name, PROJECT / name):
        if file.is_file():
            return [file]
    left = ", ".join(f"`{file}`" for file in cleaning.writes)
    raise InputError(f"{head.path.name}: reads: found `{name}`, expected {left} (what {cleaning.path.name} writes), "
                     f"`{EXPORT}`, `{PUBLISHED}`, or the path of a file from the study file or the project")


def _parameters(head: Head, study: Study, output: Path, service: str, step: str) -> dict[str, str]:
    """What the notebook is given: study, service, step, results and today, where it declares them."""
    values = {"study": study.path.name, "service": service, "step": step,
              "results": relative(output.resolve(), study.path.parent.resolve()), "as_of": date.today().isoformat()}
    return {name: value for name, value in values.items() if name in head.parameters}


def relative(path: Path, start: Path) -> str:
    """The way from one folder to another, with forward slashes."""
    try:
        return Path(os.path.relpath(path, start)).as_posix()
    except ValueError:  # another drive on Windows
        return path.as_posix()


# -- what has been run -----------------------------------------------------------------------------

def input_hashes(run: Run) -> dict[str, str]:
    """The SHA-256, by name, of all that decides what comes out: notebook, files read, package and lock."""
    return hashes(_input_files(run), _bases(run)) | own_code()


def _input_files(run: Run) -> list[Path]:
    return [run.notebook, run.study.path, *RULE_FILES, *run.reads, PROJECT / "requirements.lock",
            *([run.study.published] if run.study.published else [])]  # part of the study: many compare with it


def _bases(run: Run) -> list[Path]:
    return [run.results.resolve(), PROJECT.resolve(), run.home, run.home.parent]


@contextmanager
def same_inputs(run: Run) -> Iterator[dict[str, str]]:
    """The `input_hashes`, of files that nobody touches meanwhile; raises Replaced at the end where somebody did.

    What this package itself wrote into the results is only hashed again: others link it meanwhile, which is a change of
    the file, though not of its content.
    """
    files = [file for file in _input_files(run) if run.results / run.study.id not in file.parents]
    before = [_state(file) for file in files]
    hashed = input_hashes(run)
    yield hashed
    touched = [name_below(file, _bases(run)) for file, then in zip(files, before, strict=True) if _state(file) != then]
    now = input_hashes(run)
    if names := touched or [name for name in hashed | now if hashed.get(name) != now.get(name)]:
        raise Replaced(f"{names[0]} was replaced while it was read; run again")
    if _study_at(run.study.path, before[files.index(run.study.path)]) != run.study:  # the batch planned by another
        raise Replaced(f"{name_below(run.study.path, _bases(run))} was replaced while it was read; run again")


class Replaced(InputError):
    """A file that a run has read is not the one that was hashed."""


def _state(file: Path) -> tuple[int, ...] | None:
    with suppress(OSError):
        return state(file)


@cache
def _study_at(path: Path, state: tuple[int, ...]) -> Study:
    """The study as its file says now, read once as long as nobody has written to it."""
    return read_study(path)


def read_record(run: Run) -> dict:
    """The provenance of the last run that came to an end; empty where there is none."""
    try:
        record = json.loads(run.record.read_text(encoding="utf-8"))
        return record if isinstance(record, dict) else {}
    except (OSError, ValueError):
        return {}


def is_current(run: Run, record: dict) -> bool:
    """Whether a run would give again what stands there: it succeeded, with the same inputs, parameters and versions."""
    return (record.get("status") == "succeeded"
            and _without_place(record.get("parameters", {})) == _without_place(run.parameters)
            and record.get("versions") == versions() and record.get("inputs") == input_hashes(run))


def _without_place(parameters: dict[str, str]) -> dict[str, str]:
    """Parameters but for where results lie, which changes no number: they may have been copied or moved."""
    return {name: value for name, value in parameters.items() if name != "results"}


def is_left_whole(run: Run, name: str) -> bool:
    """Whether a file in the run's folder is there as the last run that came to its end left it."""
    left = read_record(run).get("outputs", {}).get(name)
    return left is not None and left == hashes([run.folder / name], [run.folder]).get(name)


def is_complete(run: Run, record: dict) -> bool:
    """Whether every file that the run left stands there as it left it."""
    outputs = record.get("outputs", {})
    return outputs == hashes([run.folder / name for name in outputs], [run.folder])
