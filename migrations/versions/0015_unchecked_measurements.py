"""PostgreSQL no longer looks up the job of each row of measurements

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_TABLES = ("epoch_metrics", "epoch_rollups", "coarse_rollups", "layer_metrics", "unit_activity")


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in _TABLES:
            op.drop_constraint(_key(table), table, type_="foreignkey")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in _TABLES:
            # What a process of the release before left behind when it removed a job.
            rows, jobs = sa.table(table, sa.column("job_id")), sa.table("jobs", sa.column("id"))
            op.execute(sa.delete(rows).where(~sa.exists().where(jobs.c.id == rows.c.job_id)))
            op.create_foreign_key(
                _key(table), table, "jobs", ["job_id"], ["id"], ondelete="CASCADE"
            )


def _key(table: str) -> str:
    return f"fk_{table}_job_id_jobs"
