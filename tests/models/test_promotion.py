import dataclasses
import math
from typing import Any

import pytest

from data_contracts.decisions import Origin
from data_contracts.identifiers import PolicyDigest
from data_contracts.promotion import FORMER_NAMES, PromotionRule, Stage
from data_contracts.promotion import RULES as TEXTS
from models.promotion.gate import (
    KEEP,
    MIN_DECISIONS,
    PROMOTE,
    RULES,
    GateEvidence,
    PromotionRequest,
    ShadowComparison,
    Verdict,
    admitted,
    gate,
    shadow_evidence,
)
from models.promotion.rules_page import PAGE, render

NEW, OLD = PolicyDigest("new"), PolicyDigest("old")
COMPARED = ShadowComparison(NEW, OLD, Origin.LIVE, MIN_DECISIONS, 0.6, 0.02)


def test_the_first_champion_needs_bootstrap() -> None:
    """The first champion needs bootstrap."""
    assert admitted(PromotionRequest(NEW, None, None, bootstrap=True)).verdict == PROMOTE
    assert admitted(PromotionRequest(NEW, None, None)) == Verdict(
        KEEP,
        PromotionRule.BOOTSTRAP_MISSING,
        None,
        None,
        "there is no champion yet: the very first one needs --bootstrap",
    )


def test_bootstrap_never_replaces_an_incumbent() -> None:
    """Bootstrap never replaces an incumbent."""
    kept = admitted(PromotionRequest(NEW, OLD, COMPARED, bootstrap=True))
    assert (kept.verdict, kept.failing) == (KEEP, "incumbent_exists")


def test_a_recorded_comparison_that_is_good_enough_promotes() -> None:
    """A recorded comparison that is good enough promotes."""
    assert admitted(PromotionRequest(NEW, OLD, COMPARED)).verdict == PROMOTE
    by_the_incumbent = dataclasses.replace(COMPARED, value_difference=-0.1)
    assert admitted(PromotionRequest(NEW, OLD, by_the_incumbent)).verdict == PROMOTE


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"decisions": MIN_DECISIONS - 1}, "too_few_shadow"),
        ({"agreement": 0.01}, "too_little_agreement"),
        ({"agreement": math.nan}, "too_little_agreement"),
        ({"origin": Origin.SIMULATED}, "simulated"),
        ({"incumbent": PolicyDigest("third")}, "shadow_of_others"),
        ({"challenger": PolicyDigest("third")}, "shadow_of_others"),
    ],
)
def test_every_weakness_keeps_the_incumbent_and_is_named(change: dict[str, object], rule: str) -> None:
    """Every weakness keeps the incumbent and is named."""
    comparison = dataclasses.replace(COMPARED, **change)  # type: ignore[arg-type]  # one field at a time
    kept = admitted(PromotionRequest(NEW, OLD, comparison))
    assert (kept.verdict, kept.failing) == (KEEP, rule)


@pytest.mark.parametrize(("challenger", "rule"), [(NEW, "shadow_missing"), (OLD, "already_champion")])
def test_without_a_comparison_the_incumbent_stays(challenger: PolicyDigest, rule: str) -> None:
    """Without a comparison the incumbent stays."""
    kept = admitted(PromotionRequest(challenger, OLD, None))
    assert (kept.verdict, kept.failing) == (KEEP, rule)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (PromotionRequest(NEW, None, None, bootstrap=True), "the very first champion, by bootstrap"),
        (PromotionRequest(OLD, OLD, COMPARED), "this policy is the champion already"),
        (
            PromotionRequest(NEW, OLD, COMPARED, bootstrap=True),
            "--bootstrap is for the very first champion only; there is one",
        ),
        (PromotionRequest(NEW, OLD, None), "there is no recorded shadow comparison with the champion"),
        (PromotionRequest(NEW, OLD, COMPARED), "50 shadow decisions, agreement 0.60, value difference +0.020"),
        (
            PromotionRequest(NEW, OLD, dataclasses.replace(COMPARED, origin=Origin.SIMULATED)),
            "simulated: decisions of another origin are no evidence here",
        ),
        (
            PromotionRequest(NEW, OLD, dataclasses.replace(COMPARED, incumbent=PolicyDigest("third"))),
            "shadow of others: the shadow comparison is between other policies",
        ),
    ],
)
def test_each_answer_about_the_slot_has_its_sentence(request_: PromotionRequest, reason: str) -> None:
    """It is kept in the audit log, so its words are pinned."""
    assert admitted(request_).reason == reason


def test_a_shadow_run_alone_tells_nothing_of_a_log() -> None:
    """No row was seen, and what only a log could tell is not a number; the rest is as it was compared."""
    evidence = dataclasses.asdict(shadow_evidence(COMPARED))
    known = {name: value for name, value in evidence.items() if not (isinstance(value, float) and math.isnan(value))}
    assert known == {
        "challenger": NEW,
        "incumbent": OLD,
        "shadow_challenger": NEW,
        "shadow_incumbent": OLD,
        "origin": "live",
        "rows": 0,
        "ess": 0.0,
        "overlap": 0.0,
        "shadow_decisions": 50,
        "agreement": 0.6,
        "segments": (),
    }


def test_the_gate_asks_every_rule_of_the_contract_in_its_order() -> None:
    """One list: the contract's names but those of the slot, and each has its stage."""
    asked = list(dict.fromkeys(rule.name for rule in RULES))
    assert asked == [name for name, text in TEXTS.items() if text.stage is not Stage.SLOT]
    assert list(TEXTS) == list(PromotionRule)


def test_what_the_shadow_comparison_fails_the_gate_fails_by_the_same_name() -> None:
    """A rule that is asked twice is one rule: name, value, bound and reason are the same."""
    for change in ({"decisions": 3}, {"agreement": 0.01}, {"origin": Origin.SIMULATED}):
        comparison = dataclasses.replace(COMPARED, **change)
        early = admitted(PromotionRequest(NEW, OLD, comparison))
        assert early == gate(dataclasses.replace(sound(), **told(comparison)))


def test_a_name_from_before_can_still_be_read() -> None:
    """What answers and run summaries called a rule leads to its name of today, which is none of the old ones."""
    assert FORMER_NAMES["too_few_decisions"] == "too_few_shadow"
    assert FORMER_NAMES["shadow_simulated"] == "simulated"
    assert not set(FORMER_NAMES) & set(PromotionRule)


def sound() -> GateEvidence:
    """Evidence that passes every rule."""
    evidence = dataclasses.replace(shadow_evidence(COMPARED), rows=2_000, ess=800.0, overlap=1.0, largest=0.01)
    evidence = dataclasses.replace(evidence, weight_z=0.4, calibration=1.2, lift_low=0.01, latency_p99_ms=0.4)
    rates: dict[str, Any] = dict.fromkeys(
        ("silence_rate", "incumbent_silence_rate", "not_for_me_rate", "incumbent_not_for_me_rate"), 0.1
    )
    evidence = dataclasses.replace(evidence, **rates)
    assert gate(evidence).verdict == PROMOTE
    return evidence


def told(comparison: ShadowComparison) -> dict[str, Any]:
    """What evidence takes from a comparison."""
    found = shadow_evidence(comparison)
    return {name: getattr(found, name) for name in ("origin", "shadow_decisions", "agreement")}


def test_the_page_of_the_rules_is_made_of_them() -> None:
    """docs/promotion.md is what `make contracts` writes."""
    assert PAGE.read_text("utf-8") == render()
