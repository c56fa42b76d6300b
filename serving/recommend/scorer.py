"""The scorer: a pure function from a situation and a policy to the decision record.

This is the hot path: arrays of the pool are prepared ahead, a decision gathers the rows of what is eligible, asks the
policy once, and keeps what it saw.
"""

import platform
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from data_contracts.decisions import SILENCE, CandidateRef, Decision, Origin, Trigger
from data_contracts.durations import DAY_MIN, MINUTE_US
from data_contracts.features import FEATURE_SERVICE_VERSION
from data_contracts.identifiers import ClusterId, DecisionId, PersonId
from data_contracts.rewards import silence_reward
from data_contracts.served import ServedRow
from data_contracts.tips import Candidate
from feature_repo.vector.kernel import ContextVector
from models.policies.policy import Context, Policy
from models.rewards.action_features import Floats, action_features
from models.rewards.design import scaled_context
from models.rewards.person_posterior import PersonPosterior
from serving.candidates.catalogue import DEFAULT_LASTS_MIN, catalogue
from serving.candidates.eligibility import Eligible, PreparedPool
from serving.recommend.local_time import day_start_us, next_point_us, within_daily
from serving.recommend.speaking_rules import Moment, Reason, next_event_us

BUILD_VERSION = "1"
GAP_HOLDS_US = 5 * MINUTE_US  # a sentence that counts free minutes holds this long, then until the next point
SILENT_REF = CandidateRef(SILENCE, "", ClusterId(""), None, None, 0, None)


@dataclass(frozen=True, slots=True, eq=False)
class Situation:
    """Everything that one decision is made from."""

    person: PersonId
    moment: Moment
    row: ServedRow
    vector: ContextVector
    pool: PreparedPool
    eligible: Eligible
    silence_price: float
    event_sequence: int
    origin: Origin = Origin.LIVE

    @property
    def now_us(self) -> int:
        """The instant."""
        return self.moment.now_us

    @property
    def zone(self) -> ZoneInfo:
        """The person's zone."""
        return self.moment.zone


class Scored(NamedTuple):
    """A decision and the candidate that it chose; None is silence."""

    decision: Decision
    candidate: Candidate | None


@cache
def build_fingerprint() -> str:
    """Return what must be equal for a recomputation to give the same bits."""
    machine, python = platform.machine(), platform.python_version()
    return f"oo-scorer {BUILD_VERSION}; numpy {np.__version__}; python {python}; {machine}"


def actions_of(situation: Situation) -> Floats:
    """Return (n + 1, k): the action features of the eligible candidates, silence last."""
    return action_features(
        situation.pool.features.take(situation.eligible.places.tolist()),
        vector=situation.vector.values,
        masked=situation.vector.masked,
        tips=situation.row.tips,
        now_us=situation.now_us,
    )


def context_of(vector: ContextVector, spent: int, price: float, part: PersonPosterior | None) -> Context:
    """Return what all actions of a decision share."""
    return Context(scaled_context(vector.values, vector.masked), silence_reward(spent, price), part)


def score(
    situation: Situation,
    policy: Policy,
    part: PersonPosterior | None,
    *,
    decision_id: DecisionId,
    seed: int,
    fallback: str | None = None,
    arm: str | None = None,
) -> Scored:
    """Return the decision of `policy` with exact probabilities; the same arguments give the same bits."""
    moment = situation.moment
    actions = actions_of(situation)
    context = context_of(situation.vector, moment.spent, situation.silence_price, part)
    choice = policy.choose(context, actions, seed)
    candidate, reason, expires_us = None, Reason.NOT_WORTH_IT, next_point_us(moment.now_us)
    if choice.index < situation.eligible.places.size:
        candidate = situation.pool.candidates[situation.eligible.places[choice.index]]
        reason, expires_us = Reason.CHOSEN, expiry_us(candidate, moment)
    decision = Decision(
        id=decision_id,
        policy=policy.name,
        policy_digest=policy.digest,
        posterior_version=part.version if part is not None else 0,
        seed=seed,
        chosen=choice.index,
        reason=reason.value,
        fallback=fallback,
        expires_us=expires_us,
        actions=actions,
        mu=choice.mu,
        sigma=choice.sigma,
        probabilities=choice.probabilities,
        arm=arm,
        **_seen(situation),
    )
    return Scored(decision, candidate)


def _seen(situation: Situation) -> dict[str, Any]:
    """Return the fields of a record that say what was known, whatever the policy made of it."""
    moment, vector, refs = situation.moment, situation.vector, situation.pool.refs
    return {
        "person": situation.person,
        "at_us": moment.now_us,
        "zone": moment.zone.key,
        "trigger": moment.trigger,
        "origin": situation.origin,
        "event_sequence": situation.event_sequence,
        "feature_service_version": FEATURE_SERVICE_VERSION,
        "consent_mask": moment.consent_mask,
        "stale_mask": vector.stale_mask,
        "spent": moment.spent,
        "silence_price": situation.silence_price,
        "build": build_fingerprint(),
        "ineligible": situation.eligible.refused,
        "candidates": (*[refs[place] for place in situation.eligible.places.tolist()], SILENT_REF),
        "served": situation.row,
        "vector": vector.values,
        "masked": vector.masked,
        "ages_s": vector.ages_s,
        "quiet_start_min": moment.quiet_start_min,
        "quiet_end_min": moment.quiet_end_min,
    }


def expiry_us(candidate: Candidate, moment: Moment) -> int:
    """Return when a tip that is given now stops being true.

    That is the earliest of: its own duration, its own expiry, the time that its effort needs before the next busy
    event, the beginning of quiet hours, and the next point when its sentence counts free minutes.
    """
    template = catalogue().get(candidate.template)
    lasts = template.lasts_min if template else DEFAULT_LASTS_MIN
    expires_us = int(candidate.expires_at.timestamp()) * 1_000_000
    limits = [moment.now_us + lasts * MINUTE_US, expires_us, _quiet_us(moment)]
    event_us = next_event_us(moment)
    if event_us is not None:
        limits.append(event_us - candidate.effort_min * MINUTE_US)
    if "{gap}" in candidate.text:
        limits.append(next_point_us(moment.now_us + GAP_HOLDS_US))
    return max(min(limits), moment.now_us + MINUTE_US)


def _quiet_us(moment: Moment) -> int:
    """Return when the next quiet hours begin."""
    start, end = moment.quiet_start_min, moment.quiet_end_min
    if start == end:
        return moment.now_us + DAY_MIN * MINUTE_US
    today = day_start_us(moment.now_us, moment.zone)
    minute = (moment.now_us - today) // MINUTE_US
    tomorrow = minute >= start or within_daily(minute, start, end)
    return day_start_us(moment.now_us, moment.zone, int(tomorrow)) + start * MINUTE_US


__all__ = [
    "Origin",
    "Scored",
    "Situation",
    "Trigger",
    "actions_of",
    "build_fingerprint",
    "context_of",
    "expiry_us",
    "score",
]
