"""One suite for the scorer as a library and as an app: whoever asks, the answers keep the same contract."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import httpx
import pytest
from pydantic import TypeAdapter

from data_contracts.answers import Recommendation
from data_contracts.decisions import Trigger
from data_contracts.errors import NotFound, OOError, Unauthenticated, Unavailable
from data_contracts.identifiers import PersonId
from infra.database.people import people
from infra.health import Health
from infra.service_credentials import new_secret
from serving.score_app import create_app
from tests.serving.world import World

ERRORS: dict[str, type[OOError]] = {kind.code: kind for kind in (NotFound, Unauthenticated, Unavailable)}
CREDENTIAL = new_secret()
ANSWER = TypeAdapter(Recommendation)


class Scorer(Protocol):
    """What the suite holds both against."""

    async def recommend(
        self, person: PersonId, trigger: Trigger, *, session_epoch: int | None = None
    ) -> Recommendation:
        """Return the answer."""


class OverHttp:
    """The scorer's app, asked over HTTP."""

    def __init__(self, living: World) -> None:
        health = Health()
        for name, part in (("database", living.database), ("champion", living.champion), ("writer", living.writer)):
            health.register(name, part.ping)
        self.health = health
        self.headers = {"authorization": f"Bearer {CREDENTIAL}"}
        self.app = create_app(living.recommender, health, credential=CREDENTIAL)

    async def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Return the response to one request."""
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://scorer") as client:
            return await client.request(method, path, json=body, headers=self.headers)

    async def recommend(
        self, person: PersonId, trigger: Trigger, *, session_epoch: int | None = None
    ) -> Recommendation:
        """Return the answer, or raise what its code names."""
        body = {"person": person, "trigger": trigger, "session_epoch": session_epoch}
        response = await self.ask("POST", "/score", body)
        if response.status_code != httpx.codes.OK:
            raise ERRORS[response.json()["code"]](response.json()["detail"])
        return ANSWER.validate_python(response.json())


SCORERS: dict[str, Callable[[World], Scorer]] = {"library": lambda living: living.recommender, "app": OverHttp}


@pytest.fixture(params=sorted(SCORERS))
def scorer(request: pytest.FixtureRequest, living: World) -> Scorer:
    """Return the scorer to hold to the contract: the library, then the app."""
    return SCORERS[request.param](living)


def run(asked: Coroutine[Any, Any, Recommendation]) -> Recommendation:
    """Return the answer of one question, on a loop of its own."""
    return asyncio.run(asked)


def test_an_answer_is_durable_and_the_same_when_asked_again(scorer: Scorer, living: World) -> None:
    """The decision is stored when the answer arrives, and asking again gives the same decision, marked as repeated."""
    first = run(scorer.recommend(living.person, Trigger.OPEN))
    assert first.decision_id is not None
    assert living.record(first.decision_id).silent == (first.tip is None)
    again = run(scorer.recommend(living.person, Trigger.OPEN))
    assert (again.decision_id, again.repeated, again.tip) == (first.decision_id, True, first.tip)


def test_silence_has_a_reason(scorer: Scorer, living: World) -> None:
    """During a busy event there is no tip, and the answer names that rule."""
    living.pass_time(hours=1)
    answer = run(scorer.recommend(living.person, Trigger.OPEN))
    assert (answer.tip, answer.reason) == (None, "in_event")


def test_a_revoked_session_ends_at_the_next_request(scorer: Scorer, living: World) -> None:
    """The epoch from before the revocation is refused, and the one after it gets an answer."""
    with living.database.unit_of_work() as uow:
        people.revoke_sessions(uow, person=living.person)
        uow.commit()
    with pytest.raises(Unauthenticated):
        run(scorer.recommend(living.person, Trigger.OPEN, session_epoch=0))
    assert run(scorer.recommend(living.person, Trigger.OPEN, session_epoch=1)).decision_id is not None


def test_nobody_gets_no_answer(scorer: Scorer) -> None:
    """A person who is not known is `NotFound`, from the library and over HTTP."""
    with pytest.raises(NotFound):
        run(scorer.recommend(PersonId("ff" * 16), Trigger.OPEN))


def test_a_writer_that_has_stopped_is_unavailable_and_never_an_answer(scorer: Scorer, living: World) -> None:
    """What cannot be made durable is `Unavailable`."""
    living.writer.close()
    with pytest.raises(Unavailable):
        run(scorer.recommend(living.person, Trigger.OPEN))


def test_the_app_says_how_its_parts_are(living: World) -> None:
    """A sound app lists its parts and no fallback, and answers 503 once its writer has stopped."""
    over = OverHttp(living)
    over.health.probe()
    sound = asyncio.run(over.ask("GET", "/health"))
    assert (sound.status_code, sound.json()["status"]) == (200, "ok")
    assert {check["name"] for check in sound.json()["checks"]} == {"database", "champion", "writer"}
    assert set(sound.json()["fallbacks"].values()) == {0}
    living.writer.close()
    over.health.probe()
    stopped = asyncio.run(over.ask("GET", "/health"))
    assert (stopped.status_code, stopped.json()["status"]) == (503, "down")


@pytest.mark.parametrize(
    "body", [{}, {"person": "../x"}, {"person": "ab", "trigger": "shout"}, {"person": "ab", "x": 1}]
)
def test_the_app_refuses_what_its_contract_does_not_allow(living: World, body: dict[str, Any]) -> None:
    """A missing or malformed person, an unknown trigger or an unknown field is a 422."""
    assert asyncio.run(OverHttp(living).ask("POST", "/score", body)).status_code == 422


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer x", f"Basic {CREDENTIAL}", f"Bearer {CREDENTIAL[:-1]}", CREDENTIAL],
    ids=["none", "empty", "bare", "wrong", "other scheme", "cut", "no scheme"],
)
def test_the_app_answers_only_to_the_installation(living: World, header: str | None) -> None:
    """Whoever lacks the credential gets a 401 problem and no decision, whatever they ask for but health."""
    stranger = OverHttp(living)
    stranger.headers = {} if header is None else {"authorization": header}
    for method, path, body in (
        ("POST", "/score", {"person": living.person}),
        ("POST", "/score", {}),
        ("GET", "/x", None),
    ):
        answer = asyncio.run(stranger.ask(method, path, body))
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert answer.headers["content-type"] == "application/problem+json"
    stranger.health.probe()
    assert asyncio.run(stranger.ask("GET", "/health")).status_code == 200
    assert asyncio.run(OverHttp(living).ask("POST", "/score", {"person": living.person})).status_code == 200
