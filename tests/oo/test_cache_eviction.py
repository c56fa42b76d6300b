"""Erasure: no byte is left, nothing comes back, and what was interrupted is finished."""

import io
import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from api.accounts.session_store import SessionStore
from api.signals.service import push
from data_contracts.answers import SignalStatus
from data_contracts.decisions import Trigger
from data_contracts.errors import ErasedPerson, NotFound, OOError
from data_contracts.identifiers import PersonId, to_us
from feature_repo.history.served_rows import History
from feature_repo.history.snapshots import Snapshots
from flows.ingest.importing import import_files
from flows.upkeep.feature_refresh import build_features
from flows.upkeep.snapshots import take
from infra.database.events import events
from infra.database.maintenance import erasure
from infra.database.people import access_tokens
from infra.database.push_sources.deliveries import Delivery
from infra.settings import Settings
from infra.vault import Vault
from oo.actions import erasure as oo_erasure
from oo.processes.cache_eviction import Memory, forget_who_left, memories
from oo.runtime import Runtime
from tests.flows.people import mood
from tests.oo.canaries import NAME, SOURCE, WORDS, found_in, posted, write_inputs
from tests.oo.command_line import CommandLine

NOW = datetime(2026, 3, 4, 13, 0, tzinfo=UTC)
KILLED_BEFORE_THE_SCRUB = """
import os, signal, sys
from infra.database.maintenance import erasure
erasure.scrub = lambda database: os.kill(os.getpid(), signal.SIGKILL)
from oo.cli import main
sys.argv = ["oo", "forget", "--yes", "--person", sys.argv[1]]
main()
"""


class Life(NamedTuple):
    """A home in which somebody has lived, who they are, and the files that they handed over."""

    home: Path
    person: PersonId
    inputs: list[Path]


@pytest.fixture(scope="session")
def life(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Life:
    """Return a life of files, a posted signal, tips, reactions and history; copy its home, never use it."""
    folder = tmp_path_factory.mktemp("life")
    inputs = write_inputs(folder / "inputs", NOW)
    with pytest.MonkeyPatch.context() as environment:
        oo = CommandLine(Path(shutil.copytree(trained, folder / "home")), environment)
        oo.at(NOW)
        assert oo("import", *inputs, "--person", NAME, "--zone", "Europe/Vienna").code == 0
        with Runtime() as runtime:
            person = PersonId(runtime.people.named(NAME).person)
            delivery = Delivery(person, "d" * 32, to_us(NOW + timedelta(days=1)))
            items = [posted(NOW)]
            assert (
                push(services=runtime.serving.services, person=person, items=items, delivery=delivery)[0].rule is None
            )
        for form in ([], ["--webhook"]):
            name = f"{SOURCE}{len(form)}"
            assert oo("sources", "add", name, "--kind", "task_changed", *form, "--person", NAME).code == 0
            assert oo("sources", "rotate", name, "--person", NAME).code == 0
        for quarter in range(3):
            oo.at(NOW + timedelta(minutes=15 * quarter))
            oo("tip", "--person", NAME)
            oo("react", "done", "--person", NAME)
        with Runtime() as runtime:
            build_features(runtime.stores)
            take(runtime.stores)
    return Life(oo.home, person, inputs)


@pytest.fixture
def lived_in(life: Life, home: Path) -> Path:
    """Return a copy of that home, for the command line."""
    return Path(shutil.copytree(life.home, home, dirs_exist_ok=True))


@pytest.fixture
def person(life: Life) -> PersonId:
    """Return the pseudonym of who lives there."""
    return life.person


@pytest.fixture
def inputs(life: Life) -> list[Path]:
    """Return files that are full of canaries."""
    return life.inputs


def traces(home: Path, person: PersonId) -> set[tuple[str, str]]:
    """Return what is left of the person, by file."""
    return found_in(home, (*WORDS, person))


def test_nothing_is_left_of_a_person_and_nothing_comes_back(
    oo: CommandLine, person: PersonId, inputs: list[Path]
) -> None:
    """Every store is scanned byte by byte; the files that were imported are the person's own and stay."""
    before = traces(oo.home, person)
    assert {("app.db", NAME), ("online.db", person)} <= {(name.removesuffix("-wal"), word) for name, word in before}
    for store in ("history/", "snapshots/"):
        assert any(name.startswith(store) and word == person for name, word in before), store
    assert any(name == f"keys/people/{person}.key" for name, _ in before)
    said = oo("forget", "--yes", "--person", NAME, "--json")
    assert (said.code, said.data["rows"] > 0) == (0, True)
    assert traces(oo.home, person) == set()
    assert all(path.exists() for path in inputs)

    with Runtime() as runtime:
        assert (
            push(services=runtime.serving.services, person=person, items=[posted(NOW)])[0].status
            is not SignalStatus.ACCEPTED
        )
        with pytest.raises(ErasedPerson), runtime.database.unit_of_work() as uow:
            events.append(uow, [mood(person, to_us(NOW))])
        with pytest.raises((ErasedPerson, NotFound)):
            import_files(runtime.stores, person, inputs)
        runtime.serving.start()
    assert traces(oo.home, person) == set()
    assert oo("tip", "--person", NAME).code == 1
    assert oo("forget", "--yes", "--person", NAME).code == 1


def test_a_process_forgets_whom_another_one_erased_and_nobody_else(oo: CommandLine, person: PersonId) -> None:
    """Pool, titles, features, key and session leave its memory; without a question about the person."""
    oo.at(NOW + timedelta(hours=1))
    assert oo("log", "mood", "3", "--person", "Ben").code == 0
    with Runtime() as serving:
        ben = PersonId(serving.people.named("Ben").person)
        sessions = SessionStore(serving.database, serving.clock, secure=False)
        known = (*memories(serving), Memory(sessions.remembered, sessions.drop))
        serving.serving.start()
        for each in (person, ben):
            with serving.database.unit_of_work() as uow:
                sid = access_tokens.open_session(uow, person=each, now_us=serving.now_us())
                uow.commit()
            assert sessions.load(sid) is not None
            serving.serving.recommender.recommend_now(each, Trigger.OPEN)
            serving.stores.stream.refresh_person(each)
        assert [person in memory.remembered() for memory in known] == [True] * 5
        assert forget_who_left(serving, known) == 0
        assert oo("forget", "--yes", "--person", NAME).code == 0
        assert forget_who_left(serving, known) == 1
        assert [memory.remembered() for memory in known] == [{ben}] * 5


class Interrupted(BaseException):
    """Something ends the process."""


def interrupt(*_: object, **__: object) -> None:
    """End the process at this step."""
    raise Interrupted


@pytest.mark.parametrize(
    ("owner", "step"),
    [
        (oo_erasure, "_erase_person"),
        (History, "forget"),
        (Snapshots, "forget"),
        (erasure, "delete_rows"),
        (erasure, "scrub"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_an_interrupted_erasure_is_finished_by_running_it_again(
    oo: CommandLine, person: PersonId, owner: object, step: str
) -> None:
    """Between any two steps the person is already unreachable, and the next run completes the work."""
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(owner, step, interrupt)
        with pytest.raises(Interrupted):
            oo("forget", "--yes", "--person", NAME)
    assert oo("tip", "--person", NAME).code == 1
    assert "an erasure was interrupted" in oo("doctor", "--person", NAME).out
    assert oo("forget", "--yes", "--person", NAME).code == 0
    assert traces(oo.home, person) == set()
    assert "an erasure was interrupted" not in oo("doctor", "--person", NAME).out


def test_a_killed_erasure_is_finished_by_running_it_again(oo: CommandLine, person: PersonId) -> None:
    """Killed when the last row is gone and the log still holds the bytes: the moment that nobody remembers."""
    killed = subprocess.run([sys.executable, "-c", KILLED_BEFORE_THE_SCRUB, NAME], env=os.environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert traces(oo.home, person) != set()
    assert oo("forget", "--yes", "--person", NAME).code == 0
    assert traces(oo.home, person) == set()


def test_forgetting_asks_first(oo: CommandLine, person: PersonId, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `--yes` and without an answer nothing happens."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert oo("forget", "--person", NAME).code == 1
    with Runtime() as runtime:
        assert runtime.people.named(NAME).person == person


def test_who_was_erased_stays_erased_in_a_backup_from_before(oo: CommandLine, person: PersonId, tmp_path: Path) -> None:
    """Neither database nor history of an older archive brings a person back."""
    archive = tmp_path / "before.tar.gz"
    assert oo("backup", archive).code == 0
    assert oo("forget", "--yes", "--person", NAME).code == 0
    fresh = tmp_path / "fresh"
    fresh.mkdir(mode=0o700)
    (oo.home / "keys").rename(fresh / "keys")
    again = CommandLine(fresh, oo.monkeypatch)
    restored = again("restore", archive, "--json")
    assert (restored.code, restored.data["erased"]) == (0, 1)
    assert traces(fresh, person) == set()
    with pytest.raises(OOError):
        Vault(Settings(home=fresh).keys).seal(person, "field", b"word")
