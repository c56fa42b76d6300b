"""Takes pushed signals, and answers with a verdict for each."""

from fastapi import APIRouter

from api.dependencies import MetricsOf, ServicesOf
from api.signals import service
from api.signals.body import PushBody
from api.signals.schemas import PUSH
from data_contracts.answers import SignalVerdict

router = APIRouter(prefix="/api/signals", tags=["signals"])


@router.post("", operation_id="push_signals", status_code=207, openapi_extra=PUSH)
def push(body: PushBody, services: ServicesOf, metrics: MetricsOf) -> list[SignalVerdict]:
    """Take signals in, each accepted, duplicate or quarantined; the verdicts stand in the order of the signals."""
    pusher = body.pusher
    verdicts = service.push(
        services=services,
        person=pusher.person,
        items=body.signals.signals,
        source=pusher.source,
        delivery=pusher.delivery,
    )
    metrics.judged(verdicts)
    return verdicts
