"""Fits the arrays of each policy's model from rewarded tips, by the policy's name."""

from models.policies import POLICIES, ArtifactPolicy, ScoreRule
from models.rewards.habituation import HabituationModel, fit_habituation
from models.rewards.linear import LinearModel
from models.rewards.training import Fit, TrainingRows, fit, gather
from models.rewards.trees.tree_model import TreeModel, fit_trees


def learned(name: str, rows: TrainingRows) -> Fit:
    """Return the arrays of the policy `name`, none for one without a model; raises `Malformed` for unsound rows."""
    policy = POLICIES[name]
    if not issubclass(policy, ScoreRule):
        return Fit({}, {})
    if issubclass(policy.MODEL, TreeModel):
        return fit_trees(rows)
    return fit_habituation(rows) if issubclass(policy.MODEL, HabituationModel) else fit(gather(rows))


def from_sums(policy: type[ArtifactPolicy]) -> bool:
    """Whether the sums of `models.rewards.training` are all that a policy learns from."""
    return issubclass(policy, ScoreRule) and policy.MODEL is LinearModel
