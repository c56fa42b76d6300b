from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from data_contracts.errors import Malformed
from data_contracts.features import FEATURES
from models.logs import logged_decisions
from models.logs.arrays import FOLDS
from models.logs.decision_log import COLUMNS, pages, write
from models.logs.logged_decisions import CrossFitted, CrossFittedTrees, DecisionLog, PolicyTarget
from models.policies import Greedy, LinearThompson, Uniform
from models.simulation.simulated_log import simulated_log

ROWS = 300
ENOUGH = 1_500  # for a reward model to be told from chance: correlations of 0.14 to 0.28 at three seeds


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of the uniform policy."""
    path = tmp_path_factory.mktemp("log") / "log.parquet"
    assert write(path, simulated_log(Uniform(), seed=1, count=ROWS)) == ROWS
    return path


def test_what_was_decided_is_read_back_bit_for_bit(logged: Path) -> None:
    """What was decided is read back bit for bit."""
    (page,) = pages(logged)
    for number, row in enumerate(simulated_log(Uniform(), seed=1, count=ROWS)):
        low, high = page.offsets[number], page.offsets[number + 1]
        assert (page.columns["actions"][low:high] == row.decision.actions).all()
        assert (page.columns["probabilities"][low:high] == row.decision.probabilities).all()
        assert (page.columns["vector"][number] == row.decision.vector).all()
        assert page.columns["reward"][number] == row.reward


def test_the_file_has_the_documented_columns_and_no_name(logged: Path) -> None:
    """The file has the documented columns, and people are numbers."""
    frame = pl.read_parquet(logged)
    assert frame.columns == [column.name for column in COLUMNS]
    assert frame["person"].unique().sort().to_list() == list(range(20))
    assert "simulated-1" not in frame["cluster"].to_list()


def change(name: str, row: int, value: Any) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Return a change of one cell."""

    def changed(frame: pl.DataFrame) -> pl.DataFrame:
        cells = frame[name].to_list()
        cells[row] = value
        return frame.with_columns(pl.Series(name, cells, dtype=frame[name].dtype))

    return changed


def borrowed(row: int) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Return a change that takes two from one action that was not chosen and gives it to another."""

    def changed(frame: pl.DataFrame) -> pl.DataFrame:
        cells, chosen = frame["probabilities"].to_list()[row], frame["chosen"][row]
        first, second = [action for action in range(len(cells)) if action != chosen][:2]
        cells[first], cells[second] = cells[first] + 2.0, cells[second] - 2.0
        return change("probabilities", row, cells)(frame)

    return changed


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (change("propensity", 7, 0.0), r"row 7 .*propensity is in \[1e-12, 1\]"),
        (change("reward", 3, float("nan")), "row 3 .*reward is in"),
        (change("reward", 3, 1.5), "row 3 .*reward is in"),
        (change("feature_service_version", 9, 99), "row 9 .*one version of features and rewards"),
        (change("reward_version", 9, 2), "row 9 .*one version of features and rewards"),
        (change("log_version", 2, 9), "row 2 .*log_version is 2"),
        (change("chosen", 4, 50), "row 4 .*chosen is one of"),
        (change("origin", 5, "dreamt"), "row 5 .*origin is live or simulated"),
        (change("vector", 6, [0.0]), "row 6 .*vector has"),
        (change("vector", 6, [1e300] * len(FEATURES)), "row 6 .*vector is at most"),
        (change("masked", 6, [None] * len(FEATURES)), "row 6 .*masked has no null"),
        (borrowed(6), "row 6 .*each probability is in"),
        (change("propensity", 8, 0.5), "row 8 .*probability of the chosen"),
        (change("silent", 8, None), "row 8 .*silent is not null"),
        (lambda frame: frame.with_columns(pl.lit(1).alias("shoe_size")), "foreign columns .*shoe_size"),
        (lambda frame: frame.drop("mu"), "lacks .*mu"),
        (lambda frame: frame.with_columns(pl.col("reward").cast(pl.String)), "reward is"),
    ],
)
def test_a_damaged_log_is_refused_with_the_row_and_the_rule(
    logged: Path, tmp_path: Path, damage: Callable[[pl.DataFrame], pl.DataFrame], told: str
) -> None:
    """A damaged log is refused with the row and the rule."""
    path = tmp_path / "damaged.parquet"
    damage(pl.read_parquet(logged)).write_parquet(path)
    with pytest.raises(Malformed, match=told):
        list(pages(path))


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    """Bytes that are no Parquet are refused."""
    path = tmp_path / "no.parquet"
    path.write_bytes(b"PAR1 nonsense")
    with pytest.raises(Malformed, match="not a Parquet file"):
        DecisionLog(path)


def test_simulated_rows_keep_their_origin(logged: Path) -> None:
    """Simulated rows keep their origin."""
    assert DecisionLog(logged).simulated


def test_rows_without_a_reward_are_left_out(tmp_path: Path) -> None:
    """A tip that nobody saw has no reward and is no row of an evaluation."""
    path = tmp_path / "unseen.parquet"
    rows = [row for row in simulated_log(Uniform(), seed=2, count=20) if not row.decision.silent][:10]
    for row in rows[:4]:
        object.__setattr__(row, "reward", None)
    write(path, rows)
    (chunk,) = DecisionLog(path).chunks()
    assert chunk.reward.size == DecisionLog(path).rows == 6
    assert (chunk.propensity == chunk.probabilities[chunk.taken]).all() if chunk.probabilities is not None else False


@pytest.mark.parametrize("kind", ["linear_rewards", "tree_rewards"])
def test_a_reward_model_learns_and_knows_the_price_of_silence(tmp_path: Path, kind: str) -> None:
    """Predictions lie in [0, 1], follow rewards that they never saw, and silence costs what is documented."""
    write(tmp_path / "long.parquet", simulated_log(Uniform(), seed=1, count=ENOUGH))
    log = DecisionLog(tmp_path / "long.parquet")
    model = getattr(log, kind)()
    for rows in log.chunks():
        predicted = model.predict(rows)
        assert predicted.min() >= 0.0
        assert predicted.max() <= 1.0
        assert (predicted[rows.offsets[1:] - 1] == rows.silence).all()
        tips = ~rows.silent
        assert np.corrcoef(predicted[rows.taken][tips], rows.reward[tips])[0, 1] > 0.1
        assert set(rows.fold) <= set(range(FOLDS))


def test_the_reward_model_is_the_one_that_errs_less_on_what_it_never_saw(
    logged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A short log has the line; a longer one the model with the smaller error on other folds."""
    log = DecisionLog(logged)
    line, trees = log.linear_rewards(), log.tree_rewards()
    assert isinstance(log.reward_model(), CrossFitted)
    monkeypatch.setattr(logged_decisions, "TREE_TIPS", 1)
    assert log._error(log.reward_model()) == min(log._error(line), log._error(trees))
    monkeypatch.setattr(log, "linear_rewards", lambda: CrossFitted(line.weights + 1.0))
    assert isinstance(log.reward_model(), CrossFittedTrees)


def test_a_policy_as_target_is_a_distribution_over_each_rows_actions(logged: Path, thompson: LinearThompson) -> None:
    """A policy as target is a distribution over each row's actions, and asking twice gives the same."""
    for policy in (Uniform(), Greedy(thompson.model), thompson):
        target = PolicyTarget(policy)
        for rows in DecisionLog(logged).chunks():
            chances = target.probabilities(rows)
            assert np.abs(rows.per_row(chances) - 1.0).max() < 1e-8
            assert (chances == target.probabilities(rows)).all()
