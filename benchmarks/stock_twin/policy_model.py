"""The policy as an MLflow pyfunc: the same arrays and the same arithmetic, behind `predict`."""

from pathlib import Path
from typing import Any

import numpy as np
from mlflow.pyfunc import PyFuncModel, load_model, save_model
from mlflow.pyfunc.model import PythonModel

from models.policies.linear_thompson import LinearThompson
from models.policies.policy import Context


class PolicyModel(PythonModel):
    """Linear Thompson sampling; no signature, so that MLflow neither checks nor copies the arrays."""

    def load_context(self, context: Any) -> None:
        """Load the arrays."""
        with np.load(context.artifacts["arrays"]) as arrays:
            self.policy = LinearThompson.from_arrays(dict(arrays))

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def] # with hints MLflow checks rows # noqa: ANN001, ANN201, ARG002 - so it asks
        """Return the choice among `actions` (n, k), silence last."""
        shared = Context(model_input["context"], model_input["silence"], model_input["person"])
        choice = self.policy.choose(shared, model_input["actions"], model_input["seed"])
        return {
            "index": choice.index,
            "probabilities": choice.probabilities,
            "mu": choice.mu,
            "sigma": choice.sigma,
        }


def save(policy: LinearThompson, home: Path) -> None:
    """Write the model where the twin looks for it."""
    arrays = home / "twin_arrays.npz"
    np.savez(arrays, allow_pickle=False, **policy.arrays)
    save_model(
        str(home / "twin_model"),
        python_model=PolicyModel(),
        artifacts={"arrays": str(arrays)},
        pip_requirements=["mlflow"],
    )


def load(home: Path) -> PyFuncModel:
    """Return the model; pyfunc is allowed here and nowhere else, because this is what ours is compared with."""
    return load_model(str(home / "twin_model"))
