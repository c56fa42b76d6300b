"""The tree model behind the policy `tree_squarecb`: trees over context and action, plus the Gaussian person posterior.

    mu_a      = forest(context, a) + z_a'm_person
    sigma_a^2 = noise^2 / leaf_rows + |z_a F_person|^2
    silence:  mu = its documented reward, sigma = SILENCE_SIGMA

Silence teaches nothing here, as for the linear model; simulated rows weigh at most `SIMULATED_MASS`.
Limits: the population's share of sigma is one number, the standard error of the smallest leaf: rules that live on an
honest sigma belong on the linear model.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import ArtifactRefused, Malformed
from data_contracts.rewards import SILENCE_SIGMA
from models.policies.policy import Context
from models.rewards import design
from models.rewards.action_features import ACTION_COLUMNS
from models.rewards.person_posterior import Observation, PersonPosterior, PersonPrior
from models.rewards.scoring_model import ScoringModel
from models.rewards.training import MIN_NOISE, SIMULATED_MASS, Fit, TrainingRows, checked, person_scale
from models.rewards.trees.forest import NAMES, Forest
from models.rewards.trees.growing import DEFAULT, Growth, grow

Floats = NDArray[np.float64]

COLUMNS = design.CONTEXT + len(ACTION_COLUMNS)
FEATURE_GROUPS = np.array(
    [
        *(design.GROUPS.index(name) for name in design.CONTEXT_COLUMNS),
        *(design.GROUPS.index(design.Column(name, None).group) for name in ACTION_COLUMNS),
    ]
)
BASE_GROUP = design.GROUPS.index(design.Column("tip", None).group)  # what every tip has in common
MIN_ROWS = 2 * DEFAULT.leaf_rows


@dataclass(frozen=True, eq=False)
class TreeModel(ScoringModel):
    """A forest and the person posterior's prior: person_scale (d,), noise (1,), leaf_sigma (1,)."""

    forest: Forest
    person_scale: Floats
    noise: Floats
    leaf_sigma: Floats

    @classmethod
    def from_arrays(cls, arrays: dict[str, Floats]) -> "TreeModel":
        """Return the model of named arrays; raises `ArtifactRefused` naming what does not fit."""
        shapes = {"person_scale": (design.PERSON_D,), "noise": (1,), "leaf_sigma": (1,)}
        foreign = sorted(set(arrays) - set(shapes) - set(NAMES))
        if foreign:
            raise ArtifactRefused(f"unknown arrays {foreign}")
        for name, shape in shapes.items():
            if name not in arrays or arrays[name].shape != shape:
                raise ArtifactRefused(f"array {name!r} must have the shape {shape}")
            if not (arrays[name] > 0.0).all():
                raise ArtifactRefused(f"{name} must be positive")
        return cls(Forest.from_arrays(arrays, COLUMNS), *(arrays[name] for name in shapes))

    @property
    def arrays(self) -> dict[str, Floats]:
        """The arrays by name."""
        own = {"person_scale": self.person_scale, "noise": self.noise, "leaf_sigma": self.leaf_sigma}
        return {**self.forest.arrays, **own}

    @property
    def person_prior(self) -> PersonPrior:
        """What is believed of a person before the first reaction."""
        return PersonPrior(self.person_scale, float(self.noise[0]))

    def score(self, context: Context, actions: Floats) -> tuple[Floats, Floats]:
        """Return mu and sigma, each (n,), of actions (n, k), silence last."""
        columns = _person_columns(context.values, actions)
        mu = design.total(self._groups(context, actions, columns))
        factor = np.diag(self.person_scale) if context.person is None else context.person.factor
        spread = columns @ factor
        sigma = np.sqrt(np.einsum("ij,ij->i", spread, spread) + self.leaf_sigma[0] ** 2)
        sigma[-1] = SILENCE_SIGMA
        return mu, sigma

    def contributions(self, context: Context, actions: Floats) -> Floats:
        """Return (n, GROUPS): each feature's part of mu; adding a row from left to right gives mu bit for bit."""
        return self._groups(context, actions, _person_columns(context.values, actions))

    def observe(self, values: Floats, action: Floats, *, reward: float, at_us: int, identifier: str) -> Observation:
        """Return what one rewarded action (k,) in a context (CONTEXT,) teaches about the person."""
        expected = float(design.total(self._population(values, action[None, :]))[0])
        return Observation(at_us, identifier, _person_columns(values, action[None, :])[0], reward - expected)

    def _groups(self, context: Context, actions: Floats, columns: Floats) -> Floats:
        groups = self._population(context.values, actions)
        if context.person is not None:
            groups += _of_person(columns, context.person)
        groups[-1] = 0.0
        groups[-1, 0] = context.silence
        return groups

    def _population(self, values: Floats, actions: Floats) -> Floats:
        """Return (n, GROUPS) parts of the forest's score."""
        base, part, feature = self.forest.paths(tree_rows(values, actions))
        # feature by feature, as (GROUPS, n): then `design.total` adds from left to right
        place = FEATURE_GROUPS[feature] * len(actions) + np.arange(len(actions))[:, None, None]
        size = len(design.GROUPS) * len(actions)
        sums = np.bincount(place.ravel(), part.ravel(), minlength=size).astype(np.float64)
        groups = sums.reshape(-1, len(actions)).T
        groups[:, BASE_GROUP] += base
        return groups


def tree_rows(values: Floats, actions: Floats) -> Floats:
    """Return (n, COLUMNS): the scaled context (CONTEXT,), or one for each action (n, CONTEXT), then the action."""
    return np.concatenate((np.broadcast_to(values, (len(actions), design.CONTEXT)), actions), axis=1)


def fit_trees(rows: TrainingRows, *, growth: Growth = DEFAULT) -> Fit:
    """Return the arrays of `TreeModel` for rows; raises `Malformed` for rows that cannot be learned from."""
    rows = checked(rows)
    if rows.rewards.size < MIN_ROWS:
        raise Malformed(f"trees need at least {MIN_ROWS} rewarded tips, here are {rows.rewards.size}")
    simulated = int(rows.simulated.sum())
    share = min(1.0, SIMULATED_MASS / simulated) if simulated else 1.0
    weight = np.where(rows.simulated, share, 1.0)
    parts = [
        tree_rows(design.scaled_context(chunk.vectors, chunk.masked), chunk.actions).astype(np.float32)
        for chunk in rows.chunks()
    ]
    forest = grow(parts, rows.rewards, weight, growth)
    error = rows.rewards - np.concatenate([forest.score(part.astype(np.float64)) for part in parts])
    noise = max(float(np.sqrt(weight @ error**2 / weight.sum())), MIN_NOISE)
    mean = float(weight @ rows.rewards / weight.sum())
    variance = float(weight @ (rows.rewards - mean) ** 2 / weight.sum())
    own = {
        "person_scale": person_scale(),
        "noise": np.array([noise]),
        "leaf_sigma": np.array([noise / np.sqrt(growth.leaf_rows)]),
    }
    metrics = {
        "rows_live": float(rows.rewards.size - simulated),
        "rows_simulated": float(simulated),
        "mean_reward": mean,
        "rmse": noise,
        "explained_variance": 1.0 - noise**2 / variance if variance > 0.0 else 0.0,
    }
    return Fit({**forest.arrays, **own}, metrics)


def _person_columns(values: Floats, actions: Floats) -> Floats:
    return design.person_design(design.design(values, actions))


def _of_person(columns: Floats, person: PersonPosterior) -> Floats:
    """Return (n, GROUPS) parts of the person's own score."""
    terms = np.zeros((len(columns), design.D))
    terms[:, design.PERSON_OF] = columns * person.mean
    return design.group_sums(terms)
