"""What endpoints may ask for, by name."""

from typing import Annotated

from fastapi import Depends, Path, Request
from fastapi.concurrency import run_in_threadpool

from api.accounts.attempts import Attempts
from api.accounts.sessions import SessionDesk, Visitor
from api.metrics import Metrics
from api.parts import Parts
from api.signals.limits import PushLimits
from data_contracts.errors import Forbidden, Unauthenticated
from data_contracts.identifiers import PersonId
from infra.event_feed import EventFeed
from infra.settings import Settings

NOBODY = "sign in first: open a link from `oo link`"
NO_PERSON = "an admin token signs nobody in; this needs a person's own session"


def get_parts(request: Request) -> Parts:
    """Return what the composition root plugged in."""
    parts: Parts = request.app.state.parts
    return parts


def get_settings(request: Request) -> Settings:
    """Return the settings of this process."""
    settings: Settings = request.app.state.settings
    return settings


def get_metrics(request: Request) -> Metrics:
    """Return the counters of this app."""
    metrics: Metrics = request.app.state.metrics
    return metrics


def get_sessions(request: Request) -> SessionDesk:
    """Return the desk that knows the sessions of this app."""
    sessions: SessionDesk = request.app.state.sessions
    return sessions


def get_attempts(request: Request) -> Attempts:
    """Return the counter of admin token attempts of this app."""
    attempts: Attempts = request.app.state.attempts
    return attempts


def get_push_limits(request: Request) -> PushLimits:
    """Return the counters of the door of signals of this app."""
    limits: PushLimits = request.app.state.push_limits
    return limits


def get_feed(request: Request) -> EventFeed:
    """Return the feed of newest events of this app."""
    feed: EventFeed = request.app.state.feed
    return feed


PartsOf = Annotated[Parts, Depends(get_parts)]
SettingsOf = Annotated[Settings, Depends(get_settings)]
MetricsOf = Annotated[Metrics, Depends(get_metrics)]
SessionsOf = Annotated[SessionDesk, Depends(get_sessions)]
FeedOf = Annotated[EventFeed, Depends(get_feed)]
AttemptsOf = Annotated[Attempts, Depends(get_attempts)]
DecisionPath = Annotated[str, Path(pattern=r"^[0-9A-Za-z-]{1,64}$")]


def require_auth(request: Request, sessions: SessionsOf) -> Visitor:
    """Return who is there, read from the database at each request; raises `Unauthenticated`."""
    sid = sessions.cookie_of(request.scope)
    visitor = sessions.load(sid) if sid else None
    if visitor is None:
        raise Unauthenticated(NOBODY)
    return visitor


CurrentVisitor = Annotated[Visitor, Depends(require_auth)]


def require_person(visitor: CurrentVisitor) -> PersonId:
    """Return the person of the session; an admin token's session has none."""
    if visitor.person is None:
        raise Forbidden(NO_PERSON)
    return visitor.person


def require_admin(visitor: CurrentVisitor) -> Visitor:
    """Return the visitor when the database says that the role is admin."""
    if visitor.role != "admin":
        raise Forbidden("this is for administrators")
    return visitor


CurrentPerson = Annotated[PersonId, Depends(require_person)]
CurrentAdmin = Annotated[Visitor, Depends(require_admin)]


async def visitor_at_the_door(request: Request) -> tuple[PersonId, int]:
    """Return person and session epoch from memory; only a session that was not seen lately is read.

    Whoever uses it must hold the epoch against the one of its own read, so that a revoked session ends at once.
    """
    sessions = get_sessions(request)
    sid = sessions.cookie_of(request.scope)
    visitor = sessions.recall(sid) if sid else None
    if visitor is None:
        return await visitor_again(request)
    return _person_and_epoch(visitor)


async def visitor_again(request: Request) -> tuple[PersonId, int]:
    """Return person and session epoch as the database has them now."""
    visitor = await run_in_threadpool(require_auth, request, get_sessions(request))
    return _person_and_epoch(visitor)


def _person_and_epoch(visitor: Visitor) -> tuple[PersonId, int]:
    return require_person(visitor), visitor.epoch
