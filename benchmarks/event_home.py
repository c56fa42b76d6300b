"""People with made-up lives in a real database, and the pushes in which their events arrive."""

from collections.abc import Iterator, Sequence

from benchmarks.lives import NOW_US, life
from data_contracts.events.codec import Event
from data_contracts.features import CONSENT_SIGNALS
from data_contracts.identifiers import PersonId
from infra.database.engine.database import Database
from infra.database.events import events
from infra.database.people import consents, people

PUSH = 200  # events a transaction, as the API takes them


def lives(persons: int, count: int) -> list[list[Event]]:
    """Return the events of so many people."""
    return [life(seed, count) for seed in range(persons)]


def settle(database: Database, residents: Sequence[Sequence[Event]]) -> None:
    """Add the people of these lives, with every consent."""
    for number, events_of_one in enumerate(residents):
        person = PersonId(events_of_one[0].person)
        with database.unit_of_work() as uow:
            people.create(uow, person=person, name=f"person {number}", zone="Europe/Vienna", created_us=NOW_US)
            for signal in CONSENT_SIGNALS:
                consents.change(
                    uow,
                    event_id=f"{person}-{signal}",
                    person=person,
                    signal=signal,
                    granted=True,
                    at_us=NOW_US,
                    surface="benchmark",
                )
            uow.commit()


def pushes(residents: Sequence[Sequence[Event]]) -> Iterator[Sequence[Event]]:
    """Yield everybody's first push, then everybody's second, and so on."""
    longest = max(len(one) for one in residents)
    for start in range(0, longest, PUSH):
        for one in residents:
            yield one[start : start + PUSH]


def push(database: Database, some: Sequence[Event]) -> None:
    """Take events in as the API does: checked against consent, durable when this returns."""
    with database.unit_of_work() as uow:
        events.append(uow, some)
        uow.commit()
