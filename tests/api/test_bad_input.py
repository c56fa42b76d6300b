"""Bad input of pushed signals: one problem per rule, never a failure, and nothing half-applied."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from api.app import push_limits
from api.errors import MEDIA_TYPE
from api.middleware.body_limit import MAX_BODY_BYTES
from api.signals.schemas import MAX_SIGNALS
from api.signals.signatures import sign
from data_contracts.identifiers import PersonId
from infra.database.all_tables import DeliveryRow, EventRow, PushSourceRow, QuarantineRow, TextRow
from tests.api.conftest import ApiHarness
from tests.api.deliveries import Webhook, mood, webhook

KEPT = (EventRow, QuarantineRow, TextRow, DeliveryRow)
SOUND = json.dumps(mood(1)).encode()


def _kept(api: ApiHarness) -> list[int]:
    with api.database.read() as session:
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in KEPT]


def _around(middle: bytes) -> bytes:
    """Return a push that begins with a sound signal, so that half of it could be applied."""
    return b'{"signals":[' + SOUND + b"," + middle + b"]}"


WHOLE: dict[str, tuple[bytes, int, str, str | None]] = {
    "half a document": (_around(SOUND)[:-1], 422, "malformed", "json_invalid"),
    "a comma too many": (_around(b""), 422, "malformed", "json_invalid"),
    "another document behind it": (_around(SOUND) + b"{}", 422, "malformed", "json_invalid"),
    "nothing": (b"", 422, "malformed", "json_invalid"),
    "no object": (b"[]", 422, "malformed", "model_type"),
    "invalid UTF-8 in a word": (_around(SOUND.replace(b"hook", b"ho\xffk")), 422, "malformed", "json_invalid"),
    "UTF-16": (_around(SOUND).decode().encode("utf-16"), 422, "malformed", "json_invalid"),
    "half a surrogate pair": (_around(b'"\\ud800"'), 422, "malformed", "json_invalid"),
    "deeper than the parser goes": (_around(b"[" * 300 + b"]" * 300), 422, "malformed", "json_invalid"),
    "deep without an end": (_around(b'{"a":' * 50_000), 422, "malformed", "json_invalid"),
    "100,000 signals": (_around(b",".join([b"1"] * 99_999)), 422, "malformed", "too_long"),
    "one signal too many": (_around(b",".join([b"1"] * MAX_SIGNALS)), 422, "malformed", "too_long"),
    "10 MB": (_around(b'"' + b"x" * 10_000_000 + b'"'), 413, "too_large", None),
    "a byte too many": (_around(SOUND).ljust(MAX_BODY_BYTES + 1), 413, "too_large", None),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_push_that_is_refused_as_a_whole_has_no_effect(api: ApiHarness, name: str) -> None:
    """Whether a person, or a webhook that signed every byte of it, brings it; the sound signal in front is not kept."""
    body, status, code, rule = WHOLE[name]
    _, ana = api.known("Ana")
    hook = webhook(api, ana)
    before = _kept(api)
    for answer in (ana.post("/api/signals", content=body), hook.send(body, hook.header(body))):
        assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE)
        problem = answer.json()
        assert problem["code"] == code
        assert rule is None or problem["errors"][0]["rule"] == rule
    assert _kept(api) == before


ONE_BY_ONE: dict[str, tuple[dict[str, Any], str]] = {
    "six minutes ahead": (mood(2, at="2026-03-04T13:06:00Z"), "future_event"),
    "the year 9999": (mood(2, at="9999-12-31T23:59:59Z"), "out_of_range"),
    "eleven years ago": (mood(2, at="2015-03-04T12:00:00Z"), "ancient_event"),
    "before the epoch": (mood(2, at="1901-01-01T00:00:00Z"), "out_of_range"),
    "no zone": (mood(2, at="2026-03-04T12:00:00"), "naive_time"),
    "an unknown kind": (mood(2, kind="thought_read"), "unknown_kind"),
    "a fact that only oO states": (mood(2, kind="consent_changed", data={"signal": "mood"}), "unknown_kind"),
    "a later version": (mood(2, version=2, weather="mild"), "newer_version"),
    "a field of tomorrow": (mood(2, data={"mood": 3, "weather": "mild"}), "unknown_field"),
    "infinity": (mood(2, data={"mood": float("inf")}), "not_finite"),
    "a very large number": (mood(2, data={"mood": 10**400}), "out_of_range"),
    "a NUL": (mood(2, id="a\u0000b"), "bad_id"),
}


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_a_signal_that_breaks_a_rule_is_named_and_stops_no_other(api: ApiHarness, name: str) -> None:
    """It is kept sealed under its rule, once, however often it comes."""
    item, rule = ONE_BY_ONE[name]
    hook = webhook(api, api.known("Ana")[1])
    before = _kept(api)
    for _ in range(2):
        verdicts = hook.push(mood(1), item, mood(3)).json()
        assert [verdict["rule"] for verdict in verdicts] == [None, rule, None]
        api.wait(seconds=1)
    assert _kept(api) == [before[0] + 2, before[1] + 1, before[2], before[3] + 2]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
ITEM = JSON | st.builds(
    mood,
    st.integers(0, 5),
    source=st.sampled_from(["hook", "phone", "", None]),
    kind=st.sampled_from(["mood_reported", "habit_logged", "task_changed", "x", None]),
    at=st.sampled_from(["2026-03-04T12:00:00Z", "2026-03-04T12:00:00", "", None, 5]),
    data=st.dictionaries(st.sampled_from(["mood", "energy", "habit"]), JSON, max_size=3) | JSON,
    version=st.sampled_from([1, 1, 1, 2, None, "1"]),
)
BODY = st.binary(max_size=200) | st.lists(ITEM, max_size=6).map(lambda items: json.dumps({"signals": items}).encode())
HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=80)
MUTATED = st.tuples(st.integers(0, 85), st.characters(min_codepoint=33, max_codepoint=126))


@given(body=BODY, mutation=st.none() | MUTATED, header=st.none() | HEADER, ahead_s=st.integers(-400, 400))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_delivered_is_taken_in_whole_or_not_at_all(
    fuzzed: Webhook, body: bytes, mutation: tuple[int, str] | None, header: str | None, ahead_s: int
) -> None:
    """Any body, sound or spoilt signatures: what the answer says is what is stored, and a replay says it again."""
    fuzzed.api.app.state.push_limits = push_limits()  # guessing is not what is tested here
    signed = header if header is not None else fuzzed.header(body, ahead_s=ahead_s)
    if mutation is not None and header is None:
        place, character = mutation
        signed = signed[:place] + character + signed[place + 1 :]
    before = _accepted(fuzzed.api)
    answer = fuzzed.send(body, signed.encode("latin-1"))  # type: ignore[arg-type]  # what a socket would carry
    assert answer.status_code in {207, 401, 422}
    if answer.status_code != 207:
        assert answer.headers["content-type"] == MEDIA_TYPE
        assert _accepted(fuzzed.api) == before
        return
    verdicts = answer.json()
    assert len(verdicts) == len(json.loads(body)["signals"])
    accepted = {
        fuzzed.api.vault.subject_key(_owner(fuzzed.api), "signal_id", verdict["id"])
        for verdict in verdicts
        if verdict["status"] == "accepted"
    }
    assert _accepted(fuzzed.api) - before == accepted
    assert fuzzed.send(body, signed.encode("latin-1")).content == answer.content  # type: ignore[arg-type]  # as above


@pytest.fixture
def fuzzed(api: ApiHarness) -> Webhook:
    """Return a webhook for many examples."""
    return webhook(api, api.known("Ana")[1], kinds=("mood_reported", "habit_logged"))


def _owner(api: ApiHarness) -> PersonId:
    with api.database.read() as session:
        return PersonId(session.scalars(select(PushSourceRow.person)).one())


def _accepted(api: ApiHarness) -> set[str]:
    source = api.vault.subject_key(_owner(api), "signal_source", "hook")
    with api.database.read() as session:
        return set(session.scalars(select(EventRow.id).where(EventRow.source == source)))


def test_the_signature_is_the_one_that_other_languages_make() -> None:
    """`printf '1700000000.{}' | openssl dgst -sha256 -hmac secret` says the same."""
    expected = "b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163"
    at_s = int(datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC).timestamp())
    assert sign(b"secret", at_s, b"{}") == expected
