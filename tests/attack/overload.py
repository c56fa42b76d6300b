"""More load than the API can serve: it sheds what is too much and serves the rest; server and client are pinned."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from tests.attack.catalogue import Seen, attack
from tests.attack.target import Server, Target
from tests.source_tree import CHECKOUT

PEOPLE = 400
CLIENTS = 2_000
ARRIVE_S, WARM_S = 5.0, 2.0
BEYOND = 1.5
PEAK_S, OVERLOAD_S = 4.0, 12.0
KEPT, SERVED = 0.90, 0.95
MAX_LAG_S = 0.1  # a load client that is later than this measured itself
SETTLE = """
import json, sys
from pathlib import Path
from benchmarks.lives import NOW_US
from benchmarks.tip_home import settle
home = Path(sys.argv[1])
home.mkdir(mode=0o700)
print(json.dumps([NOW_US, settle(home, int(sys.argv[2])).sids]))
"""
NEVER = {500, 502, 504}


class Crowd(NamedTuple):
    """A server of many people who are signed in, and the file that its load clients read their cookies from."""

    target: Target
    server: Server
    sids: list[str]

    def load(self, kind: str, seconds: float, rate: float = 0.0, clients: int = PEOPLE) -> dict[str, Any]:
        """Run one load in a process of its own and return what it saw."""
        names = self.target.folder / "sids.json"
        names.write_text(json.dumps([self.sids[number % PEOPLE] for number in range(clients)]))
        arguments = [kind, str(self.server.port), str(names), str(rate), str(seconds)]
        command = [sys.executable, "-m", "tests.attack.load_client", *arguments]
        done = subprocess.run(command, cwd=CHECKOUT, check=True, stdout=subprocess.PIPE, text=True)
        seen: dict[str, Any] = json.loads(done.stdout)
        return seen

    def peak(self, seconds: float) -> float:
        """Return the tips per second of clients who wait for their answer."""
        return float(self.load("peak", seconds)["per_s"])


@contextmanager
def _crowd(target: Target) -> Iterator[Crowd]:
    """Serve a warm home of many people on a core of its own."""
    home = target.new_home()
    command = [target.python, "-c", SETTLE, str(home), str(PEOPLE)]
    done = subprocess.run(
        command, cwd=target.code, env=target.environment(home), check=True, stdout=subprocess.PIPE, text=True
    )
    now_us, sids = json.loads(done.stdout.splitlines()[-1])
    clock = f"{now_us // 1_000_000 - int(time.time()):+d}"
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})  # inherited by what is started now
    try:
        with target.serving(home, "api", OO_CLOCK=clock) as server:
            os.sched_setaffinity(0, before)
            crowd = Crowd(target, server, sids)
            crowd.peak(WARM_S)
            yield crowd
    finally:
        os.sched_setaffinity(0, before)


def _failed(seen: dict[str, Any]) -> bool:
    return bool(NEVER & set(map(int, seen["statuses"])))


@attack(
    "R24",
    sent="nine tips to one push, in an open loop at 1.5 times the peak rate over 256 connections, 12 s",
    must="503 for some; goodput >= 90 % of the peak",
)
def load_beyond_saturation(target: Target) -> Seen:
    """A good answer is a 200 within a second of its scheduled instant."""
    with _crowd(target) as crowd:
        peak = crowd.peak(PEAK_S)
        over = crowd.load("open", OVERLOAD_S, peak * BEYOND)
        after = crowd.peak(PEAK_S)
    good, shed, vain = over["good_per_s"], over["statuses"].get("503", 0), over["statuses"].get("0", 0)
    lag_s = over["lag_p99_s"]
    held = good >= KEPT * peak and shed > 0 and not _failed(over) and lag_s <= MAX_LAG_S
    text = f"peak {peak:.0f}/s, offered {peak * BEYOND:.0f}/s: {good:.0f} good/s ({good / peak:.0%})"
    text = f"{text}, {shed} shed, {vain} in vain, answers {over['statuses']}"
    return Seen(f"{text}, p99 {over['p99_s'] or 0:.2f} s, own lag {lag_s:.2f} s; afterwards {after:.0f}/s", held)


@attack(
    "R25",
    sent="2,000 clients arrive within 5 s, each on its own connection",
    must=">= 95 % answered within 30 s; no 5xx but 503",
)
def thundering_herd(target: Target) -> Seen:
    """Who is told to come back honours Retry-After."""
    with _crowd(target) as crowd:
        seen = crowd.load("herd", ARRIVE_S, clients=CLIENTS)
        after = crowd.peak(WARM_S)
    held = seen["good"] >= SERVED * CLIENTS and not _failed(seen)
    text = f"{seen['good'] / CLIENTS:.1%} answered, p50 {seen['p50_s'] or 0:.2f} s, last {seen['worst_s'] or 0:.1f} s"
    return Seen(f"{text}; answers {seen['statuses']}; afterwards {after:.0f} tips/s", held)
