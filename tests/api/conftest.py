"""The real app on a real database, with scripted serving behind it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.testclient import TestClient

from api.app import create_app
from api.services import Services
from data_contracts.features import CONSENT_SIGNALS, Source
from data_contracts.identifiers import PersonId, new_id, new_person, to_us
from infra.database.decisions.writer import DecisionWriter
from infra.database.engine.database import Database, open_database
from infra.database.people import access_tokens, consents, people
from infra.health import Health
from infra.keys.audit_key import AuditKey
from infra.settings import Settings
from infra.vault import Vault
from tests.api.fake_serving import FakeServing

ORIGIN = "http://localhost:8421"
ADMIN_TOKEN = "an admin token of more than 32 bytes"


@dataclass
class ApiHarness:
    """An app, what is behind it, and a clock that can be moved."""

    database: Database
    settings: Settings
    vault: Vault
    serving: FakeServing
    app: FastAPI
    now: list[datetime]
    clients: list[TestClient] = field(default_factory=list)

    def client(self, sid: str | None = None) -> TestClient:
        """Return a client, signed in with `sid`."""
        client = TestClient(self.app, base_url=ORIGIN, raise_server_exceptions=False, follow_redirects=False)
        if sid is not None:
            client.cookies.set(self.app.state.sessions.cookie, sid, domain="localhost.local")
        self.clients.append(client)
        return client

    def join(self, name: str, *, role: str = "member", granted: tuple[Source, ...] = CONSENT_SIGNALS) -> PersonId:
        """Make a person known."""
        person = new_person()
        with self.database.unit_of_work() as uow:
            people.create(uow, person=person, name=name, zone="Europe/Berlin", created_us=self.now_us, role=role)
            for signal in granted:
                consents.change(
                    uow,
                    person=person,
                    signal=signal,
                    granted=True,
                    at_us=self.now_us,
                    surface="test",
                    event_id=new_id(self.now[0]),
                )
            uow.commit()
        return person

    def sign_in(self, person: PersonId) -> str:
        """Return the `sid` of a new session."""
        with self.database.unit_of_work() as uow:
            sid = access_tokens.open_session(uow, person=person, now_us=self.now_us)
            uow.commit()
        return sid

    def link(self, person: PersonId) -> str:
        """Return a one-time link's token."""
        with self.database.unit_of_work() as uow:
            token = access_tokens.create_login_link(uow, person=person, now_us=self.now_us)
            uow.commit()
        return token

    def known(self, name: str, **more: object) -> tuple[PersonId, TestClient]:
        """Return a new person and their signed-in client."""
        person = self.join(name, **more)  # type: ignore[arg-type]  # passed on as they are
        return person, self.client(self.sign_in(person))

    def decide(self, person: PersonId) -> str:
        """Return the id of a tip that was decided for the person."""
        row = self.serving.decision(person)
        self.serving.writer.write(row)
        return row.id

    def wait(self, **time: float) -> None:
        """Let time pass."""
        self.now[0] += timedelta(**time)

    def close(self) -> None:
        """Let everything go."""
        for client in self.clients:
            client.close()
        self.serving.writer.close()

    @property
    def now_us(self) -> int:
        """The API's instant."""
        return to_us(self.now[0])


MakeApi = Callable[..., ApiHarness]


def open_api(database: Database, home: Path, now: datetime, **settings: object) -> ApiHarness:
    """Return the app on this database, its decision writer started."""
    told = Settings.model_validate({"home": home, "admin_token": SecretStr(ADMIN_TOKEN), **settings})
    instant = [now]
    vault = Vault(told.keys)
    writer = DecisionWriter(database)
    writer.start()
    serving = FakeServing(database, writer, lambda: instant[0])
    health = Health()
    health.register("database", database.ping)
    services = Services(database, vault, lambda: instant[0], health, serving, serving, serving)
    return ApiHarness(database, told, vault, serving, create_app(told, services), instant)


@contextmanager
def lasting_api(home: Path, **settings: object) -> Iterator[ApiHarness]:
    """Open an API on a SQLite database of its own, for all tests of a module."""
    database = open_database(home / "app.db", audit_key=AuditKey(home / "keys"))
    database.migrate()
    api = open_api(database, home, datetime(2026, 3, 4, 13, tzinfo=UTC), **settings)
    api.app.state.services.health.probe()
    yield api
    api.close()
    database.close()


@pytest.fixture
def make_api(database: Database, home: Path, now: datetime) -> Iterator[MakeApi]:
    """Return what opens an API with settings of one's own."""
    opened: list[ApiHarness] = []

    def make(**settings: object) -> ApiHarness:
        opened.append(open_api(database, home, now, **settings))
        return opened[-1]

    yield make
    for api in opened:
        api.close()


@pytest.fixture
def api(make_api: MakeApi) -> ApiHarness:
    """Return the app with the usual settings."""
    return make_api()
