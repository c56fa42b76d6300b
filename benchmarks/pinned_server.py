"""A server under load: one process pinned to one core, with the same uvicorn settings for all, ended by SIGKILL."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn

from benchmarks.load import pin
from oo.processes.server_config import config_of

SERVER_CORE, LOAD_CORE = 0, 1
CHECKOUT = Path(__file__).parent.parent


class Running(NamedTuple):
    """A server that answers."""

    port: int
    process: subprocess.Popen[str]

    def cpu_s(self) -> float:
        """Return the processor time that it has used: less moved by a busy machine than wall time."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """End it as a power cut would: nothing is flushed, nothing is closed."""
        self.process.kill()
        self.process.wait()


@contextmanager
def running(module: str, *arguments: str) -> Iterator[Running]:
    """Start `python -m module ARGUMENTS` and give it once it listens; it is killed at the end.

    It inherits its one core, so that threads which libraries start while they are imported stay there too.
    """
    before = os.sched_getaffinity(0)
    pin(SERVER_CORE)
    command = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    os.sched_setaffinity(0, before)
    try:
        said = process.stdout.readline() if process.stdout else ""
        if not said.strip().isdigit():
            raise RuntimeError(f"{module} did not start")
        yield Running(int(said), process)
    finally:
        process.kill()
        process.wait()


def serve(app: Any) -> None:
    """Serve on a free port of loopback, which is printed."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # before the port is told: uvicorn begins later
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(config_of(app)).run(sockets=[listener])


def cores() -> int:
    """Return how many cores this process may use; below two, server and load would take each other's time."""
    return len(os.sched_getaffinity(0))
