"""Demotes a champion whose live rewards fall below its predecessor's, and rolls back on request.

Both are compare-and-set on the champion's slot, and both leave an audit line with their numbers. What was replaced is
read from the audit, so a rollback of a rollback returns to where one was. Each change of the champion, a rollback too,
records what the next champion has to keep up with: the lower bound of the replaced policy's live rewards, or, where
those are too few, the promise that the replaced policy had to keep itself.
"""

from typing import NamedTuple

import numpy as np

from data_contracts.errors import NotFound
from data_contracts.identifiers import PolicyDigest
from flows.context import FlowContext
from flows.learning.champion_swap import change_champion
from flows.learning.log_export import settled
from infra.database.audit import audit_log
from infra.database.policies import policies
from infra.database.policies.policies import Champion
from models.policies.policy import Floats
from models.promotion.demotion import Demote, judge, promise
from models.registry.policy_registry import PolicyRegistry

REFERENCE = "reference"  # in the evidence of the audit line of a change of the champion
LOOKED_AT = 100


class Returned(NamedTuple):
    """Who decides again, instead of whom, and why."""

    digest: PolicyDigest
    replaced: PolicyDigest
    revision: int
    reason: str


class Change(NamedTuple):
    """How the champion came to its slot: whom it replaced, when, and the reward that it has to keep up with."""

    replaced: PolicyDigest | None
    at_us: int
    reference: float | None


class Judged(NamedTuple):
    """What a look at the champion found: its rewards since it came, their interval, and what it has to keep up with."""

    digest: PolicyDigest | None
    rewards: int
    low: float
    high: float
    reference: float | None
    demoted: Returned | None


def rollback(context: FlowContext, registry: PolicyRegistry, *, actor: str, reason: str) -> Returned:
    """Make the policy that the champion replaced the champion again.

    Raises `NotFound` when the champion replaced nothing, `Conflict` when somebody else was faster.
    """
    with context.database.read() as session:
        before = policies.champion(session)
    change = last_change(context, before.digest)
    if before.digest is None or change is None or change.replaced is None:
        raise NotFound("there is no earlier champion to roll back to")
    after = change_champion(
        context,
        registry,
        change.replaced,
        before=before,
        actor=actor,
        override_reason=reason,
        evidence={"rollback": reason, REFERENCE: reference_after(context, before)},
    )
    return Returned(change.replaced, before.digest, after.revision, reason)


def judge_champion(context: FlowContext, registry: PolicyRegistry, *, actor: str) -> Judged:
    """Judge the champion's rewards since it came, and roll back when they are shown to be too low."""
    with context.database.read() as session:
        champion = policies.champion(session)
    change = last_change(context, champion.digest)
    if champion.digest is None or change is None:
        return Judged(champion.digest, 0, 0.0, 1.0, None, None)
    found = judge(rewards_of(context, champion.digest, change.at_us), change.reference)
    returned = None
    if isinstance(found, Demote) and change.replaced is not None:
        returned = rollback(context, registry, actor=actor, reason=f"demoted: {found.reason}")
    return Judged(champion.digest, found.count, found.low, found.high, change.reference, returned)


def reference_after(context: FlowContext, before: Champion) -> float | None:
    """Return what a policy that replaces this champion will have to keep up with; None where nothing is known."""
    if before.digest is None:
        return None
    change = last_change(context, before.digest)
    kept = promise(rewards_of(context, before.digest, change.at_us if change is not None else 0))
    return change.reference if kept is None and change is not None else kept


def rewards_of(context: FlowContext, digest: PolicyDigest, since_us: int) -> Floats:
    """Return the rewards (N,) of a policy's decisions since then, silences included, in their order."""
    rows = settled(context.database, origin=context.settings.evidence, since_us=since_us, digest=digest)
    return np.array([row.reward for row in rows if row.reward is not None], dtype=np.float64)


def last_change(context: FlowContext, digest: PolicyDigest | None) -> Change | None:
    """Return how a policy came to the slot the last time; None where the audit does not say."""
    with context.database.read() as session:
        lines = audit_log.newest(session, LOOKED_AT, action="champion_changed")
    for line in sorted(lines, key=lambda line: -int(line.detail["revision"])):
        if line.detail["digest"] == digest:
            replaced = line.detail["replaced"]
            return Change(replaced and PolicyDigest(replaced), line.at_us, line.detail["evidence"].get(REFERENCE))
    return None
