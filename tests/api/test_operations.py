"""What operators see: health by name, readiness, counts without people, and forced promotions in plain sight."""

from data_contracts.errors import Unavailable
from data_contracts.identifiers import PolicyDigest
from infra.database import policies
from tests.api.conftest import Door
from tests.api.fake_serving import DIGEST


def _promote(door: Door, override: str | None) -> None:
    with door.database.unit_of_work() as uow:
        policies.register(
            uow, digest=PolicyDigest(DIGEST), name="p", registry_version="1", manifest={}, metrics={}, created_us=1
        )
        policies.swap_champion(
            uow, digest=DIGEST, expected_revision=0, at_us=door.now_us, actor="test", override_reason=override
        )
        uow.commit()


def _down() -> str:
    raise Unavailable("the bridge is away")


def test_health_names_every_adapter_and_what_ails_it(door: Door) -> None:
    """A lesser adapter degrades, a vital one takes the process out of rotation."""
    client = door.client()
    assert client.get("/health").json()["status"] == "ok"
    door.app.state.parts.health.register("bridge", _down, vital=False)
    report = client.get("/health").json()
    assert (report["status"], report["checks"][1]["detail"]) == ("degraded", "the bridge is away")
    assert client.get("/ready").status_code == 204
    door.app.state.parts.health.register("writer", _down)
    assert (client.get("/health").json()["status"], client.get("/ready").status_code) == ("down", 503)


def test_a_forced_promotion_stands_in_health_and_in_the_stats(door: Door) -> None:
    """Who overrides the gate does it in the open."""
    _promote(door, "the gate was down")
    assert door.client().get("/health").json()["override"]["reason"] == "the gate was down"
    _, root = door.known("Root", role="admin")
    assert root.get("/api/admin/stats").json()["overrides"] == 1


def test_an_ordinary_promotion_is_no_override(door: Door) -> None:
    """Only force is named."""
    _promote(door, None)
    assert door.client().get("/health").json()["override"] is None


def test_stats_count_decisions_silences_and_reactions(door: Door) -> None:
    """Totals of everybody, and no id of anybody."""
    _promote(door, None)
    person, ana = door.known("Ana")
    _, root = door.known("Root", role="admin")
    tip = ana.post("/api/recommend").json()["decision_id"]
    ana.post(f"/api/decisions/{tip}/shown")
    ana.post("/api/reactions", json={"decision_id": tip, "kind": "not_now", "idempotency_key": "k"})
    door.serving.fallback = "no_champion"
    ana.post("/api/recommend")
    answer = root.get("/api/admin/stats")
    stats = answer.json()
    assert (stats["decisions"], stats["shown"], stats["silence_rate"]) == (2, 1, 0.5)
    assert (stats["reactions"], stats["fallbacks"]) == ({"not_now": 1}, {"no_champion": 1})
    assert (stats["people"], stats["champion_digest"]) == (2, DIGEST)
    assert person not in answer.text


def test_metrics_say_what_happened_and_to_nobody(door: Door) -> None:
    """Counts and times; no label is about a person."""
    person, ana = door.known("Ana")
    ana.post("/api/recommend")
    ana.post("/api/signals", json={"signals": [1]})
    text = door.client().get("/metrics").text
    assert 'oo_recommendations_total{answer="tip"} 1.0' in text
    assert 'oo_signals_total{status="quarantined"} 1.0' in text
    assert not [secret for secret in (person, "Ana", "quarterly") if secret in text]
