"""Laws of what counts in a log in which not every tip was seen."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.logs.decision_log import LoggedDecision, write
from models.logs.logged_decisions import DecisionLog
from models.policies import LinearThompson
from models.simulation.simulated_log import simulated_log

ROWS = 900


@pytest.fixture(scope="module")
def lived(thompson: LinearThompson) -> list[LoggedDecision]:
    """Decisions of a policy that is silent about half of the time, all of them rewarded."""
    return list(simulated_log(thompson, seed=7, count=ROWS))


def log(path: Path, lived: list[LoggedDecision], seen: Callable[[int], float]) -> DecisionLog:
    """Return the log of decisions whose tips a person sees with a chance that depends on who it is."""
    rng = np.random.default_rng(4)
    rows = []
    for row in lived:
        unseen = not row.decision.silent and rng.random() >= seen(row.person)
        rows.append(replace(row, reward=None) if unseen else row)
    write(path, rows)
    return DecisionLog(path)


def drawn(found: DecisionLog) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return of each row that counts when it was, whether it is a silence, and the logged probability of silence."""
    rows = list(found.chunks())
    chances = [each.probabilities[each.offsets[1:] - 1] for each in rows if each.probabilities is not None]
    times, silences = [each.at_us for each in rows], [each.silent for each in rows]
    return np.concatenate(times), np.concatenate(silences), np.concatenate(chances)


def strangeness(silent: np.ndarray, chance: np.ndarray) -> float:
    """Return by how many standard deviations the silences differ from what the logged probabilities say."""
    return abs(float((silent - chance).sum())) / float(np.sqrt((chance * (1.0 - chance)).sum()))


def test_where_every_tip_was_seen_every_row_counts(tmp_path: Path, lived: list[LoggedDecision]) -> None:
    """Nothing changes for a log in which everything is known."""
    assert log(tmp_path / "all.parquet", lived, lambda _: 1.0).rows == ROWS


@pytest.mark.parametrize("seen", [lambda _: 0.4, lambda person: 0.2 + 0.7 * (person % 2)], ids=["alike", "by person"])
def test_logged_probabilities_fit_the_draws_of_what_counts(
    tmp_path: Path, lived: list[LoggedDecision], seen: Callable[[int], float]
) -> None:
    """Silences are thinned to the share of tips that were seen: without that the log contradicts its propensities."""
    at_us, silent, chance = drawn(log(tmp_path / "some.parquet", lived, seen))
    assert strangeness(silent, chance) < 3.0
    every_us, every_silent, every_chance = drawn(log(tmp_path / "all.parquet", lived, lambda _: 1.0))
    naive = every_silent | np.isin(every_us, at_us)  # every silence, and the tips that were seen
    assert strangeness(every_silent[naive], every_chance[naive]) > 4.0


def test_the_same_log_gives_the_same_rows(tmp_path: Path, lived: list[LoggedDecision]) -> None:
    """Which silences stay depends on their ids and on nothing that is drawn."""
    one, other = (
        np.concatenate([rows.at_us for rows in log(tmp_path / name, lived, lambda _: 0.5).chunks()])
        for name in ("one.parquet", "other.parquet")
    )
    assert (one == other).all()
