"""Prometheus metrics of relay and mirror: lag, fill level and failures."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from data_contracts.identifiers import to_us
from infra.clock import Clock
from infra.database.engine.database import Database
from infra.database.events import dead_letters, mirror_log
from infra.mirror.reconciler import MirrorReconciler
from infra.mirror.relay import RelayState

__all__ = ["MirrorMetrics"]


class MirrorMetrics(Collector):
    """Looks at the marks when it is asked, so the numbers hold for all relays together."""

    def __init__(self, database: Database, clock: Clock, state: RelayState, watch: MirrorReconciler) -> None:
        self._database = database
        self._clock = clock
        self._state = state
        self._watch = watch

    def describe(self) -> list[Metric]:
        """Keep registration from reading the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield gauges and counters."""
        with self._database.read() as session:
            lag = mirror_log.lag(session, to_us(self._clock()))
            dead = dead_letters.total(session)
        state = self._state
        yield GaugeMetricFamily("oo_mirror_lag_events", "Events that the mirror has not acknowledged.", lag.events)
        yield GaugeMetricFamily("oo_mirror_lag_seconds", "Age of the oldest of them.", lag.seconds)
        yield GaugeMetricFamily("oo_mirror_connected", "1 while this process reaches the mirror.", state.connected)
        yield GaugeMetricFamily("oo_mirror_used_share", "Share of the stream's bytes in use.", self._watch.used)
        yield GaugeMetricFamily("oo_mirror_gap_events", "Marked events found missing there.", self._watch.gap)
        yield GaugeMetricFamily("oo_dead_letters", "Messages that the stream gave up on.", dead)
        yield CounterMetricFamily("oo_mirror_published", "Events that this process mirrored.", state.published)
        yield CounterMetricFamily("oo_mirror_failures", "Batches or connections that failed.", state.failures)
        refilled = state.refilled + self._watch.mended
        yield CounterMetricFamily("oo_mirror_refilled", "Events sent again after the mirror lost them.", refilled)
