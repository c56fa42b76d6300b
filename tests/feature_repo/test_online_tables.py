import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_contracts.features import Source
from data_contracts.identifiers import PersonId
from data_contracts.served import VIEWS, ServedMood, ServedRow, ServedTasks
from feature_repo.online import OnlineTables, open_online


@pytest.fixture(params=["sqlite", "postgresql"])
def online(request: pytest.FixtureRequest, home: Path) -> Iterator[OnlineTables]:
    """Return empty tables, once of each kind."""
    where = home / "online.db" if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    tables = open_online(where)
    yield tables
    tables.close()


def test_an_unknown_person_is_an_empty_row(online: OnlineTables, person: PersonId) -> None:
    """Absence is a value."""
    assert online.read(person) == (ServedRow(), 0, 0)
    assert online.read_pool(person) is None


def test_one_read_returns_every_view_and_the_age_of_the_pool(online: OnlineTables, person: PersonId) -> None:
    """What was written in parts is read as a whole; the pool itself is another read."""
    tasks, mood = ServedTasks(5, 1, due_us=(9,), due_keys=("k",)), ServedMood(7, (7,), (3,), (0,))
    online.write(person, {Source.TASKS: tasks}, 10, 1)
    online.write(person, {Source.MOOD: mood}, 11, 2)
    online.write_pool(person, 12, b"sealed")
    assert online.read(person) == (ServedRow(tasks=tasks, mood=mood), 11, 12)
    assert online.read_pool(person) == (12, b"sealed")


def test_a_row_is_decoded_once_until_its_bytes_are_others(online: OnlineTables, person: PersonId) -> None:
    """A row that is kept is the one that lies there, also when it was replaced by one of the same version."""
    online.write(person, {Source.TASKS: ServedTasks(open_count=1)}, 10, 5)
    row = online.read(person).row
    assert online.read(person).row is row
    kept = online.packets.remembered()
    online.delete(person)
    assert kept - online.packets.remembered() == {person}
    online.write(person, {Source.TASKS: ServedTasks(open_count=2)}, 10, 5)
    assert online.read(person).row.tasks.open_count == 2
    online.write(person, {Source.MOOD: ServedMood(7, (7,), (3,), (0,))}, 10, 5)
    assert online.read(person).row.mood.mood == (3,)


@pytest.mark.parametrize(
    ("event_us", "sequence", "wins"), [(9, 9, False), (10, 4, False), (10, 6, True), (11, 1, True)]
)
def test_only_a_newer_event_time_or_sequence_replaces_a_view(
    online: OnlineTables, person: PersonId, event_us: int, sequence: int, wins: bool
) -> None:
    """Late and repeated writes take nothing back."""
    online.write(person, {Source.TASKS: ServedTasks(open_count=1)}, 10, 5)
    online.write(person, {Source.TASKS: ServedTasks(open_count=2)}, event_us, sequence)
    assert online.read(person).row.tasks.open_count == (2 if wins else 1)


def test_the_newest_words_are_those_of_the_views(online: OnlineTables, person: PersonId) -> None:
    """Read from the first bytes, they are what reading the whole views says."""
    parts = {source: ServedRow()[number]._replace(last_us=number + 1) for number, source in enumerate(VIEWS)}
    online.write(person, parts, 10, 1)
    found = {source: last_us for one, source, last_us in online.newest_words() if one == person}
    assert found == {source: number for number, source in enumerate(VIEWS, start=1)}


def test_an_older_pool_does_not_replace_a_newer_one(online: OnlineTables, person: PersonId) -> None:
    """Two builders that overlap leave the later pool."""
    online.write_pool(person, 2, b"new")
    online.write_pool(person, 1, b"old")
    assert online.read_pool(person) == (2, b"new")


def test_a_deleted_person_is_gone_and_others_stay(online: OnlineTables, person: PersonId) -> None:
    """Deletion is per person and complete."""
    for one in (person, "other"):
        online.write(one, {Source.TASKS: ServedTasks(open_count=1)}, 10, 5)
        online.write_pool(one, 1, b"pool")
    online.delete(person)
    assert online.read(person) == (ServedRow(), 0, 0)
    assert online.read_pool("other") == (1, b"pool")


def test_a_deleted_person_leaves_no_byte_in_the_files(home: Path, person: PersonId) -> None:
    """After the checkpoint neither the file nor its log holds the pseudonym or a key."""
    online = open_online(home / "online.db")
    online.write(person, {Source.TASKS: ServedTasks(undated_keys=("feedbeef" * 4,) * 32)}, 10, 5)
    online.checkpoint()
    online.write(person, {Source.TASKS: ServedTasks(undated_keys=("feedbeef" * 4,))}, 11, 6)
    online.delete(person)
    online.checkpoint()
    left = b"".join(path.read_bytes() for path in home.iterdir())
    online.close()
    assert person.encode() not in left
    assert b"feedbeef" not in left


def test_threads_read_while_one_writes(online: OnlineTables, person: PersonId) -> None:
    """Every read sees a whole view, never half of one."""
    keys = tuple(f"{number:032x}" for number in range(32))
    seen: set[tuple[int, int]] = set()

    def reader() -> None:
        for _ in range(50):
            tasks = online.read(person).row.tasks
            seen.add((tasks.open_count, len(tasks.undated_keys)))

    threads = [threading.Thread(target=reader) for _ in range(3)]
    for thread in threads:
        thread.start()
    for count in range(1, 33):
        online.write(person, {Source.TASKS: ServedTasks(open_count=count, undated_keys=keys[:count])}, count, count)
    for thread in threads:
        thread.join()
    assert seen <= {(count, count) for count in range(33)}
