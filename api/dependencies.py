"""FastAPI dependencies, under named `Annotated` aliases."""

from collections.abc import Callable
from typing import Annotated, NamedTuple, TypeVar

from fastapi import Depends, Path, Request
from fastapi.concurrency import run_in_threadpool

from api.accounts.rate_limiter import RateLimiter
from api.accounts.session_store import Session, SessionStore
from api.metrics import Metrics
from api.services import Services
from data_contracts.errors import Forbidden, Unauthenticated
from data_contracts.identifiers import PersonId
from infra.database.events.feed import EventFeed
from infra.network_addresses import peer_of
from infra.settings import Settings

NOBODY = "sign in first: open a link from `oo link`"
NO_PERSON = "the admin token opens no person's session, and this needs one"
T = TypeVar("T")


class PushLimits(NamedTuple):
    """How often pushing signals may be tried by a caller who is refused, and done by one source."""

    refused: RateLimiter
    pushes: RateLimiter


def _of_app(name: str, _: type[T]) -> Callable[[Request], T]:
    """Return what gives endpoints a part of their app."""

    def get(request: Request) -> T:
        part: T = getattr(request.app.state, name)
        return part

    return get


get_services = _of_app("services", Services)
get_settings = _of_app("settings", Settings)
get_metrics = _of_app("metrics", Metrics)
get_sessions = _of_app("sessions", SessionStore)
get_attempts = _of_app("attempts", RateLimiter)
get_push_limits = _of_app("push_limits", PushLimits)
get_feed = _of_app("feed", EventFeed)

ServicesOf = Annotated[Services, Depends(get_services)]
SettingsOf = Annotated[Settings, Depends(get_settings)]
MetricsOf = Annotated[Metrics, Depends(get_metrics)]
SessionsOf = Annotated[SessionStore, Depends(get_sessions)]
FeedOf = Annotated[EventFeed, Depends(get_feed)]
RateLimiterOf = Annotated[RateLimiter, Depends(get_attempts)]


def caller_of(request: Request) -> str:
    """Return what attempts are counted under: the peer, or what a trusted proxy says of its own; "" for neither."""
    return peer_of(request.client.host) if request.client else ""


Caller = Annotated[str, Depends(caller_of)]
DecisionPath = Annotated[str, Path(pattern=r"^[0-9A-Za-z-]{1,64}$")]


def require_auth(request: Request, sessions: SessionsOf) -> Session:
    """Return who is there, read from the database at each request; raises `Unauthenticated`."""
    sid = sessions.cookie_of(request.scope)
    caller = sessions.load(sid) if sid else None
    if caller is None:
        raise Unauthenticated(NOBODY)
    return caller


CurrentSession = Annotated[Session, Depends(require_auth)]


def require_person(caller: CurrentSession) -> PersonId:
    """Return the person of the session; an admin token's session has none."""
    if caller.person is None:
        raise Forbidden(NO_PERSON)
    return caller.person


def require_admin(caller: CurrentSession) -> Session:
    """Return the session when the database says that the role is admin."""
    if caller.role != "admin":
        raise Forbidden("this is for administrators")
    return caller


CurrentPerson = Annotated[PersonId, Depends(require_person)]
CurrentAdmin = Annotated[Session, Depends(require_admin)]


async def remembered_session(request: Request) -> tuple[PersonId, int]:
    """Return person and session epoch from memory; only a session that was not seen lately is read.

    The caller must compare the epoch with the one of its own read, so that a revoked session ends at once.
    """
    sessions = get_sessions(request)
    sid = sessions.cookie_of(request.scope)
    caller = sessions.recall(sid) if sid else None
    if caller is None:
        return await reread_session(request)
    return _person_and_epoch(caller)


async def reread_session(request: Request) -> tuple[PersonId, int]:
    """Return person and session epoch as the database has them now."""
    caller = await run_in_threadpool(require_auth, request, get_sessions(request))
    return _person_and_epoch(caller)


def _person_and_epoch(caller: Session) -> tuple[PersonId, int]:
    return require_person(caller), caller.epoch
