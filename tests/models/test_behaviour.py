"""What the warm start must have taught: sensible answers in plain moments."""

from models.policies import LinearThompson
from tests.models.moments import POOL, URGENT, ask, vector


def test_an_urgent_task_that_fits_the_gap_wins(thompson: LinearThompson) -> None:
    """An urgent task that fits the gap wins."""
    assert ask(thompson, vector(10, minutes_to_next_due=120, tasks_due_2h=1), (URGENT, *POOL))["urgent"] > 0.9


def test_an_urgent_task_that_does_not_fit_loses(thompson: LinearThompson) -> None:
    """An urgent task that does not fit loses."""
    fits = ask(thompson, vector(10, free_gap_min=120), (URGENT, *POOL))["urgent"]
    assert ask(thompson, vector(10, free_gap_min=20), (URGENT, *POOL))["urgent"] < fits / 2


def test_a_tired_low_person_is_offered_rest_or_something_small(thompson: LinearThompson) -> None:
    """A tired low person is offered rest or something small."""
    p = ask(thompson, vector(14, energy_last=1, mood_last=1, mood_change=-2))
    assert p["breathe"] + p["lie down"] > 0.7
    assert p["breathe"] > p["lie down"]


def test_focus_mode_is_answered_by_silence(thompson: LinearThompson) -> None:
    """Focus mode is answered by silence."""
    assert ask(thompson, vector(10, focus_mode=1, on_desktop=1, on_phone=0))["silence"] > 0.8


def test_tips_that_were_just_dismissed_are_followed_by_silence(thompson: LinearThompson) -> None:
    """Tips that were just dismissed are followed by silence."""
    dismissed = vector(11, not_now_24h=2, hours_since_tip=0.5, tips_shown_24h=3, not_for_me_30d=2, done_share_30d=0.25)
    assert ask(thompson, dismissed, spent=2)["silence"] > 0.9


def test_a_streak_at_risk_in_the_evening_brings_the_habit(thompson: LinearThompson) -> None:
    """A streak at risk in the evening brings the habit."""
    evening = ask(thompson, vector(20, streak_at_risk=1, best_streak_days=6))
    assert max(evening, key=lambda name: evening[name]) == "habit"
    assert evening["habit"] > 0.5
    assert ask(thompson, vector(10))["habit"] < 0.1


def test_long_sitting_brings_movement(thompson: LinearThompson) -> None:
    """Long sitting brings movement."""
    sitting = vector(15, minutes_in_place=240, on_desktop=1, on_phone=0, at_work=1, at_home=0)
    p = ask(thompson, sitting)
    assert p["stretch"] + p["walk"] > 0.5


def test_a_pool_without_candidates_is_silence(thompson: LinearThompson) -> None:
    """A pool without candidates is silence."""
    assert ask(thompson, vector(10), ()) == {"silence": 1.0}
