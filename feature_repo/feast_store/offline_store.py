"""The Feast offline store over our history: point-in-time training rows, and the rows that materialisation takes."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import polars as pl
from feast import FeatureView, FileSource
from feast.data_source import DataSource
from feast.infra.offline_stores.offline_store import OfflineStore, RetrievalJob, RetrievalMetadata
from feast.infra.offline_stores.offline_utils import DEFAULT_ENTITY_DF_EVENT_TIMESTAMP_COL
from feast.infra.registry.base_registry import BaseRegistry
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import FeastConfigBaseModel, RepoConfig
from feast.saved_dataset import SavedDatasetStorage
from feast.utils import make_tzaware
from pyarrow import Table  # type: ignore[import-untyped]  # it ships no types
from typing_extensions import override

from data_contracts.errors import Malformed
from data_contracts.features import Source
from data_contracts.identifiers import to_us
from feature_repo.history.as_of import between, latest
from feature_repo.history.point_in_time import features_at
from feature_repo.history.served_rows import EVENT_TIME, PERSON, SEQUENCE_TIME, TIME, History, schema


class HistoryOfflineStoreConfig(FeastConfigBaseModel):
    """Selects this store, and the home that a view's source names a folder of: the registry holds no absolute path."""

    type: Literal["feature_repo.feast_store.offline_store.HistoryOfflineStore"] = (
        "feature_repo.feast_store.offline_store.HistoryOfflineStore"
    )
    home: str = ""


class HistoryRetrieval(RetrievalJob):
    """A retrieval that runs when its result is asked for."""

    def __init__(
        self, evaluate: Callable[[], pl.DataFrame], full_names: bool, metadata: RetrievalMetadata | None = None
    ) -> None:
        self._evaluate = evaluate
        self._full_names = full_names
        self._metadata = metadata

    @property
    def full_feature_names(self) -> bool:
        """Whether columns carry their view's name."""
        return self._full_names

    @property
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        """Return none: their functions are code in a registry."""
        return []

    @property
    def metadata(self) -> RetrievalMetadata | None:
        """What was asked for."""
        return self._metadata

    @override
    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:
        return self._evaluate().to_pandas()

    @override
    def _to_arrow_internal(self, timeout: int | None = None) -> Table:
        return self._evaluate().to_arrow()

    @override
    def persist(
        self, storage: SavedDatasetStorage, allow_overwrite: bool | None = False, timeout: int | None = None
    ) -> None:
        """Refuse: a training run keeps its training set itself, with its digest."""
        raise NotImplementedError("saved datasets are not kept here; write the table where the training run is kept")


class HistoryOfflineStore(OfflineStore):
    """Reads the Parquet history below the path of a view's source."""

    @staticmethod
    @override
    def get_historical_features(
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: pd.DataFrame | str | None,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,
    ) -> RetrievalJob:
        """Return the rows of `entity_df`, in their order, with each view's features as they were at that instant."""
        if not isinstance(entity_df, pd.DataFrame):
            raise Malformed("a point-in-time retrieval needs a table of persons and instants")
        wanted: dict[str, list[str]] = {}
        for reference in feature_refs:
            view, _, feature = reference.partition(":")
            wanted.setdefault(view, []).append(feature)

        def evaluate() -> pl.DataFrame:
            asked = _asked(entity_df)
            for view in feature_views:
                name = view.projection.name_alias or view.projection.name
                asked = asked.hstack(
                    _features(config, view, asked, wanted.get(name, []), name if full_feature_names else "")
                )
            return asked

        return HistoryRetrieval(evaluate, full_feature_names, _metadata(feature_refs, entity_df))

    @staticmethod
    @override
    def pull_latest_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None,
        start_date: datetime,
        end_date: datetime,
    ) -> RetrievalJob:
        """Return each person's newest row within the window."""
        columns = _columns(join_key_columns, feature_name_columns, timestamp_field, created_timestamp_column)

        def evaluate() -> pl.DataFrame:
            return latest(between(_read(config, data_source, columns), _us(start_date), _us(end_date))).rechunk()

        return HistoryRetrieval(evaluate, full_names=False)

    @staticmethod
    @override
    def pull_all_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> RetrievalJob:
        """Return every row within the window, each once."""
        columns = _columns(join_key_columns, feature_name_columns, timestamp_field, created_timestamp_column)

        def evaluate() -> pl.DataFrame:
            rows = between(_read(config, data_source, columns), _us(start_date), _us(end_date))
            return rows.unique(subset=[PERSON, EVENT_TIME, SEQUENCE_TIME], maintain_order=True).rechunk()

        return HistoryRetrieval(evaluate, full_names=False)

    @staticmethod
    @override
    def offline_write_batch(
        config: RepoConfig,
        feature_view: FeatureView,
        table: Table,
        progress: Callable[[int], Any] | None,
    ) -> None:
        """Append a table to the view's history."""
        path = _folder(config, feature_view.batch_source)
        rows = pl.DataFrame(pl.from_arrow(table)).cast({EVENT_TIME: TIME, SEQUENCE_TIME: TIME})
        _history(path.parent).append_frame(path.name, rows)
        if progress:
            progress(rows.height)

    @override
    def validate_data_source(self, config: RepoConfig, data_source: DataSource) -> None:
        """Accept a source whose history has not begun: it is empty, not wrong."""

    @override
    def get_table_column_names_and_types_from_data_source(
        self, config: RepoConfig, data_source: DataSource
    ) -> Iterable[tuple[str, str]]:
        """Return the columns of a view by the contract, which holds before the first part is written."""
        return [(name, str(kind)) for name, kind in schema(Source(_folder(config, data_source).name)).items()]


def _asked(entity_df: pd.DataFrame) -> pl.DataFrame:
    missing = {PERSON, DEFAULT_ENTITY_DF_EVENT_TIMESTAMP_COL} - set(entity_df.columns)
    if missing:
        raise Malformed(f"a point-in-time retrieval lacks the columns {sorted(missing)}")
    asked = pl.from_pandas(entity_df.reset_index(drop=True))
    instants = pl.col(DEFAULT_ENTITY_DF_EVENT_TIMESTAMP_COL)
    if getattr(asked.schema[DEFAULT_ENTITY_DF_EVENT_TIMESTAMP_COL], "time_zone", None) is None:
        instants = instants.dt.replace_time_zone("UTC")  # Feast's convention: naive is UTC
    return asked.with_columns(instants.dt.convert_time_zone("UTC").dt.cast_time_unit("us"))


def _features(
    config: RepoConfig, view: FeatureView, asked: pl.DataFrame, names: list[str], prefix: str
) -> list[pl.Series]:
    path = _folder(config, view.batch_source)
    ttl_us = int(view.ttl.total_seconds() * 1_000_000) if view.ttl else 0
    instants_us = asked[DEFAULT_ENTITY_DF_EVENT_TIMESTAMP_COL].to_physical().to_numpy()
    found = features_at(_history(path.parent), path.name, names, asked[PERSON], instants_us, ttl_us=ttl_us)
    return [column.alias(f"{prefix}__{column.name}" if prefix else column.name) for column in found]


def _columns(keys: list[str], names: list[str], event: str, created: str | None) -> list[str]:
    if keys != [PERSON] or event != EVENT_TIME or created != SEQUENCE_TIME:
        raise Malformed(
            f"history is keyed by {PERSON}, {EVENT_TIME} and {SEQUENCE_TIME}, not by {keys, event, created}"
        )
    return [PERSON, EVENT_TIME, SEQUENCE_TIME, *names]


def _folder(config: RepoConfig, source: DataSource | None) -> Path:
    if not isinstance(source, FileSource):
        raise Malformed(f"history is a folder of Parquet parts, not {type(source).__name__}")
    return Path(config.offline_store.home) / source.path


@lru_cache(maxsize=16)
def _history(root: Path) -> History:
    """Return one reader per folder, so that a part's digest is checked once a process."""
    return History(root)


def _read(config: RepoConfig, source: DataSource, columns: list[str]) -> pl.DataFrame:
    path = _folder(config, source)
    return _history(path.parent).read(path.name, columns)


def _us(at: datetime | None) -> int | None:
    return None if at is None else to_us(make_tzaware(at))


def _metadata(references: list[str], entity_df: pd.DataFrame) -> RetrievalMetadata:
    times = entity_df[DEFAULT_ENTITY_DF_EVENT_TIMESTAMP_COL]
    keys = [column for column in entity_df.columns if column != DEFAULT_ENTITY_DF_EVENT_TIMESTAMP_COL]
    return RetrievalMetadata(
        features=references, keys=keys, min_event_timestamp=times.min(), max_event_timestamp=times.max()
    )
