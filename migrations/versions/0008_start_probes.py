"""what is measured on request: bifurcation zone, cost of an activation, linear regions

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

import service.db.types

revision = "0008"
down_revision = "0007"

_COUNTS = ("bifurcation_differing", "bifurcation_zeros")
_TIMES = ("activation_forward_s", "activation_backward_s", "relu_forward_s", "relu_backward_s")
_COLUMNS = (
    ("epoch_metrics", _COUNTS, sa.BigInteger()),
    ("epoch_metrics", _TIMES, service.db.types.Measured()),
    ("epoch_metrics", ("linear_regions",), sa.BigInteger()),
    ("layer_metrics", ("bifurcation_zeros",), sa.BigInteger()),
)


def upgrade() -> None:
    for table, names, kind in _COLUMNS:
        for name in names:
            op.add_column(table, sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    for table, names, _ in reversed(_COLUMNS):
        with op.batch_alter_table(table, schema=None) as batch_op:
            for name in reversed(names):
                batch_op.drop_column(name)
