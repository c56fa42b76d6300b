"""Where in the mirror an event is, and the messages that the stream processor gave up on."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column and the table."""
    op.add_column("events", sa.Column("mirror_sequence", sa.BigInteger(), nullable=True))
    op.create_table(
        "dead_letters",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("person", sa.String(), nullable=True),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("deliveries", sa.BigInteger(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("replayed_us", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person"], ["people.person"], name=op.f("fk_dead_letters_person_people"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_dead_letters")),
        sa.UniqueConstraint("place", "digest", name=op.f("uq_dead_letters_place_digest")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_dead_letters_person"), "dead_letters", ["person"])


def downgrade() -> None:
    """Drop both."""
    op.drop_table("dead_letters")
    op.drop_column("events", "mirror_sequence")
