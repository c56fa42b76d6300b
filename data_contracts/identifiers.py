"""Identifiers as types, and how new ones are made (UUIDv7, RFC 9562 section 5.7)."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NewType

from data_contracts.durations import DAY_S

PersonId = NewType("PersonId", str)  # random pseudonym; says nothing about the person
EventId = NewType("EventId", str)
DecisionId = NewType("DecisionId", str)
CandidateId = NewType("CandidateId", str)
ReactionId = NewType("ReactionId", str)
SubjectKey = NewType("SubjectKey", str)  # keyed hash of a source's own id of a task, an event or a habit
ClusterId = NewType("ClusterId", str)  # tips of one meaning share a cluster
PolicyDigest = NewType("PolicyDigest", str)  # sha256 of an artifact's manifest, hex
RandomBytes = Callable[[int], bytes]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id(now: datetime, random_bytes: RandomBytes = secrets.token_bytes) -> str:
    """Return a UUIDv7 in canonical form: 48 bits of Unix milliseconds, then 74 random bits."""
    milliseconds = int(now.timestamp() * 1000)
    tail = int.from_bytes(random_bytes(10), "big")
    value = milliseconds << 80 | 0x7 << 76 | (tail >> 68 & 0xFFF) << 64 | 0b10 << 62 | tail & (1 << 62) - 1
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_person(random_bytes: RandomBytes = secrets.token_bytes) -> PersonId:
    """Return a random pseudonym of 128 bits, hex; it carries no time."""
    return PersonId(random_bytes(16).hex())


def to_us(at: datetime) -> int:
    """Return an aware datetime as integer microseconds since the epoch, exactly."""
    delta = at - EPOCH
    return (delta.days * DAY_S + delta.seconds) * 1_000_000 + delta.microseconds


def from_us(at_us: int) -> datetime:
    """Return integer microseconds since the epoch as an aware UTC datetime, exactly."""
    seconds, microseconds = divmod(at_us, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)
