"""checkpoints of running jobs, final weights, and the first step at which a convention mattered

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for name, columns in (("checkpoints", ["epoch"]), ("weights", [])):
        op.create_table(
            name,
            sa.Column("job_id", sa.String(length=40), nullable=False),
            sa.Column("attempt", sa.BigInteger(), nullable=False),
            *(sa.Column(column, sa.BigInteger(), nullable=False) for column in columns),
            sa.Column("payload", sa.LargeBinary(), nullable=False),
            sa.ForeignKeyConstraint(
                ["job_id"], ["jobs.id"], name=op.f(f"fk_{name}_job_id_jobs"), ondelete="CASCADE"
            ),
            sa.PrimaryKeyConstraint("job_id", name=op.f(f"pk_{name}")),
        )
    for table in ("epoch_metrics", "layer_metrics"):
        op.add_column(table, sa.Column("first_effective_step", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    for table in ("epoch_metrics", "layer_metrics"):
        op.drop_column(table, "first_effective_step")
    op.drop_table("weights")
    op.drop_table("checkpoints")
