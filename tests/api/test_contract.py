"""The contract that clients are generated from: committed, equal to the code, and never narrowed."""

import json
from copy import deepcopy
from typing import Any

import pytest

from api.app import build
from api.openapi import BASELINE, CONTRACT, dump, operations
from tests.api.conftest import ApiHarness
from tests.api.contract_changes import breaks
from tests.api.routes import PUBLIC

Document = dict[str, Any]


@pytest.fixture
def contract() -> Document:
    """Return the contract as the code describes it."""
    return build().openapi()


def test_the_committed_contract_is_the_one_of_the_code(contract: Document) -> None:
    """`python -m api.openapi` writes it."""
    assert CONTRACT.read_text() == dump(contract)


def test_no_client_of_the_baseline_breaks(contract: Document) -> None:
    """What was promised is kept; only a new major version may replace the baseline."""
    assert breaks(json.loads(BASELINE.read_text()), contract) == []


def test_the_running_app_serves_its_contract(api: ApiHarness, contract: Document) -> None:
    """A client can ask the server itself."""
    assert api.client().get("/api/openapi.json").json() == contract


def test_every_operation_has_a_stable_name_of_its_own(contract: Document) -> None:
    """Generated clients name their methods by it, so none is left to the framework."""
    names = [operation["operationId"] for _, operation in operations(contract)]
    assert len(set(names)) == len(names)
    assert not [name for name in names if "__" in name or "api" in name.split("_")]


def test_every_operation_answers_errors_as_problems(contract: Document) -> None:
    """One error type in every generated client."""
    kinds = {tuple(operation["responses"]["default"]["content"]) for _, operation in operations(contract)}
    assert kinds == {("application/problem+json",)}


def test_the_contract_says_who_may_call_what(contract: Document) -> None:
    """Every operation but the public ones names a scheme that exists, and each refusal that it may meet."""
    schemes = set(contract["components"]["securitySchemes"])
    for name, operation in operations(contract):
        named = {scheme for one in operation["security"] for scheme in one}
        assert named <= schemes
        assert bool(named) is (name not in PUBLIC)
        assert {"400", "503"} <= operation["responses"].keys()
        assert ({"401", "403"} <= operation["responses"].keys()) or name in PUBLIC


def test_a_link_leads_to_an_operation_and_fills_what_it_has(contract: Document) -> None:
    """What follows a tip, a reaction or a new source is in the contract, and each name in a link exists."""
    known = {operation["operationId"]: operation for _, operation in operations(contract)}
    links = [
        link
        for one in known.values()
        for answer in one["responses"].values()
        for link in answer.get("links", {}).values()
    ]
    assert len(links) == 7
    for link in links:
        parameters = {parameter["name"] for parameter in known[link["operationId"]].get("parameters", ())}
        assert link.get("parameters", {}).keys() <= parameters


def _without_path(document: Document) -> None:
    del document["paths"]["/api/session"]


def _without_method(document: Document) -> None:
    del document["paths"]["/api/consents"]["get"]


def _renamed(document: Document) -> None:
    document["paths"]["/api/recommend"]["post"]["operationId"] = "advise"


def _demanding(document: Document) -> None:
    document["components"]["schemas"]["ReactionIn"]["required"].append("mood")


def _narrower(document: Document) -> None:
    document["components"]["schemas"]["ReactionKind"]["enum"].remove("done")


def _poorer(document: Document) -> None:
    del document["components"]["schemas"]["TipView"]["properties"]["why_now"]


def _retyped(document: Document) -> None:
    document["components"]["schemas"]["Receipt"]["properties"]["seed"]["type"] = "string"


def _parameter(document: Document) -> None:
    document["paths"]["/api/session"]["get"]["parameters"] = [{"in": "query", "name": "page", "required": True}]


def _other_status(document: Document) -> None:
    responses = document["paths"]["/api/signals"]["post"]["responses"]
    responses["200"] = responses.pop("207")


CHANGES = (
    *(_without_path, _without_method, _renamed, _demanding, _narrower, _poorer, _retyped, _parameter, _other_status),
)


@pytest.mark.parametrize("change", CHANGES)
def test_each_kind_of_breaking_change_is_noticed(contract: Document, change: Any) -> None:
    """The comparer can fail."""
    changed = deepcopy(contract)
    change(changed)
    assert breaks(contract, changed)


def test_additions_break_nobody(contract: Document) -> None:
    """New operations, new optional fields, new answers."""
    changed = deepcopy(contract)
    changed["paths"]["/api/new"] = {"get": {"operationId": "new", "responses": {}}}
    changed["components"]["schemas"]["TipView"]["properties"]["colour"] = {"type": "string"}
    changed["components"]["schemas"]["ReactionIn"]["properties"]["note"] = {"type": "string"}
    assert breaks(contract, changed) == []


def test_the_hot_path_answers_like_the_route_behind_it(api: ApiHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shortcut changes the speed and nothing else."""
    _, ana = api.known("Ana")
    ana.post("/api/recommend")

    def answers() -> list[tuple[int, bytes, dict[str, str]]]:
        got = [ana.post("/api/recommend", content=body) for body in (b"", b"{}", b"[", b'{"trigger": 1}')]
        got.append(api.client().post("/api/recommend"))
        return [(answer.status_code, answer.content, dict(answer.headers)) for answer in got]

    fast = answers()
    shortcut = api.app.middleware_stack
    monkeypatch.setattr(api.app, "middleware_stack", None)
    guards = [guard for guard in api.app.user_middleware if "endpoints" not in guard.kwargs]
    monkeypatch.setattr(api.app, "user_middleware", guards)
    assert answers() == fast
    assert api.app.middleware_stack is not shortcut
