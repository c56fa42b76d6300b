"""Feature read of one person and of a hundred, against stock Feast `get_online_features` on its own SQLite store.

Both hold the same six views of the same people. Of one person ours is the served row, by the hot path's read; it is
forgotten before each read, so that it is decoded as a changed one, and what an unchanged one costs is a note. Of a
hundred it is their context vectors, by the batch's read, so ours does more than the peer, whose answer is the views as
a dictionary of lists. The peer's answer, made into rows and vectors outside the measured time, must be equal bit for
bit.
"""

import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from feast import FeatureService, FeatureStore, RepoConfig
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.repo_config import RegistryConfig

from benchmarks.lives import NOW_US, life
from benchmarks.packed_columns import of_packed, read_stored
from benchmarks.result import Result
from data_contracts.features import FEATURE_SERVICE, Source
from data_contracts.identifiers import PersonId, from_us
from data_contracts.served import VIEWS, ServedRow
from feature_repo.feast_store.online_store import feast_values
from feature_repo.feast_store.training_sets import served_row_of
from feature_repo.feast_store.views import definitions
from feature_repo.online import OnlineFile, OnlinePacket, OnlineTables
from feature_repo.state.batch_fold import fold
from feature_repo.state.served_row import served_row
from feature_repo.vector.kernel import ALL_CONSENTS, ContextVector, context_vector
from feature_repo.vector.vector_batch import ContextVectors, context_vectors, moments

PEOPLE, EVENTS = 100, 400
ZONE, QUIET_START, QUIET_END = ZoneInfo("Europe/Berlin"), 1_320, 480
TARGET, TARGET_100 = 30, 100
ROUNDS, ROUNDS_100 = 300, 30


def _ours(home: Path, rows: dict[str, ServedRow]) -> OnlineFile:
    tables = OnlineFile(home / "online.db")
    for name, row in rows.items():
        tables.write(name, dict(zip(VIEWS, row, strict=True)), NOW_US, 1)
    return tables


def _stock(home: Path, rows: dict[str, ServedRow]) -> FeatureStore:
    config = RepoConfig(
        project="stock",
        provider="local",
        registry=RegistryConfig(path=str(home / "registry.db")),
        online_store={"type": "sqlite", "path": str(home / "stock.db")},
        offline_store={"type": "file"},
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    person, views, service = definitions(home / "history")
    store.apply([person, *views, service])
    online: Any = store._get_provider()  # noqa: SLF001 - the only way to write rows without a file
    for view in views:
        position = list(VIEWS).index(Source(view.name))
        data = [
            (
                EntityKey(join_keys=["person"], entity_values=[Value(string_val=name)]),
                feast_values(Source(view.name), row[position]),
                from_us(NOW_US),
                None,
            )
            for name, row in rows.items()
        ]
        online.online_write_batch(store.config, view, data, progress=None)
    return store


def _stock_read(store: FeatureStore, service: FeatureService, people: list[str]) -> dict[str, list[Any]]:
    read = store.get_online_features(service, [{"person": name} for name in people], full_feature_names=True)
    answer: dict[str, list[Any]] = read.to_dict()
    return answer


def _stock_rows(read: dict[str, list[Any]], count: int) -> list[ServedRow]:
    return [served_row_of({key: values[index] for key, values in read.items()}) for index in range(count)]


def _hot_vectors(connection: sqlite3.Connection, people: list[str]) -> ContextVectors:
    count = len(people)
    at = moments([NOW_US] * count, [ZONE] * count, [QUIET_START] * count, [QUIET_END] * count)
    return context_vectors(of_packed(read_stored(connection, people)), at, np.full(count, ALL_CONSENTS))


def _changed(tables: OnlineTables, person: PersonId) -> OnlinePacket:
    tables.packets.forget(person)
    return tables.read(person)


def _vector(row: ServedRow) -> ContextVector:
    return context_vector(row, NOW_US, ZONE, ALL_CONSENTS, quiet_start_min=QUIET_START, quiet_end_min=QUIET_END)


def _equal_vectors(batch: ContextVectors, rows: list[ServedRow]) -> bool:
    alone = [_vector(row) for row in rows]
    return all(
        np.asarray(column).tobytes() == np.array([vector[place] for vector in alone], column.dtype).tobytes()
        for place, column in enumerate(batch)
    )


def _medians_s(rounds: int, *calls: Callable[[], object]) -> list[float]:
    """Return the median of each call, made in turn, so that a busy moment is everybody's."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds + 1):
        for call, taken in zip(calls, times, strict=True):
            begin = time.perf_counter()
            call()
            taken.append(time.perf_counter() - begin)
    return [median(taken[1:]) for taken in times]


def run() -> Result:
    """Measure the median read of one person and of a hundred."""
    with tempfile.TemporaryDirectory() as folder:
        rows = {(events := life(seed, EVENTS))[0].person: served_row(fold(events), NOW_US) for seed in range(PEOPLE)}
        tables = _ours(Path(folder), rows)
        connection = tables.connect()
        stock = _stock(Path(folder), rows)
        service = stock.get_feature_service(FEATURE_SERVICE)
        people = list(rows)
        told = _stock_rows(_stock_read(stock, service, people), len(people))
        equal = told == [tables.read(name).row for name in people] == list(rows.values())
        equal = equal and _equal_vectors(_hot_vectors(connection, people), told)
        one, person, its_row = people[7:8], PersonId(people[7]), rows[people[7]]
        ours_s, unchanged_s, peer_s, vector_s = _medians_s(
            ROUNDS,
            lambda: _changed(tables, person),
            lambda: tables.read(person),
            lambda: _stock_read(stock, service, one),
            lambda: _vector(its_row),
        )
        many_s, peer_many_s, many_rows_s = _medians_s(
            ROUNDS_100,
            lambda: _hot_vectors(connection, people),
            lambda: _stock_read(stock, service, people),
            lambda: [_changed(tables, PersonId(name)) for name in people],
        )
        connection.close()
        tables.close()
    return Result(
        name="feature_read",
        ours=ours_s * 1e6,
        peer=peer_s * 1e6,
        unit="us",
        ratio=peer_s / ours_s,
        target=TARGET,
        equal=equal,
        notes={
            "what": "the served row of one person (six views, lists included), not the vector",
            "unchanged_us": unchanged_s * 1e6,
            "vector_us": vector_s * 1e6,
            "people_100": {
                "what": "the context vectors of a hundred people, read, decoded and computed; the peer only reads",
                "ours": many_s * 1e6,
                "peer": peer_many_s * 1e6,
                "ratio": peer_many_s / many_s,
                "target": TARGET_100,
                "served_rows_one_by_one_us": many_rows_s * 1e6,
            },
        },
    )
