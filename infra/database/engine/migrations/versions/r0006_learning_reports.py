"""Learning reports, newest last."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "learning_reports",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_learning_reports")),
    )
    op.create_index("ix_learning_reports_at_us", "learning_reports", ["at_us"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("learning_reports")
