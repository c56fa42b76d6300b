"""Limits of request bodies, before and after the sender is authenticated.

A route that takes larger bodies calls `allow_known_sender` once it knows who sends; until then a stranger's body is
read up to `STRANGER_BODY_BYTES` and no further, whether its length is declared or not.
"""

from collections.abc import Mapping
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem
from data_contracts.errors import TooLarge

MAX_BODY_BYTES = 1 << 20
STRANGER_BODY_BYTES = 64 << 10
TOKEN_BODY_BYTES = 4 << 10
BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
SCOPE_KEY = "oo.body"


class Cap(NamedTuple):
    """How many bytes of a body are read from a sender who is not known yet, and from one who is."""

    stranger: int
    known: int


PUSHES = Cap(STRANGER_BODY_BYTES, MAX_BODY_BYTES)
TOKENS = Cap(TOKEN_BODY_BYTES, TOKEN_BODY_BYTES)
OTHERS = Cap(STRANGER_BODY_BYTES, STRANGER_BODY_BYTES)


class BodyLimit:
    """Answers 413 to a declared length above the route's cap, and stops reading a body that grows above it."""

    def __init__(self, app: ASGIApp, *, caps: Mapping[str, Cap]) -> None:
        self.app = app
        self.caps = caps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a counting `receive`."""
        if scope["type"] != "http" or scope["method"] in BODILESS:
            await self.app(scope, receive, send)
            return
        cap = self.caps.get(scope["path"], OTHERS)
        for name, value in scope["headers"]:
            if name == b"content-length" and not (value.isdigit() and int(value[:20]) <= cap.known):
                await problem(413, TooLarge.code, refusal(cap.known))(scope, receive, send)
                return
        body = scope[SCOPE_KEY] = CountedBody(receive, cap)
        await self.app(scope, body, send)


class CountedBody:
    """A `receive` that raises a 413 `HTTPException` when more is read than the cap allows."""

    __slots__ = ("cap", "limit", "read", "receive")

    def __init__(self, receive: Receive, cap: Cap) -> None:
        self.receive = receive
        self.cap = cap
        self.limit = cap.stranger
        self.read = 0

    async def __call__(self) -> Message:
        """Return the next message."""
        message = await self.receive()
        self.read += len(message.get("body", b""))
        if self.read > self.limit:
            raise HTTPException(413, refusal(self.limit))
        return message


def allow_known_sender(request: Request) -> None:
    """Let this request's body grow up to the cap for senders who are known."""
    body: CountedBody = request.scope[SCOPE_KEY]
    body.limit = body.cap.known


def refusal(limit: int) -> str:
    """Return the sentence of a 413."""
    return f"the body of this request holds at most {limit} bytes"
