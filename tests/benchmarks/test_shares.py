import pytest

from benchmarks.shares import share


def test_a_share_lies_in_its_interval_and_more_tries_tighten_it() -> None:
    """A share lies in its interval; more tries tighten it, and none in five hundred may still be one in 131."""
    few, many = share(9, 10), share(900, 1_000)
    assert few.low < few.value < few.high
    assert many.high - many.low < few.high - few.low
    assert share(0, 500)[:2] == pytest.approx((0.0, 0.0))
    assert share(0, 500).high == pytest.approx(0.00763, abs=1e-5)
    assert share(10, 10).high == pytest.approx(1.0)
