"""Who may do what: nobody without a session, nobody with somebody else's things, no other site in a person's name."""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest
from sqlalchemy import select

from data_contracts.identifiers import new_id
from infra.database.all_tables import Base
from tests.api.conftest import ORIGIN, ApiHarness
from tests.api.routes import Operation, contract, guarded, named, owned, unsafe

FOREIGN = "https://evil.example"
SITES = ("cross-site", "same-site", "same-origin", "none", None)
ORIGINS = (FOREIGN, "null", ORIGIN, f"{ORIGIN}.evil.example", None)
ADMIN_ONLY = {"/api/admin/stats", "/api/admin/learning", "/api/admin/events/stream"}
BODIES: dict[str, dict[str, object]] = {
    "/api/reactions": {"decision_id": "", "kind": "done", "idempotency_key": "k1"},
    "/api/consents": {"signal": "mood", "granted": True},
    "/api/preferences": {"budget": 2},
    "/api/signals": {"signals": []},
    "/api/sources": {"name": "watch", "form": "token", "kinds": ["mood_reported"]},
}


@pytest.mark.parametrize("operation", guarded(), ids=named)
def test_nobody_gets_in_without_a_session(api: ApiHarness, operation: Operation) -> None:
    """Every operation that is not public asks for a session first, whatever else is wrong."""
    answer = api.client().request(operation.method, operation.at(new_id(api.now[0])), content=b"{")
    assert (answer.status_code, answer.json()["code"]) in {(401, "unauthenticated"), (422, "malformed")}
    forged = api.client("0" * 64).request(operation.method, operation.at("x"), json=BODIES.get(operation.path))
    assert forged.status_code in {401, 422}


@pytest.mark.parametrize("operation", owned(), ids=named)
def test_another_persons_things_do_not_exist(api: ApiHarness, operation: Operation) -> None:
    """An id that belongs to Ana is to Ben like one that nobody has; and nothing changed for Ana."""
    ana, _ = api.known("Ana")
    _, ben = api.known("Ben")
    decision = api.decide(ana)
    foreign = ben.request(operation.method, operation.at(decision))
    unknown = ben.request(operation.method, operation.at(new_id(api.now[0])))
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json() == unknown.json()


def test_nobody_reacts_to_another_persons_tip(api: ApiHarness) -> None:
    """The one id that travels in a body is checked like those in paths."""
    ana, _ = api.known("Ana")
    _, ben = api.known("Ben")
    body = {"decision_id": api.decide(ana), "kind": "done", "idempotency_key": "k1"}
    assert ben.post("/api/reactions", json=body).status_code == 404


EMPTY = {"/api/admin/learning": 404}  # nothing was audited yet


@pytest.mark.parametrize("operation", [one for one in contract() if one.path in ADMIN_ONLY], ids=named)
def test_only_admins_see_what_is_for_admins(api: ApiHarness, operation: Operation) -> None:
    """The role is the one that the database holds."""
    _, ana = api.known("Ana")
    _, root = api.known("Root", role="admin")
    assert ana.request(operation.method, operation.path).status_code == 403
    with ThreadPoolExecutor(1) as beside:
        answering = beside.submit(root.request, operation.method, operation.path)
        while not (answering.done() or api.app.state.feed.watchers):
            time.sleep(0.01)
        api.app.state.feed.close()  # what has no end ends with the process
        assert answering.result().status_code == EMPTY.get(operation.path, 200)


def test_every_admin_path_is_only_for_admins() -> None:
    """A new operation below /api/admin joins the test above."""
    assert {one.path for one in contract() if one.path.startswith("/api/admin")} == ADMIN_ONLY


def _may_pass(site: str | None, origin: str | None) -> bool:
    if site is not None:
        return site in {"same-origin", "none"}
    return origin in {ORIGIN, None}


@pytest.mark.parametrize("operation", unsafe(), ids=named)
def test_no_other_site_acts_in_a_persons_name(api: ApiHarness, operation: Operation) -> None:
    """All 25 combinations of Sec-Fetch-Site and Origin, on every operation that changes something."""
    client = api.client()
    path = operation.at("0" * 32)
    for site, origin in product(SITES, ORIGINS):
        headers = {"sec-fetch-site": site, "origin": origin}
        answer = client.request(
            operation.method, path, headers={name: value for name, value in headers.items() if value is not None}
        )
        refused = answer.status_code == 403 and answer.json()["code"] == "cross_site"
        assert refused is not _may_pass(site, origin), (site, origin)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost:8421/#", "localhost?x", "localhost:8421@evil", "127.0.0.1.evil", "", "local host"],
)
def test_a_foreign_host_is_refused_before_anything_else(api: ApiHarness, host: str) -> None:
    """Neither DNS rebinding nor a poisoned link gets an answer."""
    answer = api.client().get("/health", headers={"host": host})
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8421", "127.0.0.1:1", "[::1]:8421", "[::1]"])
def test_this_machine_may_call_itself_by_its_usual_names(api: ApiHarness, host: str) -> None:
    """Loopback works on any port: 0 picks a free one."""
    api.app.state.services.health.probe()
    assert api.client().get("/ready", headers={"host": host}).status_code == 204


@pytest.mark.parametrize("path", [*BODIES, "/api/recommend", "/api/auth/token"])
def test_nobody_gives_themselves_a_role(api: ApiHarness, path: str) -> None:
    """A body with a field that its model lacks is malformed, and the role stays what the database holds."""
    _, ana = api.known("Ana")
    method = "PATCH" if path == "/api/preferences" else "POST"
    known = {"token": "x"} if path == "/api/auth/token" else BODIES.get(path, {})
    for field in ({"role": "admin"}, {"person": "Root"}, {"is_admin": True}):
        answer = ana.request(method, path, json={**known, **field})
        assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
    assert ana.get("/api/session").json()["role"] == "member"
    assert ana.get("/api/admin/stats").status_code == 403


@pytest.mark.parametrize("target", ["//evil.example", "/\\evil.example", "https:evil.example", "/%2f%2fevil.example"])
def test_no_redirect_leads_to_another_site(api: ApiHarness, target: str) -> None:
    """Signing in goes to the page whatever the address asks for, and a path with a slash too many stays here."""
    client = api.client()
    login = f"/login/{api.link(api.join('Ana'))}?next={target}&return_to={target}"
    answers = [
        client.post(login),
        client.post(login),
        client.get(f"{ORIGIN}/{target}/"),
    ]
    places = [answer.headers["location"] for answer in answers if "location" in answer.headers]
    assert places[:2] == ["/", "/#link-used"]
    assert [place for place in places[2:] if not place.startswith(f"{ORIGIN}/")] == []


def test_the_database_knows_no_cookie_and_no_link(api: ApiHarness) -> None:
    """Who reads every row of every table signs nobody in."""
    ana = api.join("Ana")
    sid, link = api.sign_in(ana), api.link(ana)
    api.client(sid).get("/api/session")
    with api.database.read() as session:
        rows = repr([session.execute(select(table)).all() for table in Base.metadata.tables.values()])
    assert ana in rows
    assert (sid in rows, link in rows) == (False, False)
