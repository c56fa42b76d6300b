"""The relay publishes committed events to the mirror and marks them; one relay at a time, by a leader lock.

It goes by marks, never by the last sequence, so a transaction that commits late with a low number is not missed. A
message can reach the mirror twice (a relay that dies between acknowledgement and mark), never zero times. Each new
connection first compares the stream's newest place with the marks, so what a crash of the server took is sent again.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, Self

from data_contracts.durations import DAY_US
from data_contracts.errors import OOError, Unavailable
from data_contracts.events.codec import Event
from data_contracts.identifiers import to_us
from infra.background_loop import END, BackgroundLoop
from infra.clock import Clock
from infra.database.engine.database import Database
from infra.database.engine.leader_lock import turn
from infra.database.events import mirror_log
from infra.database.events.mirror_log import Waiting
from infra.fault_injection import crash_point

__all__ = ["Publishes", "Relay", "RelayState"]

BATCH = 8_000  # events under way at once
GROUP = 1_000  # of these, in one transaction of marks while the next ones are published
POLL_S = 0.25  # for what other processes commit; what this one commits wakes the relay at once
RETRY_S = (0.1, 0.2, 0.5, 1.0)
STOP_S = 10.0
WINDOW_US = 30 * DAY_US
logger = logging.getLogger(__name__)


class Publishes(Protocol):
    """One connection to the mirror."""

    last: int

    @property
    def alive(self) -> bool:
        """Whether the server is still there."""

    async def publish(self, rows: Sequence[Waiting]) -> Mapping[int, int]:
        """Return the mirror's place by event sequence, of what was acknowledged; raises `Unavailable`."""


@dataclass(slots=True)
class RelayState:
    """What the relay has done since its start, for metrics and probes."""

    connected: bool = False
    published: int = 0
    failures: int = 0
    refilled: int = 0


class Relay:
    """Runs in a thread with an event loop of its own, so that neither requests nor commits wait for the network."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        connect: Callable[[], AbstractAsyncContextManager[Publishes]],
    ) -> None:
        self.state = RelayState()
        self._database = database
        self._clock = clock
        self._connect = connect
        self._loop = asyncio.new_event_loop()
        self._wake = asyncio.Event()
        self._background = BackgroundLoop(
            "oo-relay", self._step, every_s=0.0, retry_s=RETRY_S, failed=self._count_failure
        )

    def __enter__(self) -> Self:
        """Begin."""
        self._background.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Finish the batch that is under way, and end."""
        self._background.stop(0)
        self._loop.call_soon_threadsafe(self._wake.set)
        if self._background.stop(STOP_S):
            self._loop.close()

    def handle(self, _: Sequence[Event]) -> None:
        """Hear of fresh commits: the subscriber of the bus."""
        if not self._wake.is_set():
            self._loop.call_soon_threadsafe(self._wake.set)

    def ping(self) -> str:
        """Say how the mirror is, which may be away without harm.

        Raises `Unavailable` after an unexpected error.
        """
        with self._database.read() as session:
            behind = mirror_log.lag(session, to_us(self._clock()))
        if not isinstance(self._background.failure, OOError):
            self._background.ping()
        return f"{'connected' if self.state.connected else 'not connected'}, {behind.events} events behind"

    def _step(self) -> object:
        """Carry over one connection, until that ends with an error or this is told to end."""
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._run())
        return END

    async def _run(self) -> None:
        with self._database.read() as session:
            newest = mirror_log.newest_place(session)  # before the stream is asked: others go on meanwhile
        try:
            async with self._connect() as mirror:
                self._begin(mirror, newest)
                await self._carry(mirror)
        finally:
            self.state.connected = False

    def _count_failure(self, _: BaseException) -> None:
        self.state.failures += not self._background.stopping

    def _begin(self, mirror: Publishes, newest: int) -> None:
        """Look whether the mirror still has what was marked, and take back the marks of what it lost."""
        since_us = to_us(self._clock()) - WINDOW_US
        lost = 0
        if newest > mirror.last:
            with self._database.unit_of_work() as uow:
                lost = mirror_log.unmark_between(uow, mirror.last, newest, since_us=since_us)
                uow.commit()
            logger.warning("the mirror has lost %d events; they are sent again", lost)
        self.state.refilled += lost
        self.state.connected = True

    async def _carry(self, mirror: Publishes) -> None:
        while not self._background.stopping:
            if not mirror.alive:
                raise Unavailable("the connection to the mirror has ended")
            self._wake.clear()
            with turn(self._database, "relay") as ours:
                moved = await self.step(mirror) if ours else 0
            self._background.progress()
            if not moved:
                await self._rest(POLL_S)

    async def step(self, mirror: Publishes) -> int:
        """Carry one batch and return how many events arrived and were marked."""
        with self._database.read() as session:
            rows = mirror_log.waiting(session, BATCH)
        marking = asyncio.Lock()
        before = self.state.published

        async def carry(group: Sequence[Waiting]) -> None:
            places = await mirror.publish(group)
            crash_point("after_pub_ack")
            async with marking:
                await asyncio.to_thread(self._mark, places)
            self.state.published += len(places)
            self.state.failures += len(group) > len(places)

        groups = (rows[start : start + GROUP] for start in range(0, len(rows), GROUP))
        ends = await asyncio.gather(*map(carry, groups), return_exceptions=True)  # waits for all: none is left running
        for error in filter(None, ends):
            raise error
        if rows and self.state.published == before:
            raise Unavailable("the mirror acknowledges nothing")  # a new connection declares a stream that is gone
        return self.state.published - before

    def _mark(self, places: Mapping[int, int]) -> None:
        crash_point("before_mark")
        with self._database.unit_of_work() as uow:
            mirror_log.mark(uow, places, at_us=to_us(self._clock()))
            uow.commit()

    async def _rest(self, seconds: float) -> None:
        if self._background.stopping:
            return
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return
