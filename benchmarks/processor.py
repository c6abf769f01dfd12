"""Who used how much of the processors: the clock says little where processes share two cores."""

import contextlib
from collections.abc import Iterable

import psutil


def processor_s(processes: Iterable[psutil.Process]) -> float:
    """Seconds so far. Those of a process that has ended count with its parent."""
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            t = process.cpu_times()
            total += t.user + t.system + t.children_user + t.children_system
    return total


def postgres_processes() -> list[psutil.Process]:
    """The PostgreSQL that this process started, and the server's processes for its clients."""
    found = [one for one in psutil.Process().children() if one.name() == "postgres"]
    return [process for one in found for process in (one, *one.children())]
