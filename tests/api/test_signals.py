"""Signals in: a verdict for each, the sound ones durable, words sealed, and nothing without consent."""

from typing import Any

import pytest

from api.signals.schemas import MAX_SIGNALS
from data_contracts.features import CONSENT_SIGNALS, Source
from data_contracts.identifiers import PersonId, SubjectKey
from infra.database.events import events, quarantine
from infra.database.people import consents, texts
from tests.api.conftest import ApiHarness

TITLE = "call the notary about the house"


def _task(number: int, **data: Any) -> dict[str, Any]:
    fields = {"task": f"t{number}", "title": TITLE, "state": "open", **data}
    return {
        "id": f"s{number}",
        "kind": "task_changed",
        "at": "2026-03-04T12:00:00+00:00",
        "source": "phone",
        "data": fields,
    }


def _mood(number: int, mood: object = 3) -> dict[str, Any]:
    return {**_task(number), "id": f"m{number}", "kind": "mood_reported", "data": {"mood": mood}}


def _stored(api: ApiHarness, person: PersonId) -> list[str]:
    chosen = {str(api.vault.subject_key(person, "signal_id", name)): name for name in ("s1", "m1", "m2")}
    phone = api.vault.subject_key(person, "signal_source", "phone")
    with api.database.read() as session:
        return [chosen[row.event.id] for row in events.after(session, person, 0, 100) if row.event.source == phone]


def test_each_signal_gets_its_own_verdict_in_order(api: ApiHarness) -> None:
    """One broken signal neither stops nor hides the sound ones."""
    ana, client = api.known("Ana")
    items = [_task(1), _mood(1, mood=9), _task(1), "garbage", {"id": 5}, _mood(2)]
    answer = client.post("/api/signals", json={"signals": items})
    assert answer.status_code == 207
    assert answer.json() == [
        {"id": "s1", "status": "accepted", "rule": None},
        {"id": "m1", "status": "quarantined", "rule": "out_of_range"},
        {"id": "s1", "status": "duplicate", "rule": None},
        {"id": None, "status": "quarantined", "rule": "not_an_object"},
        {"id": None, "status": "quarantined", "rule": "missing_field"},
        {"id": "m2", "status": "accepted", "rule": None},
    ]
    assert _stored(api, ana) == ["s1", "m2"]


def test_the_same_push_twice_changes_nothing(api: ApiHarness) -> None:
    """A client may send again whatever it is not sure of."""
    ana, client = api.known("Ana")
    body = {"signals": [_task(1), _mood(1, mood=9)]}
    first, second = (client.post("/api/signals", json=body).json() for _ in range(2))
    assert [verdict["status"] for verdict in first] == ["accepted", "quarantined"]
    assert [verdict["status"] for verdict in second] == ["duplicate", "quarantined"]
    with api.database.read() as session:
        assert len(quarantine.list_for(session, ana)) == 1


def test_a_large_push_is_taken_whole(api: ApiHarness) -> None:
    """Small transactions, one answer."""
    ana, client = api.known("Ana")
    items = [{**_mood(number), "source": "phone"} for number in range(450)]
    answer = client.post("/api/signals", json={"signals": items})
    assert {verdict["status"] for verdict in answer.json()} == {"accepted"}
    with api.database.read() as session:
        assert len(events.after(session, ana, 0, 1_000)) >= 450


def test_more_signals_than_the_contract_allows_are_refused_together(api: ApiHarness) -> None:
    """10,000 at a time."""
    _, client = api.known("Ana")
    answer = client.post("/api/signals", json={"signals": [1] * (MAX_SIGNALS + 1)})
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")


def test_without_consent_a_signal_leaves_no_byte(api: ApiHarness) -> None:
    """Not in events, not among texts, not even sealed in quarantine; the other signals go on."""
    ana = api.join("Ana", granted=tuple(signal for signal in CONSENT_SIGNALS if signal is not Source.TASKS))
    answer = api.client(api.sign_in(ana)).post("/api/signals", json={"signals": [_task(1), _mood(1)]})
    assert [(verdict["status"], verdict["rule"]) for verdict in answer.json()] == [
        ("quarantined", "consent_missing"),
        ("accepted", None),
    ]
    with api.database.read() as session:
        assert quarantine.list_for(session, ana) == []
    assert _stored(api, ana) == ["m1"]


def test_a_title_is_sealed_apart_from_its_event_and_bound_to_its_subject(api: ApiHarness) -> None:
    """The event holds a keyed hash, the text opens only as what it is, and only for seven days."""
    ana, client = api.known("Ana")
    client.post("/api/signals", json={"signals": [_task(1)]})
    subject = api.vault.subject_key(ana, "task", "t1")
    with api.database.read() as session:
        consented = consents.require(session, ana, Source.TASKS)
        box = texts.find(session, consented, [subject], now_us=api.now_us)[subject]
        assert texts.find(session, consented, [subject], now_us=api.now_us + texts.TEXT_US) == {}
        payloads = [row.event.SerializeToString() for row in events.after(session, ana, 0, 100)]
    assert api.vault.open(ana, texts.field_of(SubjectKey(subject)), box).decode() == TITLE
    assert TITLE.encode() not in b"".join([*payloads, box])


def test_a_refused_signal_is_kept_sealed(api: ApiHarness) -> None:
    """It can be mended, and it can be read by nobody else."""
    ana, client = api.known("Ana")
    client.post("/api/signals", json={"signals": [_task(1, priority=99)]})
    with api.database.read() as session:
        (row,) = quarantine.list_for(session, ana)
    assert (row.rule, TITLE.encode() in row.box) == ("out_of_range", False)
    assert TITLE.encode() in api.vault.open(ana, quarantine.field_of(row.id), row.box)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'{"signals": {}}', b'{"signals": [], "more": 1}'])
def test_a_body_that_is_no_list_of_signals_is_malformed(api: ApiHarness, body: bytes) -> None:
    """Only the list itself can make the whole push fail."""
    _, client = api.known("Ana")
    assert client.post("/api/signals", content=body).status_code == 422
