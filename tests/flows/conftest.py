"""An installation that flows work on: both databases, one person with every consent, no vendor's server."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from data_contracts.identifiers import PersonId
from feature_repo.online_tables import open_online
from flows.parts import OpenedParts
from flows.stream import Stream
from infra.clock import fixed_clock
from infra.database.engine import Database
from infra.settings import Settings
from infra.vault import Vault
from tests.flows import people


@pytest.fixture
def parts(database: Database, person: PersonId, home: Path, now: datetime) -> Iterator[OpenedParts]:
    """Return the parts of an installation with one person."""
    grown = database.url.render_as_string(hide_password=False) if database.dialect == "postgresql" else None
    settings = Settings(home=home, database_url=grown)
    vault = Vault(settings.keys)
    people.settle(database, person, now)
    online = open_online(grown or settings.online_db)
    stream = Stream(database=database, online=online, clock=fixed_clock(now))
    unsubscribe = database.bus.subscribe(stream.handle)
    yield OpenedParts(settings, database, vault, online, stream, fixed_clock(now))
    unsubscribe()
    online.close()
