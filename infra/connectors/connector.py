"""The protocol of every connector, and what it yields: an event that is ready, or a refusal with its line."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from data_contracts.errors import Malformed
from data_contracts.events.codec import Event
from data_contracts.identifiers import PersonId, SubjectKey
from data_contracts.signals.kinds import PAST_DAYS, RULES, Refusal, SubjectKeys, hide_names, to_event

MAX_RAW = 8_192  # characters of a refused row that quarantine keeps

FILE_RULES: dict[str, str] = {
    "missing_file": "there is no such file.",
    "is_a_folder": "this is a folder; name a file.",
    "not_a_file": "this is no ordinary file.",
    "unreadable": "the file cannot be read.",
    "empty_file": "the file is empty.",
    "file_too_large": "the file is larger than 256 MB.",
    "unknown_format": "this is none of the formats that oO reads: iCalendar, Todoist JSON or CSV, CSV or JSON lines.",
    "not_text": "this is not UTF-8 text.",
    "invalid_utf8": "the text is not valid UTF-8.",
    "row_too_long": "the row is longer than 64 kB.",
    "wrong_columns": "the row has another number of columns than the header.",
    "unclosed_quote": "a quotation mark is opened and not closed.",
    "bad_header": "the header lacks a column that is needed, or names one twice.",
    "bad_json": "this is not valid JSON.",
    "not_a_task_list": "the file holds no list of tasks.",
    "not_icalendar": "the file holds no BEGIN:VCALENDAR.",
    "unclosed_component": "the component begins and does not end.",
    "unexpected_end": "a component ends that did not begin.",
    "bad_property": "a property of the component cannot be read.",
    "missing_property": "the component lacks a property that it needs.",
    "mixed_times": "the event begins on a day and ends at a time, or the other way round.",
    "bad_recurrence": "the recurrence rule cannot be followed.",
    "too_frequent": "the event recurs too often to be part of a calendar.",
    "unknown_zone": "the zone is neither an IANA nor a Windows time zone nor defined in the file.",
    "too_many_events": "the calendar has more than 20,000 instances in these weeks; the rest is left out.",
}


@dataclass(frozen=True, slots=True)
class Parsed:
    """An event that is ready to be validated and appended, and the place that it came from."""

    event: Event
    file: str
    line: int
    raw: str
    claimed: str = ""  # the id that the file's own signal bears


@dataclass(frozen=True, slots=True)
class Refused:
    """A row, a component or a whole file (`line` 0) that was not accepted; only `raw` holds personal text."""

    file: str
    line: int
    rule: str
    message: str
    raw: str = ""


class FileRefused(Malformed):
    """Nothing of this file can be read; `refused` says why, in one sentence."""

    def __init__(self, path: Path, rule: str, line: int = 0) -> None:
        self.refused = refused(path, line, rule)
        super().__init__(self.refused.message)


@dataclass(frozen=True, slots=True)
class ReadContext:
    """Who imports, when, and in which zone they live; `skipped` counts by name what a source left out on purpose."""

    person: PersonId
    zone: ZoneInfo
    now: datetime
    subject_key: SubjectKeys
    skipped: Counter[str] = field(default_factory=Counter)


class Connector(Protocol):
    """One kind of source."""

    @property
    def name(self) -> str:
        """The first part of `Event.source`."""

    def matches(self, path: Path, head: str) -> bool:
        """Return whether the file is of this kind, by its name and its first characters."""

    def read(self, path: Path, context: ReadContext) -> Iterator[Parsed | Refused]:
        """Yield what the file tells; raises `FileRefused`, and nothing else, when it tells nothing at all."""

    def titles(self, path: Path, context: ReadContext) -> Iterator[tuple[SubjectKey, str]]:
        """Yield the words of the subjects that `read` names, raising as it does."""


def refused(path: Path, line: int, rule: str, raw: str = "", where: str = "") -> Refused:
    """Return a refusal with its sentence: file, line, rule, and no personal value."""
    place = f"{path.name}, line {line}" if line else path.name
    sentence = FILE_RULES.get(rule) or RULES[rule]
    return Refused(path.name, line, rule, f"{place}: {rule}: {where}{sentence}", _clean(raw))


def source_of(path: Path, connector: str, context: ReadContext) -> str:
    """Return the source of all events of a file: the connector, and a keyed mark that tells two files apart."""
    return f"{connector}:{context.subject_key('file', path.name)[:8]}"


@dataclass(frozen=True, slots=True)
class Reading:
    """One pass over one file: makes events of its rows by the rules of `data_contracts.signals.kinds`."""

    path: Path
    connector: str
    context: ReadContext

    def signal(
        self,
        kind: str,
        data: Mapping[str, Any],
        *,
        native: str,
        at: datetime | str,
        line: int,
        raw: str,
        revision: str = "",
    ) -> Parsed | Refused:
        """Return the event of a row; its id is a keyed hash of connector, native id, revision and data.

        The time of import is not part of the id, so that the same file twice yields the same ids.
        """
        content = json.dumps([self.connector, native, kind, data, revision], sort_keys=True, ensure_ascii=True)
        item = {
            "id": self.context.subject_key("event_id", sha256(content.encode()).hexdigest()),
            "kind": kind,
            "at": at if isinstance(at, str) else at.isoformat(),
            "source": source_of(self.path, self.connector, self.context),
            "data": data,
        }
        return self._event(item, line, raw)

    def item(self, item: Any, line: int, raw: str) -> Parsed | Refused:
        """Return the event of a signal in its JSON form, whose id and source are the file's own."""
        found = self._event(item, line, raw)
        if isinstance(found, Refused):
            return found
        return replace(found, claimed=hide_names(found.event, self.context.subject_key))

    def _event(self, item: Any, line: int, raw: str) -> Parsed | Refused:
        context = self.context
        answer = to_event(item, person=context.person, received_at=context.now, subject_key=context.subject_key)
        if isinstance(answer, Refusal):
            message = f"{self.path.name}, line {line}: {answer.rule}: {answer.message}"
            return Refused(self.path.name, line, answer.rule, message, _clean(raw))
        return Parsed(answer[0], self.path.name, line, _clean(raw))

    def refuse(self, line: int, rule: str, raw: str = "", where: str = "") -> Refused:
        """Return the refusal of a row."""
        return refused(self.path, line, rule, raw, where)

    def known_at(self, *times: datetime | None) -> datetime:
        """Return the newest of the source's own times, never after the import and never too old to be accepted."""
        now = self.context.now
        newest = max((time for time in times if time is not None), default=now)
        return min(max(newest, now - timedelta(days=PAST_DAYS - 1)), now)


def _clean(raw: str) -> str:
    """Return text that can be encoded: undecodable bytes become replacement characters."""
    return raw[:MAX_RAW].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
