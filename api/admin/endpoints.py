"""What an operator sees."""

from fastapi import APIRouter

from api.admin import service
from api.admin.schemas import StatsOut
from api.dependencies import CurrentAdmin, MetricsOf, PartsOf

router = APIRouter(prefix="/api/admin", tags=["admin"])


@router.get("/stats", operation_id="get_stats")
def stats(_: CurrentAdmin, parts: PartsOf, metrics: MetricsOf) -> StatsOut:
    """Return counts, the silence rate, fallbacks, and who rules; nothing about one person."""
    return service.stats(parts=parts, metrics=metrics)
