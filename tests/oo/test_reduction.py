import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from oo.cli import app
from oo.ui.cli_errors import refusal_of


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two labels that one column tells apart."""
    rng = np.random.default_rng(1)
    contexts = rng.normal(size=(120, 3)).astype(np.float32)
    np.savez(tmp_path / "set.npz", X=contexts, y=(contexts[:, 0] > 0).astype(np.int64))
    return tmp_path / "set.npz"


def test_a_set_is_reduced_to_json(data: Path) -> None:
    """`oo reduce --json` prints rounds, actions, progressive loss and seconds, and nothing else."""
    done = CliRunner().invoke(app, ["reduce", "--data", str(data), "--policy", "squarecb", "--seed", "3", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert set(told) == {"rounds", "actions", "progressive_loss", "seconds"}
    assert (told["rounds"], told["actions"]) == (120, 2)
    assert 0.0 < told["progressive_loss"] < 0.4
    assert told["seconds"] > 0.0


@pytest.mark.parametrize(
    ("arguments", "sentence", "code"),
    [
        (["--policy", "magic"], "--policy is one of linear_thompson, greedy", 2),
        (["--data", "/nowhere/none.npz"], "there is no file none.npz", 1),
        (["--data", __file__], "no npz file", 1),
    ],
)
def test_what_cannot_be_reduced_is_one_sentence(data: Path, arguments: list[str], sentence: str, code: int) -> None:
    """An unknown policy is a usage error, an unsound file a refusal, each in one sentence."""
    given = {"--data": str(data), "--policy": "greedy", arguments[0]: arguments[1]}
    done = CliRunner().invoke(app, ["reduce", *(word for pair in given.items() for word in pair)])
    assert done.exception is not None
    refusal = refusal_of(done.exception)
    assert refusal is not None
    assert sentence in refusal.sentence
    assert refusal.exit_code == code
