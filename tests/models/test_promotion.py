import dataclasses
import math

import pytest

from data_contracts.decisions import Origin
from data_contracts.identifiers import PolicyDigest
from models.promotion.shadow_verdict import MIN_DECISIONS, Keep, Promote, PromotionEvidence, ShadowComparison, verdict

NEW, OLD = PolicyDigest("new"), PolicyDigest("old")
COMPARED = ShadowComparison(NEW, OLD, Origin.LIVE, MIN_DECISIONS, 0.6, 0.02)


def test_the_first_champion_needs_bootstrap() -> None:
    """The first champion needs bootstrap."""
    assert isinstance(verdict(PromotionEvidence(NEW, None, None, bootstrap=True)), Promote)
    assert verdict(PromotionEvidence(NEW, None, None)) == Keep(
        "bootstrap_missing", "there is no champion yet: the very first one needs --bootstrap"
    )


def test_bootstrap_never_replaces_an_incumbent() -> None:
    """Bootstrap never replaces an incumbent."""
    kept = verdict(PromotionEvidence(NEW, OLD, COMPARED, bootstrap=True))
    assert isinstance(kept, Keep)
    assert kept.rule == "incumbent_exists"


def test_a_recorded_comparison_that_is_good_enough_promotes() -> None:
    """A recorded comparison that is good enough promotes."""
    assert isinstance(verdict(PromotionEvidence(NEW, OLD, COMPARED)), Promote)
    by_the_incumbent = dataclasses.replace(COMPARED, value_difference=-0.1)
    assert isinstance(verdict(PromotionEvidence(NEW, OLD, by_the_incumbent)), Promote)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"decisions": MIN_DECISIONS - 1}, "too_few_decisions"),
        ({"agreement": 0.01}, "too_little_agreement"),
        ({"agreement": math.nan}, "too_little_agreement"),
        ({"origin": Origin.SIMULATED}, "shadow_simulated"),
        ({"incumbent": PolicyDigest("third")}, "shadow_of_others"),
        ({"challenger": PolicyDigest("third")}, "shadow_of_others"),
    ],
)
def test_every_weakness_keeps_the_incumbent_and_is_named(change: dict[str, object], rule: str) -> None:
    """Every weakness keeps the incumbent and is named."""
    comparison = dataclasses.replace(COMPARED, **change)  # type: ignore[arg-type]  # one field at a time
    kept = verdict(PromotionEvidence(NEW, OLD, comparison))
    assert isinstance(kept, Keep)
    assert kept.rule == rule


@pytest.mark.parametrize(("challenger", "rule"), [(NEW, "shadow_missing"), (OLD, "already_champion")])
def test_without_a_comparison_the_incumbent_stays(challenger: PolicyDigest, rule: str) -> None:
    """Without a comparison the incumbent stays."""
    kept = verdict(PromotionEvidence(challenger, OLD, None))
    assert isinstance(kept, Keep)
    assert kept.rule == rule
