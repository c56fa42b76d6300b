import dataclasses
import json
import math
import sys
from typing import Any

import numpy as np
import pytest

from data_contracts.decisions import Origin
from data_contracts.errors import Malformed
from models.promotion.demotion import Demote, Stay, judge, promise
from models.promotion.gate import KEEP, PROMOTE, GateEvidence, Segment, evidence_from, gate
from models.promotion.power import detectable, rows_needed, shown_by, table

GOOD = GateEvidence(
    challenger="new",
    incumbent="old",
    shadow_challenger="new",
    shadow_incumbent="old",
    origin="live",
    rows=2_000,
    ess=800.0,
    overlap=1.0,
    largest=0.01,
    weight_z=0.4,
    calibration=1.2,
    shadow_decisions=2_000,
    agreement=0.5,
    lift=0.06,
    lift_low=0.01,
    silence_rate=0.3,
    incumbent_silence_rate=0.3,
    not_for_me_rate=0.05,
    incumbent_not_for_me_rate=0.06,
    latency_p99_ms=0.4,
    segments=(Segment("person 0", 900, 0.1),),
)


def test_good_evidence_promotes() -> None:
    """Good evidence promotes, and the verdict carries the lower bound."""
    found = gate(GOOD)
    assert (found.verdict, found.failing, found.value) == (PROMOTE, None, 0.01)


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("origin", "simulated", "simulated"),
        ("shadow_incumbent", "other", "shadow_of_others"),
        ("rows", 199, "too_few_rows"),
        ("ess", 99.0, "too_small_ess"),
        ("overlap", 0.94, "too_little_overlap"),
        ("largest", 0.2, "heavy_weight"),
        ("weight_z", -4.1, "false_propensities"),
        ("calibration", 5.1, "false_propensities"),
        ("shadow_decisions", 49, "too_few_shadow"),
        ("agreement", 0.09, "too_little_agreement"),
        ("lift_low", 0.0, "no_better_value"),
        ("silence_rate", 0.55, "silence_rate"),
        ("not_for_me_rate", 0.1, "not_for_me_rate"),
        ("segments", (Segment("person 3", 60, -0.01),), "harmed_segment"),
        ("latency_p99_ms", 5.5, "too_slow"),
    ],
)
def test_each_rule_alone_keeps_the_incumbent_and_is_named(field: str, value: object, rule: str) -> None:
    """Each rule alone keeps the incumbent, and is named with its number; a trial is spared those that ask for proof."""
    evidence = dataclasses.replace(GOOD, **{field: value})  # type: ignore[arg-type] # one field by name
    found = gate(evidence)
    assert (found.verdict, found.failing) == (KEEP, rule)
    assert found.value != found.bound
    proof = {"too_few_rows", "too_small_ess", "too_little_overlap", "heavy_weight", "no_better_value"}
    assert gate(evidence, trial=True).failing == (None if rule in proof else rule)


def above(value: float) -> float:
    """Return the next number."""
    return math.nextafter(value, math.inf)


def below(value: float) -> float:
    """Return the number before."""
    return math.nextafter(value, -math.inf)


@pytest.mark.parametrize(
    ("passes", "fails", "rule", "bound"),
    [
        ({"origin": "live"}, {"origin": "dead"}, "simulated", 1.0),
        ({"shadow_challenger": "new"}, {"shadow_challenger": "old"}, "shadow_of_others", 1.0),
        ({"rows": 584}, {"rows": 583}, "too_few_rows", 584.0),
        ({"ess": 100.0}, {"ess": below(100.0)}, "too_small_ess", 100.0),
        ({"overlap": 0.95}, {"overlap": below(0.95)}, "too_little_overlap", 0.95),
        ({"largest": 0.1}, {"largest": above(0.1)}, "heavy_weight", 0.1),
        ({"weight_z": 4.0}, {"weight_z": above(4.0)}, "false_propensities", 4.0),
        ({"weight_z": -4.0}, {"weight_z": below(-4.0)}, "false_propensities", 4.0),
        ({"calibration": 5.0}, {"calibration": above(5.0)}, "false_propensities", 5.0),
        ({"shadow_decisions": 50}, {"shadow_decisions": 49}, "too_few_shadow", 50.0),
        ({"agreement": 0.1}, {"agreement": below(0.1)}, "too_little_agreement", 0.1),
        ({"lift_low": above(0.0)}, {"lift_low": 0.0}, "no_better_value", above(0.0)),
        (
            {"silence_rate": 0.2, "incumbent_silence_rate": 0.0},
            {"silence_rate": above(0.2), "incumbent_silence_rate": 0.0},
            "silence_rate",
            0.2,
        ),
        (
            {"silence_rate": 0.0, "incumbent_silence_rate": 0.2},
            {"silence_rate": 0.0, "incumbent_silence_rate": above(0.2)},
            "silence_rate",
            0.2,
        ),
        (
            {"not_for_me_rate": 0.03, "incumbent_not_for_me_rate": 0.0},
            {"not_for_me_rate": above(0.03), "incumbent_not_for_me_rate": 0.0},
            "not_for_me_rate",
            0.03,
        ),
        (
            {"segments": (Segment("mornings", 50, 0.0), Segment("evenings", 49, -1.0))},
            {"segments": (Segment("mornings", 50, below(0.0)), Segment("evenings", 60, 0.2))},
            "harmed_segment",
            0.0,
        ),
        ({"latency_p99_ms": 5.0}, {"latency_p99_ms": above(5.0)}, "too_slow", 5.0),
    ],
)
def test_each_rule_passes_at_its_bound_and_fails_just_beyond(
    passes: dict[str, Any], fails: dict[str, Any], rule: str, bound: float
) -> None:
    """No bound can move, by however little, and each verdict carries the one that decided."""
    assert gate(dataclasses.replace(GOOD, **passes)).failing is None
    found = gate(dataclasses.replace(GOOD, **fails))
    assert (found.verdict, found.failing, found.bound) == ("keep", rule, bound)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, "the difference in value is at least +0.0100 on 2000 rows"),
        ({"ess": 99.0}, "not enough evidence: too small ess: 99, where at least 100 is needed"),
        ({"largest": 0.25}, "heavy weight: 0.25, where at most 0.1 is needed"),
        (
            {"segments": (Segment("person 3", 60, -0.2),)},
            "harmed segment: -0.2 of person 3, where at least 0 is needed",
        ),
    ],
)
def test_the_reason_is_one_sentence_with_the_numbers(change: dict[str, Any], reason: str) -> None:
    """It is kept with the verdict and read by people, so its words are pinned."""
    assert gate(dataclasses.replace(GOOD, **change)).reason == reason


def test_a_promotion_is_bound_by_more_than_nothing() -> None:
    """The verdict says that any number above zero would do."""
    found = gate(GOOD)
    assert (found.verdict, found.bound) == ("promote", above(0.0))


def test_no_segment_harms_nobody_and_an_unknown_one_may() -> None:
    """Without segments the rule holds; one whose bound is not a number is the worst of all."""
    assert gate(dataclasses.replace(GOOD, segments=())).verdict == PROMOTE
    unknown = (Segment("mornings", 60, -0.1), Segment("evenings", 60, math.nan))
    assert "of evenings" in gate(dataclasses.replace(GOOD, segments=unknown)).reason


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(GateEvidence) if f.type is float])
def test_what_is_not_a_number_never_promotes(field: str) -> None:
    """What is not known never promotes; only the point estimate is not asked."""
    found = gate(dataclasses.replace(GOOD, **{field: math.nan}))  # type: ignore[arg-type] # one field by name
    assert (found.verdict == KEEP) == (field != "lift")


def test_the_harmed_segment_is_named_with_its_bound() -> None:
    """Of several segments the worst one is named, and one with few rows says nothing."""
    segments = (Segment("mornings", 60, -0.01), Segment("person 3", 60, -0.2), Segment("person 4", 49, -0.9))
    found = gate(dataclasses.replace(GOOD, segments=segments))
    assert (found.failing, found.value, found.bound) == ("harmed_segment", -0.2, 0.0)
    assert "-0.2 of person 3" in found.reason


def test_in_a_sandbox_simulated_rows_count_and_live_ones_do_not() -> None:
    """The gate is told whose rows count, and refuses all others, either way."""
    simulated = dataclasses.replace(GOOD, origin="simulated")
    assert gate(simulated, counts=Origin.SIMULATED).verdict == PROMOTE
    assert gate(GOOD, counts=Origin.SIMULATED).failing == gate(simulated).failing == "simulated"


def test_evidence_survives_json() -> None:
    """Evidence survives its trip through a file, unknown numbers as null."""
    again = evidence_from(json.loads(json.dumps(dataclasses.asdict(GOOD))))
    assert again == GOOD
    unknown = evidence_from({**dataclasses.asdict(GOOD), "ess": None})
    assert math.isnan(unknown.ess)


@pytest.mark.parametrize(
    "change",
    [
        *({"shoe_size": 1}, {"rows": "many"}, {"origin": 3}, {"segments": [1]}, {"segments": None}, {"ess": True}),
        {"segments": [{"name": "mornings", "rows": None, "lift_high": 0.1}]},
        *({"lift_low": math.inf}, {"lift": 10**400}, {"overlap": 7}, {"agreement": -0.1}, {"latency_p99_ms": -3}),
    ],
)
def test_foreign_evidence_is_refused(change: dict[str, object]) -> None:
    """Foreign, mistyped, missing or impossible evidence is refused."""
    with pytest.raises(Malformed):
        evidence_from({**dataclasses.asdict(GOOD), **change})
    with pytest.raises(Malformed, match="lacks"):
        evidence_from({"challenger": "new"})


def foreign(**change: object) -> str:
    """Return why evidence with a change is refused."""
    with pytest.raises(Malformed) as refused:
        evidence_from({**dataclasses.asdict(GOOD), **change})
    return str(refused.value)


@pytest.mark.parametrize(
    "name",
    [
        *("overlap", "largest", "agreement", "silence_rate", "incumbent_silence_rate"),
        *("not_for_me_rate", "incumbent_not_for_me_rate"),
    ],
)
def test_a_share_lies_between_zero_and_one(name: str) -> None:
    """But for the rounding of a sum, which may reach a billionth further."""
    for share in (0.0, 1.0, 1.0 + 1e-9):
        assert getattr(evidence_from({**dataclasses.asdict(GOOD), name: share}), name) == share
    assert foreign(**{name: below(0.0)}) == f"evidence {name} is a share from 0 to 1"
    assert foreign(**{name: above(1.0 + 1e-9)}) == f"evidence {name} is a share from 0 to 1"


@pytest.mark.parametrize("name", ["rows", "ess", "calibration", "shadow_decisions", "latency_p99_ms"])
def test_an_amount_is_never_negative(name: str) -> None:
    """It may be zero, and as large as it likes."""
    for amount in (0, 1e300):
        assert getattr(evidence_from({**dataclasses.asdict(GOOD), name: amount}), name) == amount
    assert foreign(**{name: below(0.0)}) == f"evidence {name} is at least 0"
    assert foreign(**{name: math.inf}) == f"evidence {name} is at least 0"


@pytest.mark.parametrize("name", ["weight_z", "lift", "lift_low"])
def test_other_numbers_are_finite(name: str) -> None:
    """Every finite number is taken as it is, whatever its sign."""
    for number in (-sys.float_info.max, sys.float_info.max):
        assert getattr(evidence_from({**dataclasses.asdict(GOOD), name: number}), name) == number
    assert foreign(**{name: math.inf}) == foreign(**{name: -math.inf}) == f"evidence {name} is finite"


def test_segments_are_read_whole() -> None:
    """Rows are counted, a bound may be unknown, and evidence without segments has none."""
    segment = {"name": 3, "rows": 60, "lift_high": None}
    (read,) = evidence_from({**dataclasses.asdict(GOOD), "segments": [segment]}).segments
    assert (read.name, read.rows, math.isnan(read.lift_high)) == ("3", 60, True)
    assert foreign(segments=[{**segment, "rows": -1}]) == "evidence rows is at least 0"
    assert foreign(segments=[{**segment, "lift_high": math.inf}]) == "evidence lift_high is finite"
    assert "has name, rows and lift_high" in foreign(segments=[{"name": 3, "rows": 60}])
    assert evidence_from({k: v for k, v in dataclasses.asdict(GOOD).items() if k != "segments"}).segments == ()


def test_evidence_that_is_no_object_is_refused() -> None:
    """A list has no fields."""
    with pytest.raises(Malformed, match="JSON object"):
        evidence_from([1])


def test_too_little_data_is_not_enough_evidence() -> None:
    """Below what the power table asks for its largest difference the gate says that the evidence is not enough."""
    least = rows_needed(0.2)
    few = gate(dataclasses.replace(GOOD, rows=least - 1))
    assert (few.failing, few.bound) == ("too_few_rows", least)
    assert few.reason.startswith("not enough evidence")
    assert gate(dataclasses.replace(GOOD, rows=least)).verdict == PROMOTE
    assert not gate(dataclasses.replace(GOOD, lift_low=-0.1)).reason.startswith("not enough")


def test_rows_show_the_differences_that_the_table_says() -> None:
    """So many rows show a difference of the table and none below it; an interval of that many rows agrees."""
    assert shown_by(rows_needed(0.2) - 1) is None
    assert [shown_by(rows_needed(each)) for each in (0.2, 0.1, 0.05)] == [0.2, 0.1, 0.05]
    deviation = math.sqrt(2.0 / rows_needed(0.1, 2.0))
    reach = 2.575829 * deviation
    assert detectable(-reach, reach) == pytest.approx(0.1, rel=1e-3)


def test_smaller_differences_and_fewer_people_need_more_days() -> None:
    """A quarter of the difference needs sixteen times the rows; a hundred people a hundredth of the days."""
    assert rows_needed(0.05) == pytest.approx(16 * rows_needed(0.2), rel=0.02)
    days = {(need.people, need.difference): need.days for need in table()}
    assert days[1, 0.05] > days[5, 0.05] > days[100, 0.05]
    assert days[1, 0.05] > days[1, 0.1] > days[1, 0.2]


def test_a_champion_that_keeps_its_promise_stays() -> None:
    """A champion as good as what it replaced is demoted in at most one of twenty lives, however often it is judged."""
    demoted = 0
    for seed in range(30):
        rewards = (np.random.default_rng(seed).random(620) < 0.4).astype(float)
        demoted += any(isinstance(judge(rewards[:n], 0.4), Demote) for n in (100, 340, 620))
    assert demoted <= 3


def test_a_champion_in_a_world_that_turned_is_demoted() -> None:
    """When rewards fall from 0.5 to 0.2 the champion goes, and the reason has the numbers; a few say nothing."""
    rewards = (np.random.default_rng(1).random(400) < 0.2).astype(float)
    found = judge(rewards, 0.5)
    assert isinstance(found, Demote)
    assert "0.500" in found.reason
    assert isinstance(judge(rewards[:10], 0.5), Stay)
    good = (np.random.default_rng(2).random(2_100) < 0.6).astype(float)
    late = judge(np.concatenate((good, rewards)), 0.5)
    assert isinstance(late, Demote)
    assert late.count <= 700  # what came before the turn does not hide it
    assert isinstance(judge(rewards, None), Stay)


def test_a_promise_is_a_lower_bound_of_the_newest_rewards() -> None:
    """It lies below their mean, forgets what is long ago, and is none where little is known."""
    rewards = np.concatenate((np.zeros(500), np.full(1_000, 0.5)))
    bound = promise(rewards)
    assert bound is not None
    assert 0.4 < bound < 0.5
    assert promise(rewards[:10]) is None
