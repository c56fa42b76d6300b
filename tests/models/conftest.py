"""Rows and policies that many tests of this folder ask."""

from pathlib import Path

import pytest

from models.policies import ArtifactPolicy, LinearThompson, artifact, laws
from models.rewards.linear import LinearModel
from models.rewards.training import TrainingRows, fit, gather
from models.simulation.warm_start import warm_start


@pytest.fixture(scope="session")
def rows() -> TrainingRows:
    """A simulated population, large enough to teach sensible behaviour."""
    return warm_start(seed=1, count=150, days=20)


@pytest.fixture(scope="session")
def thompson(rows: TrainingRows) -> LinearThompson:
    """The served policy, warm-started."""
    return LinearThompson.from_arrays(fit(gather(rows)).arrays)


@pytest.fixture(scope="session")
def model(thompson: LinearThompson) -> LinearModel:
    """Its linear model."""
    assert isinstance(thompson.model, LinearModel)
    return thompson.model


@pytest.fixture(scope="session")
def small(rows: TrainingRows) -> ArtifactPolicy:
    """A greedy policy, quick to save."""
    return laws.trained("greedy", rows)


@pytest.fixture
def saved(small: ArtifactPolicy, tmp_path: Path) -> Path:
    """An artifact of the small policy."""
    return artifact.save(
        small, tmp_path, sign=str, data_digest="d" * 64, origins={"simulated": 2}, metrics={"rmse": 0.3}
    )
