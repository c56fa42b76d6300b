"""Rate limiter: a sliding window per caller, and a wider one for all callers together."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from cachetools import LRUCache

from data_contracts.errors import TooManyRequests

EVERYBODY = ""
MAX_CALLERS = 1_024


@dataclass(slots=True)
class RateLimiter:
    """Counts attempts of one process; at most `each` per caller and `together` for all within `window_s` seconds."""

    each: int
    together: int
    window_s: int
    _times: LRUCache[str, deque[float]] = field(default_factory=lambda: LRUCache(MAX_CALLERS))
    _lock: Lock = field(default_factory=Lock)

    def count(self, caller: str, now: datetime) -> None:
        """Count one attempt; raises `TooManyRequests` when there were too many before it."""
        at = now.timestamp()
        with self._lock:
            for key, limit in ((caller, self.each), (EVERYBODY, self.together)):
                times = self._recent(key, at)
                if len(times) >= limit:
                    wait_s = max(1, int(times[0] + self.window_s - at) + 1)
                    raise TooManyRequests(f"too many attempts; try again in {wait_s} seconds", wait_s)
            for key in (caller, EVERYBODY):
                self._times[key].append(at)

    def _recent(self, key: str, at: float) -> deque[float]:
        times = self._times.setdefault(key, deque())
        while times and not at - self.window_s < times[0] <= at:  # a clock that was set back does not lock anybody out
            times.popleft()
        return times
