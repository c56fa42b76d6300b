"""Sources: minted by their person, known by a hash, good for one thing, and gone when they are revoked."""

import json
from collections import Counter

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from infra.database.all_tables import Base
from infra.database.audit import audit_log
from infra.database.events import events
from infra.database.push_sources import push_sources
from tests.api.conftest import ADMIN_TOKEN, ApiHarness
from tests.api.deliveries import device, mint, mood, webhook
from tests.api.routes import Operation, guarded, named

TABLES = [Base.metadata.tables[name] for name in ("push_sources", "push_keys", "audit", "deliveries")]
ELSEWHERE = [one for one in guarded() if named(one) != "POST /api/signals"]


def _rows(api: ApiHarness) -> str:
    with api.database.read() as session:
        return repr([session.execute(select(table)).all() for table in TABLES])


def _audited(api: ApiHarness) -> Counter[str]:
    with api.database.read() as session:
        return Counter(f"{line.actor}: {line.action}" for line in audit_log.newest(session))


def test_a_device_pushes_with_its_token_and_nothing_else(api: ApiHarness) -> None:
    """Its signals are its person's."""
    ana, owner = api.known("Ana")
    watch, _ = device(api, owner)
    answer = watch.post("/api/signals", json={"signals": [mood(1, "watch")]})
    assert (answer.status_code, answer.json()[0]["status"]) == (207, "accepted")
    with api.database.read() as session:
        stored = {row.event.source for row in events.after(session, ana, 0, 100)}
    assert api.vault.subject_key(ana, "signal_source", "watch") in stored


@pytest.mark.parametrize("operation", ELSEWHERE, ids=named)
def test_a_token_opens_no_other_endpoint(api: ApiHarness, operation: Operation) -> None:
    """Neither what a person may do nor what an admin may: without a session it is nobody."""
    _, owner = api.known("Root", role="admin")
    watch, _ = device(api, owner)
    answer = watch.request(operation.method, operation.at("x"), json={})
    assert (answer.status_code, answer.json()["code"]) in {(401, "unauthenticated"), (422, "malformed")}
    hook = webhook(api, owner)
    headers = {"X-OO-Signature": hook.header(b"{}")}
    assert api.client().request(operation.method, operation.at("x"), content=b"{}", headers=headers).status_code in {
        401,
        422,
    }


def test_a_source_brings_only_its_kinds_under_its_own_name(api: ApiHarness) -> None:
    """What oversteps is refused one by one, and not a byte of it is kept."""
    ana, owner = api.known("Ana")
    watch, _ = device(api, owner)
    habit = {**mood(2, "watch"), "kind": "habit_logged", "data": {"habit": "canary habit"}}
    items = [mood(1, "phone"), habit, mood(3, "watch"), {**mood(4, "watch"), "kind": "unheard"}]
    verdicts = watch.post("/api/signals", json={"signals": items}).json()
    assert [verdict["rule"] for verdict in verdicts] == ["foreign_source", "kind_not_allowed", None, "unknown_kind"]
    with api.database.read() as session:
        kept = session.connection().exec_driver_sql("SELECT source, rule FROM quarantine").all()
        (source,) = push_sources.list_for(session, api.vault, ana)
    assert [tuple(row) for row in kept] == [(source.id, "unknown_kind")]


def test_consent_still_decides_what_a_source_may_bring(api: ApiHarness) -> None:
    """Minting a source grants nothing."""
    ana = api.join("Ana", granted=())
    watch, _ = device(api, api.client(api.sign_in(ana)))
    verdicts = watch.post("/api/signals", json={"signals": [mood(1, "watch")]}).json()
    assert verdicts[0]["rule"] == "consent_missing"


def test_the_database_knows_no_credential(api: ApiHarness) -> None:
    """A token by its hash, a signing secret under the person's key; and no audit line names either, or the person."""
    ana, owner = api.known("Ana")
    _, token = device(api, owner)
    hook = webhook(api, owner)
    hook.push(mood(1))
    rows = _rows(api)
    assert not [secret for secret in (token, token[7:], hook.secret, hook.secret[7:]) if secret in rows]
    with api.database.read() as session:
        lines = [json.dumps(line.detail) for line in audit_log.newest(session)]
    assert not [line for line in lines if ana in line or "watch" in line or hook.url[-32:] in line]
    listed = owner.get("/api/sources")
    assert not [secret for secret in (token, hook.secret) if secret in listed.text]


def test_a_sealed_secret_is_bound_to_its_row(api: ApiHarness) -> None:
    """Who can write to the database cannot make one source's secret another's, nor one person's another's."""
    _, owner = api.known("Ana")
    hooks = [webhook(api, owner, name="a"), webhook(api, owner, name="b"), webhook(api, api.known("Ben")[1])]
    keys = Base.metadata.tables["push_keys"]
    with api.database.unit_of_work() as uow:
        rows = list(uow.session.execute(select(keys.c.id, keys.c.box)))
        for (key, _), (_, other) in zip(rows, rows[1:] + rows[:1], strict=True):
            uow.session.execute(update(keys).where(keys.c.id == key).values(box=other))
        uow.commit()
    assert [hook.push().status_code for hook in hooks] == [503] * 3


def test_revoking_ends_a_source_at_its_next_push(api: ApiHarness) -> None:
    """The other sources go on, and a name can be given again."""
    _, owner = api.known("Ana")
    watch, _ = device(api, owner)
    other, _ = device(api, owner, name="phone")
    hook = webhook(api, owner)
    assert [owner.delete(f"/api/sources/{name}").status_code for name in ("watch", "hook", "watch")] == [204, 204, 404]
    assert [watch.post("/api/signals", json={"signals": []}).status_code, hook.push().status_code] == [401, 401]
    assert other.post("/api/signals", json={"signals": []}).status_code == 207
    assert [source["name"] for source in owner.get("/api/sources").json()["sources"]] == ["phone"]
    device(api, owner)
    assert _audited(api) == {
        "person: source_added": 4,
        "person: source_revoked": 2,
        "door: source_refused": 1,
    }


def test_a_rotated_credential_works_beside_the_new_one_for_a_day(api: ApiHarness) -> None:
    """Nothing is lost while a device learns its new token, and then the old one is worth nothing."""
    _, owner = api.known("Ana")
    watch, old = device(api, owner)
    new = owner.post("/api/sources/watch/rotate").json()["credential"]

    def tried(token: str) -> int:
        headers = {"authorization": f"Bearer {token}"}
        return int(api.client().post("/api/signals", json={"signals": []}, headers=headers).status_code)

    assert (tried(old), tried(new), old != new) == (207, 207, True)
    api.wait(days=1)
    assert (tried(old), tried(new), watch.get("/api/session").status_code) == (401, 207, 401)


def test_a_webhook_may_sign_with_either_secret_while_it_is_rotated(api: ApiHarness) -> None:
    """The sender signs with both, or changes over at a moment of its own."""
    _, owner = api.known("Ana")
    hook = webhook(api, owner)
    new = owner.post("/api/sources/hook/rotate").json()["credential"]
    body = b'{"signals": []}'
    headers = [hook.header(body, secrets=secrets) for secrets in ((hook.secret,), (new,), ("x", new), (new, "x"))]
    assert [hook.send(body, header).status_code for header in headers] == [207] * 4
    api.wait(days=1)
    headers = [hook.header(body, secrets=secrets) for secrets in ((hook.secret,), (hook.secret, new))]
    assert [hook.send(body, header).status_code for header in headers] == [401, 207]


def test_another_persons_sources_do_not_exist(api: ApiHarness) -> None:
    """A name is unique per person, and so is what it opens."""
    ana, owner = api.known("Ana")
    _, ben = api.known("Ben")
    watch, _ = device(api, owner)
    assert ben.get("/api/sources").json() == {"sources": []}
    assert [ben.delete("/api/sources/watch").status_code, ben.post("/api/sources/watch/rotate").status_code] == [
        404
    ] * 2
    theirs, _ = device(api, ben)
    theirs.post("/api/signals", json={"signals": [mood(1, "watch")]})
    with api.database.read() as session:
        stored = {row.event.source for row in events.after(session, ana, 0, 100)}
    assert api.vault.subject_key(ana, "signal_source", "watch") not in stored
    assert watch.post("/api/signals", json={"signals": []}).status_code == 207


def test_an_admin_may_name_whose_sources_are_meant_and_leaves_a_line(api: ApiHarness) -> None:
    """Also the admin token's session, which has no person; a member may not."""
    _, owner = api.known("Ana")
    _, ben = api.known("Ben")
    device(api, owner)
    tool = api.client()
    tool.post("/api/auth/token", json={"token": ADMIN_TOKEN})
    assert tool.get("/api/sources").status_code == 403
    assert ben.get("/api/sources?person=Ana").status_code == 403
    assert [source["name"] for source in tool.get("/api/sources?person=Ana").json()["sources"]] == ["watch"]
    assert tool.delete("/api/sources/watch?person=Nobody").status_code == 404
    assert [tool.get(f"/api/sources?person={name}").status_code for name in ("%00", "", "x" * 81)] == [422] * 3
    assert tool.delete("/api/sources/watch?person=Ana").status_code == 204
    said = {"admin_token: admin_session_opened": 1, "person: source_added": 1}
    assert _audited(api) == {**said, "admin: sources_listed": 1, "admin: source_revoked": 1}


@pytest.mark.parametrize(
    "wish",
    [
        {"name": "", "form": "token", "kinds": ["mood_reported"]},
        {"name": "a b", "form": "token", "kinds": ["mood_reported"]},
        {"name": "x" * 65, "form": "token", "kinds": ["mood_reported"]},
        {"name": "x", "form": "telepathy", "kinds": ["mood_reported"]},
        {"name": "x", "form": "token", "kinds": []},
        {"name": "x", "form": "token", "kinds": ["consent_changed"]},
        {"name": "x", "form": "token", "kinds": ["mood_reported"], "person": "Ben"},
    ],
)
def test_a_wish_that_breaks_a_rule_mints_nothing(api: ApiHarness, wish: dict[str, object]) -> None:
    """Names as signals bear them, kinds that exist, and nobody else's name in the body."""
    _, owner = api.known("Ana")
    answer = owner.post("/api/sources", json=wish)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
    assert owner.get("/api/sources").json() == {"sources": []}


def test_a_name_is_taken_once_and_there_is_an_end_to_sources(api: ApiHarness) -> None:
    """A second `watch` would be two devices under one name."""
    _, owner = api.known("Ana")
    for number in range(32):
        mint(owner, name=f"s{number}", form="token")
    wish = {"form": "token", "kinds": ["mood_reported"]}
    answers = [owner.post("/api/sources", json={"name": name, **wish}) for name in ("s1", "s32")]
    assert [answer.status_code for answer in answers] == [409, 409]


def test_a_credential_is_not_kept_by_caches(api: ApiHarness) -> None:
    """The one answer that holds it says so."""
    _, owner = api.known("Ana")
    answer = owner.post("/api/sources", json={"name": "w", "form": "token", "kinds": ["mood_reported"]})
    assert answer.headers["cache-control"] == "no-store"


def test_it_is_seen_when_a_source_was_last_in_use(api: ApiHarness) -> None:
    """To the hour: a write costs more than the look."""
    _, owner = api.known("Ana")
    watch, _ = device(api, owner)

    def seen() -> object:
        return owner.get("/api/sources").json()["sources"][0]["seen_at"]

    assert seen() is None
    watch.post("/api/signals", json={"signals": []})
    first = seen()
    api.wait(minutes=30)
    watch.post("/api/signals", json={"signals": []})
    assert seen() == first is not None
    api.wait(minutes=31)
    watch.post("/api/signals", json={"signals": []})
    assert seen() != first


def _guess(client: TestClient, number: int) -> int:
    headers = {"authorization": f"Bearer oo_tok_{number:064x}", "x-forwarded-for": f"10.0.0.{number}"}
    return int(client.post("/api/signals", json={"signals": []}, headers=headers).status_code)


def test_who_guesses_credentials_is_soon_slowed_down_and_nobody_else(api: ApiHarness) -> None:
    """Ten a minute, whatever the caller claims to be; a device behind the same address goes on."""
    _, owner = api.known("Ana")
    watch, _ = device(api, owner)
    guesses = [_guess(api.client(), number) for number in range(11)]
    assert guesses == [401] * 10 + [429]
    assert webhook(api, owner).send(b"{}", "t=1,v1=" + "0" * 64).status_code == 429
    assert watch.post("/api/signals", json={"signals": []}).status_code == 207
    api.wait(seconds=61)
    assert _guess(api.client(), 12) == 401


def test_one_source_cannot_flood_the_api(api: ApiHarness) -> None:
    """A device in a loop is told to wait, and the others are not."""
    _, owner = api.known("Ana")
    watch, phone = device(api, owner)[0], device(api, owner, name="phone")[0]
    pushes = api.app.state.push_limits.pushes
    object.__setattr__(pushes, "each", 3)
    answers = [watch.post("/api/signals", json={"signals": []}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [207] * 3 + [429]
    assert int(answers[-1].headers["retry-after"]) in range(1, 62)
    assert phone.post("/api/signals", json={"signals": []}).status_code == 207


def test_refused_credentials_are_audited_once_an_hour_for_each_source(api: ApiHarness) -> None:
    """Refused credentials are audited at a limited rate; the lines name a source by its hash, if there is one."""
    _, owner = api.known("Ana")
    hook, stranger = webhook(api, owner), api.client()
    stranger.headers["authorization"] = f"Bearer oo_tok_{'0' * 64}"
    for _ in range(3):
        assert hook.send(b"{}", hook.header(b"another")).status_code == 401
        assert stranger.post("/api/signals", json={"signals": []}).status_code == 401
    assert _audited(api)["door: source_refused"] == 2
    api.wait(minutes=60)
    assert hook.send(b"{}", hook.header(b"another")).status_code == 401
    with api.database.read() as session:
        lines = audit_log.newest(session, action="source_refused")
    assert sorted(line.detail.get("form", "none of ours") for line in lines) == ["none of ours", "webhook", "webhook"]
    assert len({line.detail["source"] for line in lines}) == 2
