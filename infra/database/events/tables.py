"""Tables of events with their marks, refused rows and messages, working state, and files read."""

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from infra.database.engine.table_base import Base, Owner, OwnerKey, Sequence

__all__ = ["DeadLetterRow", "EventRow", "FoldHeadRow", "QuarantineRow", "SourceFileRow", "WorkingRow"]


class EventRow(Base):
    """One accepted event, and when it was published beyond this process."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("person", "id"),
        Index("ix_events_person_sequence", "person", "sequence"),
        Index(
            "ix_events_unpublished",
            "sequence",
            sqlite_where=text("published_us IS NULL"),
            postgresql_where=text("published_us IS NULL"),
        ),
        Index(
            "ix_events_mirror_sequence",
            "mirror_sequence",
            sqlite_where=text("mirror_sequence IS NOT NULL"),
            postgresql_where=text("mirror_sequence IS NOT NULL"),
        ),
        # a sequence number is never used twice, even after its row was erased
        {"sqlite_autoincrement": True},
    )

    sequence: Mapped[Sequence]
    id: Mapped[str]
    person: Mapped[Owner]
    kind: Mapped[str]
    at_us: Mapped[int]
    received_us: Mapped[int]
    source: Mapped[str]
    payload: Mapped[bytes]
    published_us: Mapped[int | None]
    mirror_sequence: Mapped[int | None]  # where in the mirror it is


class QuarantineRow(Base):
    """One refused row, sealed, with the rule that it broke."""

    __tablename__ = "quarantine"
    __table_args__ = (Index("ix_quarantine_person_received_us", "person", "received_us"),)

    person: Mapped[OwnerKey]
    id: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str]
    file: Mapped[str | None]
    line: Mapped[int | None]
    rule: Mapped[str]
    received_us: Mapped[int]
    box: Mapped[bytes]


class WorkingRow(Base):
    """One keyed row of the fold's state: the last writer by (event time, event id)."""

    __tablename__ = "working_state"

    person: Mapped[OwnerKey]
    source: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    at_us: Mapped[int]
    event_id: Mapped[str]
    payload: Mapped[bytes]


class FoldHeadRow(Base):
    """How far the fold of a person has read."""

    __tablename__ = "fold_heads"

    person: Mapped[OwnerKey]
    sequence: Mapped[int]
    as_of_us: Mapped[int]


class SourceFileRow(Base):
    """A file that a person imported, so that its texts can be read again where they are."""

    __tablename__ = "source_files"

    person: Mapped[OwnerKey]
    path: Mapped[str] = mapped_column(primary_key=True)  # a keyed hash; the path itself is in the box
    path_box: Mapped[bytes | None]
    connector: Mapped[str]
    digest: Mapped[str]
    imported_us: Mapped[int]


class DeadLetterRow(Base):
    """A message that the stream processor gave up on: what it was and why, never its content."""

    __tablename__ = "dead_letters"
    __table_args__ = (
        UniqueConstraint("place", "digest"),
        Index("ix_dead_letters_person", "person"),
        {"sqlite_autoincrement": True},
    )

    number: Mapped[Sequence]
    person: Mapped[Owner | None]
    place: Mapped[int]
    digest: Mapped[str]
    size: Mapped[int]
    reason: Mapped[str]
    deliveries: Mapped[int]
    at_us: Mapped[int]
    replayed_us: Mapped[int | None]
