"""How the contract's tests read a signal: one person, one instant, a keyed hash without a secret."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from data_contracts.events.codec import Event
from data_contracts.identifiers import PersonId, SubjectKey
from data_contracts.signals.kinds import Refusal, Texts, to_event

RECEIVED_AT = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
PERSON = PersonId("00112233445566778899aabbccddeeff")


def subject_key(kind: str, native_id: str) -> SubjectKey:
    """Return a hash in the form of the vault's."""
    return SubjectKey(hashlib.sha256(f"{kind}|{native_id}".encode()).hexdigest()[:32])


def read(item: Any) -> tuple[Event, Texts] | Refusal:
    """Read one signal as the API does."""
    return to_event(item, person=PERSON, received_at=RECEIVED_AT, subject_key=subject_key)


def read_sound(item: Any) -> tuple[Event, Texts]:
    """Read one signal that must be accepted."""
    result = read(item)
    assert not isinstance(result, Refusal), result
    return result


def signal(kind: str, data: dict[str, Any], **envelope: Any) -> dict[str, Any]:
    """Return a sound envelope around `data`."""
    return {"id": "a-1", "kind": kind, "at": "2026-11-03T09:00:00Z", "source": "phone", "data": data, **envelope}
