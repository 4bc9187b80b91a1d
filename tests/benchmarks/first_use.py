"""From a fresh clone to the report and to JupyterLab's first cell: where the time of a first use goes.

- what `make run` does, step by step, in a clone in an empty folder: environment, packages, byte code, the study;
- the packages once more by uv, into an environment of its own, where uv is there;
- JupyterLab until it answers, then a kernel and the first code cell of `03_reliable_improvement`, and that cell once
  more in a second kernel.

Packages come from wherever pip and uv are told to look, without what they keep from before. It runs in the folder of
the operating system for temporary files. `python tests/benchmarks/first_use.py`, three minutes and 2 GB of disk.
"""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from durability_utils.runs.provenance import PROJECT

FIRST_CELL = """
import json, sys, time
import nbformat
from jupyter_client.manager import start_new_kernel
cell = next(cell for cell in nbformat.read("03_reliable_improvement.ipynb", 4).cells if cell.cell_type == "code")
spent = []
for _ in range(2):
    started = time.perf_counter()
    manager, client = start_new_kernel(kernel_name="python3")
    ready = time.perf_counter()
    reply = client.execute_interactive(cell.source, timeout=120, output_hook=lambda message: None)
    assert reply["content"]["status"] == "ok", reply["content"]
    spent.append((ready - started, time.perf_counter() - ready))
    client.stop_channels()
    manager.shutdown_kernel(now=True)
print(json.dumps(spent))
"""


def timed(words: str, *command, **options) -> None:
    started = time.perf_counter()
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL, **options)
    print(f"{words:<58}{time.perf_counter() - started:7.1f}", flush=True)


def until_it_answers(jupyter: Path, clone: Path) -> float:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = time.perf_counter()
    with subprocess.Popen([jupyter, "lab", "--no-browser", "--allow-root", f"--ServerApp.port={port}",
                           "--IdentityProvider.token=", "--ServerApp.root_dir=."], cwd=clone,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            while time.perf_counter() - started < 120:
                with suppress(urllib.error.URLError), urllib.request.urlopen(f"http://127.0.0.1:{port}/lab") as page:
                    page.read()
                    return time.perf_counter() - started
                time.sleep(0.05)
        finally:
            server.terminate()
    raise SystemExit("JupyterLab did not answer within two minutes")


def main() -> None:
    print(f"{'seconds of a first use':<58}")
    with TemporaryDirectory() as folder:
        clone, env = Path(folder, "clone"), Path(folder, "clone", ".venv", "bin")
        lock, pip = clone / "requirements.lock", [env / "python", "-m", "pip", "install", "--quiet", "--no-cache-dir"]
        timed("git clone", "git", "clone", "--quiet", PROJECT, clone)
        timed("environment", sys._base_executable, "-m", "venv", clone / ".venv")
        timed("packages, by pip", *pip, "--require-hashes", "--requirement", lock)
        timed("this package", *pip, "--no-deps", "--no-build-isolation", "--editable", clone)
        timed("its byte code", env / "python", "-m", "compileall", "-q", clone / "durability_utils")
        timed("the study, to the report", env / "durability", "run", "parameters/durability_2016.yaml", "--quiet",
              cwd=clone)
        timed("the same command again", env / "durability", "run", "parameters/durability_2016.yaml", "--quiet",
              cwd=clone)
        print(f"{'JupyterLab until it answers':<58}{until_it_answers(env / 'jupyter', clone):7.1f}", flush=True)
        said = subprocess.run([env / "python", "-c", FIRST_CELL], cwd=clone / "notebooks", check=True,
                              capture_output=True, text=True).stdout
        for words, (kernel, cell) in zip(("first", "second"), json.loads(said), strict=True):
            print(f"{f'a {words} kernel, and the first cell of 03 in it':<58}{kernel:7.1f}{cell:7.1f}", flush=True)
        if uv := shutil.which("uv", path=f"{env}:{PROJECT / '.venv/bin'}") or shutil.which("uv"):
            timed("environment, by uv", uv, "venv", "--quiet", Path(folder, "other"))
            timed("packages, by uv", uv, "pip", "install", "--quiet", "--no-cache", "--require-hashes", "--requirement",
                  lock, "--python", Path(folder, "other", "bin", "python"))


if __name__ == "__main__":
    main()
