"""Judges mutants by the tests of their module, each in a process of its own and without writing to the tree.

A mutant exists in the memory of one forked process, where an importer gives the changed module in place of the file's.
It is killed when a test fails, when it cannot be imported, or when the tests take ten times as long as without it.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import CodeType, ModuleType

import pytest
import pytest_asyncio.plugin  # noqa: F401 - loaded here once, not by each mutant
from hypothesis import HealthCheck, Phase, settings

from tests.mutants.mutations import Mutant, unchanged
from tests.mutants.table import Target
from tests.source_tree import ROOTS, module_name

PATIENCE = 10  # times what the tests take on the source as it is
LEAST_S = 20.0
POLL_S = 0.01
# always the same examples, however slow the machine is, and a failing one is not made smaller first
JUDGING = settings(
    phases=(Phase.explicit, Phase.generate),
    database=None,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
OUTPUT, MODULES = "output", "modules"  # what the newest process said, and what the last to end had imported
BROKEN = 70  # exit code of a process that did not come as far as pytest
WITHOUT = ("cacheprovider", "unraisableexception", "threadexception")
ARGUMENTS = ("-x", "-q", "--assert=plain", "-ppytest_asyncio.plugin", *(f"-pno:{plugin}" for plugin in WITHOUT))


class _Changed(importlib.abc.Loader, importlib.abc.MetaPathFinder):
    """Imports one module from compiled code."""

    def __init__(self, path: str, code: CodeType) -> None:
        self._path = path
        self._code = code

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return how the changed module is loaded, and None for every other."""
        return importlib.util.spec_from_loader(name, self) if name == module_name(self._path) else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed code."""
        module.__file__ = self._path
        exec(self._code, module.__dict__)  # noqa: S102 - the project's own source with one change


def survivors(target: Target, mutants: Sequence[Mutant], workers: int) -> Iterator[tuple[Mutant, bool]]:
    """Yield each mutant, and whether it survived, as soon as that is known.

    To be called in a process of its own: it imports much of the project, and another module could not be changed then.
    Raises `SystemExit` when the tests do not pass on the source as it is, or when there are none.
    """
    scratch = Path(tempfile.mkdtemp(prefix="oo-mutants-"))
    running: dict[int, tuple[Mutant, float]] = {}
    waiting = list(reversed(mutants))
    try:
        _time_s(target, scratch)
        _load_the_rest(target, (scratch / MODULES).read_text(encoding="utf-8").split())
        limit_s = max(LEAST_S, PATIENCE * _time_s(target, scratch))
        while waiting or running:
            while waiting and len(running) < workers:
                mutant = waiting.pop()
                running[_start(target, mutant.code, scratch)] = mutant, time.monotonic() + limit_s
            for process, (mutant, until) in list(running.items()):
                code = exit_code(process, until)
                if code is not None:
                    del running[process]
                    yield mutant, _survived(str(mutant), code)
            time.sleep(POLL_S)
    finally:
        for process in running:
            _kill(process)
        shutil.rmtree(scratch, ignore_errors=True)


def _load_the_rest(target: Target, names: Sequence[str]) -> None:
    """Import what the tests import and what does not itself import the module, so that no mutant has to."""
    withheld = _Changed(target.module, compile("raise ImportError", target.module, "exec"))
    sys.meta_path.insert(0, withheld)
    for name in names:
        with suppress(ImportError):
            importlib.import_module(name)
    sys.meta_path.remove(withheld)


def _time_s(target: Target, scratch: Path) -> float:
    """Return how long the tests take on the source as it is."""
    began = time.monotonic()
    process = _start(target, unchanged(target.module), scratch)
    if os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) != pytest.ExitCode.OK:
        said = (scratch / OUTPUT).read_text(encoding="utf-8", errors="replace")
        raise SystemExit(f"{said}\nthe tests of {target.module} do not pass on the source as it is")
    return time.monotonic() - began


def exit_code(process: int, until: float) -> int | None:
    """Return the exit code of a process; None while it runs, and a failure when its time is over."""
    if time.monotonic() > until:
        _kill(process)
        return pytest.ExitCode.TESTS_FAILED
    ended, status = os.waitpid(process, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _kill(process: int) -> None:
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)


def _survived(name: str, code: int) -> bool:
    """Return whether no test failed; a failed import, of a test or a conftest, is a failed test."""
    if code in {pytest.ExitCode.NO_TESTS_COLLECTED, BROKEN}:
        raise SystemExit(f"no test judged {name}")
    return code == pytest.ExitCode.OK


def _start(target: Target, code: CodeType, scratch: Path) -> int:
    """Fork a process that runs the tests on `code`, and return its id; its exit code is pytest's."""
    process = os.fork()
    if process:
        return process
    status = BROKEN
    try:
        output = os.open(scratch / OUTPUT, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        for stream in (0, 1, 2):
            os.dup2(output, stream)
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # nothing is shuffled, and each starts faster
        tempfile.tempdir = os.environ["TMPDIR"] = tempfile.mkdtemp(dir=scratch)
        settings.register_profile("mutants", JUDGING)
        settings.load_profile("mutants")
        sys.meta_path.insert(0, _Changed(target.module, code))
        status = int(pytest.main([*ARGUMENTS, *target.tests]))
        ours = [name for name in sys.modules if name.partition(".")[0] in ROOTS]
        (scratch / MODULES).write_text("\n".join(ours), encoding="utf-8")
    finally:
        os._exit(status)
