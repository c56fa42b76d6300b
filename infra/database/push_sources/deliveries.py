"""The inbox of signed deliveries: a repeated delivery gets the first answer and has no effect."""

from typing import NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from data_contracts.identifiers import PersonId
from infra.database.all_tables import DeliveryRow
from infra.database.engine.sql import insert_into
from infra.database.engine.unit_of_work import UnitOfWork

__all__ = ["Delivery", "answer_of", "remember"]


class Delivery(NamedTuple):
    """A delivery by a keyed hash of what was signed, remembered while its signature could be accepted again."""

    person: PersonId
    key: str
    until_us: int


def answer_of(session: Session, delivery: Delivery) -> bytes | None:
    """Return what this delivery was answered with, or None when it is new."""
    statement = select(DeliveryRow.answer).where(DeliveryRow.person == delivery.person, DeliveryRow.key == delivery.key)
    return session.scalar(statement)


def remember(uow: UnitOfWork, delivery: Delivery, answer: bytes, *, now_us: int) -> None:
    """Keep the answer in the transaction of the delivery's last effect; of two replays at once the first one stays.

    What can no longer be replayed is deleted on the way.
    """
    uow.session.execute(
        delete(DeliveryRow).where(DeliveryRow.person == delivery.person, DeliveryRow.until_us <= now_us)
    )
    statement = insert_into(uow.session, DeliveryRow).values(**delivery._asdict(), answer=answer)
    uow.session.execute(statement.on_conflict_do_nothing(index_elements=["person", "key"]))
