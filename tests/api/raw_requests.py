"""Requests as a server hands them to the app: message by message, counting what the app takes."""

import asyncio
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fastapi import FastAPI
from starlette.types import Message

Headers = Iterable[tuple[str, str]]


class Exchange(NamedTuple):
    """An answer, and how many bytes of the request's body the app had taken by then."""

    status: int
    headers: dict[str, str]
    body: bytes
    taken: int


def exchange(app: FastAPI, method: str, target: str, *, headers: Headers = (), body: Iterable[bytes] = ()) -> Exchange:
    """Return what the app answers to a request whose body comes in these pieces, without an end of its own."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in (("host", "localhost"), *headers)],
        "scheme": "http",
        "client": ("192.0.2.1", 50_000),
    }
    pieces, taken, sent = iter(body), 0, list[Message]()

    async def receive() -> Message:
        nonlocal taken
        piece = next(pieces, None)
        if piece is None:
            return (
                {"type": "http.request", "body": b"", "more_body": False} if not sent else {"type": "http.disconnect"}
            )
        taken += len(piece)
        return {"type": "http.request", "body": piece, "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Exchange(sent[0]["status"], told, b"".join(message.get("body", b"") for message in sent[1:]), taken)


def pieces(total: int, size: int = 4_096) -> Iterator[bytes]:
    """Yield `total` spaces, which any JSON may begin with."""
    for start in range(0, total, size):
        yield b" " * min(size, total - start)


def declared(total: int) -> list[tuple[str, str]]:
    """Return the headers of a body whose length is told."""
    return [("content-type", "application/json"), ("content-length", str(total))]


def streamed() -> list[tuple[str, str]]:
    """Return the headers of a body that just keeps coming."""
    return [("content-type", "application/json"), ("transfer-encoding", "chunked")]
