"""What every answer of every route carries, whoever asks and whatever goes wrong: headers, cookies, `Allow`."""

import re
from collections.abc import Iterator
from itertools import groupby

import pytest

from api.errors import MEDIA_TYPE
from api.middleware.security_headers import HEADERS
from api.page.endpoints import SHELL
from tests.api.conftest import ADMIN_TOKEN, ApiHarness, lasting_api
from tests.api.raw_requests import Exchange, exchange
from tests.api.routes import Operation, every_route, named

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
PATHS = {
    path: {operation.method for operation in operations}
    for path, operations in groupby(sorted(every_route(), key=lambda one: one.path), key=lambda one: one.path)
}
ENDLESS = "/api/admin/events/stream"
COOKIE = re.compile(r"__Host-sid=[0-9a-f]*; Path=/; Max-Age=\d+; HttpOnly; SameSite=Lax; Secure")


@pytest.fixture(scope="module", params=["http://localhost:8421", "https://oo.example"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiHarness]:
    """Return one API for every route, on this machine and behind TLS."""
    with lasting_api(tmp_path_factory.mktemp("answers"), public_url=request.param) as api:
        api.join("Root", role="admin")
        yield api


def _ask(api: ApiHarness, method: str, path: str, *headers: tuple[str, str]) -> Exchange:
    return exchange(api.app, method, path, headers=[("content-length", "2"), *headers], body=[b"{}"])


def _everybodys(api: ApiHarness, operation: Operation) -> Iterator[Exchange]:
    """Yield what a stranger, an administrator, another site and another host are answered."""
    path, cookie = operation.at("0" * 32), api.app.state.sessions.cookie
    with api.database.read() as session:
        root = session.connection().exec_driver_sql("SELECT person FROM people WHERE role = 'admin'").scalar_one()
    yield _ask(api, operation.method, path)
    yield _ask(api, operation.method, path, ("sec-fetch-site", "cross-site"))
    yield _ask(api, operation.method, path, ("host", "evil.example"))
    yield _ask(api, operation.method, path, ("content-length", "1" * 12))
    yield _ask(api, "BREW", path)
    yield _ask(api, "OPTIONS", path)
    if operation.path != ENDLESS:  # whose answer to an administrator has a test of its own
        yield _ask(api, operation.method, path, ("cookie", f"{cookie}={api.sign_in(root)}"))


@pytest.mark.parametrize("operation", every_route(), ids=named)
def test_every_answer_carries_the_security_headers_once(shared: ApiHarness, operation: Operation) -> None:
    """Answers, redirects and refusals alike; over TLS strict transport security as well, and never who serves."""
    expected = dict(HEADERS)
    if shared.settings.url.startswith("https"):
        expected["strict-transport-security"] = "max-age=31536000"
    for answer in _everybodys(shared, operation):
        assert {name: answer.headers.get(name) for name in expected} == expected
        assert ("strict-transport-security" in answer.headers) is ("strict-transport-security" in expected)
        assert "server" not in answer.headers


@pytest.mark.parametrize("operation", every_route(), ids=named)
def test_no_cache_keeps_an_answer_but_the_files_of_the_page(shared: ApiHarness, operation: Operation) -> None:
    """The login page and its redirect included; the files hold no word about anybody and are asked for each time."""
    for answer in _everybodys(shared, operation):
        file = operation.path in SHELL and answer.status in {200, 304}
        assert answer.headers["cache-control"] == ("no-cache" if file else "no-store")


def test_an_answer_that_nobody_foresaw_is_not_kept_either(api: ApiHarness) -> None:
    """Nor an unknown path, a redirect to a path without a slash, and the stream of events."""
    _, ana = api.known("Ana")
    api.serving.failure = ZeroDivisionError()
    answers = [ana.post("/api/recommend"), ana.get("/nowhere"), ana.get("/api/session/"), ana.get(ENDLESS)]
    assert [answer.status_code for answer in answers] == [500, 404, 307, 403]
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}


def _signed_in_and_out(api: ApiHarness) -> list[str]:
    """Return every Set-Cookie of signing in by a link, by the admin token, and of signing out."""
    client, ana = api.client(), api.join("Ana")
    answers = [client.post(f"/login/{api.link(ana)}"), client.post("/api/auth/token", json={"token": ADMIN_TOKEN})]
    cookie = f"{api.app.state.sessions.cookie}={api.sign_in(ana)}"
    answers.append(api.client().post("/api/auth/logout", headers={"cookie": cookie}))
    return [cookie for answer in answers for cookie in answer.headers.get_list("set-cookie")]


def test_every_cookie_is_out_of_reach_of_scripts_and_other_sites(shared: ApiHarness) -> None:
    """On every route: three set one, all others none; over TLS it belongs to this host alone."""
    cookies = _signed_in_and_out(shared)
    strict = shared.settings.url.startswith("https")
    expected = COOKIE if strict else re.compile(COOKIE.pattern.replace("__Host-", "").replace("; Secure", ""))
    assert len(cookies) == 3
    assert [cookie for cookie in cookies if not expected.fullmatch(cookie)] == []
    for operation in every_route():
        if operation.path != "/api/auth/logout":
            assert [one for one in _everybodys(shared, operation) if "set-cookie" in one.headers] == []


@pytest.mark.parametrize("path", PATHS)
def test_a_path_says_which_methods_it_takes(shared: ApiHarness, path: str) -> None:
    """All of them, to who asks by OPTIONS and to who tries another one, whichever of its routes comes first."""
    taken = ", ".join(method for method in METHODS if method in PATHS[path])
    target = Operation("", path).at("0" * 32)
    asked = _ask(shared, "OPTIONS", target)
    assert (asked.status, asked.headers["allow"], asked.body) == (204, taken, b"")
    for method in {*METHODS, "BREW"} - PATHS[path]:
        refused = _ask(shared, method, target)
        assert (refused.status, refused.headers["allow"]) == (405, taken)
        assert refused.headers["content-type"] == MEDIA_TYPE
