"""Running the plan: each notebook in a kernel and a folder of its own, several at a time, in the order of their needs.

Whatever stands in a results folder is complete or absent, whenever a batch is stopped. A run works in a folder below
`.unfinished`, into which the cohorts that it reads are linked; only at its end are its files moved into place, one by
one, the provenance last. A run without provenance has not been finished, and is run again.
"""

import errno
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from graphlib import TopologicalSorter
from itertools import count
from pathlib import Path

from durability_utils.runs import plan
from durability_utils.runs.plan import RESTRICTED, Result, Run
from durability_utils.runs.provenance import commit, hashes, versions, without_machine_paths
from durability_utils.study.errors import NO_MEMORY, InputError, lacks_memory
from durability_utils.study.findings import PROFILE
from durability_utils.study.holds import read_holds
from durability_utils.study.study_file import Study

UNFINISHED = ".unfinished"
NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


# -- all of them -----------------------------------------------------------------------------------

@contextmanager
def alone(study: Study, output: Path) -> Iterator[None]:
    """Nobody else's batch writes these results meanwhile, and what a killed one left unfinished is gone.

    Raises InputError where another batch is at work, or the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    folder = output / study.id
    lock = FileLock(folder / ".lock", timeout=0)  # the system lets go of it when the process ends, however it ends
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        _close(folder)
    except Timeout:
        raise InputError(f"{folder.as_posix()}: another batch is writing there; wait for its end, or choose another "
                         "--output") from None
    except OSError as error:
        raise InputError(f"{folder.as_posix()}: cannot be written ({error.strerror})") from None
    try:
        shutil.rmtree(folder / UNFINISHED, ignore_errors=True)
        yield
        shutil.rmtree(folder / UNFINISHED, ignore_errors=True)
    finally:
        lock.release()


def _close(folder: Path) -> None:
    """Let only their owner read what holds ids or rows, and what was computed from them, as a hash tells a guess."""
    for private in (*folder.glob("*/cleaning"), *folder.glob(f"*/{RESTRICTED}")):
        if private.stat().st_mode & 0o077:  # an older version's, or a copy
            from durability_utils.results import owner_only

            owner_only(private)
    for record in folder.glob("*/*/*.provenance.json"):
        record.chmod(0o600)


def run_all(runs: list[Run], pool: Executor, jobs: int, timeout: float | None = None,
            fresh: bool = False) -> Iterator[tuple[list[Run], Result | None]]:
    """Run them in `pool`, at most `jobs` at a time, each after the cleaning it needs; go on after a failure.

    Yields whenever something changes: the runs under way, and the Result of the one that ended (None: others were
    started). A run whose files are there and would come out the same is `unchanged` and not repeated, unless `fresh`.
    A run of which no cohort could be cleaned is skipped. `timeout`: seconds for one notebook. Raises OSError, and
    starts nothing more, where no space is left for the results.
    """
    cleaning = {run.service: run for run in runs if run.cleans}
    order = TopologicalSorter({run: [cleaning[service] for service in run.needs] for run in runs})
    order.prepare()
    ready: list[Run] = []
    running: dict[Future, Run] = {}
    cleaned: set[str] = set()
    while order.is_active():
        ready = sorted([*ready, *order.get_ready()], key=_first)
        ended = []
        while ready and len(running) < jobs:
            run = ready.pop(0)
            if run.needs and not cleaned.intersection(run.needs):
                ended.append(skip(run))
            elif not fresh and plan.is_current(run, record := plan.read_record(run)) and plan.is_complete(run, record):
                ended.append(Result(run, "unchanged"))
            else:
                running[pool.submit(execute, run, timeout)] = run
                continue
            break  # its end may make others ready
        else:
            yield list(running.values()), None
            ended = [_result(running.pop(future), future) for future in wait(running, None, FIRST_COMPLETED).done]
        for result in ended:
            if result.run.cleans and result.status in ("succeeded", "unchanged"):
                cleaned.add(result.run.service)
            order.done(result.run)
            yield list(running.values()), result


def _first(run: Run) -> tuple[bool, int]:
    """Cleaning, which others wait for, then whatever reads most and so takes longest: a short run ends a batch best."""
    return not run.cleans, -len(run.needs)


def _result(run: Run, future: Future) -> Result:
    """What a run says of its end; or, where its worker could not even say that, that it failed."""
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        raise error
    return Result(run, "failed", f"{type(error).__name__}: {' '.join(str(error).split())}")


def account(study: Study, results: list[Result], started: datetime) -> str:
    """The content of run.json: for each run how it ended and what it cost, in seconds and MB."""
    ended = datetime.now(UTC)
    return json.dumps({
        "study": study.id,
        "started": started.isoformat(timespec="seconds"), "ended": ended.isoformat(timespec="seconds"),
        "seconds": round((ended - started).total_seconds(), 2), "cores": cores(),
        "runs": [{
            "notebook": result.run.name, "service": result.run.service, "step": result.run.step,
            "status": result.status, "message": result.message, "seconds_in_cells": result.cell_seconds,
            "seconds_outside_cells": round(result.seconds - result.cell_seconds, 2),
            "peak_memory_mb": result.peak_memory, "attempts": result.attempts, "worker": result.worker,
        } for result in results],
    }, indent=1, ensure_ascii=False)


def cores() -> int:
    """How many cores this process may use: under a job scheduler fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# -- one of them -----------------------------------------------------------------------------------

def skip(run: Run) -> Result:
    """Leave a run out because no cohort is there for it; what an earlier run left goes with it."""
    message = f"cleaning failed for {', '.join(run.needs)}"
    try:
        _within(run)
        shutil.rmtree(run.folder, ignore_errors=True)
    except InputError as error:
        message += f"; {error}"
    return Result(run, "skipped", without_machine_paths(message, (run.home.parent, run.results.resolve())))


def execute(run: Run, timeout: float | None = None) -> Result:
    """Run one notebook. It leaves the executed notebook, its page and its provenance, and tables only on success.

    Raises OSError where no space is left for what it would leave; what an earlier run left then stays.
    """
    started, attempt, cell_seconds, memory = time.perf_counter(), 1, 0.0, None
    folders = (run.home, run.home.parent, run.results.resolve())
    record = {"notebook": run.notebook.name, "service": run.service, "step": run.step,
              "parameters": run.shown_parameters, "rules_changed": run.study.rules.note,
              "versions": versions(), "git": commit()}
    try:
        with _work_folder(run) as (work, attempt):
            _link_cleaned(run, work)
            _keep_profile(run, work)
            with plan.same_inputs(run) as record["inputs"]:
                notebook, cell_seconds, memory = _execution().executed(
                    run.notebook, run.parameters | {"results": plan.relative(work, run.home)}, run.home, timeout)
            _raise_if_no_space(_execution().error(notebook))
            made = work / run.folder.relative_to(run.results)
            text, message = _without_traces(notebook, run, work, folders)
            message = message or _foreign(run, made)
            if message:
                shutil.rmtree(made, ignore_errors=True)
                _keep_profile(run, work)  # next time the export is still compared with the last that could be used
            record["answer"] = _write_documents(run, made, text)
            status, seconds = "failed" if message else "succeeded", round(time.perf_counter() - started, 2)
            outputs = hashes([file for file in sorted(made.rglob("*")) if file.is_file()], [made])
            record |= {"status": status, "message": message, "seconds": seconds, "outputs": outputs,
                       "finished": datetime.now(UTC).isoformat(timespec="seconds")}
            write(made / run.record.name, json.dumps(record, indent=1, ensure_ascii=False))
            _move_into_place(run, made, whole_service=bool(message) and run.cleans)
    except plan.Replaced as error:
        status, message = "failed", str(error)
        _remove_old(run, [], whole_service=run.cleans)
    except Exception as error:  # a locked file, a folder that may not be written: this run has failed, others go on
        if isinstance(error, OSError) and error.errno in NO_SPACE:
            raise
        words = f": {error}" if not run.restricted or isinstance(error, OSError | InputError) else ""
        status, message = "failed", without_machine_paths(f"{type(error).__name__}{words}", folders)
        if lacks_memory(f"{type(error).__name__}: {error}"):
            message = NO_MEMORY
    return Result(run, status, message, round(time.perf_counter() - started, 2), round(cell_seconds, 2),
                  memory, attempt, _worker())


@cache
def _execution():
    """The module that knows papermill. It is imported when the first notebook runs, since that takes a second."""
    from durability_utils.runs.kernels import use_warm_kernels

    use_warm_kernels()  # first: they warm up while this process imports the rest, the report's libraries too
    # jsonschema would compile grammars with it, for another second, that no notebook needs
    sys.modules.setdefault("rfc3987_syntax", None)
    from durability_utils.runs import execution, report

    report.warm_up()
    return execution


def _worker() -> str:
    """The name of the Dask worker that this is; `local` elsewhere."""
    if "distributed" in sys.modules:
        from distributed import get_worker

        with suppress(ValueError):
            return str(get_worker().name)
    return "local"


@contextmanager
def _work_folder(run: Run) -> Iterator[tuple[Path, int]]:
    """An empty folder for this run, and the number of this attempt: a worker that died has left its own behind."""
    place = _within(run) / UNFINISHED
    for attempt in count(1):
        work = place / f"{run.service}-{run.step}-{run.name}.{attempt}"
        with suppress(FileExistsError):
            work.mkdir(mode=0o700, parents=True)  # patients' ids pass through it
            break
    try:
        yield work, attempt
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _within(run: Run) -> Path:
    """The study's folder of results; InputError where the run's own folder leads out of it, through a link."""
    root = (run.results / run.study.id).resolve()
    if root not in run.folder.resolve().parents:
        raise InputError(f"{run.folder.as_posix()} leads out of the results folder and is left alone")
    return root


def _link_cleaned(run: Run, work: Path) -> None:
    """Put the cohorts that the run reads where the notebook looks for them: under its own `results`."""
    for file in run.reads:
        if run.results in file.parents and file.is_file():  # of a service that failed it is not there
            place = work / file.relative_to(run.results)
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(file, place)
            except OSError:  # a file system without links
                shutil.copyfile(file, place)


def _keep_profile(run: Run, work: Path) -> None:
    """Put what the last export was like where cleaning looks for it, and overwrites it."""
    if run.cleans and plan.is_left_whole(run, PROFILE):
        place = work / run.folder.relative_to(run.results) / PROFILE
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(run.folder / PROFILE, place)


def _without_traces(notebook, run: Run, work: Path, folders: tuple[Path, ...]) -> tuple[str, str]:
    """The executed notebook as text and why it failed (empty: it did not), as if it had run in its final place."""
    from nbformat import v4

    here, there = plan.relative(work, run.home), run.shown_parameters["results"]
    # what an error says may name a patient; of one in a restricted notebook only its kind gets out
    error = _execution().error(notebook, words=not run.restricted)
    texts = v4.writes(without_machine_paths(notebook, folders)), without_machine_paths(error, folders)
    return tuple(text.replace(here, there) for text in texts)


def _foreign(run: Run, made: Path) -> str:
    """What is wrong where a run has left a file that its head does not name: it could be another notebook's."""
    own = _outputs(run, made)
    names = [file.relative_to(made).as_posix() for file in made.rglob("*") if file.is_file() and file not in own]
    shown = "another file" if run.restricted else ", ".join(sorted(names))  # a name could be a patient's
    return f"writes: found {shown}, expected {', '.join(run.head.writes)} in tables/ or figures/" if names else ""


def _raise_if_no_space(message: str) -> None:
    for code in NO_SPACE:
        if f"[Errno {code}]" in message:
            raise OSError(code, os.strerror(code))


def _write_documents(run: Run, made: Path, text: str) -> str:
    """Write the executed notebook and its page; its answer, none of a restricted one."""
    write(made / run.target.name, text)
    if run.restricted:
        return ""
    from durability_utils.runs.report import answer, page

    write(made / run.target.with_suffix(".html").name, page(text, run))
    return answer(text)


def _move_into_place(run: Run, made: Path, whole_service: bool) -> None:
    """Move what a run has made to where it belongs, the provenance last, and remove what an earlier run left.

    Without a cohort nothing else of that service may stay either, but for what a restricted run left.
    """
    files = [file.relative_to(made) for file in made.rglob("*") if file.is_file()]
    _remove_old(run, files, whole_service)
    if run.private:
        from durability_utils.results import owner_only

        for folder in (made, run.folder):
            owner_only(folder)
    for name in files if any(map(_has_rows, made.glob("tables/*.json"))) else [run.record.name]:
        (made / name).chmod(0o600)  # rows of patients, which its notebook may show; hashes of the export
    for name in sorted(files, key=lambda name: name.name == run.record.name):
        (run.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).replace(run.folder / name)


def _has_rows(beside: Path) -> bool:
    """Whether the table that this JSON file stands beside says that its rows are patients."""
    with suppress(InputError):
        return read_holds(beside).patients
    return False


def _remove_old(run: Run, but: list[Path], whole_service: bool) -> None:
    """Remove what an earlier run left, but for these files, that are about to be replaced."""
    _within(run)
    run.record.unlink(missing_ok=True)  # from here until its return the run counts as unfinished
    for old in _outputs(run, run.folder):
        if old.relative_to(run.folder) not in but:
            old.unlink(missing_ok=True)
    if whole_service:
        for folder in run.folder.parent.glob("*"):
            if folder.name != RESTRICTED:
                shutil.rmtree(folder, ignore_errors=True)


def _outputs(run: Run, folder: Path) -> list[Path]:
    """The files of this run that stand in its folder, or in the one where it works."""
    own = [folder / run.target.name, folder / run.target.with_suffix(".html").name]
    found = [file for place in (".", "tables", "figures")[not run.private:]
             for pattern in run.head.leaves for file in (folder / place).glob(pattern)]
    return [file for file in own + found if file.is_file()]


def write(path: Path, text: str) -> None:
    """Write through a hidden file, so that no reader ever finds half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}")
    hidden.write_text(text + "\n", encoding="utf-8", newline="\n")
    hidden.replace(path)
