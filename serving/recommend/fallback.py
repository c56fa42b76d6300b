"""The fallback while a part is missing: a named and counted reason; `models.policies.fallback` chooses."""

from collections import Counter
from enum import StrEnum
from threading import Lock


class Fallback(StrEnum):
    """What was degraded in an answer that was given all the same."""

    NO_CHAMPION = "no_champion"  # no policy was promoted yet, or its artifact was refused
    NO_CHALLENGER = "no_challenger"  # an experiment's challenger was refused: the champion decided on its share
    NO_FEATURES = "no_features"  # the online store knows nothing about this person
    NO_TITLES = "no_titles"  # the sources of titles could not be read: tips about the day only
    NO_WORDS = "no_words"  # a chosen sentence could not be finished, and another was chosen
    LATE = "late"  # the deadline passed while something was awaited: silence


class FallbackCounts:
    """How often each fallback happened in this process."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = Lock()

    def add(self, fallback: Fallback) -> None:
        """Count one."""
        with self._lock:
            self._counts[fallback.value] += 1

    def snapshot(self) -> dict[str, int]:
        """Return the counts by name, zeros included."""
        with self._lock:
            return {each.value: self._counts[each.value] for each in Fallback}
