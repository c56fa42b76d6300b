"""What an administrator reads of single people leaves an entry in the audit log."""

from collections.abc import Iterable, Iterator

import pytest
from fastapi import Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.admin import endpoints
from api.app import build
from api.dependencies import require_admin
from api.sources.owners import find_owner
from infra.database.audit import audit_log
from infra.database.policies import learning_reports
from tests.api.conftest import ApiHarness
from tests.api.test_operations import report

# what each route that an administrator may ask adds; None: it says nothing about one person
ENTRY = {
    "GET /api/admin/stats": None,
    "GET /api/admin/events/stream": "events_watched",
    "GET /api/admin/learning": "learning_read",
    "GET /api/sources": "sources_listed",
    "POST /api/sources": "source_added",
    "POST /api/sources/{source}/rotate": "source_rotated",
    "DELETE /api/sources/{source}": "source_revoked",
}


def _calls(dependant: Dependant) -> Iterator[object]:
    yield dependant.call
    for below in dependant.dependencies:
        yield from _calls(below)


def _routes(routes: Iterable[object]) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        yield from _routes(getattr(getattr(route, "original_router", None), "routes", ()))  # of an included router


def _for_administrators() -> list[str]:
    found = []
    for route in _routes(build().routes):
        if {require_admin, find_owner} & set(_calls(route.dependant)):
            found += [f"{method} {route.path}" for method in sorted(route.methods or ())]
    return found


def test_every_route_for_administrators_says_what_it_adds() -> None:
    """A new one must be entered here, and so decide whether it shows something of a person."""
    assert sorted(_for_administrators()) == sorted(ENTRY)


@pytest.mark.parametrize("name", ENTRY)
def test_a_read_of_single_people_is_an_entry(api: ApiHarness, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly the one that the table names, by `admin`, and it names nobody."""
    monkeypatch.setattr(endpoints, "EventStream", lambda *_, **__: Response())  # the real one has no end
    person, ana = api.known("Ana")
    api.known("Root", role="admin")
    root = api.client(api.sign_in(api.join("Admin", role="admin")))
    source = {"name": "watch", "form": "token", "kinds": ["mood_reported"]}
    if not name.startswith("POST /api/sources") or "{" in name:
        assert ana.post("/api/sources", json=source).status_code == 201
    with api.database.unit_of_work() as uow:
        learning_reports.add(uow, at_us=api.now_us, body=report(3))
        uow.commit()
    before = _entries(api)
    method, path = name.split(" ")
    body = {"json": source} if name == "POST /api/sources" else {}
    whose = {"person": "Ana"} if path.startswith("/api/sources") else {}
    answer = root.request(method, path.replace("{source}", "watch"), params=whose, **body)
    assert answer.is_success, answer.text
    added = [entry for entry in _entries(api) if entry not in before]
    assert [(actor, action) for actor, action, _ in added] == ([("admin", ENTRY[name])] if ENTRY[name] else [])
    assert not [detail for *_, detail in added if person in detail or "Ana" in detail]


def _entries(api: ApiHarness) -> list[tuple[str, str, str]]:
    with api.database.read() as session:
        return [(row.actor, row.action, f"{row.id} {row.detail}") for row in audit_log.newest(session)]
