"""Laws of the locks of roles."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from data_contracts.errors import Conflict
from infra.storage.locks import RoleLock

HOLD = """
import os, sys, time
from pathlib import Path
from infra.storage.locks import RoleLock
lock = RoleLock(Path(sys.argv[1]), "the role")
lock.take()
if sys.argv[2:] == ["exec"]:
    lock.keep_after_exec()
    os.execv(sys.executable, [sys.executable, "-c", "print('held', flush=True); import time; time.sleep(600)"])
print("held", flush=True)
time.sleep(600)
"""


@contextmanager
def _holder(path: Path, *how: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(path), *how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


@pytest.mark.parametrize("how", [(), ("exec",)], ids=["itself", "after exec"])
def test_a_role_ends_with_its_process_however_that_dies(tmp_path: Path, how: tuple[str, ...]) -> None:
    """The refusal names the process; after kill -9 the next one has the role at once, also from a program it became."""
    path = tmp_path / "locks" / "role"
    lock = RoleLock(path, "the role")
    with _holder(path, *how) as process:
        with pytest.raises(Conflict, match=rf"the role runs already, as process {process.pid} .*; end that first"):
            lock.take()
        process.send_signal(signal.SIGKILL)
        process.wait()
    lock.take()
    assert lock.owner().startswith(f"process {os.getpid()} ")
    assert path.stat().st_mode & 0o777 == 0o600
    lock.release()


def test_a_role_is_one_holders(tmp_path: Path) -> None:
    """In one process too, until it is released; taking what is held changes nothing."""
    first, second = (RoleLock(tmp_path / "role", "the role") for _ in range(2))
    with first.taken():
        assert (first.try_take(), second.try_take(), first.held, second.held) == (True, False, True, False)
    with second.waited():
        assert not first.try_take()
    with pytest.raises(Conflict):
        second.keep_after_exec()


def test_a_full_disk_denies_no_role(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who makes room needs its lock most when nothing can be written."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    lock = RoleLock(tmp_path / "role", "the role")
    with lock.taken():
        assert lock.held


def test_a_lock_names_the_command_and_none_of_its_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments name people and files, and a lock's file outlives an erasure."""
    lock = RoleLock(tmp_path / "role", "the role")
    for argv, said in (
        (["bin/oo", "forget", "--person", "ada"], "oo forget"),
        (["bin/oo", "import", "ada/tasks.csv"], "oo import"),
        (["bin/oo", "log", "mood", "3"], "oo log"),
        (["oo/__main__.py", "serve", "nats", "--port", "4222"], "oo serve nats"),
        (["bin/worker", "ada"], "worker"),
    ):
        monkeypatch.setattr(sys, "argv", argv)
        with lock.taken():
            assert lock.owner() == f"process {os.getpid()} (`{said}`)"
