"""What Prometheus reads: requests to this process, the load that the record knows of, and what
workers and dispatch have reported of themselves."""

import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import cast

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from service.api import siblings
from service.api.dependencies import watches_of
from service.api.middleware.monitoring import HttpMeters
from service.api.openapi import problems
from service.db import UNAVAILABLE, Database, gauges, reports
from service.db.gauges import Load
from service.db.reports import Report
from service.domain.states import TERMINAL, JobStatus
from service.observability import meters
from service.settings import Settings

router = APIRouter(tags=["health"])


_EXAMPLE = """\
# HELP subgrad_queue_age_seconds For how long the job waits that waits longest
# TYPE subgrad_queue_age_seconds gauge
subgrad_queue_age_seconds 0.0
"""


class Scrape:
    """What a process of the API shows. `http` is counted by `service.api.middleware.monitoring`."""

    def __init__(self) -> None:
        counted = CollectorRegistry()
        self.http = HttpMeters(counted)
        self._collectors = siblings.collectors(counted)
        # A live count that is asked for again at once is taken again, unless it takes long.
        self._counts = [
            _Count((JobStatus.QUEUED, JobStatus.RUNNING), every_s=0.0, share=10),
            _Count(tuple(TERMINAL), every_s=5.0, share=100),
        ]

    def text(self, database: Database, settings: Settings, *, hears: bool) -> bytes:
        """In the text format of Prometheus. Asks the database: not for the event loop. Where it
        is away, tells what is known without it. `hears`: whether hints come through."""
        families: list[Metric] = [one for source in self._collectors for one in source.collect()]
        try:
            with database.reading() as session:
                load, reported = gauges.read_load(session), reports.read(session)
            families += [self._count(database), *_of_load(load, settings)]
        except UNAVAILABLE:
            load, reported = None, []
        up = GaugeMetricFamily("subgrad_database_up", "Whether the database answers")
        up.add_metric([], 0.0 if load is None else 1.0)
        hints = GaugeMetricFamily(
            "subgrad_hints_up",
            "Whether this process hears of changes; if not, its streams look for themselves",
        )
        hints.add_metric([], 1.0 if hears else 0.0)
        of_processes = _of_processes(reported, lease_s=settings.lease_s)
        return generate_latest(_Families([*families, up, hints, *of_processes]))

    def _count(self, database: Database) -> Metric:
        jobs = GaugeMetricFamily("subgrad_jobs", "Jobs by state", labels=["status"])
        for counted in self._counts:
            for status, count in counted.read(database).items():
                jobs.add_metric([status], count)
        return jobs


class _Count:
    """Jobs by state, counted at most every `every_s` and for at most 1 / `share` of the time: it
    takes the longer the more jobs there are."""

    def __init__(self, statuses: tuple[JobStatus, ...], *, every_s: float, share: int) -> None:
        self._statuses = statuses
        self._every_s = every_s
        self._share = share
        self._of: Database | None = None
        self._found: dict[JobStatus, int] = {}
        self._until = 0.0

    def read(self, database: Database) -> dict[JobStatus, int]:
        started = time.monotonic()
        if self._of is not database or started >= self._until:
            with database.reading() as session:
                self._found = gauges.count(session, self._statuses)
            took = time.monotonic() - started
            self._of = database
            self._until = started + max(self._every_s, self._share * took)
        return self._found


class _Families(CollectorRegistry):
    """Families that are there already, in the form that is written out."""

    def __init__(self, families: list[Metric]) -> None:
        super().__init__()
        self._found = families

    def collect(self) -> Iterator[Metric]:
        yield from self._found


def _of_load(load: Load, settings: Settings) -> list[Metric]:
    waits = GaugeMetricFamily(
        "subgrad_queue_age_seconds", "For how long the job waits that waits longest"
    )
    waits.add_metric([], load.queue_age_s)
    lease = GaugeMetricFamily(
        "subgrad_lease_age_seconds",
        "Since when the lease of a running job was not renewed, the longest; by SUBGRAD_LEASE_S",
    )
    left = load.lease_left_s
    lease.add_metric([], 0.0 if left is None else max(0.0, settings.lease_s - left))
    return [waits, lease]


def _of_processes(reported: list[Report], *, lease_s: float) -> list[Metric]:
    heard = [(one, one.silent_s <= lease_s) for one in reported]
    info = GaugeMetricFamily(
        "subgrad_process_info",
        "Workers and dispatches that were heard of lately",
        labels=["worker", "kind", "host", "version"],
    )
    for one, lives in heard:
        if lives:
            process = one.process
            info.add_metric([process.id, process.kind, process.host, process.version], 1.0)
    counted = meters.gather((one.process.id, one.samples, lives) for one, lives in heard)
    return [info, *counted]


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={
        HTTPStatus.OK: {
            "description": "In the text format of Prometheus",
            "content": {"text/plain": {"example": _EXAMPLE}},
        },
        **problems(),
    },
)
def read_metrics(request: Request) -> Response:
    """Read what Prometheus collects. Only for admins, and for whoever has SUBGRAD_METRICS_KEY."""
    state = request.app.state
    # Everybody's: these are sums, and whoever may ask sees all of them.
    hears = watches_of(request).hears
    text = cast(Scrape, state.scrape).text(state.database, state.settings, hears=hears)
    return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)
