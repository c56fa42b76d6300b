"""One forest per fold, grown on all others: predictions for rows that their forest has not seen."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.rewards.trees.forest import Forest
from models.rewards.trees.growing import DEFAULT, Growth, grow

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


class FoldForests(NamedTuple):
    """Forests by fold."""

    forests: tuple[Forest, ...]

    def score(self, rows: Floats, fold: Indices) -> Floats:
        """Return (N,) scores of rows (N, features), each by the forest of its fold (N,)."""
        scores = np.zeros(len(rows))
        for number, forest in enumerate(self.forests):
            mine = np.flatnonzero(fold == number)
            scores[mine] = forest.score(rows[mine])
        return scores


def fold_forests(
    parts: list[NDArray[np.float32]], folds: list[Indices], target: Floats, *, count: int, growth: Growth = DEFAULT
) -> FoldForests:
    """Return `count` forests; rows (n_i, features) and folds (n_i,) come in the same parts, targets (N,) whole."""
    fold = np.concatenate(folds)
    grown = (
        grow([rows[mine != each] for rows, mine in zip(parts, folds, strict=True)], target[fold != each], growth=growth)
        for each in range(count)
    )
    return FoldForests(tuple(grown))
