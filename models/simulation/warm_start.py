"""The warm start: rows of a simulated population under uniform exploration, labelled as simulated everywhere."""

import numpy as np

from models.rewards.training import TrainingRows
from models.simulation.answers import answers
from models.simulation.moments import moments
from models.simulation.offers import offers
from models.simulation.people import people

TIPS_A_DAY = 12


def warm_start(seed: int, count: int = 200, days: int = 30) -> TrainingRows:
    """Return `count` people x `days` x 12 rows of simulated tips and rewards; the same seed gives the same rows.

    Limits: moments are independent draws, not a life; a day has no memory beyond what its vector tells.
    """
    rng = np.random.default_rng(seed)
    n = count * days * TIPS_A_DAY
    who = people(rng, count).rows(np.repeat(np.arange(count), days * TIPS_A_DAY))
    at = moments(rng, who)
    offer = offers(rng, at)
    rewards = answers(who, at, offer).rewards(rng)
    return TrainingRows(at.vectors(), at.masked, offer.actions, rewards, np.ones(n, dtype=np.bool_))
