"""The append-only history of rewards, from which any version of a person's posterior is rebuilt."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "reward_changes",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("reward", sa.Double(), nullable=True),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("reward >= 0 AND reward <= 1", name=op.f("ck_reward_changes_reward")),
        sa.ForeignKeyConstraint(
            ["decision"], ["decisions.id"], name=op.f("fk_reward_changes_decision_decisions"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["person"], ["people.person"], name=op.f("fk_reward_changes_person_people"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person", "version", name=op.f("pk_reward_changes")),
    )
    op.create_index(op.f("ix_reward_changes_decision"), "reward_changes", ["decision"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("reward_changes")
