"""Homes with a trained champion, copied for each test; the command line in them; a runtime on either database."""

import itertools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from flows.learning.promotion import promote
from flows.learning.training import open_registry, retrain
from infra.settings import Settings
from oo.runtime import Runtime
from tests.oo.command_line import CommandLine

FEW_PEOPLE = 10  # simulated, for a policy that is quick to train


@dataclass
class SettableClock:
    """A clock that a test moves."""

    now: datetime

    def __call__(self) -> datetime:
        """Return where the hands stand."""
        return self.now

    def pass_time(self, **span: float) -> None:
        """Move on."""
        self.now += timedelta(**span)


def crown(runtime: Runtime) -> None:
    """Train the small policy, register it in MLflow and promote it."""
    registry = open_registry(runtime.stores)
    made = retrain(runtime.stores, registry, runtime.clock(), warm_people=FEW_PEOPLE)
    promote(runtime.stores, registry, made.digest, actor="test", bootstrap=True)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with a real registry and a champion, in which nobody lives; copy it, never use it."""
    home = tmp_path_factory.mktemp("trained")
    with Runtime(Settings(home=home)) as runtime:
        crown(runtime)
    return home


@pytest.fixture
def lived_in(trained: Path, home: Path) -> Path:
    """Return a home with a champion."""
    return Path(shutil.copytree(trained, home, dirs_exist_ok=True))


@pytest.fixture
def oo(lived_in: Path, monkeypatch: pytest.MonkeyPatch, now: datetime) -> CommandLine:
    """Return the command line of a home with a champion, at `now`."""
    monkeypatch.setenv("OO_HOME", str(lived_in))
    command_line = CommandLine(lived_in, monkeypatch)
    command_line.at(now)
    return command_line


@pytest.fixture
def clock(now: datetime) -> SettableClock:
    """Return a clock at `now`."""
    return SettableClock(now)


@pytest.fixture(params=["sqlite", "postgresql"])
def runtime(request: pytest.FixtureRequest, home: Path, clock: SettableClock) -> Iterator[Runtime]:
    """Return an opened home with a champion, on each database, whose choices are the same in every run."""
    url = request.getfixturevalue("postgresql_url") if request.param == "postgresql" else None
    if url is None:
        request.getfixturevalue("lived_in")
    with Runtime(Settings(home=home, database_url=url), clock=clock) as opened:
        if url is not None:
            crown(opened)
        opened.serving.recommender._new_seed = itertools.count(1).__next__
        yield opened
