"""Prometheus metrics of the API: counts and times, nothing about a person."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from data_contracts.answers import Recommendation, SignalVerdict

BUCKETS_S = (0.0005, 0.001, 0.0015, 0.002, 0.004, 0.006, 0.01, 0.025, 0.075, 0.25, 1.0)


class Metrics:
    """The counters of one app; each app has its own registry, so that many can live in one process."""

    media_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        answers = Counter("oo_recommendations", "Answers by what they were.", ["answer"], registry=self.registry)
        self._tip, self._silence, self._repeated = (answers.labels(kind) for kind in ("tip", "silence", "repeated"))
        self._silences = Counter("oo_silences", "Silences by reason.", ["reason"], registry=self.registry)
        self._fallbacks = Counter("oo_fallbacks", "Degraded answers by reason.", ["reason"], registry=self.registry)
        self.recommend_s = Histogram(
            "oo_recommend_seconds", "Seconds from request to answer.", buckets=BUCKETS_S, registry=self.registry
        )
        self.reactions = Counter("oo_reactions", "Reactions by kind.", ["kind"], registry=self.registry)
        self._signals = Counter("oo_signals", "Pushed signals by fate.", ["status"], registry=self.registry)
        self.refusals = Counter("oo_refusals", "Refused sign-ins by door.", ["door"], registry=self.registry)
        self.departures = Counter("oo_departures", "Clients that left before their request.", registry=self.registry)

    def answered(self, answer: Recommendation) -> None:
        """Count one answer."""
        if answer.fallback is not None:
            self._fallbacks.labels(answer.fallback).inc()
        if answer.tip is None:
            self._silences.labels(answer.reason).inc()
        (self._repeated if answer.repeated else self._silence if answer.tip is None else self._tip).inc()

    def judged(self, verdicts: list[SignalVerdict]) -> None:
        """Count what became of pushed signals."""
        for verdict in verdicts:
            self._signals.labels(verdict.status).inc()

    def fallbacks(self) -> dict[str, int]:
        """Return the degraded answers of this process by reason."""
        samples = (sample for metric in self._fallbacks.collect() for sample in metric.samples)
        return {sample.labels["reason"]: int(sample.value) for sample in samples if sample.name.endswith("_total")}

    def text(self) -> bytes:
        """Return everything in Prometheus' own format."""
        return generate_latest(self.registry)
