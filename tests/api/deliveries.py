"""Devices and webhooks as they really come in: with a token, or with a signature over the exact bytes."""

import json
from typing import Any, NamedTuple

from httpx import Response
from starlette.testclient import TestClient

from api.signals.signatures import sign
from tests.api.conftest import ApiHarness

MOODS = ("mood_reported",)


class Webhook(NamedTuple):
    """A source that signs, and a client that nobody is signed in with."""

    api: ApiHarness
    client: TestClient
    url: str
    secret: str

    def header(self, body: bytes, *, ahead_s: int = 0, secrets: tuple[str, ...] = ()) -> str:
        """Return the header of a delivery, signed with its own secret or with others."""
        at_s = int(self.api.now[0].timestamp()) + ahead_s
        values = [f"v1={sign(secret.encode(), at_s, body)}" for secret in secrets or (self.secret,)]
        return ",".join([f"t={at_s}", *values])

    def send(self, body: bytes, header: str) -> Response:
        """Deliver these bytes under this header."""
        answer: Response = self.client.post(self.url, content=body, headers={"X-OO-Signature": header})
        return answer

    def push(self, *items: Any) -> Response:
        """Deliver signals as the webhook would."""
        body = json.dumps({"signals": items}).encode()
        return self.send(body, self.header(body))


def mood(number: int, source: str = "hook", **fields: Any) -> dict[str, Any]:
    """Return a mood of a source."""
    data = {"mood": 3}
    return {
        "id": f"m{number}",
        "kind": "mood_reported",
        "at": "2026-03-04T12:00:00Z",
        "source": source,
        "data": data,
        **fields,
    }


def mint(client: TestClient, *, name: str, form: str, kinds: tuple[str, ...] = MOODS) -> Any:
    """Return what the API says when a person adds a source."""
    answer = client.post("/api/sources", json={"name": name, "form": form, "kinds": kinds})
    assert answer.status_code == 201, answer.text
    return answer.json()


def webhook(api: ApiHarness, owner: TestClient, *, name: str = "hook", kinds: tuple[str, ...] = MOODS) -> Webhook:
    """Add a webhook."""
    minted = mint(owner, name=name, form="webhook", kinds=kinds)
    return Webhook(api, api.client(), minted["source"]["push_url"], minted["credential"])


def device(
    api: ApiHarness, owner: TestClient, *, name: str = "watch", kinds: tuple[str, ...] = MOODS
) -> tuple[TestClient, str]:
    """Add a device and return its client, and its token."""
    token = str(mint(owner, name=name, form="token", kinds=kinds)["credential"])
    client = api.client()
    client.headers["authorization"] = f"Bearer {token}"
    return client, token
