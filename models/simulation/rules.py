"""The choosing rules of a simulation, by the names of `models.policies`: each is its policy's own `picks`.

`mu` and `sigma` are (P, n), silence last, one row a person; the answer is (P,) places. Exploration floors are in it.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from models.policies import EpsilonGreedy, Greedy, LinearThompson, RegCB, SquareCB, Uniform
from models.policies.policy import Floats, Indices

Rule = Callable[[Floats, Floats, np.random.Generator], Indices]

RULES: Mapping[str, Rule] = MappingProxyType(
    {policy.NAME: policy.picks for policy in (LinearThompson, Greedy, Uniform, EpsilonGreedy, SquareCB, RegCB)}
)
