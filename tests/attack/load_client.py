"""Loads of many clients from a core of its own: `python -m tests.attack.load_client KIND PORT SIDS RATE SECONDS`.

`open` sends requests on schedule whatever comes back: time counts from the scheduled instant, a client gives up after
`PATIENCE_S`. `herd` lets clients arrive within some seconds, each on its own connection; who is told to come back
does so after Retry-After. What was seen is printed as JSON.
"""

import asyncio
import json
import os
import random
import re
import resource
import select
import socket
import sys
import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from benchmarks.load import post

LOAD_CORE = 1
PATIENCE_S = 1.0  # of a client in the open loop
HERD_S = 30.0
BACK_S = 1.0  # after a connection that was refused, without being told when
WARM_S = 1.0  # of a measured load that does not count
PUSHED_AT = "2026-01-05T08:00:00Z"
TIP = b'{"trigger":"open"}'
AGAIN = {503, 429}
OK, PUSHED = 200, 207
POOL = 256  # connections of the open loop
PUSH_EVERY = 10


@dataclass
class Told:
    """What came back."""

    statuses: Counter[int] = field(default_factory=Counter)  # 0: no answer in time, or none at all
    good_s: list[float] = field(default_factory=list)  # latencies of good answers
    told_back: int = 0  # answers that said when to come back
    lags_s: list[float] = field(default_factory=list)  # of the client itself, behind its schedule


async def request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> tuple[int, float]:
    """Send one request; return status and Retry-After in seconds."""
    writer.write(data)
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length, back = 0, 0.0
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name == "content-length":
            length = int(value)
        elif name == "retry-after":
            back = float(value)
    await reader.readexactly(length)
    return int(head[9:12]), back


class OpenLoop:
    """Sends on schedule over a pool of connections, from a loop that never sleeps.

    A request that finds no free connection waits, as it would in a proxy; one that has waited too long is given up. An
    answer that comes too late counts as none.
    """

    def __init__(self, port: int, sids: list[str]) -> None:
        self._sids = sids
        self._poller = select.epoll()
        self._idle = [self._connected(port) for _ in range(POOL)]
        self._waiting: deque[tuple[int, float]] = deque()
        self._under_way: dict[int, tuple[socket.socket, float]] = {}
        self._parts: dict[int, bytes] = {}  # of answers that are not whole yet
        self._port = port
        self.told = Told()

    def run(self, rate: float, seconds: float) -> None:
        """Send, and wait for the last."""
        began, number = time.perf_counter(), 0
        while self._waiting or self._under_way or number < rate * seconds:
            now = time.perf_counter()
            if number < rate * seconds and began + number / rate <= now:
                self._waiting.append((number, began + number / rate))
                self._lag(now - began - number / rate, counts=number > rate * WARM_S)
                number += 1
            self._send(now)
            self._read(began + WARM_S)

    def _lag(self, lag_s: float, *, counts: bool) -> None:
        if counts:
            self.told.lags_s.append(lag_s)

    def _connected(self, port: int) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", port), timeout=HERD_S)
        sock.setblocking(False)
        self._poller.register(sock.fileno(), select.EPOLLIN)
        return sock

    def _send(self, now: float) -> None:
        while self._waiting and (self._idle or now - self._waiting[0][1] > PATIENCE_S):
            number, due = self._waiting.popleft()
            if now - due > PATIENCE_S:
                self.told.statuses[0] += 1
                continue
            sock = self._idle.pop()
            sock.send(mixed(self._sids[number % len(self._sids)], number))
            self._under_way[sock.fileno()] = (sock, due)

    def _read(self, counted_from: float) -> None:
        """Take what has come; an answer counts when all of it is there."""
        for descriptor, _ in self._poller.poll(0):
            sock, due = self._under_way.get(descriptor, (None, 0.0))
            if sock is not None:
                head = self._parts.pop(descriptor, b"") + (more := _received(sock))
                if more and not _whole(head):
                    self._parts[descriptor] = head
                    continue
                del self._under_way[descriptor]
            if sock is None:  # an idle connection that the server ended
                sock = next(one for one in self._idle if one.fileno() == descriptor)
                self._idle.remove(sock)
                self._again(sock)
                continue
            status = int(head[9:12]) if head[9:12].isdigit() else 0
            if status == 0 or b"connection: close" in head.lower():
                self._again(sock)
            else:
                self._idle.append(sock)
            self._count(status, time.perf_counter() - due, head, counts=due > counted_from)

    def _again(self, sock: socket.socket) -> None:
        """Replace a connection that has ended."""
        self._poller.unregister(sock.fileno())
        sock.close()
        self._idle.append(self._connected(self._port))

    def _count(self, status: int, late_s: float, head: bytes, *, counts: bool) -> None:
        if not counts:
            return
        self.told.told_back += b"retry-after" in head.lower()
        if status in {OK, PUSHED} and late_s > PATIENCE_S:
            status = 0
        self.told.statuses[status] += 1
        if status in {OK, PUSHED}:
            self.told.good_s.append(late_s)


def _whole(answer: bytes) -> bool:
    """Return whether head and body of an answer are there."""
    head, separator, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    return bool(separator) and len(body) >= (int(length[1]) if length else 0)


def _received(sock: socket.socket) -> bytes:
    try:
        return sock.recv(65_536)
    except OSError:
        return b""


async def closed_loop(port: int, sids: list[str], connections: int, seconds: float) -> float:
    """Return the good answers per second of so many clients who each wait for their answer."""
    numbers, good = count(time.time_ns() // 1000), 0  # no signal is sent twice
    until = time.perf_counter() + seconds

    async def client() -> None:
        nonlocal good
        pair = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < until:
            number = next(numbers)
            status, _ = await request(*pair, mixed(sids[number % len(sids)], number))
            good += status in {OK, PUSHED}
        pair[1].close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return good / seconds


async def herd(port: int, sids: list[str], within_s: float) -> Told:
    """Let everybody arrive at a random moment; connections stay open until the end."""
    told, kept = Told(), []
    chance = random.Random(1)  # noqa: S311 - moments of arrival, no secret

    async def client(sid: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        began = time.perf_counter()
        while (left := began + HERD_S - time.perf_counter()) > 0:
            back = BACK_S
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                async with asyncio.timeout(left):
                    pair = await asyncio.open_connection("127.0.0.1", port)
                    kept.append(pair)
                    status, again = await request(*pair, tip(sid))
                    told.statuses[status] += 1
                    told.told_back += again > 0
                    if status == 200:
                        told.good_s.append(time.perf_counter() - began)
                        return
                    if status not in AGAIN:
                        return
                    back = again or BACK_S
            await asyncio.sleep(back + chance.random())
        told.statuses[0] += 1

    await asyncio.gather(*(client(sid, chance.uniform(0, within_s)) for sid in sids))
    for _, writer in kept:
        writer.close()
    return told


def mixed(sid: str, number: int) -> bytes:
    """Return a tip's request or, every so often, a push of one new signal."""
    if number % PUSH_EVERY:  # of a number that also chooses the person, and so the same people push
        return tip(sid)
    item = {"id": f"s{number}", "kind": "mood_reported", "at": PUSHED_AT, "source": "attack", "data": {"mood": 3}}
    return post("/api/signals", json.dumps({"signals": [item]}).encode(), headers={"Cookie": f"sid={sid}"})


def tip(sid: str) -> bytes:
    """Return the request for a tip."""
    return post("/api/recommend", TIP, headers={"Cookie": f"sid={sid}"})


async def main(kind: str, port: int, sids: list[str], rate: float, seconds: float) -> dict[str, object]:
    """Run one load and return what it saw."""
    if kind == "peak":
        return {"per_s": max([await closed_loop(port, sids, connections, seconds) for connections in (16, 32, 64)])}
    if kind == "open":
        loop = OpenLoop(port, sids)
        loop.run(rate, seconds)
        told, span = loop.told, seconds - WARM_S
    else:
        told, span = await herd(port, sids, seconds), seconds
    good = sorted(told.good_s)
    return {
        "statuses": dict(told.statuses),
        "good": len(good),
        "good_per_s": len(good) / span,
        "p50_s": good[len(good) // 2] if good else None,
        "p99_s": good[len(good) * 99 // 100] if good else None,
        "worst_s": good[-1] if good else None,
        "told_back": told.told_back,
        "lag_p99_s": sorted(told.lags_s)[len(told.lags_s) * 99 // 100] if told.lags_s else 0.0,
    }


if __name__ == "__main__":
    if len(os.sched_getaffinity(0)) > LOAD_CORE:
        os.sched_setaffinity(0, {LOAD_CORE})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    given = sys.argv[1:]
    known = json.loads(Path(given[2]).read_text())
    seen = asyncio.run(main(given[0], int(given[1]), known, float(given[3]), float(given[4])))
    sys.stdout.write(json.dumps(seen) + "\n")
