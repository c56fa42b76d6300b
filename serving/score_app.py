"""The scorer as an app of its own: `POST /score` and `/health`; its answers equal the library's.

It trusts its caller to know who the person is, so it answers only to the credential of this installation's own
services (`keys/scorer.credential`, sent as `Authorization: Bearer`); session checks ride along as an epoch.
"""

from collections.abc import MutableMapping
from typing import Annotated, Any

from fastapi import Body, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from data_contracts.answers import Recommendation
from data_contracts.decisions import Trigger
from data_contracts.errors import OOError
from data_contracts.identifiers import PersonId
from infra.credential_check import CredentialCheck, bearer
from infra.error_statuses import status_of
from infra.health import Health
from serving.recommend.recommender import Recommender


class ScoreIn(BaseModel):
    """The person, the trigger, and the epoch of the session that asked."""

    model_config = ConfigDict(extra="forbid")

    person: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
    trigger: Trigger = Trigger.OPEN
    session_epoch: int | None = None


def create_app(recommender: Recommender, health: Health, *, credential: str) -> FastAPI:
    """Return the app around a recommender; `health` holds the pings of its parts."""
    app = FastAPI(title="oO scorer", docs_url=None, redoc_url=None)
    app.add_middleware(CredentialCheck, authorization=bearer(credential), is_open=_is_health)

    @app.post("/score", operation_id="score")
    async def score(wanted: Annotated[ScoreIn, Body()]) -> Recommendation:
        """Return one tip or silence, durable before it is answered."""
        return await recommender.recommend(PersonId(wanted.person), wanted.trigger, session_epoch=wanted.session_epoch)

    @app.get("/health", operation_id="health")
    async def look_at_health() -> JSONResponse:
        """Say how each part was when it was last probed; 503 when a vital one did not answer."""
        report = health.report()
        content = {**report.content(), "fallbacks": recommender.counts.snapshot()}
        return JSONResponse(content, status_code=200 if report.ready else 503)

    @app.exception_handler(OOError)
    def refused(_request: Request, error: OOError) -> JSONResponse:
        """Answer a refusal as problem+json."""
        status = status_of(error)
        content = {"type": "about:blank", "status": status, "code": error.code, "detail": str(error)}
        return JSONResponse(content, status_code=status, media_type="application/problem+json")

    return app


def _is_health(scope: MutableMapping[str, Any]) -> bool:
    return bool(scope["method"] in {"GET", "HEAD"} and scope["path"] == "/health")
