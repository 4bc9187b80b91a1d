"""The same plan on a Dask cluster of two workers on this machine. Oracle: a run without one."""

import socket
import subprocess
import sys

import psutil
import pytest
from copied_project import (
    BIN,
    assert_nothing_is_left_of,
    change,
    copy_with_tiny_notebooks,
    environment,
    finish,
    runs_in,
    start,
    tables,
    wait_for,
)

from durability_utils.runs.cluster import workers
from durability_utils.study.errors import InputError

pytest.importorskip("distributed", reason="Dask is an extra")
pytestmark = [pytest.mark.skipif(sys.platform != "linux", reason="processes as on Linux"),
              pytest.mark.slow("starts a Dask cluster of two workers for each test: 1 minute")]


@pytest.fixture
def tiny(tmp_path):
    return copy_with_tiny_notebooks(tmp_path)


@pytest.fixture
def cluster(tiny):
    """The address of a scheduler with two workers of one thread each, set up as docs/cluster.md says."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
    settings = environment(tiny) | {"DASK_DISTRIBUTED__WORKER__DAEMON": "False"}
    quiet = {"env": settings, "cwd": tiny, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    host, port = address.removeprefix("tcp://").split(":")
    scheduler = [BIN / "dask", "scheduler", "--host", host, "--port", port, "--no-dashboard"]
    worker = [BIN / "dask", "worker", address, "--nthreads", "1", "--no-dashboard", "--local-directory", tiny / "dask"]
    commands = [scheduler, *([*worker, "--name", name] for name in ("first", "second"))]
    processes = [subprocess.Popen(command, **quiet) for command in commands]
    yield address
    for process in processes[::-1]:
        process.terminate()
        process.wait(timeout=30)
    assert_nothing_is_left_of(tiny)


def test_a_cluster_gives_the_same_tables_and_a_notebook_that_raises_fails_alone(tiny, cluster):
    change(tiny, "03_reliable_improvement", "if service == 'B' and step == 'step3':\n    raise ValueError('no')")
    for options in ((), ("--scheduler", cluster)):
        process = start(tiny, *options)
        said = process.communicate(timeout=300)[1]
        assert process.returncode == 1
        if not options:
            (tiny / "results").rename(tiny / "local")  # the folder's name stands in the notebooks
    assert "service B, step3: 03_reliable_improvement failed: ValueError: no" in said
    assert {run["worker"] for run in runs_in(tiny / "results")} == {"first", "second"}
    assert tables(tiny / "results") == tables(tiny / "local")
    assert (tiny / "results/durability_2016/B/step3/03_reliable_improvement.ipynb").is_file()


def test_the_runs_of_a_worker_that_is_killed_are_taken_over(tiny, cluster):
    # a kernel's parent is the fork server, whose parent is the worker
    change(tiny, "05_representativeness", "import os, psutil, time; from pathlib import Path\nmark = Path('worker')\n"
           "if service == 'A' and not mark.exists():\n"
           "    mark.write_text(str(psutil.Process(os.getppid()).ppid())); time.sleep(120)")
    process = start(tiny, "--scheduler", cluster, output="on_cluster")
    mark = tiny / "parameters" / "worker"
    wait_for(lambda: mark.is_file() and mark.read_text())
    psutil.Process(int(mark.read_text())).kill()
    process.communicate(timeout=300)
    assert process.returncode == 0
    runs = runs_in(tiny / "on_cluster")
    slow = next(run for run in runs if (run["notebook"], run["service"]) == ("05_representativeness", "A"))
    assert (slow["status"], slow["attempts"]) == ("succeeded", 2)
    assert {run["status"] for run in runs} == {"succeeded"}
    assert not (tiny / "on_cluster/durability_2016/.unfinished").exists()


def test_where_nobody_answers_the_command_says_so(tiny):
    code, said = finish(tiny, "--scheduler", "tcp://127.0.0.1:9")
    assert code == 2
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in said


def test_without_dask_the_command_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"--scheduler needs Dask: pip install"):
        workers("tcp://127.0.0.1:8786")
