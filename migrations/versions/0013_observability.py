"""where a job came from, since when it waits, and what processes report of themselves

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

import service.db.types

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("request_id", sa.String(length=128), nullable=True))
    op.add_column("jobs", sa.Column("traceparent", sa.String(length=64), nullable=True))
    op.add_column("outbox", sa.Column("queued_at", service.db.types.UtcTimestamp(), nullable=True))
    op.create_index(op.f("ix_outbox_queued_at"), "outbox", ["queued_at"])
    op.execute(
        "UPDATE outbox SET queued_at = (SELECT max(at) FROM job_statuses "
        "WHERE job_statuses.job_id = outbox.job_id AND status = 'queued')"
    )
    op.create_table(
        "process_reports",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("seen_at", service.db.types.UtcTimestamp(), nullable=False),
        sa.Column("samples", service.db.types.Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_process_reports")),
    )


def downgrade() -> None:
    op.drop_table("process_reports")
    op.drop_index(op.f("ix_outbox_queued_at"), "outbox")
    op.drop_column("outbox", "queued_at")
    op.drop_column("jobs", "traceparent")
    op.drop_column("jobs", "request_id")
