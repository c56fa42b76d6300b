"""Refuses foreign host names, so that none builds a link or rebinds to this server."""

from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import problem

LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]"})
CODE = "unknown_host"


def host_name(header: str) -> str:
    """Return the name in a Host header without its port, lower case; the whole text when it has no such form."""
    name, colon, port = header.rpartition(":")
    if not colon or header.endswith("]"):
        name, port = header, "0"
    return name.lower() if port.isascii() and port.isdigit() else header.lower()


class TrustedHost:
    """Answers 400 to a Host that is not one of `names` (lower case, IPv6 in brackets)."""

    def __init__(self, app: ASGIApp, *, names: Iterable[str]) -> None:
        self.app = app
        self.names = frozenset(names)
        self.seen: set[bytes] = set()  # exact headers that passed before; bounded by the names times their ports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on when its one Host header is trusted."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) == 1 and (hosts[0] in self.seen or self._trusts(hosts[0])):
            await self.app(scope, receive, send)
            return
        await problem(400, CODE, "this server does not answer for that host; set OO_PUBLIC_URL")(scope, receive, send)

    def _trusts(self, host: bytes) -> bool:
        trusted = host_name(host.decode("latin-1")) in self.names
        if trusted and len(self.seen) < len(self.names) * 4:
            self.seen.add(host)
        return trusted
