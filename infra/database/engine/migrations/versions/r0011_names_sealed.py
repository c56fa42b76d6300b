"""Names that callers choose are stored sealed or as keyed hashes; people with names in clear are marked."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

MARKS = ("clear_ids", "clear_names")


def upgrade() -> None:
    """Add the boxes and the marks, and leave no name of a file or a source in refused rows."""
    op.add_column("push_sources", sa.Column("name_box", sa.LargeBinary(), nullable=True))
    op.add_column("source_files", sa.Column("path_box", sa.LargeBinary(), nullable=True))
    for mark in MARKS:
        op.add_column("people", sa.Column(mark, sa.Boolean(), nullable=False, server_default=sa.true()))
    op.execute("UPDATE quarantine SET source = 'push' WHERE file IS NULL AND source <> 'api'")
    op.execute("UPDATE quarantine SET file = NULL")


def downgrade() -> None:
    """Drop them; what was sealed stays so, and is imported and added again by its owner."""
    op.execute("DELETE FROM push_sources WHERE name_box IS NOT NULL")
    op.execute("DELETE FROM source_files WHERE path_box IS NOT NULL")
    op.drop_column("push_sources", "name_box")
    op.drop_column("source_files", "path_box")
    for mark in MARKS:
        op.drop_column("people", mark)
