"""Passes reactions to serving, and counts those that took effect."""

from api.metrics import Metrics
from api.reactions.schemas import ReactionIn
from api.services import ReactionHandler
from data_contracts.answers import ReactionResult
from data_contracts.identifiers import DecisionId, PersonId


def react(
    *, reaction_handler: ReactionHandler, metrics: Metrics, person: PersonId, reaction: ReactionIn
) -> ReactionResult:
    """Apply a reaction once per idempotency key."""
    decision = DecisionId(reaction.decision_id)
    result = reaction_handler.react(person, decision, reaction.kind, reaction.idempotency_key)
    if result.applied:
        metrics.reactions.labels(reaction.kind).inc()
    return result


def undo(
    *, reaction_handler: ReactionHandler, metrics: Metrics, person: PersonId, decision: DecisionId
) -> ReactionResult:
    """Take a reaction back within the undo window."""
    result = reaction_handler.undo(person, decision)
    if result.applied:
        metrics.reactions.labels("undo").inc()
    return result
