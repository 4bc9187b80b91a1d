"""Forked kernels: as fresh, as isolated and of the same output as ordinary ones, which are the oracle here."""

import asyncio
import hashlib
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from copied_project import change, processes_of, wait_for
from filelock import FileLock
from jupyter_client import AsyncKernelManager
from nbformat.v4 import new_code_cell, new_notebook
from tiny_study import make_study

from durability_utils.runs import batch, kernels, plan
from durability_utils.study.study_file import read_study

pytestmark = pytest.mark.skipif(not kernels.can_fork(), reason="kernels are forked on Linux only")

PRINTS = """
import os, sys, threading
import numpy as np, pandas as pd, matplotlib.pyplot as plt
print(sys.argv[0].endswith("ipykernel_launcher.py"), sorted(set(sys.path)), os.getcwd(), __name__)
print({name: str(pd.get_option(name)) for name in ("display.max_columns", "display.max_rows", "display.width")})
print("inline" in plt.get_backend(), [plt.rcParams[f"figure.{name}"] for name in ("dpi", "figsize", "facecolor")])
print([name for name in ("OPENBLAS_NUM_THREADS", "MPLBACKEND", "LEFT") if name in os.environ])
print([name for name in dir() if not name.startswith("_")])
"""
FIGURE = "plt.plot([1, 3, 2])  # shown without being asked for, as notebooks do\nplt.title('three');"
TABLE = "pd.DataFrame(np.arange(60).reshape(2, 30), columns=[f'c{i}' for i in range(30)])"
STREAMS = "print('out'); print('err', file=sys.stderr)"
FROM_C = "_ = os.system('echo from C')"  # in a cell of its own: when it comes among other outputs is a matter of chance


@pytest.fixture
def run_cells(tmp_path, monkeypatch):
    """run_cells(*sources, timeout=None): what the batch has each of them put out, and the kernel's peak memory."""
    study, notebooks = make_study(tmp_path, {"A": "fine"})
    run = plan.plan(study, tmp_path / "results", ["A"], [], ["01"], notebooks)[0]
    head, declared, *_ = nbformat.read(run.notebook, as_version=4).cells

    def execute(*sources, timeout=None):
        monkeypatch.delenv("PYTEST_CURRENT_TEST", raising=False)  # ipykernel would not show what C code prints
        cells = [head, declared, *map(new_code_cell, sources)]
        for number, cell in enumerate(cells):
            cell.id = f"cell-{number}"
        notebook = new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}}, cells=cells)
        nbformat.write(notebook, run.notebook)
        executed, _, memory = batch._execution().executed(run.notebook, run.parameters, run.home, timeout)
        shown = [[{key: value for key, value in output.items() if key != "execution_count"} for output in cell.outputs]
                 for cell in executed.cells[3:]]  # after the parameters, declared and given
        return shown, memory

    return execute


@pytest.fixture
def ordinary(monkeypatch):
    """Ordinary kernels instead of forked ones, in the same process."""
    return lambda: monkeypatch.setattr(kernels, "can_fork", lambda: False)


def test_the_same_outputs_as_an_ordinary_kernel(run_cells, ordinary):
    forked, _ = run_cells(PRINTS, FIGURE, TABLE, STREAMS, FROM_C)
    ordinary()
    expected, _ = run_cells(PRINTS, FIGURE, TABLE, STREAMS, FROM_C)
    assert "image/png" in str(forked) and "from C" in str(forked)
    assert forked == expected


@pytest.mark.parametrize("name", ["02", "03", "05"])
def test_a_study_notebook_comes_out_the_same_both_ways(tmp_path, ordinary, name):
    study = read_study(plan.PROJECT / "parameters" / "durability_2016.yaml")
    found = []
    for way in ("forked", "ordinary"):
        if way == "ordinary":
            ordinary()
        for run in plan.plan(study, tmp_path / way / "results", ["F"], ["all"], [name]):
            assert batch.execute(run).status == "succeeded"
        folder = tmp_path / way / "results" / study.id / "F"
        found.append({file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
                      for file in sorted(folder.rglob("*")) if file.is_file() and ".provenance" not in file.name})
    assert found[0] == found[1]
    assert {".ipynb", ".html", ".csv", ".json", ".png", ".parquet"} == {Path(name).suffix for name in found[0]}


def test_no_state_passes_from_one_notebook_to_the_next(run_cells):
    run_cells("import pandas as pd, os; pd.set_option('display.max_rows', 7); os.environ['LEFT'] = 'x'; left = 1")
    [[], [options], [names]], _ = run_cells(
        "import pandas as pd, os", "print(pd.get_option('display.max_rows'), 'LEFT' in os.environ)",
        "print('left' in globals())")
    assert (options["text"], names["text"]) == ("60 False\n", "False\n")


def test_random_numbers_differ_from_one_kernel_to_the_next(run_cells):
    code = "import random, numpy as np; print(np.random.rand(), random.random(), np.random.default_rng().random())"
    draws = [run_cells(code)[0][0][0]["text"].split() for _ in range(2)]
    assert len(set(draws[0] + draws[1])) == 6


def test_the_parent_that_kernels_are_forked_from_has_one_thread(run_cells):
    [[output]], _ = run_cells("import os; print(len(os.listdir(f'/proc/{os.getppid()}/task')), "
                              "'forkserver' in open(f'/proc/{os.getppid()}/cmdline').read())")
    assert output["text"] == "1 True\n"


@pytest.mark.parametrize(("lives", "words"), [(False, "died before it was ready"), (True, "not ready in 0.1 seconds")])
def test_a_kernel_that_never_answers_is_told_from_one_that_died(tmp_path, monkeypatch, lives, words):
    manager = AsyncKernelManager(connection_file=str(tmp_path / "kernel.json"), transport="ipc",
                                 ip=str(tmp_path / "s"), client_factory=kernels.PromptClient)
    manager.write_connection_file()  # and nobody there

    async def waits():
        client = manager.client()
        monkeypatch.setattr(client, "is_alive", lambda: asyncio.sleep(0, lives))
        client.start_channels()
        try:
            await client.wait_for_ready(timeout=0.1)
        finally:
            client.stop_channels()

    with pytest.raises(RuntimeError, match=words):
        asyncio.run(waits())


def test_every_preloaded_module_exists():
    # the fork server leaves out in silence what it cannot import, and every notebook would be slow
    code = f"import importlib\nfor name in {kernels.PRELOADED!r}: importlib.import_module(name)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_peak_memory_is_that_of_the_kernel(run_cells):
    small = run_cells("1 + 1")[1]
    large = run_cells("import numpy as np; x = np.ones(40_000_000)")[1]  # 320 MB
    assert 50 < small < 1000
    assert 310 < large - small < 360


def test_a_kernel_that_takes_too_long_is_ended_with_what_it_started(run_cells):
    started = time.monotonic()
    [[child], [error]], _ = run_cells("import subprocess; print(subprocess.Popen(['sleep', '60']).pid)",
                                      "import time; time.sleep(60)", timeout=4)
    assert time.monotonic() - started < 15
    assert error["ename"] == "CellTimeoutError"
    pid = int(child["text"])
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_script_that_runs_a_batch_is_not_run_again_in_the_kernels(tmp_path):
    # without an `if __name__ == "__main__"`: multiprocessing alone would import the script in every child
    make_study(tmp_path, {"A": "fine"})
    script = tmp_path / "script.py"
    script.write_text("print('once')\nfrom pathlib import Path\nfrom durability_utils.runs import batch, plan\n"
                      "from durability_utils.study.study_file import read_study\n"
                      "the_study = read_study('parameters/durability_2016.yaml')\n"
                      "run = plan.plan(the_study, Path('results'), [], [], ['01'], Path('notebooks').resolve())[0]\n"
                      "print(batch.execute(run).status)\n", encoding="utf-8")
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["once", "succeeded"]


def test_in_a_process_that_may_have_no_children_an_ordinary_kernel_serves(tmp_path, monkeypatch):
    monkeypatch.setattr(multiprocessing.current_process(), "_config", {"daemon": True})
    assert not kernels.can_fork()


def test_kernels_end_with_the_process_that_started_them_and_the_next_start_clears_what_it_left(tmp_path, request):
    study, notebooks = make_study(tmp_path, {"A": "fine"})
    change(tmp_path, "01_cleaning", "import time; time.sleep(120)")
    code = ("from pathlib import Path\nfrom durability_utils.runs import batch, plan\n"
            f"from durability_utils.study.study_file import read_study\nthe_study = read_study({str(study.path)!r})\n"
            f"batch.execute(plan.plan(the_study, Path('results'), [], [], ['01'], Path({str(notebooks)!r}))[0])\n")
    places = Path(tempfile.mkdtemp())  # not below tmp_path: the name of a socket has at most 107 letters
    request.addfinalizer(lambda: shutil.rmtree(places))
    for folder in ("durability-notes", "durability-locked"):  # somebody's own, and a running batch's
        (places / folder).mkdir()
    environment = os.environ | {"DURABILITY_TEST": str(tmp_path), "TMPDIR": str(places)}
    batch_process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=environment)
    try:
        wait_for(lambda: any(places.glob("*/kernel-*/s-*")))
        wait_for(lambda: len(processes_of(tmp_path)) >= 3)  # the batch, the fork server, a kernel
        time.sleep(1)
    finally:
        batch_process.kill()
        batch_process.wait()
    wait_for(lambda: not processes_of(tmp_path))
    [left] = places.glob("durability-????????")
    assert {file.name.partition("-")[0] for file in left.iterdir()} == {"kernels.lock", "kernel", "pymp"}
    with FileLock(places / "durability-locked" / "kernels.lock"):
        subprocess.run([sys.executable, "-c", "from durability_utils.runs import kernels; kernels.use_warm_kernels()"],
                       cwd=tmp_path, env=environment, check=True)
        assert {place.name for place in places.iterdir()} == {"durability-locked", "durability-notes"}
