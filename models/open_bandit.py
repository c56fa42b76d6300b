"""The layout of the Open Bandit Dataset: read their logs, write ours.

A log is a CSV file with `timestamp, item_id, position, click, propensity_score` and any number of `user_feature_*` and
`user-item_affinity_*` columns; `item_context.csv` lies beside it. Source: Saito et al., "Open Bandit Dataset and
Pipeline" (2021).

Limits: a click is 0 or 1, so our rewards lose their degrees (1 from `COMPLETED` on); the whole distribution is lost.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import Malformed
from data_contracts.features import FEATURES
from data_contracts.identifiers import from_us
from data_contracts.reactions import REWARDS, Outcome
from models.decision_log import LoggedDecision
from models.logged import FOLDS, Floats, Indices, Logged

NEEDED = ("timestamp", "item_id", "position", "click", "propensity_score")
ALLOWED = ("user_feature_", "user-item_affinity_")
ITEM_COLUMNS = ("", "item_id", "item_feature_0")
CHUNK = 2_048
SUM_TOLERANCE = 1e-6
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
    """Return the target of a CSV file `item_id,position,probability`; raises `Malformed` naming row and rule."""
    table = np.zeros((log.positions, log.items))
    with path.open(newline="", encoding="utf-8") as file:
        for number, line in enumerate(csv.DictReader(file)):
            try:
                item, position = int(line["item_id"]), int(line["position"]) - 1
                table[position, item] = float(line["probability"])
            except (KeyError, ValueError, IndexError, TypeError) as error:
                rule = "item_id, position and probability name one item of the log"
                raise Malformed(f"{path.name} row {number} breaks the rule: {rule}") from error
    whole = np.abs(table.sum(axis=1) - 1.0) < SUM_TOLERANCE
    if not (np.isfinite(table).all() and (table >= 0.0).all() and whole.all()):
        raise Malformed(f"{path.name} breaks the rule: probabilities of each position sum to 1")
    return ItemDistribution(path.stem, table)


def _read(path: Path) -> Mapping[str, NDArray[np.float64]]:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        missing = [name for name in NEEDED if name not in header]
        foreign = [name for name in header if name and name not in NEEDED and not name.startswith(ALLOWED)]
        if missing or foreign:
            raise Malformed(f"{path.name} has foreign columns {foreign} and lacks {missing}: it is no Open Bandit log")
        places = [header.index(name) for name in NEEDED]
        lines = [[line[place] for place in places] for line in reader]
    lines.sort(key=lambda line: line[0])
    return _checked(path.name, lines)


def _checked(name: str, lines: list[list[str]]) -> dict[str, NDArray[np.float64]]:
    if not lines:
        raise Malformed(f"{name} has no rows")
    try:
        numbers = np.array([line[1:] for line in lines], dtype=np.float64)
    except ValueError as error:
        raise Malformed(f"{name} holds something that is not a number: {error}") from error
    item, position, click, propensity = numbers.T
    for rule, sound in (
        ("item_id is a number from 0", (item >= 0) & (item == np.floor(item))),
        ("position is a number from 1", (position >= 1) & (position == np.floor(position))),
        ("click is 0 or 1", (click == 0) | (click == 1)),
        ("propensity_score is in (0, 1]", (propensity > 0) & (propensity <= 1)),
    ):
        if not sound.all():
            row = int(np.flatnonzero(~sound)[0])
            raise Malformed(f"{name} row {row} (at {lines[row][0]}) breaks the rule: {rule}")
    return {"item_id": item, "position": position - 1, "click": click, "propensity_score": propensity}
