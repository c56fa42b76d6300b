"""Refuses unsafe cross-site requests (OWASP: Fetch Metadata, then Origin)."""

from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import problem

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
PAGES = {"ws": b"http", "wss": b"https"}  # where the script that opens a WebSocket came from
OWN_SITES = frozenset({b"same-origin", b"none"})
CODE = "cross_site"


class CrossSite:
    """Answers 403 to a state-changing request, or a WebSocket, that another site made a browser open."""

    def __init__(self, app: ASGIApp, *, public_origin: str | None) -> None:
        self.app = app
        self.public_origin = public_origin.encode() if public_origin else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on unless its headers name another site."""
        safe = scope["type"] == "http" and scope["method"] in SAFE
        if scope["type"] not in {"http", "websocket"} or safe or self._own(scope):
            await self.app(scope, receive, send)
            return
        await problem(403, CODE, "another site may not act for a person here")(scope, receive, send)

    def _own(self, scope: Scope) -> bool:
        """Whether Fetch Metadata, or Origin where a browser sends no metadata, names us; no browser sends neither."""
        sites, origins, hosts = [], [], []
        for name, value in scope["headers"]:
            if name == b"sec-fetch-site":
                sites.append(value)
            elif name == b"origin":
                origins.append(value)
            elif name == b"host":
                hosts.append(value)
        if any(site not in OWN_SITES for site in sites):
            return False
        if sites or not origins:
            return True
        scheme = PAGES.get(scope["scheme"]) or scope["scheme"].encode()
        own = {scheme + b"://" + host for host in hosts}
        return all(origin in own or origin == self.public_origin for origin in origins)
