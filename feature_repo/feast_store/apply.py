"""Feast over a home: `python -m feature_repo.feast_store.apply [HOME]` writes the registry.

The configuration is built here and nowhere else, and views are an explicit list: no path is put on `sys.path`, no
file is searched for definitions, and no Feast server is ever started.
"""

import io
import os
import sys
from contextlib import redirect_stdout
from datetime import datetime
from pathlib import Path

from feast import FeatureStore, RepoConfig
from feast.repo_config import RegistryConfig

from data_contracts.features import FEATURE_SERVICE
from feature_repo.feast_store.views import definitions

PROJECT = "oo"


def open_store(home: Path, online: str | None = None) -> FeatureStore:
    """Return Feast over a home, whose online tables are `online.db` in it, or at a `postgresql://` address."""
    config = RepoConfig(
        project=PROJECT,
        provider="local",
        registry=RegistryConfig(path=str(home / "feast" / "registry.db")),
        online_store={
            "type": "feature_repo.feast_store.online_store.PackedOnlineStore",
            "location": online or str(home / "online.db"),
        },
        offline_store={"type": "feature_repo.feast_store.offline_store.HistoryOfflineStore", "home": str(home)},
        entity_key_serialization_version=3,
    )
    return FeatureStore(config=config)


def apply(home: Path, online: str | None = None) -> FeatureStore:
    """Write entity, views and service to the registry of a home and return the store; idempotent."""
    (home / "feast").mkdir(parents=True, exist_ok=True)
    store = open_store(home, online)
    person, views, service = definitions(Path("history"))
    store.apply([person, *views, service])
    return store


def materialize(store: FeatureStore, start: datetime, end: datetime) -> None:
    """Bring the history of a window online; run it over a sliding window, since the guard drops what is not newer."""
    with redirect_stdout(io.StringIO()):  # Feast prints its progress there; our stdout is for data
        store.materialize(start_date=start, end_date=end)


def main() -> int:
    """Apply to the home given as argument or as `OO_HOME`."""
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("OO_HOME")
    if not given:
        sys.stderr.write("say which home: python -m feature_repo.feast_store.apply HOME, or set OO_HOME\n")
        return 2
    database = os.environ.get("OO_DATABASE_URL", "")
    store = apply(Path(given), database if database.startswith("postgresql") else None)
    service = store.get_feature_service(FEATURE_SERVICE)
    sys.stdout.write(
        f"{service.name} version {service.tags['version']}: {len(service.feature_view_projections)} views\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
