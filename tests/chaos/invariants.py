"""What must hold after any disturbance."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from sqlalchemy import text

from service.db import Database, Session, checkpoints, jobs, metrics
from service.domain.artifacts import Artifact
from service.domain.job import Job
from service.domain.metrics import EPOCH_COLUMNS, LAYER_COLUMNS
from service.domain.states import ALLOWED_MOVES, TERMINAL, JobStatus, Reason
from tests.chaos.reference import Numbers, digest, tell, undisturbed

_LOST = {Reason.WORKER_LOST, Reason.OUT_OF_MEMORY, Reason.TIMEOUT, Reason.INTERNAL}
_METRIC_TABLES = ("epoch_metrics", "layer_metrics", "unit_activity")


def check(
    database: Database, accepted: Iterable[str], *, must_succeed: bool = True
) -> Counter[str]:
    """Asserts the promises for the accepted jobs, which must all have ended, and returns how many
    ended how. `must_succeed`: a job may end otherwise only where its user cancelled it."""
    accepted = sorted(accepted)
    with database.reading() as session:
        stored = sorted(session.scalars(text("SELECT id FROM jobs")))
        assert stored == accepted, "the jobs stored are not the jobs accepted"
        assert session.scalars(text("SELECT job_id FROM outbox")).all() == []
        left = session.scalars(text("SELECT job_id FROM checkpoints")).all()
        assert left == [], "checkpoints of jobs that have ended"
        ends: Counter[str] = Counter()
        ended: list[Job] = []
        for job_id in accepted:
            job = jobs.find(session, job_id)
            _check_history(session, job)
            ends[job.status] += 1
            if must_succeed and job.cancel_requested_at is None:
                assert job.status is JobStatus.SUCCEEDED, (job_id, job.status, job.detail)
            ended.append(job)
    for job in ended:
        wanted = undisturbed(job.spec)  # takes its time: no transaction is open
        with database.reading() as session:
            _check_rows(session, job, wanted)
    return ends


def _check_history(session: Session, job: Job) -> None:
    changes = jobs.status_changes(session, job.id)
    path = [change.status for change in changes]
    assert path[0] is JobStatus.QUEUED, path
    assert path[-1] is job.status, path
    assert all(after in ALLOWED_MOVES[before] for before, after in pairwise(path)), path
    assert sum(status in TERMINAL for status in path) == 1, path
    assert path.count(JobStatus.RUNNING) == job.attempt, path
    _check_losses(session, job, [change.reason for change in changes])


def _check_losses(session: Session, job: Job, reasons: Sequence[Reason | None]) -> None:
    """A job is blamed for nothing but the loss of processes, and for each loss once."""
    query = text("SELECT losses FROM jobs WHERE id = :id")
    losses: int = session.scalars(query, {"id": job.id}).one()
    lost = sum(reason in _LOST for reason in reasons)
    # One that its user had cancelled ends at its last loss, which its history calls otherwise.
    assert losses <= lost + (job.reason is Reason.USER), (job.id, losses, reasons)
    if job.status is JobStatus.SUCCEEDED:
        assert Reason.INTERNAL not in reasons, (job.id, reasons)


def _check_rows(session: Session, job: Job, wanted: Numbers) -> None:
    """No row is lost, doubled or from a dead attempt, and every number is the undisturbed one."""
    found = stored_numbers(session, job.id)
    if job.status is not JobStatus.SUCCEEDED:
        wanted = wanted.upto(len(found.epochs))
    assert found == wanted, job.id
    for table in _METRIC_TABLES:
        query = text(f"SELECT DISTINCT attempt FROM {table} WHERE job_id = :id")  # noqa: S608
        attempts = set(session.scalars(query, {"id": job.id}))
        # One that was cancelled between its claim and its first epoch has those of the one before.
        assert len(attempts) <= 1, (job.id, table, attempts)
        if job.status is JobStatus.SUCCEEDED:
            assert attempts <= {job.attempt}, (job.id, table, attempts)


def stored_numbers(session: Session, job_id: str) -> Numbers:
    epochs = metrics.read_epochs(session, job_id)
    layers = metrics.read_layers(session, job_id)
    weights = checkpoints.read_weights(session, job_id)
    return Numbers(
        epochs=_rows(epochs, EPOCH_COLUMNS),
        layers=_rows(layers, LAYER_COLUMNS),
        weights=weights.sha256 if isinstance(weights, Artifact) else digest(weights),
    )


def _rows(columns: metrics.Columns, names: tuple[str, ...]) -> list[str]:
    rows = zip(*columns.values(), strict=True)
    return [tell(dict(zip(columns, row, strict=True)), names) for row in rows]
