"""The files that a person imported, remembered so that their texts can be read again where they are."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from data_contracts.identifiers import PersonId
from infra.database.tables import SourceFileRow
from infra.database.unit_of_work import UnitOfWork
from infra.database.upsert import insert_into

__all__ = ["forget", "list_for", "remember"]


def remember(uow: UnitOfWork, *, person: PersonId, path: str, connector: str, digest: str, imported_us: int) -> None:
    """Note that this file was read; a second time replaces the first."""
    statement = insert_into(uow.session, SourceFileRow).values(
        person=person, path=path, connector=connector, digest=digest, imported_us=imported_us
    )
    new = statement.excluded
    uow.session.execute(
        statement.on_conflict_do_update(
            index_elements=["person", "path"],
            set_={"connector": new.connector, "digest": new.digest, "imported_us": new.imported_us},
        )
    )


def list_for(session: Session, person: PersonId) -> list[SourceFileRow]:
    """Return a person's files by path."""
    statement = select(SourceFileRow).where(SourceFileRow.person == person).order_by(SourceFileRow.path)
    return list(session.scalars(statement))


def forget(uow: UnitOfWork, *, person: PersonId, path: str) -> None:
    """Remember the file no more."""
    uow.session.execute(delete(SourceFileRow).where(SourceFileRow.person == person, SourceFileRow.path == path))
