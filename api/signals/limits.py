"""Rate limits of pushed signals: failed authentication per client, and accepted pushes per source."""

from typing import NamedTuple

from api.accounts.rate_limiter import RateLimiter

REFUSED = (10, 60, 60)  # each caller, all together, within so many seconds
PUSHES = (3_000, 30_000, 60)  # each source, all together; a push may hold 10,000 signals


class PushLimits(NamedTuple):
    """The counters of one process."""

    refused: RateLimiter
    pushes: RateLimiter


def push_limits() -> PushLimits:
    """Return fresh counters."""
    return PushLimits(RateLimiter(*REFUSED), RateLimiter(*PUSHES))
