"""How much of a body is read: little before the sender is known, a push in full once the sender is."""

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from api.middleware.body_limit import MAX_BODY_BYTES, STRANGER_BODY_BYTES, TOKEN_BODY_BYTES
from tests.api.conftest import ApiHarness, lasting_api
from tests.api.deliveries import Webhook, device, mood, webhook
from tests.api.raw_requests import Exchange, declared, exchange, pieces, streamed
from tests.api.routes import Operation, every_route, guarded, named, unsafe

HUGE = 8 * MAX_BODY_BYTES
PIECE = 4_096


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiHarness]:
    """Return one API for every route."""
    with lasting_api(tmp_path_factory.mktemp("bodies")) as api:
        yield api


def _send(api: ApiHarness, operation: Operation, *, told: bool, total: int) -> Exchange:
    headers = declared(total) if told else streamed()
    return exchange(api.app, operation.method, operation.at("0" * 32), headers=headers, body=pieces(total, PIECE))


@pytest.mark.parametrize("told", [True, False], ids=["declared", "streamed"])
@pytest.mark.parametrize("operation", every_route(), ids=named)
def test_a_strangers_body_is_not_read_beyond_the_cap(shared: ApiHarness, operation: Operation, told: bool) -> None:
    """On every route of the route table, below the largest push and above it; the token's route reads 4 KiB."""
    cap = TOKEN_BODY_BYTES if operation.path == "/api/auth/token" else STRANGER_BODY_BYTES
    for total in (MAX_BODY_BYTES - 1, HUGE):
        answer = _send(shared, operation, told=told, total=total)
        assert answer.taken <= cap + PIECE
        unready = {503} if operation.path == "/ready" else set()  # on a loaded machine a probe's result may be old
        assert answer.status in ({401, 413} if operation in guarded() else {200, 204, 303, 413} | unready)


@pytest.mark.parametrize("operation", unsafe(), ids=named)
def test_a_signed_in_persons_body_is_not_read_beyond_the_cap_either(shared: ApiHarness, operation: Operation) -> None:
    """Only pushes are large; nothing else that a person sends fills 64 KiB."""
    cookie = ("cookie", f"{shared.app.state.sessions.cookie}={shared.sign_in(shared.join(named(operation)))}")
    cap = MAX_BODY_BYTES if operation.path == "/api/signals" else STRANGER_BODY_BYTES
    headers = [cookie, *streamed()]
    answer = exchange(shared.app, operation.method, operation.at("x"), headers=headers, body=pieces(HUGE, PIECE))
    assert answer.taken <= cap + PIECE
    assert answer.status < 500


@pytest.mark.parametrize("who", ["session", "token", "signature"])
@pytest.mark.parametrize("told", [True, False], ids=["declared", "streamed"])
def test_a_large_push_of_a_known_sender_is_read_to_its_end(api: ApiHarness, who: str, told: bool) -> None:
    """A mebibyte, with a session, with a source's token, and signed."""
    _, owner = api.known("Ana")
    body = json.dumps({"signals": [mood(1)]}).encode().rjust(MAX_BODY_BYTES)
    proof = {
        "session": lambda: {"cookie": f"sid={api.sign_in(api.join('Ben'))}"},
        "token": lambda: {"authorization": f"Bearer {device(api, owner, name='hook')[1]}"},
        "signature": lambda: _signed(webhook(api, owner), body),
    }[who]()
    target = proof.pop("target", "/api/signals")
    headers = [*proof.items(), *(declared(len(body)) if told else streamed())]
    parts = [body[start : start + PIECE] for start in range(0, len(body), PIECE)]
    answer = exchange(api.app, "POST", target, headers=headers, body=parts)
    assert (answer.status, answer.taken) == (207, MAX_BODY_BYTES)
    assert json.loads(answer.body)[0]["status"] == "accepted"


def _signed(hook: Webhook, body: bytes) -> dict[str, str]:
    address = urlsplit(hook.url)
    return {"target": f"{address.path}?{address.query}", "x-oo-signature": hook.header(body)}


def test_a_signed_push_to_no_source_is_refused_unread(api: ApiHarness) -> None:
    """The source is looked up by the address in the query, before a byte of the body."""
    hook = webhook(api, api.known("Ana")[1])
    headers = [("x-oo-signature", hook.header(b" ")), *streamed()]
    for target in ("/api/signals", f"/api/signals?source={'0' * 32}"):
        answer = exchange(api.app, "POST", target, headers=headers, body=pieces(HUGE))
        assert (answer.status, answer.taken) == (401, 0)
