"""Makes the rows that these tests begin with."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from data_contracts.events.codec import Event
from data_contracts.events.oo.events.v1.signals_pb2 import MoodReported
from data_contracts.features import Source
from data_contracts.identifiers import ClusterId, DecisionId, PersonId, PolicyDigest
from infra.database.all_tables import ClusterBlockRow
from infra.database.decisions.writer import DecisionWriter, NewDecision
from infra.database.engine.database import Database
from infra.database.people import consents, people

DIGEST = PolicyDigest("d" * 64)


def add_person(database: Database, person: PersonId, *, name: str = "me", granted: tuple[Source, ...] = ()) -> PersonId:
    """Add a person who consents to these signals."""
    with database.unit_of_work() as uow:
        people.create(uow, person=person, name=name, zone="Europe/Berlin", created_us=1)
        for signal in granted:
            event_id = f"consent-{signal}"
            consents.change(uow, person=person, signal=signal, granted=True, at_us=1, surface="test", event_id=event_id)
        uow.commit()
    return person


def mood(person: PersonId, event_id: str, at_us: int = 10, value: int = 3) -> Event:
    """Return a mood report."""
    return Event(
        id=event_id,
        person=person,
        at_us=at_us,
        received_us=at_us,
        source="test",
        mood_reported=MoodReported(mood=value),
    )


def blocks_of(session: Session, person: PersonId) -> dict[str, int]:
    """Return a person's silenced clusters, and until when."""
    statement = select(ClusterBlockRow.cluster, ClusterBlockRow.until_us).where(ClusterBlockRow.person == person)
    return dict(session.execute(statement).all())


def decision(
    person: PersonId,
    decision_id: str,
    at_us: int = 100,
    *,
    trigger: str = "open",
    silent: bool = False,
    subject: str | None = None,
    record: bytes = b"record",
) -> NewDecision:
    """Return a row as serving would write it."""
    return NewDecision(
        id=DecisionId(decision_id),
        person=person,
        at_us=at_us,
        policy_digest=DIGEST,
        origin="live",
        trigger=trigger,
        silent=silent,
        cluster=None if silent else ClusterId("rest.break"),
        template=None if silent else "rest.break.1",
        subject=subject,  # type: ignore[arg-type] # any text will do here
        expires_us=at_us + 1_000,
        text_box=None if silent else b"sealed",
        record=record,
    )


def write(database: Database, *rows: NewDecision) -> None:
    """Write decisions durably."""
    writer = DecisionWriter(database)
    writer.start()
    for row in rows:
        writer.write(row)
    writer.close()
