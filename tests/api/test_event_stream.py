"""The stream of newest events: for admins, without a word of anybody, resumable, and never without bound."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from starlette.requests import Request
from starlette.types import Message

from api.admin.event_stream import EventStream
from data_contracts.identifiers import PersonId
from feature_repo.online import open_online
from infra.database.audit import audit_log
from infra.database.events.feed import EventFeed
from infra.database.people import people
from oo.actions.importing import import_all
from oo.runtime import Runtime
from tests.api.browsers import served
from tests.api.conftest import ApiHarness
from tests.api.deliveries import mood

PATH = "/api/admin/events/stream"
SECRET = "call the notary about the house"


class Frame(NamedTuple):
    """One message of the stream."""

    id: str | None
    event: str
    data: Any


def frames(answer: httpx.Response) -> Iterator[Frame]:
    """Parse server-sent events as the standard says, comments left out."""
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif not line and "data" in fields:
            yield Frame(fields.get("id"), fields.get("event", "message"), json.loads(fields["data"]))
            fields = {}


class Watched(NamedTuple):
    """A served API, somebody who pushes, and an admin who watches."""

    api: ApiHarness
    origin: str
    sid: str
    member: Any

    def open(self, query: str = "", **headers: str) -> Any:
        """Open the stream."""
        cookies = {"cookie": f"{self.api.app.state.sessions.cookie}={self.sid}"}
        return httpx.stream("GET", f"{self.origin}{PATH}{query}", headers={**cookies, **headers}, timeout=20)

    def chosen(self, frame: Frame) -> str:
        """Return the id that the sender of an event chose; the stream shows its keyed hash."""
        names = [f"{letter}{number}" for letter in "mt" for number in range(10)]
        person = PersonId(frame.data["person"])
        return {self.api.vault.subject_key(person, "signal_id", name): name for name in names}[frame.data["id"]]

    def push(self, *numbers: int) -> None:
        """Push moods, and a task with a title."""
        task = {"task": "t1", "title": SECRET, "state": "open"}
        items = [mood(number) for number in numbers]
        items += [{**mood(number), "id": f"t{number}", "kind": "task_changed", "data": task} for number in numbers[:1]]
        assert self.member.post("/api/signals", json={"signals": items}).status_code == 207


@pytest.fixture
def watched(api: ApiHarness) -> Iterator[Watched]:
    """Serve the API for real: a test client waits for the end of an answer."""
    _, member = api.known("Ana")
    root = api.join("Root", role="admin", granted=())
    with served(api.app) as origin:
        yield Watched(api, origin, api.sign_in(root), member)
        api.app.state.feed.close()


def _take(stream: Iterator[Frame], count: int) -> list[Frame]:
    return [next(stream) for _ in range(count)]


def test_an_admin_sees_what_is_committed_and_no_word_of_it(watched: Watched) -> None:
    """First the newest, then each commit; a message says which event, whose by pseudonym, and when."""
    watched.push(1)
    with watched.open("?newest=1") as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert answer.headers["cache-control"] == "no-store"
        stream = frames(answer)
        assert watched.chosen(next(stream)) == "t1"
        watched.push(2, 3)
        news = _take(stream, 3)
    assert [watched.chosen(frame) for frame in news] == ["m2", "m3", "t2"]
    assert set(news[0].data) == {"id", "person", "kind", "at", "received_at"}
    assert not [frame for frame in news if SECRET in str(frame) or "Ana" in str(frame)]
    with watched.api.database.read() as session:
        assert "events_watched" in [line.action for line in audit_log.newest(session)]


def test_an_import_elsewhere_is_seen_live(watched: Watched, tmp_path: Path) -> None:
    """What `oo import` does has a bus of its own, as in another process; the stream reads the table and hears of it."""
    lines = tmp_path / "moods.jsonl"
    lines.write_text("".join(f"{json.dumps(mood(number, 'diary'))}\n" for number in (1, 2)))
    where = watched.api.database.url.render_as_string(hide_password=False)
    settings = watched.api.settings.model_copy(update={"database_url": where})
    if watched.api.database.path is not None:
        open_online(settings.online_db).close()
    with watched.open("?newest=0") as answer:
        with Runtime(settings, lambda: watched.api.now[0]) as runtime:
            assert import_all(runtime, runtime.people.named("Ana"), [lines]).accepted == 2
        assert {watched.chosen(frame) for frame in _take(frames(answer), 2)} == {"m1", "m2"}


def test_who_comes_back_goes_on_where_it_was(watched: Watched) -> None:
    """The id of a message is the event's number in the table, good in every process."""
    with watched.open("?newest=0") as answer:
        watched.push(1, 2)
        first = _take(frames(answer), 2)
    watched.push(3)
    with watched.open(**{"last-event-id": str(first[-1].id)}) as answer:
        assert [watched.chosen(frame) for frame in _take(frames(answer), 3)] == ["t1", "m3", "t3"]


def test_who_comes_back_too_late_is_told_of_the_gap(watched: Watched) -> None:
    """Never silence about what is missing."""
    watched.api.app.state.feed = feed = EventFeed(watched.api.database, capacity=4)
    watched.push(*range(1, 9))
    with watched.open(**{"last-event-id": "1"}) as answer:
        got = _take(frames(answer), 5)
    feed.close()
    assert [frame.event for frame in got] == ["gap"] + ["message"] * 4
    assert [watched.chosen(frame) for frame in got[1:]] == ["m6", "m7", "m8", "t1"]


@pytest.mark.parametrize("headers", [{"last-event-id": "x"}, {"last-event-id": "-1"}, {"last-event-id": "9" * 40}])
def test_a_place_that_is_none_is_malformed(api: ApiHarness, headers: dict[str, str]) -> None:
    """And so is a wish for more than the ring holds."""
    _, root = api.known("Root", role="admin")
    assert root.get(PATH, headers=headers).status_code == 422
    assert root.get(PATH, params={"newest": 10**6}).status_code == 422


def test_a_stream_ends_with_the_process(watched: Watched) -> None:
    """At once, and properly: the last chunk comes, and the next one is told to come again elsewhere."""
    with watched.open("?newest=0") as answer:
        threading.Timer(0.2, watched.api.app.state.feed.close).start()
        assert list(frames(answer)) == []
    with watched.open() as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")


class Client:
    """The other end of an answer: it can stop reading, and go."""

    def __init__(self) -> None:
        self.text = ""
        self.ended = False
        self.heard = asyncio.Event()
        self.reads = asyncio.Event()
        self.goes = asyncio.Event()
        self.reads.set()

    async def send(self, message: Message) -> None:
        """Take a chunk, when it reads at all."""
        await self.reads.wait()
        self.text += message.get("body", b"").decode()
        self.heard.set()
        self.ended = message["type"] == "http.response.body" and not message.get("more_body", False)

    async def until(self, word: str, times: int = 1) -> None:
        """Wait until the stream has said something so often."""
        while self.text.count(word) < times:
            self.heard.clear()
            await self.heard.wait()

    async def receive(self) -> Message:
        """Go when it is time."""
        await self.goes.wait()
        return {"type": "http.disconnect"}

    async def answered(self, stream: EventStream, scope: dict[str, Any]) -> None:
        """Let the stream answer, and end within reason."""
        await asyncio.wait_for(stream(Request(scope).scope, self.receive, self.send), 20)


SCOPE: dict[str, Any] = {"type": "http", "method": "GET", "path": PATH, "headers": []}


def _stream(api: ApiHarness, **more: Any) -> EventStream:
    told = {"resume_after": None, "newest": 0, "may_watch": lambda: True, **more}
    return EventStream(api.app.state.feed, **told)


def test_a_client_that_takes_nothing_is_dropped(api: ApiHarness) -> None:
    """It holds no slot and no memory for longer than a few seconds."""
    api.known("Ana")

    async def scene() -> Client:
        client = Client()
        stream = _stream(api, newest=10, write_s=0.1)
        answering = asyncio.create_task(client.answered(stream, SCOPE))
        await client.until("retry")
        client.reads.clear()
        await asyncio.to_thread(api.join, "Ben")
        await answering
        return client

    assert not asyncio.run(scene()).ended
    assert api.app.state.feed.watchers == 0
    api.app.state.feed.close()


def test_a_client_that_is_slower_than_the_ring_is_told_and_dropped(api: ApiHarness) -> None:
    """Its place has left the ring: it hears of the gap, and the answer ends."""
    api.app.state.feed = EventFeed(api.database, capacity=4)
    api.known("Ana")

    async def scene() -> Client:
        client = Client()
        answering = asyncio.create_task(client.answered(_stream(api), SCOPE))
        await client.until("retry")
        client.reads.clear()
        for name in ("Ben", "Cleo", "Dora"):
            await asyncio.to_thread(api.join, name)
            await asyncio.sleep(0.3)
        client.reads.set()
        await answering
        return client

    client = asyncio.run(scene())
    assert client.text.endswith('left the ring; the event table has them"}\n\n')
    assert client.ended
    api.app.state.feed.close()


def test_an_idle_stream_beats_and_ends_with_the_admins_session(api: ApiHarness) -> None:
    """A revoked admin watches no longer than one beat."""
    root = api.join("Root", role="admin", granted=())
    sid = api.sign_in(root)

    async def scene() -> Client:
        client = Client()
        stream = _stream(api, heartbeat_s=0.1, may_watch=lambda: api.app.state.sessions.load(sid) is not None)
        answering = asyncio.create_task(client.answered(stream, SCOPE))
        await client.until(": alive", 2)
        with api.database.unit_of_work() as uow:
            people.revoke_sessions(uow, person=root)
            uow.commit()
        await answering
        return client

    assert asyncio.run(scene()).ended
    api.app.state.feed.close()


def test_a_client_that_goes_leaves_nothing_behind(api: ApiHarness) -> None:
    """Its place is free at once."""

    async def scene() -> None:
        client = Client()
        answering = asyncio.create_task(client.answered(_stream(api), SCOPE))
        await client.until("retry")
        client.goes.set()
        await answering

    asyncio.run(scene())
    assert api.app.state.feed.watchers == 0
    api.app.state.feed.close()
