"""Thompson sampling on rewards that wear off: a recently seen meaning is worth less until it recovers.

The rule of `linear_thompson` on `models.rewards.habituation`, with the same exact probabilities: the discount is part
of the score before anything is drawn. Depth and time of recovery are learned from the log.

Source: Kleinberg & Immorlica, "Recharging Bandits" (2018); Mintz et al., "Nonstationary Bandits with Habituation and
Recovery Dynamics" (2020).
Model card: data, intended use and masks as for `linear_thompson`; where the memory of tips is withheld nothing is worn.
Use it where the same few meanings fit all day, and a person is to hear of more than the best one.
Limits: those of the model; it does not plan ahead as the papers' policies do.
"""

from typing import ClassVar

from models.policies.linear_thompson import LinearThompson
from models.rewards.habituation import HabituationModel
from models.rewards.scoring_model import ScoringModel


class HabituatedThompson(LinearThompson):
    """The policy that oO serves, on rewards that wear off and recover."""

    NAME = "habituated_thompson"
    MODEL: ClassVar[type[ScoringModel]] = HabituationModel
