"""Devices and webhooks that may push, their keys, and the inbox of signed deliveries."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def _owned_by_a_person(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_person_people")
    return sa.ForeignKeyConstraint(["person"], ["people.person"], name=name, ondelete="CASCADE")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "push_sources",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("seen_us", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("form IN ('token', 'webhook')", name=op.f("ck_push_sources_form")),
        _owned_by_a_person("push_sources"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_push_sources")),
        sa.UniqueConstraint("person", "name", name=op.f("uq_push_sources_person_name")),
    )
    op.create_table(
        "push_keys",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=True),
        sa.Column("box", sa.LargeBinary(), nullable=True),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("ends_us", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["source"], ["push_sources.id"], name=op.f("fk_push_keys_source_push_sources"), ondelete="CASCADE"
        ),
        _owned_by_a_person("push_keys"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_push_keys")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_push_keys_token_hash")),
    )
    op.create_index(op.f("ix_push_keys_source"), "push_keys", ["source"])
    op.create_index(op.f("ix_push_keys_person"), "push_keys", ["person"])
    op.create_table(
        "deliveries",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        _owned_by_a_person("deliveries"),
        sa.PrimaryKeyConstraint("person", "key", name=op.f("pk_deliveries")),
    )
    op.create_index(op.f("ix_deliveries_until_us"), "deliveries", ["until_us"])


def downgrade() -> None:
    """Drop them."""
    for table in ("deliveries", "push_keys", "push_sources"):
        op.drop_table(table)
