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
    family = [process, *process.children(recursive=True)]
    return Holding(
        megabytes=sum(one.memory_info().rss for one in family) / 2**20,
        files=sum(one.num_fds() for one in family),
        connections=sum(len(one.net_connections()) for one in family),
    )


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
