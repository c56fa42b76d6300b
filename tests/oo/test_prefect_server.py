"""The Prefect server that oO starts: nobody uses it without its credential, and nothing of the shell weakens that."""

import json
import os
import re
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from oo.processes.prefect_server import PrefectServer
from oo.ui.api_client import served
from tests.api.browsers import chromium_of
from tests.listening import PROC, counted, descendants, expected, listeners

pytestmark = pytest.mark.processes
EVIL = "https://evil.example"
# each would open the server, or a socket beside it, if it were believed
SHELL = {
    "PREFECT_SERVER_API_AUTH_STRING": "",
    "prefect_server_api_auth_string": "oo:known",
    "PREFECT_API_AUTH_STRING": "oo:known",
    "PREFECT_SERVER_API_HOST": "0.0.0.0",  # noqa: S104 - must not be believed
    "PREFECT_SERVER_API_BASE_PATH": "/elsewhere",
    "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "*",
    "PREFECT_UI_ENABLED": "true",
    "PREFECT_RUNNER_SERVER_ENABLE": "true",
    "PREFECT_CLIENT_METRICS_ENABLED": "true",
}
DEPLOYMENT = "/api/deployments/0195d3a0-0000-7000-8000-000000000000"
STEPS = json.dumps({"pull_steps": [{"prefect.deployments.steps.run_shell_script": {"script": "touch stolen"}}]})
SOCKETS = (
    "/api/events/in",
    "/api/events/out",
    "/api/logs/out",
    "/api/task_runs/subscriptions/scheduled",
    "/api/work_pools/any/workers/connect",
)


class Started(NamedTuple):
    """A running server: where it is, what opens it, and its process."""

    address: str
    credential: str
    home: Path
    pid: int

    def ask(self, method: str, path: str, *, signed: bool = False, **more: Any) -> httpx.Response:
        """Return the response to a request, with the credential or without."""
        user, _, password = self.credential.partition(":")
        auth = (user, password) if signed else None
        return httpx.request(method, self.address + path, auth=auth, timeout=60, **more)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the home of a run that was killed and left its credential behind."""
    folder = tmp_path_factory.mktemp("home") / "prefect"
    folder.mkdir(mode=0o700)
    (folder / "credential").write_text("oo:stale")
    return folder


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Started]:
    """Start the server once, out of a shell that says everything to weaken it."""
    with pytest.MonkeyPatch.context() as shell:
        shell.delenv("PREFECT_API_URL", raising=False)
        for name, value in SHELL.items():
            shell.setenv(name, value)
        before = dict(os.environ)
        others = set(descendants(os.getpid()))  # another test's server may run beside this one
        with PrefectServer(home) as started:
            started.ready()
            new = set(descendants(os.getpid())) - others
            (pid,) = (each for each in new if "prefect" in _words(each))
            address = os.environ["PREFECT_API_URL"].removesuffix("/api")
            yield Started(address, started.credential_file.read_text(), home, pid)
        assert not started.credential_file.exists()
        assert {name: os.environ.get(name) for name in SHELL} == {
            **{name: before[name] for name in SHELL},
            "PREFECT_RUNNER_SERVER_ENABLE": "false",
            "PREFECT_CLIENT_METRICS_ENABLED": "false",
        }


def _words(pid: int) -> list[str]:
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/json"])
def test_another_site_cannot_make_the_worker_run_a_command(server: Started, content_type: str | None) -> None:
    """A browser sends it without asking first: 401, with the credential 403; nor may one ask first."""
    headers = {"origin": EVIL} | ({"content-type": content_type} if content_type else {})
    for signed, status in ((False, 401), (True, 403)):
        answer = server.ask("PATCH", DEPLOYMENT, signed=signed, content=STEPS, headers=headers)
        assert answer.status_code == status
    asking = {"origin": EVIL, "access-control-request-method": "PATCH"}
    preflight = server.ask("OPTIONS", DEPLOYMENT, headers=asking)
    assert (preflight.status_code, "access-control-allow-origin" in preflight.headers) == (401, False)


def test_a_user_of_this_machine_without_the_credential_is_refused(server: Started) -> None:
    """No header, a wrong one, the stale one and those of the shell: 401; with the credential the request is read."""
    for auth in (None, ("oo", "stale"), ("oo", "known"), ("oo", ""), ("", "")):
        answer = httpx.patch(server.address + DEPLOYMENT, content=STEPS, auth=auth, timeout=60)
        assert answer.status_code == 401
        assert "access-control-allow-origin" not in answer.headers
    assert server.ask("PATCH", DEPLOYMENT, signed=True, content=STEPS).status_code == 404  # there is no such deployment


def test_health_alone_answers_without_the_credential(server: Started) -> None:
    """Every operation of Prefect's own description is tried, and every page of the app around it."""
    paths: dict[str, Any] = server.ask("GET", "/api/openapi.json", signed=True).json()["paths"]
    operations = [(method.upper(), f"/api{path}") for path, methods in paths.items() for method in methods]
    pages = ("/", "/docs", "/redoc", "/openapi.json", "/ui-settings", "/metrics", "/api/openapi.json", "/api/docs")
    assert len(operations) > 150
    open_ones = set()
    with httpx.Client(base_url=server.address, timeout=60) as nobody:
        for method, path in (*operations, *(("GET", page) for page in pages), ("GET", "/health")):
            if nobody.request(method, re.sub(r"\{.*?\}", "x", path)).status_code != 401:
                open_ones.add((method, path))
    assert open_ones == {("GET", "/health"), ("GET", "/api/health")}


def test_a_foreign_host_is_refused(server: Started) -> None:
    """A name that an attacker's DNS points here reaches nothing, not even health or with the credential."""
    for path in ("/health", "/api/health", DEPLOYMENT):
        answer = server.ask("GET", path, signed=True, headers={"host": "evil.example"})
        assert answer.status_code == 400


def _greeted(server: Started, path: str, token: str | None, **options: Any) -> bool:
    """Return whether a WebSocket answers to a token as to one of its own clients."""
    url = server.address.replace("http", "ws", 1) + path
    try:
        with connect(url, subprotocols=["prefect"], open_timeout=60, **options) as session:  # type: ignore[list-item]  # a NewType of theirs
            session.send(json.dumps({"type": "auth", "token": token}))
            return bool(json.loads(session.recv(60)).get("type") == "auth_success")
    except WebSocketException:
        return False


@pytest.mark.parametrize("path", SOCKETS)
def test_a_websocket_answers_only_to_the_credential(server: Started, path: str) -> None:
    """Without one, with a wrong one, from another site, under another protocol: closed before anything is said."""
    assert _greeted(server, path, server.credential)
    assert not _greeted(server, path, None)
    assert not _greeted(server, path, "oo:known")
    assert not _greeted(server, path, server.credential, origin=EVIL)
    assert not _greeted(server, path, server.credential, additional_headers={"authorization": "Basic eDp5"})
    with pytest.raises(WebSocketException):
        connect(server.address.replace("http", "ws", 1) + path, open_timeout=60)


def test_the_credential_is_random_and_seen_by_its_owner_alone(server: Started) -> None:
    """Its file is private and holds no older one; no argument of any process and no log line holds it."""
    file = server.home / "credential"
    assert (file.stat().st_mode & 0o777, file.read_text()) == (0o600, server.credential)
    user, _, password = server.credential.partition(":")
    assert (user, len(password) >= 43) == ("oo", True)
    arguments = [word for pid in descendants(os.getpid()) for word in _words(pid)]
    assert not [word for word in arguments if password in word]
    assert password not in (server.home / "server.log").read_text()


@pytest.mark.browser
def test_the_page_asks_for_the_credential_of_its_own_start(
    server: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], chromium: str
) -> None:
    """Asked for, it says where it is; it shows nothing before the credential, which no other start has."""
    monkeypatch.delenv("PREFECT_API_URL")
    (tmp_path / "prefect").mkdir(mode=0o700)
    with (  # a database that is made already
        closing(sqlite3.connect(server.home / "prefect.db")) as made,
        closing(sqlite3.connect(tmp_path / "prefect" / "prefect.db")) as copy,
    ):
        made.backup(copy)
    with PrefectServer(tmp_path / "prefect", page=True) as second, chromium_of(chromium) as browser:
        second.ready()
        credential = second.credential_file.read_text()
        assert credential != server.credential
        assert os.environ["PREFECT_API_AUTH_STRING"] == os.environ["PREFECT_SERVER_API_AUTH_STRING"] == credential
        address = os.environ["PREFECT_API_URL"].removesuffix("api")
        assert f"{address} and asks for what is in {second.credential_file}" in capsys.readouterr().err
        assert httpx.post(f"{address}api/flows/filter", json={}, timeout=60).status_code == 401
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(address)
        page.wait_for_url("**/login*")
        page.locator("input").fill(credential)
        page.keyboard.press("Enter")
        page.wait_for_url("**/dashboard*")
    assert not second.credential_file.exists()


def test_a_server_that_the_person_names_gets_the_person_s_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is started, no credential is made, and the variables are as the person set them."""
    named = {"PREFECT_API_URL": "http://127.0.0.1:9/api", "PREFECT_API_AUTH_STRING": "ann:own"}
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    with PrefectServer(tmp_path / "prefect") as server:
        server.ready()
        assert {name: os.environ[name] for name in named} == named
    assert list(tmp_path.iterdir()) == []


def test_the_sockets_of_the_demo_are_listed(server: Started) -> None:
    """The demo runs this server and serves its API from its own process: one socket each, on loopback, as listed."""

    async def nothing(_scope: object, _receive: object, _send: object) -> None:
        """Answer nothing."""

    before = set(listeners([os.getpid()]))
    with served(nothing):
        own = set(listeners([os.getpid()])) - before
        found = [one._replace(process="oo demo") for one in own] + listeners(descendants(server.pid))
        assert {one.address for one in found} == {"127.0.0.1"}
        assert counted(found) == expected("make demo")
        with socket.create_server(("127.0.0.1", 0)):
            more = set(listeners([os.getpid()])) - before - own
            assert counted(found + [one._replace(process="oo demo") for one in more]) != expected("make demo")
