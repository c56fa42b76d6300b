"""Sign-in by a one-time link or the admin token, the current session, and sign-out."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from starlette.responses import RedirectResponse

from api.accounts import service
from api.accounts.schemas import SessionOut, TokenIn
from api.dependencies import Caller, CurrentSession, MetricsOf, RateLimiterOf, ServicesOf, SessionsOf, SettingsOf
from api.page.endpoints import unstored
from data_contracts.errors import Unauthenticated

router = APIRouter(tags=["accounts"])
LinkToken = Annotated[str, Path(pattern=r"^[0-9A-Za-z_-]{16,128}$")]
LOGIN_PAGE = unstored("login.html")  # its address holds the link's token
FORGET = {"clear-site-data": '"cache", "storage"'}


@router.post("/api/auth/token", operation_id="exchange_admin_token", status_code=204)
def exchange_token(  # noqa: PLR0917 - FastAPI injects by name
    body: TokenIn,
    caller: Caller,
    services: ServicesOf,
    settings: SettingsOf,
    sessions: SessionsOf,
    attempts: RateLimiterOf,
    metrics: MetricsOf,
) -> Response:
    """Open an admin session of 24 hours for an automated tool that knows ADMIN_TOKEN.

    The token is compared first and only wrong ones count: guessing does not lock the right token out.
    """
    if not service.is_admin_token(settings=settings, token=body.token.get_secret_value()):
        attempts.count(caller, services.clock())
        metrics.refusals.labels("token").inc()
        service.refuse_token(services=services)
    sid = service.open_admin_session(services=services)
    return Response(status_code=204, headers={"set-cookie": sessions.set_cookie(sid, service.ADMIN_SESSION_S)})


@router.get("/login/{token}", operation_id="open_login_link", include_in_schema=False)
async def open_link(token: LinkToken, request: Request) -> Response:  # noqa: ARG001 - looking uses no link up
    """Ask whether to sign in: previews and prefetchers that follow the link change nothing."""
    return await LOGIN_PAGE(request)


@router.post("/login/{token}", operation_id="redeem_login_link", include_in_schema=False)
def redeem_link(token: LinkToken, services: ServicesOf, sessions: SessionsOf, metrics: MetricsOf) -> Response:
    """Sign the browser in, once, and go to the page."""
    try:
        sid = service.redeem_link(services=services, token=token)
    except Unauthenticated:
        metrics.refusals.labels("link").inc()
        return RedirectResponse("/#link-used", 303)
    return RedirectResponse("/", 303, {"set-cookie": sessions.set_cookie(sid, service.SESSION_S)})


@router.get("/api/session", operation_id="get_session")
def session(caller: CurrentSession, services: ServicesOf) -> SessionOut:
    """Return who is signed in."""
    return service.describe(services=services, caller=caller)


@router.post("/api/auth/logout", operation_id="sign_out", status_code=204)
def sign_out(_: CurrentSession, request: Request, services: ServicesOf, sessions: SessionsOf) -> Response:
    """End this session, and let the browser forget all that it kept."""
    sid = sessions.cookie_of(request.scope) or ""
    service.sign_out(services=services, sid=sid)
    sessions.forget(sid)
    return Response(status_code=204, headers={"set-cookie": sessions.clear_cookie(), **FORGET})
