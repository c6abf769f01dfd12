"""What is counted about the work, as families of Prometheus.

Workers and dispatch serve no HTTP, so nobody could ask them: they write what they have counted into
the database with their signs of life, and the API shows it (docs/decisions/070-metrics.md).
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric

from service.db.endings import EndedAttempt
from service.db.reports import Samples

# When a counter began is told by its process's id.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]

_COHORT_SIZES = tuple(2**n for n in range(13))
_WAITS_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)


class Meters:
    """What one process has counted since it started. Threads share it."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._claims = Counter(
            "subgrad_claims", "Claims that took at least one job", registry=registry
        )
        self._cohort_size = Histogram(
            "subgrad_cohort_size",
            "Jobs that a claim took to be trained together",
            buckets=_COHORT_SIZES,
            registry=registry,
        )
        self._attempts = Counter(
            "subgrad_attempts",
            "Attempts at jobs that ended, by outcome or by the reason for which there was none",
            ["reason"],
            registry=registry,
        )
        self._cancel_latency = Histogram(
            "subgrad_cancel_latency_seconds",
            "From the wish to cancel a running job to its end, by the database's clock",
            buckets=_WAITS_S,
            registry=registry,
        )
        self._steps = Counter(
            "subgrad_network_steps",
            "Optimizer steps, of each network of a cohort one by one",
            registry=registry,
        )
        self._gpu_memory = Gauge(
            "subgrad_gpu_memory_bytes",
            "Memory in use on a GPU that the worker trains on, by whomever",
            ["device"],
            registry=registry,
        )

    def count_claim(self, jobs: int) -> None:
        self._claims.inc()
        self._cohort_size.observe(jobs)

    def count_ended(self, attempts: Sequence[EndedAttempt]) -> None:
        for one in attempts:
            self._attempts.labels(one.reason).inc()
            if one.cancel_wait_s is not None:
                self._cancel_latency.observe(one.cancel_wait_s)

    def count_steps(self, steps: int) -> None:
        self._steps.inc(steps)

    def show_gpu_memory(self, in_use: Mapping[str, int]) -> None:
        """Bytes by UUID. A GPU that is not among them is shown no more."""
        self._gpu_memory.clear()
        for device, used in in_use.items():
            self._gpu_memory.labels(device).set(used)

    def samples(self) -> Samples:
        """All that was counted, in a form that JSON holds."""
        return [
            (one.name, dict(one.labels), one.value)
            for family in self._registry.collect()
            for one in family.samples
        ]

    def families(self) -> list[Metric]:
        """Each family with its samples."""
        return list(self._registry.collect())


@cache
def _known() -> list[tuple[str, str, str]]:
    """Name, documentation and type of each family. Once: where several processes count together
    (`service.api.siblings`), the Prometheus client keeps each value that was ever made."""
    return [(one.name, one.documentation, one.type) for one in Meters().families()]


def gather(reports: Iterable[tuple[str, Samples, bool]]) -> list[Metric]:
    """The families of all processes in one, each sample with the label `worker`: which process's
    it is.

    `reports`: id, samples, and whether the process lives. Of one that does not, only what it
    counted is shown. Samples of families that this version does not know are left out.
    """
    families = [Metric(*known) for known in _known()]
    owner = {
        f"{family.name}{suffix}": family
        for family in families
        for suffix in ("", "_total", "_bucket", "_sum", "_count")
    }
    for process_id, samples, lives in reports:
        for name, labels, value in samples:
            family = owner.get(name)
            if family is not None and (lives or family.type != "gauge"):
                family.add_sample(name, {**labels, "worker": process_id}, value)
    return families
