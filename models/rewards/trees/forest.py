"""A sum of regression trees as arrays: validated as an artifact, evaluated by NumPy, with each split's contribution.

    score(x)  = sum over trees of the value at the leaf that x reaches
    part(x,f) = sum over splits on feature f along the paths of value(child) - value(parent)

so the parts and the sum of the roots' values add up to the score. A node's left child takes x[feature] <= threshold.
Source of the parts: Saabas, "Interpreting random forests" (2014).
Limits: these parts depend on the order of splits along a path; they are what this model did, not what caused what.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import ArtifactRefused

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

NAMES = ("feature", "threshold", "left", "right", "value")
LEAF = -1
MAX_NODES = 1 << 18  # over all trees
MAX_LEAVES = 52  # of one tree: a set of leaves is one integer that a float64 holds exactly
ALL = (1 << MAX_LEAVES) - 1
BLOCK = 256  # rows whose splits are asked at once: they fit the cache


class Paths(NamedTuple):
    """What N rows met: `base` is the roots' sum, `part` (N, T, depth) each step's change, `feature` what it asked."""

    base: float
    part: Floats
    feature: Indices  # (N, T, depth); LEAF where a path had ended, with a part of 0


@dataclass(frozen=True, eq=False)
class Forest:
    """T trees of at most M nodes, all arrays (T, M) of float64; node 0 is the root, a leaf is its own child."""

    feature: Floats
    threshold: Floats
    left: Floats
    right: Floats
    value: Floats

    @classmethod
    def from_arrays(cls, arrays: dict[str, Floats], features: int) -> "Forest":
        """Return the forest over `features` columns; raises `ArtifactRefused` unless every path ends at a leaf."""
        missing = [name for name in NAMES if name not in arrays]
        if missing:
            raise ArtifactRefused(f"a forest lacks the arrays {missing}")
        made = cls(*(arrays[name] for name in NAMES))
        shape = made.feature.shape
        if len(shape) != 2 or 0 in shape or made.feature.size > MAX_NODES:  # noqa: PLR2004 - trees and nodes
            raise ArtifactRefused(f"a forest's arrays are (trees, nodes) of at most {MAX_NODES}, not {shape}")
        for name in NAMES:
            if arrays[name].shape != shape:
                raise ArtifactRefused(f"a forest's array {name!r} must have the shape {shape}")
        made._demand_sound(features)
        return made

    @property
    def arrays(self) -> dict[str, Floats]:
        """The arrays by name."""
        return {name: getattr(self, name) for name in NAMES}

    def paths(self, rows: Floats) -> Paths:
        """Return what rows (N, features) meet on their ways down."""
        leaf = self._leaf(rows)
        return Paths(self._plan.base, self._plan.part[leaf], self._plan.asked[leaf])

    def score(self, rows: Floats) -> Floats:
        """Return (N,) sums of the leaves that rows (N, features) reach."""
        blocks = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
        return np.concatenate([self._plan.value[self._leaf(block)].sum(axis=1) for block in blocks] or [np.zeros(0)])

    def _leaf(self, rows: Floats) -> Indices:
        """Return (N, T) the leaf that each row reaches: the first one that no split on the left of it has ruled out."""
        plan = self._plan
        left = rows.take(plan.feature, axis=1) <= plan.threshold
        standing = np.bitwise_and.reduce(np.where(left, ALL, plan.right_only), axis=2)
        lowest = (standing & -standing).astype(np.float64)  # a power of two below 2^53, so exact
        leaf: Indices = plan.first + (np.frexp(lowest)[1] - 1)
        return leaf

    @cached_property
    def _plan(self) -> "_Plan":
        walks = [_walk(*(getattr(self, name)[tree] for name in NAMES)) for tree in range(len(self.feature))]
        return _plan(walks, self.value[:, 0])

    def _demand_sound(self, features: int) -> None:
        nodes = self.feature.shape[1]
        at = np.broadcast_to(np.arange(nodes), self.feature.shape)
        leaf = self.feature == LEAF
        whole = [np.floor(array) == array for array in (self.feature, self.left, self.right)]
        for rule, sound in (
            ("numbers of features and nodes are whole", np.logical_and.reduce(whole)),
            (
                f"a feature is one of {features}, or {LEAF} at a leaf",
                (self.feature >= LEAF) & (self.feature < features),
            ),
            ("a leaf is its own child", ~leaf | ((self.left == at) & (self.right == at))),
            ("a child comes after its parent", leaf | ((self.left > at) & (self.right > at))),
            ("a child is in the tree", (self.left < nodes) & (self.right < nodes)),
            ("children are two nodes", leaf | (self.left != self.right)),
        ):
            if not sound.all():
                tree, node = np.argwhere(~sound)[0]
                raise ArtifactRefused(f"tree {tree} node {node} breaks the rule: {rule}")
        for tree, (left, right) in enumerate(zip(self.left, self.right, strict=True)):
            children = np.concatenate((left[~leaf[tree]], right[~leaf[tree]]))
            if np.unique(children).size < children.size:
                raise ArtifactRefused(f"tree {tree} breaks the rule: a node has one parent")
            if children.size // 2 + 1 > MAX_LEAVES:
                raise ArtifactRefused(f"tree {tree} breaks the rule: a tree has at most {MAX_LEAVES} leaves")


class _Split(NamedTuple):
    """An inner node, and the leaves (as bits) that stay possible when a row goes right."""

    feature: int
    threshold: float
    right_only: int


class _Step(NamedTuple):
    """One step of a path."""

    feature: int
    part: float


class _Walk(NamedTuple):
    """One tree: its splits, and for each leaf, from left to right, the path to it and its value."""

    splits: list[_Split]
    paths: list[tuple[_Step, ...]]
    values: list[float]


class _Plan(NamedTuple):
    """All trees at once, for S splits and L leaves a tree at most, and the longest path.

    Source: Lucchese et al., "QuickScorer: A Fast Algorithm to Rank Documents with Additive Ensembles" (2015).
    """

    base: float
    feature: Indices  # (T, S)
    threshold: Floats  # (T, S)
    right_only: NDArray[np.int64]  # (T, S)
    first: Indices  # (T,) of each tree among all leaves
    value: Floats  # (leaves,)
    part: Floats  # (leaves, depth)
    asked: Indices  # (leaves, depth)


def _walk(feature: Floats, threshold: Floats, left: Floats, right: Floats, value: Floats) -> _Walk:
    """Return a tree from left to right."""
    walk = _Walk([], [], [])

    def enter(node: int, path: tuple[_Step, ...]) -> None:
        if feature[node] == LEAF:
            walk.paths.append(path)
            walk.values.append(float(value[node]))
            return
        first, place = len(walk.paths), len(walk.splits)
        asked = int(feature[node])
        walk.splits.append(_Split(asked, float(threshold[node]), ALL))
        for below in (int(left[node]), int(right[node])):
            if below == int(right[node]):
                ruled_out = ((1 << len(walk.paths)) - 1) ^ ((1 << first) - 1)
                walk.splits[place] = _Split(asked, float(threshold[node]), ALL ^ ruled_out)
            enter(below, (*path, _Step(asked, float(value[below] - value[node]))))

    enter(0, ())
    return walk


def _plan(walks: list[_Walk], roots: Floats) -> _Plan:
    splits = max([1, *(len(walk.splits) for walk in walks)])
    depth = max([1, *(len(path) for walk in walks for path in walk.paths)])
    never = _Split(0, np.inf, ALL)
    table = [[*walk.splits, *[never] * (splits - len(walk.splits))] for walk in walks]
    paths = [(*path, *[_Step(LEAF, 0.0)] * (depth - len(path))) for walk in walks for path in walk.paths]
    counts = [len(walk.paths) for walk in walks]
    return _Plan(
        base=float(roots.sum()),
        feature=np.array([[split.feature for split in row] for row in table], np.intp),
        threshold=np.array([[split.threshold for split in row] for row in table]),
        right_only=np.array([[split.right_only for split in row] for row in table], np.int64),
        first=np.concatenate(([0], np.cumsum(counts)[:-1])).astype(np.intp),
        value=np.array([value for walk in walks for value in walk.values]),
        part=np.array([[step.part for step in path] for path in paths]),
        asked=np.array([[step.feature for step in path] for path in paths], np.intp),
    )
