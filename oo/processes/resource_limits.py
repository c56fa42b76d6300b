"""Resource limits of the operating system."""

import resource
from contextlib import suppress

__all__ = ["raise_file_limit"]


def raise_file_limit() -> None:
    """Allow this process as many file descriptors as the system permits: each connection and each file needs one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS names a hard limit that its kernel refuses; the soft one then stays
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
