"""Changes the champion: a verified artifact, compare-and-set with its audit entry, then the registry's alias.

A process may die between any two of these steps. What was not committed did not happen; what was committed holds, and
`reconcile`, with which every promotion and every training begins, makes the registry follow.
"""

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from data_contracts.errors import ArtifactRefused, Conflict
from data_contracts.identifiers import PolicyDigest, to_us
from flows.context import FlowContext
from infra.database.audit import audit_log
from infra.database.policies import experiments, policies
from infra.database.policies.policies import Champion
from infra.fault_injection import crash_point
from models.policies import artifact
from models.registry.policy_registry import PolicyRegistry, RegisteredVersion

KEPT_IN_SHADOW = 3  # challengers that go on to see live decisions, the newest first
logger = logging.getLogger(__name__)


class Reconciled(NamedTuple):
    """What had to be mended: policies that only the registry knew, and aliases that pointed elsewhere."""

    adopted: int
    aliases: int


def change_champion(
    context: FlowContext,
    registry: PolicyRegistry,
    digest: PolicyDigest,
    *,
    before: Champion,
    actor: str,
    override_reason: str | None,
    evidence: Mapping[str, Any],
) -> Champion:
    """Put a policy into the slot that `before` was read from.

    Raises `NotFound` and `ArtifactRefused` before anything changed, `Conflict` when somebody else was faster.
    """
    registry.fetch(digest)  # the champion's artifact must lie where serving reads it, verified
    crash_point("champion_fetched")
    with context.database.unit_of_work() as uow:
        swap = policies.swap_champion(
            uow,
            digest=digest,
            expected_revision=before.revision,
            at_us=to_us(context.clock()),
            actor=actor,
            override_reason=override_reason,
            evidence=evidence,
        )
        if swap.won:
            experiments.end(uow, at_us=to_us(context.clock()), why="the champion changed", actor=actor)
        uow.commit()
    if not swap.won:
        raise Conflict("somebody else changed the champion meanwhile; look at the new one first")
    crash_point("champion_swapped")
    registry.set_alias("champion", digest)
    return swap.champion


def reconcile(context: FlowContext, registry: PolicyRegistry) -> Reconciled:
    """Finish what a process that died had begun: the database decides, the registry mirrors it."""
    with context.database.read() as session:
        known = {row.digest: row.stage for row in policies.list_all(session)}
        waiting = [row.digest for row in policies.list_all(session, "shadow")]
        champion = policies.champion(session).digest
    versions = registry.versions()
    adopted = sum(_adopted(context, registry, version) for version in versions if version.digest not in known)
    moved = 0
    for alias, digest in (("champion", champion), ("challenger", waiting[0] if waiting else None)):
        named = [version for version in versions if alias in version.aliases]
        listed = any(version.digest == digest for version in versions)
        if digest is not None and listed and [version.digest for version in named] != [digest]:
            registry.set_alias("champion" if alias == "champion" else "challenger", digest)
            moved += 1
    return Reconciled(adopted, moved)


def retire_old_challengers(context: FlowContext) -> int:
    """Let all but the newest challengers see no more decisions; return how many left."""
    with context.database.unit_of_work() as uow:
        trial = experiments.running(uow.session, to_us(context.clock()))
        waiting = policies.list_all(uow.session, "shadow")[KEPT_IN_SHADOW:]
        leaving = [row for row in waiting if trial is None or row.digest != trial.challenger]
        for row in leaving:
            policies.set_stage(uow, PolicyDigest(row.digest), "retired")
            audit_log.append(
                uow,
                at_us=to_us(context.clock()),
                actor="flow:promote_policy",
                action="challenger_retired",
                detail={"digest": row.digest, "reason": f"{KEPT_IN_SHADOW} newer ones are in shadow"},
            )
        uow.commit()
    return len(leaving)


def _adopted(context: FlowContext, registry: PolicyRegistry, version: RegisteredVersion) -> bool:
    """Take in a verified policy that was registered by a process that died; it may only learn who it is in shadow."""
    try:
        loaded = artifact.load(registry.fetch(version.digest), verify=context.seal.holds, digest=version.digest)
    except ArtifactRefused as error:
        logger.warning("the registry's version %d is not taken in: %s", version.version, error)
        return False
    return introduce(context, loaded, version.version, trained_until_us=None, actor="reconcile")


def introduce(
    context: FlowContext, loaded: artifact.Loaded, version: int, *, trained_until_us: int | None, actor: str
) -> bool:
    """Make a policy known to the database and let it begin in shadow; return whether it is new.

    Without `trained_until_us` it is not known what it learned from, so the gate looks at later decisions alone.
    """
    digest, now_us = loaded.policy.digest, to_us(context.clock())
    facts = {name: value for name, value in loaded.manifest.items() if name not in ("golden", "signature")}
    with context.database.unit_of_work() as uow:
        new = policies.register(
            uow,
            digest=digest,
            name=loaded.policy.name,
            registry_version=str(version),
            manifest={**facts, "trained_until_us": trained_until_us},
            metrics=loaded.manifest["metrics"],
            created_us=now_us,
        )
        if new:
            policies.set_stage(uow, digest, "shadow")
            detail = {"digest": digest, "version": version, "origins": loaded.manifest["origins"]}
            audit_log.append(uow, at_us=now_us, actor=actor, action="policy_registered", detail=detail)
        uow.commit()
    return new
