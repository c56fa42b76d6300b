"""The tables of the first capability."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table."""
    _create_people()
    _create_sign_in()
    _create_consents()
    _create_events()
    _create_quarantine()
    _create_fold()
    _create_source_files()
    _create_decisions()
    _create_reactions()
    _create_person_parts()
    _create_policies()
    _create_shadow()
    _create_audit()


def downgrade() -> None:
    """Drop every table, dependents first."""
    op.drop_table("audit")
    op.drop_table("shadow_comparisons")
    op.drop_table("shadow_decisions")
    op.drop_table("champion_slot")
    op.drop_table("policies")
    op.drop_table("person_parts")
    op.drop_table("cluster_blocks")
    op.drop_table("reactions")
    op.drop_table("decisions")
    op.drop_table("source_files")
    op.drop_table("fold_heads")
    op.drop_table("working_state")
    op.drop_table("quarantine")
    op.drop_table("events")
    op.drop_table("texts")
    op.drop_table("consents")
    op.drop_table("login_links")
    op.drop_table("sessions")
    op.drop_table("tombstones")
    op.drop_table("people")


def _create_people() -> None:
    op.create_table(
        "people",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("quiet_start_min", sa.BigInteger(), nullable=False),
        sa.Column("quiet_end_min", sa.BigInteger(), nullable=False),
        sa.Column("budget", sa.BigInteger(), nullable=False),
        sa.Column("silence_price", sa.Double(), nullable=False),
        sa.Column("consent_mask", sa.BigInteger(), nullable=False),
        sa.Column("consent_epoch", sa.BigInteger(), nullable=False),
        sa.Column("session_epoch", sa.BigInteger(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("erasing", sa.Boolean(), nullable=False),
        sa.CheckConstraint("role IN ('member', 'admin')", name=op.f("ck_people_role")),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_people")),
        sa.UniqueConstraint("name", name=op.f("uq_people_name")),
    )
    op.create_table(
        "tombstones",
        sa.Column("hmac", sa.String(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hmac", name=op.f("pk_tombstones")),
    )


def _create_sign_in() -> None:
    op.create_table(
        "sessions",
        sa.Column("sid_hash", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("seen_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.Column("idle_us", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person"], ["people.person"], name=op.f("fk_sessions_person_people"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sid_hash", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_person"), "sessions", ["person"])
    op.create_table(
        "login_links",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.Column("used_us", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person"], ["people.person"], name=op.f("fk_login_links_person_people"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_login_links")),
    )
    op.create_index(op.f("ix_login_links_person"), "login_links", ["person"])


def _create_consents() -> None:
    op.create_table(
        "consents",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("signal", sa.String(), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("surface", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person"], ["people.person"], name=op.f("fk_consents_person_people"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person", "id", name=op.f("pk_consents")),
    )
    op.create_index("ix_consents_person_at_us", "consents", ["person", "at_us"])
    op.create_table(
        "texts",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("signal", sa.String(), nullable=False),
        sa.Column("box", sa.LargeBinary(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["people.person"], name=op.f("fk_texts_person_people"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("person", "subject", name=op.f("pk_texts")),
    )
    op.create_index("ix_texts_expires_us", "texts", ["expires_us"])


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("received_us", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("published_us", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person"], ["people.person"], name=op.f("fk_events_person_people"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_events")),
        sa.UniqueConstraint("person", "id", name=op.f("uq_events_person_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_person_sequence", "events", ["person", "sequence"])
    op.create_index(
        "ix_events_unpublished",
        "events",
        ["sequence"],
        sqlite_where=sa.text("published_us IS NULL"),
        postgresql_where=sa.text("published_us IS NULL"),
    )


def _create_quarantine() -> None:
    op.create_table(
        "quarantine",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("file", sa.String(), nullable=True),
        sa.Column("line", sa.BigInteger(), nullable=True),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("received_us", sa.BigInteger(), nullable=False),
        sa.Column("box", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person"], ["people.person"], name=op.f("fk_quarantine_person_people"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person", "id", name=op.f("pk_quarantine")),
    )
    op.create_index("ix_quarantine_person_received_us", "quarantine", ["person", "received_us"])


def _create_fold() -> None:
    op.create_table(
        "working_state",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person"], ["people.person"], name=op.f("fk_working_state_person_people"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person", "source", "key", name=op.f("pk_working_state")),
    )
    op.create_table(
        "fold_heads",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("as_of_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person"], ["people.person"], name=op.f("fk_fold_heads_person_people"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_fold_heads")),
    )


def _create_source_files() -> None:
    op.create_table(
        "source_files",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("connector", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("imported_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person"], ["people.person"], name=op.f("fk_source_files_person_people"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person", "path", name=op.f("pk_source_files")),
    )


def _create_decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("policy_digest", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("silent", sa.Boolean(), nullable=False),
        sa.Column("cluster", sa.String(), nullable=True),
        sa.Column("template", sa.String(), nullable=True),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.Column("shown_us", sa.BigInteger(), nullable=True),
        sa.Column("closed_us", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.String(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("reward", sa.Double(), nullable=True),
        sa.Column("reward_version", sa.BigInteger(), nullable=True),
        sa.Column("rewarded_us", sa.BigInteger(), nullable=True),
        sa.Column("text_box", sa.LargeBinary(), nullable=True),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person"], ["people.person"], name=op.f("fk_decisions_person_people"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    op.create_index(
        "ix_decisions_interruptions",
        "decisions",
        ["person", "at_us"],
        sqlite_where=sa.text("trigger = 'unsolicited' AND NOT silent"),
        postgresql_where=sa.text("trigger = 'unsolicited' AND NOT silent"),
    )
    op.create_index("ix_decisions_person_at_us_id", "decisions", ["person", "at_us", "id"])
    op.create_index(
        "ix_decisions_unsettled",
        "decisions",
        ["shown_us"],
        sqlite_where=sa.text("shown_us IS NOT NULL AND rewarded_us IS NULL"),
        postgresql_where=sa.text("shown_us IS NOT NULL AND rewarded_us IS NULL"),
    )


def _create_reactions() -> None:
    op.create_table(
        "reactions",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("reward", sa.Double(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=False),
        sa.Column("undone_us", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("reward >= 0 AND reward <= 1", name=op.f("ck_reactions_reward")),
        sa.ForeignKeyConstraint(
            ["decision"], ["decisions.id"], name=op.f("fk_reactions_decision_decisions"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["person"], ["people.person"], name=op.f("fk_reactions_person_people"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reactions")),
        sa.UniqueConstraint("person", "idempotency_key", name=op.f("uq_reactions_person_idempotency_key")),
    )
    op.create_index(op.f("ix_reactions_decision"), "reactions", ["decision"])
    op.create_table(
        "cluster_blocks",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("cluster", sa.String(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.Column("decision", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person"], ["people.person"], name=op.f("fk_cluster_blocks_person_people"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person", "cluster", name=op.f("pk_cluster_blocks")),
    )


def _create_person_parts() -> None:
    op.create_table(
        "person_parts",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("policy_digest", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("latest_us", sa.BigInteger(), nullable=False),
        sa.Column("latest_id", sa.String(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person"], ["people.person"], name=op.f("fk_person_parts_person_people"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person", "policy_digest", name=op.f("pk_person_parts")),
    )


def _create_policies() -> None:
    op.create_table(
        "policies",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("registry_version", sa.String(), nullable=True),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("stage IN ('registered', 'shadow', 'champion', 'retired')", name=op.f("ck_policies_stage")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_policies")),
    )
    op.create_table(
        "champion_slot",
        sa.Column("slot", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("override_reason", sa.String(), nullable=True),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["policies.digest"], name=op.f("fk_champion_slot_digest_policies")),
        sa.PrimaryKeyConstraint("slot", name=op.f("pk_champion_slot")),
    )


def _create_shadow() -> None:
    op.create_table(
        "shadow_decisions",
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("mu", sa.LargeBinary(), nullable=False),
        sa.Column("sigma", sa.LargeBinary(), nullable=False),
        sa.Column("probabilities", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["decision"], ["decisions.id"], name=op.f("fk_shadow_decisions_decision_decisions"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("decision", "digest", name=op.f("pk_shadow_decisions")),
    )
    op.create_table(
        "shadow_comparisons",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("challenger", sa.String(), nullable=False),
        sa.Column("incumbent", sa.String(), nullable=False),
        sa.Column("decisions", sa.BigInteger(), nullable=False),
        sa.Column("agreement", sa.Double(), nullable=False),
        sa.Column("value_difference", sa.Double(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shadow_comparisons")),
    )
    op.create_index("ix_shadow_comparisons_challenger_at_us", "shadow_comparisons", ["challenger", "at_us"])


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_at_us", "audit", ["at_us"])
