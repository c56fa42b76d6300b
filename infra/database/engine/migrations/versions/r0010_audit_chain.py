"""The MAC chain of the audit log; existing rows are chained when the key is available."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the columns, empty, and the table of the chain's state."""
    op.add_column("audit", sa.Column("sequence", sa.BigInteger(), nullable=True))
    op.add_column("audit", sa.Column("previous", sa.String(), nullable=True))
    op.add_column("audit", sa.Column("mac", sa.String(), nullable=True))
    op.create_index("ix_audit_sequence", "audit", ["sequence"], unique=True)
    op.create_table(
        "audit_chain",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("began_us", sa.BigInteger(), nullable=False),
        sa.Column("adopted", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.String(), nullable=False),
        sa.Column("base_sequence", sa.BigInteger(), nullable=False),
        sa.Column("base_mac", sa.String(), nullable=False),
        sa.Column("anchored", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_audit_chain")),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("audit_chain")
    op.drop_index("ix_audit_sequence", "audit")
    for column in ("mac", "previous", "sequence"):
        op.drop_column("audit", column)
