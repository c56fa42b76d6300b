"""Serves the page's static files, which hold no personal data."""

from collections.abc import Callable, Coroutine
from hashlib import sha256
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from starlette.routing import BaseRoute, Route

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
SHELL = {"/": "index.html"} | {
    f"/{name}": name
    for name in (
        "style.css",
        "api.js",
        "app.js",
        "consents.js",
        "gestures.js",
        "preferences.js",
        "state.js",
        "view.js",
        "why.js",
        "sw.js",
        "manifest.webmanifest",
        "icon.svg",
        "icon-192.png",
        "icon-512.png",
    )
}
Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


def page_routes() -> list[BaseRoute]:
    """Return one route a file of the shell."""
    return [Route(path, static(name), methods=["GET"], name=name) for path, name in SHELL.items()]


def unstored(name: str) -> Endpoint:
    """Return an endpoint that answers with a file of the page at an address that no cache may remember."""
    content = (FOLDER / name).read_bytes()
    media_type = TYPES[Path(name).suffix]

    async def answer(_: Request) -> Response:
        return Response(content, headers={"cache-control": "no-store"}, media_type=media_type)

    return answer


def static(name: str) -> Endpoint:
    """Return an endpoint that answers with a file of the page, or with 304 to who has it."""
    content = (FOLDER / name).read_bytes()
    tag = f'"{sha256(content).hexdigest()[:16]}"'
    headers = {"etag": tag, "cache-control": "no-cache"}  # always asked for, rarely sent again
    media_type = TYPES[Path(name).suffix]

    async def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=media_type)

    return answer
