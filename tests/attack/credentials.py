"""Guessing: what an attacker learns by trying, and what it costs others."""

import json

from tests.attack.catalogue import Seen, attack
from tests.attack.clients import Answer, ask
from tests.attack.target import ADMIN_TOKEN, Server, Target

TRIES = 30
EACH = 5  # tries a minute that a caller has
JSON = {"Content-Type": "application/json"}
NO_CONTENT, TOO_MANY = 204, 429


def _try(server: Server, token: str, headers: dict[str, str] | None = None) -> Answer:
    return ask(server.port, "POST", "/api/auth/token", json.dumps({"token": token}).encode(), JSON | (headers or {}))


@attack("T16 T17", sent="30 wrong admin tokens, each with another X-Forwarded-For", must="429 from the 6th on")
def spoofed_addresses(target: Target) -> Seen:
    """A header of the attacker's decides about nothing."""
    with target.api() as server:
        statuses = [
            _try(server, f"wrong {number}", {"X-Forwarded-For": f"203.0.113.{number}"}).status
            for number in range(TRIES)
        ]
    tried = sum(status != TOO_MANY for status in statuses)
    return Seen(f"{tried} of {TRIES} were tried, {TRIES - tried} got 429", tried <= EACH)


@attack("T16 T17", sent="30 wrong admin tokens, then the right one", must="the right one opens a session")
def locked_out_operator(target: Target) -> Seen:
    """Others' failures lock nobody out."""
    with target.api() as server:
        for number in range(TRIES):
            _try(server, f"wrong {number}", {"X-Forwarded-For": f"203.0.113.{number}"})
        status = _try(server, ADMIN_TOKEN).status
    return Seen(f"the right token got {status}", status == NO_CONTENT)
