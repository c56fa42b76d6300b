"""Batch fold: decoded events to working state, against the same events folded and persisted one by one.

The peer is the plain way: each event is applied as a stream would, and each changed row is encoded for its table. The
two must agree in every state row and every byte of the served row made of it.
"""

import gc
import time
from collections.abc import Callable
from typing import TypeVar

from benchmarks.lives import NOW_US, life
from benchmarks.result import Result
from data_contracts.events.codec import Event
from data_contracts.features import CONSENT_SIGNALS
from feature_repo.state.batch_fold import fold
from feature_repo.state.fold import CANONICAL, WorkingState
from feature_repo.state.packed_view import pack_view
from feature_repo.state.served_row import served_view

PERSONS, EVENTS, ROUNDS = 20, 5_000, 5
TARGET_PER_SECOND = 500_000
Answer = TypeVar("Answer")


def _batch(lives: list[list[Event]]) -> list[WorkingState]:
    return [fold(events) for events in lives]


def _one_by_one(lives: list[list[Event]]) -> list[WorkingState]:
    states = []
    for events in lives:
        state = WorkingState()
        table: dict[tuple[str, str], bytes] = {}
        for event in events:
            for change in state.apply(event):
                table[change.source, change.row.key] = CANONICAL.encode(change.row.values).encode()
                for key in change.dropped:
                    del table[change.source, key]
        states.append(state)
    return states


def _best(call: Callable[[], Answer]) -> tuple[float, Answer]:
    best_s, answer = float("inf"), call()
    for _ in range(ROUNDS):
        gc.collect()
        begin = time.perf_counter()
        answer = call()
        best_s = min(best_s, time.perf_counter() - begin)
    return best_s, answer


def _fingerprint(state: WorkingState) -> tuple[object, ...]:
    return (*state.rows(), *(pack_view(served_view(state, source, NOW_US)) for source in CONSENT_SIGNALS))


def run() -> Result:
    """Measure events per second of one core, best of several rounds, decoded events in memory."""
    lives = [life(seed, EVENTS) for seed in range(PERSONS)]
    ours_s, ours = _best(lambda: _batch(lives))
    peer_s, peer = _best(lambda: _one_by_one(lives))
    count = PERSONS * EVENTS
    return Result(
        name="batch_fold",
        ours=count / ours_s,
        peer=count / peer_s,
        unit="events/s",
        ratio=peer_s / ours_s,
        target=TARGET_PER_SECOND,
        equal=[_fingerprint(state) for state in ours] == [_fingerprint(state) for state in peer],
        notes={"target_is": "events/s of ours", "persons": PERSONS, "events": count},
        reached=count / ours_s,
    )
