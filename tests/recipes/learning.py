"""A policy and an estimator."""

from tests.recipes.edits import Edit, Twin, before

POLICY = Twin(
    (
        Edit(
            "models/policies/softmax.py",
            '''"""Softmax on the linear model: probabilities proportional to the exponential of the score.

Source: Luce, "Individual Choice Behavior" (1959). Limits: the temperature stands between trainings.
"""

import numpy as np
from numpy.typing import NDArray

from models.policies import rules
from models.policies.score_rule import ScoreRule

Floats = NDArray[np.float64]

TEMPERATURE = 0.02


class Softmax(ScoreRule):
    """Weighs actions by the exponential of their score."""

    NAME = "softmax"

    @classmethod
    def chances(cls, mu: Floats, sigma: Floats) -> Floats:  # noqa: ARG003 - scores alone count
        """Return (..., n) probabilities, floors added."""
        weights = np.exp((mu - mu.max(axis=-1, keepdims=True)) / TEMPERATURE)
        return rules.with_floor(weights / weights.sum(axis=-1, keepdims=True))
''',
        ),
        before(
            "models/policies/__init__.py",
            "from models.policies.squarecb",
            "from models.policies.softmax import Softmax\n",
        ),
        before("models/policies/__init__.py", "            TreeSquareCB,\n", "            Softmax,\n"),
        before(
            "docs/policies.md",
            "| `uniform` |",
            "| `softmax` | line | the exponential of the score | in tests | none |\n",
        ),
    ),
    """
from models.policies import POLICIES, laws

policy = laws.trained("softmax", laws.trivial_world(1))
assert type(policy) is POLICIES["softmax"]
assert laws.value_in_the_trivial_world(policy) > 0.5
""",
)

ESTIMATOR = Twin(
    (
        Edit(
            "models/estimators/centred_ips.py",
            '''"""Inverse propensity scoring around a constant: 1/2 plus the mean of w (r - 1/2).

Source: control variates, Owen, "Monte Carlo theory" (2013), chapter 8. Limits: those of `ips`.
"""

from dataclasses import dataclass
from typing import ClassVar

from models.estimators.batch import Batch
from models.estimators.estimator import Bounds, Estimator, Floats

CENTRE = 0.5


@dataclass(frozen=True, slots=True)
class CentredIPS(Estimator):
    """Mean of 1/2 + w (r - 1/2)."""

    NAME: ClassVar[str] = "centred_ips"

    def terms(self, batch: Batch) -> Floats:
        """Return the terms, (N, 1)."""
        return (CENTRE + batch.weight * (batch.reward - CENTRE))[:, None]

    def bounds(self, weight: float) -> Bounds | None:
        """Return the range of a term."""
        return Bounds(CENTRE * (1 - weight), CENTRE * (1 + weight))
''',
        ),
        before(
            "models/estimators/__init__.py",
            "from models.estimators.clipped_ips",
            "from models.estimators.centred_ips import CentredIPS\n",
        ),
        Edit("models/estimators/__init__.py", "SwitchDR(), DRos(), CentredIPS())", "SwitchDR(), DRos())"),
    ),
    """
from models.estimators import ESTIMATORS, PRIMARY
from models.estimators.tally import begin
from tests.models.estimators.worlds import TRUTH, log

mine = next(each for each in ESTIMATORS if each.NAME == "centred_ips")
assert abs(begin((mine,), replicates=0).add(log(4, 200_000)).value(mine) - TRUTH) < 0.01
assert PRIMARY == "sndr"
""",
)
