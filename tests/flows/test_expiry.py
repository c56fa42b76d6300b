"""Laws of expiry."""

from pathlib import Path

import pytest

from data_contracts.durations import HOUR_US
from data_contracts.identifiers import PersonId, to_us
from data_contracts.retention import FILES, LOG_DAYS, TABLES
from data_contracts.served import ServedRow
from feature_repo.history.served_rows import History
from feature_repo.history.snapshots import Snapshots
from flows.context import OpenedContext
from flows.stream.state_repair import rebuild
from flows.upkeep.expiry import STORES, expire
from flows.upkeep.feature_refresh import build_features
from flows.upkeep.snapshots import take
from infra.database.all_tables import Base, TextRow
from infra.database.events import events, quarantine, working_state
from infra.mirror.jetstream.stream_config import WINDOW_S
from infra.settings import Settings
from tests.flows import people
from tests.flows.people import later


def test_what_outlived_its_retention_goes_and_the_rest_stays(context: OpenedContext, person: PersonId) -> None:
    """Chunks make no difference, and a second run finds nothing."""
    now_us = to_us(context.clock())
    people.append(context.database, [people.task(person, n, now_us - n) for n in range(450)])
    with context.database.unit_of_work() as uow:
        for row_id, at_us in (("old", now_us), ("new", now_us + 20 * 24 * HOUR_US)):
            quarantine.add(uow, row_id=row_id, person=person, source="s", rule="r", received_us=at_us, box=b"x")
        uow.session.add(TextRow(person=person, subject="s", signal="tasks", box=b"x", expires_us=now_us + 1))
        uow.commit()
    assert expire(context) == {}
    month = later(context, 31)
    assert expire(month) == {"quarantine": 1, "texts": 1}
    years = later(context, LOG_DAYS + 1)
    gone = expire(years)
    assert (gone["events"], gone["online.db:served"]) == (456, 6)
    assert expire(years) == {}
    with context.database.read() as session:
        assert events.after(session, person, 0, 9) == []
        assert [row.id for row in quarantine.list_for(session, person)] == []


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_limit_counts_from_a_column_that_the_table_has(name: str) -> None:
    """Retention and schema speak of the same columns."""
    since = TABLES[name].since
    assert since is None or since in Base.metadata.tables[name].columns


def test_a_table_without_a_limit_is_never_touched(context: OpenedContext, person: PersonId) -> None:
    """What is kept until erasure stays for ever."""
    people.append(context.database, [people.mood(person, to_us(context.clock()))])
    assert set(expire(later(context, 10_000))) == {"events", "online.db:served"}
    with context.database.read() as session:
        assert people.members(session) == [person]
        assert len(working_state.load(session, person)) == 1


def test_files_forget_too(context: OpenedContext, person: PersonId) -> None:
    """History, snapshots, served rows and pools keep what is young and lose what is old, to the last byte."""
    context.online.write_pool(person, to_us(context.clock()), b"sealed")
    people.append(context.database, [people.mood(person, to_us(context.clock()))])
    build_features(context)
    take(context)
    young = later(context, 300)
    context.online.write_pool("other", to_us(young.clock()), b"sealed")
    people.append(context.database, [people.mood(person, to_us(young.clock()), 5)])
    build_features(young)
    take(young)
    history, snapshots = History(context.settings.history), Snapshots(context.settings.snapshots)
    assert (len(history.read("mood")), len(snapshots.days())) == (2, 2)
    gone = expire(later(context, LOG_DAYS + 1))
    assert (gone["history"], gone["snapshots"], gone["online.db:pool"]) == (1, 1, 2)
    assert [list(values) for values in history.read("mood")["mood"]] == [[5]]
    assert list(snapshots.days()) == [f"{young.clock():%Y-%m-%d}"]
    assert context.online.read(person).row == ServedRow()


def test_every_limit_of_a_file_store_is_enforced_by_somebody() -> None:
    """By the flow, or by the mirror itself, which keeps exactly as long."""
    limited = {name for name, kept in FILES.items() if kept.ttl_days is not None}
    assert limited == {*STORES, "nats"}
    assert FILES["nats"].ttl_days == WINDOW_S / 86_400


def test_every_place_of_a_home_has_a_class(home: Path) -> None:
    """A folder that nobody promised anything about is a leak."""
    settings = Settings(home=home)
    names = [name for name, value in vars(Settings).items() if isinstance(value, property)]
    places = {path.name for name in names if isinstance(path := getattr(settings, name), Path) and path.parent == home}
    classed = {name.partition(":")[0] for name in FILES} | {settings.app_db.name}
    assert {"history", "snapshots", "online.db", "policies"} < places <= classed


def test_a_rebuild_keeps_what_the_log_has_forgotten(context: OpenedContext, person: PersonId) -> None:
    """A task that is open for longer than the log remembers is still open."""
    people.append(context.database, [people.task(person, 1, to_us(context.clock()))])
    years = later(context, LOG_DAYS + 1)
    people.append(context.database, [people.task(person, 2, to_us(years.clock()))])
    assert expire(years)["events"] == 7
    assert rebuild(years, person).wrong_rows == 0
    assert context.online.read(person).row.tasks.open_count == 2
