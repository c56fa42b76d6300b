"""The decision record: everything that was known when a tip or silence was chosen, and its durable form.

The packed form is `OOD1`, the header's length as uint32, a JSON header, then the arrays as little-endian bytes in
the order of `ARRAYS`, then the integers of the served row as int64. The header's `served` says what they are, a list
per view and an entry per field: null is one integer, a number that many of them, a text the keys, one a line.
`candidates` are columns in the order of `CandidateRef`, texts again one a line.
Packing and unpacking are exact: replaying a choice from the log is bit-exact.
"""

import json
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple, cast

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
_LENGTH = struct.Struct("<I")
PREFIX = len(MAGIC) + _LENGTH.size
INTEGER = 8  # bytes
LINE = "\n"
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
    arm: str | None = None  # experiment/arm to which this person-day belongs; `policy_digest` says who decided

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
_BINARY = frozenset(("served", *(name for name, _ in ARRAYS)))
_SCALARS = tuple(name for name in Decision.__dataclass_fields__ if name not in _BINARY)
_SCALARS_OF = attrgetter(*_SCALARS)
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode  # made once: json.dumps would make one each time


def pack(decision: Decision) -> bytes:
    """Return the durable form of a decision."""
    header: dict[str, Any] = dict(zip(_SCALARS, _SCALARS_OF(decision), strict=True))
    arrays = [np.ascontiguousarray(getattr(decision, name), dtype=dtype) for name, dtype in ARRAYS]
    header["shapes"] = [array.shape for array in arrays]
    header["candidates"] = _columns(decision.candidates)
    header["served"], integers = _split(decision.served)
    text = _ENCODE(header).encode()
    numbers = struct.pack(f"<{len(integers)}q", *integers)
    return b"".join((MAGIC, _LENGTH.pack(len(text)), text, *[array.tobytes() for array in arrays], numbers))


def _split(served: ServedRow) -> tuple[list[list[Any]], list[int]]:
    """Return the form of a served row and its integers, which as JSON would take most of the time of packing."""
    form: list[list[Any]] = []
    integers: list[int] = []
    for part in served:
        fields: list[Any] = []
        for value in part:
            if not isinstance(value, tuple):
                integers.append(value)
                fields.append(None)
            elif value and isinstance(value[0], str):
                fields.append(_lines(value))
            else:
                integers.extend(cast("tuple[int, ...]", value))
                fields.append(len(value))
        form.append(fields)
    return form, integers


def _columns(candidates: tuple[CandidateRef, ...]) -> list[Any]:
    ids, templates, clusters, kinds, topics, efforts, subjects = zip(*candidates, strict=True)
    texts = (ids, templates, clusters, [kind or "" for kind in kinds], [topic or "" for topic in topics])
    return [*map(_lines, texts), efforts, subjects]


def _references(columns: list[Any]) -> tuple[CandidateRef, ...]:
    *texts, efforts, subjects = columns
    ids, templates, clusters, kinds, topics = (_keys(text) for text in texts)
    kinds = [TipKind(kind) if kind else None for kind in kinds]
    topics = [Topic(topic) if topic else None for topic in topics]
    rows = zip(ids, templates, clusters, kinds, topics, efforts, subjects, strict=True)
    return tuple(map(CandidateRef._make, rows))


def _lines(keys: Sequence[str]) -> str | Sequence[str]:
    """Return keys as one text, or as they are when one of them holds a line break."""
    text = LINE.join(keys)
    return text if text.count(LINE) == len(keys) - 1 else keys


def _keys(lines: str | list[str]) -> list[Any]:
    return lines.split(LINE) if isinstance(lines, str) else lines


def _joined(form: list[list[Any]], integers: tuple[int, ...]) -> ServedRow:
    """Return the served row of its form and its integers; raises `ValueError` when they don't belong together."""
    rest = iter(integers)
    parts: list[list[Any]] = []
    for fields in form:
        part: list[Any] = []
        for field in fields:
            if isinstance(field, (str, list)):
                part.append(tuple(_keys(field)))
            else:
                part.append(next(rest) if field is None else tuple(islice(rest, field)))
        parts.append(part)
    tasks, calendar, habits, mood, context, tips = parts
    return ServedRow(
        ServedTasks(*tasks),
        ServedCalendar(*calendar),
        ServedHabits(*habits),
        ServedMood(*mood),
        ServedContext(*context),
        ServedTips(*tips),
    )


def unpack(record: bytes) -> Decision:
    """Return the decision of a packed record.

    Raises `Malformed` when the record is not one, is cut short, or has bytes left over.
    """
    if record[:4] != MAGIC or len(record) < PREFIX:
        raise Malformed("a decision record does not begin with OOD1")
    offset = PREFIX + _LENGTH.unpack_from(record, len(MAGIC))[0]
    try:
        header = dict(json.loads(record[PREFIX:offset]))
        shapes = header.pop("shapes")
        arrays: dict[str, NDArray[Any]] = {}
        for (name, dtype), shape in zip(ARRAYS, shapes, strict=True):
            count = math.prod(shape)
            arrays[name] = np.frombuffer(record, dtype, count, offset).reshape(shape)
            offset += count * np.dtype(dtype).itemsize
        form = header.pop("served")
        count = sum(
            1 if field is None else field for part in form for field in part if not isinstance(field, (str, list))
        )
        integers = struct.unpack_from(f"<{count}q", record, offset)
        offset += count * INTEGER
        fields: dict[str, Any] = {**_typed(header), **arrays, "served": _joined(form, integers)}
        decision = Decision(**fields)
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RecursionError,
        StopIteration,
        struct.error,
    ) as error:
        raise Malformed(f"a decision record is damaged: {error}") from error
    if offset != len(record):
        raise Malformed(f"a decision record has {len(record) - offset} bytes too many")
    return decision


def _typed(header: dict[str, Any]) -> dict[str, Any]:
    """Give the JSON header back its types."""
    header["trigger"] = Trigger(header["trigger"])
    header["origin"] = Origin(header["origin"])
    header["candidates"] = _references(header["candidates"])
    return header
