"""Simulated people: their hidden parameters, on the scale of log-odds.

taste_p,topic ~ N(0, 0.4^2)      liking of a topic
todo_p        ~ N(0, 0.25^2)     liking of things to do, against things to read
open_p        ~ N(0, 0.3^2)      openness to being addressed at all
peak_p        ~ N(11 h, 3 h)     the hour of best receptivity: 0.5 cos(2 pi (hour - peak_p) / 24)
vigour_p      ~ N(3.2, 0.5)      usual energy, 1 to 5
cheer_p       ~ N(3.4, 0.5)      usual mood, 1 to 5
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_contracts.tips import Topic

Floats = NDArray[np.float64]


class People(NamedTuple):
    """P people, one row each."""

    taste: Floats  # (P, topics)
    todo: Floats  # (P,)
    openness: Floats  # (P,)
    peak_h: Floats  # (P,)
    vigour: Floats  # (P,)
    cheer: Floats  # (P,)

    def rows(self, index: NDArray[np.intp]) -> "People":
        """Return the people at `index`, one row each, with repetition."""
        return People(*(array[index] for array in self))


def people(rng: np.random.Generator, count: int) -> People:
    """Return `count` simulated people."""
    return People(
        taste=rng.normal(0.0, 0.4, (count, len(Topic))),
        todo=rng.normal(0.0, 0.25, count),
        openness=rng.normal(0.0, 0.3, count),
        peak_h=rng.normal(11.0, 3.0, count),
        vigour=rng.normal(3.2, 0.5, count),
        cheer=rng.normal(3.4, 0.5, count),
    )
