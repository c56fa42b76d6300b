import numpy as np

from models.rewards.trees.fold_forests import fold_forests
from models.rewards.trees.growing import Growth

QUICK = Growth(trees=10, leaf_rows=10)


def test_a_prediction_never_depends_on_the_rewards_of_its_own_fold() -> None:
    """Other targets in one fold leave that fold's scores as they were, and move all others."""
    rng = np.random.default_rng(1)
    parts = [rng.normal(size=(n, 4)).astype(np.float32) for n in (100, 300)]
    folds = [rng.integers(3, size=len(part)) for part in parts]
    rows, fold = np.concatenate(parts).astype(np.float64), np.concatenate(folds)
    target = rows[:, 0] + rng.normal(size=400)
    other = np.where(fold == 1, 5.0 - target, target)
    one, two = (fold_forests(parts, folds, each, count=3, growth=QUICK).score(rows, fold) for each in (target, other))
    assert (one[fold == 1] == two[fold == 1]).all()
    assert (one[fold != 1] != two[fold != 1]).mean() > 0.9
