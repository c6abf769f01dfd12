"""the queue's indexes in the order in which its owners' oldest jobs are found

Revision ID: 0014
Revises: 0013
"""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_index("ix_jobs_line", "jobs", ["status", "device", "precedence", "owner", "id"])
    op.create_index("ix_jobs_alike", "jobs", ["cohort_key", "status", "precedence", "owner", "id"])
    op.drop_index("ix_jobs_queue", "jobs")
    op.drop_index("ix_jobs_cohort", "jobs")


def downgrade() -> None:
    op.create_index("ix_jobs_cohort", "jobs", ["cohort_key", "status", "id"])
    op.create_index("ix_jobs_queue", "jobs", ["status", "owner", "precedence", "id"])
    op.drop_index("ix_jobs_alike", "jobs")
    op.drop_index("ix_jobs_line", "jobs")
