"""What the processes of the API that serve one address show as one, whichever is asked."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import cast

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from service.api.middleware.monitoring import FAMILIES
from service.settings import shared_counts


def collectors(counted: CollectorRegistry) -> list[Collector]:
    """Where to read what was counted, and memory, processor time and files: of this process, or,
    where it is one of several, of all of them. `counted`: what this process counts itself."""
    folder = shared_counts()
    if folder is None:
        return [counted, ProcessCollector(registry=None)]
    return [_Siblings(folder)]


class _Siblings(Collector):
    """Sums: over those that live and, of what only grows, those that died as well."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterator[Metric]:
        # Each counts in files of its own: counter_123.db, gauge_livesum_123.db, histogram_123.db.
        pids = {int(one.stem.rpartition("_")[2]) for one in self._folder.glob("*.db")}
        live = {pid for pid in pids if _lives(pid)}
        for pid in pids - live:
            with suppress(FileNotFoundError):  # another scrape was quicker
                mark_process_dead(pid, self._folder)  # type: ignore[no-untyped-call]
        counted = MultiProcessCollector(None, self._folder)  # type: ignore[no-untyped-call]
        found = cast(Iterable[Metric], counted.collect())  # type: ignore[no-untyped-call]
        yield from (family for family in found if family.name in FAMILIES)
        yield from _summed(family for pid in live for family in _process(pid))


def _process(pid: int) -> Iterable[Metric]:
    return ProcessCollector(pid=lambda: pid, registry=None).collect()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _summed(families: Iterable[Metric]) -> Iterator[Metric]:
    """One family of each name. They began when the first of them did."""
    found: dict[str, Metric] = {}
    values: dict[str, list[float]] = {}
    for family in families:
        found.setdefault(family.name, family)
        values.setdefault(family.name, []).append(family.samples[0].value)
    for name, family in found.items():
        together = min if name.endswith("start_time_seconds") else sum
        summed = Metric(name, family.documentation, family.type)
        summed.add_sample(family.samples[0].name, {}, together(values[name]))
        yield summed
