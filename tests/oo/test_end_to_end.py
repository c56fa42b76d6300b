"""The whole way over the real API, on both databases."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from api.app import create_app
from data_contracts.decisions import Decision, unpack
from data_contracts.features import CONSENT_SIGNALS
from data_contracts.identifiers import DecisionId, PersonId
from infra.database.all_tables import PersonRow
from infra.database.decisions import decisions
from oo.actions.replay import replay_all, standing_now
from oo.runtime import Runtime
from oo.ui.api_client import ApiClient, served
from oo.ui.sign_in_link import login_url
from serving.explain.replay import part_of, recompute
from tests.oo.conftest import SettableClock

TITLE = "Call the roofer"


@pytest.fixture
def resident(runtime: Runtime) -> PersonRow:
    """Return somebody who lives here."""
    return runtime.people.settle_in("ada", "Europe/Vienna", role="admin")


@pytest.fixture
def client(runtime: Runtime, resident: PersonRow) -> Iterator[ApiClient]:
    """Return a signed-in client of the API on loopback."""
    runtime.serving.start()
    with served(create_app(runtime.settings, runtime.serving.services)) as address:
        client = ApiClient(login_url(runtime, PersonId(resident.person), address))
        try:
            yield client
        finally:
            client.close()


def task(number: int, now: datetime, title: str = TITLE) -> dict[str, Any]:
    """Return a task that is due tonight, as a client posts it."""
    data = {"task": f"roof-{number}", "state": "open", "priority": 4, "title": title}
    data["due"] = (now + timedelta(hours=6)).isoformat()
    return {"id": f"signal-{number}", "kind": "task_changed", "at": now.isoformat(), "source": "app", "data": data}


def first_tip(client: ApiClient, clock: SettableClock) -> Any:
    """Ask at each quarter hour until there is a tip."""
    for _ in range(24):
        answer = client.post("/api/recommend")
        if answer["tip"] is not None:
            return answer
        clock.pass_time(minutes=15)
    pytest.fail("there was no tip in six hours")


def record(runtime: Runtime, person: str, decision: str) -> Decision:
    """Return the record of a decision."""
    with runtime.database.read() as session:
        return unpack(decisions.get(session, PersonId(person), DecisionId(decision)).record)


def chances(runtime: Runtime, logged: Decision, version: int) -> list[float]:
    """Return the probabilities of a logged situation under the posterior of a version."""
    policy = runtime.learning.policy_cache.get(logged.policy_digest)
    asked = replace(logged, posterior_version=version)
    with runtime.database.read() as session:
        choice = recompute(asked, policy, part_of(session, asked, policy))
    return [float(each) for each in choice.probabilities]


def test_signal_to_tip_to_reaction_changes_probabilities_and_replays(
    runtime: Runtime, resident: PersonRow, client: ApiClient, clock: SettableClock
) -> None:
    """Signal, tip, reaction, changed posterior, equal replay."""
    for signal in CONSENT_SIGNALS:
        client.post("/api/consents", {"signal": signal.value, "granted": True})
    verdicts = client.post("/api/signals", {"signals": [task(1, clock.now)]})
    assert [(verdict["id"], verdict["status"]) for verdict in verdicts] == [("signal-1", "accepted")]

    answer = first_tip(client, clock)
    decision = answer["decision_id"]
    client.post(f"/api/decisions/{decision}/shown")
    before = standing_now(runtime, resident, DecisionId(decision)).probability
    told = client.get(f"/api/decisions/{decision}/receipt")
    seen = {feature["name"]: (feature["value"], feature["masked"]) for feature in told["features"]}
    assert seen["tasks_open"] == (1.0, False)
    assert told["probability"] == pytest.approx(before)

    wish = {"decision_id": decision, "kind": "done", "idempotency_key": "tap-1"}
    result = client.post("/api/reactions", wish)
    assert (result["applied"], result["posterior_version"]) == (True, 1)
    assert client.post("/api/reactions", wish)["applied"] is False
    assert standing_now(runtime, resident, DecisionId(decision)).probability != before

    clock.pass_time(hours=1)
    client.post("/api/signals", {"signals": [task(2, clock.now, "Pay the plumber")]})
    later = client.post("/api/recommend")
    logged = record(runtime, resident.person, later["decision_id"])
    assert logged.posterior_version == 1
    assert chances(runtime, logged, 1) == logged.probabilities.tolist()
    assert chances(runtime, logged, 0) != logged.probabilities.tolist()

    replays = replay_all(runtime, resident)
    assert len(replays) >= 2
    assert all(replay.equal for replay in replays)
