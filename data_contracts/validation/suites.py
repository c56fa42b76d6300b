"""The expectations of each column, derived from the signal table and the feature table; no vendor in here."""

from dataclasses import dataclass
from typing import Literal

from data_contracts.events.codec import KINDS
from data_contracts.identifiers import to_us
from data_contracts.signals.kinds import SIGNALS, Field
from data_contracts.signals.values import EARLIEST, LATEST
from data_contracts.validation.frames import signal_columns

SUBJECT_PATTERN = r"^[0-9a-f]{32}$"
ID_PATTERN = r"^[A-Za-z0-9._:-]{1,64}$"


@dataclass(frozen=True, slots=True)
class Check:
    """One column rule: `present`, `between` [low, high], `pattern`, or `order` (`column` is not before `other`)."""

    rule: str
    column: str
    how: Literal["present", "between", "pattern", "order"]
    low: float = 0
    high: float = 0
    pattern: str = ""
    other: str = ""


def _time(column: str) -> Check:
    return Check("out_of_range", column, "between", low=to_us(EARLIEST), high=to_us(LATEST))


def _field_checks(field: Field, known: tuple[str, ...]) -> list[Check]:
    column = field.column
    if column is None or column not in known:
        return []
    checks: list[Check] = []
    if field.required or field.default is not None:
        checks.append(Check("missing_field", column, "present"))
    if field.type in {"native_id", "label"}:
        checks.append(Check("bad_subject", column, "pattern", pattern=SUBJECT_PATTERN))
    elif field.type == "time":
        checks.append(_time(column))
    elif field.type == "whole":
        checks.append(Check("out_of_range", column, "between", low=field.low, high=field.high))
    elif field.type == "choice":
        first = 1 if field.required else 0  # the schema's 0 is "not specified"
        checks.append(Check("not_a_choice", column, "between", low=first, high=len(field.choices)))
    return checks


def signal_checks(signal: str) -> tuple[Check, ...]:
    """Return the checks of one kind; kinds that are facts of oO itself have the envelope's alone."""
    known = signal_columns(signal)
    checks = [
        Check("bad_id", "id", "pattern", pattern=ID_PATTERN),
        Check("missing_field", "source", "present"),
        _time("at_us"),
        _time("received_us"),
        Check("future_event", "received_us", "order", other="at_us"),
    ]
    if signal in SIGNALS:
        for field in SIGNALS[signal].fields:
            checks.extend(_field_checks(field, known))
    if signal == "event_scheduled":
        checks.append(Check("ends_before_start", "end_us", "order", other="start_us"))
    return tuple(checks)


SIGNAL_CHECKS: dict[str, tuple[Check, ...]] = {signal: signal_checks(signal) for signal in KINDS}
