"""Tables of people, their sessions, consents and sealed texts."""

from sqlalchemy import CheckConstraint, Index, true
from sqlalchemy.orm import Mapped, mapped_column

from infra.database.engine.table_base import Base, Owner, OwnerKey

__all__ = ["ConsentRow", "LoginLinkRow", "PersonRow", "SessionRow", "TextRow", "TombstoneRow"]


class PersonRow(Base):
    """One person: a random pseudonym, a zone, and the epochs that revoke what was cached about them."""

    __tablename__ = "people"
    __table_args__ = (CheckConstraint("role IN ('member', 'admin')", name="role"),)

    person: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    zone: Mapped[str]
    role: Mapped[str]
    quiet_start_min: Mapped[int]
    quiet_end_min: Mapped[int]
    budget: Mapped[int]
    silence_price: Mapped[float]
    consent_mask: Mapped[int]
    consent_epoch: Mapped[int]
    session_epoch: Mapped[int]
    created_us: Mapped[int]
    erasing: Mapped[bool]
    clear_ids: Mapped[bool] = mapped_column(server_default=true())  # older events may bear ids that callers chose
    clear_names: Mapped[bool] = mapped_column(server_default=true())  # of sources and files, until they are sealed


class SessionRow(Base):
    """A sign-in, known only by the hash of its cookie; without a person it is the admin token's."""

    __tablename__ = "sessions"

    sid_hash: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[Owner | None] = mapped_column(index=True)
    role: Mapped[str]
    created_us: Mapped[int]
    seen_us: Mapped[int]
    expires_us: Mapped[int]
    idle_us: Mapped[int]
    epoch: Mapped[int]


class LoginLinkRow(Base):
    """A one-time link, known only by the hash of its token."""

    __tablename__ = "login_links"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[Owner] = mapped_column(index=True)
    expires_us: Mapped[int]
    used_us: Mapped[int | None]


class TombstoneRow(Base):
    """An erased person, as a keyed hash that says nothing without the key."""

    __tablename__ = "tombstones"

    hmac: Mapped[str] = mapped_column(primary_key=True)
    at_us: Mapped[int]


class ConsentRow(Base):
    """One change of mind, append-only; the newest state is the mask of `people`."""

    __tablename__ = "consents"
    __table_args__ = (Index("ix_consents_person_at_us", "person", "at_us"),)

    person: Mapped[OwnerKey]
    id: Mapped[str] = mapped_column(primary_key=True)
    signal: Mapped[str]
    granted: Mapped[bool]
    at_us: Mapped[int]
    surface: Mapped[str]


class TextRow(Base):
    """A sealed title or label that no source can give again, kept for at most 7 days."""

    __tablename__ = "texts"
    __table_args__ = (Index("ix_texts_expires_us", "expires_us"),)

    person: Mapped[OwnerKey]
    subject: Mapped[str] = mapped_column(primary_key=True)
    signal: Mapped[str]
    box: Mapped[bytes]
    expires_us: Mapped[int]
