"""Replay: makes a logged decision again and compares it bit for bit.

1. The choice from logged probabilities and seed: bit for bit, on any build.
2. The probabilities from logged mu and sigma.
3. Mu and sigma from the artifact, the logged vector and actions, and the person's posterior rebuilt as it stood.
4. The vector from the logged served row.

2 to 4 are bit for bit on the build that decided, and within 1e-12 elsewhere.
"""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from data_contracts.decisions import Decision, unpack
from data_contracts.identifiers import DecisionId, PersonId
from data_contracts.rewards import silence_reward
from feature_repo.vector.kernel import context_vector
from infra.database.decisions import decisions
from infra.database.engine.database import Session
from models.policies import ScoreRule
from models.policies.policy import Choice, Context, Policy
from models.policies.rules import draw
from models.rewards.design import scaled_context
from models.rewards.person_posterior import PersonPosterior
from serving.feedback.posterior_update import model_of, part_at
from serving.policy_cache.by_digest import PolicyCache
from serving.recommend.scorer import build_fingerprint

Floats = NDArray[np.float64]

TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay found; errors are absolute, None where the artifact is gone."""

    decision: DecisionId
    same_choice: bool
    same_build: bool
    probability_error: float | None
    score_error: float | None
    vector_error: float

    @property
    def equal(self) -> bool:
        """Whether the log and the recomputation agree as the law asks."""
        allowed = 0.0 if self.same_build else TOLERANCE
        errors = (self.probability_error, self.score_error, self.vector_error)
        return self.same_choice and all(error is not None and error <= allowed for error in errors)


def verify(session: Session, policy_cache: PolicyCache, person: PersonId, decision: DecisionId) -> Replay:
    """Return the replay of one decision; raises `NotFound`."""
    record = unpack(decisions.get(session, person, decision).record)
    policy = policy_cache.find(record.policy_digest)
    again = None if policy is None else recompute(record, policy, part_of(session, record, policy))
    from_scores = None if policy is None else probabilities_from(policy, record)
    return Replay(
        decision=record.id,
        same_choice=draw(record.probabilities, record.seed) == record.chosen,
        same_build=record.build == build_fingerprint(),
        probability_error=None if from_scores is None else _error(from_scores, record.probabilities),
        score_error=None if again is None else max(_error(again.mu, record.mu), _error(again.sigma, record.sigma)),
        vector_error=_vector_error(record),
    )


def part_of(session: Session, record: Decision, policy: Policy) -> PersonPosterior | None:
    """Return the person's posterior that a decision used, rebuilt from the log."""
    model = model_of(policy)
    if model is None or record.posterior_version == 0:
        return None
    return part_at(session, model, record.person, record.posterior_version)


def recompute(record: Decision, policy: Policy, part: PersonPosterior | None) -> Choice:
    """Return what `policy` answers in the logged situation."""
    values = scaled_context(record.vector, record.masked)
    return policy.choose(
        Context(values, silence_reward(record.spent, record.silence_price), part), record.actions, record.seed
    )


def probabilities_from(policy: Policy, record: Decision) -> Floats:
    """Return the probabilities that follow from the logged mu and sigma alone."""
    if isinstance(policy, ScoreRule):
        return policy.chances(record.mu, record.sigma)
    return recompute(record, policy, None).probabilities


def _vector_error(record: Decision) -> float:
    again = context_vector(
        record.served,
        record.at_us,
        ZoneInfo(record.zone),
        record.consent_mask,
        quiet_start_min=record.quiet_start_min,
        quiet_end_min=record.quiet_end_min,
    )
    return _error(again.values, record.vector)


def _error(found: Floats, logged: Floats) -> float:
    return float(np.abs(found - logged).max()) if found.shape == logged.shape else float("inf")
