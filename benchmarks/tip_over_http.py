"""A full tip over HTTP, new decisions only, each durable before its answer: our API against the stock twin.

Server and generator have a core each. Everybody is asked once at each quarter-hour point; between the points nobody is
waited for: active tips are closed and the clock that both servers follow is moved. The first point is asked over one
connection, in order and with the same seeds on both sides: it warms both up and shows that they choose alike. The
others are measured, each with its own number of connections, because the twin's threads wait for each other's locks.
Then the server is killed, and every decision that was answered must be in its database.
"""

import json
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import load
from benchmarks.hand_clock import HandClock
from benchmarks.pinned_server import LOAD_CORE, cores, running
from benchmarks.result import Result
from benchmarks.stock_twin import settling
from benchmarks.tip_home import settle
from benchmarks.tip_people import POINTS, point_us
from data_contracts.decisions import unpack

PEOPLE = 600
CONNECTIONS = (2, 4, 16)  # one number a measured point; each server counts by its best
RATE = 300.0
TARGET = 10
P50_MS, P99_MS = 1.5, 6.0
ATTEMPTS = 3  # at a rate: a generator that lagged measured itself
TOLERANCE = 1e-9
BARE_REQUESTS = 5_000
OURS = ("benchmarks.tip_api", "app.db")
TWIN = ("benchmarks.stock_twin.app", "twin.db")
BODY = b'{"trigger":"open"}'


class Measured(NamedTuple):
    """One server's run: the load of each measured point, what the first point chose, and how many were lost."""

    alone: load.Load
    loads: list[load.Load]
    cpu_s: float  # of the server, for the measured points
    choices: dict[str, tuple[int, str | None, float]]  # person -> seed, template, probability
    decided: int
    lost: int
    record_bytes: float

    @property
    def per_second(self) -> float:
        """The best point's rate."""
        return max(each.per_second for each in self.loads)

    @property
    def cpu_ms(self) -> float:
        """Processor time of the server per answer."""
        return self.cpu_s * 1e3 / sum(len(each.latencies_ms) for each in self.loads)

    def latency_ms(self, percentile: float) -> float:
        """A percentile over all measured points."""
        return float(np.percentile(np.concatenate([each.latencies_ms for each in self.loads]), percentile))

    @property
    def lag_ms(self) -> float:
        """The generator's own lag, its 99th percentile."""
        return float(np.percentile(np.concatenate([each.lags_ms for each in self.loads]), 99))


def measure(server: tuple[str, str], prepared: Path, sids: list[str], rate: float | None = None) -> Measured:
    """Run one server over its own copy of the prepared home."""
    module, file = server
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        shutil.copytree(prepared, home)
        clock = HandClock(home / "clock")
        requests = [load.post("/api/recommend", BODY, headers={"Cookie": f"sid={sid}"}) for sid in sids]
        loads, cpu_s = [], 0.0
        with running(module, str(home)) as one:
            for number in range(POINTS):
                clock.set(point_us(number))
                alone = number == 0
                if number == 1:
                    cpu_s = one.cpu_s()
                loads.append(
                    load.run(
                        one.port,
                        requests.__getitem__,
                        requests=len(requests),
                        rate=None if alone else rate,
                        connections=1 if alone else CONNECTIONS[-1] if rate else CONNECTIONS[number - 1],
                    )
                )
                if number < POINTS - 1:
                    _close_active_tips(home / file, point_us(number))
            cpu_s = one.cpu_s() - cpu_s
            one.kill()
        return _read_back(home / file, loads, cpu_s)


def _close_active_tips(file: Path, now_us: int) -> None:
    """Close what is open as its expiry would, so that the next point needs a new decision."""
    connection = sqlite3.connect(file, timeout=10)
    with connection:
        connection.execute(
            "UPDATE decisions SET closed_us = ?, closed_by = 'expiry' WHERE closed_us IS NULL", (now_us,)
        )
    connection.close()


def _read_back(file: Path, loads: list[load.Load], cpu_s: float) -> Measured:
    """Return what the dead server's database holds of what it had answered."""
    answers: list[dict[str, Any]] = [json.loads(body) for each in loads for body in each.bodies]
    statuses = {status for each in loads for status in each.statuses}
    if statuses != {200} or any(answer["repeated"] or answer["fallback"] for answer in answers):
        raise RuntimeError(f"not every answer was a new decision: statuses {sorted(statuses)}")
    ids = [answer["decision_id"] for answer in answers]
    connection = sqlite3.connect(file)
    stored = {row[0] for row in connection.execute("SELECT id FROM decisions")}
    choices, record_bytes = _ours(connection) if file.name == OURS[1] else _twins(connection)
    connection.close()
    lost = sum(identifier not in stored for identifier in ids) + len(ids) - len(set(ids))
    return Measured(loads[0], loads[1:], cpu_s, choices, len(ids), lost, record_bytes)


def _ours(connection: sqlite3.Connection) -> tuple[dict[str, tuple[int, str | None, float]], float]:
    rows = connection.execute("SELECT record FROM decisions WHERE at_us = ?", (point_us(0),)).fetchall()
    choices = {}
    for (blob,) in rows:
        record = unpack(blob)
        template = None if record.silent else record.chosen_ref.template
        choices[str(record.person)] = (record.seed, template, float(record.probabilities[record.chosen]))
    return choices, float(np.mean([len(blob) for (blob,) in rows]))


def _twins(connection: sqlite3.Connection) -> tuple[dict[str, tuple[int, str | None, float]], float]:
    rows = connection.execute(
        "SELECT person_id, seed, template, probability FROM decisions WHERE at_us = ?", (point_us(0),)
    )
    return {person: (seed, template, probability) for person, seed, template, probability in rows}, 0.0


def equal(ours: Measured, twin: Measured) -> bool:
    """Whether both chose the same for everybody with the same seeds, and neither lost what it had answered."""
    return (
        ours.lost == twin.lost == 0
        and ours.choices.keys() == twin.choices.keys()
        and all(
            mine[:2] == theirs[:2] and abs(mine[2] - theirs[2]) < TOLERANCE
            for mine, theirs in ((ours.choices[person], twin.choices[person]) for person in ours.choices)
        )
    )


def _bare_per_second() -> float:
    with running("benchmarks.bare_endpoint") as one:
        request = load.post("/api/recommend", BODY, headers={})
        runs = [
            load.run(one.port, lambda _: request, requests=BARE_REQUESTS, rate=None, connections=connections)
            for connections in CONNECTIONS
        ]
    return max(each.per_second for each in runs)


def _at_rate(prepared: Path, sids: list[str]) -> dict[str, Any]:
    """Return the latencies at the fixed rate; invalid when the generator itself lagged in every attempt."""
    for _ in range(ATTEMPTS):
        timed = measure(OURS, prepared, sids, RATE)
        if timed.lag_ms < load.MAX_LAG_MS:
            break
    return {
        "requests_per_s": RATE,
        "p50_ms": timed.latency_ms(50),
        "p99_ms": timed.latency_ms(99),
        "target_p50_ms": P50_MS,
        "target_p99_ms": P99_MS,
        "generator_lag_p99_ms": timed.lag_ms,
        "valid": timed.lag_ms < load.MAX_LAG_MS,
        "lost": timed.lost,
    }


def run() -> Result:
    """Measure requests per second of one core, ours and the twin's, and our latency at a fixed rate."""
    if cores() <= LOAD_CORE:
        raise RuntimeError("server and load need a core each")
    before = os.sched_getaffinity(0)
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder)
        settled = settle(prepared, PEOPLE)
        settling.settle(prepared, settled)
        load.pin(LOAD_CORE)
        try:
            ours = measure(OURS, prepared, settled.sids)
            twin = measure(TWIN, prepared, settled.sids)
            at_rate = _at_rate(prepared, settled.sids)
            bare = _bare_per_second()
        finally:
            os.sched_setaffinity(0, before)
    return Result(
        name="tip_over_http",
        ours=ours.per_second,
        peer=twin.per_second,
        unit="requests/s of one core",
        ratio=ours.per_second / twin.per_second,
        target=TARGET,
        equal=equal(ours, twin),
        valid=bool(at_rate["valid"]),
        notes={
            "at_rate": at_rate,
            "requests_per_s_by_connections": {
                "connections": CONNECTIONS,
                "ours": [each.per_second for each in ours.loads],
                "twin": [each.per_second for each in twin.loads],
            },
            "one_connection_p50_ms": {"ours": ours.alone.latency_ms(50), "twin": twin.alone.latency_ms(50)},
            "server_cpu_ms_per_request": {"ours": ours.cpu_ms, "twin": twin.cpu_ms},
            "bare_endpoint": {"per_s": bare, "ratio_of_ours": ours.per_second / bare},
            "decisions": {"ours": ours.decided, "twin": twin.decided, "lost": ours.lost + twin.lost},
            "record_bytes": ours.record_bytes,
            "load_average_before_and_after": os.getloadavg()[:2],
        },
    )
