"""Refused input, kept sealed for a while so that it can be corrected."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from data_contracts.identifiers import PersonId
from infra.database.all_tables import QuarantineRow
from infra.database.engine.sql import insert_into
from infra.database.engine.unit_of_work import UnitOfWork

__all__ = ["add", "field_of", "list_for"]


def field_of(row_id: str) -> str:
    """Return the vault's field name of this row's box, so that boxes cannot change places."""
    return f"quarantine|{row_id}"


def add(
    uow: UnitOfWork,
    *,
    row_id: str,
    person: PersonId,
    source: str,
    rule: str,
    received_us: int,
    box: bytes,
    file: str | None = None,
    line: int | None = None,
) -> bool:
    """Keep one refused row; the same `row_id` of the person again changes nothing. `box` is sealed by the vault."""
    statement = insert_into(uow.session, QuarantineRow).values(
        id=row_id, person=person, source=source, file=file, line=line, rule=rule, received_us=received_us, box=box
    )
    added = uow.session.execute(
        statement.on_conflict_do_nothing(index_elements=["person", "id"]).returning(QuarantineRow.id)
    )
    return added.first() is not None


def list_for(session: Session, person: PersonId, limit: int = 1_000) -> list[QuarantineRow]:
    """Return a person's refused rows, newest first."""
    statement = (
        select(QuarantineRow)
        .where(QuarantineRow.person == person)
        .order_by(QuarantineRow.received_us.desc(), QuarantineRow.id)
        .limit(limit)
    )
    return list(session.scalars(statement))
