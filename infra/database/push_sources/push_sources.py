"""Push sources: each is bound to a person, a name and kinds of signals, and is revocable alone.

A token has 256 random bits and is known only by its hash. A signing secret must be known to check a signature, so it is
sealed with the person's key, which lies apart from the database and dies with the person.
"""

import re
import secrets
from collections.abc import Collection
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import Session

from data_contracts.durations import DAY_US
from data_contracts.errors import Conflict, Malformed, NotFound
from data_contracts.identifiers import PersonId, RandomBytes, from_us, new_id
from data_contracts.signals.kinds import SIGNALS
from data_contracts.signals.values import Refuse, read_id
from infra.database.all_tables import PersonRow, PushKeyRow, PushSourceRow
from infra.database.audit import audit_log
from infra.database.engine.unit_of_work import UnitOfWork
from infra.database.events.outbox import lock_person
from infra.vault import Vault

__all__ = [
    "Form",
    "Minted",
    "PushSource",
    "add",
    "by_id",
    "by_token",
    "count_keys",
    "list_for",
    "note_refusal",
    "path_of",
    "revoke",
    "rotate",
    "sealed_name",
    "signing_secrets",
    "touch",
]

MAX_SOURCES = 32  # per person
GRACE_US = DAY_US  # how long the old credential works beside the new one
REFUSAL_US = 3_600_000_000  # refusals of unknown credentials are audited at most this often
TOUCH_US = 3_600_000_000  # a source is marked as seen at most this often: a write costs more than the look
TOKEN = re.compile(r"oo_tok_[0-9a-f]{64}")
NAME_USE = "push_source_name"
SOURCE_ID = re.compile(r"[0-9a-f]{32}")


class Form(StrEnum):
    """How a source proves who it is."""

    TOKEN = "token"  # noqa: S105 - a word, not a secret
    WEBHOOK = "webhook"


PREFIXES = {Form.TOKEN: "oo_tok_", Form.WEBHOOK: "oo_whs_"}  # so that scanners of leaked secrets know ours


class PushSource(NamedTuple):
    """A source as the API sees it: whose it is, the name its signals bear, and the kinds it may bring."""

    id: str
    person: PersonId
    name: str
    form: Form
    kinds: tuple[str, ...]
    created_us: int
    seen_us: int | None


class Minted(NamedTuple):
    """A source and its new credential, which is shown once."""

    source: PushSource
    credential: str


def add(
    uow: UnitOfWork,
    vault: Vault,
    *,
    person: PersonId,
    name: str,
    form: Form,
    kinds: Collection[str],
    actor: str,
    now_us: int,
    random_bytes: RandomBytes = secrets.token_bytes,
) -> Minted:
    """Add a source and mint its credential.

    Raises `Malformed` for a name that no signal may bear and for kinds that do not exist, `Conflict` when the name is
    taken or there are too many, `ErasedPerson` and `NotFound`.
    """
    allowed = _checked(name, kinds)
    lock_person(uow.session, person, uow.tombstone)
    names = set(uow.session.scalars(select(PushSourceRow.name).where(PushSourceRow.person == person)))
    if names & _stored_names(vault, person, name):
        raise Conflict(f"a source named {name!r} exists already; revoke it first or rotate its credential")
    if len(names) >= MAX_SOURCES:
        raise Conflict(f"a person has at most {MAX_SOURCES} sources; revoke one first")
    source = PushSource(random_bytes(16).hex(), person, name, form, allowed, now_us, None)
    hashed, box = sealed_name(vault, person, source.id, name)
    stored = {"name": hashed, "name_box": box, "kinds": list(allowed), "form": form.value}
    uow.session.add(PushSourceRow(**source._asdict() | stored))
    uow.session.flush()
    return _mint(uow, vault, source, action="source_added", actor=actor, now_us=now_us, random_bytes=random_bytes)


def rotate(
    uow: UnitOfWork,
    vault: Vault,
    *,
    person: PersonId,
    name: str,
    actor: str,
    now_us: int,
    grace_us: int = GRACE_US,
    random_bytes: RandomBytes = secrets.token_bytes,
) -> Minted:
    """Mint a new credential of a source; those before it end after `grace_us`. Raises `NotFound`, `ErasedPerson`."""
    lock_person(uow.session, person, uow.tombstone)
    source = _get(uow.session, vault, person, name)
    ends_us = now_us + grace_us
    uow.session.execute(
        update(PushKeyRow)
        .where(PushKeyRow.source == source.id, or_(PushKeyRow.ends_us.is_(None), PushKeyRow.ends_us > ends_us))
        .values(ends_us=ends_us)
    )
    return _mint(uow, vault, source, action="source_rotated", actor=actor, now_us=now_us, random_bytes=random_bytes)


def revoke(uow: UnitOfWork, vault: Vault, *, person: PersonId, name: str, actor: str, now_us: int) -> None:
    """End a source at its next request, on every replica; raises `NotFound`, `ErasedPerson`."""
    lock_person(uow.session, person, uow.tombstone)
    source = _get(uow.session, vault, person, name)
    uow.session.execute(delete(PushKeyRow).where(PushKeyRow.source == source.id))
    uow.session.execute(delete(PushSourceRow).where(PushSourceRow.id == source.id))
    _audit(uow, vault, source, action="source_revoked", actor=actor, now_us=now_us)


def list_for(session: Session, vault: Vault, person: PersonId) -> list[PushSource]:
    """Return a person's sources, oldest first."""
    statement = (
        select(PushSourceRow).where(PushSourceRow.person == person).order_by(PushSourceRow.created_us, PushSourceRow.id)
    )
    return [_source(row, vault) for row in session.scalars(statement)]


def by_token(session: Session, vault: Vault, token: str, *, now_us: int) -> PushSource | None:
    """Return the source of a token, or None when it is unknown, revoked or over, or its person is leaving."""
    if not TOKEN.fullmatch(token):
        return None
    statement = (
        select(PushSourceRow)
        .join(PushKeyRow, PushKeyRow.source == PushSourceRow.id)
        .join(PersonRow, PersonRow.person == PushSourceRow.person)
        .where(PushKeyRow.token_hash == _hash(token), _lives(now_us), ~PersonRow.erasing)
    )
    row = session.scalars(statement).one_or_none()
    return None if row is None else _source(row, vault)


def by_id(session: Session, vault: Vault, source_id: str) -> PushSource | None:
    """Return the source of an address, or None when there is none or its person is leaving."""
    if not SOURCE_ID.fullmatch(source_id):
        return None
    statement = (
        select(PushSourceRow)
        .join(PersonRow, PersonRow.person == PushSourceRow.person)
        .where(PushSourceRow.id == source_id, ~PersonRow.erasing)
    )
    row = session.scalars(statement).one_or_none()
    return None if row is None else _source(row, vault)


def signing_secrets(session: Session, vault: Vault, source: PushSource, *, now_us: int) -> list[bytes]:
    """Return the secrets that a delivery of this source may be signed with; none for a source with a token."""
    statement = select(PushKeyRow.id, PushKeyRow.box).where(PushKeyRow.source == source.id, _lives(now_us))
    boxes = [(key, box) for key, box in session.execute(statement) if box is not None]
    return [vault.open(source.person, _field_of(key), box) for key, box in boxes]


def count_keys(session: Session, *, now_us: int) -> tuple[int, int]:
    """Return how many credentials work, and how many of them end soon because a newer one was minted."""
    statement = select(func.count(), func.count(PushKeyRow.ends_us)).where(_lives(now_us))
    working, ending = session.execute(statement).one()
    return int(working), int(ending)


def path_of(source: PushSource) -> str:
    """Return where a source pushes to; a webhook is known by its address, a device by its token."""
    return f"/api/signals?source={source.id}" if source.form is Form.WEBHOOK else "/api/signals"


def touch(uow: UnitOfWork, source: PushSource, *, now_us: int) -> None:
    """Note that a source is in use, at most once an hour."""
    uow.session.execute(
        update(PushSourceRow)
        .where(PushSourceRow.id == source.id)
        .where(or_(PushSourceRow.seen_us.is_(None), PushSourceRow.seen_us <= now_us - TOUCH_US))
        .values(seen_us=now_us)
    )


def note_refusal(uow: UnitOfWork, vault: Vault, address: str, *, now_us: int) -> None:
    """Audit that a credential was refused, once an hour for each source and once for all that name none of ours."""
    source = by_id(uow.session, vault, address)
    detail = {"source": "unknown"} if source is None else _named(vault, source)
    entry = f"refused-{detail['source']}-{now_us // REFUSAL_US}"
    audit_log.append(uow, at_us=now_us, actor="door", action="source_refused", detail=detail, entry_id=entry)


def _checked(name: str, kinds: Collection[str]) -> tuple[str, ...]:
    try:
        read_id(name, "source")
    except Refuse as refused:
        raise Malformed(str(refused)) from refused
    unknown = sorted(set(kinds) - SIGNALS.keys())
    if unknown or not kinds:
        raise Malformed(f"a source may bring one or more of {', '.join(SIGNALS)}")
    return tuple(kind for kind in SIGNALS if kind in kinds)


def sealed_name(vault: Vault, person: PersonId, source_id: str, name: str) -> tuple[str, bytes]:
    """Return the keyed hash and the box of a source's name: what is stored of it."""
    return vault.subject_key(person, NAME_USE, name), vault.seal(person, f"{NAME_USE}|{source_id}", name.encode())


def _stored_names(vault: Vault, person: PersonId, name: str) -> set[str]:
    """Return what may be stored of a name: its keyed hash, or itself while it waits to be sealed."""
    return {vault.subject_key(person, NAME_USE, name), name}


def _get(session: Session, vault: Vault, person: PersonId, name: str) -> PushSource:
    stored = _stored_names(vault, person, name)
    statement = select(PushSourceRow).where(PushSourceRow.person == person, PushSourceRow.name.in_(stored))
    row = session.scalars(statement).one_or_none()
    if row is None:
        raise NotFound("there is no such source")
    return _source(row, vault)


def _mint(
    uow: UnitOfWork,
    vault: Vault,
    source: PushSource,
    *,
    action: str,
    actor: str,
    now_us: int,
    random_bytes: RandomBytes,
) -> Minted:
    key = new_id(from_us(now_us), random_bytes)
    credential = PREFIXES[source.form] + random_bytes(32).hex()
    signed = source.form is Form.WEBHOOK
    uow.session.add(
        PushKeyRow(
            id=key,
            source=source.id,
            person=source.person,
            token_hash=None if signed else _hash(credential),
            box=vault.seal(source.person, _field_of(key), credential.encode()) if signed else None,
            created_us=now_us,
            ends_us=None,
        )
    )
    uow.session.flush()
    _audit(uow, vault, source, action=action, actor=actor, now_us=now_us)
    return Minted(source, credential)


def _audit(uow: UnitOfWork, vault: Vault, source: PushSource, *, action: str, actor: str, now_us: int) -> None:
    audit_log.append(uow, at_us=now_us, actor=actor, action=action, detail=_named(vault, source))


def _named(vault: Vault, source: PushSource) -> dict[str, str]:
    """Name the source by a keyed hash that cannot be computed once the person is erased."""
    return {"source": vault.subject_key(source.person, "push_source", source.id), "form": source.form.value}


def _lives(now_us: int) -> ColumnElement[bool]:
    return or_(PushKeyRow.ends_us.is_(None), PushKeyRow.ends_us > now_us)


def _source(row: PushSourceRow, vault: Vault) -> PushSource:
    kinds, person, name = tuple(row.kinds), PersonId(row.person), row.name
    if row.name_box is not None:
        name = vault.open(person, f"{NAME_USE}|{row.id}", row.name_box).decode()
    return PushSource(row.id, person, name, Form(row.form), kinds, row.created_us, row.seen_us)


def _field_of(key: str) -> str:
    return f"push_key|{key}"


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()
