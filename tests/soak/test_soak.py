"""The soak test sees what it is for, and a short one holds."""

from pathlib import Path

import pytest

from tests.faults.system import System
from tests.soak.judging import LONG_S, MB, Sample, judge
from tests.soak.mixed_load import MixedLoad, Timed
from tests.soak.soaking import soak

SHORT_S = 8.0


def hour(**growth: float) -> list[Sample]:
    """Return the samples of an hour in which something grows by so much in each of them."""

    def at(number: int, name: str) -> int:
        return int(growth.get(name, 0.0) * number)

    return [
        Sample(
            at_s=number * 60.0,
            rss_bytes=300 * MB + at(number, "memory"),
            descriptors=40 + at(number, "descriptors"),
            threads=20 + at(number, "threads"),
            logs={"app.db-wal": at(number, "log"), "online.db-wal": 0, "server.log": 0},
        )
        for number in range(61)
    ]


def answers(slower_s: float = 0.0) -> list[Timed]:
    """Return answers of an hour that become slower."""
    return [Timed(float(second), 0.01 + slower_s * second) for second in range(3_600)]


def test_an_hour_in_which_nothing_grows_is_right() -> None:
    """The judge does not cry wolf, not even for a little noise."""
    verdict = judge(hour(), answers(), {200: 72_000})
    assert verdict.wrong == []
    assert verdict.figures["rss_slope_mb_per_h"] == pytest.approx(0.0, abs=1e-6)
    assert verdict.figures["seconds"] >= LONG_S


@pytest.mark.parametrize(
    ("growth", "said"),
    [
        ({"memory": 2 * MB / 60}, "memory grows"),
        ({"descriptors": 1.0}, "descriptors more"),
        ({"threads": 0.5}, "threads more"),
        ({"log": 2.0 * MB}, "app.db-wal reached"),
    ],
)
def test_what_grows_is_named(growth: dict[str, float], said: str) -> None:
    """Memory, descriptors, threads and logs."""
    (wrong,) = judge(hour(**growth), answers(), {200: 72_000}).wrong
    assert said in wrong


def test_slower_and_failed_answers_are_named() -> None:
    """A server that becomes slow or refuses is not right, however little memory it takes."""
    assert len(judge(hour(), answers(slower_s=0.001), {200: 71_999, 500: 1}).wrong) == 2


@pytest.mark.processes
def test_a_short_soak_leaves_descriptors_threads_and_logs_as_they_are(tmp_path: Path) -> None:
    """The real api under the mixed load; `make soak` does it for an hour."""
    system = System(tmp_path)
    try:
        system.server.start()
        system.api.start()
        process = system.api.process
        assert process is not None
        sid = system.people[0].sid
        verdict = soak(MixedLoad(system.api.port, sid), process.pid, system.home, system.api.log, SHORT_S)
    finally:
        system.stop()
    assert verdict.wrong == []
    assert verdict.figures["answers"] > SHORT_S
