"""API keys, the audit log, and whose sweeps, data sets and idempotency keys are

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

import service.db.types

revision = "0009"
down_revision = "0008"

_TIME = service.db.types.UtcTimestamp()
_OWNED_LISTS = ("status", "outcome", "activation", "name")


def upgrade() -> None:
    _create_keys()
    op.create_index("ix_jobs_owner", "jobs", ["owner", "id"], unique=False)
    for filtered in _OWNED_LISTS:
        op.create_index(f"ix_jobs_owner_{filtered}", "jobs", ["owner", filtered, "id"])
    owner = sa.Column("owner", sa.String(length=40), server_default="default", nullable=False)
    op.add_column("sweeps", owner)
    op.create_index("ix_sweeps_owner", "sweeps", ["owner", "id"], unique=False)
    op.create_index("ix_sweeps_owner_name", "sweeps", ["owner", "name", "id"], unique=False)
    op.create_index("ix_studies_owner", "studies", ["owner", "id"], unique=False)
    op.create_table(
        "dataset_owners",
        sa.Column("owner", sa.String(length=40), nullable=False),
        sa.Column("dataset_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["dataset_id"],
            ["datasets.id"],
            name=op.f("fk_dataset_owners_dataset_id_datasets"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("owner", "dataset_id", name=op.f("pk_dataset_owners")),
    )
    op.execute(
        "INSERT INTO dataset_owners (owner, dataset_id, name, created_at) "
        "SELECT 'default', id, name, created_at FROM datasets"
    )
    op.create_index(op.f("ix_dataset_owners_dataset_id"), "dataset_owners", ["dataset_id"])
    op.create_index("ix_dataset_owners_created", "dataset_owners", ["created_at", "dataset_id"])
    op.create_index(
        "ix_dataset_owners_owner_created", "dataset_owners", ["owner", "created_at", "dataset_id"]
    )
    op.drop_index("ix_datasets_created", "datasets")
    keys_owner = sa.Column("owner", sa.String(length=40), server_default="default", nullable=False)
    op.add_column("idempotency_keys", keys_owner)
    op.create_index(
        op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"], unique=False
    )


def _create_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("owner", sa.String(length=40), nullable=False),
        sa.Column("prefix", sa.String(length=12), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("scopes", service.db.types.Json, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=True),
        sa.Column("last_used_at", _TIME, nullable=True),
        sa.Column("revoked_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )
    op.create_index("ix_api_keys_prefix", "api_keys", ["prefix"], unique=True)
    op.create_table(
        "audit_log",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("owner", sa.String(length=40), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=True),
        sa.Column("method", sa.String(length=32), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("resource_id", sa.String(length=40), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index("ix_audit_log_at", "audit_log", ["at"], unique=False)
    op.create_index("ix_audit_log_owner", "audit_log", ["owner", "id"], unique=False)
    op.create_index("ix_audit_log_key", "audit_log", ["key_id", "id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_idempotency_keys_created_at"), "idempotency_keys")
    op.drop_column("idempotency_keys", "owner")
    op.create_index("ix_datasets_created", "datasets", ["created_at", "id"], unique=False)
    op.execute(
        "UPDATE datasets SET name = coalesce(name, (SELECT min(name) FROM dataset_owners "
        "WHERE dataset_id = datasets.id AND owner = 'default'))"
    )
    op.drop_table("dataset_owners")
    op.drop_index("ix_studies_owner", "studies")
    op.drop_index("ix_sweeps_owner_name", "sweeps")
    op.drop_index("ix_sweeps_owner", "sweeps")
    op.drop_column("sweeps", "owner")
    for filtered in reversed(_OWNED_LISTS):
        op.drop_index(f"ix_jobs_owner_{filtered}", "jobs")
    op.drop_index("ix_jobs_owner", "jobs")
    op.drop_table("audit_log")
    op.drop_table("api_keys")
