"""Signed deliveries: only what its source signed lately gets in, and a replay does nothing."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from api.signals import signatures
from api.signals.validation import judge
from data_contracts.errors import BadSignature
from data_contracts.identifiers import PersonId, SubjectKey
from infra.database.all_tables import EventRow, PersonRow, PushSourceRow
from infra.database.events import events
from infra.database.maintenance import erasure
from infra.database.push_sources import deliveries
from tests.api.conftest import ApiHarness
from tests.api.deliveries import Webhook, device, mood, webhook

BODY = json.dumps({"signals": [mood(1)]}).encode()


@pytest.fixture
def hook(api: ApiHarness) -> Webhook:
    """Return a webhook of Ana's."""
    return webhook(api, api.known("Ana")[1])


def _hook(api: ApiHarness) -> str:
    """Return how events name the webhook as their source."""
    return api.vault.subject_key(_person(api), "signal_source", "hook")


def _stored(api: ApiHarness) -> list[str]:
    """Return the ids that the webhook chose, of the events that it brought, in order."""
    ana = _person(api)
    chosen = {api.vault.subject_key(ana, "signal_id", f"m{number}"): f"m{number}" for number in range(500)}
    with api.database.read() as session:
        statement = select(EventRow.id).where(EventRow.source == _hook(api)).order_by(EventRow.sequence)
        return [chosen[SubjectKey(row)] for row in session.scalars(statement)]


def _person(api: ApiHarness) -> PersonId:
    with api.database.read() as session:
        return PersonId(session.scalars(select(PushSourceRow.person)).one())


def test_a_signed_delivery_is_taken_in(api: ApiHarness, hook: Webhook) -> None:
    """No session, no token: the signature is the proof."""
    answer = hook.push(mood(1), mood(2, mood=9))
    assert [(one["id"], one["status"]) for one in answer.json()] == [("m1", "accepted"), ("m2", "quarantined")]
    assert _stored(api) == ["m1"]


def _without(hook: Webhook) -> str:
    return hook.header(BODY).partition(",")[0]


FORGED: dict[str, Callable[[Webhook], tuple[bytes, str]]] = {
    "another secret": lambda hook: (BODY, hook.header(BODY, secrets=("oo_whs_" + "0" * 64,))),
    "another body": lambda hook: (BODY.replace(b"3", b"5"), hook.header(BODY)),
    "a space more": lambda hook: (BODY + b" ", hook.header(BODY)),
    "another charset": lambda hook: (BODY.decode().encode("utf-16"), hook.header(BODY)),
    "another time": lambda hook: (BODY, _moved(hook)),
    "no value": lambda hook: (BODY, _without(hook)),
    "no time": lambda hook: (BODY, hook.header(BODY).partition(",")[2]),
    "two times": lambda hook: (BODY, "t=1," + hook.header(BODY)),
    "another scheme": lambda hook: (BODY, hook.header(BODY).replace("v1=", "v0=")),
    "half a value": lambda hook: (BODY, hook.header(BODY)[:-1]),
    "a time with a sign": lambda hook: (BODY, hook.header(BODY).replace("t=", "t=+")),
    "an old way to write the time": lambda hook: (BODY, hook.header(BODY).replace("t=", "t=0")),
    "nothing": lambda _: (BODY, ""),
    "too many values": lambda hook: (BODY, hook.header(BODY, secrets=("x",) * 8 + (hook.secret,))),
    "a time without end": lambda hook: (BODY, "t=" + "9" * 5_000 + "," + hook.header(BODY).partition(",")[2]),
}


def _moved(hook: Webhook) -> str:
    time, _, value = hook.header(BODY).partition(",")
    return f"t={int(time[2:]) + 1},{value}"


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_delivery_is_refused(api: ApiHarness, hook: Webhook, name: str) -> None:
    """One problem for each of them, which does not say how near it was."""
    body, header = FORGED[name](hook)
    answer = hook.send(body, header)
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_signature")
    assert _stored(api) == []
    assert hook.send(BODY, hook.header(BODY)).status_code == 207


def test_every_byte_of_a_header_counts(hook: Webhook) -> None:
    """No change of one character of the signature passes."""
    sound = hook.header(BODY)
    at = sound.index("v1=") + 3
    changed = [
        sound[:place] + ("0" if sound[place] != "0" else "1") + sound[place + 1 :] for place in range(at, at + 64)
    ]
    signed = [signatures.read(header) for header in changed]
    for one in signed:
        with pytest.raises(BadSignature):
            signatures.require_known(one, BODY, [hook.secret.encode()])
    signatures.require_known(signatures.read(sound), BODY, [hook.secret.encode()])


@pytest.mark.parametrize(("ahead_s", "status"), [(-300, 207), (-301, 401), (300, 207), (301, 401), (-(10**9), 401)])
def test_a_signature_holds_for_five_minutes(api: ApiHarness, hook: Webhook, ahead_s: int, status: int) -> None:
    """Older ones may be replays, later ones would be for too long."""
    answer = hook.send(BODY, hook.header(BODY, ahead_s=ahead_s))
    assert answer.status_code == status
    assert status == 207 or answer.json()["code"] == "stale_signature"
    assert len(_stored(api)) == (status == 207)


def test_a_replay_is_answered_like_the_first_time_and_does_nothing(api: ApiHarness, hook: Webhook) -> None:
    """Not even `duplicate`: the sender cannot tell that its answer got lost; also with another value added."""
    header = hook.header(BODY)
    first, hooked = hook.send(BODY, header), _hook(api)
    with api.database.unit_of_work() as uow:  # what a second effect would bring back
        gone = uow.session.execute(delete(EventRow).where(EventRow.source == hooked).returning(EventRow.id))
        assert len(gone.all()) == 1
        uow.commit()
    api.wait(minutes=4)
    again = [hook.send(BODY, header), hook.send(BODY, f"{header},v1={'0' * 64}")]
    assert [answer.content for answer in again] == [first.content] * 2
    assert first.json()[0]["status"] == "accepted"
    assert _stored(api) == []
    api.wait(minutes=2)
    assert hook.send(BODY, header).json()["code"] == "stale_signature"


def test_a_delivery_that_is_signed_again_is_another_one(api: ApiHarness, hook: Webhook) -> None:
    """A sender that retries signs anew; its events are known by their ids."""
    assert hook.push(mood(1)).json()[0]["status"] == "accepted"
    api.wait(seconds=1)
    assert hook.push(mood(1)).json()[0]["status"] == "duplicate"
    assert _stored(api) == ["m1"]


def test_a_large_delivery_is_remembered_with_its_last_effect(
    api: ApiHarness, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What dies between two transactions is taken up again, and nothing is in twice."""
    items = [mood(number) for number in range(450)]
    body = json.dumps({"signals": items}).encode()
    header = hook.header(body)
    with monkeypatch.context() as broken:
        broken.setattr(deliveries, "remember", _fail)
        assert hook.send(body, header).status_code == 500
    assert len(_stored(api)) == 400
    statuses = [verdict["status"] for verdict in hook.send(body, header).json()]
    assert statuses == ["duplicate"] * 400 + ["accepted"] * 50
    assert [verdict["status"] for verdict in hook.send(body, header).json()] == statuses
    assert len(_stored(api)) == 450


def _fail(*_: object, **__: object) -> None:
    raise ZeroDivisionError


def test_replays_at_once_have_one_effect_and_one_answer(api: ApiHarness, hook: Webhook) -> None:
    """Whoever is first, everybody hears the same."""
    body = json.dumps({"signals": [mood(number) for number in range(50)]}).encode()
    header = hook.header(body)
    clients = [api.client() for _ in range(4)]
    with ThreadPoolExecutor(4) as callers:
        answers = list(callers.map(lambda client: hook._replace(client=client).send(body, header), clients))
    assert [answer.status_code for answer in answers] == [207] * 4
    assert len({answer.content for answer in answers}) == 1
    assert len(_stored(api)) == 50


def test_a_body_that_is_no_push_is_refused_after_its_signature(hook: Webhook) -> None:
    """Who is not known learns nothing about what is wrong."""
    for body in (b"", b"{", b"[]", b"\xff\xfe", b'{"signals": [], "more": 1}'):
        assert hook.send(body, hook.header(body)).status_code == 422
        assert hook.send(body, "t=1,v1=" + "0" * 64).status_code == 401
        hook.api.wait(minutes=2)


def test_one_credential_at_a_time_and_no_second_try(api: ApiHarness, hook: Webhook) -> None:
    """A wrong signature is not saved by a session, and a header that comes twice proves nothing."""
    _, ana = api.known("Ben")
    wrong = {"X-OO-Signature": "t=1,v1=" + "0" * 64}
    assert ana.post("/api/signals", json={"signals": []}, headers=wrong).status_code == 401
    token = {"authorization": "Bearer oo_tok_" + "0" * 64}
    assert ana.post("/api/signals", json={"signals": []}, headers=token).status_code == 401
    twice = [("X-OO-Signature", hook.header(BODY)), ("X-OO-Signature", hook.header(BODY))]
    assert hook.client.post(hook.url, content=BODY, headers=twice).status_code == 401
    proxied = {"authorization": "Basic cHJveHk6cGFzcw=="}
    assert ana.post("/api/signals", json={"signals": []}, headers=proxied).status_code == 207


def test_an_address_alone_opens_nothing(api: ApiHarness, hook: Webhook) -> None:
    """It stands in logs of others: unknown ones, doubled ones and those of devices are refused like wrong secrets."""
    header = hook.header(BODY)
    owner = api.known("Ben")[1]
    device(api, owner)
    with api.database.read() as session:
        ids = session.connection().exec_driver_sql("SELECT id FROM push_sources WHERE form = 'token'").scalars().all()
    addresses = [
        "/api/signals",
        "/api/signals?source=" + "0" * 32,
        "/api/signals?source=%00",
        f"/api/signals?source={ids[0]}",
        f"{hook.url}&source={ids[0]}",
    ]
    answers = [hook._replace(url=address).send(BODY, header) for address in addresses]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(401, "bad_signature")}
    assert hook.client.post(hook.url, content=BODY).json()["code"] == "unauthenticated"


def test_a_secret_that_cannot_be_opened_is_no_fault_of_the_sender(api: ApiHarness, hook: Webhook) -> None:
    """It is told to come again; a new secret mends it."""
    for key in (api.settings.keys / "people").iterdir():
        key.unlink()
    answer = hook.send(BODY, hook.header(BODY))
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "retry-after" in answer.headers


def test_an_erased_persons_sources_are_gone_and_what_they_send_late_as_well(api: ApiHarness) -> None:
    """A late delivery and a replay are refused, and no row comes back."""
    ana, owner = api.known("Ana")
    hook, (watch, _) = webhook(api, owner), device(api, owner)
    header = hook.header(BODY)
    hook.send(BODY, header)
    erasure.erase(api.database, api.vault, ana, now_us=api.now_us)
    late = [hook.send(BODY, header), hook.push(mood(2)), watch.post("/api/signals", json={"signals": []})]
    assert [answer.status_code for answer in late] == [401] * 3
    with api.database.read() as session:
        assert erasure.leftovers(session, ana) == {}


def test_who_is_erased_in_the_middle_of_a_push_gets_nothing_more_in(
    api: ApiHarness, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused signal is not kept for somebody who is leaving, and the answer is a refusal, no failure."""
    ana = _person(api)

    def judge_then_erase(item: Any, *args: Any, **more: Any) -> object:
        judged = judge(item, *args, **more)
        with api.database.unit_of_work() as uow:
            erasure.begin(uow, ana)
            uow.commit()
        return judged

    monkeypatch.setattr("api.signals.service.judge", judge_then_erase)
    answer = hook.push("garbage")
    assert (answer.status_code, answer.json()["code"]) == (403, "erased_person")
    with api.database.read() as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM quarantine").scalar_one() == 0
        assert events.after(session, ana, 0, 1) != []


def test_a_consent_that_is_withdrawn_during_a_push_holds_at_once(
    api: ApiHarness, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signals are judged again, each by its rule; the push as a whole does not fail."""
    ana = _person(api)

    def judge_then_withdraw(item: Any, *args: Any, **more: Any) -> object:
        judged = judge(item, *args, **more)
        with api.database.unit_of_work() as uow:
            uow.session.execute(update(PersonRow).where(PersonRow.person == ana).values(consent_mask=0))
            uow.commit()
        return judged

    monkeypatch.setattr("api.signals.service.judge", judge_then_withdraw)
    answer = hook.push(mood(1))
    assert (answer.status_code, answer.json()[0]["rule"]) == (207, "consent_missing")
    assert _stored(api) == []
