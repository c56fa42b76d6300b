"""Every error as one RFC 9457 problem; the only place where an error class meets an HTTP status."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from data_contracts import errors

MEDIA_TYPE = "application/problem+json"

STATUSES: Mapping[type[errors.OOError], int] = {
    errors.OOError: 500,
    errors.Malformed: 422,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.ConsentMissing: 403,
    errors.TooManyRequests: 429,
    errors.TooLarge: 413,
    errors.Unavailable: 503,
    errors.PromotionRefused: 409,
    errors.ArtifactRefused: 500,
    errors.ErasedPerson: 403,
}

# What the framework itself refuses, under codes as stable as ours.
FRAMEWORK_CODES: Mapping[int, str] = {
    400: errors.Malformed.code,
    404: errors.NotFound.code,
    405: "method_not_allowed",
    413: errors.TooLarge.code,
    422: errors.Malformed.code,
}
MAX_FAULTS = 20
MAX_PLACE = 40  # a field that nobody asked for is named, but not at any length
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


def status_of(error: errors.OOError) -> int:
    """Return the status of an error's nearest class in the table."""
    return next(STATUSES[cls] for cls in type(error).__mro__ if cls in STATUSES)


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
    named = [{"at": ".".join(str(part) for part in fault["loc"]), "rule": str(fault["type"])} for fault in faults[:20]]
    first = (
        f"{named[0]['at'] or 'the body'} breaks the rule {named[0]['rule']}" if named else "the request is malformed"
    )
    return problem(422, errors.Malformed.code, first, errors=named)


async def _on_refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, errors.OOError)  # noqa: S101 - Starlette calls it for this class only
    return refusal(error)


async def _on_malformed(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - Starlette calls it for this class only
    return malformed(error.errors())


async def _on_framework(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette calls it for this class only
    # FastAPI answers 400 to a body that it cannot parse at all; to a client that is the same fault as a wrong field.
    status = 422 if error.status_code == HTTPStatus.BAD_REQUEST else error.status_code
    code = FRAMEWORK_CODES.get(error.status_code, "refused")
    return problem(status, code, str(error.detail), headers=error.headers)


async def _on_failure(_: Request, __: Exception) -> Response:
    return problem(500, "internal", "oO failed to answer; the log of the server says why")


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem document."""
    app.add_exception_handler(errors.OOError, _on_refusal)
    app.add_exception_handler(RequestValidationError, _on_malformed)
    app.add_exception_handler(HTTPException, _on_framework)
    app.add_exception_handler(Exception, _on_failure)
