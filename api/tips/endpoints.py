"""Recommends one tip, records that it was shown, and returns its receipt."""

from time import perf_counter
from typing import Any

from fastapi import APIRouter, Request, Response

from api.dependencies import CurrentPerson, DecisionPath, ServicesOf, remembered_session, reread_session
from api.metrics import Metrics
from api.services import Services
from api.tips.schemas import ShownOut
from api.tips.service import answer_bytes, read_trigger
from data_contracts.answers import Receipt, Recommendation
from data_contracts.decisions import Trigger
from data_contracts.errors import Unauthenticated
from data_contracts.identifiers import DecisionId

router = APIRouter(prefix="/api", tags=["tips"])
TRIGGER = {"type": "string", "enum": [str(trigger) for trigger in Trigger], "default": str(Trigger.OPEN)}
SCHEMA = {"type": "object", "additionalProperties": False, "properties": {"trigger": TRIGGER}}
BODY: dict[str, Any] = {"requestBody": {"content": {"application/json": {"schema": SCHEMA}}}}


@router.post("/recommend", operation_id="recommend", responses={200: {"model": Recommendation}}, openapi_extra=BODY)
async def recommend(request: Request) -> Response:
    """Return one tip, or silence with its reason; an active tip is returned unchanged."""
    # The hot path: no dependency injection, no response model; everything that it needs hangs on the app.
    started = perf_counter()
    state = request.app.state
    services: Services = state.services
    metrics: Metrics = state.metrics
    person, epoch = await remembered_session(request)
    trigger = read_trigger(await request.body())
    try:
        answer = await services.recommender.recommend(person, trigger, session_epoch=epoch)
    except Unauthenticated:
        # Some session of this person was revoked since ours was read: read ours again, and go on if it still holds.
        person, epoch = await reread_session(request)
        answer = await services.recommender.recommend(person, trigger, session_epoch=epoch)
    metrics.answered(answer)
    metrics.recommend_s.observe(perf_counter() - started)
    return Response(answer_bytes(answer), media_type="application/json", headers={"cache-control": "no-store"})


@router.post("/decisions/{decision_id}/shown", operation_id="mark_shown")
def shown(decision_id: DecisionPath, person: CurrentPerson, services: ServicesOf) -> ShownOut:
    """Say that the tip was really seen; only seen tips count for learning."""
    return ShownOut(first=services.reactions.shown(person, DecisionId(decision_id)))


@router.get("/decisions/{decision_id}/receipt", operation_id="get_receipt")
def receipt(decision_id: DecisionPath, person: CurrentPerson, services: ServicesOf) -> Receipt:
    """Explain a decision from its log: how likely it was, and what each feature added to its score."""
    return services.receipts.receipt(person, DecisionId(decision_id))
