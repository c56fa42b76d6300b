"""Imports files: rows are read, validated, reconciled with earlier imports and appended; refused rows are kept sealed.

Importing loads no Prefect, so `oo import` and the flow `ingest_files` share it. A crash in the middle leaves whole
batches behind, and importing again completes them: ids are functions of the content.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from data_contracts.events.codec import Event, kind
from data_contracts.features import Source
from data_contracts.identifiers import PersonId, from_us, to_us
from data_contracts.signals.kinds import RULES, SIGNALS
from flows.context import FlowContext
from infra.connectors.connector import FileRefused, Parsed, ReadContext, Refused, source_of
from infra.connectors.import_files import Batch, ImportReport, digest_of, read_files
from infra.connectors.reconciliation import Known, restored, subject_of, synced, vanished
from infra.database.events import events, quarantine
from infra.database.people import consents, people, source_files
from infra.database.people.source_files import SourceFile

CHUNK = 200  # rows per transaction, so that a large file does not hold the database for long
CONSENT_MISSING = "consent_missing"
NOTHING_CLAIMED: Mapping[str, str] = MappingProxyType({})

Gate = Callable[[Sequence[Event]], Mapping[int, str]]
Agree = Callable[[Source], bool]
Row = TypeVar("Row")


def great_expectations_gate(batch: Sequence[Event]) -> dict[int, str]:
    """Return the rule that each failing event of a batch breaks, by position; the vendor loads at the first call."""
    from data_contracts.validation.frames import signal_frames  # noqa: PLC0415 - pandas, for imports only
    from data_contracts.validation.gate import validate_signals  # noqa: PLC0415 - as above

    broken: dict[int, str] = {}
    for name, frame in signal_frames(batch).items():
        for failure in validate_signals(frame, name).failing:
            broken.setdefault(failure.row, failure.rule)
    return broken


def nobody_agrees(_: Source) -> bool:
    """Leave every consent as it is: a schedule cannot consent in a person's name."""
    return False


def import_files(
    context: FlowContext,
    person: PersonId,
    paths: Iterable[Path],
    *,
    gate: Gate = great_expectations_gate,
    agree: Agree = nobody_agrees,
) -> ImportReport:
    """Import files of a person; the sound rows are durable when it returns, the others are named in the report.

    `agree` is asked before the first row of a signal without consent; it returns whether it recorded the consent.
    """
    with context.database.read() as session:
        zone = ZoneInfo(people.get(session, person).zone)
        allowed = {signal for signal, granted in consents.state(session, person).items() if granted}
    now = context.clock()
    reading = ReadContext(person, zone, now, lambda of, native: context.vault.subject_key(person, of, native))
    importer = _Importer(context, reading, gate, allowed, agree)
    for batch in read_files(paths, person=person, vault=context.vault, zone=zone, now=now):
        importer.take(batch)
    return importer.report


class Ingested(NamedTuple):
    """What a run over the known files did, in counts."""

    files: int = 0
    unchanged: int = 0
    accepted: int = 0
    duplicates: int = 0
    quarantined: int = 0


def ingest_known_files(context: FlowContext, *, gate: Gate = great_expectations_gate) -> Ingested:
    """Import each known file that has changed, or was last read on another day: recurring events move on by the day."""
    done = Ingested()
    with context.database.read() as session:
        members = [PersonId(row.person) for row in people.list_all(session)]
        known = {person: source_files.list_for(session, context.vault, person) for person in members}
    for person, files in known.items():
        stale = [Path(file.path) for file in files if _is_stale(context, file)]
        report = import_files(context, person, stale, gate=gate)
        done = Ingested(
            files=done.files + len(files),
            unchanged=done.unchanged + len(files) - len(stale),
            accepted=done.accepted + report.accepted,
            duplicates=done.duplicates + report.duplicates,
            quarantined=done.quarantined + len(report.quarantined),
        )
    return done


def _is_stale(context: FlowContext, file: SourceFile) -> bool:
    if from_us(file.imported_us).date() != context.clock().date():
        return True
    try:
        return digest_of(Path(file.path)) != file.digest
    except FileRefused:
        return False  # it is gone; what it said stays until it is back or the person forgets it


@dataclass(slots=True)
class _File:
    """What one pass over one file has seen so far."""

    path: Path
    known: Known
    named: set[str] = field(default_factory=set)
    whole: bool = True  # nothing was refused, so what it does not name has vanished


@dataclass(slots=True)
class _Importer:
    """One import of one person's files."""

    context: FlowContext
    reading: ReadContext
    gate: Gate
    allowed: set[Source]
    agree: Agree
    report: ImportReport = field(default_factory=ImportReport)
    file: _File | None = None

    def take(self, batch: Batch) -> None:
        """Append the sound rows of a batch, quarantine the others, and finish a file with its last batch."""
        file = self.file = self.file or self._open(batch)
        now, subject_key = self.reading.now, self.reading.subject_key
        made = [restored(row.event, file.known, now=now, subject_key=subject_key) for row in batch.parsed]
        broken = self._broken(made)
        sound = [event for position, event in enumerate(made) if position not in broken]
        late = [_refused(batch.parsed[position], rule) for position, rule in sorted(broken.items())]
        file.named |= {subject_of(event) for event in made}
        file.whole = file.whole and not broken and not batch.refused
        claimed = {row.event.id: row.claimed for row in batch.parsed if row.claimed}
        accepted = self._append(sound, claimed)
        self._quarantine([*batch.refused, *late], batch.connector)
        self.report = self.report.plus(accepted=accepted, duplicates=len(sound) - accepted, batch=batch, refused=late)
        if batch.last:
            self._finish(file, batch)

    def _open(self, batch: Batch) -> _File:
        source = source_of(batch.path, batch.connector, self.reading)
        with self.context.database.read() as session:
            return _File(batch.path, Known.of(events.of_source(session, self.reading.person, source)))

    def _broken(self, made: Sequence[Event]) -> dict[int, str]:
        broken = dict(self.gate(made)) if made else {}
        sources = [SIGNALS[kind(event)].source for event in made]
        missing = [source for source in dict.fromkeys(sources) if source not in self.allowed]
        self.allowed |= {source for source in missing if self.agree(source)}
        for position, source in enumerate(sources):
            if source not in self.allowed:
                broken[position] = CONSENT_MISSING
        return broken

    def _append(self, sound: Iterable[Event], claimed: Mapping[str, str] = NOTHING_CLAIMED) -> int:
        accepted = 0
        for rows in _chunks(sound):
            with self.context.database.unit_of_work() as uow:
                accepted += events.append(uow, rows, claimed).count("accepted")
                uow.commit()
        return accepted

    def _quarantine(self, refused: Iterable[Refused], connector: str) -> None:
        """Keep refused rows sealed; a row that is refused again is kept once."""
        person, vault = self.reading.person, self.context.vault
        for rows in _chunks(row for row in refused if row.raw):
            with self.context.database.unit_of_work() as uow:
                for row in rows:
                    row_id = self.reading.subject_key("quarantine", f"{row.file}|{row.line}|{row.rule}|{row.raw}")
                    quarantine.add(
                        uow,
                        row_id=row_id,
                        person=person,
                        source=connector or "file",
                        rule=row.rule,
                        received_us=to_us(self.reading.now),
                        box=vault.seal(person, quarantine.field_of(row_id), row.raw.encode()),
                        file=self.reading.subject_key("file", row.file),  # its name is the person's own
                        line=row.line,
                    )
                uow.commit()

    def _finish(self, file: _File, batch: Batch) -> None:
        """Take back what a snapshot names no more; note that it was read, and where its words can be read again."""
        self.file = None
        if file.whole and batch.connector:
            gone = vanished(file.known, file.named, now=self.reading.now, subject_key=self.reading.subject_key)
            self.report = self.report.plus(accepted=self._append(gone))
        try:
            digest = digest_of(batch.path)
        except FileRefused:
            return  # it is named in the report, and there are no words to come back for
        if file.whole:
            self._note_reading(file, batch.connector, digest)
        with self.context.database.unit_of_work() as uow:
            where, now_us = str(batch.path.resolve()), to_us(self.reading.now)
            read = SourceFile(where, batch.connector, digest, now_us)
            source_files.remember(uow, self.context.vault, person=self.reading.person, file=read)
            uow.commit()

    def _note_reading(self, file: _File, connector: str, digest: str) -> None:
        """Renew the age of a source that was read to its end; it is no row of the file, so the report counts none."""
        event = synced(source_of(file.path, connector, self.reading), digest, self.reading)
        if event is not None and SIGNALS[kind(event)].source in self.allowed:
            self._append([event])


def _refused(row: Parsed, rule: str) -> Refused:
    sentence = RULES.get(rule, "There is no consent to this signal.")
    # without consent not even the raw row may be kept
    raw = "" if rule == CONSENT_MISSING else row.raw
    return Refused(row.file, row.line, rule, f"{row.file}, line {row.line}: {rule}: {sentence}", raw)


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    waiting = iter(rows)
    while chunk := list(islice(waiting, CHUNK)):
        yield chunk
