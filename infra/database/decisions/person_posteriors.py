"""A person's posterior of a policy, replaced only by a newer version."""

from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from data_contracts.identifiers import PersonId, PolicyDigest
from infra.database.all_tables import PersonPosteriorRow
from infra.database.engine.sql import insert_into
from infra.database.engine.unit_of_work import UnitOfWork

__all__ = ["StoredPosterior", "find", "save"]


class StoredPosterior(NamedTuple):
    """The packed part, its version, and the newest (event time, id) that it has learned from."""

    version: int
    latest_us: int
    latest_id: str
    payload: bytes


def find(session: Session, person: PersonId, digest: PolicyDigest) -> StoredPosterior | None:
    """Return the person's posterior of one policy, or None when nothing was learned yet."""
    statement = select(
        PersonPosteriorRow.version,
        PersonPosteriorRow.latest_us,
        PersonPosteriorRow.latest_id,
        PersonPosteriorRow.payload,
    ).where(PersonPosteriorRow.person == person, PersonPosteriorRow.policy_digest == digest)
    row = session.execute(statement).one_or_none()
    return StoredPosterior(*row) if row else None


def save(uow: UnitOfWork, *, person: PersonId, digest: PolicyDigest, part: StoredPosterior, updated_us: int) -> bool:
    """Store a part if its version is newer than the stored one; return whether it was."""
    statement = insert_into(uow.session, PersonPosteriorRow).values(
        person=person, policy_digest=digest, updated_us=updated_us, **part._asdict()
    )
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=["person", "policy_digest"],
        set_={name: new[name] for name in ("version", "latest_us", "latest_id", "payload", "updated_us")},
        where=PersonPosteriorRow.version < new.version,
    )
    return uow.session.execute(statement.returning(PersonPosteriorRow.person)).first() is not None
