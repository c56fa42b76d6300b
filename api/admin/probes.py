"""What supervisors and Prometheus ask: alive, ready, and in which health."""

from fastapi import APIRouter, Response

from api.admin import service
from api.admin.schemas import HealthOut
from api.dependencies import MetricsOf, PartsOf
from data_contracts.errors import Unavailable

router = APIRouter(tags=["operations"])


@router.get("/health", operation_id="get_health")
def health(parts: PartsOf) -> HealthOut:
    """Ping every adapter, and say whether a champion was promoted against the rules."""
    return service.health(parts=parts)


@router.get("/ready", operation_id="get_ready", status_code=204)
def ready(parts: PartsOf) -> None:
    """Answer 204 when every vital adapter works, 503 otherwise."""
    if not parts.health.ready():
        raise Unavailable("a vital part does not answer; /health names it")


@router.get("/metrics", operation_id="get_metrics", response_class=Response)
def metrics(metrics: MetricsOf) -> Response:
    """Return counts and times for Prometheus; no label says anything about a person."""
    return Response(metrics.text(), media_type=metrics.media_type)
