"""Who decides: evidence is gathered, a pure verdict is asked, the database swaps, and the registry's alias follows."""

from typing import NamedTuple

from data_contracts.decisions import Origin
from data_contracts.errors import Conflict, NotFound, PromotionRefused
from data_contracts.identifiers import PolicyDigest, to_us
from flows.demoting import REFERENCE, mean_reward
from flows.gate_evidence import evidence_of
from flows.parts import FlowParts
from infra.database import policies, shadow
from infra.database.policies import Champion
from models import artifact
from models.gate import gate
from models.promotion import Keep, Promote, PromotionEvidence, ShadowComparison, verdict
from models.registry import PolicyRegistry
from serving.shadow import Shadow
from serving.shelf import PolicyShelf

ALREADY = "already_champion"  # the one verdict that no override can change


class Promoted(NamedTuple):
    """A new champion, and why."""

    digest: PolicyDigest
    replaced: PolicyDigest | None
    revision: int
    reason: str


class Considered(NamedTuple):
    """What a look at the challengers did; `rule` says why the champion stayed, and is empty when it did not."""

    views: int
    compared: int
    promoted: int
    rule: str


def promote(
    parts: FlowParts,
    registry: PolicyRegistry,
    digest: PolicyDigest | None = None,
    *,
    actor: str,
    bootstrap: bool = False,
    override: str | None = None,
) -> Promoted:
    """Make a policy, by default the newest in shadow, the champion.

    Raises `PromotionRefused` when the verdict is against it and there is no `override` (which is audited and shown),
    `NotFound` when there is nothing to promote, `Conflict` when somebody else promoted meanwhile.
    """
    with parts.database.read() as session:
        before = policies.champion(session)
    wanted = digest or _newest(parts)
    evidence = PromotionEvidence(wanted, before.digest, _evidence(parts, wanted, before), bootstrap)
    opinion = verdict(evidence)
    if isinstance(opinion, Promote) and evidence.comparison is not None:
        opinion = _gated(parts, registry, evidence.comparison)
    if isinstance(opinion, Keep) and (override is None or opinion.rule == ALREADY):
        raise PromotionRefused(f"{opinion.rule}: {opinion.reason}")
    overridden = override if isinstance(opinion, Keep) else None
    registry.fetch(wanted)  # the champion's artifact must lie where serving reads it, verified
    with parts.database.unit_of_work() as uow:
        swap = policies.swap_champion(
            uow,
            digest=wanted,
            expected_revision=before.revision,
            at_us=to_us(parts.clock()),
            actor=actor,
            override_reason=overridden,
            evidence={
                "verdict": type(opinion).__name__,
                "reason": opinion.reason,
                "bootstrap": bootstrap,
                REFERENCE: None if before.digest is None else mean_reward(parts.database, before.digest),
            },
        )
        uow.commit()
    if not swap.won:
        raise Conflict("another promotion was faster; look at the new champion first")
    registry.set_alias("champion", wanted)
    return Promoted(wanted, before.digest, swap.champion.revision, overridden or opinion.reason)


def consider(parts: FlowParts, registry: PolicyRegistry) -> Considered:
    """Let challengers see new decisions, record how the newest compares, and promote it when the verdict allows."""
    challengers = Shadow(parts.database, PolicyShelf(parts.settings.policies, parts.seal.holds))
    views = 0
    while seen := challengers.catch_up():
        views += seen
    mirror_alias(parts, registry)
    with parts.database.read() as session:
        champion = policies.champion(session)
    try:
        challenger = _newest(parts)
    except NotFound:
        return Considered(views, 0, 0, "no_challenger")
    compared = champion.digest is not None and _record(parts, challengers, challenger, champion.digest)
    try:
        promote(parts, registry, challenger, actor="flow:promote_policy")
    except PromotionRefused as refused:
        return Considered(views, int(compared), 0, str(refused).partition(":")[0])
    return Considered(views, int(compared), 1, "")


def mirror_alias(parts: FlowParts, registry: PolicyRegistry) -> None:
    """Repair the registry's alias: the database decides, a crash between the two must not last."""
    with parts.database.read() as session:
        digest = policies.champion(session).digest
    if digest is not None and not any(
        "champion" in version.aliases for version in registry.versions() if version.digest == digest
    ):
        registry.set_alias("champion", digest)


def _gated(parts: FlowParts, registry: PolicyRegistry, comparison: ShadowComparison) -> Promote | Keep:
    """Ask the statistical gate about a challenger that passed in shadow."""
    folder = registry.fetch(comparison.challenger)
    challenger = artifact.load(folder, verify=parts.seal.holds, digest=comparison.challenger).policy
    answer = gate(evidence_of(parts.database, challenger, comparison))
    return Promote(answer.reason) if answer.failing is None else Keep(answer.failing, answer.reason)


def _newest(parts: FlowParts) -> PolicyDigest:
    with parts.database.read() as session:
        waiting = policies.list_all(session, "shadow")
    if not waiting:
        raise NotFound("there is no policy in shadow; train one first")
    return PolicyDigest(waiting[0].digest)


def _evidence(parts: FlowParts, digest: PolicyDigest, before: Champion) -> ShadowComparison | None:
    if before.digest is None:
        return None
    with parts.database.read() as session:
        row = shadow.comparison(session, digest, before.digest)
    if row is None:
        return None
    return ShadowComparison(
        challenger=PolicyDigest(row.challenger),
        incumbent=PolicyDigest(row.incumbent),
        origin=Origin.LIVE,
        decisions=row.decisions,
        agreement=row.agreement,
        value_difference=row.value_difference,
    )


def _record(parts: FlowParts, challengers: Shadow, challenger: PolicyDigest, incumbent: PolicyDigest) -> bool:
    """Keep the totals as evidence, unless they are those that were kept last."""
    totals = challengers.compare(challenger, incumbent)
    with parts.database.read() as session:
        last = shadow.comparison(session, challenger, incumbent)
    if totals.decisions == 0 or (last is not None and last.decisions == totals.decisions):
        return False
    name = f"{challenger[:16]}-{incumbent[:16]}-{totals.decisions}"
    challengers.record_comparison(totals, comparison_id=name, at_us=to_us(parts.clock()))
    return True
