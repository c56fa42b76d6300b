"""Laws of the bus."""

import pytest

from data_contracts.events.codec import Event
from infra.bus import Bus


def test_every_subscriber_hears_in_order() -> None:
    """Events arrive in the order of subscription, and no more after unsubscribing."""
    heard: list[str] = []
    bus = Bus()
    stop = bus.subscribe(lambda events: heard.extend(f"a{event.id}" for event in events))
    bus.subscribe(lambda events: heard.extend(f"b{event.id}" for event in events))
    bus.publish([Event(id="1")])
    stop()
    bus.publish([Event(id="2")])
    assert heard == ["a1", "b1", "b2"]


def test_a_failing_subscriber_keeps_nobody_from_hearing(caplog: pytest.LogCaptureFixture) -> None:
    """A failure is counted and logged, and the others hear."""
    heard: list[Event] = []
    bus = Bus()

    def fail(_events: object) -> None:
        raise RuntimeError("deaf")

    bus.subscribe(fail)
    bus.subscribe(heard.extend)
    bus.publish([Event(id="1")])
    assert [event.id for event in heard] == ["1"]
    assert bus.failures == 1
    assert "subscriber failed" in caplog.text
