"""Sealed titles and labels that no source can give again, for at most seven days and only with consent."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from data_contracts.durations import DAY_US
from data_contracts.errors import Malformed
from data_contracts.identifiers import SubjectKey
from data_contracts.retention import TEXT_DAYS
from infra.database.all_tables import TextRow
from infra.database.engine.sql import insert_into
from infra.database.engine.unit_of_work import UnitOfWork
from infra.database.people.consents import Consented

__all__ = ["TEXT_US", "field_of", "find", "put"]

TEXT_US = TEXT_DAYS * DAY_US


def field_of(subject: SubjectKey) -> str:
    """Return the vault's field name of this subject's text, so that boxes cannot change places."""
    return f"text|{subject}"


def put(
    uow: UnitOfWork, *, consented: Consented, subject: SubjectKey, box: bytes, now_us: int, expires_us: int
) -> None:
    """Keep one sealed text, or replace it; raises `Malformed` when it should live longer than seven days."""
    if expires_us > now_us + TEXT_US:
        raise Malformed(f"a text is kept for at most {TEXT_DAYS} days")
    statement = insert_into(uow.session, TextRow).values(
        person=consented.person, subject=subject, signal=consented.signal.value, box=box, expires_us=expires_us
    )
    new = statement.excluded
    uow.session.execute(
        statement.on_conflict_do_update(
            index_elements=["person", "subject"],
            set_={"signal": new.signal, "box": new.box, "expires_us": new.expires_us},
        )
    )


def find(session: Session, consented: Consented, subjects: Collection[SubjectKey], *, now_us: int) -> dict[str, bytes]:
    """Return the sealed texts of these subjects that have not expired."""
    statement = select(TextRow.subject, TextRow.box).where(
        TextRow.person == consented.person,
        TextRow.signal == consented.signal.value,
        TextRow.subject.in_(subjects),
        TextRow.expires_us > now_us,
    )
    return dict(session.execute(statement).all())
