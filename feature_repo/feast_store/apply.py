"""Writes the Feast registry of a home: `python -m feature_repo.feast_store.apply [HOME]`.

The configuration is built here and nowhere else, and views are an explicit list: no path is put on `sys.path`, no
file is searched for definitions, and no Feast server is ever started.
"""

import io
from contextlib import redirect_stdout
from datetime import datetime
from pathlib import Path

from feast import FeatureStore, RepoConfig
from feast.repo_config import RegistryConfig

from feature_repo.feast_store.views import definitions

PROJECT = "oo"


def open_store(home: Path, *, folder: Path, online: Path | str) -> FeatureStore:
    """Return Feast over a home: its registry is in `folder`, its online tables at a path or a `postgresql://` URL."""
    config = RepoConfig(
        project=PROJECT,
        provider="local",
        registry=RegistryConfig(path=str(folder / "registry.db")),
        online_store={
            "type": "feature_repo.feast_store.online_store.PackedOnlineStore",
            "location": str(online),
        },
        offline_store={"type": "feature_repo.feast_store.offline_store.HistoryOfflineStore", "home": str(home)},
        entity_key_serialization_version=3,
    )
    return FeatureStore(config=config)


def apply(home: Path, *, folder: Path, online: Path | str) -> FeatureStore:
    """Write entity, views and service to the registry of a home and return the store; idempotent."""
    folder.mkdir(parents=True, exist_ok=True)
    store = open_store(home, folder=folder, online=online)
    person, views, service = definitions(Path("history"))
    store.apply([person, *views, service])
    return store


def materialize(store: FeatureStore, start: datetime, end: datetime) -> None:
    """Bring the history of a window online; run it over a sliding window, since the guard drops what is not newer."""
    with redirect_stdout(io.StringIO()):  # Feast prints its progress there; our stdout is for data
        store.materialize(start_date=start, end_date=end)
