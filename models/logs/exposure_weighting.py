"""Exposure weighting: rows of a log that count where not every tip was seen: rewarded tips, and a share of silences.

An unseen tip has no reward and drops out; a silence always has its own. Counting all silences would compare
policies in moments of which most hold a silence: who speaks more would look better or worse than it is, and logged
probabilities would not fit the draws. So a silence stays with the chance that a tip in its place would have been seen,

    keep if hash(decision) < (seen + PRIOR s) / (tips + PRIOR),   s = the share of all tips that were seen,

counted over the tips of the same person with the same trigger. What is left is a sample of the moments in which the
person would have looked, where logged probabilities hold as they stand. Where every tip was seen, nothing changes.

Limits: whether a tip is seen must not depend on which tip it is, nor on more of the moment than person and trigger. A
tip that still waits for its answer counts as not seen.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.promotion.experiments import point

PRIOR = 10.0  # tips that the share of everybody weighs against those of one person
Bools = NDArray[np.bool_]


def counts(decisions: Sequence[str], groups: Sequence[tuple[int, str]], *, silent: Bools, rewarded: Bools) -> Bools:
    """Return (N,) which rows count; `groups` are the person and the trigger of each."""
    _, group = np.unique(
        np.array([f"{person}|{trigger}" for person, trigger in groups], dtype=str), return_inverse=True
    )
    tips, seen = np.bincount(group, ~silent), np.bincount(group, ~silent & rewarded)
    share = seen.sum() / tips.sum() if tips.sum() else 1.0
    chance = (seen + PRIOR * share) / (tips + PRIOR)
    kept = ~silent & rewarded
    for row in np.flatnonzero(silent & rewarded):
        kept[row] = point(f"seen|{decisions[int(row)]}") < chance[group[row]]
    return kept
