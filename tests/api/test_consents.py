"""Consent: listed with its purpose, withdrawn as easily as granted, holding at the next request."""

from data_contracts.features import CONSENT_SIGNALS, SOURCES
from infra.database.events import events
from infra.database.people import consents
from tests.api.conftest import ApiHarness


def test_everything_that_can_be_allowed_is_listed_with_its_purpose(api: ApiHarness) -> None:
    """Nobody consents to a word that they have not read."""
    client = api.client(api.sign_in(api.join("Ana", granted=())))
    listed = client.get("/api/consents").json()["consents"]
    assert listed == [
        {"signal": signal.value, "purpose": SOURCES[signal].purpose, "granted": False} for signal in CONSENT_SIGNALS
    ]


def test_a_withdrawal_holds_at_the_next_request_and_is_an_event(api: ApiHarness) -> None:
    """What was accepted a moment ago is refused now."""
    ana, client = api.known("Ana")
    mood = {"id": "m1", "kind": "mood_reported", "at": "2026-03-04T12:00:00Z", "source": "x", "data": {"mood": 3}}
    api.wait(minutes=1)
    changed = client.post("/api/consents", json={"signal": "mood", "granted": False}).json()["consents"]
    assert [row["signal"] for row in changed if not row["granted"]] == ["mood"]
    assert client.post("/api/signals", json={"signals": [mood]}).json()[0]["rule"] == "consent_missing"
    with api.database.read() as session:
        newest = events.after(session, ana, 0, 100)[-1].event.consent_changed
        assert (newest.signal, newest.granted) == ("mood", False)
        assert consents.history(session, ana)[-1].surface == "api"


def test_only_known_signals_can_be_allowed(api: ApiHarness) -> None:
    """The clock needs no consent, and a role is no consent."""
    _, client = api.known("Ana")
    bodies: tuple[dict[str, object], ...] = (
        {"signal": "clock", "granted": True},
        {"signal": "mood", "granted": True, "role": "admin"},
        {"signal": "mood", "granted": "yes"},
    )
    assert [client.post("/api/consents", json=body).status_code for body in bodies] == [422, 422, 422]
