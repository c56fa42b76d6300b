import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.errors import Malformed
from models.rewards import training
from models.rewards.design import D
from models.rewards.training import TrainingRows, fit, gather
from models.simulation.warm_start import warm_start

ROWS = warm_start(seed=2, count=10, days=5)


def part(rows: TrainingRows, where: slice) -> TrainingRows:
    """Some of the rows."""
    return TrainingRows(*(array[where] for array in rows))  # type: ignore[arg-type]  # a row of arrays of two types


def live(rows: TrainingRows) -> TrainingRows:
    """The same rows, as if they were live."""
    return rows._replace(simulated=np.zeros_like(rows.simulated))


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, ROWS.rewards.size), min_size=1, max_size=4))
def test_incremental_training_equals_training_on_all(cuts: list[int]) -> None:
    """Incremental training equals training on all."""
    edges = [0, *sorted(cuts), ROWS.rewards.size]
    pieces = [gather(part(ROWS, slice(a, b))) for a, b in itertools.pairwise(edges)]
    merged = pieces[0]
    for piece in pieces[1:]:
        merged = merged + piece
    whole, other = fit(gather(ROWS)), fit(merged)
    for name, array in whole.arrays.items():
        assert np.allclose(array, other.arrays[name], rtol=0, atol=1e-10)
    assert whole.metrics == pytest.approx(other.metrics, abs=1e-10)


def test_the_mean_is_the_ridge_regression() -> None:
    """The mean is the ridge regression."""
    rows = live(ROWS)
    x = rows.matrix()
    expected = np.linalg.solve(x.T @ x + training.RIDGE * np.eye(D), x.T @ rows.rewards)
    assert np.allclose(fit(gather(rows)).arrays["mean"], expected, atol=1e-10)


def test_simulated_rows_never_outweigh_their_mass() -> None:
    """Simulated rows never outweigh their mass."""
    evidence = gather(ROWS)
    light, heavy = fit(evidence, simulated_mass=50), fit(evidence, simulated_mass=5_000)
    assert np.trace(light.arrays["factor"] @ light.arrays["factor"].T) > np.trace(
        heavy.arrays["factor"] @ heavy.arrays["factor"].T
    )
    lifted = live(ROWS)._replace(rewards=np.ones(ROWS.rewards.size))
    both = fit(gather(lifted) + evidence, simulated_mass=50)
    assert both.metrics["mean_reward"] > 0.9


def test_origins_are_counted() -> None:
    """Origins are counted."""
    assert ROWS.origins() == {"live": 0, "simulated": ROWS.rewards.size}
    assert fit(gather(ROWS)).metrics["rows_live"] == 0


def test_no_rows_give_the_prior() -> None:
    """No rows give the prior."""
    arrays = fit(training.Evidence(training.nothing(), training.nothing())).arrays
    assert not arrays["mean"].any()
    assert np.isfinite(arrays["factor"]).all()


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("rewards", np.nan, "a reward"),
        ("rewards", 1.5, "a reward"),
        ("actions", np.inf, "an action"),
        ("vectors", np.nan, "a vector"),
    ],
)
def test_a_row_that_cannot_be_learned_from_is_named(field: str, value: float, rule: str) -> None:
    """A row that cannot be learned from is named."""
    rows = ROWS._replace(masked=np.zeros_like(ROWS.masked))
    damaged = getattr(rows, field).copy()
    damaged[7] = value
    with pytest.raises(Malformed, match=f"training row 7 breaks the rule: {rule}"):
        gather(rows._replace(**{field: damaged}))


def test_arrays_of_another_shape_are_refused() -> None:
    """Arrays of another shape are refused."""
    with pytest.raises(Malformed, match="actions has the shape"):
        gather(ROWS._replace(actions=ROWS.actions[:, 1:]))


def test_the_data_digest_follows_every_bit() -> None:
    """The data digest follows every bit."""
    other = ROWS.rewards.copy()
    other[3] = np.nextafter(other[3], 2.0)
    assert training.data_digest(ROWS) == training.data_digest(ROWS._replace())
    assert training.data_digest(ROWS) != training.data_digest(ROWS._replace(rewards=other))
