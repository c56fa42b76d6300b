"""Promotes a challenger: gathers evidence, asks the pure verdict, swaps in the database, then sets the alias."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from data_contracts.decisions import Origin
from data_contracts.errors import NotFound, PromotionRefused
from data_contracts.identifiers import PolicyDigest, to_us
from data_contracts.promotion import PromotionRule
from flows.context import FlowContext
from flows.learning.champion_swap import change_champion, reconcile, retire_old_challengers
from flows.learning.gate_evidence import Trained, evidence_of
from flows.learning.rollback import REFERENCE, reference_after
from infra.database.audit import audit_log
from infra.database.policies import policies, shadow
from infra.database.policies.policies import Champion
from models.policies import artifact
from models.promotion.gate import KEEP, GateEvidence, PromotionRequest, ShadowComparison, Verdict, admitted, gate
from models.registry.policy_registry import PolicyRegistry
from serving.policy_cache.by_digest import PolicyCache
from serving.recommend.shadow import Shadow

ASKED = "gate_asked"
MORE = 1.5  # evidence has grown by half before a difference that was not shown is looked at again
LOOKS = 200


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
    context: FlowContext,
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
    with context.database.read() as session:
        before = policies.champion(session)
    wanted = digest or _newest(context)
    comparison = seen_in_shadow(context, wanted, before)
    opinion = admitted(PromotionRequest(wanted, before.digest, comparison, bootstrap), counts=_counts(context))
    if opinion.failing is None and comparison is not None:
        opinion = _gated(context, registry, comparison, actor)
    refuse(opinion, override)
    overridden = None if opinion.failing is None else override
    after = change_champion(
        context,
        registry,
        wanted,
        before=before,
        actor=actor,
        override_reason=overridden,
        evidence={
            "verdict": opinion.verdict.capitalize(),  # as it was always stored
            "reason": opinion.reason,
            "bootstrap": bootstrap,
            REFERENCE: reference_after(context, before),
        },
    )
    return Promoted(wanted, before.digest, after.revision, overridden or opinion.reason)


def refuse(opinion: Verdict, override: str | None) -> None:
    """Raise `PromotionRefused` for a failing rule without an `override`, and for the champion itself in any case."""
    if opinion.failing is None or (override is not None and opinion.failing != PromotionRule.ALREADY_CHAMPION):
        return
    raise PromotionRefused(opinion.failing, opinion.reason, opinion.value, opinion.bound)


def consider(context: FlowContext, registry: PolicyRegistry) -> Considered:
    """Let challengers see new decisions, record how the newest compares, and promote it when the verdict allows."""
    reconcile(context, registry)
    retire_old_challengers(context)
    views, compared = compare(context)
    try:
        promote(context, registry, actor="flow:promote_policy")
    except NotFound:
        return Considered(views, compared, 0, "no_challenger")
    except PromotionRefused as refused:
        return Considered(views, compared, 0, refused.rule)
    return Considered(views, compared, 1, "")


def compare(context: FlowContext) -> tuple[int, int]:
    """Let every challenger see what it has not seen, and return how many views and new comparisons there are."""
    challengers = Shadow(context.database, PolicyCache(context.settings.policies, context.seal.holds), _counts(context))
    views = 0
    while seen := challengers.catch_up():
        views += seen
    with context.database.read() as session:
        champion = policies.champion(session).digest
        waiting = [PolicyDigest(row.digest) for row in policies.list_all(session, "shadow")]
    if champion is None:
        return views, 0
    return views, sum(_record(context, challengers, challenger, champion) for challenger in waiting)


def gathered(context: FlowContext, registry: PolicyRegistry, comparison: ShadowComparison) -> GateEvidence:
    """Return what the gate looks at; raises `ArtifactRefused` for a challenger that does not verify."""
    folder = registry.fetch(comparison.challenger)
    challenger = artifact.load(folder, verify=context.seal.holds, digest=comparison.challenger).policy
    with context.database.read() as session:
        facts = policies.get(session, comparison.challenger)
    trained = Trained(facts.manifest.get("trained_until_us"), facts.created_us)
    return evidence_of(context.database, challenger, comparison, trained)


def _counts(context: FlowContext) -> Origin:
    return context.settings.evidence


def _gated(context: FlowContext, registry: PolicyRegistry, comparison: ShadowComparison, actor: str) -> Verdict:
    """Ask the statistical gate about a challenger that passed in shadow, and keep what it was asked and answered."""
    evidence = gathered(context, registry, comparison)
    with context.database.read() as session:
        before = _last_look(audit_log.newest(session, LOOKS, action=ASKED), comparison)
    answer = gate(evidence, counts=_counts(context))
    if (
        answer.failing in (None, PromotionRule.NO_BETTER_VALUE)
        and before is not None
        and evidence.rows < MORE * before["rows"]
    ):
        told = f"{before['reason']}; looked at with {before['rows']} rows, again from {MORE * before['rows']:.0f} on"
        return Verdict(KEEP, PromotionRule.NO_BETTER_VALUE, before["value"], before["bound"], told)
    _keep_look(context, evidence, answer, actor)
    return answer


def _last_look(lines: list[Any], comparison: ShadowComparison) -> Mapping[str, Any] | None:
    """Return the newest answer about these two in which the difference in value itself was not shown."""
    pair = (comparison.challenger, comparison.incumbent)
    for line in lines:
        asked: Mapping[str, Any] = line.detail
        if (asked["challenger"], asked["incumbent"]) == pair and asked["failing"] == PromotionRule.NO_BETTER_VALUE:
            return asked
    return None


def _keep_look(context: FlowContext, evidence: GateEvidence, answer: Verdict, actor: str) -> None:
    numbers = {name: value for name, value in asdict(evidence).items() if name != "segments"}
    plain = {name: None if value != value else value for name, value in (numbers | asdict(answer)).items()}  # noqa: PLR0124 - NaN
    with context.database.unit_of_work() as uow:
        audit_log.append(uow, at_us=to_us(context.clock()), actor=actor, action=ASKED, detail=plain)
        uow.commit()


def _newest(context: FlowContext) -> PolicyDigest:
    with context.database.read() as session:
        waiting = policies.list_all(session, "shadow")
    if not waiting:
        raise NotFound("there is no policy in shadow; train one first")
    return PolicyDigest(waiting[0].digest)


def seen_in_shadow(context: FlowContext, digest: PolicyDigest, before: Champion) -> ShadowComparison | None:
    """Return the newest comparison of a challenger with this champion; None where there is none."""
    if before.digest is None:
        return None
    with context.database.read() as session:
        row = shadow.comparison(session, digest, before.digest)
    if row is None:
        return None
    return ShadowComparison(
        challenger=PolicyDigest(row.challenger),
        incumbent=PolicyDigest(row.incumbent),
        origin=_counts(context),
        decisions=row.decisions,
        agreement=row.agreement,
        value_difference=row.value_difference,
    )


def _record(context: FlowContext, challengers: Shadow, challenger: PolicyDigest, incumbent: PolicyDigest) -> bool:
    """Keep the totals as evidence, unless they are those that were kept last."""
    totals = challengers.compare(challenger, incumbent)
    with context.database.read() as session:
        last = shadow.comparison(session, challenger, incumbent)
    if totals.decisions == 0 or (last is not None and last.decisions == totals.decisions):
        return False
    name = f"{challenger[:16]}-{incumbent[:16]}-{totals.decisions}"
    challengers.record_comparison(totals, comparison_id=name, at_us=to_us(context.clock()))
    return True
