"""Packs the verdicts of a push into a few bytes without personal data, to answer a repeated delivery."""

import zlib
from collections.abc import Sequence
from typing import Any

from data_contracts.answers import SignalStatus, SignalVerdict
from data_contracts.identifiers import EventId
from data_contracts.signals.values import MAX_ID


def pack(verdicts: Sequence[SignalVerdict]) -> bytes:
    """Return the fates of the signals in order; their ids are in the delivery itself."""
    lines = (f"{verdict.status} {verdict.rule or ''}" for verdict in verdicts)
    return zlib.compress("\n".join(lines).encode())


def unpack(answer: bytes, items: Sequence[Any]) -> list[SignalVerdict]:
    """Return the verdicts of the same signals again."""
    lines = zlib.decompress(answer).decode().split("\n") if items else []
    fates = [line.partition(" ") for line in lines]
    return [
        SignalVerdict(claimed_id(item), SignalStatus(status), rule or None)
        for item, (status, _, rule) in zip(items, fates, strict=True)
    ]


def claimed_id(item: Any) -> EventId | None:
    """Return the id that a signal claims, so that its sender finds it again; None for what can be none."""
    claimed = item.get("id") if isinstance(item, dict) else None
    return EventId(claimed) if isinstance(claimed, str) and 0 < len(claimed) <= MAX_ID else None
