"""The multi-class reduction: a classified set as a bandit, to compare policies on any such set."""
