"""studies, and which sweeps are whose

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

import service.db.types

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "studies",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("template", sa.String(length=100), nullable=False),
        sa.Column("claim", sa.Text(), nullable=False),
        sa.Column("scale", sa.String(length=32), nullable=False),
        sa.Column("overrides", service.db.types.Json, nullable=False),
        sa.Column("options", service.db.types.Json, nullable=False),
        sa.Column("owner", sa.String(length=40), server_default="default", nullable=False),
        sa.Column("priority", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("rounds", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.String(length=32), nullable=True),
        sa.Column("seeds_needed", sa.BigInteger(), nullable=True),
        sa.Column("findings", sa.Text(), nullable=True),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("lease_expires_at", service.db.types.UtcTimestamp(), nullable=True),
        sa.Column("due_at", service.db.types.UtcTimestamp(), nullable=False),
        sa.Column("created_at", service.db.types.UtcTimestamp(), nullable=False),
        sa.Column("finished_at", service.db.types.UtcTimestamp(), nullable=True),
        sa.Column("cancel_requested_at", service.db.types.UtcTimestamp(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studies")),
    )
    op.create_index("ix_studies_status", "studies", ["status", "id"], unique=False)
    op.create_index("ix_studies_template", "studies", ["template", "id"], unique=False)
    op.create_index("ix_studies_verdict", "studies", ["verdict", "id"], unique=False)
    op.create_table(
        "study_sweeps",
        sa.Column("study_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("sweep_id", sa.String(length=40), nullable=False),
        sa.Column("round", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id"],
            ["studies.id"],
            name=op.f("fk_study_sweeps_study_id_studies"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("study_id", "name", name=op.f("pk_study_sweeps")),
    )
    op.create_index("ix_jobs_study_status", "jobs", ["study_id", "status", "id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_jobs_study_status", "jobs")
    op.drop_table("study_sweeps")
    op.drop_index("ix_studies_verdict", "studies")
    op.drop_index("ix_studies_template", "studies")
    op.drop_index("ix_studies_status", "studies")
    op.drop_table("studies")
