"""Validates pushed signals one by one, and stores the accepted ones in small transactions.

The answer to a delivery is stored without any content of its signals, for a delivery that is sent again.
"""

import zlib
from collections.abc import Sequence
from functools import cache
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from api.services import Services
from api.signals.schemas import SignalsIn
from api.signals.validation import Broken, Pusher, Sound, judge
from data_contracts.answers import SignalStatus, SignalVerdict
from data_contracts.errors import ConsentMissing
from data_contracts.events.codec import kind
from data_contracts.identifiers import EventId, PersonId, SubjectKey, to_us
from data_contracts.signals.kinds import SIGNALS
from data_contracts.signals.values import MAX_ID
from infra.database.engine.unit_of_work import Appended, UnitOfWork
from infra.database.events import events, outbox, quarantine
from infra.database.people import consents, texts
from infra.database.push_sources import deliveries
from infra.database.push_sources.deliveries import Delivery
from infra.database.push_sources.push_sources import PushSource

CHUNK = 200  # signals per transaction, so that a large push does not hold the database for long
API = "api"


def read(body: bytes) -> SignalsIn:
    """Return the signals of a body; the parser refuses what nests too deep. Raises `RequestValidationError`."""
    try:
        return SignalsIn.model_validate_json(body)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in faults]) from error


def push(
    *,
    services: Services,
    person: PersonId,
    items: list[Any],
    source: PushSource | None = None,
    delivery: Delivery | None = None,
) -> list[SignalVerdict]:
    """Return one verdict a signal, in order; what was accepted is durable.

    `source` limits what may come; a `delivery` that was taken in before is answered as it was then, and does nothing.
    """
    answered = _answered(services, delivery, items)
    if answered is not None:
        return answered
    verdicts: list[SignalVerdict] = []
    starts = range(0, max(len(items), 1), CHUNK)
    for start in starts:
        pusher = Pusher(person, source, delivery if start == starts[-1] else None)
        verdicts += _push_chunk(services, pusher, items[start : start + CHUNK], verdicts)
    return _answered(services, delivery, items) or verdicts


def _answered(services: Services, delivery: Delivery | None, items: list[Any]) -> list[SignalVerdict] | None:
    """Return the answer that a delivery got the first time, from any process."""
    if delivery is None:
        return None
    with services.database.read() as session:
        answer = deliveries.answer_of(session, delivery)
    return None if answer is None else _unpacked(answer, items)


def _push_chunk(
    services: Services, pusher: Pusher, items: list[Any], before: list[SignalVerdict]
) -> list[SignalVerdict]:
    while True:
        judged = _judge_all(services, pusher, items)
        try:
            return _keep(services, pusher, items, judged, before)
        except ConsentMissing:  # withdrawn since it was asked for: the signals are judged again
            continue


def _judge_all(services: Services, pusher: Pusher, items: list[Any]) -> list[Sound | Broken]:
    with services.database.read() as session:
        granted = {signal for signal, allowed in consents.state(session, pusher.person).items() if allowed}
    now = services.clock()
    hasher = cache(services.vault.hasher)  # asked for at the first signal that needs it

    @cache
    def hashed(kind_of: str, native: str) -> SubjectKey:
        return hasher(pusher.person)(kind_of, native)

    return [judge(item, pusher, granted=granted, now=now, vault=services.vault, subject_key=hashed) for item in items]


def _keep(
    services: Services, pusher: Pusher, items: list[Any], judged: list[Sound | Broken], before: list[SignalVerdict]
) -> list[SignalVerdict]:
    """Return the verdicts of a chunk, durable with all that they say; a delivery is remembered with its last chunk."""
    if pusher.delivery is None and not any(isinstance(signal, Sound) or signal.box for signal in judged):
        return [_verdict(item, signal, None) for item, signal in zip(items, judged, strict=True)]
    now_us = to_us(services.clock())
    with services.database.unit_of_work() as uow:
        outbox.lock_person(uow.session, pusher.person, uow.tombstone)  # who is leaving takes nothing in any more
        sound = [signal for signal in judged if isinstance(signal, Sound)]
        claimed = {signal.event.id: signal.claimed for signal in sound}
        new = iter(events.append(uow, [signal.event for signal in sound], claimed))
        appended = [next(new) if isinstance(signal, Sound) else None for signal in judged]
        _keep_boxes(uow, pusher, judged, appended, now_us)
        verdicts = [_verdict(*signal) for signal in zip(items, judged, appended, strict=True)]
        if pusher.delivery is not None:
            deliveries.remember(uow, pusher.delivery, _packed([*before, *verdicts]), now_us=now_us)
        uow.commit()
    return verdicts


def _verdict(item: Any, signal: Sound | Broken, appended: Appended | None) -> SignalVerdict:
    rule = signal.rule if isinstance(signal, Broken) else None
    return SignalVerdict(_claimed_id(item), SignalStatus(appended or SignalStatus.QUARANTINED), rule)


def _keep_boxes(
    uow: UnitOfWork,
    pusher: Pusher,
    judged: list[Sound | Broken],
    appended: list[Appended | None],
    now_us: int,
) -> None:
    """Keep what is sealed: the words of new events, and refused signals that may be mended."""
    capabilities = {consented.signal: consented for consented in consents.granted(uow.session, pusher.person)}
    for signal, fate in zip(judged, appended, strict=True):
        if signal.box is None:
            continue
        if isinstance(signal, Broken):
            quarantine.add(
                uow,
                row_id=signal.row_id,
                person=pusher.person,
                source=API if pusher.source is None else pusher.source.id,
                rule=signal.rule,
                received_us=now_us,
                box=signal.box,
            )
        elif fate == "accepted" and signal.subject is not None:
            texts.put(
                uow,
                consented=capabilities[SIGNALS[kind(signal.event)].source],
                subject=signal.subject,
                box=signal.box,
                now_us=now_us,
                expires_us=now_us + texts.TEXT_US,
            )


def _packed(verdicts: Sequence[SignalVerdict]) -> bytes:
    """Return status and rule of each signal in order; their ids are in the delivery itself."""
    lines = (f"{verdict.status} {verdict.rule or ''}" for verdict in verdicts)
    return zlib.compress("\n".join(lines).encode())


def _unpacked(answer: bytes, items: Sequence[Any]) -> list[SignalVerdict]:
    """Return the verdicts of the same signals again."""
    lines = zlib.decompress(answer).decode().split("\n") if items else []
    kept = [line.partition(" ") for line in lines]
    return [
        SignalVerdict(_claimed_id(item), SignalStatus(status), rule or None)
        for item, (status, _, rule) in zip(items, kept, strict=True)
    ]


def _claimed_id(item: Any) -> EventId | None:
    """Return the id that a signal claims, so that its sender finds it again; None for what can be none."""
    claimed = item.get("id") if isinstance(item, dict) else None
    return EventId(claimed) if isinstance(claimed, str) and 0 < len(claimed) <= MAX_ID else None
