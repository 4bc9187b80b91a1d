"""One notebook in one kernel: what of a batch knows papermill."""

import logging
import os
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from nbformat import v4
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.execute import execute_notebook, remove_error_markers
from traitlets.config import Config

from durability_utils.runs.kernels import PromptClient, WarmKernel, own_folder
from durability_utils.study.errors import NO_MEMORY, InputError, lacks_memory

logging.getLogger("papermill").setLevel(logging.CRITICAL)


class _Engine(NBClientEngine):
    """papermill's own engine, except that a kernel that dies or takes too long costs its cell, not the notebook."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, kept, deadline, **options):
        kept.append(nb_man.nb)
        if deadline is not None:
            options["timeout_func"] = lambda cell: max(0.01, deadline - time.monotonic())
        try:
            super().execute_managed_notebook(nb_man, kernel_name, **options)
        except Exception as error:
            cells = [cell for cell in nb_man.nb.cells if cell.cell_type == "code"]
            begun = [cell for cell in cells if cell.metadata.papermill["status"] != nb_man.PENDING]
            text = f"{type(error).__name__}: {error}"
            (begun or cells)[-1 if begun else 0].outputs.append(
                v4.new_output("error", ename=type(error).__name__, evalue=str(error), traceback=[text]))


papermill_engines.register("durability", _Engine)


def executed(notebook: Path, parameters: dict[str, str], home: Path, timeout: float | None):
    """The executed notebook, with its error where it stopped; seconds in its cells; its kernel's peak memory in MB.

    The kernel works in `home`; the memory is None where the system does not tell.
    """
    kept = []
    deadline = None if timeout is None else time.monotonic() + timeout
    # papermill has the error in the notebook too. The folder holds the kernel's sockets.
    with suppress(PapermillExecutionError), TemporaryDirectory(prefix="kernel-", dir=own_folder()) as sockets:
        connection = f"{sockets}/kernel.json"
        execute_notebook(
            v4.reads(notebook.read_text(encoding="utf-8")), None, parameters,
            engine_name="durability", kept=kept, deadline=deadline, kernel_name="python3", language="python",
            # nobody reads half a notebook, and a kernel that has nothing left to say need not be asked to leave
            progress_bar=False, request_save_on_cell_execute=False, shutdown_kernel="immediate",
            # papermill's own `cwd` changes the directory of the whole process, so of the other threads
            resources={"metadata": {"path": str(home)}},
            config=_private(sockets, connection), extra_arguments=["--log-level=CRITICAL"],
        )
    done = remove_error_markers(kept[0])
    seconds = _cell_seconds(done)
    for holder in (done, *done.cells):
        for key in ("papermill", "execution"):
            holder.metadata.pop(key, None)
    for cell in done.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected-parameters"  # papermill draws one at random: no two runs would give the same file
    return done, seconds, WarmKernel.peaks.pop(connection, None)


def error(notebook, words: bool = True) -> str:
    """Why the notebook did not come to its end, in one line; empty where it did.

    Without `words` an error is its kind only, unless it is an InputError, whose words never name a patient.
    """
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    for output in (output for cell in cells for output in cell.outputs if output.output_type == "error"):
        text = " ".join(output.evalue.split())
        if output.ename == InputError.__name__:
            return text
        if lacks_memory(f"{output.ename}: {text}"):
            return NO_MEMORY
        if output.ename == "DeadKernelError":
            return "the kernel died (out of memory, or a library crashed)"
        if output.ename == "CellTimeoutError":
            return "it took longer than --timeout allows"
        return f"{output.ename}: {text}" if text and words else output.ename
    return "" if all(cell.execution_count for cell in cells) else "the notebook stopped before its end"


def _private(sockets: str, connection: str) -> Config:
    """A kernel on socket files of this user: to a TCP port another user of a shared host could listen."""
    places = {} if os.name == "nt" else {"transport": "ipc", "ip": f"{sockets}/s"}
    return Config(KernelManager={"connection_file": connection, "client_factory": PromptClient} | places)


def _cell_seconds(notebook) -> float:
    """Seconds that the kernel worked on cells, by its own clock."""
    times = [cell.metadata.get("execution", {}) for cell in notebook.cells]
    ends = [(cell["iopub.status.busy"], cell["shell.execute_reply"]) for cell in times if "shell.execute_reply" in cell]
    return sum((datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds() for begin, end in ends)
