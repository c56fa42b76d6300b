"""A home that commit 27b88ec made opens, folds, replays bit for bit and trains with today's code."""

import json
import re
import sqlite3
import stat
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_contracts.identifiers import PersonId
from oo.actions.replay import replay_all
from oo.runtime import Runtime
from tests.older_home.packing import ARCHIVE, PLACE, contents, pack, unpack
from tests.oo.canaries import found_in
from tests.oo.command_line import CommandLine

LEFT_AT = datetime.fromisoformat("2026-11-27T16:20:00+01:00")  # ten minutes after the older version was last there
PEOPLE = ("ada", "cleo")  # and ben, who was erased
MAX_BYTES = 1 << 20
A_PLACE = rb"/(?:tmp|root|home|Users|work|opt|private|var)/[\w.-]"


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """Return the older home as it was left, at a place of this test."""
    return unpack(ARCHIVE, tmp_path / "unpacked")


@pytest.fixture
def oo(older: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Return today's command line in it."""
    monkeypatch.setenv("OO_HOME", str(older))
    command_line = CommandLine(older, monkeypatch)
    command_line.at(LEFT_AT)
    return command_line


def said(name: str) -> Any:
    """Return what the older version said about the home when it left it."""
    return json.loads(contents(ARCHIVE)[f"said/{name}.json"])


def stored(home: Path, statement: str) -> list[tuple[Any, ...]]:
    """Return the rows of a statement in the application database."""
    with closing(sqlite3.connect(f"{(home / 'app.db').as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute(statement).fetchall()


def test_the_archive_is_small_and_names_no_place() -> None:
    """Neither the folders of the machine that made it nor anything like them is in any file."""
    assert ARCHIVE.stat().st_size <= MAX_BYTES
    files = contents(ARCHIVE)
    assert [name for name, content in files.items() if re.search(A_PLACE, content)] == []
    assert {name for name, content in files.items() if PLACE.encode() in content} == {
        "home/app.db",
        "home/feast/registry.db",
        "home/mlflow/mlflow.db",
    }


def test_a_home_is_unpacked_for_its_owner_and_packs_to_the_same_archive(older: Path, tmp_path: Path) -> None:
    """Nobody else can read it, no placeholder is left, and on the way there and back nothing is lost or changed."""
    for path in older.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
        assert path.is_dir() or PLACE.encode() not in path.read_bytes()
    again = tmp_path / "again.tar.xz"
    pack(older.parent, again)
    packed, wanted = contents(again), contents(ARCHIVE)
    assert packed.keys() == wanted.keys()
    for name, content in wanted.items():
        assert packed[name] == content or statements(packed[name]) == statements(content), name
    first = again.read_bytes()
    pack(older.parent, again)
    assert again.read_bytes() == first


def statements(database: bytes) -> list[str]:
    """Return what a SQLite database holds; where its pages are may differ."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(database[:18] + b"\1\1" + database[20:])  # a log has no place in memory
        return list(connection.iterdump())


def test_it_is_taken_over_and_nothing_is_wrong_with_it(oo: CommandLine) -> None:
    """The first command migrates it; then the doctor finds nothing, and nobody who left is back."""
    schema = "SELECT version_num FROM alembic_version"
    assert stored(oo.home, schema) == [("0008",)]
    assert not (oo.home / "home.json").exists()
    for name in PEOPLE:
        assert oo("log", "context", "--place", "home", "--person", name).code == 0  # what was known is hours old
        doctor = oo("doctor", "--person", name)
        assert (doctor.code, "NOT OK" in doctor.out) == (0, False), doctor.out
    assert stored(oo.home, schema) == [("0011",)]
    assert json.loads((oo.home / "home.json").read_text())["complete"]
    assert oo("audit-log", "verify").code == 0
    assert oo("tip", "--person", "ben").code == 1
    named = found_in(oo.home, ["diary.jsonl", "studio"])  # names that this version does not store in clear any more
    assert named == {("inputs/diary.jsonl", "diary.jsonl")}


def test_the_features_of_everybody_are_what_their_events_fold_to(oo: CommandLine) -> None:
    """Made again from the log, by today's fold, neither the working state nor the served row differs."""
    made = oo("features", "rebuild", "--json")
    assert made.code == 0
    assert made.data == said("features")
    assert {each["person"] for each in made.data} == set(PEOPLE)
    assert all(each["events"] > 0 and not each["wrong_rows"] and each["served_equal"] for each in made.data)


def test_what_the_older_version_decided_replays_bit_for_bit(oo: CommandLine) -> None:
    """Each record is still the bytes that were written; choice, scores and vector come out of them again."""
    statement = "SELECT id, record FROM decisions ORDER BY id"
    before = stored(oo.home, statement)
    for name in PEOPLE:
        replayed = oo("replay", "--verify", "--json", "--person", name)
        assert replayed.code == 0
        assert replayed.data == said(f"replay-{name}")
        assert replayed.data["decisions"] == replayed.data["equal"] > 0
        with Runtime() as runtime:
            for replay in replay_all(runtime, runtime.people.named(name)):
                assert replay.same_choice
                assert replay.probability_error == 0.0 or not replay.same_build
    assert stored(oo.home, statement) == before


def test_it_trains_afterwards_on_what_was_decided_before(oo: CommandLine) -> None:
    """A new version joins the older ones in the registry, learned from contexts that history still tells alike."""
    known = {each["digest"] for each in said("policies")}
    trained = oo("train", "--json")
    assert trained.code == 0, trained.err
    assert trained.data["new"]
    assert trained.data["live_rows"] > 0
    assert trained.data["skew"] == 0.0
    listed = {each["digest"] for each in oo("policies", "--json").data}
    assert listed == {*known, trained.data["digest"]}
    assert oo("promote", trained.data["digest"], "--override", "it was trained here", "--json").code == 0
    assert f"champion  linear_thompson {trained.data['digest'][:12]}" in oo("doctor", "--person", "ada").out


def test_a_day_is_filled_with_words_of_files_that_the_older_version_imported(oo: CommandLine) -> None:
    """Titles stay at their source, and the places of the files, sealed by now, still lead there."""
    titles = {item["content"] for item in json.loads((oo.home / "inputs" / "tasks.json").read_text())["items"]}
    texts = [step["tip"]["text"] for step in oo("today", "--json", "--person", "ada").data if step["tip"]]
    assert any(f"'{title}'" in text for title in titles for text in texts), texts


def test_a_new_tip_is_given_and_answered(oo: CommandLine) -> None:
    """Its reaction moves the posterior that the older version left, and it replays like the older ones."""
    tip = new_tip(oo, {decision for (decision,) in stored(oo.home, "SELECT id FROM decisions")})
    reaction = oo("react", "done", "--json", "--person", "ada")
    assert reaction.code == 0
    assert reaction.data["applied"]
    assert oo("replay", tip["decision_id"], "--verify", "--person", "ada").code == 0


def new_tip(oo: CommandLine, known: set[str]) -> Any:
    """Ask at each quarter hour until there is a tip that is not among the known decisions."""
    for quarter in range(20):
        oo.at(LEFT_AT + timedelta(minutes=15 * quarter))
        answer = oo("tip", "--json", "--person", "ada").data
        if answer["tip"] is not None and answer["decision_id"] not in known:
            return answer
    pytest.fail("there was no new tip in five hours")


def test_a_person_who_came_with_it_is_erased(oo: CommandLine) -> None:
    """No byte is left of one, and nothing is missing of the other."""
    with Runtime() as runtime:
        gone = PersonId(runtime.people.named("cleo").person)
    assert {name.partition("/")[0] for name, _ in found_in(oo.home, [gone])} >= {
        "app.db",
        "online.db",
        "history",
        "keys",
    }
    assert oo("forget", "--yes", "--person", "cleo").code == 0
    assert found_in(oo.home, [gone, "cleo"]) == set()
    assert oo("replay", "--verify", "--person", "ada").code == 0
