"""What one HTTP server of oO grants a stranger: bytes, time and connections, all of them bounded."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from oo.processes.http_server.connections import OpenConnections
from oo.processes.http_server.limits import HttpLimits
from oo.processes.http_server.refusals import Refusal
from oo.ui.api_client import served
from tests import http_attacks
from tests.http_attacks import CHUNKED, Seen, attack, connect, dripping, held, request, until_ended

GET = b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n%s\r\n%s"
EARLY = b"POST /early HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1500000\r\n\r\n"
LARGE = 70_000  # with so much of a body the app begins
MOST = 8 << 20  # more than any limit and all buffers of a connection together
STREAMED = 12  # tenths of a second, longer than every deadline below
HASTY = HttpLimits(
    first_byte_s=0.4, head_s=0.4, request_s=0.8, keep_alive_s=0.4, write_s=0.4, linger_s=0.2, look_s=0.05, working=4
)


class Endless:
    """An app that echoes, works until it is released, or streams for a while."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.begun: list[str] = []
        self.headers: list[tuple[bytes, bytes]] = []
        self.client: tuple[str, int] = ("", 0)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer by the path."""
        self.begun.append(scope["path"])
        self.client = scope["client"]
        body = b"" if scope["path"] == "/early" else await _body(receive)
        if body is None:
            return
        self.headers = list(scope["headers"])
        if scope["path"] == "/work":
            await asyncio.to_thread(self.released.wait)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(STREAMED if scope["path"] == "/stream" else 0):
            await send({"type": "http.response.body", "body": b".", "more_body": True})
            await asyncio.sleep(0.1)
        await send({"type": "http.response.body", "body": body})


async def _body(receive: Any) -> bytes | None:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message["body"]
        if not message["more_body"]:
            return bytes(body)


class Target(NamedTuple):
    """A server under attack."""

    port: int
    app: Endless
    connections: OpenConnections


@contextmanager
def _served(limits: HttpLimits, proxies: tuple[str, ...] = ()) -> Iterator[Target]:
    app, connections = Endless(), OpenConnections(limits, proxies)
    with served(app, connections) as address:
        yield Target(urlsplit(address).port or 0, app, connections)
        app.released.set()


@pytest.fixture(scope="module")
def usual() -> Iterator[Target]:
    """Serve with the limits that everybody gets."""
    with _served(HttpLimits()) as target:
        yield target


@pytest.fixture
def hasty() -> Iterator[Target]:
    """Serve with deadlines of less than a second, and four requests in work at once."""
    with _served(HASTY) as target:
        yield target


@pytest.fixture
def small() -> Iterator[Target]:
    """Serve at most twenty connections."""
    with _served(HttpLimits(connections=20, look_s=0.05)) as target:
        yield target


def _until(seen: Any, timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not seen() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert seen()


ENDLESS = {
    "header": (http_attacks.endless_header, 431),
    "URL": (http_attacks.endless_url, 414),
    "chunk extension": (lambda: http_attacks.endless_chunk_extension(b"/echo"), 400),
    "trailer": (lambda: http_attacks.endless_trailer(b"/echo"), 400),
    "tiny chunks": (lambda: http_attacks.tiny_chunks(b"/echo"), 400),
    "64 MB in one header": (lambda: http_attacks.header_of(64 << 20), 431),
    "empty lines": (lambda: iter(lambda: b"\r\n" * 4_096, b""), 431),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_has_no_end_is_cut(usual: Target, name: str) -> None:
    """The server refuses with a problem, ends the connection long before the sender is done, and serves on."""
    pieces, status = ENDLESS[name]
    seen = attack(usual.port, pieces(), most=64 << 20)
    assert (seen.status, seen.ended) == (status, True)
    assert seen.sent < MOST
    assert b"application/problem+json" in seen.answer
    assert request(usual.port, GET % b"/").status == 200


WHOLE: dict[str, tuple[Iterable[bytes], int]] = {
    "100 headers are too many beside two": ([http_attacks.many_headers(99)], 431),
    "98 are not": ([http_attacks.many_headers(98)], 200),
    "a line of 9,000 bytes": (http_attacks.header_of(9_000), 431),
    "a line of 8,000 bytes": (http_attacks.header_of(8_000), 200),
    "a URL of 9,000 bytes": ([GET % (b"/" + b"a" * 9_000)], 414),
    "40,000 bytes in short lines": (
        [b"GET / HTTP/1.1\r\nHost: a\r\n" + b"x: %s\r\n" % (b"a" * 500) * 80 + b"\r\n"],
        431,
    ),
    "no HTTP": ([b"\x16\x03\x01\x02\x00\r\n\r\n"], 400),
    "a tunnel": ([b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"], 400),
    "another protocol with a body": ([POST % (3, b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"abc")], 400),
    "more body than any server takes": ([POST % (3 << 20, b"", b""), *[b"a" * 65_536] * 48], 413),
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_too_large_or_no_http_is_refused(usual: Target, name: str) -> None:
    """The limits hold for heads that are complete, too, and what lies within them passes."""
    pieces, status = WHOLE[name]
    assert attack(usual.port, pieces).status == status


def test_pipelining_goes_around_no_limit(usual: Target) -> None:
    """A few requests ahead are answered in order; a large head behind them is cut, and so are very many."""
    seen = request(usual.port, http_attacks.pipelined(5, b"/") + GET % b"/")
    assert seen.answer.count(b"HTTP/1.1 200") == 6
    assert request(usual.port, http_attacks.pipelined(1, b"/") + GET % (b"/large" + b"a" * 9_000)).ended
    assert request(usual.port, http_attacks.pipelined(2_000, b"/many")).ended
    assert not [path for path in usual.app.begun if path.startswith("/large")]
    assert usual.app.begun.count("/many") < 100


def test_trailers_are_no_headers(usual: Target) -> None:
    """What comes behind a body changes nothing that was judged before it."""
    text = CHUNKED % b"/echo" + b"3\r\nabc\r\n0\r\nx-forwarded-for: 10.0.0.1\r\ncookie: sid=x\r\n\r\n"
    assert b"3\r\nabc\r\n0" in request(usual.port, text, timeout_s=0.5).answer
    assert {name for name, _ in usual.app.headers} == {b"host", b"transfer-encoding"}


def test_asking_for_another_protocol_or_for_leave_works(usual: Target) -> None:
    """An upgrade is passed over, `Expect: 100-continue` is answered, and neither connection is used again."""
    upgrade = b"GET /echo HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\nPRI * HTTP/2.0\r\n\r\n"
    seen = request(usual.port, upgrade)
    assert (seen.status, seen.ended, seen.answer.count(b"HTTP/1.1 ")) == (200, True, 1)
    with closing(connect(usual.port)) as sock:
        sock.sendall(POST % (3, b"Expect: 100-continue\r\n", b""))
        assert sock.recv(100).startswith(b"HTTP/1.1 100 ")
        sock.sendall(b"abc")
        assert b"connection: close" in sock.recv(1_000)


def test_a_slow_request_is_told_that_it_is_late(hasty: Target) -> None:
    """Whether head or body comes byte by byte, the deadline counts from the first byte."""
    for first in (http_attacks.SLOW_HEAD, POST % (10_000, b"", b"")):
        with closing(connect(hasty.port)) as sock:
            sock.sendall(first)
            seen = until_ended(sock)
        assert (seen.status, seen.ended) == (408, True)
        assert seen.sent < 200


def test_who_says_nothing_is_sent_away(hasty: Target) -> None:
    """A connection without a first byte, one without a next request, one whose body is answered before it ends."""
    silent = attack(hasty.port, [])
    assert (silent.status, silent.ended) == (0, True)
    idle = attack(hasty.port, [http_attacks.pipelined(1, b"/")])
    assert (idle.status, idle.ended, idle.answer.count(b"HTTP/1.1")) == (200, True, 1)
    early = attack(hasty.port, [EARLY + b"a" * LARGE])
    assert (early.status, early.ended, early.answer.count(b"HTTP/1.1")) == (200, True, 1)


def test_who_sends_on_after_the_answer_can_still_read_it(usual: Target) -> None:
    """The rest of a body is taken for a moment and thrown away, then the connection ends; no second answer follows."""
    with closing(connect(usual.port)) as sock:
        sock.sendall(EARLY + b"a" * LARGE)
        _until(lambda: sock.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 200")
        sock.sendall(b"a" * (1_500_000 - LARGE))
        seen = b"".join(iter(lambda: sock.recv(65_536), b""))
    assert seen.count(b"HTTP/1.1 ") == 1


def test_a_long_answer_is_not_cut(hasty: Target) -> None:
    """No deadline holds for the server itself: events are streamed for hours."""
    seen = request(hasty.port, GET % b"/stream")
    assert seen.answer.count(b"1\r\n.\r\n") == STREAMED


def test_who_takes_nothing_of_an_answer_is_ended(hasty: Target) -> None:
    """An answer that nobody reads holds its memory only so long."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        sock.connect(("127.0.0.1", hasty.port))
        sock.settimeout(5)
        size = 2_000_000
        sock.sendall(POST % (size, b"", b""))
        sock.sendall(b"a" * size)
        _until(lambda: hasty.app.begun == ["/echo"])
        _until(lambda: not hasty.connections.all)


def test_idle_connections_make_room_for_a_new_one(small: Target) -> None:
    """Twice as many as there may be are opened and say nothing: the oldest are ended, and a new one is answered."""
    with held(small.port, 40) as flood:
        assert request(small.port, GET % b"/").status == 200
        _until(lambda: flood.alive() <= 20)
        assert not http_attacks.Held(flood.sockets[:15]).alive()
        assert flood.alive() >= 15


@pytest.mark.parametrize("first", [http_attacks.SLOW_HEAD, POST % (1_000, b"", b"")])
def test_slow_requests_make_room_for_a_new_one(small: Target, first: bytes) -> None:
    """Twice as many as there may be go on byte by byte, in their heads or in their bodies: a new one is answered."""
    with dripping(small.port, 40, first=first, pause_s=0.1) as flood:
        assert request(small.port, GET % b"/").status == 200
        _until(lambda: flood.alive() <= 20)


def test_a_slow_body_is_no_work_for_the_app(small: Target) -> None:
    """Until it is complete the app hears nothing of it, and it is whole when it does."""
    with held(small.port, 5, first=POST % (6, b"", b"abc")) as slow:
        assert request(small.port, GET % b"/").status == 200
        assert small.app.begun == ["/"]
        slow.sockets[0].sendall(b"def")
        answer = b""
        while b"abcdef" not in answer:
            answer += slow.sockets[0].recv(1_000)
        assert small.app.begun == ["/", "/echo"]


def test_while_all_are_busy_a_new_one_is_told_to_come_back(small: Target) -> None:
    """No request in work is ended for a new one; each of them gets its answer."""
    with held(small.port, 20, first=http_attacks.pipelined(1, b"/work")) as busy:
        _until(lambda: len(small.app.begun) == 20)
        seen = request(small.port, GET % b"/")
        assert (seen.status, seen.ended) == (503, True)
        assert b"\r\nretry-after: " in seen.answer
        small.app.released.set()
        for sock in busy.sockets:
            assert sock.recv(100).startswith(b"HTTP/1.1 200")


def test_requests_beyond_what_is_in_work_are_shed(hasty: Target) -> None:
    """They are answered 503 at once, to come back at different times; probes are answered as usual."""
    with held(hasty.port, 4, first=http_attacks.pipelined(1, b"/work")) as busy:
        _until(lambda: len(hasty.app.begun) == 4)
        shed = [request(hasty.port, GET % b"/") for _ in range(8)]
        assert {seen.status for seen in shed} == {503}
        assert len({_retry_after(seen) for seen in shed}) == 8
        assert b'"code":"overloaded"' in shed[0].body
        assert request(hasty.port, GET % b"/health").status == 200
        assert request(hasty.port, b"HEAD" + (GET % b"/")[3:]).body == b""
        hasty.app.released.set()
        assert [sock.recv(100)[:12] for sock in busy.sockets] == [b"HTTP/1.1 200"] * 4
    _until(lambda: request(hasty.port, GET % b"/").status == 200)
    assert hasty.connections.refusals[Refusal.OVERLOADED] >= 9


def test_slow_uploads_and_long_answers_take_no_place_of_work() -> None:
    """Only what the app works on counts: otherwise a few slow clients would have everybody else sent away."""
    with (
        _served(HttpLimits(working=4, look_s=0.05)) as target,
        held(target.port, 6, first=POST % (1_000_000, b"", b"a" * LARGE)),
        held(target.port, 3, first=http_attacks.pipelined(1, b"/stream")),
    ):
        _until(lambda: (target.connections.uploading, target.connections.streaming) == (6, 3))
        assert request(target.port, GET % b"/").status == 200


def _retry_after(seen: Seen) -> int:
    return int(seen.answer.lower().partition(b"retry-after: ")[2].partition(b"\r\n")[0])
