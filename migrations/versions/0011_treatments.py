"""trials of treatments, by patient

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

import service.db.types

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "treatments",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("sweep_id", sa.String(length=40), nullable=False),
        sa.Column("arms", service.db.types.Json, nullable=False),
        sa.Column("seeds", service.db.types.Json, nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_treatments_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "attempt", name=op.f("pk_treatments")),
    )


def downgrade() -> None:
    op.drop_table("treatments")
