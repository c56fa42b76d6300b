"""Probes for supervisors and Prometheus: `/health`, `/ready`, `/metrics`.

Everything here reads what was probed last, on the event loop and without a dependency that needs a thread: an answer
comes at once, also while all threads wait for a database that does not answer.
"""

from typing import Any

from fastapi import APIRouter, Request, Response

from api.admin import service
from api.admin.schemas import HealthOut
from api.dependencies import get_metrics, get_services
from data_contracts.errors import Unavailable

router = APIRouter(tags=["operations"])
METRICS: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}}}


@router.get("/health", operation_id="get_health")
async def health(request: Request) -> HealthOut:
    """Say how every adapter was when it was last probed, and whether a champion was promoted against the rules."""
    return service.health(services=get_services(request), override=request.app.state.override)


@router.get("/ready", operation_id="get_ready", status_code=204)
async def ready(request: Request) -> None:
    """Answer 204 when every vital adapter worked when it was last probed, 503 otherwise."""
    if not get_services(request).health.ready():
        raise Unavailable("a vital part does not answer; /health names it")


@router.get("/metrics", operation_id="get_metrics", response_class=Response, responses=METRICS)
async def metrics(request: Request) -> Response:
    """Return counts and times for Prometheus; no label says anything about a person."""
    found = get_metrics(request)
    return Response(found.text(), media_type=found.media_type)
