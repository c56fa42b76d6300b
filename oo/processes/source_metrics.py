"""Age of the sources over all people, by source; nothing about one person."""

import threading
import time
from collections.abc import Iterator, Mapping
from statistics import median_low

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from data_contracts.features import CONSENT_SIGNALS, SOURCES, Source
from data_contracts.identifiers import PersonId, to_us
from feature_repo.online import OnlineTables
from infra.clock import Clock
from infra.database.engine.database import Database
from infra.database.people import consents, people

KEEP_S = 30.0  # a look reads the head of every served view


class SourceMetrics(Collector):
    """Looks at the served views when it is asked, and not again within `KEEP_S`."""

    def __init__(self, database: Database, online: OnlineTables, clock: Clock) -> None:
        self._database = database
        self._online = online
        self._clock = clock
        self._looking = threading.Lock()
        self._looked_at = -KEEP_S
        self._ages: Mapping[Source, list[int]] = {}

    def describe(self) -> list[Metric]:
        """Keep registration from reading the stores."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield gauges by source; a source without consents or data has 0 people."""
        ages = self._now()
        heads = {
            "people": "People with consent and facts.",
            "stale_people": "Of these, those whose newest word is too old and masked.",
            "median_age_seconds": "Age of the newest word, in the middle of them.",
            "oldest_age_seconds": "Age of the newest word, of the last of them.",
            "fresh_seconds": "Age at which a source is masked.",
        }
        families = {
            name: GaugeMetricFamily(f"oo_source_{name}", text, labels=["source"]) for name, text in heads.items()
        }
        for source in CONSENT_SIGNALS:
            known, fresh_s = ages[source], SOURCES[source].fresh_s
            values = {
                "people": len(known),
                "stale_people": sum(age_s > fresh_s for age_s in known),
                "median_age_seconds": median_low(known) if known else 0,
                "oldest_age_seconds": max(known, default=0),
                "fresh_seconds": fresh_s,
            }
            for name, value in values.items():
                families[name].add_metric([source.value], value)
        yield from families.values()

    def _now(self) -> Mapping[Source, list[int]]:
        with self._looking:
            if time.monotonic() - self._looked_at >= KEEP_S:
                self._ages = self._look()
                self._looked_at = time.monotonic()
            return self._ages

    def _look(self) -> Mapping[Source, list[int]]:
        """Return the ages in seconds by source, of those who consent to it."""
        now_us = to_us(self._clock())
        with self._database.read() as session:
            masks = people.consent_masks(session)
        found: dict[Source, list[int]] = {source: [] for source in CONSENT_SIGNALS}
        for person, source, last_us in self._online.newest_words():
            if last_us and masks.get(PersonId(person), 0) & consents.bit(source):
                found[source].append(max(now_us - last_us, 0) // 1_000_000)
        return found
