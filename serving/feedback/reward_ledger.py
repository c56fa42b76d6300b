"""Gives, changes and revokes rewards: decision, history and the person's posteriors change in one transaction."""

from collections.abc import Iterable
from typing import NamedTuple

from data_contracts.identifiers import DecisionId, PersonId
from data_contracts.rewards import REWARDS, Outcome
from infra.database.all_tables import DecisionRow
from infra.database.decisions import decisions, reward_changes
from infra.database.decisions.reward_changes import Rewarded
from infra.database.engine.unit_of_work import UnitOfWork
from infra.database.policies import experiments, policies
from models.policies.policy import Policy
from serving.feedback.posterior_update import learn
from serving.policy_cache.champion import ChampionHolder


class Change(NamedTuple):
    """What is to become of a decision's reward; without an outcome it is taken back."""

    outcome: Outcome | None
    at_us: int  # event time, the order in which the person posterior sums
    now_us: int


def deciding_now(uow: UnitOfWork, holder: ChampionHolder, now_us: int) -> list[Policy]:
    """Return the policies that learn from a reward in this transaction: the champion, an experiment's challenger."""
    trial = experiments.running(uow.session, now_us)
    challenger = None if trial is None else holder.challenger(trial.challenger)
    found = (holder.follow(policies.champion(uow.session).digest).policy, challenger)
    return [policy for policy in found if policy is not None]


def apply(uow: UnitOfWork, *, row: DecisionRow, change: Change, learners: Iterable[Policy]) -> int:
    """Make the change in the caller's transaction, which holds the person's lock; return the posterior version."""
    person, decision = PersonId(row.person), DecisionId(row.id)
    first = row.rewarded_us is None and not reward_changes.of_decision(uow.session, person, decision)
    reward = None if change.outcome is None else REWARDS[change.outcome]
    decisions.set_outcome(
        uow,
        person=person,
        decision=decision,
        outcome=change.outcome,
        reward=reward,
        at_us=None if reward is None else change.at_us,
    )
    version = reward_changes.add(
        uow,
        person=person,
        decision=decision,
        outcome=change.outcome,
        reward=reward,
        at_us=change.at_us,
        changed_us=change.now_us,
    )
    added = Rewarded(decision, change.at_us, reward, row.record) if first and reward is not None else None
    for policy in learners:
        learn(uow, policy=policy, person=person, version=version, rewarded=added)
    return version
