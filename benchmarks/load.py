"""A spinning HTTP/1.1 load generator on raw sockets: open loop at a fixed rate, or closed loop at full speed.

Open loop means that requests leave on schedule whatever the server does, so a slow answer cannot hide the ones queued
behind it (no coordinated omission): latency counts from the scheduled instant. The generator never sleeps; its own lag
(how long a request that was due and had a free connection waited for the generator) is reported, and a run whose p99
lag is above `MAX_LAG_MS` is invalid. Loopback only.
"""

import os
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

MAX_LAG_MS = 0.2
RequestMaker = Callable[[int], bytes]  # the whole request, head and body, of call number i


@dataclass
class _Connection:
    sock: socket.socket
    scheduled_s: float = 0.0
    free_s: float = 0.0  # since when the next request could have left here
    received: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True)
class Load:
    """What one run saw; latencies in ms from the scheduled instant, `bodies` in order of arrival when kept."""

    latencies_ms: np.ndarray
    lags_ms: np.ndarray
    seconds: float
    statuses: dict[int, int]
    bodies: list[bytes]

    @property
    def per_second(self) -> float:
        """Answers per second of wall time."""
        return len(self.latencies_ms) / self.seconds

    def latency_ms(self, percentile: float) -> float:
        """Latency at a percentile."""
        return float(np.percentile(self.latencies_ms, percentile))

    def lag_ms(self, percentile: float = 99) -> float:
        """Generator lag at a percentile."""
        return float(np.percentile(self.lags_ms, percentile))


def pin(core: int) -> None:
    """Keep this process on one core."""
    os.sched_setaffinity(0, {core})


def post(path: str, body: bytes, *, headers: dict[str, str]) -> bytes:
    """Return a whole POST request for loopback."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def run(port: int, make: RequestMaker, *, requests: int, rate: float | None, connections: int = 16) -> Load:
    """Send `requests` calls at `rate` per second (None: as fast as answers come) and wait for every answer."""
    poller = select.epoll()
    idle: deque[_Connection] = deque()
    by_fd: dict[int, _Connection] = {}
    for _ in range(connections):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        connection = _Connection(sock)
        by_fd[sock.fileno()] = connection
        poller.register(sock.fileno(), select.EPOLLIN)
        idle.append(connection)
    prepared = [make(index) for index in range(requests)]
    try:
        return _drive(poller, idle, by_fd, prepared, rate)
    finally:
        poller.close()
        for connection in by_fd.values():
            connection.sock.close()


def _drive(
    poller: select.epoll,
    idle: deque[_Connection],
    by_fd: dict[int, _Connection],
    prepared: list[bytes],
    rate: float | None,
) -> Load:
    latencies: list[float] = []
    lags: list[float] = []
    statuses: dict[int, int] = {}
    bodies: list[bytes] = []
    began = time.perf_counter()
    sent = 0
    while len(latencies) < len(prepared):
        now = time.perf_counter()
        while idle and sent < len(prepared):
            due = now if rate is None else began + sent / rate
            if due > now:
                break
            connection = idle.popleft()
            connection.scheduled_s = due
            connection.sock.send(prepared[sent])
            lags.append((now - max(due, connection.free_s)) * 1e3)
            sent += 1
            now = time.perf_counter()
        for fd, _ in poller.poll(0):
            connection = by_fd[fd]
            answer = _receive(connection)
            if answer is None:
                continue
            status, body = answer
            connection.free_s = time.perf_counter()
            latencies.append((connection.free_s - connection.scheduled_s) * 1e3)
            statuses[status] = statuses.get(status, 0) + 1
            bodies.append(body)
            idle.append(connection)
    return Load(np.array(latencies), np.array(lags), time.perf_counter() - began, statuses, bodies)


def _receive(connection: _Connection) -> tuple[int, bytes] | None:
    """Return status and body once the whole answer is in."""
    chunk = connection.sock.recv(65_536)
    if not chunk:
        raise ConnectionError("the server closed a connection under load")
    connection.received += chunk
    head, separator, body = bytes(connection.received).partition(b"\r\n\r\n")
    if not separator:
        return None
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    if len(body) < length:
        return None
    connection.received.clear()
    return int(head[9:12]), body
