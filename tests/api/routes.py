"""Every route of the app, derived from the app itself, so that a new one is tested the day it appears."""

from typing import NamedTuple

from fastapi.routing import iter_route_contexts

from api.app import build
from api.openapi import operations

PUBLIC = frozenset(
    {
        "POST /api/auth/token",
        "GET /health",
        "GET /ready",
        "GET /metrics",
    }
)
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Operation(NamedTuple):
    """One operation of the contract."""

    method: str
    path: str

    def at(self, identifier: str) -> str:
        """Return the path with every `{...}` replaced."""
        parts = [identifier if part.startswith("{") else part for part in self.path.split("/")]
        return "/".join(parts)


def every_route() -> list[Operation]:
    """Return each method of each route in the route table, those outside the contract included."""
    table = iter_route_contexts(build().router.routes)
    return [Operation(method, str(route.path)) for route in table for method in sorted(route.methods or ())]


def contract() -> list[Operation]:
    """Return the operations of the contract."""
    return [Operation(*name.split(" ")) for name, _ in operations(build().openapi())]


def guarded() -> list[Operation]:
    """Return the operations that need a session."""
    return [operation for operation in contract() if f"{operation.method} {operation.path}" not in PUBLIC]


def unsafe() -> list[Operation]:
    """Return what changes something, sign-in included."""
    return [operation for operation in every_route() if operation.method not in SAFE]


def owned() -> list[Operation]:
    """Return what names one thing of one person by its id."""
    return [operation for operation in contract() if "{" in operation.path]


def named(operation: Operation) -> str:
    """Return the name of a test case."""
    return f"{operation.method} {operation.path}"
