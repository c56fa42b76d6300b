"""Signals that clients push, with a verdict for each."""

from typing import Any

from fastapi import APIRouter

from api.dependencies import CurrentPerson, MetricsOf, PartsOf
from api.signals import service
from api.signals.body import SignalsBody
from api.signals.schemas import SIGNALS_SCHEMA
from data_contracts.answers import SignalVerdict

router = APIRouter(prefix="/api/signals", tags=["signals"])
BODY: dict[str, Any] = {"requestBody": {"required": True, "content": {"application/json": {"schema": SIGNALS_SCHEMA}}}}


@router.post("", operation_id="push_signals", status_code=207, openapi_extra=BODY)
def push(body: SignalsBody, person: CurrentPerson, parts: PartsOf, metrics: MetricsOf) -> list[SignalVerdict]:
    """Take signals in, each accepted, duplicate or quarantined; the verdicts stand in the order of the signals."""
    verdicts = service.push(parts=parts, person=person, items=body.signals)
    metrics.judged(verdicts)
    return verdicts
