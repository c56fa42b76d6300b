"""Seals names that earlier versions stored in clear: of sources, of imported files, and keys of reactions.

It runs once for each person who was here before, when the home is opened; interrupted, it goes on at the next opening.
Ids and sources of events stay as they were: the order of events hangs on them, and they expire with the events.
"""

from sqlalchemy import select, update

from data_contracts.errors import ErasedPerson
from data_contracts.identifiers import PersonId
from infra.database.all_tables import PersonRow, PushSourceRow, ReactionRow, SourceFileRow
from infra.database.decisions import reactions
from infra.database.engine.database import Database
from infra.database.engine.unit_of_work import UnitOfWork
from infra.database.people import source_files
from infra.database.push_sources import push_sources
from infra.vault import Vault

__all__ = ["seal_clear_names"]


def seal_clear_names(database: Database, vault: Vault) -> int:
    """Seal what is in clear, one person a transaction; return for how many people."""
    with database.read() as session:
        waiting = [
            PersonId(person)
            for person in session.scalars(select(PersonRow.person).where(PersonRow.clear_names, ~PersonRow.erasing))
        ]
    done = 0
    for person in waiting:
        with database.unit_of_work() as uow:
            try:
                _seal(uow, vault, person)
            except ErasedPerson:
                continue  # by another process, meanwhile
            uow.commit()
        done += 1
    return done


def _seal(uow: UnitOfWork, vault: Vault, person: PersonId) -> None:
    session = uow.session
    for source in session.scalars(select(PushSourceRow).where(PushSourceRow.person == person)).all():
        if source.name_box is None:
            source.name, source.name_box = push_sources.sealed_name(vault, person, source.id, source.name)
    for file in session.scalars(select(SourceFileRow).where(SourceFileRow.person == person)).all():
        if file.path_box is None:
            file.path, file.path_box = source_files.sealed_path(vault, person, file.path)
    for row in session.scalars(select(ReactionRow).where(ReactionRow.person == person)).all():
        if not reactions.is_keyed(row.idempotency_key):
            row.idempotency_key = reactions.keyed(vault, person, row.idempotency_key)
    session.execute(update(PersonRow).where(PersonRow.person == person).values(clear_names=False))
