"""Replays of a person's logged decisions."""

from dataclasses import replace

from data_contracts.decisions import unpack
from data_contracts.identifiers import DecisionId, PersonId
from infra.database import decisions, reward_changes
from infra.database.tables import PersonRow
from oo.household import Household
from serving.replay import Replay, part_of, recompute, verify

FOREVER_US = 1 << 62


def replay_all(household: Household, row: PersonRow, decision: str | None = None) -> list[Replay]:
    """Return the replay of one decision, or of all, oldest first; raises `NotFound`."""
    person = PersonId(row.person)
    with household.database.read() as session:
        if decision is not None:
            return [verify(session, household.shelf, person, DecisionId(decision))]
        logged = decisions.records_between(session, person=person, since_us=0, until_us=FOREVER_US)
        return [verify(session, household.shelf, person, DecisionId(each.id)) for each in logged]


def chance_now(household: Household, row: PersonRow, decision: DecisionId) -> float:
    """Return the probability that the deciding policy, with all that it learned since, chooses a logged tip again."""
    person = PersonId(row.person)
    with household.database.read() as session:
        record = unpack(decisions.get(session, person, decision).record)
        policy = household.shelf.get(record.policy_digest)
        now = replace(record, posterior_version=reward_changes.version_of(session, person))
        return float(recompute(record, policy, part_of(session, now, policy)).probabilities[record.chosen])
