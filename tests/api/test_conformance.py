"""The server and its contract agree: schemathesis tries the whole app, on a database of its own, by the contract.

It sends what the contract allows and what it forbids, operation by operation and in sequences along the contract's
links, and holds every answer against the contract.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from starlette.types import Message, Receive, Scope, Send

from api.app import build
from api.openapi import operations
from tests.api.conftest import ApiHarness, lasting_api

PACE_S = 1.0  # between two requests, so that some reactions can be undone and some no more
ENDLESS, SIGNING_OUT = "/api/admin/events/stream", "/api/auth/logout"
NAME = "Root"
MANY = "push_signals"
ZONES = ("Europe/Berlin", "America/New_York", "UTC")
CONFIG: dict[str, Any] = {
    "seed": 9,
    "workers": 1,
    "cache": {"enabled": False},
    "base-url": "http://localhost:8421",
    "request-timeout": 60,
    "parameters": {"query.person": NAME},  # whose sources; any other name is answered 404
    "generation": {"deterministic": True, "max-examples": 8, "no-shrink": True, "database": "none"},
    "phases": {"stateful": {"max-steps": 6, "generation": {"max-examples": 25}}},
    # the largest push and one signal more are built and judged for longer than all the rest; test_signals sends them
    "operations": [{"include-operation-id": MANY, "phases": {"coverage": {"enabled": False}}}],
}
NEVER_ACCEPTED = {
    "GET /api/admin/learning": "nothing was audited in this home; test_operations stores a report",
    "POST /api/auth/token": "nobody guesses the token; test_accounts knows it",
}


class Tried(NamedTuple):
    """What came of it: answers by operation and status, checks that were held, and what they found."""

    answers: Counter[tuple[str, int]]
    checks: set[str]
    phases: dict[str, Status]
    found: list[str]


class Client:
    """The app with time passing, for somebody who signs in anew to sign out and leaves what has no end."""

    def __init__(self, api: ApiHarness) -> None:
        self.api = api
        self.person = api.join(NAME, role="admin")
        self.sid = api.sign_in(self.person)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        self.api.wait(seconds=PACE_S)
        if scope["path"] == SIGNING_OUT:  # the session of all other requests goes on
            mine, other = self.sid.encode(), self.api.sign_in(self.person).encode()
            scope = {**scope, "headers": [(name, value.replace(mine, other)) for name, value in scope["headers"]]}
        told = asyncio.Event()

        async def until_told() -> Message:
            await told.wait()
            return {"type": "http.disconnect"}

        async def tell(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.body":
                told.set()

        await self.api.app(scope, until_told if scope["path"] == ENDLESS else receive, tell)


def _document() -> dict[str, Any]:
    """Return the contract without its answer to every other status, so that each status must be named."""
    document = build().openapi()
    for _, operation in operations(document):
        del operation["responses"]["default"]
    return document


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    """Return what schemathesis saw."""
    schemathesis.openapi.format("time-zone", st.sampled_from(ZONES))
    with lasting_api(tmp_path_factory.mktemp("conformance")) as api:
        client = Client(api)
        signed_in = {"auth": {"openapi": {"session": {"api_key": client.sid}}}}
        schema = schemathesis.openapi.from_dict(_document(), config=SchemathesisConfig.from_dict(CONFIG | signed_in))
        schema.app = client
        yield _try(schema)


def _try(schema: Any) -> Tried:
    tried = Tried(Counter(), set(), {}, [])
    for event in from_schema(schema).execute():
        if isinstance(event, events.PhaseFinished):
            tried.phases[event.phase.name.value] = event.status
        elif isinstance(event, events.NonFatalError | events.FatalError):
            tried.found.append(str(event))
        elif isinstance(event, events.ScenarioFinished):
            _note(tried, event)
    return tried


def _note(tried: Tried, event: events.ScenarioFinished) -> None:
    recorder = event.recorder
    for case, interaction in recorder.interactions.items():
        label = recorder.cases[case].value.operation.label
        if interaction.response is not None and label.startswith(f"{interaction.request.method} "):
            tried.answers[label, interaction.response.status_code] += 1
    for case, checks in recorder.checks.items():
        tried.checks.update(check.name for check in checks)
        request = recorder.interactions[case].request if case in recorder.interactions else None
        tried.found.extend(
            f"{check.name}: {check.failure_info.failure.message} {request}"
            for check in checks
            if check.failure_info is not None
        )


def test_no_answer_contradicts_the_contract(tried: Tried) -> None:
    """Every phase ends, every check is held, and none finds anything."""
    assert tried.found == []
    assert {tried.phases[phase] for phase in ("coverage", "fuzzing", "stateful")} == {Status.SUCCESS}
    load_all_checks()
    assert tried.checks == set(CHECKS.get_all_names())


def test_every_operation_was_accepted_and_refused(tried: Tried) -> None:
    """What is only ever refused, or never, was not tried."""
    for name, operation in operations(build().openapi()):
        statuses = {status for label, status in tried.answers if label == name}
        assert name in NEVER_ACCEPTED or statuses & {200, 201, 204, 207}, name
        assert not operation["security"] or 401 in statuses, name
