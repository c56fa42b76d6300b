"""The gate: whether a challenger may be promoted. A pure function of evidence; the first failing rule is named.

`RULES` is the one list of rules with their numbers, in the order in which they are asked. `admitted` asks who has the
slot and those that the shadow comparison alone answers, before anybody reads a log; `gate` asks all of the list. Their
names are `data_contracts.promotion`, and `docs/promotion.md` prints them.

With too few rows or too small an effective sample size the reason is "not enough evidence": the person's own part goes
on adapting, and promotion is by hand. Whatever is missing or not a number fails its rule. On live evidence this is the
only way to the champion's slot but an override, which is audited and shown.

A trial on a share of person-days has to pass the same rules but those of `Stage.PROOF`: whether it is better is what
the trial is for, that it does no harm is not.

The difference in value by the incumbent's own model is recorded and no rule: whoever maximises that model, the
incumbent first of all, looks better by it than any challenger that has learned more.

Limits: the lower bound holds for one look at the evidence; a challenger that is asked about every day gets more than
one chance, so the flow looks at a difference that was not shown again only when the evidence has grown by half.
"""

import dataclasses
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from data_contracts.decisions import Origin
from data_contracts.errors import Malformed
from data_contracts.identifiers import PolicyDigest
from data_contracts.promotion import RULES as TEXTS
from data_contracts.promotion import PromotionRule, Stage
from models.promotion.power import DIFFERENCES, rows_needed

MIN_ROWS = rows_needed(max(DIFFERENCES))
MIN_ESS = 100.0
MIN_OVERLAP = 0.95
MAX_SHARE = 0.1
MAX_WEIGHT_Z = 4.0
MAX_CALIBRATION = 5.0
MIN_DECISIONS = 50  # seen in shadow
MIN_AGREEMENT = 0.1  # probability that both would have done the same, averaged over decisions
MAX_SILENCE_CHANGE = 0.2
MAX_NOT_FOR_ME_RISE = 0.03
SEGMENT_ROWS = 50
MAX_LATENCY_MS = 5.0
ABOVE_ZERO = math.nextafter(0.0, 1.0)
ROUNDING = 1e-9  # of a share that was summed up
SHARES = frozenset(
    (
        *("overlap", "largest", "agreement", "silence_rate", "incumbent_silence_rate"),
        *("not_for_me_rate", "incumbent_not_for_me_rate"),
    )
)
AMOUNTS = frozenset(("rows", "ess", "calibration", "shadow_decisions", "latency_p99_ms"))
PROMOTE, KEEP = "promote", "keep"
TOO_LITTLE = (PromotionRule.TOO_FEW_ROWS, PromotionRule.TOO_SMALL_ESS)
REASONS = {
    PromotionRule.BOOTSTRAP_MISSING: "there is no champion yet: the very first one needs --bootstrap",
    PromotionRule.ALREADY_CHAMPION: "this policy is the champion already",
    PromotionRule.INCUMBENT_EXISTS: "--bootstrap is for the very first champion only; there is one",
    PromotionRule.SHADOW_MISSING: "there is no recorded shadow comparison with the champion",
    PromotionRule.SIMULATED: "decisions of another origin are no evidence here",
    PromotionRule.SHADOW_OF_OTHERS: "the shadow comparison is between other policies",
}


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
class PromotionRequest:
    """The candidate, the present champion, and what the shadow run recorded of both."""

    challenger: PolicyDigest
    incumbent: PolicyDigest | None
    comparison: ShadowComparison | None
    bootstrap: bool = False


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
class Verdict:
    """May the challenger have the slot? `failing` is None on promotion, `value` and `bound` are what decided, if any.

    Its fields are stored: in the audit log, and in what commands and the API answer.
    """

    verdict: str
    failing: PromotionRule | None
    value: float | None
    bound: float | None
    reason: str


class Rule(NamedTuple):
    """One number of the evidence and its bound; a flag is 1 where it holds and 0 where it does not."""

    name: PromotionRule
    value: Callable[[GateEvidence, Origin], float]  # the second argument says whose decisions count
    bound: float
    least: bool  # whether the value must be at least the bound, or at most

    @property
    def stage(self) -> Stage:
        """When it is asked."""
        return TEXTS[self.name].stage

    def holds(self, evidence: GateEvidence, counts: Origin) -> bool:
        """Whether the value is on the right side; NaN never is."""
        value = self.value(evidence, counts)
        return value >= self.bound if self.least else value <= self.bound


RULES: tuple[Rule, ...] = (
    Rule(PromotionRule.SIMULATED, lambda e, counts: float(e.origin == counts.value), 1.0, least=True),
    Rule(PromotionRule.SHADOW_OF_OTHERS, lambda e, _: float(_same_pair(e)), 1.0, least=True),
    Rule(PromotionRule.TOO_FEW_ROWS, lambda e, _: e.rows, MIN_ROWS, least=True),
    Rule(PromotionRule.TOO_SMALL_ESS, lambda e, _: e.ess, MIN_ESS, least=True),
    Rule(PromotionRule.TOO_LITTLE_OVERLAP, lambda e, _: e.overlap, MIN_OVERLAP, least=True),
    Rule(PromotionRule.HEAVY_WEIGHT, lambda e, _: e.largest, MAX_SHARE, least=False),
    Rule(PromotionRule.FALSE_PROPENSITIES, lambda e, _: abs(e.weight_z), MAX_WEIGHT_Z, least=False),
    Rule(PromotionRule.FALSE_PROPENSITIES, lambda e, _: e.calibration, MAX_CALIBRATION, least=False),
    Rule(PromotionRule.TOO_FEW_SHADOW, lambda e, _: e.shadow_decisions, MIN_DECISIONS, least=True),
    Rule(PromotionRule.TOO_LITTLE_AGREEMENT, lambda e, _: e.agreement, MIN_AGREEMENT, least=True),
    Rule(PromotionRule.NO_BETTER_VALUE, lambda e, _: e.lift_low, ABOVE_ZERO, least=True),
    Rule(
        PromotionRule.SILENCE_RATE,
        lambda e, _: abs(e.silence_rate - e.incumbent_silence_rate),
        MAX_SILENCE_CHANGE,
        least=False,
    ),
    Rule(
        PromotionRule.NOT_FOR_ME_RATE,
        lambda e, _: e.not_for_me_rate - e.incumbent_not_for_me_rate,
        MAX_NOT_FOR_ME_RISE,
        least=False,
    ),
    Rule(PromotionRule.HARMED_SEGMENT, lambda e, _: _worst(e).lift_high, 0.0, least=True),
    Rule(PromotionRule.TOO_SLOW, lambda e, _: e.latency_p99_ms, MAX_LATENCY_MS, least=False),
)


def admitted(request: PromotionRequest, *, counts: Origin = Origin.LIVE) -> Verdict:
    """Return what the slot and the shadow comparison alone say: the gate is asked about whom it promotes.

    The very first champion is promoted here; there is nothing to compare it with.
    """
    for name, holds in (
        (PromotionRule.BOOTSTRAP_MISSING, request.incumbent is not None or request.bootstrap),
        (PromotionRule.ALREADY_CHAMPION, request.challenger != request.incumbent),
        (PromotionRule.INCUMBENT_EXISTS, request.incumbent is None or not request.bootstrap),
        (PromotionRule.SHADOW_MISSING, request.incumbent is None or request.comparison is not None),
    ):
        if not holds:
            return Verdict(KEEP, name, None, None, REASONS[name])
    comparison = request.comparison
    if request.incumbent is None or comparison is None:
        return Verdict(PROMOTE, None, None, None, "the very first champion, by bootstrap")
    evidence = dataclasses.replace(
        shadow_evidence(comparison), challenger=request.challenger, incumbent=request.incumbent
    )
    reason = (
        f"{comparison.decisions} shadow decisions, agreement {comparison.agreement:.2f}, "
        f"value difference {comparison.value_difference:+.3f}"
    )
    in_shadow = (rule for rule in RULES if rule.stage is Stage.SHADOW)
    return _first_failing(in_shadow, evidence, counts) or Verdict(PROMOTE, None, None, None, reason)


def gate(evidence: GateEvidence, *, counts: Origin = Origin.LIVE, trial: bool = False) -> Verdict:
    """Return the verdict, with the first rule that fails; `counts` says whose rows are evidence."""
    asked = (rule for rule in RULES if not (trial and rule.stage is Stage.PROOF))
    reason = f"the difference in value is at least {evidence.lift_low:+.4f} on {evidence.rows} rows"
    promoted = Verdict(PROMOTE, None, evidence.lift_low, ABOVE_ZERO, reason)
    return _first_failing(asked, evidence, counts) or promoted


def shadow_evidence(comparison: ShadowComparison) -> GateEvidence:
    """Return the evidence of a shadow run alone: no log yet, so whatever a log would tell is not a number."""
    unknown = math.nan
    return GateEvidence(
        challenger=comparison.challenger,
        incumbent=comparison.incumbent,
        shadow_challenger=comparison.challenger,
        shadow_incumbent=comparison.incumbent,
        origin=comparison.origin.value,
        rows=0,
        ess=0.0,
        overlap=0.0,
        largest=unknown,
        weight_z=unknown,
        calibration=unknown,
        shadow_decisions=comparison.decisions,
        agreement=comparison.agreement,
        lift=unknown,
        lift_low=unknown,
        silence_rate=unknown,
        incumbent_silence_rate=unknown,
        not_for_me_rate=unknown,
        incumbent_not_for_me_rate=unknown,
        latency_p99_ms=unknown,
    )


def _first_failing(rules: Iterable[Rule], evidence: GateEvidence, counts: Origin) -> Verdict | None:
    for rule in rules:
        if not rule.holds(evidence, counts):
            value = rule.value(evidence, counts)
            return Verdict(KEEP, rule.name, value, rule.bound, _reason(rule, value, evidence))
    return None


def _reason(rule: Rule, value: float, evidence: GateEvidence) -> str:
    words = rule.name.replace("_", " ")
    if rule.name in REASONS:
        return f"{words}: {REASONS[rule.name]}"
    of = f" of {_worst(evidence).name}" if rule.name is PromotionRule.HARMED_SEGMENT else ""
    word = "at least" if rule.least else "at most"
    reason = f"{words}: {value:.4g}{of}, where {word} {rule.bound:.4g} is needed"
    return f"not enough evidence: {reason}" if rule.name in TOO_LITTLE else reason


def _same_pair(evidence: GateEvidence) -> bool:
    pair = (evidence.challenger, evidence.incumbent)
    return (evidence.shadow_challenger, evidence.shadow_incumbent) == pair


def _worst(evidence: GateEvidence) -> Segment:
    """Return the segment with the lowest upper bound; one that is not a number is the worst of all."""
    judged = [segment for segment in evidence.segments if segment.rows >= SEGMENT_ROWS]
    return min(judged, key=lambda each: _or_worst(each.lift_high), default=Segment("nobody", 0, math.inf))


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
