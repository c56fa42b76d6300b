"""Clocks of processes under test."""

from datetime import timedelta

from infra.clock import system_clock

WEDNESDAY = 2


def wednesday_noon() -> str:
    """Return the `OO_CLOCK` of a process for which it is a Wednesday's noon (UTC), in at most a week.

    At night oO says nothing, so a test of what a decision does would depend on the hour at which it runs.
    """
    now = system_clock()
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=(WEDNESDAY - now.weekday()) % 7)
    return f"+{((noon - now) % timedelta(days=7)).total_seconds():.0f}"
