"""What each policy learns from rewarded tips: the arrays of its model, by the policy's name."""

from models.policies import POLICIES, ScoreRule
from models.training import Fit, TrainingRows, fit, gather
from models.trees.tree_model import TreeModel, fit_trees


def learned(name: str, rows: TrainingRows) -> Fit:
    """Return the arrays of the policy `name`, none for one without a model; raises `Malformed` for unsound rows."""
    policy = POLICIES[name]
    if not issubclass(policy, ScoreRule):
        return Fit({}, {})
    return fit_trees(rows) if issubclass(policy.MODEL, TreeModel) else fit(gather(rows))
