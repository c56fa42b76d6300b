"""Returns every error as one RFC 9457 problem; the statuses are those of `infra/error_statuses.py`."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from api.middleware.security_headers import HEADERS
from data_contracts import errors
from infra.error_statuses import status_of

MEDIA_TYPE = "application/problem+json"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

# What the framework itself refuses, under codes as stable as ours.
FRAMEWORK_CODES: Mapping[int, str] = {
    400: errors.Malformed.code,
    404: errors.NotFound.code,
    405: "method_not_allowed",
    413: errors.TooLarge.code,
    422: errors.Malformed.code,
}
FORESEEN = (
    errors.OOError,
    RequestValidationError,
    HTTPException,
    ClientDisconnect,
)  # everything else goes to the log as a failure
LEFT = "the request ended before its body"  # the client has gone and reads no answer
MAX_FAULTS = 20
RETRY_AFTER_S = 5  # what an overloaded or degraded server asks of its clients


class Fault(BaseModel):
    """Where a malformed request breaks which rule; what was sent is not repeated."""

    at: str
    rule: str


class Problem(BaseModel):
    """RFC 9457 with a stable `code`."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[Fault] | None = None


def problem(
    status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: object
) -> Response:
    """Return one problem document; `code` is what clients branch on, `detail` is for people."""
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "code": code}
    body = json.dumps({**content, "detail": detail, **more}, separators=(",", ":")).encode()
    return Response(body, status, {"cache-control": "no-store", **(headers or {})}, MEDIA_TYPE)


def refusal(error: errors.OOError) -> Response:
    """Return the problem of an error that oO raised on purpose."""
    headers: dict[str, str] = {}
    if isinstance(error, errors.TooManyRequests):
        headers["retry-after"] = str(error.retry_after_s)
    elif isinstance(error, errors.Unavailable):
        headers["retry-after"] = str(RETRY_AFTER_S)
    return problem(status_of(error), error.code, str(error), headers=headers)


def malformed(faults: Sequence[Mapping[str, Any]]) -> Response:
    """Return a 422 that names each fault's place and rule, and never repeats what was sent."""
    named = [{"at": _place(fault), "rule": str(fault["type"])} for fault in faults[:MAX_FAULTS]]
    detail = "; ".join(f"{fault['at']}: {fault['rule']}" for fault in named[:1])
    return problem(422, errors.Malformed.code, detail or "the request is malformed", errors=named)


def _place(fault: Mapping[str, Any]) -> str:
    loc = fault["loc"][:-1] if fault["type"] == "extra_forbidden" else fault["loc"]  # nor a name that we don't know
    return ".".join(str(part) for part in loc)


def unforeseen(_: Exception) -> Response:
    """Return the one sentence that a client is told about an unexpected error."""
    # Starlette answers these outside of every middleware of ours, so this answer brings the headers itself.
    return problem(500, "internal", "oO failed to answer; the log of the server says why", headers=dict(HEADERS))


def framework_refusal(error: HTTPException) -> Response:
    """Return the problem of what the framework refuses."""
    # FastAPI answers 400 to a body that it cannot parse at all; to a client that is the same fault as a wrong field.
    status = 422 if error.status_code == HTTPStatus.BAD_REQUEST else error.status_code
    code = FRAMEWORK_CODES.get(error.status_code, "refused")
    return problem(status, code, str(error.detail), headers=error.headers)


def other_method(request: Request) -> Response:
    """Return what a path answers to a method that none of its routes takes; `OPTIONS` asks which ones it takes."""
    headers = {"allow": ", ".join(method for method in METHODS if _takes(request, method))}
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=headers)
    return problem(405, FRAMEWORK_CODES[405], "this path does not take that method", headers=headers)


def _takes(request: Request, method: str) -> bool:
    """Whether one of the routes of the path takes a method; the router itself names only those of the first."""
    scope = {**request.scope, "method": method}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.router.routes)


def answer_to(request: Request, error: Exception) -> Response:
    """Return the problem document of any error; a client that left is counted and is no failure of ours."""
    if isinstance(error, ClientDisconnect) or isinstance(error.__cause__, ClientDisconnect):
        request.app.state.metrics.departures.inc()
        return problem(422, errors.Malformed.code, LEFT)
    if isinstance(error, errors.OOError):
        return refusal(error)
    if isinstance(error, RequestValidationError):
        return malformed(error.errors())
    if isinstance(error, HTTPException):
        return other_method(request) if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED else framework_refusal(error)
    return unforeseen(error)


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem document."""

    async def handle(request: Request, error: Exception) -> Response:
        return answer_to(request, error)

    for foreseen in (*FORESEEN, Exception):
        app.add_exception_handler(foreseen, handle)
