"""Takes pushed signals, and answers with a verdict for each; the body is read only for an authenticated sender."""

from typing import Annotated, NamedTuple

from fastapi import APIRouter, Depends, Request

from api.dependencies import MetricsOf, ServicesOf
from api.signals import service
from api.signals.authentication import admit
from api.signals.schemas import PUSH, SignalsIn
from api.signals.validation import Pusher
from data_contracts.answers import SignalVerdict

router = APIRouter(prefix="/api/signals", tags=["signals"])


class Push(NamedTuple):
    """The signals of one request, and who brings them."""

    pusher: Pusher
    signals: SignalsIn


async def read_push(request: Request) -> Push:
    """Return the push of this request."""
    pusher, body = await admit(request)
    return Push(pusher, service.read(body))


@router.post("", operation_id="push_signals", status_code=207, openapi_extra=PUSH)
def push(body: Annotated[Push, Depends(read_push)], services: ServicesOf, metrics: MetricsOf) -> list[SignalVerdict]:
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
