"""The Feast online store over the online tables: packed rows, guarded by event time and sequence, deletable by person.

Feast's own SQLite store keeps a row per feature, lets an older value replace a newer one, and cannot delete a person.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from feast import Entity, FeatureView
from feast.infra.online_stores.online_store import OnlineStore
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Int64List, StringList, Value
from feast.repo_config import FeastConfigBaseModel, RepoConfig
from feast.utils import make_tzaware
from typing_extensions import override

from data_contracts.features import Source
from data_contracts.identifiers import from_us, to_us
from data_contracts.served import VIEWS
from feature_repo.online import OnlineTables, ViewRow, open_online
from feature_repo.state.packed_view import LAYOUTS, pack_view, unpack_view

WrittenRow = tuple[EntityKey, dict[str, Value], datetime, datetime | None]
ReadRow = tuple[datetime | None, dict[str, Value] | None]


class PackedOnlineStoreConfig(FeastConfigBaseModel):
    """Where the tables are: a SQLite path or a `postgresql://` address."""

    type: Literal["feature_repo.feast_store.online_store.PackedOnlineStore"] = (
        "feature_repo.feast_store.online_store.PackedOnlineStore"
    )
    location: str


class PackedOnlineStore(OnlineStore):
    """One packed row per person and view."""

    def __init__(self) -> None:
        self._opened: dict[str, OnlineTables] = {}

    def tables(self, config: RepoConfig) -> OnlineTables:
        """Return the tables of a configuration, opened once."""
        location = config.online_store.location
        if location not in self._opened:
            self._opened[location] = open_online(location if "://" in location else Path(location))
        return self._opened[location]

    @override
    def online_write_batch(
        self,
        config: RepoConfig,
        table: FeatureView,
        data: list[WrittenRow],
        progress: Callable[[int], Any] | None,
    ) -> None:
        """Write rows under the guard; the created timestamp carries the event sequence."""
        source = Source(table.name)
        self.tables(config).write_rows(
            ViewRow(_person(key), source.value, _us(event_at), _us(created_at), pack_view(_part(source, values)))
            for key, values, event_at, created_at in data
        )
        if progress:
            progress(len(data))

    @override
    def online_read(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[EntityKey],
        requested_features: list[str] | None = None,
    ) -> list[ReadRow]:
        """Return the time and the values of each person, in order; (None, None) for whom there is nothing."""
        source = Source(table.name)
        persons = [_person(key) for key in entity_keys]
        rows = self.tables(config).read_views(persons, source.value)
        found: list[ReadRow] = []
        for person in persons:
            row = rows.get(person)
            if row is None:
                found.append((None, None))
                continue
            values = feast_values(source, unpack_view(source, row.payload))
            wanted = {name: values[name] for name in requested_features or values}
            found.append((from_us(row.event_us), wanted))
        return found

    @override
    def update(
        self,
        config: RepoConfig,
        tables_to_delete: Sequence[FeatureView],
        tables_to_keep: Sequence[FeatureView],
        entities_to_delete: Sequence[Entity],
        entities_to_keep: Sequence[Entity],
        partial: bool,
    ) -> None:
        """Create the tables where they are missing; views share them, so there is nothing else to do."""
        self.tables(config)

    @override
    def teardown(self, config: RepoConfig, tables: Sequence[FeatureView], entities: Sequence[Entity]) -> None:
        """Drop the tables and close."""
        self.tables(config).drop()
        self._close()

    def delete(self, config: RepoConfig, person: str) -> None:
        """Remove everything about a person."""
        self.tables(config).delete(person)

    @override
    async def close(self) -> None:
        """Close what was opened."""
        self._close()

    def _close(self) -> None:
        for tables in self._opened.values():
            tables.close()
        self._opened.clear()


def _person(key: EntityKey) -> str:
    return str(key.entity_values[0].string_val)


def _us(at: datetime | None) -> int:
    return 0 if at is None else to_us(make_tzaware(at))


def _part(source: Source, values: dict[str, Value]) -> NamedTuple:
    layout, part = LAYOUTS[source], VIEWS[source]
    fields: list[Any] = []
    for name, is_list, is_keys in zip(part._fields, layout.lists, layout.keys, strict=True):
        value = values[name]
        if not is_list:
            fields.append(value.int64_val)
        else:
            fields.append(tuple(value.string_list_val.val if is_keys else value.int64_list_val.val))
    return part(*fields)


def feast_values(source: Source, part: NamedTuple) -> dict[str, Value]:
    """Return a part as Feast's values, by field."""
    layout = LAYOUTS[source]
    values: dict[str, Value] = {}
    for name, field, is_list, is_keys in zip(part._fields, part, layout.lists, layout.keys, strict=True):
        if not is_list:
            values[name] = Value(int64_val=field)
        elif is_keys:
            values[name] = Value(string_list_val=StringList(val=field))
        else:
            values[name] = Value(int64_list_val=Int64List(val=field))
    return values
