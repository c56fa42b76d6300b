"""No word that a caller chooses lies in clear in any file of a home, and everything that needs it still works."""

import json
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import text

from api.signals.service import push
from data_contracts.events.oo.events.v1.event_pb2 import Event
from data_contracts.identifiers import DecisionId, PersonId, to_us
from data_contracts.rewards import ReactionKind
from flows.ingest.importing import ingest_known_files
from flows.upkeep.feature_refresh import build_features
from flows.upkeep.snapshots import take
from infra.database.push_sources import push_sources
from oo.runtime import Runtime
from tests.oo.canaries import found_in
from tests.oo.command_line import CommandLine

NOW = datetime(2026, 3, 4, 13, 0, tzinfo=UTC)
ID, SOURCE, NATIVE, TITLE = "canaryidaa01", "canarysourcebb02", "canarynativecc03", "canarytitledd04"
LINE_ID, LINE_SOURCE, LINE_REFUSED = "canarylineee05", "canarylinesourceff06", "canaryrefused07"
FILE, HOOK, KEY, PUSHED_REFUSED = "canaryfilegg08", "canaryhookhh09", "canarykeyii10", "canarypushedjj11"
WORDS = (ID, SOURCE, NATIVE, TITLE, LINE_ID, LINE_SOURCE, LINE_REFUSED, FILE, HOOK, KEY, PUSHED_REFUSED)


def _signal(signal_id: str, source: str, now: datetime, **data: object) -> dict[str, object]:
    task = {"task": NATIVE, "state": "open", "title": TITLE, **data}
    return {"id": signal_id, "kind": "task_changed", "at": now.isoformat(), "source": source, "data": task}


class Life(NamedTuple):
    """A home in which every field that a caller chooses held a canary, whose it is, and the file that was imported."""

    home: Path
    person: PersonId
    path: Path


@pytest.fixture(scope="module")
def life(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Life:
    """Live through an import, pushes, tips and a reaction, and build what is derived; tests copy the home."""
    folder = tmp_path_factory.mktemp("names")
    path = folder / FILE / f"{FILE}.jsonl"
    path.parent.mkdir()
    lines = (_signal(LINE_ID, LINE_SOURCE, NOW), _signal(LINE_REFUSED, LINE_SOURCE, NOW, state="odd"))
    path.write_text("".join(f"{json.dumps(each)}\n" for each in lines))
    with pytest.MonkeyPatch.context() as environment:
        oo = CommandLine(Path(shutil.copytree(trained, folder / "home")), environment)
        oo.at(NOW)
        assert oo("import", path).code == 0
        for form in ([], ["--webhook"]):
            assert oo("sources", "add", f"{HOOK}{len(form)}", "--kind", "task_changed", *form).code == 0
        with Runtime() as runtime:
            person = PersonId(runtime.people.named("me").person)
            items = [_signal(ID, SOURCE, NOW), _signal(PUSHED_REFUSED, SOURCE, NOW, state="odd")]
            said = push(services=runtime.serving.services, person=person, items=items)
            fates = [(verdict.id, verdict.status.value) for verdict in said]
            assert fates == [(ID, "accepted"), (PUSHED_REFUSED, "quarantined")]
        for quarter in range(12):
            oo.at(NOW + timedelta(minutes=15 * quarter))
            assert oo("tip").code == 0
        with Runtime() as runtime:
            decision = _tips(runtime)[-1]
            runtime.learning.reaction_handler.shown(person, decision)
            runtime.learning.reaction_handler.react(person, decision, ReactionKind.DONE, KEY)
            build_features(runtime.stores)
            take(runtime.stores)
    return Life(oo.home, person, path)


@pytest.fixture
def lived_in(life: Life, home: Path) -> Path:
    """Return a copy of that home, for the command line."""
    return Path(shutil.copytree(life.home, home, dirs_exist_ok=True))


def _tips(runtime: Runtime) -> list[DecisionId]:
    with runtime.database.read() as session:
        found = session.scalars(text("SELECT id FROM decisions WHERE NOT silent ORDER BY at_us"))
        return [DecisionId(each) for each in found]


def test_no_chosen_word_lies_in_clear(lived_in: Path) -> None:
    """Ids, sources, native ids, titles, file names, names of sources, keys of reactions: every file is scanned."""
    assert found_in(lived_in, WORDS) == set()


def test_what_needs_the_words_still_works(oo: CommandLine, life: Life) -> None:
    """Duplicates are known, names are shown, files are found again, and a key answers twice the same."""
    person, path = life.person, life.path
    listed = oo("sources", "list", "--json").data
    assert sorted(each["name"] for each in listed) == [f"{HOOK}0", f"{HOOK}1"]
    assert oo("sources", "add", f"{HOOK}0", "--kind", "task_changed").code == 1
    assert oo("sources", "rotate", f"{HOOK}1").code == 0
    again = oo("import", path, "--json").data
    assert (again["accepted"], again["duplicates"]) == (0, 1)
    with Runtime() as runtime:
        for signal_id in (ID, LINE_ID):
            (verdict,) = push(services=runtime.serving.services, person=person, items=[_signal(signal_id, SOURCE, NOW)])
            assert (verdict.id, verdict.status.value) == (signal_id, "duplicate")
        decision = _tips(runtime)[-1]
        assert not runtime.learning.reaction_handler.react(person, decision, ReactionKind.DONE, KEY).applied
    tomorrow = NOW + timedelta(days=1)
    with Runtime(clock=lambda: tomorrow) as runtime:
        assert ingest_known_files(runtime.stores).files == 1
    assert oo("sources", "revoke", f"{HOOK}0").code == 0


def test_names_of_an_older_home_are_sealed_when_it_is_opened(oo: CommandLine, life: Life) -> None:
    """They go on working, an id that an older event bears in clear is still known, and no event changes."""
    person, path = life.person, life.path
    _as_before(oo.home, person, path)
    assert {word for _, word in found_in(oo.home, (f"{HOOK}0", FILE, KEY, "oldid"))} == {f"{HOOK}0", FILE, KEY, "oldid"}
    before = _payloads(oo.home)
    with Runtime() as runtime:
        (verdict,) = push(services=runtime.serving.services, person=person, items=[_signal("oldid", SOURCE, NOW)])
        assert verdict.status.value == "duplicate"
        with runtime.database.read() as session:
            names = [source.name for source in push_sources.list_for(session, runtime.vault, person)]
        assert f"{HOOK}0" in names
        decision = _tips(runtime)[-1]
        assert not runtime.learning.reaction_handler.react(person, decision, ReactionKind.DONE, KEY).applied
        runtime.database.checkpoint()
    assert found_in(oo.home, (f"{HOOK}0", FILE, KEY)) == set()
    assert _payloads(oo.home) == before
    again = oo("import", path, "--json").data
    assert (again["accepted"], again["duplicates"]) == (0, 1)


def _payloads(home: Path) -> list[bytes]:
    with sqlite3.connect(home / "app.db") as connection:
        found = [payload for (payload,) in connection.execute("SELECT payload FROM events ORDER BY sequence")]
    connection.close()
    return found


def _as_before(home: Path, person: PersonId, path: Path) -> None:
    """Put names and one event in clear into the database, as versions before stored them."""
    with Runtime() as runtime:
        event = Event(id="oldid", person=person, at_us=to_us(NOW), received_us=to_us(NOW), source="oldsource")
        event.mood_reported.mood = 3
        with runtime.database.unit_of_work() as uow:
            uow.record(event)
            uow.commit()
        with runtime.database.read() as session:
            ids = {source.name: source.id for source in push_sources.list_for(session, runtime.vault, person)}
    with sqlite3.connect(home / "app.db") as connection:
        connection.execute(
            "UPDATE push_sources SET name = ?, name_box = NULL WHERE id = ?", (f"{HOOK}0", ids[f"{HOOK}0"])
        )
        connection.execute("UPDATE source_files SET path = ?, path_box = NULL", (str(path),))
        connection.execute("UPDATE reactions SET idempotency_key = ?", (KEY,))
        connection.execute("UPDATE people SET clear_ids = 1, clear_names = 1")
    connection.close()
