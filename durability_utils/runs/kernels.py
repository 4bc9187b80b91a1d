"""Kernels that start at once: each is forked from a clean process in which the imports are done.

Most of a short notebook's time goes into starting Python and importing pandas and its like. `WarmKernel` is a kernel
provisioner, jupyter_client's way to say how a kernel is started. It asks multiprocessing's fork server, a process
without threads that holds the imports and nothing else, to fork a child, and there starts an ordinary ipykernel: no
state passes from one notebook to the next. Where that is not possible an ordinary kernel is started instead.
"""

import asyncio
import gc
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing import forkserver, resource_tracker, util
from pathlib import Path
from queue import Empty
from types import ModuleType
from typing import ClassVar

from filelock import FileLock, Timeout
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

# What the notebooks import, and what these import only when it is used first. Not matplotlib_inline: imported early it
# switches automatic figures off.
PRELOADED = ("durability_utils.runs.kernels", "durability_utils.cohort.cleaning",
             "durability_utils.cohort.plausibility", "durability_utils.shown", "durability_utils.synthetic.attrition",
             *(f"durability_utils.analyses.{name}" for name in (
                 "attrition_figures", "case_mix", "definition_figures", "pooling", "published", "relapse_figures",
                 "services_figures", "specifications")),
             "IPython.core.completerlib", "IPython.core.debugger", "IPython.core.magics.execution",
             "IPython.core.oinspect", "IPython.core.pylabtools", "IPython.extensions.storemagic", "contourpy",
             "pingouin", "scikit_posthocs", "statsmodels.api", "statsmodels.stats.proportion",
             "statsmodels.duration.survfunc", "statsmodels.tools.numdiff", "surpyval", "ipykernel.ipkernel",
             "ipykernel.kernelapp", "pandas.io.formats.csvs", "pandas.io.formats.html", "pandas.io.formats.string",
             "pandera.backends.pandas.builtin_checks", "pandera.backends.pandas.register", "pandera.pandas",
             "pyarrow.dataset", "pyarrow.parquet", "sqlite3", "tornado.platform.asyncio", "tornado.queues",
             "PIL.GifImagePlugin", "PIL.JpegImagePlugin", "PIL.PngImagePlugin", "PIL.PpmImagePlugin")
# Threads do not live through a fork, so the fork server may have none; and several kernels share the cores anyway.
WITHOUT_THREADS = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system",
                   "JE_ARROW_MALLOC_CONF": "background_thread:false"}
SEARCH_PATH = [folder for folder in sys.path if folder]  # in the fork server: as Python starts with it
OWN, LOCK = "durability-", "kernels.lock"  # a temporary folder's name begins so, and it has this file
_one_at_a_time = threading.Lock()


def can_fork() -> bool:
    """Whether kernels can be forked here: on Linux, and not in a process that may have no children (daemonic)."""
    return sys.platform == "linux" and not multiprocessing.current_process().daemon


def use_warm_kernels() -> None:
    """From now on kernels of this process are warm ones. The fork server imports while the caller goes on."""
    os.environ.update({name: os.environ.get(name, value) for name, value in WITHOUT_THREADS.items()})
    KernelProvisionerFactory.instance().default_provisioner_name = "durability-warm"  # as registered in pyproject.toml
    if can_fork():
        forkserver.set_forkserver_preload(list(PRELOADED))
        resource_tracker.ensure_running()  # first: it lets interrupts through again once it has started
        usual, tempfile.tempdir = tempfile.tempdir, str(own_folder())
        try:
            util.get_temp_dir()  # where the fork server listens, made once a process
        finally:
            tempfile.tempdir = usual
        with _without_main(), _without_interrupts():
            forkserver.ensure_running()


@cache
def own_folder() -> Path:
    """The temporary folder of this process, which goes with it; those of this user's killed processes go first.

    Each holds a lock, and the system lets go of that of a process however it ends: what can be locked is nobody's. A
    folder gets the name by which others look for it when its lock is held.
    """
    made = Path(tempfile.mkdtemp(prefix=f".{OWN}"))
    lock = FileLock(made / LOCK, is_singleton=False)
    lock.acquire()
    for left in made.parent.glob(f"{OWN}*/{LOCK}"):
        with suppress(OSError, Timeout):
            if left.parent.lstat().st_uid == made.stat().st_uid:
                with FileLock(left, timeout=0):
                    shutil.rmtree(left.parent)
    own = made.rename(made.with_name(made.name[1:])) if os.name != "nt" else made  # there nothing open is renamed
    # after multiprocessing's own folder in it, at -100, and in this process only
    util.Finalize(None, lambda: (lock.release(), shutil.rmtree(own, ignore_errors=True)), exitpriority=-101)
    return own


class WarmKernel(LocalProvisioner):
    """A kernel forked from the fork server; `peaks` has each ended kernel's peak memory, by connection file."""

    peaks: ClassVar[dict[str, float | None]] = {}

    async def launch_kernel(self, cmd: list[str], **kwargs):
        if not can_fork():
            return await super().launch_kernel(cmd, **kwargs)
        arguments = cmd[cmd.index("ipykernel_launcher") + 1:]
        self.process = _Forked(arguments, kwargs.get("cwd") or Path.cwd(), kwargs["env"])
        self.pid = self.pgid = self.process.pid
        self.cwd = kwargs.get("cwd")
        return self.connection_info

    async def kill(self, restart: bool = False) -> None:
        self.peaks[self.parent.connection_file] = _peak_memory(self.pid)
        await super().kill(restart)
        for _ in range(200):  # who waits for its end looks every tenth of a second only: it has ended by then
            if await self.poll() is not None:
                break
            await asyncio.sleep(0.005)


class PromptClient(AsyncKernelClient):
    """A client that is ready once the kernel has answered; the usual one then listens a fifth of a second more."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        ends = time.monotonic() + (timeout or float("inf"))
        while True:
            asked, idle = self.kernel_info(), False
            try:
                while (reply := await self.get_shell_msg(timeout=1))["parent_header"].get("msg_id") != asked:
                    pass
                while not idle:  # the last of what the kernel says of the question; nothing where it is not heard yet
                    said = await self.get_iopub_msg(timeout=0.02)
                    idle = (said["parent_header"].get("msg_id") == asked
                            and said["content"].get("execution_state") == "idle")
                self._handle_kernel_info_reply(reply)
                return
            except Empty:
                if not await self.is_alive():
                    raise RuntimeError("the kernel died before it was ready") from None
                if time.monotonic() > ends:
                    raise RuntimeError(f"the kernel was not ready in {timeout} seconds") from None


def _peak_memory(pid: int) -> float | None:
    """Peak memory of a process in MB; None where the system does not tell of another process."""
    if sys.platform == "win32":
        import psutil

        return round(psutil.Process(pid).memory_info().peak_wset / 1e6, 1)
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    return next((round(int(line.split()[1]) * 1.024 / 1e3, 1) for line in lines if line.startswith("VmHWM")), None)


class _Forked:
    """The kernel's process with the methods of subprocess.Popen that jupyter_client calls."""

    stdin = stdout = stderr = None

    def __init__(self, arguments: list[str], cwd: str, env: dict[str, str]):
        self._process = multiprocessing.get_context("forkserver").Process(
            target=_run_kernel, args=(arguments, str(cwd), env))
        with _without_main():
            self._process.start()
        self.pid, self.terminate, self.kill = self._process.pid, self._process.terminate, self._process.kill

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> int:
        self._process.join()
        return self._process.exitcode

    def send_signal(self, signum: int) -> None:
        os.kill(self.pid, signum)


@contextmanager
def _without_main():
    """Multiprocessing would run the main module again in the child; a notebook has nothing to do with it."""
    with _one_at_a_time:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


@contextmanager
def _without_interrupts():
    """What this thread starts meanwhile does not hear a Ctrl-C: that is the batch's, and its imports take a while."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _run_kernel(arguments: list[str], cwd: str, env: dict[str, str]) -> None:
    """In the forked child: become what `python -m ipykernel_launcher` would be, and serve until shut down."""
    gc.freeze()  # what was imported stays for good: to go through it again would only copy memory
    os.setsid()  # a Ctrl-C in the terminal is the batch's; and a kernel is killed with all that it started
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.modules["debugpy"] = None  # nobody debugs a batch; the kernel would import it, a third of its start
    import ipykernel_launcher
    import numpy as np
    import pandas as pd
    from ipykernel.kernelapp import IPKernelApp

    sys.path[:] = SEARCH_PATH
    sys.argv = [ipykernel_launcher.__file__, *arguments]
    np.random.seed()  # noqa: NPY002  the copy would repeat the same "random" numbers in every notebook
    pd.set_option("display.max_columns", 20)  # pandas' default in a notebook; it chose that of a terminal on import
    IPKernelApp.launch_instance([*arguments, "--matplotlib=inline", f"--IPKernelApp.parent_handle={os.getppid()}"],
                                log_level="ERROR")  # its warnings would stand in the terminal; arguments go first


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os.killpg(0, signal.SIGKILL)
