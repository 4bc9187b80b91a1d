"""Running the plan on a Dask cluster, whose workers see the same folders as this machine (docs/cluster.md)."""

from concurrent.futures import Executor

from durability_utils.study.errors import InputError


def workers(address: str) -> Executor:
    """The workers of the Dask scheduler at `address`, as an executor for `batch.run_all`.

    A run that goes down with its worker is given to another by the scheduler, as often as its setting
    `distributed.scheduler.allowed-failures` says. Raises InputError where Dask is not installed or nobody answers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise InputError("--scheduler needs Dask: pip install 'durability-utils[cluster]'") from None
    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise InputError(f"no Dask scheduler answers at {address} ({type(error).__name__})") from None
    return client.get_executor(pure=False)
