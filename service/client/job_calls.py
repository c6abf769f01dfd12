"""What can be asked about jobs."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from service.client import calls
from service.client.calls import Call, Page, Posted, Stream
from service.domain.diagnosis import Diagnosis
from service.domain.job import Job, StatusChange
from service.domain.metrics import EpochMetrics
from service.domain.plan import JobPlan
from service.domain.series import EpochSeries, LayerSeries, UnitSeries

JobEvent = StatusChange | EpochMetrics | Job
"""What the events of a job carry: `status`, `epoch` and, last, `end`."""

_JOBS = calls.at("v1", "jobs")
_FORMS = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


def create(spec: Posted, *, priority: int, idempotency_key: str | None) -> Call[Job]:
    return calls.post_spec(_JOBS, Job, spec, priority=priority, idempotency_key=idempotency_key)


def plan(spec: Posted, *, priority: int) -> Call[JobPlan]:
    return calls.post_dry_run(_JOBS, JobPlan, spec, priority=priority)


def get(job_id: str, *, wait_s: float | None = None) -> Call[Job]:
    """The job; with `wait_s` (up to 60) as soon as it has ended, or after that time."""
    call = calls.get(_job(job_id), Job, wait=wait_s)
    return replace(call, silence_s=wait_s or 0.0)


def list_all(
    *,
    status: str | None = None,
    outcome: str | None = None,
    sweep_id: str | None = None,
    study_id: str | None = None,
    activation: str | None = None,
    name: str | None = None,
    page_size: int = 50,
) -> Call[Page[Job]]:
    """All jobs that match, newest first, page after page as they are asked for."""
    return calls.get(
        _JOBS,
        Page[Job],
        status=status,
        outcome=outcome,
        sweep_id=sweep_id,
        study_id=study_id,
        activation=activation,
        name=name,
        limit=page_size,
    )


def cancel(job_id: str) -> Call[Job]:
    """Cancels: a queued job at once, a running one as soon as its worker notices."""
    return calls.post(_job(job_id, "cancel"), Job)


def retry(job_id: str) -> Call[Job]:
    """Queues a failed or cancelled job again."""
    return calls.post(_job(job_id, "retry"), Job)


def delete(job_id: str) -> Call[None]:
    """Deletes a job that has ended, with everything that it measured."""
    return Call(method="DELETE", path=_job(job_id), read=calls.nothing)


def epochs(
    job_id: str, *, columns: Iterable[str] | None = None, max_points: int | None = None
) -> Call[EpochSeries]:
    """The series of a job, a list per quantity: all of them, or the named ones."""
    wanted = calls.joined(columns)
    return calls.get(_job(job_id, "epochs"), EpochSeries, columns=wanted, max_points=max_points)


def layers(
    job_id: str, *, columns: Iterable[str] | None = None, max_points: int | None = None
) -> Call[LayerSeries]:
    """The same per hidden layer; `max_points` is per layer."""
    wanted = calls.joined(columns)
    return calls.get(_job(job_id, "layers"), LayerSeries, columns=wanted, max_points=max_points)


def units(job_id: str, *, layer: int = 0, max_points: int | None = None) -> Call[UnitSeries]:
    """The life of each unit of a hidden layer."""
    return calls.get(_job(job_id, "units"), UnitSeries, layer=layer, max_points=max_points)


def export(
    job_id: str,
    *,
    what: Literal["epochs", "layers"] = "epochs",
    form: Literal["csv", "parquet"] = "csv",
    columns: Iterable[str] | None = None,
    max_points: int | None = None,
) -> Call[bytes]:
    """A series as a file's content. Parquet needs the extra `parquet` where the service runs."""
    return Call(
        method="GET",
        path=_job(job_id, what),
        query=calls.as_query({"columns": calls.joined(columns), "max_points": max_points}),
        headers={"Accept": _FORMS[form]},
        read=calls.content,
    )


def diagnose(job_id: str, *, treat: bool = False) -> Call[Diagnosis]:
    """What went wrong with a job that has ended. `treat` also runs the treatments beside it, once
    however often it is asked: a later call reports which helped."""
    return Call(
        method="POST",
        path=_job(job_id, "diagnosis"),
        query={"treat": "true"} if treat else {},
        read=calls.as_model(Diagnosis),
    )


def weights(job_id: str) -> Call[bytes]:
    """The weights that a job ended with, in the safetensors format."""
    return Call(method="GET", path=_job(job_id, "weights"), read=calls.content)


def events(job_id: str, *, last_event_id: str = "") -> Stream[JobEvent]:
    """The job's events so far, then each as it happens, until it has ended. A stream that is cut
    is taken up where it was: every event comes exactly once."""
    return Stream(
        path=_job(job_id, "events"),
        kinds={"status": StatusChange, "epoch": EpochMetrics, "end": Job},
        last_event_id=last_event_id,
    )


def _job(job_id: str, *parts: str) -> str:
    return calls.at("v1", "jobs", job_id, *parts)
