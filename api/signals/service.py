"""Judges pushed signals one by one, and keeps the sound ones in small transactions."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from api.parts import Parts
from api.signals.schemas import SignalsIn
from data_contracts.answers import SignalStatus, SignalVerdict
from data_contracts.codec import Event, kind
from data_contracts.features import Source
from data_contracts.identifiers import EventId, PersonId, SubjectKey, to_us
from data_contracts.signal_values import MAX_ID
from data_contracts.signals import SIGNALS, Refusal, to_event
from infra.database import consents, events, quarantine, texts
from infra.database.unit_of_work import UnitOfWork
from infra.vault import Vault

CHUNK = 200  # signals a transaction: nobody waits long for the database behind a large push
CONSENT_MISSING = "consent_missing"


class Sound(NamedTuple):
    """A signal that became an event, and its words already sealed."""

    event: Event
    subject: SubjectKey | None
    box: bytes | None


class Broken(NamedTuple):
    """A signal that breaks a rule; `box` is None when not even its bytes may be kept."""

    id: EventId | None
    rule: str
    row_id: str = ""
    source: str = ""
    box: bytes | None = None


def read(body: bytes) -> SignalsIn:
    """Return the signals of a body; the parser refuses what nests too deep. Raises `RequestValidationError`."""
    try:
        return SignalsIn.model_validate_json(body)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in faults]) from error


def push(*, parts: Parts, person: PersonId, items: list[Any]) -> list[SignalVerdict]:
    """Return one verdict a signal, in order; what was accepted is durable."""
    verdicts: list[SignalVerdict] = []
    for start in range(0, len(items), CHUNK):
        verdicts += _push_chunk(parts, person, items[start : start + CHUNK])
    return verdicts


def _push_chunk(parts: Parts, person: PersonId, items: list[Any]) -> list[SignalVerdict]:
    now = parts.clock()
    with parts.database.read() as session:
        allowed = {signal for signal, granted in consents.state(session, person).items() if granted}
    judged = [_judge(item, person, now, parts.vault, allowed) for item in items]
    sound = [signal for signal in judged if isinstance(signal, Sound)]
    with parts.database.unit_of_work() as uow:
        fates = iter(events.append(uow, [signal.event for signal in sound]))
        verdicts = list(_settle(uow, person, judged, fates, to_us(now)))
        uow.commit()
    return verdicts


def _judge(item: Any, person: PersonId, now: datetime, vault: Vault, allowed: set[Source]) -> Sound | Broken:
    claimed = item.get("kind") if isinstance(item, dict) else None
    contract = SIGNALS.get(claimed) if isinstance(claimed, str) else None
    if contract is not None and contract.source not in allowed:
        return Broken(_claimed_id(item), CONSENT_MISSING)  # and its bytes are kept nowhere
    read_as = to_event(
        item, person=person, received_at=now, subject_key=lambda of, native: vault.subject_key(person, of, native)
    )
    if isinstance(read_as, Refusal):
        raw = json.dumps(item, sort_keys=True).encode()
        row_id = vault.subject_key(person, "quarantine", raw.decode())
        box = vault.seal(person, quarantine.field_of(row_id), raw)
        return Broken(_claimed_id(item), read_as.rule, row_id, "api", box)
    event, words = read_as
    if words.subject is None or words.title is None:
        return Sound(event, None, None)
    return Sound(event, words.subject, vault.seal(person, texts.field_of(words.subject), words.title.encode()))


def _settle(
    uow: UnitOfWork, person: PersonId, judged: list[Sound | Broken], fates: Iterator[str], now_us: int
) -> Iterator[SignalVerdict]:
    capabilities = {consented.signal: consented for consented in consents.granted(uow.session, person)}
    for signal in judged:
        if isinstance(signal, Broken):
            if signal.box is not None:
                quarantine.add(
                    uow,
                    row_id=signal.row_id,
                    person=person,
                    source=signal.source,
                    rule=signal.rule,
                    received_us=now_us,
                    box=signal.box,
                )
            yield SignalVerdict(signal.id, SignalStatus.QUARANTINED, signal.rule)
            continue
        status = SignalStatus(next(fates))
        if status is SignalStatus.ACCEPTED and signal.subject is not None and signal.box is not None:
            texts.put(
                uow,
                consented=capabilities[SIGNALS[kind(signal.event)].source],
                subject=signal.subject,
                box=signal.box,
                now_us=now_us,
                expires_us=now_us + texts.TEXT_US,
            )
        yield SignalVerdict(EventId(signal.event.id), status)


def _claimed_id(item: Any) -> EventId | None:
    """Return the id that a refused signal claims, so that its sender finds it again."""
    claimed = item.get("id") if isinstance(item, dict) else None
    return EventId(claimed) if isinstance(claimed, str) and 0 < len(claimed) <= MAX_ID else None
