"""ASGI middleware that refuses requests without a fixed credential, for apps that have no login of their own.

The credential is compared in constant time and before the body is read. RFC 7617 (Basic) and RFC 6750 (Bearer).
"""

import base64
import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from data_contracts.errors import Unauthenticated

__all__ = ["CredentialCheck", "basic", "bearer"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

POLICY_VIOLATION = 1008  # RFC 6455


def basic(credential: str) -> str:
    """Return the `Authorization` header of a credential `user:password`."""
    return f"Basic {base64.b64encode(credential.encode()).decode()}"


def bearer(token: str) -> str:
    """Return the `Authorization` header of a token."""
    return f"Bearer {token}"


class CredentialCheck:
    """Answers 401 to a request without the expected `Authorization` header, unless `is_open` lets it pass.

    `handshakes` passes WebSockets on that name no credential: only for an app whose own handshake demands it.
    `challenge` makes a browser ask for user and password.
    """

    def __init__(
        self,
        app: App,
        *,
        authorization: str,
        is_open: Callable[[Message], bool],
        handshakes: bool = False,
        challenge: bool = False,
    ) -> None:
        self.app = app
        scheme, _, secret = authorization.partition(" ")
        self._scheme, self._secret = scheme.lower().encode(), secret.encode()
        self._is_open = is_open
        self._handshakes = handshakes
        self._challenge = [(b"www-authenticate", b'Basic realm="oO"')] if challenge else []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass the request on when it may pass."""
        if scope["type"] not in {"http", "websocket"}:  # the app's start and end
            await self.app(scope, receive, send)
            return
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if given:
            passes = len(given) == 1 and self._holds(given[0])
        elif scope["type"] == "websocket":
            passes = self._handshakes
        else:
            passes = False
        if passes or (scope["type"] == "http" and self._is_open(scope)):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        else:
            await self._refuse(send)

    def _holds(self, header: bytes) -> bool:
        scheme, _, secret = header.partition(b" ")
        same = hmac.compare_digest(secret.strip(), self._secret)
        return same and scheme.lower() == self._scheme

    async def _refuse(self, send: Send) -> None:
        problem = {
            "type": "about:blank",
            "title": "Unauthorized",
            "status": 401,
            "code": Unauthenticated.code,
            "detail": "this request needs the credential of this service",
        }
        body = json.dumps(problem, separators=(",", ":")).encode()
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            *self._challenge,
        ]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": body})
