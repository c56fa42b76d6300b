"""A PostgreSQL that stands still (R10): everybody is told so in time, no thread is lost, and it goes on by itself."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.faults.client import Client
from tests.faults.system import System, wait_until
from tests.faults.usage import usage_of

AT_ONCE_S = 2.0
HANGING = 8  # threads of the prober that once waited for the server, and are idle now


@contextmanager
def frozen(url: str) -> Iterator[None]:
    """Stop every process of the server, as a dead network or a dead disk does, until the end of the block."""
    with psycopg.connect(url.replace("+psycopg", "", 1)) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
    assert row is not None
    postmaster = int(Path(row[0], "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children")
    os.kill(postmaster, signal.SIGSTOP)  # first, so that it starts no more of them
    stopped = [postmaster, *map(int, children.read_text(encoding="utf-8").split())]
    try:
        for pid in stopped[1:]:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in stopped[1:]:
            os.kill(pid, signal.SIGCONT)
        os.kill(postmaster, signal.SIGCONT)


@pytest.mark.processes
def test_a_frozen_postgresql_is_said_at_once_and_forgotten_when_it_goes_on(postgresql_url: str, tmp_path: Path) -> None:
    """Probes answer within 2 s all the time, requests get 503 with `Retry-After`, and threads come back."""
    system = System(tmp_path, postgresql_url, tips=1)
    with ExitStack() as stack:
        stack.callback(system.stop)
        system.api.start(NATS_URL="")
        assert system.api.process is not None
        pid, port, sid = system.api.process.pid, system.api.port, system.people[0].sid
        client = stack.enter_context(Client(port, sid))
        probe = stack.enter_context(Client(port, sid, AT_ONCE_S))
        crowd = [stack.enter_context(Client(port, sid, AT_ONCE_S)) for _ in range(40)]
        wait_until(lambda: client.push() < 400, "the api does not take signals")
        wait_until(lambda: not client.failing(), "the api is not well")
        before = usage_of(pid, system.home).threads
        with frozen(postgresql_url):
            wait_until(lambda: "database" in probe.failing(), "health does not say so")
            assert probe.ask("GET", "/ready")[0] == 503
            assert 'oo_part_up{part="database"} 0.0' in probe.ask("GET", "/metrics")[1]
            stuck = usage_of(pid, system.home).threads
            for path in ("/health", "/ready", "/metrics", "/health", "/ready"):
                for one in crowd:
                    one.begin(path)
                for one in crowd:
                    one.end()
            assert usage_of(pid, system.home).threads <= stuck
            for path in ("/api/recommend", "/api/signals", "/api/recommend"):
                status, problem, retry_after = client.ask("POST", path, {"signals": []} if "signals" in path else {})
                assert (status, problem["code"], retry_after) == (503, "unavailable", "5")
        wait_until(lambda: client.push() < 400, "pushes are refused for ever")
        wait_until(lambda: client.ask("POST", "/api/recommend", {})[0] == 200, "no tip is given any more")
        wait_until(lambda: not probe.failing(), "health does not recover")
        assert not system.api.dead
        wait_until(lambda: usage_of(pid, system.home).threads <= before + HANGING, "threads are lost")
