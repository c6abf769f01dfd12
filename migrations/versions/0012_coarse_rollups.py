"""roll-ups of 1,000 and 10,000 epochs beside those of 100

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

import service.db.types

revision = "0012"
down_revision = "0011"

# A NaN makes both ends NaN; it sorts after every number on both databases.
_COARSER = """
INSERT INTO coarse_rollups (job_id, size, quantity, bucket, attempt, minimum, maximum)
SELECT finer.job_id, {size}, quantity, bucket / 10, max(attempt),
       CASE WHEN max(maximum) = 'NaN' THEN max(maximum) ELSE min(minimum) END, max(maximum)
FROM {finer} AS finer JOIN (
    SELECT job_id, count(*) / 10 AS count FROM {finer}
    WHERE {of_size} AND quantity = 'epoch' GROUP BY job_id
) AS whole ON whole.job_id = finer.job_id AND bucket / 10 < whole.count
WHERE {of_size}
GROUP BY finer.job_id, quantity, bucket / 10
"""


def upgrade() -> None:
    op.create_table(
        "coarse_rollups",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("quantity", sa.String(length=32), nullable=False),
        sa.Column("bucket", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("minimum", service.db.types.Measured(), nullable=True),
        sa.Column("maximum", service.db.types.Measured(), nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_coarse_rollups_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(
            "job_id", "size", "quantity", "bucket", name=op.f("pk_coarse_rollups")
        ),
        sqlite_with_rowid=False,
    )
    op.execute(_COARSER.format(finer="epoch_rollups", of_size="true", size=1000))
    op.execute(_COARSER.format(finer="coarse_rollups", of_size="size = 1000", size=10_000))


def downgrade() -> None:
    op.drop_table("coarse_rollups")
