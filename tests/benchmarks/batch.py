"""The batch against other ways to run the same notebooks on the same exports, in rounds of one after the other.

- the command `durability run`, as users call it, report included;
- a shell loop of the command `papermill`, one run after the other;
- a pool of two processes, each of which calls papermill as a library;
- the floor: the seconds that warm kernels spend in cells when nothing else runs, divided by the cores;
- the command once more on the finished study.

Prints the median of each over the rounds; then where the seconds are, by notebook and by kind. Three rounds of the
whole study take about an hour: `python tests/benchmarks/batch.py`; of one service minutes: `--rounds 1 --services A`.
"""

import argparse
import contextlib
import cProfile
import io
import json
import os
import platform
import pstats
import shlex
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import nbformat

from durability_utils.runs.batch import cores
from durability_utils.runs.plan import Run, plan
from durability_utils.runs.provenance import PROJECT
from durability_utils.study.study_file import read_study

STUDY = PROJECT / "parameters" / "durability_2016.yaml"
BIN = Path(sys.executable).parent
# a kind of work, and the functions that do it; what one of them calls is counted with it
KINDS = {"imports": ("_find_and_load",), "study file": ("read_study",), "reading the cohort": ("read_cohort",),
         "cleaning": ("clean_service",), "classification": ("classify", "carry_back"),
         "pictures: layout": ("get_tight_layout_figure",),
         "pictures: all": ("new_figure", "add_caption", "write_figure"),
         "writing tables": ("write_table",), "tables for readers": ("shown", "_repr_html_")}


def durability(output: Path, *options: str, study: Path = STUDY) -> float:
    return seconds(subprocess.run, [sys.executable, "-m", "durability_utils", "run", study, "--output", output,
                                    "--quiet", *options], check=True)


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


def by_kind(runs: list[Run]) -> tuple[dict[str, float], float]:
    """Seconds of each of KINDS in the cells of these runs, and in all, under a profiler: for shares, not for sums."""
    os.chdir(STUDY.parent)
    profile = cProfile.Profile()
    for run in runs:
        cells = [cell for cell in nbformat.read(run.notebook, 4).cells if cell.cell_type == "code"]
        names = {}
        with contextlib.redirect_stdout(io.StringIO()):
            exec("from IPython.display import display", names)
            for cell in cells:
                code = compile(cell.source, run.name, "exec")
                profile.runcall(exec, code, names)
                if "parameters" in cell.metadata.get("tags", []):
                    names |= run.parameters
    found = pstats.Stats(profile)
    spent = {kind: sum(times[3] for place, times in found.stats.items() if place[2] in functions)
             for kind, functions in KINDS.items()}
    return spent, found.total_tt


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--services", default="", help="as A,all; default: every service and all")
    options = options.parse_args()
    study, services = read_study(STUDY), [name for name in options.services.split(",") if name]
    chosen = [word for name in services for word in ("--service", name)]
    measured, cells, outside = defaultdict(list), defaultdict(list), defaultdict(list)
    (PROJECT / "results").mkdir(exist_ok=True)
    with TemporaryDirectory(dir=PROJECT / "results") as folder:  # where users' results are
        root = Path(folder)
        for _ in range(options.rounds):
            measured["durability run"].append(durability(root / "batch", "--fresh", *chosen))
            measured["durability run, unchanged"].append(durability(root / "batch", *chosen))
            measured["durability run --jobs 1"].append(durability(root / "alone", "--fresh", "--jobs", "1", *chosen))
            account = json.loads((root / "alone" / study.id / "run.json").read_text(encoding="utf-8"))["runs"]
            measured["cell seconds / cores (floor)"].append(sum(run["seconds_in_cells"] for run in account) / cores())
            for name in sorted({run["notebook"] for run in account}):
                for found, key in ((cells, "seconds_in_cells"), (outside, "seconds_outside_cells")):
                    found[name].append(sum(run[key] for run in account if run["notebook"] == name))
            measured["shell loop of papermill"].append(seconds(shell_loop, plan(study, root / "loop", services)))
            measured["two processes of papermill"].append(seconds(two_processes, plan(study, root / "pool", services)))
            shutil.rmtree(root / "loop")
            shutil.rmtree(root / "pool")
        spent, total = by_kind(plan(study, root / "alone", services))
    ours = median(measured["durability run"])
    print(f"{date.today()}, {platform.platform()}, {cores()} cores, Python {platform.python_version()}: {len(account)} "
          f"notebooks, medians of {options.rounds}")
    print(f"{'':<44}seconds   batch is faster by")
    for name, rounds in measured.items():
        print(f"{name:<44}{median(rounds):7.1f}   {median(rounds) / ours:.2f}")
    print(f"\n{'one at a time':<44}in cells   outside")
    for name in cells:
        print(f"{name:<44}{median(cells[name]):8.1f}  {median(outside[name]):8.1f}")
    print(f"\n{'in cells, by a profiler':<44}per cent")
    for name, part in spent.items():
        print(f"{name:<44}{100 * part / total:8.1f}")


if __name__ == "__main__":
    main()
