"""The real command, here and on a copy of the project, so that its notebooks can be made to fail."""

import compileall
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
from tiny_study import HEADS, make_study

from durability_utils.study.parameters import PROJECT

BIN = Path(sys.executable).parent
STUDY = "parameters/durability_2016.yaml"


def durability(*arguments) -> subprocess.CompletedProcess:
    """The command in the project itself, once it has ended."""
    return subprocess.run([BIN / "durability", *map(str, arguments)], capture_output=True, text=True, encoding="utf-8",
                          cwd=PROJECT, check=False)


def copy_with_real_notebooks(folder):
    copy_package(folder)
    for name in ("notebooks", "parameters", "data"):
        shutil.copytree(PROJECT / name, folder / name)
    return folder


def copy_with_tiny_notebooks(folder):
    """A study of the services A and B whose notebooks take no time: 56 runs."""
    copy_package(folder)
    make_study(folder, {"A": "fine", "B": "fine"})
    for name in ("measures.yaml", "codes.yaml"):
        shutil.copy(PROJECT / "parameters" / name, folder / "parameters" / name)
    for name in ("dictionary.csv", "checklists.csv"):
        shutil.copy(PROJECT / "data" / name, folder / "data")
    for name in {name for head in HEADS.values() for name in head.reads if (PROJECT / name).is_file()}:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(PROJECT / name, folder / name)
    return folder


def copy_package(folder):
    shutil.copytree(PROJECT / "durability_utils", folder / "durability_utils",
                    ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(folder / "durability_utils", quiet=1)  # as `make` does when it installs
    shutil.copy(PROJECT / "requirements.lock", folder)


def start(folder, *options, output="results", **popen):
    """`durability run` of the copy, under way; its processes carry the folder's name in their environment."""
    command = [BIN / "durability", "run", STUDY, "--output", output, *options]
    return subprocess.Popen(command, cwd=folder, env=environment(folder), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, start_new_session=True, **popen)


def environment(folder):
    users = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return users | {"PYTHONPATH": str(folder), "DURABILITY_TEST": str(folder)}


def finish(folder, *options, **popen):
    """Exit code and what was said on stderr, once it has ended; no process of it may be left."""
    process = start(folder, *options, **popen)
    _, said = process.communicate(timeout=300)
    assert_nothing_is_left_of(folder)
    assert "Traceback" not in said
    return process.returncode, said


def assert_nothing_is_left_of(folder):
    wait_for(lambda: not processes_of(folder), 15)


def processes_of(folder):
    """The running processes that carry the folder's name in their environment."""
    return [process for process in psutil.process_iter() if belongs_to(process, folder)]


def belongs_to(process, folder):
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get("DURABILITY_TEST") == str(folder)
    except psutil.Error:
        return False


def change(folder, notebook, code):
    """Put `code` at the begin of the cell after the parameters."""
    path = folder / "notebooks" / f"{notebook}.ipynb"
    content = nbformat.read(path, as_version=4)
    content.cells[2].source = f"{code}\n{content.cells[2].source}"
    nbformat.write(content, path)


def visible(root):
    """The files below a folder that are not hidden; hidden folders come and go while a batch runs."""
    found = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = [Path(folder, name) for name in names if not name.startswith(".")]
        found |= {path.relative_to(root).as_posix(): path for path in paths}
    return found


def tables(root):
    return {name: path.read_bytes() for name, path in visible(root).items()
            if path.suffix in (".csv", ".parquet", ".png", ".ipynb", ".html") and path.name != "index.html"}


def runs_in(folder):
    """What a batch that wrote there says of its runs."""
    return json.loads((folder / "durability_2016" / "run.json").read_text(encoding="utf-8"))["runs"]


def is_whole(path):
    """Whether a file is complete by its own format."""
    content = path.read_bytes()
    if path.suffix in (".json", ".ipynb"):
        return isinstance(json.loads(content), dict)
    if path.suffix == ".csv":
        return content.endswith(b"\n")
    ends = {".png": b"IEND\xaeB`\x82", ".parquet": b"PAR1", ".html": b"</html>\n"}
    return content.endswith(ends[path.suffix])


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
