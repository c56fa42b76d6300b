"""Which decision a decision comes after; unique, so that processes which race for a person make one decision."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column, empty for decisions from before, and the index that refuses the second."""
    op.add_column("decisions", sa.Column("follows", sa.String(), nullable=True))
    op.create_index("ix_decisions_follows", "decisions", ["follows"], unique=True)


def downgrade() -> None:
    """Drop both."""
    op.drop_index("ix_decisions_follows", "decisions")
    op.drop_column("decisions", "follows")
