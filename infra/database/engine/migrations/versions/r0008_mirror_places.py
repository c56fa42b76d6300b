"""An index on the mirror's positions, so that a gap is looked up and not searched for."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

MARKED = sa.text("mirror_sequence IS NOT NULL")


def upgrade() -> None:
    """Add the index."""
    op.create_index(
        "ix_events_mirror_sequence", "events", ["mirror_sequence"], sqlite_where=MARKED, postgresql_where=MARKED
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_events_mirror_sequence", "events")
