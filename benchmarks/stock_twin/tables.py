"""The twin's tables, as ORM classes; pragmas and indices are explained in README.md."""

from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Engine, ForeignKey, Index, LargeBinary, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

THREADS = 40  # of the pool in which FastAPI runs plain `def` endpoints
PRAGMAS = ("busy_timeout=5000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY")


class Base(DeclarativeBase):
    """What all tables share."""


class Person(Base):
    """Somebody, and what they asked for."""

    __tablename__ = "people"

    id: Mapped[str] = mapped_column(primary_key=True)
    zone: Mapped[str]
    quiet_start_min: Mapped[int]
    quiet_end_min: Mapped[int]
    budget: Mapped[int]
    silence_price: Mapped[float]
    consent_mask: Mapped[int]
    session_epoch: Mapped[int]


class Login(Base):
    """A session, by the hash of its cookie."""

    __tablename__ = "logins"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"), index=True)
    epoch: Mapped[int]
    expires_us: Mapped[int]


class Pool(Base):
    """The tips prepared for a person."""

    __tablename__ = "pools"

    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"), primary_key=True)
    built_us: Mapped[int]
    candidates: Mapped[list[dict[str, Any]]] = mapped_column(JSON)


class ClusterBlock(Base):
    """Tips of one meaning stay away until then."""

    __tablename__ = "cluster_blocks"

    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"), primary_key=True)
    cluster: Mapped[str] = mapped_column(primary_key=True)
    until_us: Mapped[int]


class Posterior(Base):
    """A person's own part of the policy, in the policy's own packed form."""

    __tablename__ = "posteriors"

    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"), primary_key=True)
    payload: Mapped[bytes] = mapped_column(LargeBinary)


class Decision(Base):
    """One decision with everything that it was made from; arrays are kept as bytes, the rest as JSON."""

    __tablename__ = "decisions"
    __table_args__ = (Index("ix_decisions_person_at", "person_id", "at_us"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"))
    at_us: Mapped[int]
    trigger: Mapped[str]
    silent: Mapped[bool]
    template: Mapped[str | None]
    cluster: Mapped[str | None]
    subject: Mapped[str | None]
    expires_us: Mapped[int]
    closed_us: Mapped[int | None]
    closed_by: Mapped[str | None]
    reason: Mapped[str]
    tip: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    seed: Mapped[int]
    chosen: Mapped[int]
    probability: Mapped[float]
    posterior_version: Mapped[int]
    consent_mask: Mapped[int]
    ineligible: Mapped[dict[str, int]] = mapped_column(JSON)
    candidates: Mapped[list[str]] = mapped_column(JSON)
    served: Mapped[dict[str, Any]] = mapped_column(JSON)
    vector: Mapped[bytes] = mapped_column(LargeBinary)
    masked: Mapped[bytes] = mapped_column(LargeBinary)
    ages_s: Mapped[bytes] = mapped_column(LargeBinary)
    actions: Mapped[bytes] = mapped_column(LargeBinary)
    mu: Mapped[bytes] = mapped_column(LargeBinary)
    sigma: Mapped[bytes] = mapped_column(LargeBinary)
    probabilities: Mapped[bytes] = mapped_column(LargeBinary)


def open_engine(home: Path) -> Engine:
    """Return the engine of the twin's database, one pooled connection for each thread that may ask."""
    engine = create_engine(f"sqlite:///{home / 'twin.db'}", pool_size=THREADS)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    return engine


def sessions(engine: Engine) -> sessionmaker[Any]:
    """Return the maker of sessions, one a request."""
    return sessionmaker(engine, expire_on_commit=False)
