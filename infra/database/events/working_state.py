"""Stores rows and heads of the fold for many people in one transaction."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from data_contracts.identifiers import PersonId
from data_contracts.state_rows import StoredRow
from infra.database.all_tables import FoldHeadRow, PersonRow, WorkingRow
from infra.database.engine import sql
from infra.database.engine.unit_of_work import UnitOfWork
from infra.database.events.outbox import lock_person

__all__ = [
    "FoldHead",
    "forget_rows",
    "head",
    "heads",
    "load",
    "load_all",
    "lock",
    "lock_all",
    "save",
    "set_heads",
]

SAVE = """
INSERT INTO working_state (person, source, key, at_us, event_id, payload) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (person, source, key) DO UPDATE
SET at_us = excluded.at_us, event_id = excluded.event_id, payload = excluded.payload
"""
FORGET = "DELETE FROM working_state WHERE person = ? AND source = ? AND key = ?"
SET_HEAD = """
INSERT INTO fold_heads (person, sequence, as_of_us) VALUES (?, ?, ?) ON CONFLICT (person) DO UPDATE
SET sequence = excluded.sequence, as_of_us = excluded.as_of_us
WHERE (fold_heads.sequence, fold_heads.as_of_us) < (excluded.sequence, excluded.as_of_us)
"""


class FoldHead(NamedTuple):
    """The last sequence that the fold has read, and the event time it stands for."""

    sequence: int = 0
    as_of_us: int = 0


def load(session: Session, person: PersonId) -> list[StoredRow]:
    """Return every row of the person, by (source, key)."""
    return load_all(session, [person]).get(person, [])


def load_all(session: Session, people: Collection[PersonId]) -> dict[PersonId, list[StoredRow]]:
    """Return every row of some people, by (source, key); who has none is left out."""
    row = (WorkingRow.source, WorkingRow.key, WorkingRow.at_us, WorkingRow.event_id, WorkingRow.payload)
    statement = (
        select(WorkingRow.person, *row)
        .where(WorkingRow.person.in_(people))
        .order_by(WorkingRow.person, WorkingRow.source, WorkingRow.key)
    )
    found: dict[PersonId, list[StoredRow]] = {}
    for person, source, key, at_us, event_id, payload in session.execute(statement):
        found.setdefault(PersonId(person), []).append(StoredRow(source, key, at_us, event_id, payload))
    return found


def lock(uow: UnitOfWork, person: PersonId) -> None:
    """Keep other folds of this person out until the transaction ends; raises `ErasedPerson` and `NotFound`."""
    lock_person(uow.session, person, uow.tombstone)


def lock_all(uow: UnitOfWork, people: Collection[PersonId]) -> set[PersonId]:
    """Keep other folds of these people out until the transaction ends; return who is here and not being erased.

    Everybody locks in the same order, so two folds of overlapping people cannot wait for each other.
    """
    statement = (
        select(PersonRow.person)
        .where(PersonRow.person.in_(people), ~PersonRow.erasing)
        .order_by(PersonRow.person)
        .with_for_update(key_share=True)
    )
    return {PersonId(person) for person in uow.session.scalars(statement)}


def save(uow: UnitOfWork, rows: Iterable[tuple[PersonId, StoredRow]]) -> None:
    """Write changed rows; the fold has already decided which writer won."""
    sql.write(uow.session, SAVE, [(person, *row) for person, row in rows])


def forget_rows(uow: UnitOfWork, keys: Sequence[tuple[PersonId, str, str]]) -> None:
    """Delete rows by (person, source, key)."""
    sql.write(uow.session, FORGET, keys)


def head(session: Session, person: PersonId) -> FoldHead:
    """Return how far the fold has read; zeros when it never ran."""
    return heads(session, [person])[person]


def heads(session: Session, people: Collection[PersonId]) -> dict[PersonId, FoldHead]:
    """Return how far the fold has read for each of these people; zeros where it never ran."""
    columns = (FoldHeadRow.person, FoldHeadRow.sequence, FoldHeadRow.as_of_us)
    found = session.execute(select(*columns).where(FoldHeadRow.person.in_(people)))
    return dict.fromkeys(people, FoldHead()) | {
        PersonId(person): FoldHead(sequence, as_of_us) for person, sequence, as_of_us in found
    }


def set_heads(uow: UnitOfWork, new: Mapping[PersonId, FoldHead]) -> None:
    """Move heads forward; none ever goes back."""
    sql.write(uow.session, SET_HEAD, [(person, *each) for person, each in sorted(new.items())])
