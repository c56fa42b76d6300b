"""Counterfactuals: what another policy would have chosen at every logged decision, from the log alone.

The other policy gets the logged situation, candidates and seed, and its own posterior of the person, rebuilt from the
same rewards. Limits: had this policy decided, later situations would differ.
"""

from dataclasses import dataclass

from data_contracts.decisions import Decision, unpack
from data_contracts.identifiers import DecisionId, PersonId
from infra.database.decisions import decisions
from infra.database.engine.database import Session
from models.policies.policy import Policy
from serving.explain.replay import part_of, recompute


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """One logged moment under two policies; a template is the tip's, or `silence`."""

    decision: DecisionId
    at_us: int
    said: str
    would_say: str
    chance_of_said: float  # under the other policy
    expected_reward: float | None  # of what it would say, by its own model; None where it has none


def counterfactuals(
    session: Session, policy: Policy, person: PersonId, *, since_us: int, until_us: int
) -> list[Counterfactual]:
    """Return a person's logged moments in [since_us, until_us), oldest first, under `policy`."""
    rows = decisions.records_between(session, person=person, since_us=since_us, until_us=until_us)
    return [_again(session, policy, unpack(row.record)) for row in rows]


def _again(session: Session, policy: Policy, record: Decision) -> Counterfactual:
    choice = recompute(record, policy, part_of(session, record, policy))
    known = bool(choice.sigma.any())
    return Counterfactual(
        decision=record.id,
        at_us=record.at_us,
        said=record.chosen_ref.template,
        would_say=record.candidates[choice.index].template,
        chance_of_said=float(choice.probabilities[record.chosen]),
        expected_reward=float(choice.mu[choice.index]) if known else None,
    )
