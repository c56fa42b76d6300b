"""Laws of background loops: no error ends one, and health says since when it fails."""

import ast
import logging
from collections.abc import Callable, Iterator
from itertools import count
from threading import Event

import pytest

from data_contracts.errors import Unavailable
from infra.background_loop import END, BackgroundLoop
from tests.infra.jetstream.mirrors import wait_until
from tests.source_tree import ROOTS, python_files

MAKES_THREADS = {"Thread", "Timer", "start_new_thread"}


def _failing(errors: Iterator[BaseException | None], seen: list[int]) -> Callable[[], None]:
    numbers = count(1)

    def step() -> None:
        seen.append(next(numbers))
        error = next(errors, None)
        if error is not None:
            raise error

    return step


@pytest.mark.parametrize(
    "error", [OSError(24, "Too many open files"), SystemExit(1), Unavailable("away"), MemoryError()]
)
def test_no_error_ends_a_loop(error: BaseException) -> None:
    """What a step raises is counted, and the next step comes."""
    seen: list[int] = []
    with BackgroundLoop("law", _failing(iter([error, error]), seen), every_s=0.001, retry_s=(0.001,)) as loop:
        wait_until(lambda: len(seen) > 4)
        assert (loop.failures, loop.failure, loop.alive) == (2, None, True)
        assert loop.ping().startswith("worked")


def test_health_says_since_when_a_loop_fails_without_personal_details(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The words of an unforeseen error may be somebody's; the log has them, once."""
    with BackgroundLoop("law", lambda: dict[str, int]()["Ada"], every_s=0.001, retry_s=(0.001,)) as loop:
        wait_until(lambda: loop.failures > 20)
        with pytest.raises(Unavailable, match=r"^failing for 0 s, \d+ times: KeyError$"):
            loop.ping()
    assert [record.levelno for record in caplog.records] == [logging.CRITICAL]
    assert "Ada" in caplog.text


def test_a_failing_step_is_tried_again_after_growing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last wait repeats, and a success begins again with the first."""
    waits: list[float] = []
    seen: list[int] = []
    errors: list[BaseException | None] = [OSError(), OSError(), OSError(), None, OSError()]
    loop = BackgroundLoop("law", _failing(iter(errors), seen), every_s=9.0, retry_s=(1.0, 2.0))

    def rest(wait_s: float) -> bool:
        waits.append(wait_s)
        return len(waits) > 6

    monkeypatch.setattr(loop, "_rest", rest)
    with loop:
        wait_until(lambda: not loop.alive)
    assert waits == [9.0, 1.0, 2.0, 2.0, 9.0, 1.0, 9.0]


def test_a_step_that_does_not_return_is_reported() -> None:
    """A loop that hangs is not well, unless its step says that it is working."""
    release = Event()
    loop = BackgroundLoop("law", release.wait, every_s=0.001, patience_s=0.05)
    loop.start()
    wait_until(lambda: _refused(loop))
    loop.progress()
    assert loop.ping().startswith("worked")
    release.set()
    assert loop.stop(10)


def test_a_thread_that_is_gone_is_reported() -> None:
    """Whatever ended it: `END` is for those who are told to stop."""
    loop = BackgroundLoop("law", lambda: END, every_s=0.001)
    loop.start()
    wait_until(lambda: not loop.alive)
    with pytest.raises(Unavailable, match="the thread has ended"):
        loop.ping()
    loop.stop()


def test_a_hook_that_fails_does_not_end_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    """Giving a lock up can fail, too."""
    seen: list[int] = []

    def fails(_: BaseException) -> None:
        raise OSError("no lock")

    with BackgroundLoop("law", _failing(iter([OSError()]), seen), every_s=0.001, retry_s=(0.001,), failed=fails):
        wait_until(lambda: len(seen) > 2)
    assert "what follows a failure failed" in caplog.text


def _refused(loop: BackgroundLoop) -> bool:
    try:
        loop.ping()
    except Unavailable:
        return True
    return False


def _threads_made_in(source: str) -> list[int]:
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    names = ((call.lineno, ast.unparse(call.func).rpartition(".")[2]) for call in calls)
    return [line for line, name in names if name in MAKES_THREADS]


def test_every_thread_of_ours_is_a_supervised_loop() -> None:
    """Only one module makes threads, so none can end by an exception that nobody hears of."""
    found = [path for path, source in python_files(*ROOTS).items() if _threads_made_in(source)]
    assert found == ["infra/background_loop.py"]


def test_a_thread_made_elsewhere_is_found() -> None:
    """The checker can fail."""
    assert _threads_made_in("import threading\nthreading.Thread(target=print).start()") == [2]
