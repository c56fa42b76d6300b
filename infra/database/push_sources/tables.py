"""Tables of push sources, their credentials, and their recent deliveries."""

from sqlalchemy import JSON, CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from infra.database.engine.table_base import Base, Owner, OwnerKey

__all__ = ["DeliveryRow", "PushKeyRow", "PushSourceRow"]


class PushSourceRow(Base):
    """A device or a webhook of one person; its id says nothing and stands in addresses."""

    __tablename__ = "push_sources"
    __table_args__ = (UniqueConstraint("person", "name"), CheckConstraint("form IN ('token', 'webhook')", name="form"))

    id: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[Owner]
    name: Mapped[str]  # a keyed hash; the name itself is in the box
    name_box: Mapped[bytes | None]
    form: Mapped[str]
    kinds: Mapped[list[str]] = mapped_column(JSON)
    created_us: Mapped[int]
    seen_us: Mapped[int | None]


class PushKeyRow(Base):
    """One credential of a source: a token by its hash, or a signing secret sealed with the person's key."""

    __tablename__ = "push_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(ForeignKey("push_sources.id", ondelete="CASCADE"), index=True)
    person: Mapped[Owner] = mapped_column(index=True)
    token_hash: Mapped[str | None] = mapped_column(unique=True)
    box: Mapped[bytes | None]
    created_us: Mapped[int]
    ends_us: Mapped[int | None]


class DeliveryRow(Base):
    """A signed delivery that was taken in, by a keyed hash, and the fates that it was answered with."""

    __tablename__ = "deliveries"

    person: Mapped[OwnerKey]
    key: Mapped[str] = mapped_column(primary_key=True)
    until_us: Mapped[int] = mapped_column(index=True)
    answer: Mapped[bytes]
