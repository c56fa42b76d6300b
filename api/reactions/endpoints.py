"""A reaction to a tip, and its undo within five seconds."""

from fastapi import APIRouter

from api.dependencies import CurrentPerson, DecisionPath, MetricsOf, ServicesOf
from api.reactions import service
from api.reactions.schemas import ReactionIn
from data_contracts.answers import ReactionResult
from data_contracts.identifiers import DecisionId

router = APIRouter(prefix="/api/reactions", tags=["reactions"])


@router.post("", operation_id="react")
def react(reaction: ReactionIn, person: CurrentPerson, services: ServicesOf, metrics: MetricsOf) -> ReactionResult:
    """Answer a tip: done, not now, or not for me."""
    return service.react(reaction_handler=services.reactions, metrics=metrics, person=person, reaction=reaction)


@router.delete("/{decision_id}", operation_id="undo_reaction")
def undo(decision_id: DecisionPath, person: CurrentPerson, services: ServicesOf, metrics: MetricsOf) -> ReactionResult:
    """Take the reaction to a decision back, within 5 seconds of it."""
    return service.undo(
        reaction_handler=services.reactions, metrics=metrics, person=person, decision=DecisionId(decision_id)
    )
