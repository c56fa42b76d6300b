"""Loads of many clients from a core of its own: `python -m tests.attack.load_client KIND PORT SIDS RATE SECONDS`.

`open` sends requests on schedule whatever comes back: time counts from the scheduled instant, a client gives up after
`PATIENCE_S`. `herd` lets clients arrive within some seconds, each on its own connection; who is told to come back
does so after Retry-After. What was seen is printed as JSON.
"""

import asyncio
import json
import os
import random
import resource
import sys
import time
from collections import Counter
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
TIP = b'{"trigger":"open"}'
AGAIN = {503, 429}
POOL = 512


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
    """Sends at a rate; idle connections are used again."""

    def __init__(self, port: int, sids: list[str]) -> None:
        self._port = port
        self._requests = [tip(sid) for sid in sids]
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.told = Told()

    async def run(self, rate: float, seconds: float) -> None:
        """Send, and wait for the last."""
        began, waiting = time.perf_counter(), set()
        for number in count():
            due = began + number / rate
            if due > began + seconds:
                break
            if (ahead := due - time.perf_counter()) > 0:
                await asyncio.sleep(ahead)
            elif number % 16 == 0:
                await asyncio.sleep(0)  # behind: answers are read all the same
            task = asyncio.create_task(self._one(number, due, counts=due > began + WARM_S))
            waiting.add(task)
            task.add_done_callback(waiting.discard)
        if waiting:
            await asyncio.wait(waiting)

    async def _one(self, number: int, due: float, *, counts: bool) -> None:
        status = 0
        self.told.lags_s.append(max(0.0, time.perf_counter() - due))
        try:
            async with asyncio.timeout(PATIENCE_S):
                pair = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
                try:
                    status, back = await request(*pair, self._requests[number % len(self._requests)])
                except BaseException:
                    pair[1].close()
                    raise
                self._idle.append(pair)
                self.told.told_back += counts and back > 0
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            status = 0
        late = time.perf_counter() - due
        if counts:
            self.told.statuses[status if late <= PATIENCE_S else 0] += 1
            if status == 200 and late <= PATIENCE_S:
                self.told.good_s.append(late)


async def closed_loop(port: int, sids: list[str], connections: int, seconds: float) -> float:
    """Return the good answers per second of so many clients who each wait for their answer."""
    good = 0
    until = time.perf_counter() + seconds

    async def client(first: int) -> None:
        nonlocal good
        pair = await asyncio.open_connection("127.0.0.1", port)
        for number in count(first, connections):
            if time.perf_counter() > until:
                break
            status, _ = await request(*pair, tip(sids[number % len(sids)]))
            good += status == 200
        pair[1].close()

    await asyncio.gather(*(client(first) for first in range(connections)))
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


def tip(sid: str) -> bytes:
    """Return the request for a tip."""
    return post("/api/recommend", TIP, headers={"Cookie": f"sid={sid}"})


async def main(kind: str, port: int, sids: list[str], rate: float, seconds: float) -> dict[str, object]:
    """Run one load and return what it saw."""
    if kind == "peak":
        return {"per_s": max([await closed_loop(port, sids, connections, seconds) for connections in (8, 16, 32)])}
    if kind == "open":
        loop = OpenLoop(port, sids)
        await loop.run(rate, seconds)
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
