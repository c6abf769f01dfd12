"""Runs in an MLflow tracking store: a server's, or a database file that MLflow itself writes."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from service.domain.job import Job
from service.domain.states import JobStatus
from service.exports.extras import load
from service.exports.runs import Run

_METRICS_A_CALL = 1000
_PARAMETERS_A_CALL = 100
_LONGEST_PARAMETER = 6000

_STATUS = {
    JobStatus.QUEUED: "SCHEDULED",
    JobStatus.RUNNING: "RUNNING",
    JobStatus.SUCCEEDED: "FINISHED",
    JobStatus.FAILED: "FAILED",
    JobStatus.CANCELLED: "KILLED",
}

_JOB_TAG = "subgrad.job_id"


def write_mlflow(runs: Iterable[Run], tracking_uri: str, experiment: str) -> int:
    """Writes each run into the experiment, in place of one of the same job. Returns how many runs
    there were; raises ExtraMissing, and MlflowException where the store cannot be used."""
    mlflow = load("mlflow", library="mlflow-skinny or mlflow", extra="mlflow")
    client = mlflow.MlflowClient(tracking_uri=tracking_uri)
    found = client.get_experiment_by_name(experiment)
    experiment_id = found.experiment_id if found else client.create_experiment(experiment)
    count = 0
    for run in runs:
        count += 1
        query = f"tags.`{_JOB_TAG}` = '{run.job.id}'"
        for old in client.search_runs([experiment_id], query):
            client.delete_run(old.info.run_id)
        _write_run(client, mlflow.entities, experiment_id, run)
    return count


def _write_run(client: Any, entities: Any, experiment_id: str, run: Run) -> None:
    job = run.job
    started = job.started_at or job.created_at
    made = client.create_run(
        experiment_id, start_time=_ms(started), tags=_tags(job), run_name=job.name or job.id
    )
    run_id = made.info.run_id
    for some in _by(_PARAMETERS_A_CALL, run.parameters().items()):
        texts = [(name, str(value)[:_LONGEST_PARAMETER]) for name, value in some]
        client.log_batch(run_id, params=[entities.Param(name, text) for name, text in texts])
    ended = dict(zip(run.epochs["epoch"], run.times(), strict=True))
    last = started.timestamp()
    for cells in _by(_METRICS_A_CALL, run.scalars()):
        metrics = [
            entities.Metric(name, value, int(1000 * ended.get(epoch, last)), epoch)
            for name, epoch, value in cells
        ]
        client.log_batch(run_id, metrics=metrics)
    finished = _ms(job.finished_at) if job.finished_at else None
    client.set_terminated(run_id, status=_STATUS[job.status], end_time=finished)


def _tags(job: Job) -> dict[str, str]:
    known = {
        _JOB_TAG: job.id,
        "subgrad.sweep_id": job.sweep_id,
        "subgrad.study_id": job.study_id,
        "subgrad.status": job.status,
        "subgrad.outcome": job.outcome,
        "subgrad.diverged_at_step": job.diverged_at_step,
    }
    return {name: str(value) for name, value in known.items() if value is not None}


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _by(size: int, items: Iterable[Any]) -> Iterator[Sequence[Any]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
