"""A home whose parts do not belong together is found and refused, never used, and never taken for a new one."""

import json
import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from data_contracts.errors import DamagedStore
from data_contracts.identifiers import PersonId
from flows.context import opened
from infra.database.engine.database import Database, open_database
from infra.database.keys import key_fingerprints
from infra.database.maintenance import erasure
from infra.database.people import people
from infra.home import home_manifest, opening
from infra.home.home_manifest import HomeManifest, save
from infra.keys.key_files import FILES, fingerprints
from infra.settings import Settings
from infra.signing import PolicySeal
from oo.actions.erasure import finish_erasures
from oo.processes.home_setup import make_ready
from oo.processes.up import Wishes
from oo.runtime import Runtime
from tests.oo.command_line import CommandLine
from tests.oo.homes import (
    GONE,
    RESIDENT,
    empty,
    exchange,
    forget_in,
    garble,
    live_in,
    make_older,
    remove,
)
from tests.support.clocks import wednesday_noon

Harm = Callable[[Path], None]


def _rename(home: Path) -> None:
    """Give a home the id of another one."""
    known = json.loads((home / "home.json").read_text())
    (home / "home.json").write_text(json.dumps(known | {"home": "0" * 32}))


def _cut_manifest(home: Path) -> None:
    (home / "home.json").write_text("{")


COPY = "put the keys folder back from your copy"
HARMS: dict[str, tuple[Harm, str]] = {
    "no master key": (remove("keys/master.key"), rf"keys/master\.key is missing; {COPY}"),
    "another master key": (exchange("keys/master.key"), rf"keys/master\.key is not the key .*; {COPY}"),
    "half a master key": (empty("keys/master.key"), rf"keys/master\.key does not hold 32 bytes; {COPY}"),
    "no tombstone key": (remove("keys/tombstone.key"), rf"keys/tombstone\.key is missing; {COPY}"),
    "another tombstone key": (exchange("keys/tombstone.key"), rf"keys/tombstone\.key is not the key .*; {COPY}"),
    "no public half": (remove("keys/policy_signing.pub"), rf"keys/policy_signing\.pub is missing; {COPY}"),
    "no keys": (remove("keys"), rf"keys/master\.key is missing; {COPY}"),
    "a person's key is missing": (remove("keys/people/*.key"), rf"\.key is missing; {COPY}, or erase the person"),
    "no database": (remove("app.db*"), r"app\.db is missing or empty.*`oo restore`"),
    "an empty database": (empty("app.db"), r"app\.db is missing or empty.*`oo restore`"),
    "no online features": (remove("online.db*"), r"online\.db is missing or empty; run `oo features rebuild`"),
    "empty online features": (empty("online.db"), r"online\.db is missing or empty; run `oo features rebuild`"),
    "another home's manifest": (_rename, r"app\.db belongs to another home.*`oo restore`"),
    "half a manifest": (_cut_manifest, r"home\.json is damaged.*`oo restore`"),
}
FOR_THE_DOCTOR: dict[str, tuple[Harm, str]] = {
    "no private half": (remove("keys/policy_signing.key"), rf"keys/policy_signing\.key is missing; {COPY}"),
    "another private half": (exchange("keys/policy_signing.key"), r"not the public half of policy_signing\.key"),
    "a person's key is damaged": (exchange("keys/people/*.key"), rf"does not open with master\.key; {COPY}"),
    "garbage in the database": (garble, r"app\.db is damaged .*`oo restore`"),
}
OF_OLDER_HOMES: dict[str, tuple[Harm, str]] = {
    **{name: HARMS[name] for name in ("no master key", "no tombstone key", "no keys", "a person's key is missing")},
    **{name: HARMS[name] for name in ("no database", "an empty database", "no online features")},
    **FOR_THE_DOCTOR,
    "another master key": (exchange("keys/master.key"), rf"does not open with master\.key; {COPY}"),
    "no tombstones": (remove("keys/tombstones"), rf"keys/tombstones lacks 1 erased people; {COPY}"),
    "no signing keys": (remove("keys/policy_signing.*"), rf"policy_signing\.key is missing, and there are .*; {COPY}"),
    "other signing keys": (
        lambda home: (remove("keys/policy_signing.*")(home), PolicySeal(home / "keys").public)[0],
        rf"no policy was signed with the key in .*policy_signing\.pub; {COPY}",
    ),
}


@pytest.fixture(scope="module")
def inhabited(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with a champion, a person with sealed words, and one who was erased; copy it."""
    home = Path(shutil.copytree(trained, tmp_path_factory.mktemp("inhabited") / "home"))
    live_in(home, RESIDENT)
    live_in(home, GONE)
    forget_in(home, GONE)
    return home


@pytest.fixture
def oo(inhabited: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Return the command line of a copy of it."""
    shutil.copytree(inhabited, home, dirs_exist_ok=True)
    monkeypatch.setenv("OO_PERSON", RESIDENT)
    monkeypatch.setenv("OO_HOME", str(home))
    monkeypatch.setenv("OO_CLOCK", wednesday_noon())  # in quiet hours no words are opened, and no key is missed
    return CommandLine(home, monkeypatch)


def _content(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


@pytest.mark.parametrize("harm", HARMS)
def test_a_home_that_does_not_belong_together_is_refused_and_left_alone(oo: CommandLine, harm: str) -> None:
    """The doctor and every command say the same sentence with the remedy, and nothing is made or replaced."""
    damage, sentence = HARMS[harm]
    damage(oo.home)
    before = _content(oo.home)
    doctor, tip = oo("doctor"), oo("tip")
    assert (doctor.code, tip.code) == (1, 1)
    assert re.search(sentence, doctor.out), doctor.out
    assert re.search(sentence, tip.err), tip.err
    after = _content(oo.home)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert {name for name in changed if not name.endswith(("-wal", "-shm", "-checkpointer"))} == set()


@pytest.mark.parametrize("harm", FOR_THE_DOCTOR)
def test_the_doctor_finds_what_only_a_thorough_look_sees(oo: CommandLine, harm: str) -> None:
    """One sentence with the remedy, and exit 1."""
    damage, sentence = FOR_THE_DOCTOR[harm]
    assert re.search(sentence, oo("doctor").out) is None
    damage(oo.home)
    doctor = oo("doctor")
    assert doctor.code == 1
    assert re.search(sentence, doctor.out), doctor.out


def test_a_start_writes_nothing_into_a_damaged_database(oo: CommandLine) -> None:
    """`oo up` reads the database through before it changes anything in it."""
    garble(oo.home)
    before = (oo.home / "app.db").read_bytes()
    with pytest.raises(DamagedStore, match=r"app\.db is damaged"):
        make_ready(Wishes(port=0, host=None, person=RESIDENT, nats=False))
    assert (oo.home / "app.db").read_bytes() == before


def test_online_features_that_are_gone_are_made_again(oo: CommandLine) -> None:
    """The remedy of that refusal is one command, which needs no other repair, and makes them for everybody."""
    person = _resident(oo.home)
    with Runtime(Settings(home=oo.home)) as runtime:
        wanted = runtime.stores.online.read(person).row
    remove("online.db*")(oo.home)
    assert oo("features", "rebuild", "--person", "nobody").code == 0
    with Runtime(Settings(home=oo.home)) as runtime:
        assert runtime.stores.online.read(person).row == wanted
    assert oo("tip").code == 0


def _resident(home: Path) -> PersonId:
    with Runtime(Settings(home=home)) as runtime:
        return PersonId(runtime.people.named(RESIDENT).person)


def test_a_home_may_be_moved(oo: CommandLine, tmp_path: Path) -> None:
    """Nothing that binds its parts names a place."""
    assert str(oo.home) not in (oo.home / "home.json").read_text()
    moved = CommandLine(oo.home.rename(tmp_path / "moved"), oo.monkeypatch)
    assert moved("tip").code == 0
    assert "NOT OK  home" not in moved("doctor").out


def test_an_older_home_is_taken_over_once(oo: CommandLine) -> None:
    """Everything goes on working, and from then on its parts are bound to each other."""
    make_older(oo.home)
    assert oo("tip").code == 0
    with Runtime(Settings(home=oo.home)) as runtime:
        bound = key_fingerprints.binding(runtime.database)
    written = json.loads((oo.home / "home.json").read_text())
    assert bound == {"home": written["home"], **fingerprints(oo.home / "keys")}
    assert written["keys"] == {name: [bound[name]] for name in FILES}
    exchange("keys/tombstone.key")(oo.home)
    assert "is not the key" in oo("tip").err


@pytest.mark.parametrize("harm", OF_OLDER_HOMES)
def test_an_older_home_that_does_not_belong_together_is_not_taken_over(oo: CommandLine, harm: str) -> None:
    """The refusal names what is wrong and the remedy; the home stays an older one until that is done."""
    damage, sentence = OF_OLDER_HOMES[harm]
    make_older(oo.home)
    damage(oo.home)
    refused = oo("tip")
    assert refused.code == 1
    assert re.search(sentence, refused.err), refused.err
    assert not (oo.home / "home.json").exists()


@pytest.mark.parametrize("older", [False, True], ids=["new", "older"])
def test_of_many_processes_one_makes_a_home_or_takes_it_over(inhabited: Path, tmp_path: Path, older: bool) -> None:
    """The others wait for it, and all of them have the same home."""
    home = tmp_path / "home"
    if older:
        shutil.copytree(inhabited, home)
        make_older(home)
    found: list[dict[str, str]] = []

    def look() -> None:
        with opened(Settings(home=home)) as context:
            context.vault.ping()
            found.append(key_fingerprints.binding(context.database))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(each == found[0] for each in found)
    assert found[0].keys() == {"home", *FILES}


@pytest.mark.parametrize(
    ("owner", "step"),
    [(Database, "migrate"), (opening, "_bind"), (key_fingerprints, "record"), (home_manifest, "save")],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_new_home_whose_making_was_interrupted_is_made_at_the_next_start(
    home: Path, monkeypatch: pytest.MonkeyPatch, owner: object, step: str
) -> None:
    """Between any two steps it is known to be new, so nothing is refused and nothing stays half."""
    saved: list[HomeManifest] = []

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    def save_once(folder: Path, manifest: HomeManifest) -> None:
        if saved:
            raise KeyboardInterrupt
        saved.append(manifest)
        save(folder, manifest)

    with monkeypatch.context() as patch:
        patch.setattr(owner, step, save_once if step == "save" else interrupt)
        with pytest.raises(KeyboardInterrupt), opened(Settings(home=home)):
            pass
    oo = CommandLine(home, monkeypatch)
    assert "this home has no person" in oo("tip").err
    assert "NOT OK  home" not in oo("doctor").out


def test_who_comes_back_with_an_older_database_is_erased_again(oo: CommandLine, tmp_path: Path) -> None:
    """A copy that was put back by hand: the person is unreachable at once, and the next start empties every store."""
    shutil.copy(oo.home / "app.db", tmp_path / "older.db")
    person = _resident(oo.home)
    forget_in(oo.home, RESIDENT)
    remove("app.db*")(oo.home)
    shutil.copy(tmp_path / "older.db", oo.home / "app.db")
    assert "this home has no person named" in oo("tip").err
    with Runtime(Settings(home=oo.home)) as runtime:
        assert finish_erasures(runtime) > 0
        with runtime.database.read() as session:
            assert people.find(session, person) is None
            assert erasure.tombstones(session) == runtime.vault.tombstones()


def test_an_older_copy_of_the_keys_forgets_no_erasure(oo: CommandLine) -> None:
    """What the database remembers is remembered by the keys folder again, and an erased person's key is destroyed."""
    kept = {path: path.read_bytes() for path in (oo.home / "keys" / "people").iterdir()}
    person = _resident(oo.home)
    forget_in(oo.home, RESIDENT)
    (oo.home / "keys" / "tombstones").unlink()
    for path, content in kept.items():
        path.write_bytes(content)
    with opened(Settings(home=oo.home)) as context:
        assert context.vault.is_forgotten(person)
        assert len(context.vault.tombstones()) == 2
    assert list((oo.home / "keys" / "people").iterdir()) == []


def test_a_home_knows_its_own_postgresql(home: Path, postgresql_url: str, tmp_path: Path) -> None:
    """Without the setting it does not begin a new life in a file, and another home does not take its database."""
    with opened(Settings(home=home, database_url=postgresql_url)) as context:
        assert context.database.dialect == "postgresql"
    with pytest.raises(DamagedStore, match="set OO_DATABASE_URL as it was"), opened(Settings(home=home)):
        pass
    other = Settings(home=tmp_path / "other", database_url=postgresql_url)
    with pytest.raises(DamagedStore, match=r"master\.key is missing"), opened(other):
        pass
    database = open_database(postgresql_url)
    with database.unit_of_work() as uow:
        key_fingerprints.reset(uow, {}, at_us=1)
        uow.commit()
    database.close()
    emptied = Settings(home=home, database_url=postgresql_url)
    with pytest.raises(DamagedStore, match="is empty or of another home"), opened(emptied):
        pass
