"""An installation that flows work on: both databases, one person with every consent, no vendor's server."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from data_contracts.identifiers import PersonId
from feature_repo.online import open_online
from flows.context import OpenedContext
from flows.stream.processor import Stream
from infra.clock import fixed_clock
from infra.database.engine.database import Database
from infra.network_addresses import free_port
from infra.settings import Settings
from infra.signing import PolicySeal
from infra.vault import Vault
from tests.flows import people

PREFECT = {
    "DO_NOT_TRACK": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


@pytest.fixture
def context(database: Database, person: PersonId, home: Path, now: datetime) -> Iterator[OpenedContext]:
    """Return the parts of an installation with one person."""
    grown = database.url.render_as_string(hide_password=False) if database.dialect == "postgresql" else None
    settings = Settings(home=home, database_url=grown)
    vault = Vault(settings.keys)
    people.settle(database, person, now)
    online = open_online(grown or settings.online_db)
    stream = Stream(database=database, online=online, clock=fixed_clock(now))
    unsubscribe = database.bus.subscribe(stream.handle)
    yield OpenedContext(settings, database, vault, PolicySeal(settings.keys), online, stream, fixed_clock(now))
    unsubscribe()
    online.close()


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start one Prefect server for the session and return its address."""
    folder = tmp_path_factory.mktemp("prefect")
    port = free_port()
    environment = {**os.environ, **PREFECT, "PREFECT_HOME": str(folder)}
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}/api"
    try:
        _wait_for(f"{address}/health", server, folder / "server.log")
        yield address
    finally:
        server.terminate()
        server.wait(30)


def _wait_for(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 120
    while server.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=1).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    pytest.fail(f"the Prefect server did not start: {log.read_text()[-2_000:]}")
