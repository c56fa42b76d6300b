"""One tip, its receipt, and what the answer looks like."""

from data_contracts.errors import Unavailable
from tests.api.conftest import ApiHarness
from tests.api.fake_serving import RECEIPT, TEXT


def test_an_answer_has_exactly_the_fields_of_the_contract(api: ApiHarness) -> None:
    """A client can rely on the shape, tip or not."""
    _, ana = api.known("Ana")
    answer = ana.post("/api/recommend")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert sorted(answer.json()) == ["decision_id", "fallback", "reason", "repeated", "tip"]
    tip = answer.json()["tip"]
    assert sorted(tip) == ["effort_min", "expires_at", "id", "kind", "text", "topic", "why", "why_now"]
    assert (tip["text"], tip["expires_at"]) == (TEXT, "2026-03-04T14:00:00Z")


def test_silence_has_a_reason_and_no_tip(api: ApiHarness) -> None:
    """The page can say why it is black."""
    _, ana = api.known("Ana")
    api.serving.text, api.serving.reason = None, "quiet_hours"
    answer = ana.post("/api/recommend", json={"trigger": "unsolicited"}).json()
    assert (answer["tip"], answer["reason"]) == (None, "quiet_hours")


def test_an_open_tip_is_repeated_under_its_own_decision(api: ApiHarness) -> None:
    """Reloading does not roll again."""
    _, ana = api.known("Ana")
    first, second = (ana.post("/api/recommend").json() for _ in range(2))
    assert second == {**first, "repeated": True}


def test_a_tip_counts_as_first_shown_once(api: ApiHarness) -> None:
    """Only the first report of a tip is news."""
    _, ana = api.known("Ana")
    decision = ana.post("/api/recommend").json()["decision_id"]
    shown = [ana.post(f"/api/decisions/{decision}/shown").json() for _ in range(2)]
    assert shown == [{"first": True}, {"first": False}]


def test_a_receipt_names_what_counted(api: ApiHarness) -> None:
    """Why has numbers behind it."""
    _, ana = api.known("Ana")
    decision = ana.post("/api/recommend").json()["decision_id"]
    receipt = ana.get(f"/api/decisions/{decision}/receipt").json()
    assert sorted(receipt) == [
        *("explored", "features", "left_out", "policy_digest", "posterior_version", "probability", "seed"),
    ]
    assert [row["name"] for row in receipt["features"]] == [feature.name for feature in RECEIPT.features]
    assert sorted(receipt["features"][0]) == ["age_s", "contribution", "masked", "name", "source", "value"]


def test_a_person_without_a_decision_writer_is_told_to_come_back(api: ApiHarness) -> None:
    """What cannot be made durable is not answered."""
    _, ana = api.known("Ana")
    api.serving.failure = Unavailable("too many decisions wait to be written")
    answer = ana.post("/api/recommend")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "unavailable", "5")


def test_a_wrong_trigger_is_malformed(api: ApiHarness) -> None:
    """The hot path reads its body as strictly as all others."""
    _, ana = api.known("Ana")
    bodies: tuple[object, ...] = ({"trigger": "shout"}, {"other": 1}, [], 5)
    answers = [ana.post("/api/recommend", json=body) for body in bodies]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(422, "malformed")}
