"""Feast's definitions: the entity, one view per source with the served row's fields, and the service `tip_context`."""

from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.types import Array, Int64, String

from data_contracts.features import FEATURE_SERVICE, FEATURE_SERVICE_VERSION, FEATURES, SOURCES, Source
from data_contracts.served import VIEWS
from feature_repo.history.served_rows import EVENT_TIME, PERSON, SEQUENCE_TIME
from feature_repo.state.packed_view import LAYOUTS


class Definitions(NamedTuple):
    """Everything that is applied to the registry."""

    person: Entity
    views: list[FeatureView]
    service: FeatureService


def definitions(history: Path) -> Definitions:
    """Return the definitions over the history below a folder, given from the home on: a home may be moved."""
    person = Entity(
        name=PERSON,
        join_keys=[PERSON],
        value_type=ValueType.STRING,
        description="One person under a random pseudonym.",
    )
    views = [_view(source, person, history) for source in VIEWS]
    service = FeatureService(
        name=FEATURE_SERVICE,
        features=list(views),
        tags={"version": str(FEATURE_SERVICE_VERSION)},
        description="All that a decision reads of a person.",
    )
    return Definitions(person, views, service)


def _view(source: Source, person: Entity, history: Path) -> FeatureView:
    layout, contract = LAYOUTS[source], SOURCES[source]
    types = [
        (Array(String) if keys else Array(Int64)) if is_list else Int64
        for is_list, keys in zip(layout.lists, layout.keys, strict=True)
    ]
    fields = [Field(name=name, dtype=kind) for name, kind in zip(VIEWS[source]._fields, types, strict=True)]
    return FeatureView(
        name=source.value,
        entities=[person],
        ttl=timedelta(seconds=contract.ttl_s),
        schema=[Field(name=PERSON, dtype=String), *fields],
        source=FileSource(
            name=f"{source.value}_history",
            path=str(history / source.value),
            timestamp_field=EVENT_TIME,
            created_timestamp_column=SEQUENCE_TIME,
        ),
        tags={
            "purpose": contract.purpose,
            "fresh_s": str(contract.fresh_s),
            "features": ",".join(feature.name for feature in FEATURES if feature.source is source),
        },
        description=f"The served part of {source.value}.",
    )
