"""The fold's keyed rows and its head, written in one transaction."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import delete, select, tuple_
from sqlalchemy.orm import Session

from data_contracts.identifiers import PersonId
from infra.database.outbox import lock_person
from infra.database.tables import FoldHeadRow, WorkingRow
from infra.database.unit_of_work import UnitOfWork
from infra.database.upsert import insert_into

__all__ = ["FoldHead", "StateRow", "forget_rows", "head", "load", "lock", "save", "set_head"]

CHUNK = 400  # of compound keys in one statement, below SQLite's limits


class StateRow(NamedTuple):
    """One keyed row of working state."""

    source: str
    key: str
    at_us: int
    event_id: str
    payload: bytes


class FoldHead(NamedTuple):
    """The last sequence that the fold has read, and the event time it stands for."""

    sequence: int = 0
    as_of_us: int = 0


def load(session: Session, person: PersonId) -> list[StateRow]:
    """Return every row of the person, by (source, key)."""
    statement = (
        select(WorkingRow.source, WorkingRow.key, WorkingRow.at_us, WorkingRow.event_id, WorkingRow.payload)
        .where(WorkingRow.person == person)
        .order_by(WorkingRow.source, WorkingRow.key)
    )
    return [StateRow(*row) for row in session.execute(statement)]


def lock(uow: UnitOfWork, person: PersonId) -> None:
    """Keep other folds of this person out until the transaction ends; raises `ErasedPerson` and `NotFound`."""
    lock_person(uow.session, person, uow.tombstone)


def save(uow: UnitOfWork, person: PersonId, rows: Sequence[StateRow]) -> None:
    """Write changed rows; the fold has already decided which writer won."""
    if not rows:
        return
    statement = insert_into(uow.session, WorkingRow)
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=["person", "source", "key"],
        set_={"at_us": new.at_us, "event_id": new.event_id, "payload": new.payload},
    )
    uow.session.execute(statement, [{"person": person, **row._asdict()} for row in rows])


def forget_rows(uow: UnitOfWork, person: PersonId, keys: Sequence[tuple[str, str]]) -> None:
    """Delete rows by (source, key)."""
    for start in range(0, len(keys), CHUNK):
        uow.session.execute(
            delete(WorkingRow).where(
                WorkingRow.person == person,
                tuple_(WorkingRow.source, WorkingRow.key).in_(keys[start : start + CHUNK]),
            )
        )


def head(session: Session, person: PersonId) -> FoldHead:
    """Return how far the fold has read; zeros when it never ran."""
    statement = select(FoldHeadRow.sequence, FoldHeadRow.as_of_us).where(FoldHeadRow.person == person)
    row = session.execute(statement).one_or_none()
    return FoldHead(*row) if row else FoldHead()


def set_head(uow: UnitOfWork, person: PersonId, new: FoldHead) -> bool:
    """Move the head forward and return whether it moved; it never goes back."""
    statement = insert_into(uow.session, FoldHeadRow).values(person=person, **new._asdict())
    statement = statement.on_conflict_do_update(
        index_elements=["person"],
        set_={"sequence": statement.excluded.sequence, "as_of_us": statement.excluded.as_of_us},
        where=tuple_(FoldHeadRow.sequence, FoldHeadRow.as_of_us)
        < tuple_(statement.excluded.sequence, statement.excluded.as_of_us),
    )
    return uow.session.execute(statement.returning(FoldHeadRow.person)).first() is not None
