"""A row of the working state as it is stored: what the fold hands to the database and takes back."""

from typing import NamedTuple


class StoredRow(NamedTuple):
    """One keyed row; `payload` is the fact's values as canonical JSON."""

    source: str
    key: str
    at_us: int
    event_id: str
    payload: bytes
