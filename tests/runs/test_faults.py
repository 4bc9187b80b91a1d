"""What is left when the command itself is killed, stopped, or runs out of time, disk or rights.

The command is the real one on a copy of the project, so that its notebooks can be made to fail. Oracle: an undisturbed
run of the same copy.
"""

import ctypes
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest
from copied_project import (
    assert_nothing_is_left_of,
    change,
    copy_with_real_notebooks,
    copy_with_tiny_notebooks,
    finish,
    is_whole,
    runs_in,
    start,
    tables,
    visible,
    wait_for,
)

pytestmark = [pytest.mark.skipif(sys.platform != "linux", reason="signals, limits and rights of Linux"),
              pytest.mark.slow("starts the command on copies of the project, kills it and runs it again: 3 minutes")]

CAP_DAC_OVERRIDE, PR_CAPBSET_DROP = 1, 24


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy_with_real_notebooks(tmp_path_factory.mktemp("project"))


@pytest.fixture
def tiny(tmp_path):
    return copy_with_tiny_notebooks(tmp_path)


# -- killed and stopped ----------------------------------------------------------------------------

def test_killed_at_twenty_moments_and_started_again_it_gives_what_an_undisturbed_run_gives(project):
    options = ("--service", "F", "--service", "A", "--step", "all")
    assert finish(project, *options)[0] == 0
    (project / "results").rename(project / "undisturbed")
    root, halves, watching = project / "results" / "durability_2016", [], threading.Event()

    def watch():
        while not watching.wait(0.02):
            for name, path in visible(root).items():
                try:
                    whole = is_whole(path)
                except FileNotFoundError:  # moved or replaced since it was listed
                    continue
                except ValueError:
                    whole = False
                if not whole:
                    halves.append(name)

    watcher = ThreadPoolExecutor(1)
    watched = watcher.submit(watch)
    moments, unfinished = random.Random(2016), 0
    try:
        for _ in range(20):
            process = start(project, *options)
            try:
                process.communicate(timeout=moments.uniform(0.3, 4.5))
                shutil.rmtree(root)  # it came to its end: begin anew
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                unfinished += (root / ".unfinished").is_dir()
            assert_nothing_is_left_of(project)
    finally:
        watching.set()
        watched.result()  # it has looked until now
    assert unfinished > 5  # most were killed while notebooks ran
    assert halves == []
    assert finish(project, *options)[0] == 0
    assert tables(root) == tables(project / "undisturbed" / "durability_2016")
    assert not (root / ".unfinished").exists()


@pytest.mark.parametrize("signalled", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_ends_within_seconds_and_the_next_start_runs_the_rest(tiny, signalled):
    change(tiny, "05_representativeness", "import time; time.sleep(60 if service == 'A' else 0)")
    process = start(tiny, "--jobs", "2",  # what a shell starts in the background ignores SIGINT
                    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    slow = tiny / "results/durability_2016/.unfinished/A-all-05_representativeness.1"
    wait_for(slow.is_dir)
    time.sleep(1)
    stopped = time.monotonic()
    process.send_signal(signalled)
    said = process.communicate(timeout=30)[1]
    assert time.monotonic() - stopped < 5
    assert_nothing_is_left_of(tiny)
    if signalled == signal.SIGINT:
        assert process.returncode == 130
        assert "the same command runs the rest" in said and "Traceback" not in said
    done = len(list((tiny / "results").rglob("*.provenance.json")))
    assert 0 < done < 56
    change(tiny, "05_representativeness", "service == 'A' or 0\nimport time; time.sleep = lambda seconds: None")
    code, said = finish(tiny)
    assert code == 0
    statuses = [run["status"] for run in runs_in(tiny / "results") if not run["notebook"].startswith("05")]
    assert statuses.count("unchanged") >= done - 3 and set(statuses) <= {"unchanged", "succeeded"}


# -- notebooks that fail ---------------------------------------------------------------------------

@pytest.mark.parametrize("code, message, options", [
    ("raise ValueError('no such thing')", "ValueError: no such thing", ()),
    ("import time; print('begun', flush=True); time.sleep(60)", "it took longer than --timeout allows",
     ("--timeout", "4")),
    ("import os; os._exit(3)", "the kernel died (out of memory, or a library crashed)", ()),
])
def test_a_notebook_that_fails_fails_alone(tiny, code, message, options):
    change(tiny, "03_reliable_improvement", f"if service == 'A' and step == 'step2':\n    {code}")
    exit_code, said = finish(tiny, *options)
    assert exit_code == 1
    path = "results/durability_2016/A/step2/03_reliable_improvement.ipynb"
    assert [line for line in said.splitlines() if " failed: " in line] == [
        f"service A, step2: 03_reliable_improvement failed: {message} ({path})"]
    partial = nbformat.read(tiny / path, as_version=4)
    assert "error" in {output.output_type for cell in partial.cells for output in cell.get("outputs", [])}
    assert not (tiny / path).with_name("tables").exists()
    statuses = [run["status"] for run in runs_in(tiny / "results")]
    assert (statuses.count("succeeded"), statuses.count("failed"), len(statuses)) == (55, 1, 56)
    assert finish(tiny, *options)[0] == 1  # and only that one is tried again
    statuses = [run["status"] for run in runs_in(tiny / "results")]
    assert (statuses.count("unchanged"), statuses.count("failed")) == (55, 1)


# -- the disk, rights, and others ------------------------------------------------------------------

def limited(size):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_full_disk_stops_the_batch_and_what_was_there_stays(tiny):
    assert finish(tiny)[0] == 0
    before = tables(tiny / "results")
    change(tiny, "02_response_rates", "Path = __import__('pathlib').Path; "
           "Path(results, 'large').write_bytes(b'x' * 3_000_000)")
    code, said = finish(tiny, preexec_fn=limited(2_000_000))
    assert code == 1
    assert "durability_2016: the results cannot be written (File too large)" in said
    assert tables(tiny / "results") == before
    assert finish(tiny)[0] == 0


def test_a_disk_full_from_the_start_leaves_nothing_half_written(tiny):
    code, said = finish(tiny, preexec_fn=limited(100))
    assert code in (1, 2)
    assert said.strip()
    assert not [name for name, path in visible(tiny / "results").items() if not is_whole(path)]
    assert finish(tiny)[0] == 0  # nor was the installation damaged: Python cuts bytecode short where a disk is full


def test_an_output_without_write_permission_is_refused(tiny):
    (tiny / "locked").mkdir(mode=0o555)
    # root may write anywhere; without this capability not
    def drop():
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)

    code, said = finish(tiny, output="locked", preexec_fn=drop)
    assert code == 2
    assert said.strip() == "locked/durability_2016: cannot be written (Permission denied)"


def test_a_second_batch_on_the_same_output_stops_and_the_first_goes_on(tiny):
    change(tiny, "01_cleaning", "import time; time.sleep(5)")
    first = start(tiny)
    wait_for((tiny / "results/durability_2016/.unfinished").is_dir)
    second = start(tiny)
    _, said = second.communicate(timeout=60)
    assert second.returncode == 2
    assert said.strip() == ("results/durability_2016: another batch is writing there; wait for its end, or choose "
                            "another --output")
    first.communicate(timeout=120)
    assert first.returncode == 0
    assert_nothing_is_left_of(tiny)
