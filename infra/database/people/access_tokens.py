"""Sessions and one-time login links: 256 random bits each, stored only as a hash."""

import secrets
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from data_contracts.durations import DAY_US, HOUR_US, SECOND_US
from data_contracts.errors import Unauthenticated
from data_contracts.identifiers import PersonId, RandomBytes
from infra.database.all_tables import LoginLinkRow, PersonRow, SessionRow
from infra.database.engine.unit_of_work import UnitOfWork
from infra.database.people.people import get

__all__ = [
    "SignedIn",
    "create_login_link",
    "find_session",
    "open_admin_session",
    "open_session",
    "redeem_login_link",
    "revoke_session",
    "touch_session",
]

SESSION_US = 30 * DAY_US
IDLE_US = 7 * DAY_US
ADMIN_SESSION_US = DAY_US
LINK_US = 600 * SECOND_US
TOUCH_US = HOUR_US  # a session is marked as seen at most this often: a write costs more than a tip


class SignedIn(NamedTuple):
    """A valid session; `person` is None for the admin token's. `epoch` must equal the person's session epoch."""

    person: PersonId | None
    role: str
    epoch: int
    expires_us: int  # whichever comes first of the absolute and the idle end
    seen_us: int  # when it was last marked as seen


def open_session(
    uow: UnitOfWork,
    *,
    person: PersonId,
    now_us: int,
    lifetime_us: int = SESSION_US,
    idle_us: int = IDLE_US,
    random_bytes: RandomBytes = secrets.token_bytes,
) -> str:
    """Open a session of a person with the role that the database gives them, and return its `sid`."""
    row = get(uow.session, person)
    return _open(uow, row, now_us, lifetime_us, idle_us, random_bytes=random_bytes)


def open_admin_session(uow: UnitOfWork, *, now_us: int, random_bytes: RandomBytes = secrets.token_bytes) -> str:
    """Open a session of 24 hours with role admin and no person, for automated tools, and return its `sid`."""
    return _open(uow, None, now_us, ADMIN_SESSION_US, ADMIN_SESSION_US, random_bytes=random_bytes)


def find_session(session: Session, sid: str, *, now_us: int) -> SignedIn | None:
    """Return who is signed in, or None when the session is unknown, ended, idle too long or revoked."""
    statement = (
        select(SessionRow, PersonRow.session_epoch, PersonRow.role, PersonRow.erasing)
        .outerjoin(PersonRow, PersonRow.person == SessionRow.person)
        .where(SessionRow.sid_hash == _hash(sid))
    )
    found = session.execute(statement).one_or_none()
    if found is None:
        return None
    row, epoch, role, erasing = found
    ends_us = min(row.expires_us, row.seen_us + row.idle_us)
    if ends_us <= now_us:
        return None
    if row.person is None:
        return SignedIn(None, row.role, row.epoch, ends_us, row.seen_us)
    if erasing or epoch != row.epoch:
        return None
    return SignedIn(PersonId(row.person), role, row.epoch, ends_us, row.seen_us)


def touch_session(uow: UnitOfWork, sid: str, *, now_us: int) -> None:
    """Note that a session is in use, at most once an hour."""
    uow.session.execute(
        update(SessionRow)
        .where(SessionRow.sid_hash == _hash(sid), SessionRow.seen_us <= now_us - TOUCH_US)
        .values(seen_us=now_us)
    )


def revoke_session(uow: UnitOfWork, sid: str) -> bool:
    """End one session on every replica at its next request, and return whether there was one.

    The person's session epoch moves on, so that no process trusts what it remembers; their other sessions move along.
    """
    gone = uow.session.execute(
        delete(SessionRow).where(SessionRow.sid_hash == _hash(sid)).returning(SessionRow.person, SessionRow.epoch)
    ).first()
    if gone is None or gone.person is None:
        return gone is not None
    person = get(uow.session, PersonId(gone.person))
    person.session_epoch += 1
    uow.session.execute(
        update(SessionRow)
        .where(SessionRow.person == gone.person, SessionRow.epoch == gone.epoch)
        .values(epoch=person.session_epoch)
    )
    uow.session.flush()
    return True


def create_login_link(
    uow: UnitOfWork,
    *,
    person: PersonId,
    now_us: int,
    lifetime_us: int = LINK_US,
    random_bytes: RandomBytes = secrets.token_bytes,
) -> str:
    """Return a token that signs this person in once, within ten minutes; raises `NotFound`."""
    get(uow.session, person)
    token = random_bytes(32).hex()
    uow.session.add(LoginLinkRow(token_hash=_hash(token), person=person, expires_us=now_us + lifetime_us, used_us=None))
    uow.session.flush()
    return token


def redeem_login_link(uow: UnitOfWork, token: str, *, now_us: int) -> PersonId:
    """Use a link up and return whose it was; raises `Unauthenticated` when it is unknown, used or too old."""
    statement = (
        update(LoginLinkRow)
        .where(LoginLinkRow.token_hash == _hash(token))
        .where(LoginLinkRow.used_us.is_(None), LoginLinkRow.expires_us > now_us)
        .values(used_us=now_us)
        .returning(LoginLinkRow.person)
    )
    person = uow.session.scalars(statement).one_or_none()
    if person is None:
        raise Unauthenticated("this link was used before or is too old; ask for a new one")
    return PersonId(person)


def _open(
    uow: UnitOfWork,
    person: PersonRow | None,
    now_us: int,
    lifetime_us: int,
    idle_us: int,
    *,
    random_bytes: RandomBytes,
) -> str:
    sid = random_bytes(32).hex()
    uow.session.add(
        SessionRow(
            sid_hash=_hash(sid),
            person=person.person if person else None,
            role=person.role if person else "admin",
            created_us=now_us,
            seen_us=now_us,
            expires_us=now_us + lifetime_us,
            idle_us=idle_us,
            epoch=person.session_epoch if person else 0,
        )
    )
    uow.session.flush()
    return sid


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
