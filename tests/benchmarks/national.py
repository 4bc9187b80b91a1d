"""A batch at national size: 200 services, a million patients, on this machine; then what a cluster would take.

- the study of six services, then `durability run` on 200 of 500 to 12,000 patients: seconds of a notebook, in cells and
  outside, and the memory of the batch process as it goes on;
- again unchanged, and with one export changed;
- the first twelve services on this machine, then on a Dask cluster of two workers of one thread, with the same tables;
- the seconds on 16, 64 and 256 cores, by the list of runs as they were measured, each started when a core is free: at
  most so many, as they shared the cores when they were measured.

`python tests/benchmarks/national.py`, 45 minutes on two cores; with fewer services sooner.
"""

import heapq
import json
import os
import socket
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import psutil
from batch import BIN, durability, seconds

from durability_utils.runs.provenance import PROJECT
from durability_utils.synthetic.national import sizes, write_national

ON_BOTH = 12  # services that also run on the Dask cluster


def with_memory(study: Path, output: Path) -> tuple[float, list[float]]:
    """Seconds of a batch, and the MB of its own process after each tenth of a minute."""
    started, memory = time.perf_counter(), []
    with subprocess.Popen([BIN / "durability", "run", study, "--output", output, "--quiet"]) as process:
        while process.poll() is None:
            memory.append(psutil.Process(process.pid).memory_info().rss / 2**20)
            time.sleep(6)
    memory = [size for size in memory if size]  # one that has just ended has none
    if process.returncode > 1:  # 1: some notebooks failed, which is said
        raise SystemExit("the batch failed")
    return time.perf_counter() - started, memory


def runs_of(folder: Path) -> list[dict]:
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))["runs"]


@contextmanager
def two_workers(folder: Path):
    """The address of a scheduler with two workers of one thread each, set up as docs/cluster.md says."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    quiet = {"env": os.environ | {"DASK_DISTRIBUTED__WORKER__DAEMON": "False"}, "stderr": subprocess.DEVNULL}
    worker = [BIN / "dask", "worker", f"tcp://127.0.0.1:{port}", "--nthreads", "1", "--no-dashboard",
              "--memory-limit", "0", "--local-directory", folder]
    processes = [subprocess.Popen(command, **quiet) for command in (
        [BIN / "dask", "scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard"], worker, worker)]
    try:
        yield f"tcp://127.0.0.1:{port}"
    finally:
        for process in processes[::-1]:
            process.terminate()
            process.wait()


def scheduled(runs: list[dict], cores: int, each: float) -> float:
    """Seconds until the last of these runs ends, cleaning first, what pools services as soon as all are cleaned.

    each: seconds that the batch process itself takes for a run, one after the other.
    """
    free, cleaned, issued = [0.0] * cores, {}, 0.0
    for run in sorted(runs, key=lambda run: (run["notebook"] != "01_cleaning", run["service"] != "all")):
        needed = cleaned.get(run["service"], max(cleaned.values(), default=0))
        issued = max(issued + each, needed if run["notebook"] != "01_cleaning" else 0)
        begun = max(heapq.heappop(free), issued)
        ended = begun + run["seconds_in_cells"] + run["seconds_outside_cells"]
        heapq.heappush(free, ended)
        if run["notebook"] == "01_cleaning":
            cleaned[run["service"]] = ended
    return max(free)


def main(services: int) -> None:
    with TemporaryDirectory(dir=PROJECT / "results") as folder:
        root = Path(folder)
        study = write_national(services, root / "exports")
        print(f"{services} services, {sizes(services).sum():,} patients", flush=True)
        print(f"six services: {durability(root / 'six', '--fresh'):.1f} s")
        took, memory = with_memory(study, root / "many")
        print(f"{services} services: {took:.0f} s; MB of the batch process after a tenth, half and all of the time: "
              + ", ".join(f"{memory[int(part * (len(memory) - 1))]:.0f}" for part in (0.1, 0.5, 1)), flush=True)
        every, spent = runs_of(root / "many/national"), defaultdict(lambda: ([], []))
        print(f"{len(every)} notebooks, of which {sum(run['status'] != 'succeeded' for run in every)} did not succeed")
        for at, runs in enumerate((runs_of(root / "six/durability_2016"), every)):
            for run in runs:
                spent[run["notebook"]][at].append((run["seconds_in_cells"], run["seconds_outside_cells"]))
        print(f"{'seconds a run, in cells and outside':<38}six services      {services}    ratio of both together")
        for name, both in spent.items():
            if not all(both):  # the paper's figures are those of its six services
                continue
            few, many = ([mean(part) for part in zip(*times, strict=True)] for times in both)
            print(f"{name:<38}{few[0]:6.2f}{few[1]:6.2f}{many[0]:10.2f}{many[1]:6.2f}{sum(many) / sum(few):10.2f}")
        unchanged = seconds(durability, root / "many", study=study)
        export = next((root / "exports").glob("s001.*"))
        export.write_bytes(b"".join(export.read_bytes().splitlines(keepends=True)[:-100]))
        print(f"again, unchanged: {unchanged:.1f} s; with one export changed: "
              f"{durability(root / 'many', study=study):.1f} s", flush=True)
        chosen = [word for at in range(1, min(services, ON_BOTH) + 1) for word in ("--service", f"S{at:03d}")]
        here = durability(root / "here", *chosen, study=study)
        with two_workers(root / "dask") as address:
            there = durability(root / "there", "--scheduler", address, *chosen, study=study)
        tables = [{file.relative_to(root / place): file.read_bytes() for file in (root / place).rglob("tables/*.csv")}
                  for place in ("here", "there")]
        print(f"{min(services, ON_BOTH)} services: {here:.1f} s here, {there:.1f} s by two Dask workers, "
              f"{'the same' if tables[0] == tables[1] else 'DIFFERENT'} {len(tables[0])} tables")
        print("seconds on so many cores, at most, without start and report: " + ", ".join(
            f"{cores}: {scheduled(every, cores, unchanged / len(every)):.0f}" for cores in (16, 64, 256)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
