"""Retention: how long each table and file is kept, why, and how a person leaves it."""

from dataclasses import dataclass
from enum import StrEnum


class Sensitivity(StrEnum):
    """What harm a leak of the store would do."""

    PUBLIC = "public"
    OPERATIONAL = "operational"  # says nothing about a person
    PERSONAL = "personal"  # about a person, under a pseudonym
    SENSITIVE = "sensitive"  # words, moods and whereabouts of a person
    SECRET = "secret"  # noqa: S105 - a class of data that opens other stores, not a password


class Exit(StrEnum):
    """How a person leaves a store when they are erased."""

    DELETE_BY_PERSON = "delete_by_person"  # rows carry the pseudonym
    DELETE_BY_DECISION = "delete_by_decision"  # rows carry a decision of the person
    CRYPTO_SHRED = "crypto_shred"  # the person's key is destroyed, what it sealed is noise
    REWRITE = "rewrite"  # the files of the person's bucket are written again without them
    KEEP_HMAC = "keep_hmac"  # only a keyed hash of the pseudonym stays
    NOBODY_INSIDE = "nobody_inside"  # nothing about one person was ever stored


@dataclass(frozen=True, slots=True)
class Retention:
    """The promise of one store. `ttl_days` counts from the column `since`; None keeps until erasure."""

    sensitivity: Sensitivity
    purpose: str
    exit: Exit
    ttl_days: int | None = None
    since: str | None = None


_O, _P, _S, _X = Sensitivity.OPERATIONAL, Sensitivity.PERSONAL, Sensitivity.SENSITIVE, Sensitivity.SECRET
_BY_PERSON = Exit.DELETE_BY_PERSON
TEXT_DAYS = 7
LOG_DAYS = 400

TABLES: dict[str, Retention] = {
    "people": Retention(_S, "the account: name, zone, quiet hours, consent and session epochs", _BY_PERSON),
    "sessions": Retention(_X, "to know who is signed in", _BY_PERSON, 1, "expires_us"),
    "login_links": Retention(_X, "to sign in once without a password", _BY_PERSON, 1, "expires_us"),
    "push_sources": Retention(_P, "which devices and webhooks may push what", _BY_PERSON),
    "push_keys": Retention(_X, "to know a device or a webhook; hashed or sealed", _BY_PERSON, 0, "ends_us"),
    "deliveries": Retention(_P, "not to take a signed delivery twice", _BY_PERSON, 0, "until_us"),
    "consents": Retention(_P, "proof of what was granted and withdrawn", _BY_PERSON),
    "events": Retention(_S, "the truth that features and history are folded from", _BY_PERSON, LOG_DAYS, "received_us"),
    "quarantine": Retention(_S, "to mend refused input; sealed with the person's key", _BY_PERSON, 30, "received_us"),
    "dead_letters": Retention(_P, "to see and mend what the stream could not read", _BY_PERSON, 90, "at_us"),
    "working_state": Retention(_S, "the fold's state between events", _BY_PERSON),
    "fold_heads": Retention(_P, "how far the fold has read", _BY_PERSON),
    "decisions": Retention(_S, "receipts, exact replay and training", _BY_PERSON, LOG_DAYS, "at_us"),
    "reactions": Retention(_P, "to learn what was welcome", _BY_PERSON, LOG_DAYS, "at_us"),
    "reward_changes": Retention(_P, "to know what a version was learned from", _BY_PERSON, LOG_DAYS, "changed_us"),
    "cluster_blocks": Retention(_P, "not to repeat what was rejected", _BY_PERSON, 1, "until_us"),
    "person_parts": Retention(_P, "the person's posterior of the policy", _BY_PERSON),
    "policies": Retention(_O, "which policies exist and how they were made", Exit.NOBODY_INSIDE),
    "champion_slot": Retention(_O, "which policy decides", Exit.NOBODY_INSIDE),
    "experiments": Retention(_O, "which challenger decided on which share of days", Exit.NOBODY_INSIDE),
    "shadow_decisions": Retention(_P, "what a challenger would have done", Exit.DELETE_BY_DECISION),
    "shadow_comparisons": Retention(_O, "the evidence of a promotion, in totals", Exit.NOBODY_INSIDE),
    "learning_reports": Retention(_O, "learning reports, people without names", Exit.NOBODY_INSIDE, 90, "at_us"),
    "audit": Retention(_P, "who changed what", Exit.KEEP_HMAC, 730, "at_us"),
    "audit_chain": Retention(_O, "which entry of the audit is the newest, and what expiry left", Exit.NOBODY_INSIDE),
    "texts": Retention(_S, "words that no source can give again, sealed", _BY_PERSON, 0, "expires_us"),
    "source_files": Retention(_S, "where words can be read again", _BY_PERSON),
    "key_fingerprints": Retention(_O, "to refuse keys that the data was not made with", Exit.NOBODY_INSIDE),
    "tombstones": Retention(_P, "to refuse late facts about an erased person", Exit.KEEP_HMAC),
}

# columns that leave before their row does
COLUMNS: dict[tuple[str, str], Retention] = {
    ("decisions", "text_box"): Retention(_S, "the words of a tip, sealed, to explain it", _BY_PERSON, 30, "at_us"),
}

FILES: dict[str, Retention] = {
    "online.db:served": Retention(_S, "the served row that a decision reads", _BY_PERSON, 90, "event_us"),
    "online.db:pool": Retention(_S, "candidates of the next hours, words sealed", _BY_PERSON, 7, "built_us"),
    "history": Retention(_S, "point-in-time rows for training", Exit.REWRITE, LOG_DAYS, "event_us"),
    "snapshots": Retention(_S, "the event log by days, to rebuild from", Exit.REWRITE, LOG_DAYS, "received_us"),
    "nats": Retention(_S, "the mirror of the newest events, encrypted, for other processes", _BY_PERSON, 30, "at_us"),
    "home.json": Retention(_O, "which keys, database and folder belong together", Exit.NOBODY_INSIDE),
    "locks": Retention(_O, "which process has which role, by id and command", Exit.NOBODY_INSIDE),
    "keys": Retention(_X, "the key that opens a person's sealed words", Exit.CRYPTO_SHRED),
    "audit": Retention(_O, "which entry of the audit was the newest, day by day", Exit.NOBODY_INSIDE),
    "feast": Retention(_O, "the registry of views and services", Exit.NOBODY_INSIDE),
    "mlflow": Retention(_O, "policies as arrays, with digests and totals", Exit.NOBODY_INSIDE),
    "prefect": Retention(_O, "runs of flows, in counts", Exit.NOBODY_INSIDE),
    "rehearsal.json": Retention(_O, "that the people of a home are simulated", Exit.NOBODY_INSIDE),
    "policies": Retention(_O, "policies as arrays, by digest: what serving reads", Exit.NOBODY_INSIDE),
    "backups": Retention(
        _S, "files of your own, kept where you put them; sealed words die with the key", Exit.CRYPTO_SHRED
    ),
}
