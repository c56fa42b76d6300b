"""A batch of features that the kernel killed is repeated, and nothing shows that it was killed."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from data_contracts.durations import HOUR_US
from data_contracts.identifiers import PersonId, to_us
from feature_repo.history.served_rows import History
from flows.context import OpenedContext, opened
from flows.upkeep.feature_refresh import build_features, materialize
from infra.clock import fixed_clock
from infra.database.people import people as people_table
from infra.settings import Settings
from tests.flows import people
from tests.source_tree import CHECKOUT

PEOPLE = 5
TIMEOUT_S = 120.0
ROWS = "SELECT person, view, event_us, sequence, payload FROM served ORDER BY person, view"


def settled(home: Path, now: datetime) -> None:
    """Make a home of some people whose history is written and whose online rows are lost."""
    with opened(Settings(home=home), fixed_clock(now)) as context:
        context.database.migrate()
        now_us = to_us(now)
        for number in range(PEOPLE):
            person = PersonId(f"{number:032x}")
            people.settle(context.database, person, now, name=f"person {number}")
            people.append(context.database, [people.task(person, n, now_us - n) for n in range(10)])
            people.append(context.database, [people.mood(person, now_us - HOUR_US * n, 1 + n) for n in range(4)])
            people.append(context.database, [people.meeting(person, number, now_us, now_us + HOUR_US)])
        build_features(context)
        _lose_online_rows(context)


def _lose_online_rows(context: OpenedContext) -> None:
    with context.database.read() as session:
        for row in people_table.list_all(session):
            context.online.delete(PersonId(row.person))


def rows(home: Path) -> list[tuple[object, ...]]:
    """Return the online rows as they are stored."""
    with closing(sqlite3.connect(home / "online.db")) as connection:
        return connection.execute(ROWS).fetchall()


def history(home: Path, now: datetime) -> list[tuple[object, ...]]:
    """Return what history knows, whatever files it lies in."""
    with opened(Settings(home=home), fixed_clock(now)) as context:
        table = History(context.settings.history).read("mood")
    return sorted(table.select(sorted(table.columns)).rows(), key=str)


@pytest.mark.processes
@pytest.mark.parametrize(("step", "again"), [("writing history", build_features), ("materialising", materialize)])
def test_a_repeated_batch_leaves_the_rows_of_one_that_was_never_killed(
    step: str, again: Callable[[OpenedContext], object], tmp_path: Path, now: datetime
) -> None:
    """Byte for byte, whether the process died with half of a person's history or half of a view written."""
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    settled(whole, now)
    if step == "writing history":
        shutil.rmtree(whole / "history")
    shutil.copytree(whole, killed)
    command = [sys.executable, "-m", "tests.flows.killed_building", str(killed), now.isoformat(), step]
    done = subprocess.run(command, cwd=CHECKOUT, check=False, timeout=TIMEOUT_S)
    assert done.returncode == -signal.SIGKILL
    half = rows(killed)
    for home in (whole, killed):
        with opened(Settings(home=home), fixed_clock(now)) as context:
            again(context)
    assert rows(killed) == rows(whole)
    assert half != rows(whole)
    assert history(killed, now) == history(whole, now)
