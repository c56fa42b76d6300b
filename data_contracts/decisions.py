"""The decision record: all that was known when a tip or silence was chosen, and its durable form.

The packed form is `OOD1`, the header's length as uint32, a JSON header, then the arrays as little-endian bytes in
the order of `ARRAYS`. Packing and unpacking are exact: replaying a choice from the log is bit-exact.
"""

import json
import math
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import Malformed
from data_contracts.identifiers import CandidateId, ClusterId, DecisionId, PersonId, PolicyDigest, SubjectKey
from data_contracts.served import (
    ServedCalendar,
    ServedContext,
    ServedHabits,
    ServedMood,
    ServedRow,
    ServedTasks,
    ServedTips,
)
from data_contracts.tips import TipKind, Topic

Floats = NDArray[np.float64]
MAGIC = b"OOD1"
PREFIX = len(MAGIC) + 4
SILENCE = CandidateId("silence")


class Trigger(StrEnum):
    """Who began: opening the page is free, an unsolicited tip spends the interruption budget."""

    OPEN = "open"
    UNSOLICITED = "unsolicited"


class Origin(StrEnum):
    """Simulated decisions never count as evidence for a real promotion."""

    LIVE = "live"
    SIMULATED = "simulated"


class CandidateRef(NamedTuple):
    """A candidate as the log keeps it: everything but its text."""

    id: CandidateId
    template: str
    cluster: ClusterId
    kind: TipKind | None  # None is silence
    topic: Topic | None
    effort_min: int
    subject: SubjectKey | None


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """One choice among `n` actions: the eligible candidates, then silence as the last one.

    Shapes: `vector`, `masked`, `ages_s` (features,); `actions` (n, action features); `mu`, `sigma`,
    `probabilities` (n,). `ages_s` is -1 where a source has no fact.
    """

    id: DecisionId
    person: PersonId
    at_us: int
    zone: str
    trigger: Trigger
    origin: Origin
    policy: str
    policy_digest: PolicyDigest
    posterior_version: int
    event_sequence: int
    seed: int
    feature_service_version: int
    consent_mask: int  # bit i is set when the source at position i of features.Source is granted
    stale_mask: int  # bit i is set when that source was masked for its age
    spent: int  # interruptions already spent today
    silence_price: float
    build: str
    chosen: int
    reason: str
    fallback: str | None
    expires_us: int
    ineligible: dict[str, int]  # reason -> number of candidates it kept out
    candidates: tuple[CandidateRef, ...]
    served: ServedRow
    vector: Floats
    masked: NDArray[np.bool_]
    ages_s: NDArray[np.int64]
    actions: Floats
    mu: Floats
    sigma: Floats
    probabilities: Floats
    quiet_start_min: int = 1_320  # local minutes of the day, as the vector saw them
    quiet_end_min: int = 480

    @property
    def chosen_ref(self) -> CandidateRef:
        """The action that was taken."""
        return self.candidates[self.chosen]

    @property
    def silent(self) -> bool:
        """Whether the answer was to say nothing."""
        return self.chosen_ref.id == SILENCE


ARRAYS: tuple[tuple[str, str], ...] = (
    ("vector", "<f8"),
    ("masked", "|b1"),
    ("ages_s", "<i8"),
    ("actions", "<f8"),
    ("mu", "<f8"),
    ("sigma", "<f8"),
    ("probabilities", "<f8"),
)
_ARRAY_NAMES = frozenset(name for name, _ in ARRAYS)
_SCALARS = tuple(name for name in Decision.__dataclass_fields__ if name not in _ARRAY_NAMES)


def pack(decision: Decision) -> bytes:
    """Return the durable form of a decision."""
    header: dict[str, Any] = {name: getattr(decision, name) for name in _SCALARS}
    header["shapes"] = [getattr(decision, name).shape for name, _ in ARRAYS]
    text = json.dumps(header, separators=(",", ":")).encode()
    arrays = [np.ascontiguousarray(getattr(decision, name), dtype=dtype).tobytes() for name, dtype in ARRAYS]
    return b"".join((MAGIC, struct.pack("<I", len(text)), text, *arrays))


def unpack(record: bytes) -> Decision:
    """Return the decision of a packed record.

    Raises `Malformed` when the record is not one, is cut short, or has bytes left over.
    """
    if record[:4] != MAGIC or len(record) < PREFIX:
        raise Malformed("a decision record does not begin with OOD1")
    offset = PREFIX + struct.unpack("<I", record[4:PREFIX])[0]
    try:
        header = dict(json.loads(record[PREFIX:offset]))
        shapes = header.pop("shapes")
        arrays: dict[str, NDArray[Any]] = {}
        for (name, dtype), shape in zip(ARRAYS, shapes, strict=True):
            count = math.prod(shape)
            arrays[name] = np.frombuffer(record, dtype, count, offset).reshape(shape)
            offset += count * np.dtype(dtype).itemsize
        fields: dict[str, Any] = {**_typed(header), **arrays}
        decision = Decision(**fields)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise Malformed(f"a decision record is damaged: {error}") from error
    if offset != len(record):
        raise Malformed(f"a decision record has {len(record) - offset} bytes too many")
    return decision


def _typed(header: dict[str, Any]) -> dict[str, Any]:
    """Give the JSON header back its types."""
    header["trigger"] = Trigger(header["trigger"])
    header["origin"] = Origin(header["origin"])
    header["candidates"] = tuple(_reference(row) for row in header["candidates"])
    header["served"] = served_row_from_json(header["served"])
    return header


def _reference(row: list[Any]) -> CandidateRef:
    reference = CandidateRef(*row)
    return reference._replace(
        kind=TipKind(reference.kind) if reference.kind else None,
        topic=Topic(reference.topic) if reference.topic else None,
    )


def served_row_from_json(parts: list[list[Any]]) -> ServedRow:
    """Return the served row of its JSON form: one list per view, fields in order."""
    fields: list[list[Any]] = [[tuple(value) if isinstance(value, list) else value for value in part] for part in parts]
    tasks, calendar, habits, mood, context, tips = fields
    return ServedRow(
        ServedTasks(*tasks),
        ServedCalendar(*calendar),
        ServedHabits(*habits),
        ServedMood(*mood),
        ServedContext(*context),
        ServedTips(*tips),
    )
