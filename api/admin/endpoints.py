"""Endpoints for operators: totals, the learning report, the stream of events."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import WithJsonSchema

from api.admin import service
from api.admin.event_stream import MEDIA_TYPE, EventStream
from api.admin.schemas import LearningOut, StatsOut
from api.dependencies import CurrentAdmin, FeedOf, MetricsOf, ServicesOf, SessionsOf
from infra.database.events.feed import CAPACITY

router = APIRouter(prefix="/api/admin", tags=["admin"])
PLACE = r"^[0-9]{1,18}$"
PLACE_SCHEMA = {"type": "string", "pattern": PLACE}
STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {MEDIA_TYPE: {}}}}


@router.get("/stats", operation_id="get_stats")
def stats(_: CurrentAdmin, services: ServicesOf, metrics: MetricsOf) -> StatsOut:
    """Return counts, the silence rate, fallbacks, and who rules; nothing about one person."""
    return service.stats(services=services, metrics=metrics)


@router.get("/events/stream", operation_id="stream_events", response_class=Response, responses=STREAM)
def stream(  # noqa: PLR0917 - FastAPI injects by name
    request: Request,
    caller: CurrentAdmin,
    services: ServicesOf,
    feed: FeedOf,
    sessions: SessionsOf,
    newest: Annotated[int, Query(ge=0, le=CAPACITY)] = 100,
    last_event_id: Annotated[str | None, Header(pattern=PLACE), WithJsonSchema(PLACE_SCHEMA)] = None,
) -> Response:
    """Follow what is committed, by any process: ids, kinds, pseudonyms and times, and not a word of what it says."""
    service.note_read(services=services, caller=caller, action="events_watched")
    sid = sessions.cookie_of(request.scope) or ""
    return EventStream(
        feed,
        resume_after=None if last_event_id is None else int(last_event_id),
        newest=newest,
        may_watch=lambda: service.is_admin(sessions, sid),
    )


@router.get("/learning", operation_id="get_learning")
def learning(caller: CurrentAdmin, services: ServicesOf) -> LearningOut:
    """Return the newest learning report: personalisation, control, holdout, challengers, power; 404 before one."""
    report = service.learning(services=services)
    service.note_read(services=services, caller=caller, action="learning_read")  # it has numbers of each person
    return report
