"""Which people have data that needs a key: sealed texts, and events that name a subject by a keyed hash."""

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from data_contracts.identifiers import PersonId
from data_contracts.signals.kinds import SIGNALS
from infra.database.all_tables import DecisionRow, EventRow, PersonRow, PushKeyRow, QuarantineRow, TextRow

__all__ = ["has_sealed_data", "people_with_sealed_data"]

WITH_SUBJECT = tuple(kind for kind, contract in SIGNALS.items() if contract.subject is not None)


def people_with_sealed_data(session: Session, person: PersonId | None = None) -> list[PersonId]:
    """Return everybody whose data needs their key, or this person alone; people who are being erased need none."""
    needs = or_(
        exists().where(TextRow.person == PersonRow.person),
        exists().where(QuarantineRow.person == PersonRow.person),
        exists().where(DecisionRow.person == PersonRow.person, DecisionRow.text_box.is_not(None)),
        exists().where(PushKeyRow.person == PersonRow.person, PushKeyRow.box.is_not(None)),
        exists().where(EventRow.person == PersonRow.person, EventRow.kind.in_(WITH_SUBJECT)),
    )
    statement = select(PersonRow.person).where(~PersonRow.erasing, needs).order_by(PersonRow.person)
    if person is not None:
        statement = statement.where(PersonRow.person == person)
    return [PersonId(found) for found in session.scalars(statement)]


def has_sealed_data(session: Session, person: PersonId) -> bool:
    """Whether data of this person needs their key."""
    return bool(people_with_sealed_data(session, person))
