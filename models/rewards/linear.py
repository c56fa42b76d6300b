"""The linear Gaussian model behind most policies: population model plus person posterior.

    mu_a      = x_a'm + z_a'm_person          summed in the one order that `models.rewards.design` documents
    sigma_a^2 = |x_a F|^2 + |z_a F_person|^2  the two parts are independent, so variances add
    silence:  mu = its documented reward, sigma = SILENCE_SIGMA

Limits: rewards are bounded and the model is not; a score is an estimate on the reward's scale, not a probability.
"""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import ArtifactRefused
from data_contracts.rewards import SILENCE_SIGMA
from models.policies.policy import Context
from models.rewards import design
from models.rewards.person_posterior import Observation, PersonPosterior, PersonPrior
from models.rewards.scoring_model import ScoringModel

Floats = NDArray[np.float64]

MIN_SIGMA = 1e-4  # a score that is known exactly would need a panel of its own and teach nothing


@dataclass(frozen=True, slots=True, eq=False)
class LinearModel(ScoringModel):
    """Arrays of the model: mean (D,), factor (D, D), person_scale (d,), noise (1,)."""

    SHAPES: ClassVar[dict[str, tuple[int, ...]]] = {
        "mean": (design.D,),
        "factor": (design.D, design.D),
        "person_scale": (design.PERSON_D,),
        "noise": (1,),
    }

    mean: Floats
    factor: Floats
    person_scale: Floats
    noise: Floats

    @classmethod
    def from_arrays(cls, arrays: dict[str, Floats]) -> Self:
        """Return the model of named arrays; raises `ArtifactRefused` when one is missing or of another shape."""
        for name, shape in cls.SHAPES.items():
            if name not in arrays or arrays[name].shape != shape:
                raise ArtifactRefused(f"array {name!r} must have the shape {shape}")
        if set(arrays) != set(cls.SHAPES):
            raise ArtifactRefused(f"unknown arrays {sorted(set(arrays) - set(cls.SHAPES))}")
        if not (arrays["noise"][0] > 0.0 and (arrays["person_scale"] > 0.0).all()):
            raise ArtifactRefused("noise and person_scale must be positive")
        return cls(**arrays)

    @property
    def arrays(self) -> dict[str, Floats]:
        """The arrays by name."""
        return {name: getattr(self, name) for name in self.SHAPES}

    def matrix(self, values: Floats, actions: Floats) -> Floats:
        """Return the columns X (n, D) that are weighed: the design."""
        return design.design(values, actions)

    @property
    def person_prior(self) -> PersonPrior:
        """What is believed of a person before the first reaction."""
        return PersonPrior(self.person_scale, float(self.noise[0]))

    def score(self, context: Context, actions: Floats) -> tuple[Floats, Floats]:
        """Return mu and sigma, each (n,), of actions (n, k), silence last."""
        matrix = self.matrix(context.values, actions)
        mu = design.total(design.group_sums(matrix * self._weights(context.person)))
        spread = matrix @ self.factor
        variance = np.einsum("ij,ij->i", spread, spread)
        person_factor = np.diag(self.person_scale) if context.person is None else context.person.factor
        spread = design.person_design(matrix) @ person_factor
        variance += np.einsum("ij,ij->i", spread, spread)
        sigma = np.sqrt(np.maximum(variance, MIN_SIGMA**2))
        mu[-1], sigma[-1] = context.silence, SILENCE_SIGMA
        return mu, sigma

    def contributions(self, context: Context, actions: Floats) -> Floats:
        """Return (n, GROUPS): each feature's part of mu; adding a row from left to right gives mu bit for bit."""
        matrix = self.matrix(context.values, actions)
        groups = design.group_sums(matrix * self._weights(context.person))
        groups[-1] = 0.0
        groups[-1, 0] = context.silence
        return groups

    def observe(self, values: Floats, action: Floats, *, reward: float, at_us: int, identifier: str) -> Observation:
        """Return what one rewarded action (k,) in a context (CONTEXT,) teaches about the person."""
        matrix = self.matrix(values, action[None, :])
        expected = float(design.total(design.group_sums(matrix * self.mean))[0])
        return Observation(at_us, identifier, design.person_design(matrix)[0], reward - expected)

    def _weights(self, person: PersonPosterior | None) -> Floats:
        if person is None:
            return self.mean
        weights = self.mean.copy()
        weights[design.PERSON_OF] += person.mean
        return weights
