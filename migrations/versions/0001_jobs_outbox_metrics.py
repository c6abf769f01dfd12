"""jobs, outbox, metrics

Revision ID: 0001
Revises: nothing
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

import service.db.types

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("created_at", service.db.types.UtcTimestamp(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_idempotency_keys")),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("spec", JSON, nullable=False),
        sa.Column("warnings", JSON, nullable=False),
        sa.Column("activation", sa.String(length=32), nullable=False),
        sa.Column("cohort_key", sa.String(length=32), nullable=False),
        sa.Column("epochs", sa.BigInteger(), nullable=False),
        sa.Column("sweep_id", sa.String(length=40), nullable=True),
        sa.Column("study_id", sa.String(length=40), nullable=True),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=True),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("diverged_at_step", sa.BigInteger(), nullable=True),
        sa.Column("environment", JSON, nullable=True),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("losses", sa.BigInteger(), nullable=False),
        sa.Column("worker_id", sa.String(length=40), nullable=True),
        sa.Column("lease_expires_at", service.db.types.UtcTimestamp(), nullable=True),
        sa.Column("last_epoch", sa.BigInteger(), nullable=True),
        sa.Column("status_seq", sa.BigInteger(), nullable=False),
        sa.Column("created_at", service.db.types.UtcTimestamp(), nullable=False),
        sa.Column("started_at", service.db.types.UtcTimestamp(), nullable=True),
        sa.Column("finished_at", service.db.types.UtcTimestamp(), nullable=True),
        sa.Column("cancel_requested_at", service.db.types.UtcTimestamp(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index("ix_jobs_activation", ["activation", "id"], unique=False)
        batch_op.create_index("ix_jobs_cohort", ["cohort_key", "status", "id"], unique=False)
        batch_op.create_index("ix_jobs_name", ["name", "id"], unique=False)
        batch_op.create_index("ix_jobs_outcome", ["outcome", "id"], unique=False)
        batch_op.create_index("ix_jobs_status", ["status", "id"], unique=False)
        batch_op.create_index("ix_jobs_study", ["study_id", "id"], unique=False)
        batch_op.create_index("ix_jobs_sweep", ["sweep_id", "id"], unique=False)

    op.create_table(
        "workers",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("slots", sa.BigInteger(), nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=False),
        sa.Column("started_at", service.db.types.UtcTimestamp(), nullable=False),
        sa.Column("seen_at", service.db.types.UtcTimestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )
    op.create_table(
        "epoch_metrics",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("train_loss", service.db.types.Measured(), nullable=True),
        sa.Column("train_metric", service.db.types.Measured(), nullable=True),
        sa.Column("validation_loss", service.db.types.Measured(), nullable=True),
        sa.Column("validation_metric", service.db.types.Measured(), nullable=True),
        sa.Column("learning_rate", service.db.types.Measured(), nullable=True),
        sa.Column("grad_norm_mean", service.db.types.Measured(), nullable=True),
        sa.Column("grad_norm_max", service.db.types.Measured(), nullable=True),
        sa.Column("grad_norm_last", service.db.types.Measured(), nullable=True),
        sa.Column("dead_fraction", service.db.types.Measured(), nullable=True),
        sa.Column("dormant_fraction", service.db.types.Measured(), nullable=True),
        sa.Column("saturated_fraction", service.db.types.Measured(), nullable=True),
        sa.Column("sparsity", service.db.types.Measured(), nullable=True),
        sa.Column("kink_hits", sa.BigInteger(), nullable=True),
        sa.Column("kink_effective", sa.BigInteger(), nullable=True),
        sa.Column("loss_kink_hits", sa.BigInteger(), nullable=True),
        sa.Column("loss_kink_effective", sa.BigInteger(), nullable=True),
        sa.Column("seconds", service.db.types.Measured(), nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_epoch_metrics_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "epoch", name=op.f("pk_epoch_metrics")),
    )
    op.create_table(
        "job_statuses",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("at", service.db.types.UtcTimestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_job_statuses_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "seq", name=op.f("pk_job_statuses")),
    )
    op.create_table(
        "layer_metrics",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("layer", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("dead", sa.BigInteger(), nullable=True),
        sa.Column("dormant", sa.BigInteger(), nullable=True),
        sa.Column("saturated", sa.BigInteger(), nullable=True),
        sa.Column("sparsity", service.db.types.Measured(), nullable=True),
        sa.Column("kink_hits", sa.BigInteger(), nullable=True),
        sa.Column("kink_effective", sa.BigInteger(), nullable=True),
        sa.Column("grad_norm_mean", service.db.types.Measured(), nullable=True),
        sa.Column("grad_norm_max", service.db.types.Measured(), nullable=True),
        sa.Column("grad_norm_last", service.db.types.Measured(), nullable=True),
        sa.Column("update_ratio", service.db.types.Measured(), nullable=True),
        sa.Column("weight_norm", service.db.types.Measured(), nullable=True),
        sa.Column("effective_rank", service.db.types.Measured(), nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_layer_metrics_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "epoch", "layer", name=op.f("pk_layer_metrics")),
    )
    op.create_table(
        "outbox",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("announced", sa.BigInteger(), nullable=False),
        sa.Column("due_at", service.db.types.UtcTimestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_outbox_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_outbox")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outbox_due_at"), ["due_at"], unique=False)

    op.create_table(
        "unit_activity",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("layer", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("activity", sa.LargeBinary(), nullable=False),
        sa.Column("dead", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_unit_activity_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "epoch", "layer", name=op.f("pk_unit_activity")),
    )


def downgrade() -> None:
    op.drop_table("unit_activity")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outbox_due_at"))

    op.drop_table("outbox")
    op.drop_table("layer_metrics")
    op.drop_table("job_statuses")
    op.drop_table("epoch_metrics")
    op.drop_table("workers")
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index("ix_jobs_sweep")
        batch_op.drop_index("ix_jobs_study")
        batch_op.drop_index("ix_jobs_status")
        batch_op.drop_index("ix_jobs_outcome")
        batch_op.drop_index("ix_jobs_name")
        batch_op.drop_index("ix_jobs_cohort")
        batch_op.drop_index("ix_jobs_activation")

    op.drop_table("jobs")
    op.drop_table("idempotency_keys")
