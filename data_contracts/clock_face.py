"""Minutes of the local day as text: 22:00."""

import re

from data_contracts.errors import Malformed

PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"


def clock_face(minute: int) -> str:
    """Return minutes of the day as HH:MM."""
    return f"{minute // 60 % 24:02d}:{minute % 60:02d}"


def minute_at(face: str) -> int:
    """Return HH:MM, 00:00 to 23:59, as minutes of the day; raises `Malformed`."""
    if re.fullmatch(PATTERN, face, re.ASCII) is None:
        raise Malformed(f"a time of the day is HH:MM, such as 22:00, not {face!r}")
    return int(face[:2]) * 60 + int(face[3:])
