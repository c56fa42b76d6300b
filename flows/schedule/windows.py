"""Logical windows: a schedule that fires twice, or late, gets the same window and so does the same work."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def window_end(at: datetime, every: timedelta) -> datetime:
    """Return the end of the newest whole window of that length at an instant."""
    return EPOCH + (at - EPOCH) // every * every
