"""Clients that leave in the middle of something, over real connections: no failure of ours, so no traceback."""

import json
import socket
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from data_contracts.identifiers import PersonId
from tests.api.conftest import ApiHarness, lasting_api
from tests.api.deliveries import mood
from tests.api.routes import Operation, every_route, named, unsafe
from tests.api.sockets import Served, head, leave, serving, until

LARGE = json.dumps({"signals": [{"kind": "mood_reported"}] * 10_000}).encode()


class Runtime(NamedTuple):
    """A served API, and somebody who administers it."""

    api: ApiHarness
    served: Served
    root: PersonId

    @property
    def cookie(self) -> str:
        """A new session each time: one of the routes ends it."""
        return f"sid={self.api.sign_in(self.root)}"


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """Return one server for all departures."""
    with lasting_api(tmp_path_factory.mktemp("departures")) as api, serving(api.app) as served:
        yield Runtime(api, served, api.join("Root", role="admin"))
        api.app.state.feed.close()


def _request(runtime: Runtime, operation: Operation, **headers: str) -> bytes:
    return head(operation.method, operation.at("0" * 32), cookie=runtime.cookie, **headers)


def _nothing_failed(runtime: Runtime) -> None:
    runtime.served.settle()
    logged, runtime.served.log[:] = list(runtime.served.log), []
    assert logged == []


@pytest.mark.parametrize("operation", unsafe(), ids=named)
def test_a_client_may_leave_in_the_middle_of_its_body(runtime: Runtime, operation: Operation) -> None:
    """On every route that takes one: after its head, and after half of a body, declared or in chunks."""
    kind = "application/json"
    halves = (
        (_request(runtime, operation, content_type=kind, content_length="100"), b""),
        (_request(runtime, operation, content_type=kind, content_length="100"), b'{"signals": ['),
        (_request(runtime, operation, content_type=kind, transfer_encoding="chunked"), b"5\r\n[[[[[\r\n"),
        (_request(runtime, operation, content_type=kind, transfer_encoding="chunked"), b"5\r\n[["),
    )
    for start, half in halves:
        connection = runtime.served.dial()
        connection.sendall(start + half)
        leave(connection)
    _nothing_failed(runtime)


@pytest.mark.parametrize("operation", every_route(), ids=named)
def test_a_client_may_leave_before_its_answer(runtime: Runtime, operation: Operation) -> None:
    """On every route, as soon as the request is sent."""
    for _ in range(3):
        connection = runtime.served.dial()
        connection.sendall(_request(runtime, operation, content_length="0"))
        leave(connection)
    _nothing_failed(runtime)


def test_a_client_may_leave_in_the_middle_of_a_large_answer(runtime: Runtime) -> None:
    """After the first bytes of 10,000 verdicts, with more of them waiting than a small window takes."""
    api = runtime.api
    cookie = f"sid={api.sign_in(api.join('Ana', granted=()))}"
    with runtime.served.dial() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.sendall(head("POST", "/api/signals", cookie=cookie, content_length=str(len(LARGE))) + LARGE)
        assert connection.recv(64).startswith(b"HTTP/1.1 207")
        leave(connection)
    _nothing_failed(runtime)


@pytest.mark.parametrize("first", ["/app.js", "/api/session", "/health", "/api/admin/events/stream"])
def test_a_client_may_leave_with_more_than_one_request_sent(runtime: Runtime, first: str) -> None:
    """The answer under way ends, not only the last one that was asked for, and no watcher stays behind."""
    requests = [head("GET", path, cookie=runtime.cookie) for path in (first, "/ready", "/app.js")]
    for _ in range(10):
        connection = runtime.served.dial()
        connection.sendall(b"".join(requests))
        leave(connection)
    until(lambda: runtime.api.app.state.feed.watchers == 0)
    _nothing_failed(runtime)


def test_a_client_may_leave_the_event_stream(runtime: Runtime) -> None:
    """While nothing is told, and while something is; nobody is watched for afterwards."""
    api, feed = runtime.api, runtime.api.app.state.feed
    pusher = api.client(api.sign_in(runtime.root))
    for number in range(2):
        with runtime.served.dial() as connection:
            connection.sendall(head("GET", "/api/admin/events/stream?newest=0", cookie=runtime.cookie))
            assert connection.recv(64).startswith(b"HTTP/1.1 200")
            until(lambda: feed.watchers == 1)
            if number:
                pusher.post("/api/signals", json={"signals": [mood(one, "phone") for one in range(100)]})
            leave(connection)
        until(lambda: feed.watchers == 0)
    _nothing_failed(runtime)
