"""The files that a person imported, remembered so that their titles can be read again.

A path is stored as a keyed hash, which finds it again, and sealed with the person's key.
"""

from typing import NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from data_contracts.identifiers import PersonId
from infra.database.all_tables import SourceFileRow
from infra.database.engine.sql import insert_into
from infra.database.engine.unit_of_work import UnitOfWork
from infra.vault import Vault

__all__ = ["SourceFile", "forget", "list_for", "remember", "sealed_path"]

USE = "source_file_path"


class SourceFile(NamedTuple):
    """A file that was read: where it is, by which connector, what it held, and when."""

    path: str
    connector: str
    digest: str
    imported_us: int


def remember(uow: UnitOfWork, vault: Vault, *, person: PersonId, file: SourceFile) -> None:
    """Note that this file was read; a second time replaces the first."""
    hashed, box = sealed_path(vault, person, file.path)
    forget(uow, vault, person=person, path=file.path)  # also where it is still in clear
    statement = insert_into(uow.session, SourceFileRow).values(
        person=person,
        path=hashed,
        path_box=box,
        connector=file.connector,
        digest=file.digest,
        imported_us=file.imported_us,
    )
    uow.session.execute(statement)


def list_for(session: Session, vault: Vault, person: PersonId) -> list[SourceFile]:
    """Return a person's files by path."""
    statement = select(SourceFileRow).where(SourceFileRow.person == person)
    return sorted(_file(row, vault) for row in session.scalars(statement))


def forget(uow: UnitOfWork, vault: Vault, *, person: PersonId, path: str) -> None:
    """Remember the file no more."""
    stored = {vault.subject_key(person, USE, path), path}
    uow.session.execute(delete(SourceFileRow).where(SourceFileRow.person == person, SourceFileRow.path.in_(stored)))


def sealed_path(vault: Vault, person: PersonId, path: str) -> tuple[str, bytes]:
    """Return the keyed hash and the box of a path: what is stored of it."""
    hashed = vault.subject_key(person, USE, path)
    return hashed, vault.seal(person, f"{USE}|{hashed}", path.encode("utf-8", "surrogateescape"))


def _file(row: SourceFileRow, vault: Vault) -> SourceFile:
    path = row.path
    if row.path_box is not None:
        opened = vault.open(PersonId(row.person), f"{USE}|{row.path}", row.path_box)
        path = opened.decode("utf-8", "surrogateescape")
    return SourceFile(path, row.connector, row.digest, row.imported_us)
