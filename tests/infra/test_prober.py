"""Laws of the prober: who asks never waits, a result has an age, and a probe that hangs is run once."""

import threading
import time
from collections.abc import Iterator

import pytest

from infra import prober
from infra.health import Health
from infra.prober import Prober
from tests.infra.jetstream.mirrors import wait_until


@pytest.fixture
def hanging() -> Iterator[threading.Event]:
    """Give an event for which a probe waits, and release it at the end."""
    event = threading.Event()
    yield event
    event.set()


def test_a_hanging_probe_is_run_once_and_holds_no_other_up(
    hanging: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parts behind it are probed all the same, on one thread more, and it is named with how long it hangs."""
    monkeypatch.setattr(prober, "LIMIT_S", 0.02)
    calls: list[str] = []

    def hang() -> str:
        calls.append("hangs")
        hanging.wait()
        return "came back"

    def work() -> str:
        calls.append("works")
        return "fine"

    health = Health(Prober(every_s=0.01, limit_s=0.02))
    health.register("hangs", hang, vital=False)
    health.register("works", work)
    with health.probing():
        wait_until(lambda: calls.count("works") > 5)
        threads = threading.active_count()
        wait_until(lambda: calls.count("works") > 20)
        assert threading.active_count() <= threads
        assert calls.count("hangs") == 1
        stuck, works = health.check()
        assert (stuck.ok, works.ok, health.ready()) == (False, True, True)
        assert stuck.detail.startswith("no answer for")
        hanging.set()
        wait_until(lambda: health.check()[0].ok)
    assert health.check()[0].detail == "came back"


def test_an_old_result_is_no_health(monkeypatch: pytest.MonkeyPatch) -> None:
    """When nobody probes any more, what was seen last counts as failing, with its age."""
    health = Health()
    health.register("database", lambda: "sqlite")
    assert [(report.ok, report.detail, report.age_s) for report in health.check()] == [(False, "not probed yet", None)]
    health.probe()
    assert health.ready()
    later = time.monotonic() + 31
    monkeypatch.setattr(time, "monotonic", lambda: later)
    [report] = health.check()
    assert (report.ok, report.detail[:22]) == (False, "the last result is 31 ")
    assert not health.ready()


def test_a_part_that_comes_later_is_probed_at_once() -> None:
    """A process registers parts while it starts; readiness does not wait for the next round."""
    health = Health(Prober(every_s=60))
    health.register("database", lambda: "sqlite")
    with health.probing():
        wait_until(health.ready)
        health.register("writer", lambda: "0 written")
        wait_until(health.ready)
        assert [report.ok for report in health.check()] == [True, True]
