"""The multi-class reduction: a classified set as a bandit, so that anybody can bring one and compare learners on it."""
