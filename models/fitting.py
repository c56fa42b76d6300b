"""What each policy learns from rewarded tips: the arrays of its model, by the policy's name."""

from models.habituation import HabituationModel, fit_habituation
from models.linear_model import LinearModel
from models.policies import POLICIES, ArtifactPolicy, ScoreRule
from models.training import Fit, TrainingRows, fit, gather
from models.trees.tree_model import TreeModel, fit_trees


def learned(name: str, rows: TrainingRows) -> Fit:
    """Return the arrays of the policy `name`, none for one without a model; raises `Malformed` for unsound rows."""
    policy = POLICIES[name]
    if not issubclass(policy, ScoreRule):
        return Fit({}, {})
    if issubclass(policy.MODEL, TreeModel):
        return fit_trees(rows)
    return fit_habituation(rows) if issubclass(policy.MODEL, HabituationModel) else fit(gather(rows))


def from_sums(policy: type[ArtifactPolicy]) -> bool:
    """Whether the sums of `models.training` are all that a policy learns from, so that no row has to be kept."""
    return issubclass(policy, ScoreRule) and policy.MODEL is LinearModel
