"""What the processes of a service hold, looked at again and again."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, kw_only=True)
class Holding:
    """At one moment, of one process with its children."""

    megabytes: float
    files: int
    connections: int


def look(processes: Mapping[str, int]) -> dict[str, Holding]:
    """By the names of the processes, of which the ids are given."""
    return {name: _look(psutil.Process(pid)) for name, pid in processes.items()}


def _look(process: psutil.Process) -> Holding:
    held = [_held(process), *map(_held_if_alive, process.children(recursive=True))]
    return Holding(
        megabytes=sum(one.megabytes for one in held),
        files=sum(one.files for one in held),
        connections=sum(one.connections for one in held),
    )


def _held(process: psutil.Process) -> Holding:
    return Holding(
        megabytes=process.memory_info().rss / 2**20,
        files=process.num_fds(),
        connections=len(process.net_connections()),
    )


def _held_if_alive(child: psutil.Process) -> Holding:
    """A training process may be replaced at any time."""
    try:
        return _held(child)
    except psutil.NoSuchProcess:
        return Holding(megabytes=0.0, files=0, connections=0)


@dataclass(frozen=True, kw_only=True)
class Trend:
    """Of something that is to stay as it is: its median early (after warming up) and late."""

    early: float
    late: float

    @classmethod
    def of(cls, series: Sequence[float]) -> "Trend":
        """Its second quarter against its last."""
        quarter = max(1, len(series) // 4)
        return cls(
            early=statistics.median(series[quarter : 2 * quarter] or series),
            late=statistics.median(series[-quarter:]),
        )

    @property
    def growth(self) -> float:
        return self.late - self.early


def trends(looks: Sequence[Mapping[str, Holding]]) -> dict[str, dict[str, Trend]]:
    """By process and by what it holds."""
    return {
        name: {
            what: Trend.of([getattr(one[name], what) for one in looks])
            for what in ("megabytes", "files", "connections")
        }
        for name in looks[0]
    }
