"""Which notebooks run for which service and step, in what order, and how one of them is run."""

import ast
import json
import logging
import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from graphlib import TopologicalSorter
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from durability_utils.errors import InputError
from durability_utils.provenance import PROJECT, commit, hashes, versions, without_machine_paths
from durability_utils.study import STEPS, Study

NOTEBOOKS = PROJECT / "notebooks"
RULE_FILES = [PROJECT / name for name in ("parameters/measures.yaml", "parameters/codes.yaml", "data/dictionary.csv")]
POOLED = "all"
CLEANING = "01_cleaning"
PUBLISHED = "06_published_figures"
STEPS_OF = {
    CLEANING: ("all",),
    "02_response_rates": ("all",),
    "03_reliable_improvement": STEPS,
    "04_reliable_recovery": STEPS,
    "05_representativeness": ("all",),
    PUBLISHED: ("all",),
}
# Notebooks share a folder: by its name a table or figure is known as one's own.
OUTPUTS_OF = {
    "02_response_rates": ("response*",),
    "03_reliable_improvement": ("reliable_improvement*",),
    "04_reliable_recovery": ("reliable_recovery*",),
    "05_representativeness": ("representativeness*", "sample_characteristics*"),
    PUBLISHED: ("published*",),
}


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
    def target(self) -> Path:
        """Where the executed notebook lies; its page and its provenance stand beside it."""
        return self.folder / self.notebook.name

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
    """How a run ended: `succeeded`, `failed` or `skipped`, with the reason, and how long it took."""

    run: Run
    status: str
    message: str = ""
    seconds: float = 0.0


# -- what runs -------------------------------------------------------------------------------------

def every_run(study: Study, output: Path, notebooks: Path = NOTEBOOKS) -> list[Run]:
    """All runs of a study, cleaning first, still without parameters."""
    services = tuple(study.services)
    pooled = (POOLED,) if study.published else ()
    runs_for = dict.fromkeys(STEPS_OF, (*services, POOLED)) | {CLEANING: services, PUBLISHED: pooled}

    def run(name: str, service: str, step: str) -> Run:
        needs = () if name == CLEANING else services if service == POOLED else (service,)
        folder = output / study.id / service / ("cleaning" if name == CLEANING else step)
        return Run(notebooks / f"{name}.ipynb", service, step, folder, needs, study)

    return [run(name, service, step) for name, steps in STEPS_OF.items()
            for service in runs_for[name] for step in steps]


def plan(study: Study, output: Path, services: Sequence[str] = (), steps: Sequence[str] = (),
         names: Sequence[str] = (), notebooks: Path = NOTEBOOKS) -> list[Run]:
    """The runs of a selection (nothing selected: all of them) and the cleaning whose cohorts they read.

    Raises InputError for a service, step or notebook that does not exist, for a selection that holds
    nothing, and for a notebook that does not declare what it would be given.
    """
    services = _chosen("service", services, [*study.services, POOLED])
    steps = _chosen("step", steps, STEPS)
    by_number = {name[:2]: name for name in STEPS_OF}
    names = _chosen("notebook", [by_number.get(name, name) for name in names], list(STEPS_OF))
    runs = every_run(study, output, notebooks)
    wanted = [run for run in runs if run.name in names and (
        run.service in services or POOLED in services if run.name == CLEANING
        else run.service in services and run.step in steps)]
    if not wanted:
        asked = (", ".join(chosen) for chosen in (names, services, steps))
        raise InputError("nothing to run: {} for {} at {}".format(*asked))
    read = {service for run in wanted for service in run.needs}
    chosen = [run for run in runs if run in wanted or (run.name == CLEANING and run.service in read)]
    declared = {run.notebook: declared_parameters(run.notebook) for run in chosen}
    return [with_parameters(run, declared[run.notebook]) for run in chosen]


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
    """The run with what its notebook is given: study, service, step and results, where it declares them.

    Raises InputError where it does not declare one that its runs differ by, or not as text: papermill
    would only warn, and every run would show the defaults.
    """
    values = {"study": run.study.path.name, "service": run.service, "step": run.step,
              "results": _relative(run.results.resolve(), run.home)}
    required = ["study", "results", *(["service"] if run.name != PUBLISHED else []),
                *(["step"] if len(STEPS_OF[run.name]) > 1 else [])]
    for name in required:
        if not isinstance(declared.get(name), str):
            raise InputError(f"{run.notebook.name}: expected `{name}: str = ...` in its cell tagged "
                             f"`parameters`; it declares {', '.join(declared) or 'nothing'}")
    given = {name: value for name, value in values.items() if name in declared}
    return replace(run, parameters=given)


def _relative(path: Path, start: Path) -> str:
    try:
        return Path(os.path.relpath(path, start)).as_posix()
    except ValueError:  # another drive on Windows
        return path.as_posix()


# -- running it ------------------------------------------------------------------------------------

def run_all(runs: list[Run], jobs: int) -> Iterator[tuple[list[Run], Result | None]]:
    """Run them, at most `jobs` at a time, each after the cleaning it needs; go on after a failure.

    Yields whenever something changes: the runs under way, and the Result of the one that ended (None:
    others were started). A run of which no cohort could be cleaned is skipped.
    """
    cleaning = {run.service: run for run in runs if run.name == CLEANING}
    order = TopologicalSorter({run: [cleaning[service] for service in run.needs] for run in runs})
    order.prepare()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # several kernels share the cores already
    ready: deque[Run] = deque()
    running: dict[Future, Run] = {}
    cleaned: set[str] = set()
    with ThreadPoolExecutor(jobs) as pool:
        while order.is_active():
            ready.extend(order.get_ready())
            while ready and len(running) < jobs:
                run = ready.popleft()
                if run.needs and not cleaned.intersection(run.needs):
                    order.done(run)
                    yield list(running.values()), skip(run)
                else:
                    running[pool.submit(execute, run)] = run
            yield list(running.values()), None
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                run = running.pop(future)
                result = future.result()
                if run.name == CLEANING and result.status == "succeeded":
                    cleaned.add(run.service)
                order.done(run)
                yield list(running.values()), result


def skip(run: Run) -> Result:
    """Leave a run out because no cohort is there for it; what an earlier run left goes with it."""
    message = f"{CLEANING} failed for {', '.join(run.needs)}"
    try:
        _remove(run.folder, run)
    except (OSError, InputError) as error:
        message += f"; results of an earlier run are still there ({error})"
    return Result(run, "skipped", without_machine_paths(message, (run.home.parent, run.results.resolve())))


def execute(run: Run) -> Result:
    """Run one notebook. It leaves the executed notebook and its provenance, and tables only on success."""
    started = time.perf_counter()
    folders = (run.home, run.home.parent, run.results.resolve())
    record = {"notebook": run.notebook.name, "service": run.service, "step": run.step,
              "parameters": run.shown_parameters, "versions": versions(), "git": commit()}
    try:
        import nbformat

        record["inputs"] = input_hashes(run)
        clear(run)
        executed = _executed(run)
        message = without_machine_paths(_error(executed), folders)
        if message:
            clear(run, whole_service=run.name == CLEANING)
        write(run.target, nbformat.writes(without_machine_paths(executed, folders)))
    except Exception as error:  # no space left, a locked file: this run has failed, the others go on
        message = without_machine_paths(f"{type(error).__name__}: {error}", folders)
    result = Result(run, "failed" if message else "succeeded", message, round(time.perf_counter() - started, 2))
    record |= {"status": result.status, "message": message, "seconds": result.seconds,
               "finished": datetime.now(UTC).isoformat(timespec="seconds")}
    with suppress(OSError):
        write(run.target.with_suffix(".provenance.json"), json.dumps(record, indent=2, ensure_ascii=False))
    return result


def input_hashes(run: Run) -> dict[str, str]:
    """The SHA-256 of the notebook and of every file that the run reads, by name."""
    study = run.study
    cohorts = [run.folder.parents[1] / service / "cleaning" / "cohort.parquet" for service in run.needs]
    files = [run.notebook, study.path, *RULE_FILES, *cohorts]
    if run.name == CLEANING:
        service = study.services[run.service]
        files += [service.file, *([service.columns] if service.columns else [])]
    if run.name == PUBLISHED:
        files.append(study.published)
    return hashes(files, [run.results, PROJECT, run.home, run.home.parent])


def clear(run: Run, whole_service: bool = False) -> None:
    """Remove what an earlier run left. Without a cohort nothing else of that service may stay either."""
    if run.name == CLEANING:
        _remove(run.folder.parent if whole_service else run.folder, run)
        return
    own = [run.target.with_suffix(suffix) for suffix in (".ipynb", ".html", ".provenance.json")]
    for folder, pattern in product(("tables", "figures"), OUTPUTS_OF[run.name]):
        own += (run.folder / folder).glob(pattern)
    for file in own:
        file.unlink(missing_ok=True)


def _remove(folder: Path, run: Run) -> None:
    root = (run.results / run.study.id).resolve()
    if folder.exists():
        if root not in folder.resolve().parents:
            raise InputError(f"{folder.as_posix()} leads out of the results folder and is left alone")
        shutil.rmtree(folder)


# -- papermill and what it leaves ------------------------------------------------------------------

def _executed(run: Run):
    """The executed notebook without papermill's metadata, with its error where it stopped."""
    execute_notebook, remove_error_markers, execution_error = _papermill()
    import nbformat

    kept = []
    # papermill has the error in the notebook too. The folder holds the kernel's sockets.
    with suppress(execution_error), TemporaryDirectory(prefix="kernel-") as sockets:
        execute_notebook(
            nbformat.read(run.notebook, as_version=4), None, run.parameters,
            engine_name="durability", kept=kept, kernel_name="python3", language="python",
            progress_bar=False, request_save_on_cell_execute=False, shutdown_kernel="immediate",
            # papermill's own `cwd` changes the directory of the whole process, so of the other threads
            resources={"metadata": {"path": str(run.home)}},
            config=_private(sockets), extra_arguments=["--log-level=ERROR"],
        )
    notebook = remove_error_markers(kept[0])
    given, shown = (values.get("results", "") for values in (run.parameters, run.shown_parameters))
    for cell in notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.source = cell.source.replace(f'"{given}"', f'"{shown}"')
    for holder in (notebook, *notebook.cells):
        for key in ("papermill", "execution"):
            holder.metadata.pop(key, None)
    return notebook


def _private(sockets: str):
    """A kernel on socket files of this user: to a TCP port another user of a shared host could listen."""
    from traitlets.config import Config

    return Config(KernelManager={} if os.name == "nt" else {"transport": "ipc", "ip": f"{sockets}/s"})


@cache
def _papermill():
    """What is used of papermill, imported when the first notebook runs: it costs a second."""
    # jsonschema would compile grammars with it, for another second, that no notebook needs
    sys.modules.setdefault("rfc3987_syntax", None)
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    from nbformat.v4 import new_output
    from papermill.engines import NBClientEngine, papermill_engines
    from papermill.exceptions import PapermillExecutionError
    from papermill.execute import execute_notebook, remove_error_markers

    class Engine(NBClientEngine):
        """papermill's own engine, except that a kernel that dies costs its cell and not the notebook."""

        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, kept, **options):
            kept.append(nb_man.nb)
            try:
                super().execute_managed_notebook(nb_man, kernel_name, **options)
            except Exception as error:
                cells = [cell for cell in nb_man.nb.cells if cell.cell_type == "code"]
                begun = [cell for cell in cells if cell.metadata.papermill["status"] != nb_man.PENDING]
                text = f"{type(error).__name__}: {error}"
                (begun or cells)[-1 if begun else 0].outputs.append(
                    new_output("error", ename=type(error).__name__, evalue=str(error), traceback=[text]))

    papermill_engines.register("durability", Engine)
    return execute_notebook, remove_error_markers, PapermillExecutionError


def _error(notebook) -> str:
    """Why the notebook did not come to its end, in one line; empty where it did."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    for output in (output for cell in cells for output in cell.outputs if output.output_type == "error"):
        text = " ".join(output.evalue.split())
        if output.ename == InputError.__name__:
            return text
        if output.ename == "DeadKernelError":
            return "the kernel died (out of memory, or a library crashed)"
        return f"{output.ename}: {text}" if text else output.ename
    return "" if all(cell.execution_count for cell in cells) else "the notebook stopped before its end"


def write(path: Path, text: str) -> None:
    """Write through a hidden file, so that no reader ever finds half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}")
    hidden.write_text(text + "\n", encoding="utf-8", newline="\n")
    hidden.replace(path)
