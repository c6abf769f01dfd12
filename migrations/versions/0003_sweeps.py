"""sweeps; idempotency keys of any resource; roll-ups of long series

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

import service.db.types

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "sweeps",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("base", JSON, nullable=False),
        sa.Column("axes", JSON, nullable=False),
        sa.Column("mode", sa.String(length=32), nullable=False),
        sa.Column("members", sa.BigInteger(), nullable=False),
        sa.Column("study_id", sa.String(length=40), nullable=True),
        sa.Column("created_at", service.db.types.UtcTimestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sweeps")),
    )
    with op.batch_alter_table("sweeps", schema=None) as batch_op:
        batch_op.create_index("ix_sweeps_name", ["name", "id"], unique=False)
        batch_op.create_index("ix_sweeps_study", ["study_id", "id"], unique=False)

    op.create_table(
        "epoch_rollups",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("quantity", sa.String(length=32), nullable=False),
        sa.Column("bucket", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("minimum", service.db.types.Measured(), nullable=True),
        sa.Column("maximum", service.db.types.Measured(), nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_epoch_rollups_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "quantity", "bucket", name=op.f("pk_epoch_rollups")),
    )
    op.add_column("jobs", sa.Column("sweep_index", sa.BigInteger(), nullable=True))
    op.create_index("ix_jobs_sweep_status", "jobs", ["sweep_id", "status", "id"], unique=False)

    op.alter_column("idempotency_keys", "job_id", new_column_name="resource_id")
    op.create_index(
        op.f("ix_idempotency_keys_resource_id"), "idempotency_keys", ["resource_id"], unique=False
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_idempotency_keys_resource_id"), table_name="idempotency_keys")
    op.alter_column("idempotency_keys", "resource_id", new_column_name="job_id")
    op.drop_index("ix_jobs_sweep_status", table_name="jobs")
    op.drop_column("jobs", "sweep_index")
    op.drop_table("epoch_rollups")
    op.drop_table("sweeps")
