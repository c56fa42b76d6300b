"""Inverse gap weighting on regression trees: the rule of `squarecb`, on `models.rewards.trees.tree_model`.

Source: Foster & Rakhlin, "Beyond UCB: Optimal and Efficient Contextual Bandits with Regression Oracles" (2020): any
regression oracle will do, and this one is LightGBM's.
"""

from typing import ClassVar

from models.policies.squarecb import SquareCB
from models.rewards.scoring_model import ScoringModel
from models.rewards.trees.tree_model import TreeModel


class TreeSquareCB(SquareCB):
    """Weighs actions by the inverse of their gap, as trees see it."""

    NAME = "tree_squarecb"
    MODEL: ClassVar[type[ScoringModel]] = TreeModel
