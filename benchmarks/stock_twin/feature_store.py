"""The twin's features: Feast with its own SQLite online store, the same views and the same service as ours."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from feast import FeatureStore, RepoConfig
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.repo_config import RegistryConfig

from data_contracts.features import Source
from data_contracts.identifiers import from_us
from data_contracts.served import VIEWS, ServedRow
from feature_repo.feast_store.online_store import feast_values
from feature_repo.feast_store.views import definitions

NEVER_S = 0  # the registry is read once


def open_store(home: Path) -> FeatureStore:
    """Return the store; the registry stays in memory once it is read."""
    return FeatureStore(
        config=RepoConfig(
            project="twin",
            provider="local",
            registry=RegistryConfig(path=str(home / "twin_registry.db"), cache_ttl_seconds=NEVER_S),
            online_store={"type": "sqlite", "path": str(home / "twin_online.db")},
            offline_store={"type": "file"},
            entity_key_serialization_version=3,
        )
    )


def fill(home: Path, people: Iterable[tuple[str, ServedRow, int]]) -> None:
    """Apply the definitions and write everybody's served rows."""
    store = open_store(home)
    person, views, service = definitions(home / "history")
    store.apply([person, *views, service])
    online: Any = store._get_provider()  # noqa: SLF001 - the only way to write rows without a file
    everybody = list(people)
    for view in views:
        source = Source(view.name)
        position = list(VIEWS).index(source)
        data = [
            (
                EntityKey(join_keys=["person"], entity_values=[Value(string_val=name)]),
                feast_values(source, row[position]),
                from_us(event_us),
                None,
            )
            for name, row, event_us in everybody
        ]
        online.online_write_batch(store.config, view, data, progress=None)
