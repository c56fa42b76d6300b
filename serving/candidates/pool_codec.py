"""The stored form of a pool: JSON sealed for one person, and a bounded cache of opened pools.

Texts of tips are personal. They are encrypted under the person's own key with the field name `pool`, so that a pool
copied to another person or field does not open, and erasing the key erases every pool.
"""

import json
from threading import Lock
from typing import Any

from cachetools import LRUCache

from data_contracts.errors import Malformed
from data_contracts.identifiers import CandidateId, ClusterId, PersonId, SubjectKey, from_us, to_us
from data_contracts.sealing import Sealer
from data_contracts.tips import Candidate, Condition, TipKind, Topic
from serving.candidates.candidates import Basis, Pool
from serving.candidates.eligibility import PreparedPool, prepare

FIELD = "pool"
VERSION = 1
CACHED_POOLS = 4_096


def seal_pool(vault: Sealer, person: PersonId, pool: Pool) -> bytes:
    """Return the pool as it is kept."""
    rows = [_row(candidate) for candidate in pool.candidates]
    payload = {"version": VERSION, "built_us": pool.built_us, "basis": pool.basis, "candidates": rows}
    return vault.seal(person, FIELD, json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode())


def open_pool(vault: Sealer, person: PersonId, box: bytes) -> Pool:
    """Return the pool of its kept form; raises `Malformed` when it is none of this person or of this version."""
    try:
        payload = json.loads(vault.open(person, FIELD, box))
        if payload["version"] != VERSION:
            raise Malformed(f"a pool of version {payload['version']} cannot be read")
        candidates = tuple(_candidate(row) for row in payload["candidates"])
        return Pool(payload["built_us"], _tuples(payload["basis"]), candidates)
    except (ValueError, KeyError, TypeError) as error:
        raise Malformed(f"a candidate pool is damaged: {type(error).__name__}") from error


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _row(candidate: Candidate) -> list[Any]:
    conditions = [[each.feature, each.low, each.high] for each in candidate.conditions]
    return [
        candidate.id,
        candidate.template,
        candidate.text,
        candidate.kind,
        candidate.topic,
        candidate.effort_min,
        candidate.cluster,
        candidate.source,
        to_us(candidate.expires_at),
        conditions,
        candidate.subject,
        candidate.due_us,
        candidate.priority,
        candidate.from_min,
        candidate.until_min,
        to_us(candidate.opens_at) if candidate.opens_at else None,
    ]


def _candidate(row: list[Any]) -> Candidate:
    name, template, text, kind, topic, effort, cluster, source, expires, conditions, *rest = row
    subject, due_us, priority, from_min, until_min, opens = rest
    return Candidate(
        id=CandidateId(name),
        template=template,
        text=text,
        kind=TipKind(kind),
        topic=Topic(topic),
        effort_min=effort,
        cluster=ClusterId(cluster),
        source=source,
        expires_at=from_us(expires),
        conditions=tuple(Condition(*each) for each in conditions),
        subject=SubjectKey(subject) if subject else None,
        due_us=due_us,
        priority=priority,
        from_min=from_min,
        until_min=until_min,
        opens_at=from_us(opens) if opens is not None else None,
    )


class PoolCache:
    """The newest opened pools of this process, least recently used out first; safe between threads."""

    def __init__(self, vault: Sealer, size: int = CACHED_POOLS) -> None:
        self._vault = vault
        self._kept: LRUCache[tuple[PersonId, int], PreparedPool] = LRUCache(size)
        self._lock = Lock()

    def get(self, person: PersonId, built_us: int) -> PreparedPool | None:
        """Return the pool of (person, built_us), if it is open."""
        with self._lock:
            return self._kept.get((person, built_us))

    def open(self, person: PersonId, box: bytes) -> PreparedPool:
        """Open a pool and keep it; raises `Malformed` for a box that does not open."""
        prepared = prepare(open_pool(self._vault, person, box))
        self.put(person, prepared)
        return prepared

    def put(self, person: PersonId, prepared: PreparedPool) -> None:
        """Keep a pool that is already open and ready for the rules."""
        with self._lock:
            self._kept[(person, prepared.pool.built_us)] = prepared

    def remembered(self) -> set[PersonId]:
        """Return whose pools are open here."""
        with self._lock:
            return {person for person, _ in self._kept}

    def forget(self, person: PersonId) -> None:
        """Drop every opened pool of a person."""
        with self._lock:
            for key in [key for key in self._kept if key[0] == person]:
                del self._kept[key]


__all__ = ["CACHED_POOLS", "FIELD", "Basis", "PoolCache", "open_pool", "seal_pool"]
