"""A module of which one boundary is pinned by its tests, and one is not."""


def warm(degrees: int) -> bool:
    """Return whether it is warm."""
    return degrees >= 20


def cold(degrees: int) -> bool:
    """Return whether it is cold."""
    return degrees <= 5
