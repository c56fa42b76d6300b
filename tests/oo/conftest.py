"""Homes with a trained champion, copied for each test; the command line in them; a household on either database."""

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
from oo.runtime import Household
from tests.oo.command_line import CommandLine

FEW_PEOPLE = 10  # simulated, for a policy that is quick to train


@dataclass
class Hands:
    """A clock that a test moves."""

    now: datetime

    def __call__(self) -> datetime:
        """Return where the hands stand."""
        return self.now

    def pass_time(self, **span: float) -> None:
        """Move on."""
        self.now += timedelta(**span)


def crown(household: Household) -> None:
    """Train the small policy, register it in MLflow and promote it."""
    registry = open_registry(household.stores)
    made = retrain(household.stores, registry, household.clock(), warm_people=FEW_PEOPLE)
    promote(household.stores, registry, made.digest, actor="test", bootstrap=True)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with a real registry and a champion, in which nobody lives; copy it, never use it."""
    home = tmp_path_factory.mktemp("trained")
    with Household(Settings(home=home)) as household:
        crown(household)
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
def clock(now: datetime) -> Hands:
    """Return a clock at `now`."""
    return Hands(now)


@pytest.fixture(params=["sqlite", "postgresql"])
def household(request: pytest.FixtureRequest, home: Path, clock: Hands) -> Iterator[Household]:
    """Return an opened home with a champion, on each database, whose choices are the same in every run."""
    url = request.getfixturevalue("postgresql_url") if request.param == "postgresql" else None
    if url is None:
        request.getfixturevalue("lived_in")
    with Household(Settings(home=home, database_url=url), clock=clock) as opened:
        if url is not None:
            crown(opened)
        opened.recommender._new_seed = itertools.count(1).__next__
        yield opened
