"""The way back: a champion that breaks its promise is demoted by itself, and anybody can roll back by one command.

Both are compare-and-set on the champion's slot, and both leave an audit line with their numbers. What was replaced is
read from the audit, so a rollback of a rollback returns to where one was.
"""

from typing import NamedTuple

import numpy as np

from data_contracts.decisions import Origin
from data_contracts.errors import Conflict, NotFound
from data_contracts.identifiers import PolicyDigest, to_us
from flows.log_exporting import settled
from flows.parts import FlowParts
from infra.database import audit, policies
from infra.database.engine import Database
from models.demotion import Demote, judge
from models.registry import PolicyRegistry

REFERENCE = "replaced_mean_reward"  # in the evidence of the audit line of a promotion
LOOKED_AT = 100


class Returned(NamedTuple):
    """Who decides again, instead of whom, and why."""

    digest: PolicyDigest
    replaced: PolicyDigest
    revision: int
    reason: str


class _Change(NamedTuple):
    replaced: PolicyDigest
    at_us: int
    reference: float | None


def mean_reward(database: Database, digest: PolicyDigest) -> float | None:
    """Return the mean reward of a policy's live decisions, silences included; None without any."""
    rewards = _rewards(database, digest, 0)
    return float(rewards.mean()) if rewards.size else None


def rollback(parts: FlowParts, registry: PolicyRegistry, *, actor: str, reason: str) -> Returned:
    """Make the policy that the champion replaced the champion again.

    Raises `NotFound` when the champion replaced nothing, `Conflict` when somebody else was faster.
    """
    with parts.database.read() as session:
        before = policies.champion(session)
    change = _last_change(parts, before.digest)
    if before.digest is None or change is None:
        raise NotFound("the champion replaced nothing that one could go back to")
    registry.fetch(change.replaced)
    with parts.database.unit_of_work() as uow:
        swap = policies.swap_champion(
            uow,
            digest=change.replaced,
            expected_revision=before.revision,
            at_us=to_us(parts.clock()),
            actor=actor,
            override_reason=reason,
            evidence={"rollback": reason},
        )
        uow.commit()
    if not swap.won:
        raise Conflict("somebody else changed the champion meanwhile; look at it first")
    registry.set_alias("champion", change.replaced)
    return Returned(change.replaced, before.digest, swap.champion.revision, reason)


def demote_if_worse(parts: FlowParts, registry: PolicyRegistry, *, actor: str) -> Returned | None:
    """Judge the champion's live rewards since its promotion, and roll back when they are shown to be too low."""
    with parts.database.read() as session:
        champion = policies.champion(session)
    change = _last_change(parts, champion.digest)
    if champion.digest is None or change is None or change.reference is None:
        return None
    found = judge(_rewards(parts.database, champion.digest, change.at_us), change.reference)
    if not isinstance(found, Demote):
        return None
    return rollback(parts, registry, actor=actor, reason=f"demoted: {found.reason}")


def _rewards(database: Database, digest: PolicyDigest, since_us: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    rows = settled(database, origin=Origin.LIVE, since_us=since_us)
    rewards = [row.reward for row in rows if row.decision.policy_digest == digest and row.reward is not None]
    return np.array(rewards, dtype=np.float64)


def _last_change(parts: FlowParts, digest: PolicyDigest | None) -> _Change | None:
    """Return what the newest promotion of a champion replaced; None for the first champion."""
    with parts.database.read() as session:
        lines = audit.newest(session, LOOKED_AT, action="champion_changed")
    for line in sorted(lines, key=lambda line: -int(line.detail["revision"])):
        if line.detail["digest"] == digest:
            replaced = line.detail["replaced"]
            reference = line.detail["evidence"].get(REFERENCE)
            return None if replaced is None else _Change(PolicyDigest(replaced), line.at_us, reference)
    return None
