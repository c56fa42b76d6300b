"""The tests by which the mutants of the sample are judged; they leave the boundary of `cold` open on purpose."""

from tests.mutants.sample import cold, warm


def test_it_is_warm_from_twenty_degrees() -> None:
    """Nineteen are not warm, twenty are."""
    assert (warm(19), warm(20)) == (False, True)


def test_it_is_cold_far_below() -> None:
    """Frost is cold, and summer is not."""
    assert (cold(-10), cold(30)) == (True, False)
