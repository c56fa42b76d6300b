"""The app behind the server that every process uses, real connections to it, and all that it logs meanwhile."""

import logging
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import uvicorn
from fastapi import FastAPI

from oo.processes.server_config import config_of

PATIENCE_S = 30.0
AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: close by a reset


class Served(NamedTuple):
    """A server, and what was logged since it started, tracebacks included."""

    port: int
    server: uvicorn.Server
    log: list[str]

    def dial(self) -> socket.socket:
        """Return a new connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)

    def settle(self) -> None:
        """Wait until no request is being answered and no connection is open."""
        until(lambda: not self.server.server_state.tasks and not self.server.server_state.connections)


@contextmanager
def serving(app: FastAPI) -> Iterator[Served]:
    """Serve an app on a free port of this machine, as `oo serve` does."""
    config = config_of(app)
    config.host, config.port = "127.0.0.1", 0
    server, log = uvicorn.Server(config), list[str]()
    thread = threading.Thread(target=server.run, daemon=True)
    with _heard(log):
        thread.start()
        until(lambda: server.started)
        yield Served(server.servers[0].sockets[0].getsockname()[1], server, log)
        server.should_exit = True
        thread.join(PATIENCE_S)


@contextmanager
def _heard(log: list[str]) -> Iterator[None]:
    """Write down what any logger says; uvicorn's do not pass theirs on."""

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            log.append(self.format(record))

    ear, loggers = Ear(), [logging.getLogger(name) for name in ("", "uvicorn")]
    for logger in loggers:
        logger.addHandler(ear)
    yield
    for logger in loggers:
        logger.removeHandler(ear)


def leave(connection: socket.socket) -> None:
    """Reset a connection, as a client does that is killed or loses its network."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    connection.close()


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "this never came true"
        time.sleep(0.01)


def head(method: str, path: str, **headers: str) -> bytes:
    """Return the head of a request; names of headers are written with underscores."""
    named = {"host": "localhost", **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
    return "\r\n".join([*lines, "", ""]).encode()
