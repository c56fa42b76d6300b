"""Laws of the decision writer."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from data_contracts.errors import Conflict, ErasedPerson, OOError, Unavailable
from data_contracts.identifiers import DecisionId, PersonId, new_person
from infra.database.decisions import decisions
from infra.database.decisions.writer import DecisionWriter, NewDecision
from infra.database.engine import connections
from infra.database.engine.database import Database, open_database
from tests.infra.database.rows import add_person, decision
from tests.infra.jetstream.mirrors import wait_until


@pytest.fixture
def writer(database: Database, person: PersonId) -> Iterator[DecisionWriter]:
    """Return a running writer and make the person known."""
    add_person(database, person)
    opened = DecisionWriter(database)
    opened.start()
    yield opened
    opened.close()


def _ids(database: Database, person: PersonId) -> list[str]:
    with database.read() as session:
        return sorted(row.id for row in decisions.newest(session, person, 10_000))


def test_what_returned_is_durable(database: Database, writer: DecisionWriter, person: PersonId) -> None:
    """A decision can be read by another connection as soon as `write` returns, with every column."""
    row = decision(person, "d1", subject="s")._replace(outcome="silence", reward=0.45, reward_version=1, rewarded_us=9)
    writer.write(row)
    with database.read() as session:
        stored = decisions.get(session, person, DecisionId("d1"))
    assert {name: getattr(stored, name) for name in row._fields} == row._asdict()
    assert stored.shown_us is None


async def test_many_decisions_share_a_commit(database: Database, writer: DecisionWriter, person: PersonId) -> None:
    """What waits together is committed together, and each future is resolved."""
    count = 500
    futures = [writer.submit(decision(person, f"d{number:04}", number)) for number in range(count)]
    await asyncio.gather(*futures)
    assert writer.written == count
    assert writer.batches < count
    assert len(_ids(database, person)) == count


async def test_one_refused_decision_takes_nobody_along(
    database: Database, writer: DecisionWriter, person: PersonId
) -> None:
    """A taken id and an erased person are told so; the rest of the batch is written."""
    rows = [
        decision(person, "d1"),
        decision(person, "d1"),
        decision(new_person(), "d2"),
        decision(person, "d3"),
    ]
    outcomes = await asyncio.gather(*[writer.submit(row) for row in rows], return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), Conflict, ErasedPerson, type(None)]
    assert _ids(database, person) == ["d1", "d3"]


async def test_a_client_that_went_away_does_not_undo_its_decision(
    database: Database, writer: DecisionWriter, person: PersonId
) -> None:
    """A cancelled future is left alone, and the others are resolved."""
    gone, stays = (writer.submit(decision(person, name)) for name in ("gone", "stays"))
    gone.cancel()
    await stays
    assert _ids(database, person) == ["gone", "stays"]


def test_threads_and_loops_write_side_by_side(database: Database, writer: DecisionWriter, person: PersonId) -> None:
    """Each waiter is woken where it waits."""

    async def burst(name: str) -> None:
        await asyncio.gather(*[writer.submit(decision(person, f"{name}{number}")) for number in range(40)])

    workers = [threading.Thread(target=asyncio.run, args=(burst(name),)) for name in "ab"]
    workers += [threading.Thread(target=writer.write, args=(decision(person, f"t{number}"),)) for number in range(20)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(_ids(database, person)) == 100


def test_a_loop_that_ended_before_its_turn_did_holds_nobody_up(
    database: Database, writer: DecisionWriter, person: PersonId, caplog: pytest.LogCaptureFixture
) -> None:
    """What it had decided is written with what the next one decides."""

    def last_words(loop: asyncio.AbstractEventLoop) -> None:
        writer.submit(decision(person, "d1"))
        loop.stop()

    loop = asyncio.new_event_loop()
    loop.call_soon(last_words, loop)
    loop.run_forever()
    loop.close()

    async def next_one() -> None:
        await writer.submit(decision(person, "d2"))

    asyncio.run(next_one())
    writer.close()
    assert _ids(database, person) == ["d1", "d2"]
    assert "after their event loop had ended" in caplog.text


async def test_a_full_queue_refuses_at_once(database: Database, person: PersonId) -> None:
    """Overload is said before anything is taken, so memory stays bounded."""
    add_person(database, person)
    writer = DecisionWriter(database, capacity=2)
    accepted = [writer.submit(decision(person, name)) for name in ("d1", "d2")]
    with pytest.raises(Unavailable, match="too many"):
        writer.submit(decision(person, "d3"))
    writer.start()
    await asyncio.gather(*accepted)
    await writer.submit(decision(person, "d3"))
    writer.close()
    assert _ids(database, person) == ["d1", "d2", "d3"]


async def test_closing_writes_what_waits_and_refuses_the_rest(
    database: Database, writer: DecisionWriter, person: PersonId
) -> None:
    """Nothing accepted is lost at the end."""
    futures = [writer.submit(decision(person, f"d{number}")) for number in range(100)]
    await asyncio.to_thread(writer.close)
    await asyncio.gather(*futures)
    with pytest.raises(Unavailable, match="closed"):
        writer.submit(decision(person, "late"))
    assert len(_ids(database, person)) == 100


async def test_a_failing_writer_tells_everybody_and_goes_on_when_the_cause_is_gone(
    database: Database, person: PersonId, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An unforeseen error reaches who waits, who comes, and health; nothing that was refused is written later."""
    add_person(database, person)
    writer = DecisionWriter(database)

    def fault(_rows: int) -> str:
        raise AssertionError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr(writer, "_statement", fault)
        waiting = [writer.submit(decision(person, f"d{number}")) for number in range(100)]
        writer.start()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {Unavailable}
        for ask in (
            lambda: writer.submit(decision(person, "d")),
            writer.ping,
            lambda: writer.write(decision(person, "d")),
        ):
            with pytest.raises(Unavailable, match="AssertionError"):
                ask()
    assert "oo-decisions fails" in caplog.text
    await asyncio.to_thread(wait_until, lambda: not _refuses(writer))
    await writer.submit(decision(person, "later"))
    writer.close()
    assert _ids(database, person) == ["later"]


def _refuses(writer: DecisionWriter) -> bool:
    try:
        writer.ping()
    except Unavailable:
        return True
    return False


def test_a_connection_that_cannot_be_opened_again_ends_nothing(
    sqlite_path: Path, person: PersonId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a file descriptor, after the old connection was given up, batches are refused until there is one."""
    database = open_database(sqlite_path)
    add_person(database, person)
    writer = DecisionWriter(database)
    writer.start()
    writer.write(decision(person, "d1"))
    writer._reconnect_next()
    with monkeypatch.context() as patch:
        patch.setattr(database, "connect_raw", lambda: sqlite3.connect(sqlite_path / "not a folder"))
        for number in range(3):
            with pytest.raises(Unavailable, match="OperationalError"):
                writer.write(decision(person, f"refused{number}"))
    writer.write(decision(person, "d2"))
    assert _ids(database, person) == ["d1", "d2"]
    writer.close()
    database.close()


async def test_what_was_written_before_a_batch_failed_is_not_refused(
    database: Database, person: PersonId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that is written row by row fails at one of them: those before it are durable, and are told so."""
    add_person(database, person)
    writer = DecisionWriter(database)
    insert = writer._insert

    def fail_at_the_third(rows: Sequence[NewDecision]) -> OOError | None:
        if [row.id for row in rows] == ["d3"]:
            raise AssertionError("a fault of ours")
        return insert(rows)

    monkeypatch.setattr(writer, "_insert", fail_at_the_third)
    waiting = [writer.submit(decision(person, name)) for name in ("d1", "d1", "d3", "d4")]
    writer.start()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), Conflict, Unavailable, Unavailable]
    await asyncio.to_thread(writer.close)
    assert _ids(database, person) == ["d1"]


def test_a_failing_writer_can_be_closed(database: Database, person: PersonId, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not wait for its next attempt."""
    writer = DecisionWriter(database)
    monkeypatch.setattr(writer, "_statement", lambda _rows: 1 / 0)
    writer.start()
    with pytest.raises(Unavailable):
        writer.write(decision(person, "d1"))
    writer.close()
    assert not writer._loop.alive


def test_a_locked_database_fails_the_batch_and_not_the_writer(
    sqlite_path: Path, person: PersonId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another process holds the lock the caller hears `Unavailable`; afterwards all goes on."""
    pragmas = tuple(pragma.replace("busy_timeout=5000", "busy_timeout=20") for pragma in connections.PRAGMAS)
    monkeypatch.setattr(connections, "PRAGMAS", pragmas)
    database = open_database(sqlite_path)
    add_person(database, person)
    writer = DecisionWriter(database)
    writer.start()
    other = sqlite3.connect(sqlite_path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        writer.write(decision(person, "d1"))
    other.execute("ROLLBACK")
    other.close()
    writer.write(decision(person, "d1"))
    assert _ids(database, person) == ["d1"]
    writer.close()
    database.close()


def test_a_lost_server_fails_the_batch_and_not_the_writer(postgresql_url: str, person: PersonId) -> None:
    """When the server drops the connection, one batch is refused and the next one opens another."""
    database = open_database(postgresql_url)
    add_person(database, person)
    writer = DecisionWriter(database)
    writer.start()
    writer.write(decision(person, "d1"))
    with database.unit_of_work() as uow:
        uow.session.connection().exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
    with pytest.raises(Unavailable):
        writer.write(decision(person, "d2"))
    writer.write(decision(person, "d3"))
    assert _ids(database, person) == ["d1", "d3"]
    writer.close()
    database.close()
