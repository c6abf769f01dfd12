"""owners, priorities, and how many may train together after a crash

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

import service.db.types

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "owners",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("served_at", service.db.types.UtcTimestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_owners")),
    )
    # No batches: on SQLite they may make the table anew, and dropping the old one would take the
    # metrics along, by their foreign keys.
    owner = sa.Column("owner", sa.String(length=40), server_default="default", nullable=False)
    op.add_column("jobs", owner)
    precedence = sa.Column("precedence", sa.BigInteger(), server_default="0", nullable=False)
    op.add_column("jobs", precedence)
    op.add_column("jobs", sa.Column("max_cohort", sa.BigInteger(), nullable=True))
    op.create_index("ix_jobs_queue", "jobs", ["status", "owner", "precedence", "id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_jobs_queue", "jobs")
    for name in ("max_cohort", "precedence", "owner"):
        op.drop_column("jobs", name)
    op.drop_table("owners")
