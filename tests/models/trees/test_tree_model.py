import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data_contracts.errors import ArtifactRefused, Malformed
from models.policies import SquareCB, TreeSquareCB, artifact, laws
from models.rewards import person_posterior
from models.rewards.fitting import learned
from models.rewards.trees.tree_model import TreeModel, fit_trees
from models.simulation.warm_start import warm_start
from tests.source_tree import CHECKOUT


@pytest.fixture(scope="module")
def model() -> TreeModel:
    """Trees on a small simulated population."""
    return TreeModel.from_arrays(fit_trees(warm_start(seed=3, count=30, days=10)).arrays)


def test_the_same_rows_give_the_same_arrays(model: TreeModel) -> None:
    """The same rows give the same arrays, so a window that is trained twice has one digest."""
    again = fit_trees(warm_start(seed=3, count=30, days=10)).arrays
    assert all((again[name] == array).all() for name, array in model.arrays.items())


def test_a_person_moves_the_score_as_far_as_their_part_says(model: TreeModel) -> None:
    """A person who liked a tip raises its score, and by as much as their own part predicts."""
    for context, actions in laws.situations(1, 4, 6):
        stranger = context._replace(person=None)
        seen = model.observe(context.values, actions[0], reward=1.0, at_us=person_posterior.EPOCH_US, identifier="1")
        mu, sigma = model.score(stranger, actions)
        assert seen.residual == pytest.approx(1.0 - mu[0], abs=1e-12)
        known = person_posterior.learn(person_posterior.empty(model.person_prior), model.person_prior, seen)
        moved, surer = model.score(stranger._replace(person=known), actions)
        assert moved[0] - mu[0] == pytest.approx(float(seen.columns @ known.mean), abs=1e-12)
        assert moved[0] > mu[0]
        assert surer[0] < sigma[0]


def test_too_few_rows_are_refused() -> None:
    """Trees are not grown from a handful of tips."""
    with pytest.raises(Malformed, match="at least"):
        fit_trees(warm_start(seed=1, count=2, days=2))


def test_arrays_of_a_linear_model_are_no_trees(model: TreeModel) -> None:
    """Arrays of another model, and scales that are not positive, are refused by name."""
    linear = learned(SquareCB.NAME, warm_start(seed=1, count=5, days=5)).arrays
    with pytest.raises(ArtifactRefused, match="unknown arrays"):
        TreeModel.from_arrays(linear)
    with pytest.raises(ArtifactRefused, match="positive"):
        TreeModel.from_arrays({**model.arrays, "noise": np.zeros(1)})


def test_an_artifact_of_trees_is_loaded_and_asked_without_lightgbm(model: TreeModel, tmp_path: Path) -> None:
    """An artifact of trees is loaded, checked against its golden vectors and asked without LightGBM."""
    folder = artifact.save(
        TreeSquareCB(model),
        tmp_path,
        sign=str,
        data_digest="",
        origins={},
        metrics={},
    )
    script = (
        "import sys; from pathlib import Path; from models.policies import artifact;"
        f"print(artifact.load(Path({str(folder)!r}), verify=lambda *_: True).policy.name, 'lightgbm' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["tree_squarecb", "False"]
