"""Made-up lives for the benchmarks: the same events for the same seed, simulated and labelled so."""

import random

from data_contracts.durations import HOUR_US
from data_contracts.events.codec import Event

NOW_US = 1_790_000_000_000_000
SOURCE = "simulated"
SHARES = {"task": 50, "calendar": 25, "habit": 10, "mood": 4, "context": 6, "shown": 3, "reaction": 2}


def _envelope(rng: random.Random, person: str, days: int) -> Event:
    at_us = NOW_US - rng.randrange(days * 24) * HOUR_US
    return Event(id=f"{rng.getrandbits(128):032x}", person=person, at_us=at_us, received_us=at_us, source=SOURCE)


def life(seed: int, count: int, days: int = 60) -> list[Event]:
    """Return `count` events of one person: half tasks, a quarter calendar, the rest habits, mood, context and tips."""
    rng = random.Random(seed)  # noqa: S311 - a life, not a key
    person = f"{rng.getrandbits(128):032x}"
    kinds = rng.choices(
        ("task", "calendar", "habit", "mood", "context", "shown", "reaction"), (50, 25, 10, 4, 6, 3, 2), k=count
    )
    events = []
    for kind in kinds:
        event = _envelope(rng, person, days)
        _fill(event, kind, rng, max(count // 4, 1))
        events.append(event)
    return events


def _fill(event: Event, kind: str, rng: random.Random, keys: int) -> None:
    if kind == "task":
        task = event.task_changed
        task.task, task.state = f"{rng.randrange(keys):032x}", rng.choice((1, 1, 2))  # type: ignore[assignment]  # enums are integers on the wire
        task.priority, task.created_us = rng.randint(1, 4), event.at_us
        if rng.random() < 0.6:  # noqa: PLR2004 - three in five have a due date
            task.due_us = NOW_US + rng.randrange(-48, 500) * HOUR_US
    elif kind == "calendar":
        instance = event.event_scheduled
        instance.event, instance.busy = f"{rng.randrange(keys):032x}", True
        instance.start_us = NOW_US + rng.randrange(-24 * 30, 24 * 30) * HOUR_US
        instance.end_us = instance.start_us + rng.choice((HOUR_US // 2, HOUR_US))
    elif kind == "habit":
        event.habit_logged.habit = f"{rng.randrange(5):032x}"
    elif kind == "mood":
        event.mood_reported.mood, event.mood_reported.energy = rng.randint(1, 5), rng.randint(1, 5)
    elif kind == "context":
        event.context_observed.device = rng.randint(1, 2)  # type: ignore[assignment]  # enums are integers on the wire
        event.context_observed.place = rng.randint(1, 3)  # type: ignore[assignment]  # as above
    else:
        fact = event.tip_shown if kind == "shown" else event.reaction_received
        fact.decision, fact.cluster = f"{rng.randrange(keys):032x}", "tasks.finish"
        if kind == "reaction":
            event.reaction_received.reaction = rng.randint(1, 3)  # type: ignore[assignment]  # as above
