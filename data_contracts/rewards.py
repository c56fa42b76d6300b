"""Reactions and the versioned reward table; every reward is in [0, 1]."""

from enum import StrEnum

from data_contracts.durations import DAY_S, HOUR_S

REWARD_TABLE_VERSION = 1
WAIT_WINDOW_S = 4 * HOUR_S  # a shown tip without reaction counts as ignored after this
LATE_WINDOW_S = 7 * DAY_S  # a later reaction still corrects the default
UNDO_WINDOW_S = 5
CLUSTER_BLOCK_S = 14 * DAY_S  # how long `not_for_me` silences a cluster
DEFERRAL_S = 2 * HOUR_S  # how long `not_now` silences a cluster


class ReactionKind(StrEnum):
    """What a person can answer."""

    DONE = "done"
    NOT_NOW = "not_now"
    NOT_FOR_ME = "not_for_me"


class Outcome(StrEnum):
    """Everything that can follow a decision, each with a reward."""

    DONE = "done"
    COMPLETED = "completed"  # the tipped task was completed inside the window, without a tap
    NOT_NOW = "not_now"
    IGNORED = "ignored"
    NOT_FOR_ME = "not_for_me"


REWARDS: dict[Outcome, float] = {
    Outcome.DONE: 1.0,
    Outcome.COMPLETED: 0.9,
    Outcome.NOT_NOW: 0.25,
    Outcome.IGNORED: 0.2,
    Outcome.NOT_FOR_ME: 0.0,
}

SILENCE_PRICE = 0.45  # the reward of silence when nothing was spent yet
SILENCE_SHARE = 0.15  # of what is missing to 1, added by each interruption already spent today
SILENCE_SIGMA = 0.02  # small and positive, so that silence takes part in sampling


def silence_reward(spent: int, price: float = SILENCE_PRICE) -> float:
    """Return the reward of saying nothing after `spent` interruptions today: it rises, and stays below 1."""
    return 1.0 - (1.0 - min(max(price, 0.0), 1.0)) * (1.0 - SILENCE_SHARE) ** spent
