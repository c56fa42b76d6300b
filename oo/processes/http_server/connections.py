"""Open connections of one server: their maximum, and which one is closed beyond it.

An idle connection has no request under way. A waiting one waits for its client: for the rest of a request, or until
the client takes its answer. A new connection beyond the limit ends the oldest idle one, else the oldest waiting one;
where neither exists the new one is refused. A busy one, whose request the app works on, is never ended.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Iterable
from ipaddress import ip_network
from itertools import islice
from typing import Protocol

from infra.network_addresses import address_of, peer_of
from oo.processes.http_server.limits import HttpLimits
from oo.processes.http_server.refusals import Refusal, RetryAnswers

PROBES = frozenset({"/health", "/ready", "/metrics"})
LOOKS = 8  # at idle connections, for each newcomer
PROBE_SHARE = 2  # probes are answered up to this many times the usual requests in work


class Connection(Protocol):
    """What the registry needs of a connection."""

    due_s: float
    peer: str | None

    @property
    def streams(self) -> bool:
        """Whether an answer is under way."""

    def has_unread(self) -> bool:
        """Whether there is input that was not read yet."""

    def expire(self) -> None:
        """End, because the deadline has passed."""

    def evict(self) -> None:
        """End at once."""


Group = OrderedDict[Connection, None]


class OpenConnections:
    """Every connection of one server, by what it waits for."""

    def __init__(self, limits: HttpLimits | None = None, proxies: Iterable[str] = ()) -> None:
        self.limits = limits or HttpLimits.of_process()
        self.all: set[Connection] = set()
        self.idle: Group = OrderedDict()
        self.waiting: Group = OrderedDict()
        self.uploading = 0  # requests that an app has begun and whose body is not complete
        self.streaming = 0  # answers that were under way at the last look
        self.refusals: Counter[Refusal] = Counter()
        self.evictions = 0
        self.shed_answers = RetryAnswers(Refusal.OVERLOADED, self.limits.retry_s)
        self.full_answers = RetryAnswers(Refusal.CONNECTIONS, self.limits.retry_s)
        self.proxies = tuple(proxies)
        self._proxies = [ip_network(proxy) for proxy in self.proxies]
        self._of_address: Counter[str] = Counter()
        self._look: asyncio.TimerHandle | None = None

    def admit(self, connection: Connection, host: str | None, loop: asyncio.AbstractEventLoop) -> bool:
        """Take a new connection in, ending an older one where that makes room; return false where nothing does."""
        peer = connection.peer = self._limited_peer(host)
        room = self._has_room(peer)
        self.all.add(connection)
        if peer is not None:
            self._of_address[peer] += 1
        if self._look is None:
            self._look = loop.call_later(self.limits.look_s, self._look_at_deadlines, loop)
        return room

    def leave(self, connection: Connection) -> None:
        """Forget a connection that has ended, or is about to."""
        if connection not in self.all:
            return
        self.all.discard(connection)
        peer = connection.peer
        if peer is not None:
            self._of_address[peer] -= 1
            if not self._of_address[peer]:
                del self._of_address[peer]

    def overloaded(self, tasks: int, path: str) -> bool:
        """Whether one more request is too many; `tasks` counts the apps that run, those of slow uploads too."""
        working = tasks - self.uploading - self.streaming
        return working >= self.limits.working * (PROBE_SHARE if path in PROBES else 1)

    def _has_room(self, peer: str | None) -> bool:
        """Whether there is room for one more, after ending what may be ended."""
        while peer is not None and self._of_address[peer] >= self.limits.connections_of_address:
            if not self._make_room(peer):
                return False
        while len(self.all) >= self.limits.connections:
            if not self._make_room(None):
                return False
        return True

    def _make_room(self, peer: str | None) -> bool:
        """End the oldest idle or waiting connection, of one peer where it is named; return whether there was one."""
        found = self._oldest_idle(peer) or next((each for each in self.waiting if peer in {None, each.peer}), None)
        if found is None:
            return False
        self.evictions += 1
        found.evict()
        return True

    def _oldest_idle(self, peer: str | None) -> Connection | None:
        """Return the oldest connection that is idle indeed: under load, requests wait in the kernel to be read."""
        own = (each for each in self.idle if peer in {None, each.peer})
        for connection in list(islice(own, LOOKS)):
            if not connection.has_unread():
                return connection
            self.idle.move_to_end(connection)
        return None

    def _limited_peer(self, host: str | None) -> str | None:
        """Return what a connection is counted under; loopback, trusted proxies and unix sockets are not."""
        address = address_of(host or "")
        if address is None or address.is_loopback or any(address in network for network in self._proxies):
            return None
        return peer_of(host or "")

    def _look_at_deadlines(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        self.streaming = sum(connection.streams for connection in self.all)
        for connection in [each for each in self.all if each.due_s <= now]:
            connection.expire()
        self._look = loop.call_later(self.limits.look_s, self._look_at_deadlines, loop) if self.all else None
