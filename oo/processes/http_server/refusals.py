"""Responses of the server itself, below every app: RFC 9457 problems, built once."""

import json
from enum import Enum
from http import HTTPStatus
from itertools import cycle

from api.middleware.security_headers import HEADERS

MEDIA_TYPE = "application/problem+json"


class Refusal(Enum):
    """Why the server refuses: status, stable code, and the sentence for people."""

    MALFORMED = (400, "malformed_request", "this is not HTTP/1.1 as RFC 9112 has it")
    UPGRADE = (400, "upgrade_with_body", "a request that asks for another protocol may not have a body here")
    FRAMING = (400, "wasteful_body", "chunk sizes, chunk extensions and trailers are larger than the body allows")
    PIPELINED = (400, "too_many_pipelined", "too many requests were sent ahead on one connection")
    LATE = (408, "too_slow", "the request did not arrive in time")
    BODY = (413, "too_large", "the body is larger than any that this server takes")
    URL = (414, "url_too_long", "the URL is too long")
    HEAD = (431, "head_too_large", "the request head, one of its lines or their number is too large")
    CONNECTIONS = (503, "too_many_connections", "too many connections are in use; come back later")
    OVERLOADED = (503, "overloaded", "too many requests are in work; come back later")

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.value[0]

    @property
    def code(self) -> str:
        """What clients branch on."""
        return self.value[1]


def answer(refusal: Refusal, *, close: bool, retry_after_s: int | None = None, bodiless: bool = False) -> bytes:
    """Return a whole HTTP/1.1 answer; `bodiless` for HEAD."""
    status, code, detail = refusal.value
    phrase = HTTPStatus(status).phrase
    content = {"type": "about:blank", "title": phrase, "status": status, "code": code, "detail": detail}
    body = json.dumps(content, separators=(",", ":")).encode()
    headers = [
        ("content-type", MEDIA_TYPE),
        ("content-length", str(len(body))),
        ("cache-control", "no-store"),
        *HEADERS,
    ]
    if retry_after_s is not None:
        headers.append(("retry-after", str(retry_after_s)))
    if close:
        headers.append(("connection", "close"))
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {status} {phrase}\r\n{head}\r\n".encode() + (b"" if bodiless else body)


class RetryAnswers:
    """Answers 503 with waits that are spread evenly from one second up, so that a herd does not come back as one."""

    def __init__(self, refusal: Refusal, longest_s: int) -> None:
        waits = range(1, longest_s + 1)
        self._made = {
            (close, bodiless): cycle(
                [answer(refusal, close=close, retry_after_s=wait_s, bodiless=bodiless) for wait_s in waits]
            )
            for close in (False, True)
            for bodiless in (False, True)
        }

    def next(self, *, close: bool, bodiless: bool = False) -> bytes:
        """Return the next answer."""
        return next(self._made[close, bodiless])
