"""how far a linear network is from its exact optimum

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

import service.db.types

revision = "0002"
down_revision = "0001"

_COLUMNS = ("optimality_gap", "weight_distance")


def upgrade() -> None:
    for name in _COLUMNS:
        op.add_column("epoch_metrics", sa.Column(name, service.db.types.Measured(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("epoch_metrics", schema=None) as batch_op:
        for name in reversed(_COLUMNS):
            batch_op.drop_column(name)
