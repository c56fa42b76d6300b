from collections.abc import Iterator
from pathlib import Path

import pytest

from data_contracts.identifiers import PersonId
from infra.database.engine.database import Database
from tests.serving.life import Life
from tests.serving.world import World, world


def afternoon() -> Life:
    """Return a Wednesday at 14:10 with 50 free minutes, a report due today, and a run not yet logged."""
    life = Life.on("2026-03-04T14:10")
    life.task("quarterly report", life.clock(0, "23:59"), priority=1)
    life.task("call the plumber", life.clock(1, "12:00"))
    life.meeting(life.clock(0, "15:00"), life.clock(0, "16:00"))
    life.meeting(life.clock(0, "12:00"), life.clock(0, "13:30"))
    life.streak("run", 5)
    life.mood(4, 4, hours_ago=3)
    life.context("desktop", "work", since_min=100)
    return life


@pytest.fixture
def living(home: Path, database: Database, person: PersonId) -> Iterator[World]:
    """Return a world with a warm-started champion, on both databases."""
    with world(home, database, person, afternoon()) as built:
        yield built
