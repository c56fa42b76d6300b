from benchmarks.before_after import WORST, slower


def test_work_that_got_slower_is_named() -> None:
    """The bound is on the median ratio, and only above it a piece of work counts as slower."""
    found = {"a": {"ratio": WORST}, "b": {"ratio": WORST + 0.001}, "c": {"ratio": 0.5}}
    assert slower(found) == ["b"]
