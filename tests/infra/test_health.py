"""Laws of health."""

import pytest

from data_contracts.errors import Unavailable
from infra.health import Health


def _down() -> str:
    raise Unavailable("the mirror does not answer")


def _broken() -> str:
    raise RuntimeError("a word of a person")


def test_what_is_not_vital_only_degrades() -> None:
    """A process is ready as long as its vital adapters answer."""
    health = Health()
    health.register("database", lambda: "sqlite")
    health.register("mirror", _down, vital=False)
    health.probe()
    assert [(report.name, report.ok, report.detail) for report in health.check()] == [
        ("database", True, "sqlite"),
        ("mirror", False, "the mirror does not answer"),
    ]
    assert health.ready()
    health.register("writer", _down)
    health.probe()
    assert not health.ready()


def test_an_unforeseen_failure_is_reported_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    """The report names the kind of the failure; its message may be personal and stays in the log."""
    health = Health()
    health.register("broken", _broken)
    health.probe()
    assert [(report.ok, report.detail) for report in health.check()] == [(False, "RuntimeError")]
    assert "ping of broken failed" in caplog.text


def test_a_name_is_taken_once() -> None:
    """Two adapters cannot hide behind one name."""
    health = Health()
    health.register("database", lambda: "")
    with pytest.raises(ValueError, match="registered already"):
        health.register("database", lambda: "")
