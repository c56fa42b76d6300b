"""Reactions: applied once a key, taken back within five seconds."""

import pytest

from tests.api.conftest import ApiHarness


def _reaction(decision: str, key: str = "k1", kind: str = "done") -> dict[str, str]:
    return {"decision_id": decision, "kind": kind, "idempotency_key": key}


def test_a_reaction_sent_twice_is_applied_once(api: ApiHarness) -> None:
    """A lost answer is no reason to count twice."""
    _, ana = api.known("Ana")
    body = _reaction(ana.post("/api/recommend").json()["decision_id"])
    first, second = (ana.post("/api/reactions", json=body).json() for _ in range(2))
    assert first == {"applied": True, "reward": 1.0, "posterior_version": 1}
    assert second == {**first, "applied": False}


def test_a_key_that_was_used_for_something_else_is_a_conflict(api: ApiHarness) -> None:
    """Idempotency never swallows another answer."""
    ana, client = api.known("Ana")
    decision = api.decide(ana)
    client.post("/api/reactions", json=_reaction(decision))
    answer = client.post("/api/reactions", json=_reaction(decision, kind="not_now"))
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_a_reaction_can_be_undone_for_five_seconds(api: ApiHarness) -> None:
    """Then it stands."""
    ana, client = api.known("Ana")
    young, old = api.decide(ana), api.decide(ana)
    client.post("/api/reactions", json=_reaction(old, "old"))
    api.wait(seconds=5.1)
    client.post("/api/reactions", json=_reaction(young, "young"))
    assert client.delete(f"/api/reactions/{young}").json()["reward"] is None
    assert [client.delete(f"/api/reactions/{decision}").status_code for decision in (young, old)] == [409, 409]


@pytest.mark.parametrize(
    "change",
    [{"kind": "maybe"}, {"idempotency_key": ""}, {"idempotency_key": "\x00"}, {"decision_id": "../x"}, {"x": 1}],
)
def test_a_reaction_that_breaks_the_contract_is_malformed(api: ApiHarness, change: dict[str, object]) -> None:
    """Extra fields included: nothing is assigned by accident."""
    _, ana = api.known("Ana")
    assert ana.post("/api/reactions", json={**_reaction("d1"), **change}).status_code == 422
