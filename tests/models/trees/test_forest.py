from typing import Any

import numpy as np
import pytest

from data_contracts.errors import ArtifactRefused
from models.rewards.trees.forest import LEAF, Forest
from models.rewards.trees.growing import Growth, grow

FEATURES = 6
QUICK = Growth(trees=25, leaf_rows=10)


def world(seed: int, count: int = 1_500) -> tuple[np.ndarray[Any, np.dtype[np.float64]], ...]:
    """Rows with zeros and ties among them, and a target that no line can follow."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, FEATURES)).round(1)
    return rows, np.where(rows[:, 0] * rows[:, 1] > 0.0, 1.0, 0.0) + 0.1 * rng.normal(size=count)


@pytest.fixture(scope="module")
def forest() -> Forest:
    """A forest that LightGBM grew."""
    rows, target = world(1)
    return grow([rows[:500], rows[500:]], target, growth=QUICK)


def test_scores_are_lightgbms_own() -> None:
    """The arrays score every row as the booster that they were read from, zeros and ties included."""
    from lightgbm import Dataset, train  # noqa: PLC0415 - takes seconds, which only this test pays

    rows, target = world(1)
    booster = train(QUICK.parameters, Dataset(rows, target), num_boost_round=QUICK.trees)
    asked, _ = world(2)
    np.testing.assert_allclose(grow([rows], target, growth=QUICK).score(asked), booster.predict(asked), atol=1e-12)


def test_the_same_rows_grow_the_same_bits_however_they_are_cut(forest: Forest) -> None:
    """The same rows grow the same bits, however they are cut into parts."""
    rows, target = world(1)
    again = grow([rows[:7], rows[7:1_200], rows[1_200:]], target, growth=QUICK)
    for name, array in forest.arrays.items():
        assert (again.arrays[name] == array).all()


def test_the_parts_of_a_path_add_up_to_the_score(forest: Forest) -> None:
    """The roots' sum and the parts of every step add up to the score, and only asked features have a part."""
    rows, _ = world(3, 200)
    base, part, feature = forest.paths(rows)
    np.testing.assert_allclose(base + part.sum(axis=(1, 2)), forest.score(rows), atol=1e-12)
    assert (part[feature == LEAF] == 0.0).all()


def test_trees_learn_what_no_line_can(forest: Forest) -> None:
    """A product of two features is learned, and rows decide alone."""
    rows, target = world(4)
    assert np.corrcoef(forest.score(rows), target)[0, 1] > 0.9
    assert (forest.score(rows[5:6]) == forest.score(rows)[5]).all()


def test_a_target_without_any_signal_gives_single_leaves() -> None:
    """Trees that found nothing to split are leaves, and score the mean."""
    rows, _ = world(5, 300)
    flat = grow([rows], np.full(300, 0.25), growth=QUICK)
    np.testing.assert_allclose(flat.score(rows), 0.25, atol=1e-12)
    np.testing.assert_allclose(flat.paths(rows).base, 0.25, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "node", "value", "rule"),
    [
        ("feature", 0, FEATURES, "a feature is"),
        ("feature", 0, 0.5, "whole"),
        ("left", 0, 0.0, "after its parent"),
        ("left", 1, 0.0, "after its parent|its own child"),
        ("right", 0, 1e6, "in the tree"),
        ("right", 0, 1.0, "two nodes"),
        ("feature", 0, -2.0, "a feature is"),
    ],
)
def test_arrays_whose_paths_might_not_end_are_refused(
    forest: Forest, name: str, node: int, value: float, rule: str
) -> None:
    """Arrays that would send a row in a circle, out of the tree or to no feature are refused by name."""
    arrays = {key: array.copy() for key, array in forest.arrays.items()}
    arrays[name][0, node] = value
    with pytest.raises(ArtifactRefused, match=rule):
        Forest.from_arrays(arrays, FEATURES)


def test_a_node_with_two_parents_is_refused(forest: Forest) -> None:
    """A node with two parents is refused, so the size of a tree bounds the work."""
    arrays = {key: array.copy() for key, array in forest.arrays.items()}
    inner = np.flatnonzero(arrays["feature"][0] != LEAF)
    arrays["right"][0, inner[0]] = arrays["right"][0, inner[1]]
    with pytest.raises(ArtifactRefused, match=r"one parent|two nodes"):
        Forest.from_arrays(arrays, FEATURES)


def test_arrays_of_other_shapes_are_refused(forest: Forest) -> None:
    """Arrays that are missing, empty or of another shape are refused."""
    with pytest.raises(ArtifactRefused, match="lacks"):
        Forest.from_arrays({}, FEATURES)
    with pytest.raises(ArtifactRefused, match="shape"):
        Forest.from_arrays({**forest.arrays, "left": np.zeros(3)}, FEATURES)
    with pytest.raises(ArtifactRefused, match="at most"):
        Forest.from_arrays({name: np.zeros((0, 4)) for name in forest.arrays}, FEATURES)
