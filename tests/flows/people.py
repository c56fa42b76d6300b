"""A person with every consent, and events of a life in the database."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from data_contracts.durations import HOUR_US
from data_contracts.events.codec import Event
from data_contracts.features import CONSENT_SIGNALS
from data_contracts.identifiers import PersonId, to_us
from flows.context import OpenedContext
from infra.clock import fixed_clock
from infra.database.engine.database import Database
from infra.database.people import consents, people


def settle(database: Database, person: PersonId, now: datetime, name: str = "ada") -> None:
    """Make a person known who consents to everything."""
    with database.unit_of_work() as uow:
        people.create(uow, person=person, name=name, zone="Europe/Vienna", created_us=to_us(now))
        for signal in CONSENT_SIGNALS:
            consents.change(
                uow,
                event_id=f"{person}-{signal}",
                person=person,
                signal=signal,
                granted=True,
                at_us=to_us(now),
                surface="test",
            )
        uow.commit()


def append(database: Database, facts: Iterable[Event]) -> None:
    """Commit events as the API would."""
    with database.unit_of_work() as uow:
        uow.record_all(list(facts))
        uow.commit()


def task(person: PersonId, number: int, at_us: int, *, state: int = 1) -> Event:
    """Return the newest fact of a task."""
    event = Event(id=f"task-{number}-{at_us}-{state}", person=person, at_us=at_us, received_us=at_us, source="test")
    event.task_changed.task = f"{number:032x}"
    event.task_changed.state = state  # type: ignore[assignment]  # the enum's number
    event.task_changed.priority = 1 + number % 4
    return event


def mood(person: PersonId, at_us: int, value: int = 3) -> Event:
    """Return a mood report."""
    event = Event(id=f"mood-{at_us}", person=person, at_us=at_us, received_us=at_us, source="test")
    event.mood_reported.mood = value
    return event


def meeting(person: PersonId, number: int, at_us: int, start_us: int) -> Event:
    """Return an hour that is taken."""
    event = Event(id=f"event-{number}", person=person, at_us=at_us, received_us=at_us, source="test")
    event.event_scheduled.event = f"{number:032x}"
    event.event_scheduled.start_us, event.event_scheduled.end_us = start_us, start_us + HOUR_US
    event.event_scheduled.busy = True
    return event


def members(session: Session) -> list[PersonId]:
    """Return everybody who lives here."""
    return [PersonId(row.person) for row in people.list_all(session)]


def later(context: OpenedContext, days: int) -> OpenedContext:
    """Return the same installation, some days later."""
    clock = fixed_clock(context.clock() + timedelta(days=days))
    return OpenedContext(
        context.settings, context.database, context.vault, context.seal, context.online, context.stream, clock
    )
