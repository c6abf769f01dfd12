"""Every table. A change here comes with its migration; a test compares the two."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from service.db.types import Json, Measured, UtcTimestamp
from service.domain.access import DEFAULT_OWNER

_ID = String(40)
_WORD = String(32)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy's own form)
        int: BigInteger,
        float: Measured,
        datetime: UtcTimestamp,
        dict[str, Any]: Json,
        list[Any]: Json,
    }


class Owned:
    """What belongs to somebody. A session that is opened for an owner sees no other's rows, see
    `service.db.engine`. Each of these tables has its own column `owner` and indexes on it."""

    if TYPE_CHECKING:
        owner: Mapped[str]


class JobRow(Base, Owned):
    """A job: its spec, its state, and who holds it."""

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    name: Mapped[str | None] = mapped_column(String(200))
    spec: Mapped[dict[str, Any]]
    warnings: Mapped[list[Any]]
    # The next two repeat parts of the spec, for finding jobs by them.
    activation: Mapped[str] = mapped_column(_WORD)
    cohort_key: Mapped[str] = mapped_column(_WORD)
    epochs: Mapped[int]
    sweep_id: Mapped[str | None] = mapped_column(_ID)
    study_id: Mapped[str | None] = mapped_column(_ID)

    status: Mapped[str] = mapped_column(_WORD)
    outcome: Mapped[str | None] = mapped_column(_WORD)
    reason: Mapped[str | None] = mapped_column(_WORD)
    detail: Mapped[str | None] = mapped_column(Text)
    diverged_at_step: Mapped[int | None]
    environment: Mapped[dict[str, Any] | None]

    # The attempt is the fencing token: it grows with every claim, and each write of a worker
    # names it. `losses` counts the attempts that ended with a loss that may be this job's fault:
    # of the worker, or of a training process that trained nothing else.
    attempt: Mapped[int] = mapped_column(default=0)
    losses: Mapped[int] = mapped_column(default=0)
    worker_id: Mapped[str | None] = mapped_column(_ID)
    lease_expires_at: Mapped[datetime | None]
    last_epoch: Mapped[int | None]
    status_seq: Mapped[int] = mapped_column(default=0)

    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]

    # Which point of the sweep's axes the job is, from 0; None outside of sweeps.
    sweep_index: Mapped[int | None]
    # The order of the queue. `precedence` is the negative of the priority: so an ordinary index,
    # read forwards, has the most urgent first.
    owner: Mapped[str] = mapped_column(_ID, default=DEFAULT_OWNER, server_default=DEFAULT_OWNER)
    precedence: Mapped[int] = mapped_column(default=0, server_default="0")
    # How many may train together with this one after a process died over them; None: any number.
    max_cohort: Mapped[int | None]
    # The spec's, for finding jobs by it.
    device: Mapped[str] = mapped_column(_WORD, default="auto", server_default="auto")
    # The request that made the job, for logs and traces to follow it by.
    request_id: Mapped[str | None] = mapped_column(String(128))
    traceparent: Mapped[str | None] = mapped_column(String(64))

    # One index per filter of the list, in the order of the list. None holds what changes while a
    # job runs (lease, last epoch), so that PostgreSQL renews a lease without touching any index;
    # the few running jobs are found by their status.
    __table_args__ = (
        Index("ix_jobs_status", "status", "id"),
        # For `service.db.heads`: who waits, and who waits for the same program.
        Index("ix_jobs_line", "status", "device", "precedence", "owner", "id"),
        Index("ix_jobs_alike", "cohort_key", "status", "precedence", "owner", "id"),
        Index("ix_jobs_outcome", "outcome", "id"),
        Index("ix_jobs_activation", "activation", "id"),
        Index("ix_jobs_name", "name", "id"),
        Index("ix_jobs_sweep", "sweep_id", "id"),
        Index("ix_jobs_sweep_status", "sweep_id", "status", "id"),
        Index("ix_jobs_study", "study_id", "id"),
        Index("ix_jobs_study_status", "study_id", "status", "id"),
        # The same lists of one owner among many.
        Index("ix_jobs_owner", "owner", "id"),
        Index("ix_jobs_owner_status", "owner", "status", "id"),
        Index("ix_jobs_owner_outcome", "owner", "outcome", "id"),
        Index("ix_jobs_owner_activation", "owner", "activation", "id"),
        Index("ix_jobs_owner_name", "owner", "name", "id"),
    )


class SweepRow(Base, Owned):
    """A sweep as it was posted. Its status is that of its members: see `service.db.sweeps`."""

    __tablename__ = "sweeps"

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    name: Mapped[str | None] = mapped_column(String(200))
    base: Mapped[dict[str, Any]]
    # A list of pairs: PostgreSQL forgets the order of an object's fields, and the axes' counts.
    axes: Mapped[list[Any]]
    mode: Mapped[str] = mapped_column(_WORD)
    members: Mapped[int]
    study_id: Mapped[str | None] = mapped_column(_ID)
    created_at: Mapped[datetime]
    owner: Mapped[str] = mapped_column(_ID, default=DEFAULT_OWNER, server_default=DEFAULT_OWNER)

    __table_args__ = (
        Index("ix_sweeps_name", "name", "id"),
        Index("ix_sweeps_study", "study_id", "id"),
        Index("ix_sweeps_owner", "owner", "id"),
        Index("ix_sweeps_owner_name", "owner", "name", "id"),
    )


class StatusRow(Base):
    """One move of a job from state to state."""

    __tablename__ = "job_statuses"

    job_id: Mapped[str] = mapped_column(
        _ID, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    status: Mapped[str] = mapped_column(_WORD)
    attempt: Mapped[int]
    reason: Mapped[str | None] = mapped_column(_WORD)
    at: Mapped[datetime]


class OutboxRow(Base):
    """A queued job that is to be announced to the workers. The row lives as long as the job
    waits: an announcement that is lost is made again when it falls due."""

    __tablename__ = "outbox"

    job_id: Mapped[str] = mapped_column(
        _ID, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    announced: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime] = mapped_column(index=True)
    # Since when the job waits; None where a process of an older version put it here.
    queued_at: Mapped[datetime | None] = mapped_column(index=True)


class OwnerRow(Base):
    """Whom jobs are accounted to, and when one of them was claimed last: fairness needs to know."""

    __tablename__ = "owners"

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    served_at: Mapped[datetime]


class IdempotencyRow(Base, Owned):
    """An Idempotency-Key that made a job or a sweep, and the digest of the body it came with."""

    __tablename__ = "idempotency_keys"

    # Of the default owner as it was sent, of others a digest of owner and key.
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    resource_id: Mapped[str] = mapped_column(_ID, index=True)
    created_at: Mapped[datetime] = mapped_column(index=True)
    owner: Mapped[str] = mapped_column(_ID, default=DEFAULT_OWNER, server_default=DEFAULT_OWNER)


def _of_a_job() -> ForeignKeyConstraint:
    """On SQLite alone: PostgreSQL would look up the job of each row by itself, which takes longer
    than to copy the row. Whoever writes has the job locked, and whoever removes a job calls
    `service.db.measured.forget` before."""
    info = {"only": "sqlite"}
    key = ForeignKeyConstraint(["job_id"], ["jobs.id"], ondelete="CASCADE", info=info)
    return key.ddl_if(dialect=info["only"])


class EpochRow(Base):
    """`EpochMetrics` of one job and epoch, and the attempt that wrote it."""

    __tablename__ = "epoch_metrics"
    __table_args__ = (_of_a_job(),)

    job_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    attempt: Mapped[int]
    train_loss: Mapped[float | None]
    train_metric: Mapped[float | None]
    validation_loss: Mapped[float | None]
    validation_metric: Mapped[float | None]
    learning_rate: Mapped[float | None]
    grad_norm_mean: Mapped[float | None]
    grad_norm_max: Mapped[float | None]
    grad_norm_last: Mapped[float | None]
    dead_fraction: Mapped[float | None]
    dormant_fraction: Mapped[float | None]
    saturated_fraction: Mapped[float | None]
    sparsity: Mapped[float | None]
    kink_hits: Mapped[int | None]
    kink_effective: Mapped[int | None]
    loss_kink_hits: Mapped[int | None]
    loss_kink_effective: Mapped[int | None]
    seconds: Mapped[float | None]
    optimality_gap: Mapped[float | None]
    weight_distance: Mapped[float | None]
    first_effective_step: Mapped[int | None]
    bifurcation_differing: Mapped[int | None]
    bifurcation_zeros: Mapped[int | None]
    activation_forward_s: Mapped[float | None]
    activation_backward_s: Mapped[float | None]
    relu_forward_s: Mapped[float | None]
    relu_backward_s: Mapped[float | None]
    linear_regions: Mapped[int | None]


class RollupRow(Base):
    """Smallest and largest value of one quantity over a hundred epochs, for drawing long series.

    A bucket is written with its last epoch, see `service.db.rollups`. NaN where one of the values
    is NaN; no row where none was measured.
    """

    __tablename__ = "epoch_rollups"
    __table_args__ = (_of_a_job(),)

    job_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    quantity: Mapped[str] = mapped_column(_WORD, primary_key=True)
    bucket: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    attempt: Mapped[int]
    minimum: Mapped[float | None]
    maximum: Mapped[float | None]


class CoarseRollupRow(Base):
    """The same over `size` epochs, a multiple of a hundred, for drawing very long series."""

    __tablename__ = "coarse_rollups"
    # Read by ranges of the key: SQLite keeps the rows in its order.
    __table_args__ = (_of_a_job(), {"sqlite_with_rowid": False})

    job_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    quantity: Mapped[str] = mapped_column(_WORD, primary_key=True)
    bucket: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    attempt: Mapped[int]
    minimum: Mapped[float | None]
    maximum: Mapped[float | None]


class LayerRow(Base):
    """`LayerMetrics` of one job, epoch and hidden layer."""

    __tablename__ = "layer_metrics"
    __table_args__ = (_of_a_job(),)

    job_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    layer: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    attempt: Mapped[int]
    units: Mapped[int]
    dead: Mapped[int | None]
    dormant: Mapped[int | None]
    saturated: Mapped[int | None]
    sparsity: Mapped[float | None]
    kink_hits: Mapped[int | None]
    kink_effective: Mapped[int | None]
    grad_norm_mean: Mapped[float | None]
    grad_norm_max: Mapped[float | None]
    grad_norm_last: Mapped[float | None]
    update_ratio: Mapped[float | None]
    weight_norm: Mapped[float | None]
    effective_rank: Mapped[float | None]
    first_effective_step: Mapped[int | None]
    bifurcation_zeros: Mapped[int | None]


class UnitRow(Base):
    """Per unit of a hidden layer after an epoch: little-endian float32 activity, a byte dead."""

    __tablename__ = "unit_activity"
    __table_args__ = (_of_a_job(),)

    job_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    layer: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    attempt: Mapped[int]
    activity: Mapped[bytes] = mapped_column(LargeBinary)
    dead: Mapped[bytes] = mapped_column(LargeBinary)


class CheckpointRow(Base):
    """All that an attempt needs to go on after `epoch`; of a running or waiting job only."""

    __tablename__ = "checkpoints"

    job_id: Mapped[str] = mapped_column(
        _ID, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    attempt: Mapped[int]
    epoch: Mapped[int]
    payload: Mapped[bytes] = mapped_column(LargeBinary)


class WeightsRow(Base):
    """The weights that a job ended with, as safetensors."""

    __tablename__ = "weights"

    job_id: Mapped[str] = mapped_column(
        _ID, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    attempt: Mapped[int]
    payload: Mapped[bytes] = mapped_column(LargeBinary)
