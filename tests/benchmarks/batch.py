"""The batch against other ways to run the same notebooks on the same exports, one after the other in one run.

- the command `durability run`, as users call it, report included (the mean of two);
- a shell loop of the command `papermill`, one run after the other;
- a pool of two processes, each of which calls papermill as a library;
- the floor: the seconds that warm kernels spend in cells when nothing else runs, divided by the cores;
- the command once more on the finished study, and for the first page of one service from nothing.

Takes about a quarter of an hour: `python tests/benchmarks/batch.py`.
"""

import json
import shlex
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from durability_utils.runs.batch import cores
from durability_utils.runs.plan import Run, plan
from durability_utils.runs.provenance import PROJECT
from durability_utils.study.study_file import read_study

STUDY = PROJECT / "parameters" / "durability_2016.yaml"
BIN = Path(sys.executable).parent


def durability(output: Path, *options: str) -> float:
    return seconds(subprocess.run, [BIN / "durability", "run", STUDY, "--output", output, "--quiet", *options],
                   check=True)


def seconds(work, *arguments, **options) -> float:
    started = time.perf_counter()
    work(*arguments, **options)
    return time.perf_counter() - started


def shell_loop(runs: list[Run]) -> None:
    """What a careful person would type: a line a run, from the folder of the study file."""
    lines = [shlex.join([str(BIN / "papermill"), "--no-progress-bar", str(run.notebook), str(prepared(run)),
                         *(word for pair in run.parameters.items() for word in ("-p", *pair))]) for run in runs]
    subprocess.run(["sh", "-e"], input="\n".join(lines), text=True, cwd=STUDY.parent, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def two_processes(runs: list[Run]) -> None:
    with ProcessPoolExecutor(2) as pool:
        for stage in (True, False):
            list(pool.map(one_in_a_pool, [run for run in runs if run.cleans is stage]))


def one_in_a_pool(run: Run) -> None:
    import papermill

    papermill.execute_notebook(run.notebook, prepared(run), run.parameters, progress_bar=False, cwd=STUDY.parent,
                               extra_arguments=["--log-level=CRITICAL"])


def prepared(run: Run) -> Path:
    run.folder.mkdir(parents=True, exist_ok=True)
    return run.target


def main() -> None:
    study = read_study(STUDY)
    (PROJECT / "results").mkdir(exist_ok=True)
    with TemporaryDirectory(dir=PROJECT / "results") as folder:  # where users' results are
        root = Path(folder)
        first_page = durability(root / "first", "--service", "A")
        ours = durability(root / "batch")
        again = durability(root / "batch")
        alone = durability(root / "alone", "--jobs", "1")
        account = json.loads((root / "alone" / study.id / "run.json").read_text(encoding="utf-8"))
        floor = sum(run["seconds_in_cells"] for run in account["runs"]) / cores()
        loop = seconds(shell_loop, plan(study, root / "loop"))
        shutil.rmtree(root / "loop")
        pool = seconds(two_processes, plan(study, root / "pool"))
        # once before the others and once after them: a shared machine is not equally fast all the time
        ours = (ours + durability(root / "batch", "--fresh")) / 2
    print(f"{len(account['runs'])} notebooks, {cores()} cores")
    print(f"{'':<44}seconds   batch is faster by")
    for name, measured in (("durability run", ours), ("shell loop of papermill", loop),
                           ("two processes of papermill", pool), ("durability run --jobs 1", alone),
                           ("cell seconds / cores (floor)", floor), ("durability run, unchanged", again),
                           ("durability run --service A, from nothing", first_page)):
        print(f"{name:<44}{measured:7.1f}   {measured / ours:.2f}")


if __name__ == "__main__":
    main()
