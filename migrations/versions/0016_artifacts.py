"""objects in a store, for the bytes of checkpoints, weights and uploads

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

import service.db.types

revision = "0016"
down_revision = "0015"

_UNNAMED = sa.text("checkpoint_of IS NULL AND weights_of IS NULL AND dataset_id IS NULL")
# A checkpoint without bytes is as none at all to any version: the job starts again.
_ELSEWHERE = sa.text(
    "SELECT (SELECT count(*) FROM weights WHERE length(payload) = 0) + "
    "(SELECT count(*) FROM datasets WHERE length(content) = 0)"
)


def upgrade() -> None:
    op.create_table(
        "artifacts",
        sa.Column("url", sa.String(length=1024), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", service.db.types.UtcTimestamp(), nullable=False),
        sa.Column("named_at", service.db.types.UtcTimestamp(), nullable=True),
        sa.Column("doomed_at", service.db.types.UtcTimestamp(), nullable=True),
        sa.Column("checkpoint_of", sa.String(length=40), nullable=True),
        sa.Column("weights_of", sa.String(length=40), nullable=True),
        sa.Column("dataset_id", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(
            ["checkpoint_of"],
            ["checkpoints.job_id"],
            name=op.f("fk_artifacts_checkpoint_of_checkpoints"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["weights_of"],
            ["weights.job_id"],
            name=op.f("fk_artifacts_weights_of_weights"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["datasets.id"],
            name=op.f("fk_artifacts_dataset_id_datasets"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("url", name=op.f("pk_artifacts")),
    )
    for column in ("checkpoint_of", "weights_of", "dataset_id"):
        op.create_index(op.f(f"ix_artifacts_{column}"), "artifacts", [column], unique=True)
    op.create_index(
        "ix_artifacts_unnamed",
        "artifacts",
        ["created_at"],
        postgresql_where=_UNNAMED,
        sqlite_where=_UNNAMED,
    )


def downgrade() -> None:
    elsewhere = op.get_bind().execute(_ELSEWHERE).scalar_one()
    if elsewhere:
        raise RuntimeError(
            f"{elsewhere:,} rows of weights and data sets have their bytes in an object store, "
            "where the older version does not look. Bring them back: subgrad artifacts move --to "
            "database."
        )
    op.drop_table("artifacts")
