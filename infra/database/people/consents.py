"""Consent as a capability: recorded append-only, required to read or write a signal's facts."""

from dataclasses import InitVar, dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from data_contracts.errors import ConsentMissing, Malformed
from data_contracts.events.codec import Event
from data_contracts.events.oo.events.v1.facts_pb2 import ConsentChanged
from data_contracts.features import CONSENT_SIGNALS, Source
from data_contracts.identifiers import PersonId
from infra.database.all_tables import ConsentRow, PersonRow
from infra.database.engine.sql import insert_into
from infra.database.engine.unit_of_work import UnitOfWork
from infra.database.events.outbox import lock_person

__all__ = ["Consented", "bit", "change", "granted", "history", "require", "state"]

_SEAL = object()


@dataclass(frozen=True, slots=True)
class Consented:
    """Proof that the person consents to this signal; only `require` and `granted` of this module make one."""

    person: PersonId
    signal: Source
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        """Refuse what was not made here."""
        if seal is not _SEAL:
            raise TypeError("a Consented comes from consents.require, nowhere else")


def bit(signal: Source) -> int:
    """Return the signal's bit in `people.consent_mask`: its position in `Source`."""
    return 1 << tuple(Source).index(signal)


def require(session: Session, person: PersonId, signal: Source) -> Consented:
    """Return the capability; raises `ConsentMissing` when it is not granted or the person is unknown."""
    if not _mask(session, person) & bit(signal):
        raise ConsentMissing(f"there is no consent to {signal.value}")
    return Consented(person, signal, _SEAL)


def granted(session: Session, person: PersonId) -> tuple[Consented, ...]:
    """Return the capabilities that the person has granted, in the order of `Source`."""
    mask = _mask(session, person)
    return tuple(Consented(person, signal, _SEAL) for signal in CONSENT_SIGNALS if mask & bit(signal))


def state(session: Session, person: PersonId) -> dict[Source, bool]:
    """Return whether each signal is granted."""
    mask = _mask(session, person)
    return {signal: bool(mask & bit(signal)) for signal in CONSENT_SIGNALS}


def change(
    uow: UnitOfWork, *, person: PersonId, signal: Source, granted: bool, at_us: int, surface: str, event_id: str
) -> bool:
    """Record a decision of the person and return whether it changed anything.

    The record is kept once per `event_id`; the mask, its epoch and the `ConsentChanged` event follow in the same
    transaction when the state changes. Raises `Malformed`, `NotFound`, `ErasedPerson`.
    """
    if signal not in CONSENT_SIGNALS:
        raise Malformed(f"{signal.value} needs no consent")
    row = lock_person(uow.session, person, uow.tombstone)
    statement = insert_into(uow.session, ConsentRow).values(
        person=person, id=event_id, signal=signal.value, granted=granted, at_us=at_us, surface=surface
    )
    statement = statement.on_conflict_do_nothing(index_elements=["person", "id"]).returning(ConsentRow.id)
    if uow.session.execute(statement).first() is None:
        return False
    mask = row.consent_mask | bit(signal) if granted else row.consent_mask & ~bit(signal)
    if mask == row.consent_mask:
        return False
    row.consent_mask = mask
    row.consent_epoch += 1
    uow.session.flush()
    body = ConsentChanged(signal=signal.value, granted=granted)
    uow.record(Event(id=event_id, person=person, at_us=at_us, received_us=at_us, source=surface, consent_changed=body))
    return True


def history(session: Session, person: PersonId) -> list[ConsentRow]:
    """Return every recorded change, oldest first."""
    statement = select(ConsentRow).where(ConsentRow.person == person).order_by(ConsentRow.at_us, ConsentRow.id)
    return list(session.scalars(statement))


def _mask(session: Session, person: PersonId) -> int:
    statement = select(PersonRow.consent_mask).where(PersonRow.person == person, ~PersonRow.erasing)
    return session.scalar(statement) or 0
