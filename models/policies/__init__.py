"""All policies by name; each obeys the laws of `models.policies.laws`."""

from collections.abc import Mapping
from types import MappingProxyType

from models.policies.artifact_policy import ArtifactPolicy
from models.policies.epsilon_greedy import EpsilonGreedy
from models.policies.fallback import FallbackPolicy
from models.policies.greedy import Greedy
from models.policies.habituated_thompson import HabituatedThompson
from models.policies.linear_thompson import LinearThompson
from models.policies.regcb import RegCB
from models.policies.score_rule import ScoreRule
from models.policies.squarecb import SquareCB
from models.policies.tree_squarecb import TreeSquareCB
from models.policies.uniform import Uniform

# What training makes.
POLICIES: Mapping[str, type[ArtifactPolicy]] = MappingProxyType(
    {
        policy.NAME: policy
        for policy in (
            LinearThompson,
            Greedy,
            Uniform,
            EpsilonGreedy,
            SquareCB,
            RegCB,
            TreeSquareCB,
            HabituatedThompson,
        )
    }
)
# What an artifact may hold: the fallback policy has nothing to learn, so training does not make it.
STORABLE: Mapping[str, type[ArtifactPolicy]] = MappingProxyType({**POLICIES, FallbackPolicy.NAME: FallbackPolicy})

__all__ = [
    "POLICIES",
    "STORABLE",
    "ArtifactPolicy",
    "EpsilonGreedy",
    "FallbackPolicy",
    "Greedy",
    "HabituatedThompson",
    "LinearThompson",
    "RegCB",
    "ScoreRule",
    "SquareCB",
    "TreeSquareCB",
    "Uniform",
]
