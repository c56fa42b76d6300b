"""Every policy by its name: one module each, all of them held to the laws of `models.checks`."""

from collections.abc import Mapping
from types import MappingProxyType

from models.policies.artifact_policy import ArtifactPolicy
from models.policies.greedy import Greedy
from models.policies.linear_thompson import LinearThompson
from models.policies.uniform import Uniform

POLICIES: Mapping[str, type[ArtifactPolicy]] = MappingProxyType(
    {policy.NAME: policy for policy in (LinearThompson, Greedy, Uniform)}
)

__all__ = ["POLICIES", "ArtifactPolicy", "Greedy", "LinearThompson", "Uniform"]
