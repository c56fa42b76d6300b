"""What operators see: health by name, readiness, counts without people, and forced promotions in plain sight."""

from typing import Any

from data_contracts.errors import Unavailable
from data_contracts.identifiers import PolicyDigest
from infra.database.policies import learning_reports, policies
from tests.api.conftest import ApiHarness
from tests.api.fake_serving import DIGEST


def _promote(api: ApiHarness, override: str | None) -> None:
    with api.database.unit_of_work() as uow:
        policies.register(
            uow, digest=PolicyDigest(DIGEST), name="p", registry_version="1", manifest={}, metrics={}, created_us=1
        )
        policies.swap_champion(
            uow, digest=DIGEST, expected_revision=0, at_us=api.now_us, actor="test", override_reason=override
        )
        uow.commit()


def _down() -> str:
    raise Unavailable("the bridge is away")


def test_health_names_every_adapter_and_what_ails_it(api: ApiHarness) -> None:
    """A lesser adapter degrades, a vital one takes the process out of rotation."""
    client = api.client()
    health = api.app.state.services.health
    assert client.get("/ready").status_code == 503
    health.probe()
    assert client.get("/health").json()["status"] == "ok"
    health.register("bridge", _down, vital=False)
    health.probe()
    report = client.get("/health").json()
    assert (report["status"], report["checks"][-1]["detail"]) == ("degraded", "the bridge is away")
    assert client.get("/ready").status_code == 204
    health.register("writer", _down)
    health.probe()
    assert (client.get("/health").json()["status"], client.get("/ready").status_code) == ("down", 503)


def test_a_forced_promotion_stands_in_health_and_in_the_stats(api: ApiHarness) -> None:
    """Who overrides the gate does it in the open."""
    _promote(api, "the gate was down")
    api.app.state.services.health.probe()
    assert api.client().get("/health").json()["override"]["reason"] == "the gate was down"
    _, root = api.known("Root", role="admin")
    assert root.get("/api/admin/stats").json()["overrides"] == 1


def test_an_ordinary_promotion_is_no_override(api: ApiHarness) -> None:
    """Only force is named."""
    _promote(api, None)
    api.app.state.services.health.probe()
    assert api.client().get("/health").json()["override"] is None


def test_stats_count_decisions_silences_and_reactions(api: ApiHarness) -> None:
    """Totals of everybody, and no id of anybody."""
    _promote(api, None)
    person, ana = api.known("Ana")
    _, root = api.known("Root", role="admin")
    tip = ana.post("/api/recommend").json()["decision_id"]
    ana.post(f"/api/decisions/{tip}/shown")
    ana.post("/api/reactions", json={"decision_id": tip, "kind": "not_now", "idempotency_key": "k"})
    api.serving.fallback = "no_champion"
    ana.post("/api/recommend")
    answer = root.get("/api/admin/stats")
    stats = answer.json()
    assert (stats["decisions"], stats["shown"], stats["silence_rate"]) == (2, 1, 0.5)
    assert (stats["reactions"], stats["fallbacks"]) == ({"not_now": 1}, {"no_champion": 1})
    assert (stats["people"], stats["champion_digest"]) == (2, DIGEST)
    assert person not in answer.text


def test_metrics_say_what_happened_and_to_nobody(api: ApiHarness) -> None:
    """Counts and times; no label is about a person."""
    person, ana = api.known("Ana")
    ana.post("/api/recommend")
    ana.post("/api/signals", json={"signals": [1]})
    api.serving.text, api.serving.reason = None, "quiet_hours"
    api.known("Ben")[1].post("/api/recommend")
    text = api.client().get("/metrics").text
    assert 'oo_recommendations_total{answer="tip"} 1.0' in text
    assert 'oo_silences_total{reason="quiet_hours"} 1.0' in text
    assert 'oo_signals_total{status="quarantined"} 1.0' in text
    assert not [secret for secret in (person, "Ana", "quarterly") if secret in text]


def test_learning_is_what_the_flow_stored_and_absent_before(api: ApiHarness) -> None:
    """Before the first audit there is a problem with a remedy; then the newest report, unchanged, and nobody's name."""
    root = api.client(api.sign_in(api.join("root", role="admin")))
    missing = root.get("/api/admin/learning")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    assert "oo audit" in missing.json()["detail"]
    with api.database.unit_of_work() as uow:
        for at_us, people in ((api.now_us, 3), (api.now_us - 1, 2)):
            learning_reports.add(uow, at_us=at_us, body=report(people))
        uow.commit()
    found = root.get("/api/admin/learning").json()
    assert found.pop("at").startswith("20")
    assert found == report(3)


def report(people: int) -> dict[str, Any]:
    """Return what the flow stores."""
    return {
        "evidence": "live",
        "champion": None,
        "personalisation": {
            "people": people,
            "gain": 0.01,
            "p_value": 0.002,
            "verdict": "personalised",
            "personalised": 1,
            "by_chance": 0.15,
            "each": [{"tips": 40, "gain": 0.01, "p_value": 0.002, "verdict": "personalised"}],
        },
        "control": {
            "policy": "uniform",
            "difference": None,
            "low": None,
            "high": None,
            "rows": 0,
            "ess": 0.0,
            "verdict": "not enough evidence",
            "reason": "there is no champion",
        },
        "holdout": {"units": {}, "expected": {}, "chi_square": None, "p_value": None, "verdict": "as assigned"},
        "experiment": None,
        "challengers": [],
        "power": {
            "people": people,
            "rows": 9,
            "rows_a_day": 0.3,
            "needs": [],
            "verdict": "not enough evidence",
            "reason": "r",
        },
    }
