"""Validates one signal: returns an event with sealed texts, or the broken rule."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from data_contracts.events.codec import Event
from data_contracts.features import Source
from data_contracts.identifiers import PersonId, SubjectKey
from data_contracts.signals.kinds import SIGNALS, Refusal, SubjectKeys, hide_names, to_event
from infra.database.events import quarantine
from infra.database.people import texts
from infra.database.push_sources.deliveries import Delivery
from infra.database.push_sources.push_sources import PushSource
from infra.vault import Vault


class Pusher(NamedTuple):
    """Whose signals these are; `source` limits what may come, `delivery` is what must not happen twice."""

    person: PersonId
    source: PushSource | None = None
    delivery: Delivery | None = None


class Sound(NamedTuple):
    """A signal that became an event, and its words already sealed."""

    event: Event
    subject: SubjectKey | None
    box: bytes | None
    claimed: str  # the id that its sender chose


class Broken(NamedTuple):
    """A signal that breaks a rule; `box` is None when not even its bytes may be kept."""

    rule: str
    row_id: str = ""
    box: bytes | None = None


def judge(
    item: Any, pusher: Pusher, *, granted: Collection[Source], now: datetime, vault: Vault, subject_key: SubjectKeys
) -> Sound | Broken:
    """Return what becomes of one signal, which may be any JSON value; raises `ErasedPerson`."""
    person = pusher.person
    overstepped = _overstepped(item, pusher.source, granted)
    if overstepped is not None:
        return Broken(overstepped)  # and its bytes are kept nowhere
    read_as = to_event(item, person=person, received_at=now, subject_key=subject_key)
    if isinstance(read_as, Refusal):
        raw = json.dumps(item, sort_keys=True).encode()
        row_id = vault.subject_key(person, "quarantine", raw.decode())
        return Broken(read_as.rule, row_id, vault.seal(person, quarantine.field_of(row_id), raw))
    event, words = read_as
    claimed = hide_names(event, subject_key)
    if words.subject is None or words.title is None:
        return Sound(event, None, None, claimed)
    box = vault.seal(person, texts.field_of(words.subject), words.title.encode())
    return Sound(event, words.subject, box, claimed)


def _overstepped(item: Any, source: PushSource | None, granted: Collection[Source]) -> str | None:
    """Return the rule of the API that a signal breaks, before the rest of it is read."""
    if not isinstance(item, dict):
        return None
    kind = item.get("kind")
    contract = SIGNALS.get(kind) if isinstance(kind, str) else None
    if source is not None and contract is not None and kind not in source.kinds:
        return "kind_not_allowed"
    if source is not None and item.get("source", source.name) != source.name:
        return "foreign_source"
    if contract is not None and contract.source not in granted:
        return "consent_missing"
    return None
