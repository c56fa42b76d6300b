"""Who may become champion: a pure verdict on the shadow run; `models.promotion.gate` is asked next.

The difference in value by the incumbent's own model is recorded and no rule: whoever maximises that model, the
incumbent first of all, looks better by it than any challenger that has learned more.
"""

from dataclasses import dataclass

from data_contracts.decisions import Origin
from data_contracts.identifiers import PolicyDigest

MIN_DECISIONS = 50
MIN_AGREEMENT = 0.1  # probability that both would have done the same, averaged over decisions


@dataclass(frozen=True, slots=True)
class ShadowComparison:
    """What a challenger would have done, beside the incumbent, on the same decisions."""

    challenger: PolicyDigest
    incumbent: PolicyDigest
    origin: Origin
    decisions: int
    agreement: float
    value_difference: float


@dataclass(frozen=True, slots=True)
class PromotionEvidence:
    """Everything that the verdict may look at."""

    challenger: PolicyDigest
    incumbent: PolicyDigest | None
    comparison: ShadowComparison | None
    bootstrap: bool = False
    counts: Origin = Origin.LIVE  # whose decisions are evidence


@dataclass(frozen=True, slots=True)
class Promote:
    """The challenger may become champion."""

    reason: str


@dataclass(frozen=True, slots=True)
class Keep:
    """The incumbent stays; `rule` is the stable name of what failed."""

    rule: str
    reason: str
    value: float | None = None  # the number that failed, and what it had to reach
    bound: float | None = None


def verdict(evidence: PromotionEvidence) -> Promote | Keep:
    """Return whether the challenger may replace the incumbent, with the first rule that decides."""
    if evidence.incumbent is None:
        if evidence.bootstrap:
            return Promote("the very first champion, by bootstrap")
        return Keep("bootstrap_missing", "there is no champion yet: the very first one needs --bootstrap")
    if evidence.challenger == evidence.incumbent:
        return Keep("already_champion", "this policy is the champion already")
    if evidence.bootstrap:
        return Keep("incumbent_exists", "--bootstrap is for the very first champion only; there is one")
    return _compared(evidence, evidence.comparison)


def _compared(evidence: PromotionEvidence, comparison: ShadowComparison | None) -> Promote | Keep:
    if comparison is None:
        return Keep("shadow_missing", "there is no recorded shadow comparison with the champion")
    if (comparison.challenger, comparison.incumbent) != (evidence.challenger, evidence.incumbent):
        return Keep("shadow_of_others", "the shadow comparison is between other policies")
    if comparison.origin is not evidence.counts:
        reason = f"the shadow comparison is {comparison.origin}, and {comparison.origin} decisions are no evidence here"
        return Keep("shadow_simulated", reason)
    for rule, value, least in (
        ("too_few_decisions", comparison.decisions, MIN_DECISIONS),
        ("too_little_agreement", comparison.agreement, MIN_AGREEMENT),
    ):
        if not value >= least:  # so that NaN keeps the incumbent
            return Keep(rule, f"the shadow comparison shows {value:g} where at least {least:g} is needed", value, least)
    return Promote(
        f"{comparison.decisions} shadow decisions, agreement {comparison.agreement:.2f}, "
        f"value difference {comparison.value_difference:+.3f}"
    )
