"""No request body is larger than the cap, whether it declares its length or not."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem
from data_contracts.errors import TooLarge

MAX_BODY_BYTES = 1 << 20
BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
REFUSAL = f"a body holds at most {MAX_BODY_BYTES} bytes"


class BodyLimit:
    """Answers 413 to a declared length above the cap, and stops reading a body that grows above it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a counting `receive`."""
        if scope["type"] != "http" or scope["method"] in BODILESS:
            await self.app(scope, receive, send)
            return
        for name, value in scope["headers"]:
            if name == b"content-length" and not (value.isdigit() and int(value[:20]) <= MAX_BODY_BYTES):
                await problem(413, TooLarge.code, REFUSAL)(scope, receive, send)
                return
        await self.app(scope, _counted(receive), send)


def _counted(receive: Receive) -> Receive:
    read = 0

    async def counting() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > MAX_BODY_BYTES:
            raise HTTPException(413, REFUSAL)
        return message

    return counting
