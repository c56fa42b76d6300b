"""Feature read of 1 and of 100 people: the served row by the hot path's read, against Feast's own SQLite store.

Both hold the same six views of the same people, and both answers are made into the same served rows. The time of
turning a row into the context vector, which a stock setup would not need, is reported beside it.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from feast import FeatureService, FeatureStore, RepoConfig
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.repo_config import RegistryConfig

from benchmarks.lives import NOW_US, life
from benchmarks.result import Result
from data_contracts.features import FEATURE_SERVICE, Source
from data_contracts.identifiers import from_us
from data_contracts.served import VIEWS, ServedRow
from feature_repo.batch_fold import fold
from feature_repo.online_store import feast_values
from feature_repo.online_tables import OnlineTables, open_online
from feature_repo.served_row import served_row
from feature_repo.training_sets import served_row_of
from feature_repo.vector import ALL_CONSENTS, context_vector
from feature_repo.views import definitions

PEOPLE, EVENTS = 100, 400
TARGET, TARGET_100 = 30, 100
ROUNDS, ROUNDS_100 = 300, 10


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


def _stock_read(store: FeatureStore, service: FeatureService, people: list[str]) -> list[ServedRow]:
    read = store.get_online_features(service, [{"person": name} for name in people], full_feature_names=True).to_dict()
    return [served_row_of({key: values[index] for key, values in read.items()}) for index in range(len(people))]


def _hot_read(tables: OnlineTables, people: list[str]) -> list[ServedRow]:
    return [tables.read(name).row for name in people]


def _median_s(call: Callable[[], object], rounds: int) -> float:
    call()
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return median(times)


def run() -> Result:
    """Measure the median read of one person and of a hundred."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        rows = {(events := life(seed, EVENTS))[0].person: served_row(fold(events), NOW_US) for seed in range(PEOPLE)}
        tables = open_online(home / "online.db")
        for name, row in rows.items():
            tables.write(name, dict(zip(VIEWS, row, strict=True)), NOW_US, 1)
        stock = _stock(home, rows)
        service = stock.get_feature_service(FEATURE_SERVICE)
        people = list(rows)
        equal = _stock_read(stock, service, people) == _hot_read(tables, people) == list(rows.values())
        ours_s = _median_s(lambda: tables.read(people[7]), ROUNDS)
        peer_s = _median_s(lambda: _stock_read(stock, service, people[7:8]), ROUNDS)
        many_s = _median_s(lambda: _hot_read(tables, people), ROUNDS_100)
        peer_many_s = _median_s(lambda: _stock_read(stock, service, people), ROUNDS_100)
        vector_s = _median_s(lambda: _vector(rows[people[7]]), ROUNDS)
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
            "vector_us": vector_s * 1e6,
            "people_100": {
                "ours": many_s * 1e6,
                "peer": peer_many_s * 1e6,
                "ratio": peer_many_s / many_s,
                "target": TARGET_100,
            },
        },
    )


def _vector(row: ServedRow) -> object:
    zone = ZoneInfo("Europe/Berlin")
    return context_vector(row, NOW_US, zone, ALL_CONSENTS, quiet_start_min=1_320, quiet_end_min=480)
