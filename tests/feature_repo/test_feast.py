import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
from feast import FeatureStore

from data_contracts.features import FEATURE_SERVICE, FEATURE_SERVICE_VERSION, SOURCES, Source
from data_contracts.identifiers import PersonId, from_us, to_us
from data_contracts.served import VIEWS, ServedMood, ServedRow, ServedTasks
from feature_repo.feast_store.apply import materialize, open_store
from feature_repo.feast_store.training_sets import historical_rows, served_row_of
from feature_repo.history.served_rows import History, HistoryRow
from feature_repo.online import OnlineTables, open_online
from tests.feature_repo.stores import applied

HOUR = timedelta(hours=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, home: Path) -> Iterator[FeatureStore]:
    """Return Feast over an empty home, once with each online database."""
    online = None if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    store = applied(home, online)
    yield store
    asyncio.run(store._get_provider().online_store.close())


def tables(store: FeatureStore) -> OnlineTables:
    """Return the hot path's own reader of the same place."""
    location = store.config.online_store.location
    return open_online(location if "://" in location else Path(location))


def mood(at: datetime, *moods: int) -> ServedMood:
    """Return a mood view."""
    times = tuple(to_us(at) - number for number in range(len(moods)))
    return ServedMood(times[0], times, moods, (0,) * len(moods))


def append(home: Path, person: str, at: datetime, sequence: int, parts: Mapping[Source, NamedTuple]) -> None:
    """Append views to the history."""
    History(home / "history").append(HistoryRow(person, source, to_us(at), sequence, parts[source]) for source in parts)


def online_row(store: FeatureStore, person: str) -> ServedRow:
    """Return what Feast reads online."""
    service = store.get_feature_service(FEATURE_SERVICE)
    read = store.get_online_features(service, [{"person": person}], full_feature_names=True).to_dict()
    return served_row_of({name: value[0] for name, value in read.items()})


def then(store: FeatureStore, asked: list[tuple[str, datetime]]) -> list[ServedRow]:
    """Return what Feast says was known at some instants."""
    return historical_rows(store, [person for person, _ in asked], [to_us(at) for _, at in asked])


def test_the_registry_holds_a_view_per_source_and_the_versioned_service(home: Path) -> None:
    """Applying twice leaves what applying once leaves."""
    applied(home)
    store = applied(home)
    views = {view.name: view.ttl for view in store.list_feature_views()}
    assert views == {source.value: timedelta(seconds=SOURCES[source].ttl_s) for source in VIEWS}
    assert store.get_feature_service(FEATURE_SERVICE).tags == {"version": str(FEATURE_SERVICE_VERSION)}
    assert [view.entities for view in store.list_feature_views()] == [["person"]] * len(VIEWS)


def test_online_and_historical_features_equal_the_hot_paths_read(
    store: FeatureStore, home: Path, person: PersonId, now: datetime
) -> None:
    """One history, materialised through Feast, is the same row by all three ways."""
    tasks = ServedTasks(to_us(now), 2, 1, 5, (7, 8), ("a", "b"), (1, 4), (0, 30), ("c",), (3,), ("d",))
    append(home, person, now - HOUR, 1, {Source.TASKS: ServedTasks(open_count=9), Source.MOOD: mood(now - HOUR, 4, 2)})
    append(home, person, now, 2, {Source.TASKS: tasks})
    materialize(store, now - 2 * HOUR, now + HOUR)
    hot = tables(store)
    read = hot.read(person)
    hot.close()
    assert read.row == ServedRow(tasks=tasks, mood=mood(now - HOUR, 4, 2))
    assert online_row(store, person) == read.row
    assert then(store, [(person, now)]) == [read.row]


def test_a_home_may_be_moved_without_applying_again(home: Path, person: PersonId, now: datetime) -> None:
    """The registry names no place, and history is read where the home is now."""
    applied(home)
    append(home, person, now, 1, {Source.MOOD: mood(now, 4)})
    moved = home.rename(home.with_name("moved"))
    assert str(home).encode() not in (moved / "feast" / "registry.db").read_bytes()
    store = open_store(moved, folder=moved / "feast", online=moved / "online.db")
    assert then(store, [(person, now)]) == [ServedRow(mood=mood(now, 4))]
    materialize(store, now - HOUR, now + HOUR)
    assert online_row(store, person) == ServedRow(mood=mood(now, 4))
    assert not home.exists()
    asyncio.run(store._get_provider().online_store.close())


def test_feast_reads_what_the_stream_wrote_directly(store: FeatureStore, person: PersonId, now: datetime) -> None:
    """The hot path's writer and Feast share one table."""
    hot = tables(store)
    hot.write(person, {Source.MOOD: mood(now, 3)}, to_us(now), 1)
    assert online_row(store, person) == hot.read(person).row == ServedRow(mood=mood(now, 3))
    hot.close()


def test_materialising_again_takes_nothing_back(
    store: FeatureStore, home: Path, person: PersonId, now: datetime
) -> None:
    """A window that slides over old history leaves a newer online value alone."""
    append(home, person, now, 1, {Source.MOOD: mood(now, 1)})
    hot = tables(store)
    hot.write(person, {Source.MOOD: mood(now, 5)}, to_us(now), 2)
    materialize(store, now - HOUR, now + HOUR)
    assert hot.read(person).row.mood.mood == (5,)
    hot.close()


def test_history_is_read_as_it_was_known_then(home: Path, person: PersonId, now: datetime) -> None:
    """Point in time: not before the first fact, the later sequence of one instant, and nothing beyond its lifetime."""
    store = applied(home)
    append(home, person, now, 1, {Source.MOOD: mood(now, 1)})
    append(home, person, now, 2, {Source.MOOD: mood(now, 2)})
    append(home, person, now + HOUR, 3, {Source.MOOD: mood(now, 3)})
    lifetime = timedelta(seconds=SOURCES[Source.MOOD].ttl_s)
    instants = [
        now + HOUR + lifetime,
        now - HOUR,
        now,
        now + 2 * HOUR,
        now + HOUR + lifetime + timedelta(microseconds=1),
    ]
    rows = then(store, [(person, at) for at in instants])
    assert [row.mood.mood for row in rows] == [(3,), (), (2,), (3,), ()]


def test_rows_come_back_in_the_order_in_which_they_were_asked(home: Path, now: datetime) -> None:
    """Persons, unknown ones and instants may be mixed and repeated."""
    store = applied(home)
    for number in range(5):
        append(home, f"p{number}", now + number * HOUR, 1, {Source.MOOD: mood(now, number + 1)})
    asked = [("p3", now + 9 * HOUR), ("p0", now), ("nobody", now), ("p4", now), ("p3", now + 9 * HOUR)]
    assert [row.mood.mood for row in then(store, asked)] == [(4,), (1,), (), (), (4,)]


def test_other_columns_of_the_asked_table_are_kept(home: Path, person: PersonId, now: datetime) -> None:
    """Labels ride along with their rows."""
    store = applied(home)
    frame = pd.DataFrame({"person": [person, person], "event_timestamp": [now, now - HOUR], "reward": [1.0, 0.25]})
    read = store.get_historical_features(frame, ["mood:mood"]).to_df()
    assert read["reward"].tolist() == [1.0, 0.25]
    assert read["event_timestamp"].tolist() == [now, now - HOUR]


def test_a_push_through_feast_reaches_history_and_online(
    store: FeatureStore, home: Path, person: PersonId, now: datetime
) -> None:
    """Feast's own write path appends, it rewrites nothing."""
    append(home, person, now - HOUR, 1, {Source.MOOD: mood(now - HOUR, 1)})
    part = mood(now, 4)
    frame = pd.DataFrame(
        [{"person": person, "event_timestamp": now, "created_timestamp": from_us(2), **part._asdict()}]
    ).map(lambda value: list(value) if isinstance(value, tuple) else value)
    store.write_to_offline_store("mood", frame)
    store.write_to_online_store("mood", frame)
    assert online_row(store, person).mood == part
    assert [row.mood for row in then(store, [(person, now)])] == [part]
    assert History(home / "history").read("mood").height == 2
