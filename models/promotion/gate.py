"""The gate: may a challenger reach people? A pure function of recorded numbers, the first rule that fails is named.

    rule                 passes when
    simulated            every row is live (in a rehearsal, where nobody is real: every row is simulated)
    shadow_of_others     the shadow run compared these very two
    too_few_rows         rewarded decisions >= 584, what the power table asks for +0.2
    too_small_ess        effective sample size >= 100
    too_little_overlap   share of the challenger's probability on actions that the log could have taken >= 0.95
    heavy_weight         no single row carries more than 0.1 of all weight
    false_propensities   mean weight within 4 standard errors of 1, logged probabilities within 5 sigmas of the draws
    too_few_shadow       live decisions seen in shadow >= 50
    too_little_agreement mean probability that both would have done the same >= 0.1
    no_better_value      lower bound of the difference in value (99 %, two-sided) > 0
    silence_rate         silence changes by at most 0.2
    not_for_me_rate      not-for-me rises by at most 0.03
    harmed_segment       no segment of at least 50 rows (person, part of the day, weekend) is worse with confidence
    too_slow             a choice takes at most 5 ms of processor time at the 99th percentile

With too few rows or too small an effective sample size the reason is "not enough evidence": the person's own part goes
on adapting, and promotion is by hand. Whatever is missing or not a number fails its rule. On live evidence this is the
only way to the champion's slot but an override, which is audited and shown.

A trial on a share of person-days has to pass the same rules but those of `PROOF`: whether it is better is what the
trial is for, that it does no harm is not.

Limits: the lower bound holds for one look at the evidence; a challenger that is asked about every day gets more than
one chance, so the flow looks at a difference that was not shown again only when the evidence has grown by half.
"""

import dataclasses
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from data_contracts.decisions import Origin
from data_contracts.errors import Malformed
from models.promotion.power import DIFFERENCES, rows_needed
from models.promotion.shadow_verdict import MIN_AGREEMENT, MIN_DECISIONS

MIN_ROWS = rows_needed(max(DIFFERENCES))
MIN_ESS = 100.0
MIN_OVERLAP = 0.95
MAX_SHARE = 0.1
MAX_WEIGHT_Z = 4.0
MAX_CALIBRATION = 5.0
MAX_SILENCE_CHANGE = 0.2
MAX_NOT_FOR_ME_RISE = 0.03
SEGMENT_ROWS = 50
MAX_LATENCY_MS = 5.0
ROUNDING = 1e-9  # of a share that was summed up
SHARES = frozenset(
    (
        *("overlap", "largest", "agreement", "silence_rate", "incumbent_silence_rate"),
        *("not_for_me_rate", "incumbent_not_for_me_rate"),
    )
)
AMOUNTS = frozenset(("rows", "ess", "calibration", "shadow_decisions", "latency_p99_ms"))
PROMOTE, KEEP = "promote", "keep"
TOO_LITTLE = ("too_few_rows", "too_small_ess")
PROOF = frozenset((*TOO_LITTLE, "too_little_overlap", "heavy_weight", "no_better_value"))


@dataclass(frozen=True, slots=True)
class Segment:
    """Some of the people or moments: their rows, and the upper bound of the difference in value."""

    name: str
    rows: int
    lift_high: float


@dataclass(frozen=True, slots=True)
class GateEvidence:
    """Every number that the gate may look at; rates are shares of decisions."""

    challenger: str
    incumbent: str
    shadow_challenger: str
    shadow_incumbent: str
    origin: str
    rows: int
    ess: float
    overlap: float
    largest: float
    weight_z: float
    calibration: float
    shadow_decisions: int
    agreement: float
    lift: float
    lift_low: float
    silence_rate: float
    incumbent_silence_rate: float
    not_for_me_rate: float
    incumbent_not_for_me_rate: float
    latency_p99_ms: float
    segments: tuple[Segment, ...] = ()


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """`failing` is None on promotion; `value` and `bound` are the numbers that decided."""

    verdict: str
    failing: str | None
    value: float
    bound: float
    reason: str


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str
    value: float
    bound: float
    least: bool  # whether the value must be at least the bound, or at most
    whose: str = ""

    @property
    def holds(self) -> bool:
        """Whether the value is on the right side; NaN never is."""
        return self.value >= self.bound if self.least else self.value <= self.bound


def gate(evidence: GateEvidence, *, counts: Origin = Origin.LIVE, trial: bool = False) -> GateVerdict:
    """Return the verdict, with the first rule that fails; `counts` says whose rows are evidence."""
    for rule in _rules(evidence, counts):
        if not rule.holds and not (trial and rule.name in PROOF):
            word = "at least" if rule.least else "at most"
            of = f" of {rule.whose}" if rule.whose else ""
            reason = f"{rule.name.replace('_', ' ')}: {rule.value:.4g}{of}, where {word} {rule.bound:.4g} is needed"
            if rule.name in TOO_LITTLE:
                reason = f"not enough evidence: {reason}"
            return GateVerdict(KEEP, rule.name, rule.value, rule.bound, reason)
    bound = math.nextafter(0.0, 1.0)
    reason = f"the difference in value is at least {evidence.lift_low:+.4f} on {evidence.rows} rows"
    return GateVerdict(PROMOTE, None, evidence.lift_low, bound, reason)


def _rules(e: GateEvidence, counts: Origin) -> list[_Rule]:
    same = (e.shadow_challenger, e.shadow_incumbent) == (e.challenger, e.incumbent)
    judged = [segment for segment in e.segments if segment.rows >= SEGMENT_ROWS]
    worst = min(judged, key=lambda segment: _or_worst(segment.lift_high), default=Segment("nobody", 0, math.inf))
    return [
        _Rule("simulated", float(e.origin == counts.value), 1.0, least=True),
        _Rule("shadow_of_others", float(same), 1.0, least=True),
        _Rule("too_few_rows", e.rows, MIN_ROWS, least=True),
        _Rule("too_small_ess", e.ess, MIN_ESS, least=True),
        _Rule("too_little_overlap", e.overlap, MIN_OVERLAP, least=True),
        _Rule("heavy_weight", e.largest, MAX_SHARE, least=False),
        _Rule("false_propensities", abs(e.weight_z), MAX_WEIGHT_Z, least=False),
        _Rule("false_propensities", e.calibration, MAX_CALIBRATION, least=False),
        _Rule("too_few_shadow", e.shadow_decisions, MIN_DECISIONS, least=True),
        _Rule("too_little_agreement", e.agreement, MIN_AGREEMENT, least=True),
        _Rule("no_better_value", e.lift_low, math.nextafter(0.0, 1.0), least=True),
        _Rule("silence_rate", abs(e.silence_rate - e.incumbent_silence_rate), MAX_SILENCE_CHANGE, least=False),
        _Rule("not_for_me_rate", e.not_for_me_rate - e.incumbent_not_for_me_rate, MAX_NOT_FOR_ME_RISE, least=False),
        _Rule("harmed_segment", worst.lift_high, 0.0, least=True, whose=worst.name),
        _Rule("too_slow", e.latency_p99_ms, MAX_LATENCY_MS, least=False),
    ]


def _or_worst(value: float) -> float:
    return -math.inf if math.isnan(value) else value


def evidence_from(data: Any) -> GateEvidence:
    """Return the evidence of its JSON form; raises `Malformed` naming what is missing, foreign or cannot be."""
    if not isinstance(data, Mapping):
        raise Malformed("evidence is a JSON object")
    fields = {field.name: field.type for field in dataclasses.fields(GateEvidence)}
    foreign, missing = sorted(set(data) - set(fields)), sorted(set(fields) - set(data) - {"segments"})
    if foreign or missing:
        raise Malformed(f"evidence has foreign keys {foreign} and lacks {missing}")
    values: dict[str, Any] = {}
    for name, kind in fields.items():
        if name == "segments":
            values[name] = _segments(data.get(name, ()))
        elif kind is str:
            if not isinstance(data[name], str):
                raise Malformed(f"evidence {name} is a text")
            values[name] = data[name]
        else:
            values[name] = _number(name, data[name])
    return GateEvidence(**values)


def _segments(data: Any) -> tuple[Segment, ...]:
    if not isinstance(data, list | tuple):
        raise Malformed("evidence segments are a list")
    return tuple(_segment(each) for each in data)


def _segment(data: Any) -> Segment:
    if not isinstance(data, Mapping) or set(data) != {"name", "rows", "lift_high"} or data["rows"] is None:
        raise Malformed("a segment of evidence has name, rows and lift_high")
    return Segment(str(data["name"]), int(_number("rows", data["rows"])), _number("lift_high", data["lift_high"]))


def _number(name: str, value: Any) -> float:
    if value is None:
        return math.nan  # JSON has no NaN; what is not known fails its rule
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Malformed(f"evidence {name} is a number or null")
    low = 0.0 if name in SHARES | AMOUNTS else -sys.float_info.max
    high = 1.0 + ROUNDING if name in SHARES else sys.float_info.max
    if value < low or value > high:  # NaN, which some writers of JSON know, is neither and fails its rule
        kind = "a share from 0 to 1" if name in SHARES else "at least 0" if name in AMOUNTS else "finite"
        raise Malformed(f"evidence {name} is {kind}")
    return value
