"""What the gate looks at, gathered: the incumbent's log under the challenger, the shadow run, guardrails, latency."""

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data_contracts.decisions import Origin
from data_contracts.reactions import REWARDS, Outcome
from flows.log_exporting import settled
from infra.database.engine import Database
from models.decision_log import write
from models.estimators import ESTIMATORS, PRIMARY
from models.estimators.batch import joined
from models.estimators.bootstrap import percentile_interval
from models.estimators.tally import begin
from models.evaluation import LEVEL, evaluate, gather
from models.gate import GateEvidence, Segment
from models.logged_decisions import DecisionLog, LoggedDecisions, PolicyTarget
from models.policy import Context, Policy
from models.promotion import ShadowComparison

TIMED = 200
SEGMENT_REPLICATES = 200
NONE = float("nan")


class Guarded(NamedTuple):
    """Rates under the challenger and under the incumbent, and how long a choice takes."""

    silence_rate: float
    incumbent_silence_rate: float
    not_for_me_rate: float
    incumbent_not_for_me_rate: float
    latency_p99_ms: float


def evidence_of(database: Database, challenger: Policy, comparison: ShadowComparison) -> GateEvidence:
    """Return the evidence for a challenger against the incumbent of a shadow comparison."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.parquet"
        rows = (
            row
            for row in settled(database, origin=Origin.LIVE)
            if row.decision.policy_digest == comparison.incumbent and row.reward is not None
        )
        return measured(DecisionLog(path), challenger, comparison) if write(path, rows) else nothing(comparison)


def measured(log: DecisionLog, challenger: Policy, comparison: ShadowComparison) -> GateEvidence:
    """Return the evidence of a log that the incumbent wrote."""
    found = evaluate(log, PolicyTarget(challenger), sequences=False)
    return replace(
        nothing(comparison),
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


def nothing(comparison: ShadowComparison) -> GateEvidence:
    """Return the evidence of a shadow run alone: no log yet."""
    return GateEvidence(
        challenger=comparison.challenger,
        incumbent=comparison.incumbent,
        shadow_challenger=comparison.challenger,
        shadow_incumbent=comparison.incumbent,
        origin=comparison.origin.value,
        rows=0,
        ess=0.0,
        overlap=0.0,
        largest=NONE,
        weight_z=NONE,
        calibration=NONE,
        shadow_decisions=comparison.decisions,
        agreement=comparison.agreement,
        lift=NONE,
        lift_low=NONE,
        silence_rate=NONE,
        incumbent_silence_rate=NONE,
        not_for_me_rate=NONE,
        incumbent_not_for_me_rate=NONE,
        latency_p99_ms=NONE,
    )


def segments(log: DecisionLog, challenger: Policy, *, people: int = 100) -> tuple[Segment, ...]:
    """Return each of the first `people` persons as a segment, with the upper bound of the difference for them."""
    gathered = gather(log, PolicyTarget(challenger))
    estimator = next(each for each in ESTIMATORS if each.NAME == PRIMARY)
    found = []
    person = np.concatenate([rows.person for rows in log.chunks()])
    whole = joined(gathered.batches)
    for number in range(min(int(person.max()) + 1, people)):
        mine = person == number
        tally = begin((estimator,), replicates=SEGMENT_REPLICATES).add(whole.where(mine))
        _, high = percentile_interval(tally.resampled(estimator) - tally.resampled_logged(), LEVEL)
        found.append(Segment(f"person {number}", int(mine.sum()), high))
    return tuple(found)


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
        start = time.perf_counter()
        policy.choose(context, actions, 0)
        seconds.append(time.perf_counter() - start)
    return seconds
