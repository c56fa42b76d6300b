"""Security headers of every response, errors included; `no-store` unless the response says otherwise."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types oo"
)
HEADERS: tuple[tuple[str, str], ...] = (
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    # Not `no-referrer`: with it a browser sends `Origin: null` with a form, and the cross-site check would refuse it.
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
)
CACHE_CONTROL = b"cache-control"
UNSTORED = (CACHE_CONTROL, b"no-store")
TRANSPORT = ("strict-transport-security", "max-age=31536000")


class SecurityHeaders:
    """Adds `HEADERS` to each answer, `no-store` to one that names no rule for caches, over https strict transport."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self.app = app
        named = (*HEADERS, TRANSPORT) if secure else HEADERS
        self.headers = [(name.encode(), value.encode()) for name, value in named]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a `send` that adds the headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = message.get("headers", ())
                stated = any(name == CACHE_CONTROL for name, _ in own)
                message["headers"] = [*own, *self.headers] if stated else [*own, *self.headers, UNSTORED]
            await send(message)

        await self.app(scope, receive, adding)
