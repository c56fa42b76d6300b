"""The API as one FastAPI app: middleware, routes, the page. Nothing happens at import."""

from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware

from api import errors
from api.accounts.endpoints import router as accounts
from api.accounts.rate_limiter import RateLimiter
from api.accounts.session_store import SessionStore
from api.admin.endpoints import router as admin
from api.admin.probes import router as probes
from api.admin.service import forced_promotion
from api.consents.endpoints import router as consents
from api.dependencies import PushLimits
from api.metrics import Metrics
from api.middleware.body_limit import PUSHES, TOKENS, BodyLimit
from api.middleware.cross_site import CrossSite
from api.middleware.hot_path import HotPath
from api.middleware.security_headers import SecurityHeaders
from api.middleware.trusted_host import LOCAL, TrustedHost
from api.openapi import PROBLEM, describe
from api.page.endpoints import page_routes
from api.preferences.endpoints import router as preferences
from api.reactions.endpoints import router as reactions
from api.services import Services
from api.signals.endpoints import router as signals
from api.sources.endpoints import router as sources
from api.tips.endpoints import recommend
from api.tips.endpoints import router as tips
from infra.database.events.feed import EventFeed
from infra.settings import Settings

TITLE = "oO"
VERSION = "0.1.0"
DESCRIPTION = "One tip, at the right moment, or silence. Errors are RFC 9457 problems with a stable `code`."
ROUTERS: tuple[APIRouter, ...] = (tips, reactions, signals, sources, consents, preferences, accounts, admin, probes)
BODIES = {"/api/signals": PUSHES, "/api/auth/token": TOKENS}  # every other route takes small ones
HOT = {("POST", "/api/recommend"): recommend}
TOKEN_ATTEMPTS = (5, 20, 60)  # each caller, all together, within so many seconds
REFUSED_PUSHES = (10, 60, 60)  # likewise
SOURCE_PUSHES = (3_000, 30_000, 60)  # each source, all together; a push may hold 10,000 signals


class App(FastAPI):
    """FastAPI, with its errors described as the problems that they are."""

    def openapi(self) -> dict[str, Any]:
        """Return the contract, the same as the committed one."""
        return describe(super().openapi())


def create_app(settings: Settings, services: Services) -> FastAPI:
    """Return the app that serves the API and the page; the caller opens and closes `services`."""
    origin = urlsplit(settings.url)
    secure = origin.scheme == "https"
    names = {*LOCAL, (origin.hostname or "").lower(), settings.host.lower()} - {""}
    app = build(
        middleware=[
            Middleware(SecurityHeaders, secure=secure),
            Middleware(TrustedHost, names=[f"[{name}]" if ":" in name and name[0] != "[" else name for name in names]),
            Middleware(CrossSite, public_origin=f"{origin.scheme}://{origin.netloc}"),
            Middleware(BodyLimit, caps=BODIES),
            Middleware(HotPath, endpoints=HOT),
        ]
    )
    app.state.settings = settings
    app.state.services = services
    app.state.metrics = Metrics()
    app.state.sessions = SessionStore(services.database, services.clock, secure=secure)
    app.state.attempts = RateLimiter(*TOKEN_ATTEMPTS)
    app.state.push_limits = push_limits()
    app.state.feed = EventFeed(services.database)
    services.health.register("event_feed", app.state.feed.ping, vital=False)
    app.state.override = services.health.prober.add("forced promotion", lambda: forced_promotion(services))
    return app


def push_limits() -> PushLimits:
    """Return fresh counters of one process."""
    return PushLimits(RateLimiter(*REFUSED_PUSHES), RateLimiter(*SOURCE_PUSHES))


def build(middleware: list[Middleware] | None = None) -> App:
    """Return the app with its routes and nothing behind them: what its contract is generated from."""
    app = App(
        title=TITLE,
        version=VERSION,
        description=DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,  # the interactive pages load scripts from elsewhere, which our policy forbids
        redoc_url=None,
        middleware=middleware,
        responses={"default": {"description": PROBLEM, "model": errors.Problem}},
    )
    for router in ROUTERS:
        app.include_router(router)
    app.router.routes.extend(page_routes())
    errors.install(app)
    return app
