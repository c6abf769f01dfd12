"""uploaded data sets, and which jobs use them

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

import service.db.types

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "datasets",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("task", sa.String(length=32), nullable=False),
        sa.Column("target", sa.String(length=200), nullable=False),
        sa.Column("examples", sa.BigInteger(), nullable=False),
        sa.Column("features", sa.BigInteger(), nullable=False),
        sa.Column("classes", sa.BigInteger(), nullable=True),
        sa.Column("stored_bytes", sa.BigInteger(), nullable=False),
        sa.Column("columns", service.db.types.Json, nullable=False),
        sa.Column("class_counts", service.db.types.Json, nullable=True),
        sa.Column("created_at", service.db.types.UtcTimestamp(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datasets")),
    )
    op.create_index("ix_datasets_created", "datasets", ["created_at", "id"], unique=False)
    op.create_table(
        "dataset_uses",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("dataset_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["jobs.id"],
            name=op.f("fk_dataset_uses_job_id_jobs"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name=op.f("fk_dataset_uses_dataset_id_datasets")
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_dataset_uses")),
    )
    op.create_index(
        op.f("ix_dataset_uses_dataset_id"), "dataset_uses", ["dataset_id"], unique=False
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_dataset_uses_dataset_id"), "dataset_uses")
    op.drop_table("dataset_uses")
    op.drop_index("ix_datasets_created", "datasets")
    op.drop_table("datasets")
