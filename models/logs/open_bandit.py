"""The layout of the Open Bandit Dataset: reads its logs, and writes ours in that form.

A log is a CSV file with `timestamp, item_id, position, click, propensity_score` and any number of `user_feature_*` and
`user-item_affinity_*` columns; `item_context.csv` lies beside it. Source: Saito et al., "Open Bandit Dataset and
Pipeline" (2021).

Limits: a click is 0 or 1, so our rewards lose their degrees (1 from `COMPLETED` on); the whole distribution is lost.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import Malformed
from data_contracts.features import FEATURES
from data_contracts.identifiers import from_us
from data_contracts.rewards import REWARDS, Outcome
from models.logs.arrays import FOLDS, MIN_PROPENSITY, Floats, Indices, Logged
from models.logs.decision_log import LoggedDecision

TARGET = ("item_id", "position", "probability")
NEEDED = ("timestamp", "item_id", "position", "click", "propensity_score")
ALLOWED = ("user_feature_", "user-item_affinity_")
ITEM_COLUMNS = ("", "item_id", "item_feature_0")
CHUNK = 2_048
SUM_TOLERANCE = 1e-6
MAX_ITEMS, MAX_POSITIONS = 10_000, 100  # what a table of all of them may take in memory
PRIOR = 100.0  # rows that the overall mean weighs against an item's own


def log_columns() -> tuple[str, ...]:
    """Return the header of a log of ours in their layout."""
    return ("", *NEEDED, *(f"user_feature_{feature.name}" for feature in FEATURES))


def logged_row(number: int, row: LoggedDecision, item: int) -> tuple[object, ...]:
    """Return one line; masked features are empty."""
    decision = row.decision
    click = int((row.reward or 0.0) >= REWARDS[Outcome.COMPLETED])
    known = zip(decision.vector.tolist(), decision.masked.tolist(), strict=True)
    propensity = float(decision.probabilities[decision.chosen])
    values = ("" if masked else value for value, masked in known)
    return (number, from_us(decision.at_us).isoformat(" "), item, 1, click, repr(propensity), *values)


@dataclass(frozen=True, slots=True, eq=False)
class OpenBanditRows(Logged):
    """Rows whose actions are all items, in the order of their numbers."""

    item: Indices  # (N,)
    position: Indices  # (N,) from 0


class OpenBanditLog:
    """One CSV file in memory: five columns of it."""

    simulated = False

    def __init__(self, path: Path) -> None:
        self._columns = _read(path)
        self.items = int(self._columns["item_id"].max()) + 1
        self.positions = int(self._columns["position"].max()) + 1

    def chunks(self) -> Iterator[OpenBanditRows]:
        """Yield the rows, ordered by their timestamps."""
        item, position = self._columns["item_id"].astype(np.intp), self._columns["position"].astype(np.intp)
        for start in range(0, item.size, CHUNK):
            part = slice(start, start + CHUNK)
            n = item[part].size
            offsets = np.arange(n + 1, dtype=np.intp) * self.items
            yield OpenBanditRows(
                start=start,
                reward=self._columns["click"][part],
                propensity=self._columns["propensity_score"][part],
                taken=offsets[:-1] + item[part],
                offsets=offsets,
                fold=np.arange(start, start + n) % FOLDS,
                probabilities=None,
                item=item[part],
                position=position[part],
            )

    def reward_model(self) -> "ItemMeans":
        """Return the means of items at positions, drawn towards the overall mean."""
        shape = (FOLDS, self.positions, self.items)
        shown, clicked = np.zeros(shape), np.zeros(shape)
        for rows in self.chunks():
            place = (rows.fold, rows.position, rows.item)
            np.add.at(shown, place, 1.0)
            np.add.at(clicked, place, rows.reward)
        others_shown = shown.sum(axis=0) - shown
        others_clicked = clicked.sum(axis=0) - clicked
        overall = others_clicked.sum(axis=(1, 2)) / np.maximum(others_shown.sum(axis=(1, 2)), 1.0)
        return ItemMeans((others_clicked + PRIOR * overall[:, None, None]) / (others_shown + PRIOR))


@dataclass(frozen=True, slots=True, eq=False)
class ItemMeans:
    """Rewards (FOLDS, positions, items), each learned from the other folds."""

    means: Floats

    def predict(self, rows: Logged) -> Floats:
        """Return (M,) rewards of every item at each row's position."""
        if not isinstance(rows, OpenBanditRows):
            raise TypeError("item means predict rows of an Open Bandit log")
        means: Floats = self.means[rows.fold, rows.position].ravel()
        return means


@dataclass(frozen=True, slots=True, eq=False)
class ItemDistribution:
    """A target that chooses items by position, whatever the person; `table` is (positions, items)."""

    name: str
    table: Floats

    def probabilities(self, rows: Logged) -> Floats:
        """Return (M,) probabilities of every item at each row's position."""
        if not isinstance(rows, OpenBanditRows):
            raise TypeError("a distribution of items is over rows of an Open Bandit log")
        chances: Floats = self.table[rows.position].ravel()
        return chances


def uniform(log: OpenBanditLog) -> ItemDistribution:
    """Return the target to which every item is the same."""
    return ItemDistribution("uniform", np.full((log.positions, log.items), 1.0 / log.items))


def distribution_from(path: Path, log: OpenBanditLog) -> ItemDistribution:
    """Return the target of a CSV file `item_id,position,probability`; raises `Malformed` naming line and rule."""
    table = np.full((log.positions, log.items), np.nan)
    for where, cells in _lines(path, TARGET, foreign=True):
        try:
            item, position, probability = int(cells[0]), int(cells[1]) - 1, float(cells[2])
        except ValueError as error:
            raise Malformed(f"{where} breaks the rule: item_id, position and probability are numbers") from error
        _demand(where, "item_id and position are of the log", 0 <= item < log.items and 0 <= position < log.positions)
        _demand(where, "an item is named once at a position", np.isnan(table[position, item]))
        _demand(where, "probability is in [0, 1]", 0.0 <= probability <= 1.0)
        table[position, item] = probability
    table = np.nan_to_num(table)
    if not (np.abs(table.sum(axis=1) - 1.0) < SUM_TOLERANCE).all():
        raise Malformed(f"{path.name} breaks the rule: probabilities of each position sum to 1")
    return ItemDistribution(path.stem, table)


def _read(path: Path) -> dict[str, NDArray[np.float64]]:
    """Return the columns by name, ordered by time."""
    rows = sorted((_row(where, cells) for where, cells in _lines(path, NEEDED)), key=lambda row: row[0])
    if not rows:
        raise Malformed(f"{path.name} has no rows")
    _, item, position, click, propensity = np.array(rows, dtype=np.float64).T
    return {"item_id": item, "position": position - 1, "click": click, "propensity_score": propensity}


def _row(where: str, cells: list[str]) -> tuple[float, ...]:
    """Return the numbers of a line, its time in seconds first."""
    try:
        at = datetime.fromisoformat(cells[0])
    except ValueError as error:
        raise Malformed(f"{where} breaks the rule: timestamp is a time in ISO 8601") from error
    try:
        item, position, click, propensity = map(float, cells[1:])
    except ValueError as error:
        raise Malformed(f"{where} breaks the rule: item_id, position, click and propensity are numbers") from error
    whole = item.is_integer() and position.is_integer()
    _demand(where, f"item_id is a whole number from 0 to {MAX_ITEMS - 1}", whole and 0 <= item < MAX_ITEMS)
    _demand(where, f"position is a whole number from 1 to {MAX_POSITIONS}", whole and 1 <= position <= MAX_POSITIONS)
    _demand(where, "click is 0 or 1", click in {0.0, 1.0})
    _demand(where, f"propensity_score is in [{MIN_PROPENSITY:g}, 1]", MIN_PROPENSITY <= propensity <= 1.0)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp(), item, position, click, propensity


def _lines(path: Path, needed: tuple[str, ...], *, foreign: bool = False) -> Iterator[tuple[str, list[str]]]:
    """Yield where each line is, and its needed cells; raises `Malformed` for what is no such table."""
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        reader = csv.reader(file)
        try:
            header = next(reader, [])
            missing = [name for name in needed if name not in header]
            others = [name for name in header if name and name not in needed and not name.startswith(ALLOWED)]
            if missing or (others and not foreign):
                said = f"has foreign columns {others} and lacks {missing}"
                raise Malformed(f"{path.name} {said}: it is no table of the Open Bandit layout")
            places = [header.index(name) for name in needed]
            for line in reader:
                where = f"{path.name} line {reader.line_num}"
                _demand(where, "a row has as many cells as the header", len(line) == len(header))
                yield where, [line[place] for place in places]
        except csv.Error as error:
            raise Malformed(f"{path.name} line {reader.line_num} breaks the rule: {error}") from error


def _demand(where: str, rule: str, sound: object) -> None:
    if not sound:
        raise Malformed(f"{where} breaks the rule: {rule}")
