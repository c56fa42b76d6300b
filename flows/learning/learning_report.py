"""Learning reports, computed here and stored, so that the API only reads: who decides, and whether that helps.

Personalisation (`models.promotion.personalisation`), the difference to the standing uniform control (off-policy, from
the champion's own decisions), the arms of the training holdout (`models.promotion.experiments`) and of the newest live
experiment (`flows.learning.experiments`), how challengers compare over time, what the gate answered them, and whether
so much data can show a difference at all (`models.promotion.power`).
"""

import math
import tempfile
from collections import defaultdict, deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data_contracts.durations import DAY_US
from data_contracts.identifiers import PolicyDigest, to_us
from flows.context import FlowContext
from flows.learning.experiments import look
from flows.learning.log_export import settled
from flows.learning.promotion import ASKED
from flows.learning.rollback import last_change
from infra.database.audit import audit_log
from infra.database.policies import learning_reports, policies, shadow
from infra.database.policies.policies import Champion
from models.estimators.evaluation import BETTER, TOO_LITTLE, WORSE, evaluate
from models.logs.decision_log import write
from models.logs.logged_decisions import DecisionLog, PolicyTarget
from models.policies import Uniform
from models.policies.policy import Policy
from models.promotion.experiments import TRAINING, person_day, sample_ratio
from models.promotion.personalisation import NEWEST, NOBODY, Trajectory, did_it_personalise
from models.promotion.power import DIFFERENCES, rows_needed
from models.rewards.design import scaled_context
from models.rewards.linear import LinearModel
from serving.policy_cache.by_digest import PolicyCache

PEOPLE = 500  # whose tips are looked at, the first ones
RECENT_DAYS = 28
LOOKED_AT = 200
SEED = 20_260_401
NO_PERSON_POSTERIOR = "the champion has no part of a person's own"
Json = dict[str, Any]


@dataclass(slots=True)
class _Read:
    """What one pass over the log leaves."""

    units: dict[str, set[str]]
    days: set[int]
    recent: int
    people: set[int]
    lives: dict[int, deque[tuple[np.ndarray[Any, Any], float, int]]]


def audit_learning(context: FlowContext, *, actor: str = "flow:audit_learning") -> Json:
    """Audit a home, keep the report, and return it in JSON's types."""
    now_us = to_us(context.clock())
    with context.database.read() as session:
        champion = policies.champion(session)
    policy = None
    if champion.digest is not None:
        policy = PolicyCache(context.settings.policies, context.seal.holds).get(champion.digest)
    model = getattr(policy, "model", None)
    model = model if isinstance(model, LinearModel) else None
    read = _read(context, model, now_us)
    body = {
        "evidence": context.settings.evidence.value,
        "champion": _champion(context, champion, policy),
        "personalisation": _personal(model, read),
        "control": _control(context, champion),
        "holdout": asdict(sample_ratio(TRAINING, {arm: len(units) for arm, units in read.units.items()})),
        "experiment": look(context, actor=actor),
        "challengers": _challengers(context, champion),
        "power": _power(read),
    }
    plain: Json = _plain(body)
    with context.database.unit_of_work() as uow:
        learning_reports.add(uow, at_us=now_us, body=plain)
        uow.commit()
    return plain


def _read(context: FlowContext, model: LinearModel | None, now_us: int) -> _Read:
    read = _Read(defaultdict(set), set(), 0, set(), defaultdict(lambda: deque(maxlen=NEWEST)))
    for row in settled(context.database, origin=context.settings.evidence):
        decision = row.decision
        unit = person_day(decision.person, decision.at_us)
        read.units[TRAINING.arm_of(unit)].add(unit)
        if decision.at_us >= now_us - RECENT_DAYS * DAY_US:
            read.recent += 1
            read.people.add(row.person)
            read.days.add(decision.at_us // DAY_US)
        if model is not None and row.person < PEOPLE and not decision.silent and row.reward is not None:
            values = scaled_context(decision.vector, decision.masked)
            action = decision.actions[decision.chosen]
            seen = model.observe(values, action, reward=row.reward, at_us=decision.at_us, identifier=decision.id)
            read.lives[row.person].append((seen.columns, seen.residual, seen.at_us))
    return read


def _personal(model: LinearModel | None, read: _Read) -> Json:
    if model is None:
        return {**asdict(NOBODY), "verdict": NO_PERSON_POSTERIOR}
    people = [
        Trajectory(
            np.array([z for z, _, _ in life]), np.array([e for _, e, _ in life]), np.array([t for *_, t in life])
        )
        for life in read.lives.values()
    ]
    return asdict(did_it_personalise(model.person_prior, people, np.random.default_rng(SEED)))


def _control(context: FlowContext, champion: Champion) -> Json:
    """Return what the champion brings more than the uniform control would have, by its own decisions."""
    told: Json = {"policy": Uniform.NAME, "difference": None, "low": None, "high": None, "rows": 0, "ess": 0.0}
    if champion.digest is None:
        return {**told, "verdict": TOO_LITTLE, "reason": "there is no champion"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.parquet"
        write(path, settled(context.database, origin=context.settings.evidence, digest=champion.digest, unsettled=True))
        log = DecisionLog(path)
        if not log.rows:
            return {**told, "verdict": TOO_LITTLE, "reason": "the champion has no rewarded decision yet"}
        found = evaluate(log, PolicyTarget(Uniform()), sequences=False)
    verdict = {BETTER: WORSE, WORSE: BETTER}.get(found.verdict, found.verdict)
    return {
        "policy": Uniform.NAME,
        "difference": -found.lift,
        "low": -found.lift_high,
        "high": -found.lift_low,
        "rows": found.diagnostics.n,
        "ess": found.diagnostics.ess,
        "verdict": verdict,
        "reason": found.reason if verdict == TOO_LITTLE else "champion minus control, 95 % interval",
    }


def _champion(context: FlowContext, champion: Champion, policy: Policy | None) -> Json | None:
    if champion.digest is None or policy is None:
        return None
    change = last_change(context, champion.digest)
    return {
        "digest": champion.digest,
        "policy": policy.name,
        "revision": champion.revision,
        "since_us": champion.changed_us,
        "override_reason": champion.override_reason,
        "keeps_up_with": None if change is None else change.reference,
    }


def _challengers(context: FlowContext, champion: Champion) -> list[Json]:
    """Return every policy in shadow with its comparisons in the order of time, and the gate's newest answer."""
    if champion.digest is None:
        return []
    with context.database.read() as session:
        waiting = policies.list_all(session, "shadow")
        asked = audit_log.newest(session, LOOKED_AT, action=ASKED)
        history = {
            row.digest: shadow.comparisons(session, PolicyDigest(row.digest), champion.digest) for row in waiting
        }
    answers = {line.detail["challenger"]: line for line in reversed(asked)}  # the newest one last, so it stays
    found = []
    for row in waiting:
        line = answers.get(row.digest)
        gate = None
        if line is not None:
            gate = {name: line.detail[name] for name in ("verdict", "failing", "value", "bound", "reason")}
            gate["at_us"] = line.at_us
        names = ("at_us", "decisions", "agreement", "value_difference")
        views = [{name: getattr(view, name) for name in names} for view in history[PolicyDigest(row.digest)]]
        found.append({"digest": row.digest, "policy": row.name, "gate": gate, "over_time": views})
    return found


def _power(read: _Read) -> Json:
    """Return what so many rewarded decisions can show, and in how many days of the recent pace the rest."""
    pace = read.recent / RECENT_DAYS if len(read.days) >= RECENT_DAYS else read.recent / max(len(read.days), 1)
    needs: list[Json] = []
    for difference in DIFFERENCES:
        rows = rows_needed(difference)
        days = math.ceil(rows / pace) if pace else None
        needs.append({"difference": difference, "rows": rows, "days": days, "enough": read.recent >= rows})
    seen = [float(need["difference"]) for need in needs if need["enough"]]
    verdict = f"enough to see a difference of {min(seen):+g}" if seen else TOO_LITTLE
    return {
        "people": len(read.people),
        "rows": read.recent,
        "rows_a_day": pace,
        "needs": needs,
        "verdict": verdict,
        "reason": _waiting(needs, len(read.people), pace),
    }


def _waiting(needs: list[Json], people: int, pace: float) -> str:
    """Say how many days the differences take that cannot be seen yet, with the people and the pace of now."""
    if not pace:
        return f"nothing was decided in {RECENT_DAYS} days"
    waiting = [f"{need['days']:,} days for {need['difference']:+g}" for need in reversed(needs) if not need["enough"]]
    asked = f"with {people} people at {pace:.1f} decisions a day it takes {', '.join(waiting)}"
    return asked if waiting else "there is enough for every difference of the table"


def _plain(value: Any) -> Any:
    """Return a value in JSON's types; what is not a number is null."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
