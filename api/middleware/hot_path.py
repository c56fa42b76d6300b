"""Routes the hot path past the router and dependency injection, which cost more than the answer itself."""

from collections.abc import Awaitable, Callable, Mapping

from fastapi import Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import FORESEEN, answer_to

Endpoint = Callable[[Request], Awaitable[Response]]


class HotPath:
    """Calls the endpoint of an exact method and path itself. The same routes exist behind it, for the contract."""

    def __init__(self, app: ASGIApp, *, endpoints: Mapping[tuple[str, str], Endpoint]) -> None:
        self.app = app
        self.endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a hot request, and pass every other one on."""
        endpoint = self.endpoints.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if endpoint is None:
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await endpoint(request)
        except FORESEEN as error:
            response = answer_to(request, error)
        await response(scope, receive, send)
