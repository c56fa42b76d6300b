"""Shares with their uncertainty: what a benchmark may say after so many tries."""

import math
from typing import NamedTuple

Z = 1.959964


class Share(NamedTuple):
    """`hits` of `tries`, with its 95 % Wilson interval."""

    value: float
    low: float
    high: float


def share(hits: int, tries: int) -> Share:
    """Return the share; raises `ZeroDivisionError` without tries. Source: Wilson (1927)."""
    value = hits / tries
    middle = (value + Z**2 / (2 * tries)) / (1 + Z**2 / tries)
    reach = Z * math.sqrt(value * (1 - value) / tries + Z**2 / (4 * tries**2)) / (1 + Z**2 / tries)
    return Share(value, max(middle - reach, 0.0), min(middle + reach, 1.0))
