"""Grows a forest with LightGBM: least squares, one thread, fixed seed; deterministic.

LightGBM is imported when a forest is grown, and nowhere else; what it learned leaves as arrays.
Source: Ke et al., "LightGBM: A Highly Efficient Gradient Boosting Decision Tree" (2017).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.rewards.trees.forest import LEAF, NAMES, Forest

Floats = NDArray[np.float64]
Rows = NDArray[np.float32] | NDArray[np.float64]

FIXED = {
    "objective": "regression",
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "seed": 1,
    "verbosity": -1,
    "max_bin": 63,
    "use_missing": False,  # NaN never comes in, and a split has two sides
    "feature_pre_filter": False,
}


class Growth(NamedTuple):
    """How a forest is grown."""

    trees: int = 100
    leaves: int = 12
    depth: int = 6
    rate: float = 0.1
    leaf_rows: int = 60
    ridge: float = 10.0

    @property
    def parameters(self) -> dict[str, Any]:
        """LightGBM's names."""
        return {
            **FIXED,
            "num_leaves": self.leaves,
            "max_depth": self.depth,
            "learning_rate": self.rate,
            "min_data_in_leaf": self.leaf_rows,
            "lambda_l2": self.ridge,
        }


DEFAULT = Growth()


def grow(parts: Sequence[Rows], target: Floats, weight: Floats | None = None, growth: Growth = DEFAULT) -> Forest:
    """Return the forest for rows given in parts, (n_i, features) each, and their targets (N,), weighted (N,)."""
    from lightgbm import Dataset, train  # noqa: PLC0415 - takes seconds, which only training pays

    data = Dataset(list(parts), target, weight=weight, params=growth.parameters, free_raw_data=True)
    booster = train(growth.parameters, data, num_boost_round=growth.trees)
    trees = [_nodes(each["tree_structure"]) for each in booster.dump_model()["tree_info"]]
    longest = max(len(nodes) for nodes in trees)
    table = np.stack([_padded(nodes, longest) for nodes in trees])
    return Forest(*(np.ascontiguousarray(table[:, :, place]) for place in range(len(NAMES))))


def _nodes(root: dict[str, Any]) -> list[list[float]]:
    """Return rows in the order of `NAMES`, parents before children."""
    rows: list[list[float]] = []
    waiting: list[tuple[dict[str, Any], int, int]] = [(root, LEAF, 0)]
    for node, parent, side in waiting:
        place = len(rows)
        if parent != LEAF:
            rows[parent][side] = place
        if "split_feature" in node:
            rows.append([node["split_feature"], node["threshold"], place, place, node["internal_value"]])
            waiting += [(node["left_child"], place, NAMES.index("left"))]
            waiting += [(node["right_child"], place, NAMES.index("right"))]
        else:
            rows.append([LEAF, 0.0, place, place, node["leaf_value"]])
    return rows


def _padded(nodes: list[list[float]], length: int) -> Floats:
    """Return (length, 5): what is missing are leaves that no path reaches."""
    spare = [[LEAF, 0.0, place, place, 0.0] for place in range(len(nodes), length)]
    return np.array(nodes + spare, dtype=np.float64)
