"""Gathers the gate's evidence: the incumbent's log under the challenger, the shadow run, guardrails, latency."""

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_contracts.decisions import Origin
from data_contracts.features import POSITION
from data_contracts.rewards import REWARDS, Outcome
from flows.learning.log_export import settled
from infra.database.engine.database import Database
from models.estimators import ESTIMATORS, PRIMARY
from models.estimators.batch import joined
from models.estimators.evaluation import LEVEL, evaluate, gather
from models.estimators.tally import begin
from models.logs.decision_log import write
from models.logs.logged_decisions import DecisionLog, LoggedDecisions, PolicyTarget
from models.policies.policy import Context, Policy
from models.promotion.experiments import held_out
from models.promotion.gate import SEGMENT_ROWS, GateEvidence, Segment, ShadowComparison, shadow_evidence

TIMED = 200
SEGMENT_REPLICATES = 200
DAY_PARTS = ((5, 11), (11, 17), (17, 23))
NONE = float("nan")


class Guarded(NamedTuple):
    """Rates under the challenger and under the incumbent, and how long a choice takes."""

    silence_rate: float
    incumbent_silence_rate: float
    not_for_me_rate: float
    incumbent_not_for_me_rate: float
    latency_p99_ms: float


class Trained(NamedTuple):
    """What a challenger may have learned from; `until_us` is None where only its registration is known."""

    until_us: int | None
    registered_us: int

    def saw(self, person: str, at_us: int) -> bool:
        """Whether this decision may have been in its training: then it says nothing about its worth."""
        if self.until_us is None:
            return at_us < self.registered_us
        return at_us < self.until_us and not held_out(person, at_us)


def evidence_of(database: Database, challenger: Policy, comparison: ShadowComparison, trained: Trained) -> GateEvidence:
    """Return the evidence for a challenger against the incumbent of a shadow comparison, of rows new to it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.parquet"
        rows = (
            row
            for row in settled(database, origin=comparison.origin, digest=comparison.incumbent, unsettled=True)
            if not trained.saw(row.decision.person, row.decision.at_us)
        )
        write(path, rows)
        log = DecisionLog(path)
        return measured(log, challenger, comparison) if log.rows else shadow_evidence(comparison)


def measured(log: DecisionLog, challenger: Policy, comparison: ShadowComparison) -> GateEvidence:
    """Return the evidence of a log that the incumbent wrote."""
    found = evaluate(log, PolicyTarget(challenger), sequences=False)
    return replace(
        shadow_evidence(comparison),
        origin=Origin.SIMULATED.value if log.simulated else Origin.LIVE.value,
        rows=found.diagnostics.n,
        ess=found.diagnostics.ess,
        overlap=found.diagnostics.overlap,
        largest=found.diagnostics.largest,
        weight_z=found.diagnostics.weight_z,
        calibration=NONE if found.diagnostics.calibration is None else found.diagnostics.calibration,
        lift=found.lift,
        lift_low=found.lift_low,
        segments=segments(log, challenger),
        **guarded(log, challenger)._asdict(),
    )


def segments(log: DecisionLog, challenger: Policy) -> tuple[Segment, ...]:
    """Return people, parts of the day and weekends with enough rows to be judged, each with its upper bound.

    Bounds are of 95 % for all segments together (Bonferroni), from the bootstrap's standard error: with a hundred
    people some would look harmed by chance alone.
    """
    whole = joined(gather(log, PolicyTarget(challenger)).batches)
    masks = {name: mask for name, mask in _masks(log).items() if mask.sum() >= SEGMENT_ROWS}
    estimator = next(each for each in ESTIMATORS if each.NAME == PRIMARY)
    reach = NormalDist().inv_cdf(1.0 - (1.0 - LEVEL) / (2.0 * max(len(masks), 1)))
    found = []
    for name, mask in masks.items():
        tally = begin((estimator,), replicates=SEGMENT_REPLICATES).add(whole.where(mask))
        lifts = tally.resampled(estimator) - tally.resampled_logged()
        known = lifts[np.isfinite(lifts)]
        high = tally.value(estimator) - tally.logged + reach * float(known.std()) if known.size else NONE
        found.append(Segment(name, int(mask.sum()), high))
    return tuple(found)


def _masks(log: DecisionLog) -> dict[str, NDArray[np.bool_]]:
    chunks = list(log.chunks())
    person = np.concatenate([rows.person for rows in chunks])
    context = np.concatenate([rows.values for rows in chunks])
    angle = np.arctan2(context[:, POSITION["hour_sin"]], context[:, POSITION["hour_cos"]])
    hour = angle / (2.0 * np.pi) * 24.0 % 24.0
    parts = {f"from {begin_h} to {end_h} h": (hour >= begin_h) & (hour < end_h) for begin_h, end_h in DAY_PARTS}
    weekend = context[:, POSITION["is_weekend"]] > 0.5  # noqa: PLR2004 - a flag
    people = {f"person {number}": person == number for number in range(int(person.max()) + 1)}
    return {**parts, "weekends": weekend, "weekdays": ~weekend, **people}


def guarded(log: DecisionLog, challenger: Policy) -> Guarded:
    """Return the guardrails' numbers; the challenger's not-for-me rate is self-normalised."""
    target = PolicyTarget(challenger)
    silent = incumbent_silent = weight = weighted = refused = rows_seen = 0.0
    seconds: list[float] = []
    for rows in log.chunks():
        chances = target.probabilities(rows)
        w = chances[rows.taken] / rows.propensity
        rejected = (rows.reward == REWARDS[Outcome.NOT_FOR_ME]) & ~rows.silent
        silent += float(chances[rows.offsets[1:] - 1].sum())
        incumbent_silent += float(rows.silent.sum())
        weight += float(w.sum())
        weighted += float(w @ rejected)
        refused += float(rejected.sum())
        rows_seen += rows.reward.size
        seconds += _timed(rows, challenger)[: max(TIMED - len(seconds), 0)]
    return Guarded(
        silent / rows_seen,
        incumbent_silent / rows_seen,
        weighted / weight if weight else NONE,
        refused / rows_seen,
        float(np.quantile(seconds, 0.99)) * 1e3,
    )


def _timed(rows: LoggedDecisions, policy: Policy) -> list[float]:
    seconds = []
    for row in range(min(rows.reward.size, TIMED)):
        actions = rows.actions[rows.offsets[row] : rows.offsets[row + 1]]
        context = Context(rows.values[row], float(rows.silence[row]))
        best = float("inf")
        for _ in range(
            2
        ):  # the better one of two, in processor time: the machine's other work is no fault of the policy
            start = time.thread_time()
            policy.choose(context, actions, 0)
            best = min(time.thread_time() - start, best)
        seconds.append(best)
    return seconds
