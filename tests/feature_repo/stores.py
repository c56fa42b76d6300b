"""Feast over the homes of these tests."""

from pathlib import Path

from feast import FeatureStore

from feature_repo.feast_store.apply import apply


def applied(home: Path, online: Path | str | None = None) -> FeatureStore:
    """Return Feast over a home with its definitions applied; `online` is another place for the online tables."""
    return apply(home, folder=home / "feast", online=online or home / "online.db")
