"""A PostgreSQL connection with a time limit: a frozen server or a dead network becomes an error.

The server's own timeouts do not help here, since it is the server that stands still, and the kernel's notice only
what is not acknowledged, which a stopped process on a live machine does.
"""

import asyncio
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.errors import _WaitTimeout

__all__ = ["BoundedConnection", "NoAnswer"]

T = TypeVar("T")
INTERVAL_S = 0.1
LOOP_S = 1.0  # on an event loop everybody waits
LOOP_CONNECT_S = 2  # the shortest that the driver takes


class NoAnswer(psycopg.OperationalError):
    """The server did not answer in time, and the connection was closed."""


class BoundedConnection(psycopg.Connection[Any]):
    """Closes itself and raises `NoAnswer` when a statement takes longer than `answer_s`, or 1 s on an event loop."""

    answer_s: float | None = None

    @classmethod
    def opened(
        cls, conninfo: str = "", *, answer_s: float | None, connect_timeout: int, **more: Any
    ) -> "BoundedConnection":
        """Return a new connection; raises `psycopg.OperationalError` when there is none in time."""
        patience_s = LOOP_CONNECT_S if on_event_loop() else connect_timeout
        connection = cls.connect(conninfo, connect_timeout=patience_s, **more)
        connection.answer_s = answer_s
        return connection

    def wait(self, gen: PQGen[T], interval: float = INTERVAL_S, timeout: float | None = None) -> T:
        """Wait for the server within the limits."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        limit_s = LOOP_S if on_event_loop() else self.answer_s
        try:
            return super().wait(gen, interval, limit_s)
        except _WaitTimeout:
            self.pgconn.finish()  # a late answer must not reach another statement
            raise NoAnswer(f"no answer within {limit_s:.0f} s") from None


def on_event_loop() -> bool:
    """Whether an event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
