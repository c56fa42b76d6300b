"""Requests that never end, and connections that never ask."""

import itertools
import socket
import time

from tests.attack.catalogue import Seen, attack
from tests.attack.clients import Raw, Witness, ask
from tests.attack.target import Target

MB = 1 << 20
HEAD = b"GET /api/session HTTP/1.1\r\nHost: 127.0.0.1\r\n"
CHUNKED = (
    b"POST /api/auth/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
KERNEL = 8 * MB  # loopback buffers of both sides, which fill whatever the server does
REFUSED = {0, 400, 408, 413, 414, 431}
SLOW_S = 90.0
HOLD_S = 5.0


def _endless(target: Target, begin: bytes, chunk: bytes = b"", total: int = 0, end: bytes = b"") -> Seen:
    """Send a beginning and a chunk for ever; the server must end it, and the client must not notice."""
    server = target.shared()
    with Witness(server.port, server.sid) as witness, Raw(server.port) as raw:
        time.sleep(1)
        taken = raw.send(begin) and raw.flood(chunk, total) and raw.send(end)
        status = raw.status() if not taken or end else 0
        time.sleep(1)
    held = witness.well and raw.sent <= KERNEL and status in REFUSED
    outcome = f"answered {status}" if status else "closed" if not taken else "taken to the end"
    return Seen(f"{outcome} after {raw.sent >> 10} KiB; {witness}", held)


@attack("T39 R26", sent="one header whose value does not end, up to 100 MB", must="refused at once; others within 1 s")
def endless_header_of_100_MB(target: Target) -> Seen:  # noqa: N802 - the unit is written so
    """Nobody is signed in."""
    return _endless(target, HEAD + b"X: ", b"x" * 65_536, 100 * MB)


@attack("T39 R26", sent="the same up to 200 MB", must="refused at once; others within 1 s")
def endless_header_of_200_MB(target: Target) -> Seen:  # noqa: N802 - as above
    """Twice as much."""
    return _endless(target, HEAD + b"X: ", b"x" * 65_536, 200 * MB)


@attack("T39 R26", sent="a whole request with one header of 64 MB", must="refused, not answered")
def whole_header_of_64_MB(target: Target) -> Seen:  # noqa: N802 - as above
    """It was answered 200."""
    return _endless(target, HEAD + b"X: ", b"x" * 65_536, 64 * MB, b"\r\n\r\n")


@attack("T39 R26", sent="10,000 short headers", must="refused")
def ten_thousand_headers(target: Target) -> Seen:
    """They are small, and there are many."""
    headers = b"".join(b"X-%d: x\r\n" % number for number in range(10_000))
    return _endless(target, HEAD + headers + b"\r\n", end=b"\r\n")


@attack("T39 R26", sent="a request line of 1 MB", must="refused")
def long_request_line(target: Target) -> Seen:
    """The path does not end."""
    return _endless(target, b"GET /" + b"a" * MB + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", end=b"\r\n")


@attack("T39 R26", sent="a chunk extension that does not end, up to 64 MB", must="refused at once; others within 1 s")
def endless_chunk_extension(target: Target) -> Seen:
    """Behind the size of a chunk anything may stand."""
    return _endless(target, CHUNKED + b"5;", b"x" * 65_536, 64 * MB)


@attack("T39 R26", sent="trailers that do not end, up to 64 MB", must="refused at once; others within 1 s")
def endless_trailer(target: Target) -> Seen:
    """Headers may stand behind a body, too."""
    return _endless(target, CHUNKED + b"2\r\n{}\r\n0\r\n", b"X-T: " + b"x" * 60_000 + b"\r\n", 64 * MB)


def _connections(port: int, count: int) -> list[socket.socket]:
    """Open many connections; what is refused is left out."""
    held = []
    for _ in range(count):
        try:
            held.append(socket.create_connection(("127.0.0.1", port), timeout=5))
        except OSError:
            continue
    return held


def _close(connections: list[socket.socket]) -> None:
    for connection in connections:
        connection.close()


@attack("T39", sent="1,100 connections that send nothing", must="a signed-in client gets 200 within 1 s")
def idle_connections(target: Target) -> Seen:
    """They are held open."""
    server = target.shared()
    held = _connections(server.port, 1_100)
    try:
        with Witness(server.port, server.sid) as witness:
            time.sleep(HOLD_S)
        most = server.descriptors()
    finally:
        _close(held)
    return Seen(f"{len(held)} opened, {most} descriptors; {witness}", witness.well)


@attack("T39", sent="2,000 connections, half of them half-way in a head", must="a signed-in client gets 200 within 1 s")
def slow_connections(target: Target) -> Seen:
    """A byte a second each."""
    server = target.shared()
    held = _connections(server.port, 2_000)
    try:
        with Witness(server.port, server.sid) as witness:
            for second in range(int(HOLD_S)):
                for number, connection in enumerate(held):
                    if number % 2:
                        try:
                            connection.send(HEAD[second : second + 1])
                        except OSError:
                            continue
                time.sleep(1)
        most = server.descriptors()
    finally:
        _close(held)
    return Seen(f"{len(held)} opened, {most} descriptors; {witness}", witness.well)


@attack(
    "T39", sent="50 heads of a byte a second", must=f"each is ended within {SLOW_S:.0f} s of its connection's start"
)
def slow_heads(target: Target) -> Seen:
    """A deadline counts from the start of a connection, not from its last byte."""
    server = target.shared()
    began = time.monotonic()
    waiting = _connections(server.port, 50)
    count, ended = len(waiting), [0.0]
    for byte in itertools.chain(HEAD, itertools.repeat(ord("x"))):
        if not waiting or time.monotonic() - began > SLOW_S:
            break
        time.sleep(1)
        for connection in list(waiting):
            if _over(connection, bytes([byte])):
                waiting.remove(connection)
                ended.append(time.monotonic() - began)
    _close(waiting)
    text = f"{count - len(waiting)} of {count} ended, the last after {max(ended):.0f} s"
    return Seen(f"{text}; {len(waiting)} open after {time.monotonic() - began:.0f} s", not waiting)


def _over(connection: socket.socket, byte: bytes) -> bool:
    """Send one byte more; return whether the other side has answered or closed."""
    connection.setblocking(False)
    try:
        connection.send(byte)
        connection.recv(1)
    except BlockingIOError:
        return False
    except OSError:
        connection.close()
        return True
    connection.close()
    return True


@attack(
    "T39",
    sent="to every route, without a session: a head that announces 900 KiB, and 64 KiB of them",
    must="an answer before the rest is sent",
)
def big_bodies_without_a_session(target: Target) -> Seen:
    """A body is not read before it is known who sends it."""
    server = target.shared()
    paths = ask(server.port, "GET", "/api/openapi.json").data["paths"]
    routes = [(method.upper(), path) for path, methods in paths.items() for method in methods] + [
        ("POST", "/login/{token}")
    ]
    silent, statuses = [], set()
    for method, path in routes:
        where = "/".join("a" * 32 if part.startswith("{") else part for part in path.split("/"))
        head = f"{method} {where} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        with Raw(server.port) as raw:
            raw.send(f"{head}Content-Length: {900 << 10}\r\n\r\n".encode() + b" " * 66_000)
            status = raw.status(5.0)
        statuses.add(status)
        if status == 0 and not raw.closed:
            silent.append(f"{method} {path}")
    held = not silent and 500 not in statuses
    text = (
        f"{len(routes)} routes answered {sorted(statuses)}"
        if held
        else f"{len(silent)} of {len(routes)} wait for the rest"
    )
    return Seen(text, held)
