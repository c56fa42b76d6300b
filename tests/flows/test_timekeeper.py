"""Laws of the timekeeper."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from flows.schedule.deployments import DAY, EPOCH, HOUR, Deployed, window_end
from flows.schedule.timekeeper import Timekeeper
from infra.clock import fixed_clock

TABLE = {"hourly": Deployed("x.y", HOUR, "why"), "daily": Deployed("x.z", DAY, "why")}


class Asked:
    """A server that remembers what it was asked for, and is away when told so."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.away = False

    def ask(self, name: str, due: datetime, key: str) -> None:
        """Remember, or be away."""
        if self.away:
            raise ConnectionError
        assert key == f"{name}|{due.isoformat()}"
        self.keys.append(key)


@given(st.datetimes(timezones=st.timezones(), min_value=datetime(2000, 1, 1)), st.integers(1, 10**6))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_a_window_ends_at_or_before_its_instant_and_never_an_hour_too_early(at: datetime, seconds: int) -> None:
    """Windows tile time from the epoch on."""
    every = timedelta(seconds=seconds)
    end = window_end(at, every)
    assert timedelta() <= at - end < every
    assert (end - EPOCH) % every == timedelta()


def test_a_window_is_asked_for_once_and_the_next_one_when_it_has_ended(now: datetime) -> None:
    """However often one looks."""
    asked = Asked()
    instants = iter([now, now + timedelta(minutes=59), now + timedelta(minutes=60), now + timedelta(days=3)])
    keeper = Timekeeper(TABLE, asked, lambda: next(instants))
    assert [keeper.look() for _ in range(4)] == [2, 0, 1, 2]
    assert len(set(asked.keys)) == 5


def test_two_timekeepers_ask_under_the_same_keys(now: datetime) -> None:
    """So the server runs a window once."""
    first, second = Asked(), Asked()
    Timekeeper(TABLE, first, fixed_clock(now)).look()
    Timekeeper(TABLE, second, fixed_clock(now + timedelta(seconds=30))).look()
    assert first.keys == second.keys


def test_a_server_that_was_away_is_asked_again(now: datetime) -> None:
    """In its thread the timekeeper outlives a failure."""
    asked = Asked()
    asked.away = True
    with Timekeeper(TABLE, asked, fixed_clock(now), tick_s=0.001):
        asked.away = False
        while len(asked.keys) < len(TABLE):
            pass
    assert len(asked.keys) == len(TABLE)
