"""which jobs need a GPU, and which workers have some

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    device = sa.Column("device", sa.String(length=32), server_default="auto", nullable=False)
    op.add_column("jobs", device)
    op.add_column("workers", sa.Column("gpus", sa.BigInteger(), server_default="0", nullable=False))
    # Both databases read a field of JSON alike.
    op.execute("UPDATE jobs SET device = spec ->> 'device' WHERE spec ->> 'device' IS NOT NULL")


def downgrade() -> None:
    op.drop_column("workers", "gpus")
    op.drop_column("jobs", "device")
