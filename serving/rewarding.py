"""One way to give, change and take back a reward: the decision, the history and the person's part move together."""

from typing import NamedTuple

from data_contracts.identifiers import DecisionId, PersonId
from data_contracts.reactions import REWARDS, Outcome
from infra.database import decisions, policies, reward_changes
from infra.database.reward_changes import Rewarded
from infra.database.tables import DecisionRow
from infra.database.unit_of_work import UnitOfWork
from models.policy import Policy
from serving.champion import ChampionHolder
from serving.person_learning import learn


class Change(NamedTuple):
    """What is to become of a decision's reward; without an outcome it is taken back."""

    outcome: Outcome | None
    at_us: int  # event time, the order in which the person part sums
    now_us: int


def champion_now(uow: UnitOfWork, champion: ChampionHolder) -> Policy | None:
    """Return the policy that the slot names in this transaction."""
    return champion.follow(policies.champion(uow.session).digest).policy


def apply(uow: UnitOfWork, *, row: DecisionRow, change: Change, policy: Policy | None) -> int:
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
    learn(uow, policy=policy, person=person, version=version, rewarded=added)
    return version
