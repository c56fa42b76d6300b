"""Newest events as server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html.

A watcher reads from the shared ring at its own place. One that is too slow for the ring, or takes nothing for a while,
is dropped: it comes back with `Last-Event-ID` and is told when something is missing in between.
"""

import asyncio
import json
import logging
from collections.abc import Callable

from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from data_contracts.errors import OOError
from data_contracts.identifiers import from_us
from infra.database.events.feed import EventFeed
from infra.database.events.newest import NewestEvent
from infra.database.events.ring import EventRing

MEDIA_TYPE = "text/event-stream"
HEARTBEAT_S = 15.0  # proxies close what is silent for longer; the session is looked at as often
WRITE_S = 10.0
BATCH = 256
BEGIN = "retry: 2000\n\n"
ALIVE = ": alive\n\n"
GAP = 'event: gap\ndata: {"detail": "events in between have left the ring; the event table has them"}\n\n'
logger = logging.getLogger(__name__)


class EventStream(Response):
    """Answers with events until the client goes, falls behind, loses its session, or the process ends."""

    media_type = MEDIA_TYPE

    def __init__(
        self,
        feed: EventFeed,
        *,
        resume_after: int | None,
        newest: int,
        may_watch: Callable[[], bool],
        heartbeat_s: float = HEARTBEAT_S,
        write_s: float = WRITE_S,
    ) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]  # of the empty body; this one has no end
        self.feed = feed
        self.resume_after = resume_after
        self.newest = newest
        self.may_watch = may_watch
        self.heartbeat_s = heartbeat_s
        self.write_s = write_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Answer one request; raises `Unavailable` before the answer begins."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()

        def news() -> None:
            loop.call_soon_threadsafe(woken.set)

        gone = asyncio.create_task(_until_gone(receive, woken))
        try:
            ring = await run_in_threadpool(self.feed.attach, news)
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await self._tell(ring, send, woken, gone)
        except TimeoutError:
            logger.info("a watcher of events took nothing for %.0f s and was dropped", self.write_s)
        finally:
            self.feed.detach(news)
            gone.cancel()

    async def _tell(self, ring: EventRing, send: Send, woken: asyncio.Event, gone: "asyncio.Task[None]") -> None:
        place, text = self._begin(ring)
        await self._write(send, text)
        loop = asyncio.get_running_loop()
        looked = loop.time()
        while not gone.done() and not self.feed.closed:
            woken.clear()
            taken = ring.read(place, BATCH)
            if taken is None:
                await self._write(send, GAP)
                break
            moved, place = taken[1] > place, taken[1]
            if taken[0]:
                await self._write(send, "".join(_message(seen) for seen in taken[0]))
            if loop.time() - looked >= self.heartbeat_s:
                looked = loop.time()
                if not await self._may_still_watch():
                    break
                await self._write(send, ALIVE)
            if not moved:
                await _wait(woken, max(looked + self.heartbeat_s - loop.time(), 0.0))
        await self._write(send, "", more=False)

    def _begin(self, ring: EventRing) -> tuple[int, str]:
        if self.resume_after is None:
            return ring.last(self.newest), BEGIN
        place, complete = ring.after(self.resume_after)
        return place, BEGIN if complete else BEGIN + GAP

    async def _may_still_watch(self) -> bool:
        try:
            return await run_in_threadpool(self.may_watch)
        except OOError as error:  # who cannot be looked up may not watch
            logger.warning("a watcher of events was sent away: %s", error)
            return False

    async def _write(self, send: Send, text: str, *, more: bool = True) -> None:
        """Send, or raise `TimeoutError` when the client takes nothing."""
        message = {"type": "http.response.body", "body": text.encode(), "more_body": more}
        await asyncio.wait_for(send(message), self.write_s)


def _message(seen: NewestEvent) -> str:
    data = {
        "id": seen.id,
        "person": seen.person,
        "kind": seen.kind,
        "at": from_us(seen.at_us).isoformat(),
        "received_at": from_us(seen.received_us).isoformat(),
    }
    return f"id: {seen.sequence}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"


async def _until_gone(receive: Receive, woken: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    woken.set()


async def _wait(woken: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(woken.wait(), seconds)
    except TimeoutError:
        return
