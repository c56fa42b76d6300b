"""Updates a person's posterior of the champion from their rewards, from the decision log alone.

A new reward that comes in order is learned at once. One that comes late, replaces another or is taken back makes the
part be rebuilt from the log, in canonical order: the bits are those that arriving in time would have given.
"""

from collections.abc import Iterable

from data_contracts.decisions import Decision, unpack
from data_contracts.identifiers import PersonId
from infra.database.decisions import person_posteriors, reward_changes
from infra.database.decisions.person_posteriors import StoredPosterior
from infra.database.decisions.reward_changes import Rewarded
from infra.database.engine.database import Session
from infra.database.engine.unit_of_work import UnitOfWork
from models.policies.policy import Policy
from models.rewards import person_posterior
from models.rewards.action_features import ACTION_COLUMNS
from models.rewards.design import scaled_context
from models.rewards.person_posterior import Observation, PersonPosterior
from models.rewards.scoring_model import ScoringModel


def model_of(policy: Policy | None) -> ScoringModel | None:
    """Return the model of a policy that has a person posterior."""
    model = getattr(policy, "model", None)
    return model if isinstance(model, ScoringModel) else None


def learn(uow: UnitOfWork, *, policy: Policy, person: PersonId, version: int, rewarded: Rewarded | None) -> None:
    """Bring the part of `policy` to `version`; `rewarded` is what the newest change added, if it only added."""
    model = model_of(policy)
    if model is None:
        return
    stored = person_posteriors.find(uow.session, person, policy.digest)
    part = _learned(model, stored, version, rewarded) or part_at(uow.session, model, person, version)
    kept = StoredPosterior(part.version, part.latest_us, part.latest_id, person_posterior.pack(part))
    updated_us = rewarded.at_us if rewarded is not None else part.latest_us
    person_posteriors.save(uow, person=person, digest=policy.digest, part=kept, updated_us=updated_us)


def part_at(session: Session, model: ScoringModel, person: PersonId, version: int) -> PersonPosterior:
    """Return the person's posterior as it stood at `version`, rebuilt from the log; a law of exact replay."""
    observations = observations_of(model, reward_changes.standing(session, person, version))
    return person_posterior.rebuild(model.person_prior, observations, version)


def observations_of(model: ScoringModel, rewards: Iterable[Rewarded]) -> list[Observation]:
    """Return what rewarded decisions teach; a record of another design teaches nothing."""
    found = (_observation(model, unpack(rewarded.record), rewarded) for rewarded in rewards)
    return [observation for observation in found if observation is not None]


def _learned(
    model: ScoringModel, stored: StoredPosterior | None, version: int, rewarded: Rewarded | None
) -> PersonPosterior | None:
    """Return the part after one more observation; None when it must be rebuilt."""
    if rewarded is None or version - 1 != (stored.version if stored else 0):
        return None
    prior = model.person_prior
    part = person_posterior.unpack(stored.payload) if stored else person_posterior.empty(prior)
    if not part.follows(rewarded.at_us, rewarded.decision):
        return None
    observation = _observation(model, unpack(rewarded.record), rewarded)
    return None if observation is None else person_posterior.learn(part, prior, observation)


def _observation(model: ScoringModel, decision: Decision, rewarded: Rewarded) -> Observation | None:
    if decision.silent or decision.actions.shape[1] != len(ACTION_COLUMNS):
        return None
    values = scaled_context(decision.vector, decision.masked)
    action = decision.actions[decision.chosen]
    return model.observe(values, action, reward=rewarded.reward, at_us=rewarded.at_us, identifier=rewarded.decision)
