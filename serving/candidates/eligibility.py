"""Eligibility of pooled tips at this minute: pure, vectorised over the pool, every refusal counted by name."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_contracts.decisions import CandidateRef
from data_contracts.features import POSITION
from data_contracts.identifiers import to_us
from data_contracts.tips import Candidate, Condition
from models.rewards import action_features
from serving.candidates.candidates import Basis, Pool
from serving.candidates.phrasing import SLOT_NEEDS, slots

MOST_ACTIONS = 30  # candidates that are scored; silence comes on top

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class PreparedPool:
    """A pool as arrays, one entry a candidate; `condition_*` hold one entry a condition, `condition_of` its owner."""

    pool: Pool
    features: action_features.Prepared
    refs: tuple[CandidateRef, ...]
    opens_us: Integers
    expires_us: Integers
    effort_min: Floats
    from_min: Integers
    until_min: Integers
    cluster: Integers
    clusters: Mapping[str, int]
    condition_of: Integers
    condition_feature: Integers
    condition_low: Floats
    condition_high: Floats

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The candidates in the order of the arrays."""
        return self.pool.candidates

    @property
    def basis(self) -> Basis:
        """What the pool was made from."""
        return self.pool.basis


class Eligible(NamedTuple):
    """Places in the pool of the tips that may be given, best fitting first, and what kept the others out."""

    places: Integers
    refused: dict[str, int]


def prepare(pool: Pool) -> PreparedPool:
    """Return the arrays of a pool."""
    candidates = pool.candidates
    clusters: dict[str, int] = {}
    for candidate in candidates:
        clusters.setdefault(candidate.cluster, len(clusters))
    owned = [
        (place, each)
        for place, candidate in enumerate(candidates)
        for each in needs_of(candidate.text, candidate.conditions)
    ]
    return PreparedPool(
        pool=pool,
        features=action_features.prepare(candidates),
        refs=tuple(_reference(each) for each in candidates),
        opens_us=np.array([to_us(each.opens_at) if each.opens_at else 0 for each in candidates], np.int64),
        expires_us=np.array([to_us(each.expires_at) for each in candidates], np.int64),
        effort_min=np.array([each.effort_min for each in candidates], np.float64),
        from_min=np.array([each.from_min for each in candidates], np.int64),
        until_min=np.array([each.until_min for each in candidates], np.int64),
        cluster=np.array([clusters[each.cluster] for each in candidates], np.int64),
        clusters=clusters,
        condition_of=np.array([place for place, _ in owned], np.int64),
        condition_feature=np.array([POSITION[each.feature] for _, each in owned], np.int64),
        condition_low=np.array([each.low for _, each in owned], np.float64),
        condition_high=np.array([each.high for _, each in owned], np.float64),
    )


def _reference(candidate: Candidate) -> CandidateRef:
    return CandidateRef(
        candidate.id,
        candidate.template,
        candidate.cluster,
        candidate.kind,
        candidate.topic,
        candidate.effort_min,
        candidate.subject,
    )


def needs_of(text: str, conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Return a tip's conditions, and those without which a slot of its sentence would have no value."""
    if "{" not in text:
        return conditions
    return (*conditions, *(Condition(*SLOT_NEEDS[slot]) for slot in sorted(slots(text) & SLOT_NEEDS.keys())))


def eligible(
    pool: PreparedPool,
    *,
    values: Floats,
    masked: Flags,
    now_us: int,
    minute: int,
    free_min: float,
    blocked: Collection[str],
) -> Eligible:
    """Return the places that may be given now; `values`, `masked` are (features,), `minute` is local.

    A tip counts under the first rule that refuses it. A masked feature fulfils no condition.
    """
    size = len(pool.candidates)
    found = values[pool.condition_feature]
    broken = (found < pool.condition_low) | (found > pool.condition_high) | masked[pool.condition_feature]
    rules: list[tuple[str, Flags]] = [
        ("expired", pool.expires_us <= now_us),
        ("not_yet", pool.opens_us > now_us),
        ("time_of_day", (minute < pool.from_min) | (minute >= pool.until_min)),
        ("conditions", np.bincount(pool.condition_of[broken], minlength=size) > 0),
        ("effort", pool.effort_min > free_min),
    ]
    barred = [pool.clusters[cluster] for cluster in blocked if cluster in pool.clusters]
    if barred:
        rules.append(("cluster_blocked", np.isin(pool.cluster, barred)))
    refused: dict[str, int] = {}
    left = np.ones(size, np.bool_)
    standing = size
    for name, rule in rules:
        left &= ~rule
        still = int(np.count_nonzero(left))
        if still != standing:
            refused[name] = standing - still
            standing = still
    places = np.flatnonzero(left)
    if standing > MOST_ACTIONS:
        refused["over_capacity"] = standing - MOST_ACTIONS
        places = places[:MOST_ACTIONS]
    return Eligible(places, refused)
