"""Replays a person's logged decisions."""

from dataclasses import replace
from typing import NamedTuple

from data_contracts.decisions import unpack
from data_contracts.identifiers import DecisionId, PersonId
from infra.database.all_tables import PersonRow
from infra.database.decisions import decisions, reward_changes
from oo.runtime import Runtime
from serving.explain.replay import Replay, part_of, recompute, verify

FOREVER_US = 1 << 62


def replay_all(runtime: Runtime, row: PersonRow, decision: str | None = None) -> list[Replay]:
    """Return the replay of one decision, or of all, oldest first; raises `NotFound`."""
    person = PersonId(row.person)
    with runtime.database.read() as session:
        if decision is not None:
            return [verify(session, runtime.learning.policy_cache, person, DecisionId(decision))]
        logged = decisions.records_between(session, person=person, since_us=0, until_us=FOREVER_US)
        return [verify(session, runtime.learning.policy_cache, person, DecisionId(each.id)) for each in logged]


class Standing(NamedTuple):
    """How a tip stands with the policy that chose it: expected reward, its deviation, and probability."""

    mu: float
    sigma: float
    probability: float


def standing_now(runtime: Runtime, row: PersonRow, decision: DecisionId) -> Standing:
    """Return how a logged tip stands in its own situation, with all that was learned since."""
    person = PersonId(row.person)
    with runtime.database.read() as session:
        record = unpack(decisions.get(session, person, decision).record)
        policy = runtime.learning.policy_cache.get(record.policy_digest)
        now = replace(record, posterior_version=reward_changes.version_of(session, person))
        choice = recompute(record, policy, part_of(session, now, policy))
    chosen = record.chosen
    return Standing(float(choice.mu[chosen]), float(choice.sigma[chosen]), float(choice.probabilities[chosen]))
