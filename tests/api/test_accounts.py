"""Coming in and going out: one-time links, the admin token, sessions that end everywhere at once."""

import json
from datetime import timedelta

import pytest
from pydantic import ValidationError

from api.accounts.session_store import Session
from infra.database.audit import audit_log
from infra.database.people import access_tokens, people
from infra.settings import Settings
from tests.api.conftest import ADMIN_TOKEN, ApiHarness, MakeApi


def _audited(api: ApiHarness) -> list[str]:
    with api.database.read() as session:
        return [line.action for line in audit_log.newest(session)]


def test_a_link_signs_in_once_and_only_by_its_button(api: ApiHarness) -> None:
    """A preview that follows the link uses nothing up; the button does, once."""
    browser = api.client()
    path = f"/login/{api.link(api.join('Ana'))}"
    assert [browser.get(path).status_code for _ in range(2)] == [200, 200]
    first = browser.post(path)
    assert (first.status_code, first.headers["location"]) == (303, "/")
    assert browser.get("/api/session").json()["name"] == "Ana"
    again = api.client().post(path)
    assert (again.headers["location"], "set-cookie" in again.headers) == ("/#link-used", False)


def test_an_old_link_is_worth_nothing(api: ApiHarness) -> None:
    """Ten minutes, then it is over."""
    path = f"/login/{api.link(api.join('Ana'))}"
    api.wait(minutes=10)
    assert api.client().post(path).headers["location"] == "/#link-used"


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(make_api: MakeApi) -> None:
    """Plain http gets `sid`; https gets the stricter `__Host-sid`, and then `sid` is worth nothing."""
    plain, secure = make_api(), make_api(public_url="https://oo.example")
    ana = plain.join("Ana")
    cookie = plain.client().post(f"/login/{plain.link(ana)}").headers["set-cookie"]
    assert cookie.startswith("sid=")
    assert cookie.endswith("; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax")
    strict = secure.client().post(f"/login/{secure.link(ana)}").headers["set-cookie"]
    assert strict.startswith("__Host-sid=")
    assert strict.endswith("HttpOnly; SameSite=Lax; Secure")
    client = secure.client()
    client.cookies.set("sid", secure.sign_in(ana))
    assert client.get("/api/session").status_code == 401


def test_signing_in_makes_a_new_session(api: ApiHarness) -> None:
    """A cookie that was planted before is not the one after."""
    ana = api.join("Ana")
    browser = api.client("f" * 64)
    browser.post(f"/login/{api.link(ana)}")
    assert browser.cookies["sid"] != "f" * 64
    assert api.client("f" * 64).get("/api/session").status_code == 401


def test_signing_out_ends_the_session_and_empties_the_browser(api: ApiHarness) -> None:
    """A stolen cookie is worth nothing afterwards, not even on the path that remembers sessions."""
    ana = api.join("Ana")
    sid, phone = api.sign_in(ana), api.client(api.sign_in(ana))
    desktop = api.client(sid)
    assert [client.post("/api/recommend").status_code for client in (desktop, phone)] == [200, 200]
    gone = desktop.post("/api/auth/logout")
    assert (gone.status_code, gone.headers["clear-site-data"]) == (204, '"cache", "storage"')
    assert [api.client(sid).post(path).status_code for path in ("/api/recommend", "/api/auth/logout")] == [401, 401]
    assert phone.post("/api/recommend").status_code == 200


def test_a_revoked_session_ends_at_its_next_request_on_every_replica(make_api: MakeApi) -> None:
    """The epoch that comes with the packed read says so, without a read of sessions."""
    here, there = make_api(), make_api()
    ana = here.join("Ana")
    sid, other = here.sign_in(ana), here.sign_in(ana)
    remembered = [there.client(sid), there.client(other)]
    assert [client.post("/api/recommend").status_code for client in remembered] == [200, 200]
    here.client(sid).post("/api/auth/logout")
    assert [client.post("/api/recommend").status_code for client in remembered] == [401, 200]


def test_revoking_a_person_ends_all_their_sessions(api: ApiHarness) -> None:
    """Also the remembered ones."""
    person, ana = api.known("Ana")
    assert ana.post("/api/recommend").status_code == 200
    with api.database.unit_of_work() as uow:
        people.revoke_sessions(uow, person=person)
        uow.commit()
    assert [ana.post("/api/recommend").status_code, ana.get("/api/session").status_code] == [401, 401]


def test_a_session_ends_when_it_idles_and_when_it_is_old(api: ApiHarness) -> None:
    """Two timers; use moves only the first."""
    _, idle = api.known("Ana")
    _, busy = api.known("Ben")
    for _ in range(5):
        api.wait(days=6)
        assert busy.post("/api/recommend").status_code == (200 if api.now[0].month == 3 else 401)
    assert idle.post("/api/recommend").status_code == 401


def test_a_session_is_remembered_by_the_hot_path_only_for_a_while(api: ApiHarness) -> None:
    """A remembered session costs no read; after an hour it is read again."""
    _, ana = api.known("Ana")
    ana.post("/api/recommend")
    reads: list[str] = []
    load = api.app.state.sessions.load

    def counted(sid: str) -> Session | None:
        reads.append(sid)
        found: Session | None = load(sid)
        return found

    api.app.state.sessions.load = counted
    ana.post("/api/recommend")
    assert reads == []
    api.wait(hours=1)
    ana.post("/api/recommend")
    assert len(reads) == 1


def test_the_admin_token_opens_a_day_without_a_person(api: ApiHarness) -> None:
    """Automated tools see what admins see, and have no tips."""
    tool = api.client()
    answer = tool.post("/api/auth/token", json={"token": ADMIN_TOKEN})
    assert (answer.status_code, answer.content) == (204, b"")
    assert "Max-Age=86400; HttpOnly" in answer.headers["set-cookie"]
    assert tool.get("/api/admin/stats").status_code == 200
    assert tool.get("/api/session").json()["role"] == "admin"
    assert tool.post("/api/recommend").json()["code"] == "forbidden"
    api.now[0] += timedelta(days=1)
    assert tool.get("/api/admin/stats").status_code == 401
    assert _audited(api) == ["admin_session_opened"]


def test_a_wrong_admin_token_is_refused_audited_and_soon_slowed_down(api: ApiHarness) -> None:
    """Five guesses a minute, whatever the caller claims to be; beyond that not even an audit line is written."""
    tool = api.client()
    guesses = [
        tool.post("/api/auth/token", json={"token": f"{n}" * 40}, headers={"x-forwarded-for": f"10.0.0.{n}"})
        for n in range(7)
    ]
    assert [guess.status_code for guess in guesses] == [401] * 5 + [429] * 2
    assert int(guesses[-1].headers["retry-after"]) in range(1, 62)
    assert _audited(api) == ["admin_session_refused"] * 5
    api.wait(seconds=61)
    assert tool.post("/api/auth/token", json={"token": "x" * 40}).status_code == 401


def test_no_failure_of_others_locks_the_right_admin_token_out(api: ApiHarness) -> None:
    """While every guess is answered 429, the right token opens a session, and it uses up no attempt."""
    tool = api.client()
    guesses = [tool.post("/api/auth/token", json={"token": f"{n}" * 40}).status_code for n in range(9)]
    assert guesses[-1] == 429
    opened = [tool.post("/api/auth/token", json={"token": ADMIN_TOKEN}).status_code for _ in range(9)]
    assert opened == [204] * 9
    api.wait(seconds=61)
    assert tool.post("/api/auth/token", json={"token": "x" * 40}).status_code == 401


def test_the_admin_token_is_off_unless_set(make_api: MakeApi) -> None:
    """Nobody guesses what does not exist."""
    off = make_api(admin_token=None).client()
    assert off.post("/api/auth/token", json={"token": ""}).status_code == 404
    with pytest.raises(ValidationError, match="at least 32 bytes"):
        Settings.model_validate({"admin_token": "short"})


def test_no_answer_and_no_audit_line_repeats_a_secret(api: ApiHarness) -> None:
    """Neither the token nor a cookie comes back in a body, and the database holds only hashes."""
    tool = api.client()
    secret = "my wrong but precious admin token!!"
    bodies = [tool.post("/api/auth/token", json=body).text for body in ({"token": secret}, {"token": secret, "x": 1})]
    assert not [body for body in bodies if secret in body]
    with api.database.read() as session:
        kept = [json.dumps(line.detail) + line.actor for line in audit_log.newest(session)]
        sid = api.sign_in(api.join("Ana"))
        assert access_tokens.find_session(session, sid[::-1], now_us=api.now_us) is None
    assert not [line for line in kept if secret in line]
