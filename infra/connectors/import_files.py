"""Reads files into batches of events that the ingest flow validates and appends, and reads titles again later."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from data_contracts.identifiers import PersonId, SubjectKey
from infra.connectors.connector import FileRefused, Parsed, ReadContext, Refused
from infra.connectors.registry import connector_for

CHUNK = 500


class SubjectKeyMaker(Protocol):
    """What the vault can do for a connector."""

    def subject_key(self, person: PersonId, kind: str, native_id: str) -> SubjectKey:
        """Return the keyed hash of a source's own id."""


@dataclass(frozen=True, slots=True)
class Batch:
    """At most 500 rows of one file: the sound ones to validate and append, and the refused ones for quarantine."""

    path: Path
    connector: str
    parsed: tuple[Parsed, ...]
    refused: tuple[Refused, ...]
    skipped: Mapping[str, int] = field(default_factory=dict)  # what the file left out on purpose; in its last batch
    last: bool = False


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did; `quarantined` names file, line and rule, and never a value."""

    accepted: int = 0
    duplicates: int = 0
    quarantined: tuple[Refused, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)

    def plus(
        self, *, accepted: int = 0, duplicates: int = 0, batch: Batch | None = None, refused: Sequence[Refused] = ()
    ) -> "ImportReport":
        """Return the report after one more batch; `refused` are rows that the validation gate refused."""
        found = (*(batch.refused if batch else ()), *refused)
        skipped = Counter(self.skipped) + Counter(batch.skipped if batch else {})
        quarantined = (*self.quarantined, *(Refused(row.file, row.line, row.rule, row.message) for row in found))
        return ImportReport(self.accepted + accepted, self.duplicates + duplicates, quarantined, dict(skipped))

    def as_json(self) -> dict[str, object]:
        """Return `{accepted, duplicates, quarantined: [{file, line, rule}], skipped}`."""
        rows = [{"file": row.file, "line": row.line, "rule": row.rule} for row in self.quarantined]
        return {
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "quarantined": rows,
            "skipped": dict(self.skipped),
        }


@dataclass(frozen=True, slots=True)
class Words:
    """The words of subjects that files could give, and how many files could give none any more."""

    by_subject: Mapping[SubjectKey, str]
    vanished: int


def read_files(
    paths: Iterable[Path], *, person: PersonId, vault: SubjectKeyMaker, zone: ZoneInfo, now: datetime
) -> Iterator[Batch]:
    """Yield the batches of the files, in their order; a file that cannot be read is one refusal, never an error."""
    for path in paths:
        context = _context(person, vault, zone, now)
        name = ""
        rows: list[Parsed | Refused] = []
        try:
            connector = connector_for(path)
            name = connector.name
            for row in connector.read(path, context):
                if len(rows) == CHUNK:
                    yield _batch(path, name, rows)
                    rows = []
                rows.append(row)
        except FileRefused as error:
            rows.append(error.refused)
        yield _batch(path, name, rows, context.skipped, last=True)


def titles_of(
    paths: Iterable[Path], *, person: PersonId, vault: SubjectKeyMaker, zone: ZoneInfo, now: datetime
) -> Words:
    """Return the words of everything that the files name; a vanished or broken file gives none and is counted."""
    found: dict[SubjectKey, str] = {}
    vanished = 0
    context = _context(person, vault, zone, now)
    for path in paths:
        try:
            found |= {key: text for key, title in connector_for(path).titles(path, context) if (text := tidy(title))}
        except FileRefused:
            vanished += 1
    return Words(found, vanished)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, to know the same file again; raises `FileRefused` as reading does."""
    connector_for(path)
    made = sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                made.update(chunk)
    except OSError as error:
        raise FileRefused(path, "unreadable") from error
    return made.hexdigest()


def tidy(title: str) -> str:
    """Return a title on one line, without control characters and of at most 200 characters."""
    text = "".join(character if character.isprintable() else " " for character in title[:1_000])
    return " ".join(text.split())[:200]


def _context(person: PersonId, vault: SubjectKeyMaker, zone: ZoneInfo, now: datetime) -> ReadContext:
    known: dict[tuple[str, str], SubjectKey] = {}
    return ReadContext(person, zone, now, _remembering(vault, person, known))


def _remembering(
    vault: SubjectKeyMaker, person: PersonId, known: dict[tuple[str, str], SubjectKey]
) -> Callable[[str, str], SubjectKey]:
    def subject_key(kind: str, native: str) -> SubjectKey:
        if kind == "event_id":
            return vault.subject_key(person, kind, native)
        if (kind, native) not in known:
            known[kind, native] = vault.subject_key(person, kind, native)
        return known[kind, native]

    return subject_key


def _batch(
    path: Path,
    connector: str,
    rows: list[Parsed | Refused],
    skipped: Mapping[str, int] | None = None,
    *,
    last: bool = False,
) -> Batch:
    parsed = tuple(row for row in rows if isinstance(row, Parsed))
    refused = tuple(row for row in rows if isinstance(row, Refused))
    return Batch(path, connector, parsed, refused, dict(skipped or {}), last)
