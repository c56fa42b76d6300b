"""The candidates of a person's pool: their sources, their selection and their order.

A pool is prepared ahead and holds for an hour. What moves with the clock stays open in it: `{gap}` and `{until}` are
filled when a tip is given, and conditions, effort and expiry are checked again then
(`serving/recommend/speaking_rules.py`). What a pool was made from is its *basis*; a pool whose basis differs from the
person's state now is made again at once, so a task that arrived or was finished a second ago counts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, takewhile
from typing import Protocol
from zoneinfo import ZoneInfo

from data_contracts.durations import MINUTE_US
from data_contracts.features import Source
from data_contracts.served import ServedRow
from data_contracts.tips import Candidate
from serving.candidates.phrasing import LATE_WIDTH, slots
from serving.candidates.subjects import SOURCE_BIT, Surroundings
from serving.recommend.local_time import day_start_us

POOL_SIZE = 128  # tips of a pool; at most `moments.MOST_ACTIONS` of them are scored
POOL_LASTS_US = 60 * MINUTE_US

Basis = tuple[object, ...]


class CandidateSource(Protocol):
    """Something that writes tips: the catalogue, later a language model."""

    @property
    def name(self) -> str:
        """The value of `Candidate.source`."""

    def candidates(self, seen: Surroundings) -> Iterable[Candidate]:
        """Yield tips that are true now or soon; ids are unique within a source."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The tips prepared for one person, best fitting first, and what they were made from."""

    built_us: int
    basis: Basis
    candidates: tuple[Candidate, ...]

    def holds(self, basis: Basis, now_us: int) -> bool:
        """Return whether the pool is young enough and made from the state as it is."""
        return self.built_us <= now_us < self.built_us + POOL_LASTS_US and self.basis == basis


def basis_of(row: ServedRow, consent_mask: int, zone: ZoneInfo, now_us: int) -> Basis:
    """Return what a pool depends on: open tasks, habits and which of them are logged on this local day."""
    day_us = day_start_us(now_us, zone)
    tasks: Basis = ()
    if consent_mask >> SOURCE_BIT[Source.TASKS] & 1:
        open_ = row.tasks
        tasks = (open_.due_keys, open_.due_us, open_.due_priorities, open_.due_efforts_min, open_.undated_keys)
    habits: Basis = ()
    if consent_mask >> SOURCE_BIT[Source.HABITS] & 1:
        logs = zip(row.habits.log_us, row.habits.log_habit, strict=True)
        logged = {habit for at_us, habit in takewhile(lambda log: log[0] >= day_us, logs)}
        habits = (row.habits.habit_keys, tuple(sorted(logged)))
    return (consent_mask, zone.key, day_us, tasks, habits)


def build_pool(sources: Sequence[CandidateSource], seen: Surroundings) -> Pool:
    """Return the pool of a person now: every source's tips, the most specific of each cluster first."""
    found = chain.from_iterable(source.candidates(seen) for source in sources)
    ranked = sorted(filter(_finishable, found), key=_specificity, reverse=True)
    turns: dict[str, int] = {}
    placed: list[tuple[int, int, Candidate]] = []
    for place, candidate in enumerate(ranked):
        turn = turns[candidate.cluster] = turns.get(candidate.cluster, -1) + 1
        placed.append((turn, place, candidate))
    placed.sort(key=lambda entry: entry[:2])
    best = tuple(candidate for _, _, candidate in placed[:POOL_SIZE])
    return Pool(seen.now_us, basis_of(seen.row, seen.consent_mask, seen.zone, seen.now_us), best)


def _finishable(candidate: Candidate) -> bool:
    """Whether every open slot of the sentence is one that can be filled when the tip is given."""
    open_slots = slots(candidate.text)
    return open_slots <= LATE_WIDTH.keys() and ("due" not in open_slots or candidate.due_us is not None)


def _specificity(candidate: Candidate) -> tuple[bool, int, int]:
    """Rank a tip by how much of the person's own situation it needs in order to be true."""
    bound = candidate.subject is not None
    return (bound, len(candidate.conditions) + len(slots(candidate.text)), -candidate.priority)
