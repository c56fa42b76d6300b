"""Whatever comes in, the answer is one of ours and never a 500."""

import json
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from api.accounts.rate_limiter import RateLimiter
from api.app import TOKEN_ATTEMPTS
from api.errors import MEDIA_TYPE
from tests.api.conftest import ApiHarness, lasting_api
from tests.api.routes import Operation, contract, named

BODIED = [operation for operation in contract() if operation.method != "GET"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(["signals", "trigger", "decision_id", "kind", "idempotency_key", "signal", "granted", "token"])
SIGNAL = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text(max_size=5) | st.just("s1"),
        "kind": st.sampled_from(["task_changed", "mood_reported", "habit_logged", "event_scheduled", ""]) | JSON,
        "at": st.sampled_from(["2026-03-04T12:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59[UTC]"]),
        "source": st.just("x") | JSON,
        "data": st.dictionaries(st.sampled_from(["task", "mood", "habit", "state", "title", "due"]), JSON, max_size=4),
    },
)
BODY = (
    st.binary(max_size=200)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(FIELDS, JSON, max_size=4).map(lambda value: json.dumps(value).encode())
    | st.lists(SIGNAL | JSON, max_size=4).map(lambda items: json.dumps({"signals": items}).encode())
)
NASTY = (
    b"\x00" * 10,
    b"[" * 100_000,
    b'{"signals":' + b"[" * 190 + b"]" * 190 + b"}",
    b'{"signals":[' + b'{"a":' * 150 + b"1" + b"}" * 150 + b"]}",
    b'{"signals":[' + b"9" * 5_000 + b"]}",
    b'{"signals":[1e999, -1e999, NaN, Infinity]}',
    b'{"signals":["\\ud800"], "\\udfff": 1}',
    b'{"signals":[{"id":"\\u0000","kind":"\\ud800","at":"\\u0000","source":"","data":{}}]}',
    b'{"decision_id":"\\u0000","kind":"done","idempotency_key":"\\ud800"}',
    b'{"token":"\\ud800"}',
    b'{"token":"\\u0000' + b"x" * 600 + b'"}',
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}",
)
SEGMENTS = ("\x00", "..", "%2e%2e", "a" * 5_000, "ü", "\ud800", "a/b", "'; DROP TABLE people;--", " ", "?")


class Target(NamedTuple):
    """An API, and somebody who is signed in."""

    api: ApiHarness
    client: TestClient


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Return one API for all examples."""
    with lasting_api(tmp_path_factory.mktemp("garbage")) as api:
        yield Target(api, api.known("Ana")[1])


def _check(target: Target, operation: Operation, body: bytes, kind: str = "application/json") -> None:
    target.api.app.state.attempts = RateLimiter(*TOKEN_ATTEMPTS)  # guessing is not what is tested here
    if operation.path.endswith("/logout"):
        return  # it has no body, and would end the session of all further examples
    answer = target.client.request(operation.method, operation.at("d1"), content=body, headers={"content-type": kind})
    assert answer.status_code < 500, (answer.status_code, body)
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == MEDIA_TYPE
        assert answer.json().keys() >= {"type", "title", "status", "code", "detail"}


@pytest.mark.parametrize("operation", BODIED, ids=named)
@given(body=BODY)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_garbage_is_refused_and_never_a_failure(target: Target, operation: Operation, body: bytes) -> None:
    """Bytes, JSON of any shape, and bodies that are nearly right."""
    _check(target, operation, body)


@pytest.mark.parametrize("operation", BODIED, ids=named)
@pytest.mark.parametrize("body", NASTY, ids=range(len(NASTY)))
def test_what_broke_other_servers_is_refused(target: Target, operation: Operation, body: bytes) -> None:
    """NUL bytes, deep nesting, huge numbers, lone surrogates, other encodings, other media types."""
    for kind in (
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
    ):
        _check(target, operation, body, kind)


@pytest.mark.parametrize("operation", [one for one in contract() if "{" in one.path], ids=named)
@pytest.mark.parametrize("segment", SEGMENTS)
def test_no_path_breaks_the_api(target: Target, operation: Operation, segment: str) -> None:
    """An id is letters, digits and hyphens, whatever stands in its place."""
    path = operation.at(quote(segment, safe="", errors="surrogatepass"))
    assert target.client.request(operation.method, path).status_code in {404, 405, 422}
