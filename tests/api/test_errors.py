"""Every refusal is one problem document with a stable code, whoever refuses: we, the framework or a bug."""

import asyncio
import inspect
from collections.abc import Iterator

import pytest
from starlette.types import Message

from api.errors import MEDIA_TYPE, refusal
from api.middleware.body_limit import MAX_BODY_BYTES
from api.middleware.security_headers import HEADERS
from api.page.endpoints import SHELL
from data_contracts import errors
from infra.error_statuses import STATUSES, status_of
from tests.api.conftest import ApiHarness

CLASSES = {cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, errors.OOError)}


def test_every_error_has_its_status_in_the_one_table() -> None:
    """A new error class must say what it is over HTTP."""
    assert set(STATUSES) == CLASSES


def test_a_class_that_nobody_listed_has_the_status_of_its_nearest_kin() -> None:
    """A subclass elsewhere still answers as what it is."""

    class Odd(errors.ConsentMissing):
        code = "odd"

    assert status_of(Odd("no")) == 403


def test_codes_are_unique_and_only_waiting_names_a_time() -> None:
    """Clients branch on the code."""
    codes = [cls.code for cls in CLASSES]
    assert len(set(codes)) == len(codes)
    assert refusal(errors.TooManyRequests("later", 7)).headers["retry-after"] == "7"
    assert "retry-after" not in refusal(errors.Conflict("no")).headers


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/api/recommend", 405, "method_not_allowed"),
        ("PATCH", "/api/consents", 405, "method_not_allowed"),
        ("POST", "/api/auth/token", 422, "malformed"),
    ],
)
def test_what_the_framework_refuses_is_a_problem_too(
    api: ApiHarness, method: str, path: str, status: int, code: str
) -> None:
    """One shape for clients, whichever layer answers."""
    answer = api.client().request(method, path, content=b"{")
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE)
    problem = answer.json()
    assert {"type", "title", "status", "code", "detail"} <= problem.keys()
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, "about:blank")


def test_a_method_that_is_not_allowed_names_those_that_are(api: ApiHarness) -> None:
    """RFC 9110 asks for it."""
    assert api.client().get("/api/recommend").headers["allow"] == "POST"


def test_a_bug_says_nothing_about_itself(api: ApiHarness) -> None:
    """Neither its type nor its message leaves the house."""
    _, ana = api.known("Ana")
    api.serving.failure = ZeroDivisionError("secret detail")
    answer = ana.post("/api/recommend")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text


def test_a_malformed_request_names_the_place_and_never_the_value(api: ApiHarness) -> None:
    """What a person sent by mistake does not come back, or land in a log."""
    _, ana = api.known("Ana")
    secret = "my diary " * 20
    answer = ana.post("/api/consents", json={"signal": secret, "granted": True, secret: 1})
    assert answer.json()["errors"][0] == {"at": "body.signal", "rule": "literal_error"}
    assert secret not in answer.text


@pytest.mark.parametrize("path", ["/api/recommend", "/api/signals"])
def test_a_body_above_the_cap_is_refused_declared_or_not(api: ApiHarness, path: str) -> None:
    """One mebibyte, whether its length is told or it just keeps coming."""
    _, ana = api.known("Ana")

    def endless() -> Iterator[bytes]:
        for _ in range(17):
            yield b" " * (MAX_BODY_BYTES // 16)

    told, untold = ana.post(path, content=b" " * (MAX_BODY_BYTES + 1)), ana.post(path, content=endless())
    assert [(answer.status_code, answer.json()["code"]) for answer in (told, untold)] == [(413, "too_large")] * 2
    lied = ana.post(path, content=b"{}", headers={"content-length": "-1"})
    assert lied.status_code == 413


@pytest.mark.parametrize("path", [*SHELL, "/login/0123456789abcdef", "/health", "/metrics", "/nowhere", "/api/session"])
def test_every_answer_carries_the_security_headers(api: ApiHarness, path: str) -> None:
    """Pages, probes and refusals alike; even a refused host."""
    for headers in ({}, {"host": "evil.example"}):
        answer = api.client().get(path, headers=headers)
        assert {name: answer.headers.get(name) for name, _ in HEADERS} == dict(HEADERS)
        assert ("set-cookie" in answer.headers, "server" in answer.headers) == (False, False)


def test_a_bug_carries_the_security_headers_as_well(api: ApiHarness) -> None:
    """The outermost handler answers inside the guards."""
    _, ana = api.known("Ana")
    api.serving.failure = ZeroDivisionError()
    assert dict(HEADERS).items() <= dict(ana.post("/api/recommend").headers).items()


@pytest.mark.parametrize("path", ["/api/signals", "/api/recommend", "/api/auth/token"])
def test_a_client_that_leaves_before_its_body_is_counted_and_is_no_failure(api: ApiHarness, path: str) -> None:
    """Nothing comes out of the app, which a server would log as a traceback."""
    cookie = f"{api.app.state.sessions.cookie}={api.sign_in(api.join('Ana'))}"
    headers = [(b"host", b"localhost"), (b"cookie", cookie.encode()), (b"content-type", b"application/json")]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "scheme": "http",
    }
    arrives: Iterator[Message] = iter(
        [{"type": "http.request", "body": b'{"sig', "more_body": True}, {"type": "http.disconnect"}]
    )
    sent: list[Message] = []

    async def receive() -> Message:
        return next(arrives)

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(api.app(scope, receive, send))
    assert sent[0]["status"] == 422
    assert "oo_departures_total 1.0" in api.app.state.metrics.text().decode()
