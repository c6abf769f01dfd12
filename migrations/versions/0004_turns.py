"""owners, priorities, and how many may train together after a crash

Revision ID: 0004
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

import service.db.types

revision = "0004"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "owners",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("served_at", service.db.types.UtcTimestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_owners")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("owner", sa.String(length=40), server_default="default", nullable=False)
        )
        batch_op.add_column(
            sa.Column("precedence", sa.BigInteger(), server_default="0", nullable=False)
        )
        batch_op.add_column(sa.Column("max_cohort", sa.BigInteger(), nullable=True))
        batch_op.create_index(
            "ix_jobs_queue", ["status", "owner", "precedence", "id"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index("ix_jobs_queue")
        batch_op.drop_column("max_cohort")
        batch_op.drop_column("precedence")
        batch_op.drop_column("owner")
    op.drop_table("owners")
