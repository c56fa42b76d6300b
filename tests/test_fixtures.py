"""The shared fixtures themselves: what every other test builds on."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from data_contracts.identifiers import PersonId

if TYPE_CHECKING:
    from infra.database.engine.database import Database


def test_the_database_is_migrated_and_empty(database: "Database") -> None:
    """Each test begins with the tables of the newest migration and no row."""
    with database.read() as session:
        assert session.execute(text("SELECT count(*) FROM people")).scalar_one() == 0
        assert session.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1


def test_both_dialects_are_real(database: "Database", request: pytest.FixtureRequest) -> None:
    """The fixture's two kinds are two servers and not one of them twice."""
    assert database.dialect == request.node.callspec.params["database"]


def test_instant_person_and_home_are_plain(now: datetime, person: PersonId, home: Path) -> None:
    """The instant is aware, the pseudonym says nothing, the home is private and empty."""
    assert now.tzinfo is UTC
    assert person == "000102030405060708090a0b0c0d0e0f"
    assert home.stat().st_mode & 0o777 == 0o700
    assert list(home.iterdir()) == []
