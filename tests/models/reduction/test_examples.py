import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_contracts.errors import Malformed, NotFound
from models.reduction.examples import examples_from

X = np.zeros((4, 2), np.float32)
Y = np.array([0, 1, 0, 5])


def written(folder: Path, **arrays: Any) -> Path:
    """An npz file of the arrays."""
    np.savez(folder / "set.npz", **arrays)
    return folder / "set.npz"


def test_labels_are_numbered_by_their_order(tmp_path: Path) -> None:
    """Labels may be any whole numbers from 0: each distinct one is an action."""
    found = examples_from(written(tmp_path, X=X, y=Y))
    assert found.actions == 3
    assert found.right.tolist() == [0, 1, 0, 2]
    assert found.contexts.shape == (4, 2)


@pytest.mark.parametrize(
    ("arrays", "rule"),
    [
        ({"X": X}, r"lacks \['y'\]"),
        ({"y": Y}, r"lacks \['X'\]"),
        ({"X": X.astype(np.float64), "y": Y}, "X is float32"),
        ({"X": X.astype(np.int64), "y": Y}, "X is float32"),
        ({"X": X[0], "y": Y}, "X is float32"),
        ({"X": X, "y": Y.astype(np.float32)}, "y is int"),
        ({"X": X, "y": Y.astype(bool)}, "y is int"),
        ({"X": X, "y": Y[:, None]}, "y is int"),
        ({"X": X, "y": Y[:3]}, "one row an example"),
        ({"X": X[:0], "y": Y[:0]}, "at least one row"),
        ({"X": X[:, :0], "y": Y}, "at least one row"),
        ({"X": np.array([[0, 1], [np.nan, 2]], np.float32), "y": Y[:2]}, "row 1 breaks the rule: X is finite"),
        ({"X": np.array([[0, 1], [0, np.inf]], np.float32), "y": Y[:2]}, "row 1 breaks the rule: X is finite"),
        ({"X": X, "y": np.array([0, 1, -2, 3])}, "row 2 breaks the rule: a label is at least 0"),
        ({"X": X, "y": np.full(4, 3)}, "two labels at least"),
        ({"X": X, "y": np.array([0, 1, 0, None], dtype=object)}, "no npz file of plain arrays"),
    ],
)
def test_a_set_that_breaks_a_rule_is_refused_by_name(tmp_path: Path, arrays: dict[str, Any], rule: str) -> None:
    """A set that breaks a rule is refused with the file and the rule."""
    with pytest.raises(Malformed, match=rule):
        examples_from(written(tmp_path, **arrays))


def test_what_is_no_npz_file_is_refused_unread(tmp_path: Path) -> None:
    """A pickle, a single array, a broken archive, a folder and nothing at all are refused."""
    path = tmp_path / "set.npz"
    for content in (pickle.dumps({"X": X, "y": Y}), b"", b"PK\x03\x04 not an archive"):
        path.write_bytes(content)
        with pytest.raises(Malformed, match="no npz file"):
            examples_from(path)
    with path.open("wb") as file:
        np.save(file, X)
    with pytest.raises(Malformed, match="no npz file"):
        examples_from(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X", b"text")
        archive.writestr("y", b"text")
    with pytest.raises(Malformed, match="no npz file"):
        examples_from(path)
    for missing in (tmp_path, tmp_path / "none.npz"):
        with pytest.raises(NotFound, match="there is no file"):
            examples_from(missing)
