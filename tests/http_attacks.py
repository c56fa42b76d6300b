"""What a stranger can send to an HTTP server: oversized, endless, slow and very many connections. Loopback only."""

import select
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import chain, repeat
from typing import NamedTuple

BLOCK = 1 << 16
SLOW_HEAD = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: "  # and never the end of it
CHUNKED = b"POST %s HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
PATIENCE_S = 30.0


class Seen(NamedTuple):
    """The status of the first answer (0: none came), the bytes that could be sent, and whether the server ended it."""

    status: int
    sent: int
    ended: bool
    answer: bytes = b""

    @property
    def body(self) -> bytes:
        """What follows the first head."""
        return self.answer.partition(b"\r\n\r\n")[2]


def connect(port: int, *, host: str = "127.0.0.1", source: str = "", timeout_s: float = PATIENCE_S) -> socket.socket:
    """Return a connection to a server on this machine, from an address of choice in 127.0.0.0/8."""
    if not ip_address(host).is_loopback:
        raise ValueError(f"{host} is not loopback")
    return socket.create_connection((host, port), timeout_s, (source, 0) if source else None)


def attack(port: int, pieces: Iterable[bytes], *, timeout_s: float = PATIENCE_S, most: int = 1 << 30) -> Seen:
    """Send pieces until the server answers, ends the connection, or `most` bytes are sent, then read to the end."""
    sent, answer = 0, b""
    with connect(port, timeout_s=timeout_s) as sock:
        with suppress(ConnectionError, TimeoutError):
            for piece in pieces:
                sock.sendall(piece)
                sent += len(piece)
                answer += _at_hand(sock)
                if answer or sent >= most:
                    break
        rest, ended = _to_the_end(sock, timeout_s)
    return _seen(answer + rest, sent, ended=ended)


def request(port: int, text: bytes, *, timeout_s: float = PATIENCE_S) -> Seen:
    """Send one request as it is and read what comes until the server ends the connection or says no more."""
    return attack(port, [text], timeout_s=timeout_s)


def header_of(size: int) -> Iterator[bytes]:
    """Yield a head with one header value of so many bytes, which ends properly."""
    yield b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Large: "
    yield from _blocks(size)
    yield b"\r\nConnection: close\r\n\r\n"


def endless_header() -> Iterator[bytes]:
    """Yield a head whose one header value never ends."""
    return chain([SLOW_HEAD], repeat(b"a" * BLOCK))


def endless_url() -> Iterator[bytes]:
    """Yield a request line that never ends."""
    return chain([b"GET /"], repeat(b"a" * BLOCK))


def many_headers(count: int) -> bytes:
    """Return a whole request with so many small headers."""
    lines = b"".join(b"x%d: 1\r\n" % number for number in range(count))
    return b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + lines + b"\r\n"


def endless_chunk_extension(path: bytes = b"/api/auth/token") -> Iterator[bytes]:
    """Yield a chunked body whose first chunk has an extension that never ends."""
    return chain([CHUNKED % path, b"1;x="], repeat(b"a" * BLOCK))


def endless_trailer(path: bytes = b"/api/auth/token") -> Iterator[bytes]:
    """Yield a chunked body that is followed by one trailer field without an end."""
    return chain([CHUNKED % path, b"1\r\n{\r\n0\r\nX-Trailer: "], repeat(b"a" * BLOCK))


def tiny_chunks(path: bytes = b"/api/auth/token") -> Iterator[bytes]:
    """Yield a body without an end in chunks of one byte, each with five bytes around it."""
    return chain([CHUNKED % path], repeat(b"1\r\n \r\n" * 4_096))


def pipelined(count: int, path: bytes = b"/health") -> bytes:
    """Return so many requests, sent ahead at once."""
    return b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path * count


@dataclass
class Held:
    """Connections that are kept open; `slow` ones get one more byte at each step of a thread."""

    sockets: list[socket.socket] = field(default_factory=list)

    def alive(self) -> int:
        """Return how many of them the server has not ended."""
        return sum(not _has_ended(sock) for sock in self.sockets)


@contextmanager
def held(port: int, count: int, *, first: bytes = b"", sources: Sequence[str] = ("",)) -> Iterator[Held]:
    """Open connections, say `first` on each, and say no more; from each of `sources` in turn."""
    held = Held()
    try:
        for number in range(count):
            sock = connect(port, source=sources[number % len(sources)])
            held.sockets.append(sock)
            with suppress(ConnectionError):
                sock.sendall(first)
        yield held
    finally:
        for sock in held.sockets:
            sock.close()


@contextmanager
def dripping(port: int, count: int, *, first: bytes = SLOW_HEAD, pause_s: float = 0.5) -> Iterator[Held]:
    """Open connections whose request goes on byte by byte and never ends (slowloris)."""
    ending = threading.Event()
    with held(port, count, first=first) as slow:

        def drip() -> None:
            while not ending.wait(pause_s):
                for sock in slow.sockets:
                    with suppress(OSError):
                        sock.send(b"a")

        thread = threading.Thread(target=drip, name="dripping", daemon=True)
        thread.start()
        try:
            yield slow
        finally:
            ending.set()
            thread.join()


def until_ended(sock: socket.socket, *, pause_s: float = 0.05, timeout_s: float = PATIENCE_S) -> Seen:
    """Drip single bytes until the server ends the connection, and return what it said."""
    deadline, answer, sent = time.monotonic() + timeout_s, b"", 0
    while time.monotonic() < deadline and not answer:
        try:
            sent += sock.send(b"a")
            answer = _at_hand(sock)
        except ConnectionError:
            break
        time.sleep(pause_s)
    rest, ended = _to_the_end(sock, timeout_s)
    return _seen(answer + rest, sent, ended=ended)


def _blocks(size: int) -> Iterator[bytes]:
    for _ in range(size // BLOCK):
        yield b"a" * BLOCK
    yield b"a" * (size % BLOCK)


def _at_hand(sock: socket.socket) -> bytes:
    return sock.recv(BLOCK) if _readable(sock) else b""


def _readable(sock: socket.socket) -> bool:
    poller = select.poll()  # knows no highest descriptor, as `select` does
    poller.register(sock, select.POLLIN)
    return bool(poller.poll(0))


def _to_the_end(sock: socket.socket, timeout_s: float) -> tuple[bytes, bool]:
    """Return what else comes, and whether the server ended the connection before it was silent for too long."""
    sock.settimeout(timeout_s)
    parts: list[bytes] = []
    try:
        while part := sock.recv(BLOCK):
            parts.append(part)
    except TimeoutError:
        return b"".join(parts), False
    except ConnectionError:
        pass
    return b"".join(parts), True


def _has_ended(sock: socket.socket) -> bool:
    try:
        return _readable(sock) and sock.recv(1, socket.MSG_PEEK) == b""
    except ConnectionError:
        return True


def _seen(answer: bytes, sent: int, *, ended: bool) -> Seen:
    status = int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0
    return Seen(status, sent, ended, answer)
