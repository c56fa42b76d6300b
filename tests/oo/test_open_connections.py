"""Which connection goes when there are too many."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from oo.processes.http_server.connections import OpenConnections
from oo.processes.http_server.limits import HttpLimits
from tests.source_tree import ROOTS, python_files


@dataclass(eq=False)
class Place:
    """A connection that only remembers how it ended."""

    registry: OpenConnections
    due_s: float = 0.0
    peer: str | None = None
    streams: bool = False
    ended: bool = False
    unread: bool = False

    def has_unread(self) -> bool:
        """Whether a request waits in the kernel."""
        return self.unread

    def expire(self) -> None:
        """End."""
        self.evict()

    def evict(self) -> None:
        """End, as a connection does."""
        self.ended = True
        self.registry.leave(self)
        self.registry.idle.pop(self, None)


@contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def _come(registry: OpenConnections, host: str, loop: asyncio.AbstractEventLoop, *, busy: bool = False) -> Place:
    place = Place(registry)
    room = registry.admit(place, host, loop)
    if not busy:
        registry.idle[place] = None
    place.ended = not room
    return place


def test_one_address_takes_a_share_and_no_more() -> None:
    """Its own oldest idle connection makes room; when all of them are busy it is refused, and others are not."""
    registry = OpenConnections(HttpLimits(connections=100, connections_of_address=3))
    with _loop() as loop:
        other = _come(registry, "192.0.2.1", loop)
        own = [_come(registry, "192.0.2.2", loop) for _ in range(5)]
        assert [place.ended for place in (other, *own)] == [False, True, True, False, False, False]
        busy = [_come(registry, f"2001:db8::{number}", loop, busy=True) for number in range(5)]
        assert [place.ended for place in busy] == [False, False, False, True, True]
        assert not _come(registry, "2001:db8:0:1::1", loop).ended


def test_a_connection_whose_request_was_not_read_yet_is_not_idle() -> None:
    """Under load a new one is refused, with a time to come back, before a request that has arrived is thrown away."""
    registry = OpenConnections(HttpLimits(connections=3))
    with _loop() as loop:
        places = [_come(registry, "127.0.0.1", loop) for _ in range(3)]
        for place in places:
            place.unread = True
        assert _come(registry, "127.0.0.1", loop, busy=True).ended
        places[1].unread = False
        assert [place.ended for place in places] == [False] * 3
        _come(registry, "127.0.0.1", loop)
        assert [place.ended for place in places] == [False, True, False]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.1.2.3", "::ffff:10.1.2.3", ""])
def test_loopback_and_trusted_proxies_are_not_counted(host: str) -> None:
    """They speak for many."""
    registry = OpenConnections(HttpLimits(connections=100, connections_of_address=3), ["10.0.0.0/8"])
    with _loop() as loop:
        assert not [place for place in (_come(registry, host, loop) for _ in range(10)) if place.ended]


def test_every_server_has_these_limits() -> None:
    """There is one place where uvicorn is configured."""
    places = [path for path, text in python_files(*ROOTS, "benchmarks", "tests").items() if "uvicorn.Config(" in text]
    assert places == ["oo/processes/server_config.py", "tests/oo/test_open_connections.py"]
