"""The alarms: well formed, about metrics that exist, silent while all is well, and raised by what they are for."""

import copy
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from data_contracts.features import CONSENT_SIGNALS, Source
from data_contracts.identifiers import PersonId, to_us
from infra.database.events import dead_letters, mirror_log
from infra.mirror.metrics import MirrorMetrics
from infra.mirror.reconciler import Extent, MirrorReconciler
from infra.mirror.relay import RelayState
from infra.settings import Settings
from oo.processes.metrics import measure
from oo.runtime import Runtime
from tests.flows import people
from tests.infra.jetstream.mirrors import wait_until
from tests.infra_deploy.alarms import Samples, alarms, raised, rules, samples, schema


@dataclass(slots=True)
class SettableClock:
    """A clock that the test moves."""

    now: datetime

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now


class Watched:
    """A runtime with a mirror, as Prometheus sees it."""

    def __init__(self, runtime: Runtime, hands: SettableClock, person: PersonId) -> None:
        self.runtime = runtime
        self.hands = hands
        self.person = person
        self.relay = RelayState(connected=True)
        self.extent = Extent()
        self.registry = CollectorRegistry()
        database, clock = runtime.database, runtime.clock
        watch = MirrorReconciler(database, clock, lambda: self.extent)
        runtime.health.register("writer", runtime.serving.writer.ping)
        measure(runtime, self.registry)
        self.registry.register(MirrorMetrics(database, clock, self.relay, watch))
        self._look = watch.look

    def write_unheard(self, count: int) -> None:
        """Commit events as another process would: nobody here is told."""
        now_us = to_us(self.runtime.clock())
        with self.runtime.database.unit_of_work() as uow:
            uow.record_all([people.mood(self.person, now_us + number) for number in range(1, count + 1)])
            uow.session.commit()

    def mirror_all(self) -> None:
        """Mark every event as mirrored."""
        with self.runtime.database.unit_of_work() as uow:
            waiting = [row.sequence for row in mirror_log.waiting(uow.session, 99_999)]
            mirror_log.mark(uow, {number: number for number in waiting}, at_us=to_us(self.runtime.clock()))
            uow.commit()
        self.extent = Extent(1, max(waiting))

    def page(self) -> Samples:
        """Return what a scrape says."""
        self._look()
        self.runtime.health.probe()
        return samples(generate_latest(self.registry).decode())


@pytest.fixture
def watched(home: Path, now: datetime, person: PersonId) -> Iterator[Watched]:
    """Give a person with tasks and a calendar, everything folded and mirrored."""
    hands = SettableClock(now)
    with Runtime(Settings(home=home), hands) as runtime:
        people.settle(runtime.database, person, now)
        now_us = to_us(now)
        events = [
            people.task(person, 1, now_us),
            people.meeting(person, 1, now_us, now_us),
            people.mood(person, now_us),
        ]
        people.append(runtime.database, events)
        built = Watched(runtime, hands, person)
        built.mirror_all()
        yield built


def test_the_rules_are_well_formed() -> None:
    """Prometheus would read them, and each says what to do."""
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(alarms(), schema())


@pytest.mark.parametrize(("key", "value"), [("exprs", "up"), ("expr", "rm -rf"), ("for", "soon"), ("labels", {})])
def test_a_mistake_in_the_rules_is_found(key: str, value: Any) -> None:
    """The schema can refuse."""
    broken = copy.deepcopy(alarms())
    broken["groups"][0]["rules"][0][key] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema())


def test_every_metric_of_a_rule_is_exported_with_its_labels(watched: Watched) -> None:
    """A rule about a name that nobody exports would be silent for ever."""
    page = watched.page()
    for rule in rules():
        assert rule.metrics <= page.keys(), rule.name
        if rule.label is not None:
            assert rule.values <= {dict(labels)[rule.label] for labels in page[rule.metric]}, rule.name


def test_nothing_is_raised_while_all_is_well(watched: Watched) -> None:
    """An alarm that always rings is none."""
    assert raised(watched.page()) == set()


def _writer_dies(watched: Watched) -> None:
    watched.runtime.serving.writer.close()


def _checkpointer_fails(watched: Watched) -> None:
    checkpointer = watched.runtime.stores.checkpointers["checkpointer"]
    checkpointer._connect = lambda: sqlite3.connect("/absent/app.db")
    watched.write_unheard(1)
    watched.mirror_all()
    wait_until(lambda: checkpointer._loop.failure is not None)


def _fold_stops(watched: Watched) -> None:
    watched.write_unheard(1)
    watched.hands.now += timedelta(minutes=5)


def _mirror_stops(watched: Watched) -> None:
    watched.write_unheard(10_001)


def _mirror_goes(watched: Watched) -> None:
    watched.relay.connected = False


def _mirror_loses_its_end(watched: Watched) -> None:
    watched.extent = watched.extent._replace(last=watched.extent.last - 2)


def _mirror_loses_its_middle(watched: Watched) -> None:
    watched.extent = watched.extent._replace(holes=frozenset({2, 3}))


def _mirror_fills(watched: Watched) -> None:
    watched.extent = watched.extent._replace(used=0.81)


def _message_dies(watched: Watched) -> None:
    with watched.runtime.database.unit_of_work() as uow:
        dead_letters.add(uow, person="?", place=1, digest="d", size=1, reason="unreadable", deliveries=5, at_us=1)
        uow.commit()


def _nobody_reads_files(watched: Watched) -> None:
    watched.hands.now += timedelta(days=8)


@pytest.mark.parametrize(
    ("breaks", "wanted"),
    [
        (_writer_dies, {"DecisionWriterDown", "PartDown"}),
        (_checkpointer_fails, {"LogGrows", "PartDown"}),
        (_fold_stops, {"FoldBehind", "MirrorLag"}),
        (_mirror_stops, {"OutboxBacklog"}),
        (_mirror_goes, {"MirrorUnreachable"}),
        (_mirror_loses_its_end, {"MirrorGap"}),
        (_mirror_loses_its_middle, {"MirrorGap"}),
        (_mirror_fills, {"MirrorFull"}),
        (_message_dies, {"DeadLetters"}),
        (_nobody_reads_files, {"SourceStale"}),
    ],
)
def test_what_breaks_raises_its_alarm_and_no_other(
    watched: Watched, breaks: Callable[[Watched], None], wanted: set[str]
) -> None:
    """The fault is real; only the server's answer about its stream is made."""
    breaks(watched)
    assert raised(watched.page()) == wanted


def test_ages_by_source_name_nobody(watched: Watched) -> None:
    """Six sources whoever lives here, and a withdrawn consent takes its person out of the count."""
    ages = watched.page()["oo_source_people"]
    assert {dict(labels)["source"]: count for labels, count in ages.items()} == {
        source.value: float(source.value in {"tasks", "calendar", "mood"}) for source in CONSENT_SIGNALS
    }
    watched.runtime.people.consent(watched.person, Source.MOOD, granted=False, surface="test")
    fresh = CollectorRegistry()
    measure(watched.runtime, fresh)
    watched.runtime.health.probe()
    again = samples(generate_latest(fresh).decode())["oo_source_people"]
    assert again[frozenset({("source", "mood")})] == 0
