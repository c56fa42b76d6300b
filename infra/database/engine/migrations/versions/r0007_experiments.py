"""A challenger that decides on a share of person-days."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

RUNNING = sa.text("ended_us IS NULL")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "experiments",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("slot", sa.String(), nullable=False),
        sa.Column("champion", sa.String(), nullable=False),
        sa.Column("challenger", sa.String(), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("began_us", sa.BigInteger(), nullable=False),
        sa.Column("ends_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_us", sa.BigInteger(), nullable=True),
        sa.Column("ended_why", sa.String(), nullable=True),
        sa.CheckConstraint("share > 0 AND share <= 0.5", name=op.f("ck_experiments_share")),
        sa.ForeignKeyConstraint(["slot"], ["champion_slot.slot"], name=op.f("fk_experiments_slot_champion_slot")),
        sa.ForeignKeyConstraint(["champion"], ["policies.digest"], name=op.f("fk_experiments_champion_policies")),
        sa.ForeignKeyConstraint(["challenger"], ["policies.digest"], name=op.f("fk_experiments_challenger_policies")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_experiments")),
    )
    op.create_index(
        "ix_experiments_running", "experiments", ["slot"], unique=True, sqlite_where=RUNNING, postgresql_where=RUNNING
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("experiments")
