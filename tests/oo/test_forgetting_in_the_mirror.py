"""Whoever is erased leaves the mirror's files too."""

from datetime import datetime
from pathlib import Path

from data_contracts.identifiers import PersonId, to_us
from infra.clock import fixed_clock
from infra.database.engine.database import open_database
from infra.mirror.jetstream.bundled_server import BundledServer
from infra.network_addresses import free_port
from infra.settings import Settings
from oo.processes.mirror import forget_in_mirror
from tests.flows import people
from tests.infra.jetstream.mirrors import content, relay_of, wait_until, waiting


def test_no_byte_of_an_erased_person_is_left_in_the_mirror(
    sqlite_path: Path, home: Path, person: PersonId, now: datetime
) -> None:
    """Nor was one readable before: the files are encrypted. A server that is down is started for the erasure."""
    settings = Settings(home=home)
    other = PersonId("e" * 32)
    database = open_database(sqlite_path)
    for number, one in enumerate((person, other)):
        people.settle(database, one, now, name=f"person {number}")
        people.append(database, [people.task(one, n, to_us(now)) for n in range(200)])
    with BundledServer(settings.nats, settings.keys, port=free_port()) as server:
        with relay_of(database, server.url, fixed_clock(now)):
            wait_until(lambda: waiting(database) == 0)
        kept = [held for held in content(server.url) if held.person == other]
    files = [path for path in settings.nats.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) > 40_000
    assert not any(person.encode() in path.read_bytes() for path in files)
    assert forget_in_mirror(settings, person) == len(kept)
    assert forget_in_mirror(settings, person) == 0
    with BundledServer(settings.nats, settings.keys, port=free_port()) as server:
        assert content(server.url) == kept
    database.close()


def test_a_home_without_a_mirror_has_nothing_to_forget_there(home: Path, person: PersonId) -> None:
    """And nothing is started for it."""
    assert forget_in_mirror(Settings(home=home), person) == 0
    assert list(home.iterdir()) == []
