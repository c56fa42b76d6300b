"""Reactions, applied once per idempotency key, and the clusters that they block."""

from typing import NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from data_contracts.errors import Conflict
from data_contracts.identifiers import ClusterId, DecisionId, PersonId, ReactionId
from data_contracts.rewards import ReactionKind
from infra.database.all_tables import ClusterBlockRow, ReactionRow
from infra.database.engine.sql import insert_into
from infra.database.engine.unit_of_work import UnitOfWork
from infra.vault import SUBJECT_CHARS, Vault

__all__ = [
    "Inserted",
    "block",
    "insert",
    "is_keyed",
    "keyed",
    "standing",
    "unblock",
    "undo",
]

KEYED = "k:"


class Inserted(NamedTuple):
    """The reaction that stands for the key, and whether it was new."""

    row: ReactionRow
    fresh: bool


def insert(
    uow: UnitOfWork,
    *,
    reaction: ReactionId,
    decision: DecisionId,
    person: PersonId,
    kind: ReactionKind,
    at_us: int,
    reward: float,
    idempotency_key: str,
) -> Inserted:
    """Keep a reaction once per (person, key); the same key again returns the first one. The key is as `keyed` gives it.

    Raises `Conflict` when the key was used for another decision or another kind.
    """
    statement = insert_into(uow.session, ReactionRow).values(
        id=reaction,
        decision=decision,
        person=person,
        kind=kind.value,
        at_us=at_us,
        reward=reward,
        idempotency_key=idempotency_key,
        undone_us=None,
    )
    statement = statement.on_conflict_do_nothing(index_elements=["person", "idempotency_key"])
    fresh = uow.session.execute(statement.returning(ReactionRow.id)).first() is not None
    row = uow.session.scalars(
        select(ReactionRow).where(ReactionRow.person == person, ReactionRow.idempotency_key == idempotency_key)
    ).one()
    if (row.decision, row.kind) != (decision, kind.value):
        raise Conflict("this idempotency key was used for something else")
    return Inserted(row, fresh)


def keyed(vault: Vault, person: PersonId, chosen: str) -> str:
    """Return what is stored of an idempotency key that a caller chose: a keyed hash, marked as one."""
    return KEYED + vault.subject_key(person, "idempotency_key", chosen)


def is_keyed(stored: str) -> bool:
    """Whether this is a keyed hash, not a key in clear from before."""
    return stored.startswith(KEYED) and len(stored) == len(KEYED) + SUBJECT_CHARS


def standing(session: Session, person: PersonId, decision: DecisionId) -> ReactionRow | None:
    """Return the newest reaction to a decision that was not taken back."""
    statement = (
        select(ReactionRow)
        .where(ReactionRow.decision == decision, ReactionRow.person == person, ReactionRow.undone_us.is_(None))
        .order_by(ReactionRow.at_us.desc(), ReactionRow.id.desc())
        .limit(1)
    )
    return session.scalars(statement).one_or_none()


def undo(uow: UnitOfWork, *, person: PersonId, reaction: str, at_us: int) -> bool:
    """Take a reaction back; return false when it was taken back before or is not there."""
    statement = (
        update(ReactionRow)
        .where(ReactionRow.id == reaction, ReactionRow.person == person, ReactionRow.undone_us.is_(None))
        .values(undone_us=at_us)
        .returning(ReactionRow.id)
    )
    return uow.session.execute(statement).first() is not None


def block(
    uow: UnitOfWork, *, person: PersonId, cluster: ClusterId, until_us: int, decision: DecisionId | None = None
) -> None:
    """Silence a cluster until then; a longer block that stands is not shortened."""
    statement = insert_into(uow.session, ClusterBlockRow).values(
        person=person, cluster=cluster, until_us=until_us, decision=decision
    )
    new = statement.excluded
    uow.session.execute(
        statement.on_conflict_do_update(
            index_elements=["person", "cluster"],
            set_={"until_us": new.until_us, "decision": new.decision},
            where=ClusterBlockRow.until_us < new.until_us,
        )
    )


def unblock(uow: UnitOfWork, *, person: PersonId, decision: DecisionId) -> None:
    """Lift the block that a decision's reaction brought."""
    uow.session.execute(
        delete(ClusterBlockRow).where(ClusterBlockRow.person == person, ClusterBlockRow.decision == decision)
    )
