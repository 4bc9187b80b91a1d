"""Which notebooks run for which service and step, what each of them reads, and which have nothing new to say."""

import ast
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from durability_utils.runs.provenance import PROJECT, hashes, own_code, versions
from durability_utils.study.errors import InputError
from durability_utils.study.study_file import STEPS, Study

NOTEBOOKS = PROJECT / "notebooks"
RULE_FILES = [PROJECT / name for name in ("parameters/measures.yaml", "parameters/codes.yaml", "data/dictionary.csv")]
POOLED = "all"
CLEANING = "01_cleaning"
PUBLISHED = "06_published_figures"
DESK = "07_follow_up_desk"
ATTRITION = "08_attrition"
RELAPSE = "10_relapse"
SERVICES = "11_services"
STEPS_OF = {
    CLEANING: ("all",),
    "02_response_rates": ("all",),
    "03_reliable_improvement": STEPS,
    "04_reliable_recovery": STEPS,
    "05_representativeness": ("all",),
    PUBLISHED: ("all",),
    DESK: ("all",),
    ATTRITION: STEPS,
    "09_definitions": STEPS,
    RELAPSE: ("all",),
    SERVICES: STEPS,
}
# Notebooks share a folder: by its name a table or figure is known as one's own.
OUTPUTS_OF = {
    CLEANING: ("*",),
    "02_response_rates": ("response*",),
    "03_reliable_improvement": ("reliable_improvement*",),
    "04_reliable_recovery": ("reliable_recovery*",),
    "05_representativeness": ("representativeness*", "sample_characteristics*"),
    PUBLISHED: ("published*",),
    DESK: ("telephone.*", "unseen.*", "due.*", "reminders.*", "answers.*"),
    ATTRITION: ("attrition*",),
    "09_definitions": ("definitions*",),
    RELAPSE: ("relapse*",),
    SERVICES: ("services*",),
}
# Files of the project that one notebook reads.
READ_BY = {name: [PROJECT / file for file in files] for name, files in {
    ATTRITION: ("data/attrition_coverage.csv", "data/attrition_coverage.json"),
    RELAPSE: ("parameters/published/ali_2017.yaml",),
    SERVICES: ("parameters/published/england.yaml",),
}.items()}
OWN_FOLDERS = {CLEANING: "cleaning", DESK: "restricted"}


@dataclass(frozen=True)
class Run:
    """One notebook for one service and step; `needs` are the services whose cleaned cohorts it reads."""

    notebook: Path
    service: str
    step: str
    folder: Path
    needs: tuple[str, ...]
    study: Study = field(repr=False, compare=False)
    parameters: dict[str, str] = field(default_factory=dict, compare=False)

    @property
    def name(self) -> str:
        return self.notebook.stem

    @property
    def restricted(self) -> bool:
        """Whether it holds patients' ids: run when asked for, for its owner only, without a page, in no report."""
        return self.name == DESK

    @property
    def private(self) -> bool:
        """Whether patients' ids lie in its folder, which then is for its owner only."""
        return self.name in OWN_FOLDERS

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
        step = "" if len(STEPS_OF[self.name]) == 1 else f", {self.step}"
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
    """All runs of a study in the order of the notebooks; raises InputError for undeclared parameters of a notebook."""
    services = tuple(study.services)
    pooled = (POOLED,) if study.published else ()
    own = {CLEANING: services, PUBLISHED: pooled, DESK: services}
    runs_for = dict.fromkeys(STEPS_OF, (*services, POOLED)) | own

    def run(name: str, service: str, step: str) -> Run:
        needs = () if name == CLEANING else services if service == POOLED else (service,)
        folder = output / study.id / service / OWN_FOLDERS.get(name, step)
        return with_parameters(Run(notebooks / f"{name}.ipynb", service, step, folder, needs, study), declared[name])

    declared = {name: declared_parameters(notebooks / f"{name}.ipynb") for name in STEPS_OF if runs_for[name]}
    return [run(name, service, step) for name, steps in STEPS_OF.items()
            for service in runs_for[name] for step in steps]


def plan(study: Study, output: Path, services: Sequence[str] = (), steps: Sequence[str] = (),
         names: Sequence[str] = (), notebooks: Path = NOTEBOOKS) -> list[Run]:
    """The runs of a selection (nothing selected: all but restricted ones) and the cleaning whose cohorts they read.

    Raises InputError for a service, step or notebook that does not exist, for a selection that holds
    nothing, and for a notebook that does not declare what it would be given.
    """
    services = _chosen("service", services, [*study.services, POOLED])
    steps = _chosen("step", steps, STEPS)
    by_number = {name[:2]: name for name in STEPS_OF}
    usual = [name for name in STEPS_OF if name != DESK]
    names = _chosen("notebook", [by_number.get(name, name) for name in names] or usual, list(STEPS_OF))
    runs = every_run(study, output, notebooks)
    wanted = [run for run in runs if run.name in names and (
        run.service in services or POOLED in services if run.name == CLEANING
        else run.service in services and run.step in steps)]
    if not wanted:
        asked = (", ".join(chosen) for chosen in (names, services, steps))
        raise InputError("nothing to run: {} for {} at {}".format(*asked))
    read = {service for run in wanted for service in run.needs}
    return [run for run in runs if run in wanted or (run.name == CLEANING and run.service in read)]


def _chosen(kind: str, given, valid) -> list[str]:
    for name in given:
        if name not in valid:
            raise InputError(f"no {kind} '{name}'; there are {', '.join(valid)}")
    return list(given or valid)


def declared_parameters(notebook: Path) -> dict:
    """Names and defaults in the notebook's cell tagged `parameters`; raises InputError unless there is one."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        tagged = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
        if len(tagged) != 1:
            raise InputError(f"{notebook.name}: expected one cell tagged `parameters`, found {len(tagged)}")
        body = ast.parse("".join(tagged[0]["source"])).body
        lines = [(getattr(line, "target", None) or line.targets[0], line.value) for line in body
                 if isinstance(line, ast.Assign | ast.AnnAssign)]
        return {target.id: ast.literal_eval(value) for target, value in lines}
    except FileNotFoundError:
        raise InputError(f"{notebook.name}: no such file in {notebook.parent.name}/") from None
    except (ValueError, SyntaxError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{notebook.name}: expected a notebook with flat values in its cell tagged "
                         f"`parameters` ({type(error).__name__})") from None


def with_parameters(run: Run, declared: dict) -> Run:
    """The run with what its notebook is given: study, service, step, results and today, where it declares them.

    Raises InputError where it does not declare one that its runs differ by, or not as text: papermill
    would only warn, and every run would show the defaults.
    """
    values = {"study": run.study.path.name, "service": run.service, "step": run.step,
              "results": relative(run.results.resolve(), run.home), "as_of": date.today().isoformat()}
    required = ["study", "results", *(["service"] if run.name != PUBLISHED else []),
                *(["step"] if len(STEPS_OF[run.name]) > 1 else [])]
    for name in required:
        if not isinstance(declared.get(name), str):
            raise InputError(f"{run.notebook.name}: expected `{name}: str = ...` in its cell tagged "
                             f"`parameters`; it declares {', '.join(declared) or 'nothing'}")
    given = {name: value for name, value in values.items() if name in declared}
    return replace(run, parameters=given)


def relative(path: Path, start: Path) -> str:
    """The way from one folder to another, with forward slashes."""
    try:
        return Path(os.path.relpath(path, start)).as_posix()
    except ValueError:  # another drive on Windows
        return path.as_posix()


# -- what has been run -----------------------------------------------------------------------------

def cleaned_files(run: Run) -> list[Path]:
    """The cohorts that the run reads, those of failed services included, and what cleaning left beside them for it.

    For the desk that is what was refused, for relapses the scores after discharge (of long exports only).
    """
    files = ["cohort.parquet", *{DESK: ["rejected.csv"], RELAPSE: ["after_discharge.parquet"]}.get(run.name, [])]
    return [run.folder.parents[1] / service / OWN_FOLDERS[CLEANING] / file for service in run.needs for file in files]


def input_hashes(run: Run) -> dict[str, str]:
    """The SHA-256, by name, of all that decides what comes out: notebook, files read, package and lock."""
    study = run.study
    files = [run.notebook, study.path, *RULE_FILES, *cleaned_files(run), PROJECT / "requirements.lock"]
    if run.name == CLEANING:
        service = study.services[run.service]
        files += [file for file in (service.file, service.columns, service.contacts) if file]
    if run.name == PUBLISHED:
        files.append(study.published)
    files += READ_BY.get(run.name, ())
    return hashes(files, [run.results, PROJECT, run.home, run.home.parent]) | own_code()


def read_record(run: Run) -> dict:
    """The provenance of the last run that came to an end; empty where there is none."""
    try:
        record = json.loads(run.record.read_text(encoding="utf-8"))
        return record if isinstance(record, dict) else {}
    except (OSError, ValueError):
        return {}


def is_current(run: Run, record: dict) -> bool:
    """Whether a run would give again what stands there: it succeeded, with the same inputs, parameters and versions."""
    return (record.get("status") == "succeeded" and record.get("parameters") == run.shown_parameters
            and record.get("versions") == versions() and record.get("inputs") == input_hashes(run))


def is_complete(run: Run, record: dict) -> bool:
    """Whether every file that the run left stands there as it left it."""
    outputs = record.get("outputs", {})
    return outputs == hashes([run.folder / name for name in outputs], [run.folder])
