"""Titles of a person's subjects: read again from their files, or opened from the sealed texts.

Only what may be spoken about is asked for: subjects of the served row whose source the person has consented to. What
a file said is remembered while the file stays the same, so a pool can be made again without reading it again.
"""

from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cachetools import LRUCache

from data_contracts.errors import Malformed
from data_contracts.features import Source
from data_contracts.identifiers import PersonId, SubjectKey, from_us
from data_contracts.served import ServedRow
from infra.connectors.import_files import titles_of
from infra.database.engine.database import Database
from infra.database.people import consents, source_files, texts
from infra.vault import Vault
from serving.candidates.phrasing import clean_title
from serving.candidates.subjects import SOURCE_BIT

REMEMBERED_FILES = 256

Stamp = tuple[str, int, int]


class Titles(NamedTuple):
    """Clean titles by subject, and how many sources could not give theirs."""

    by_subject: Mapping[SubjectKey, str]
    vanished: int


class TitleReader:
    """Gives words back to the subjects of a served row; safe between threads."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._files: LRUCache[tuple[PersonId, Stamp], Mapping[SubjectKey, str]] = LRUCache(REMEMBERED_FILES)
        self._lock = Lock()

    def titles(self, person: PersonId, row: ServedRow, consent_mask: int, zone: ZoneInfo, now_us: int) -> Titles:
        """Return what the sources still know; a subject without words is left out, and then nothing is said of it."""
        wanted = _wanted(row, consent_mask)
        if not wanted:
            return Titles({}, 0)
        found, vanished = self._from_texts(person, wanted, now_us)
        missing = wanted.keys() - found.keys()
        if missing:
            with self._database.read() as session:
                paths = [Path(each.path) for each in source_files.list_for(session, self._vault, person)]
            for path in paths:
                said = self._from_file(person, path, zone, now_us)
                vanished += said is None
                found |= {key: text for key, text in (said or {}).items() if key in missing}
        cleaned = {key: clean for key, text in found.items() if (clean := clean_title(text))}
        return Titles(cleaned, vanished)

    def remembered(self) -> set[PersonId]:
        """Return whose titles are in memory."""
        with self._lock:
            return {person for person, _ in self._files}

    def forget(self, person: PersonId) -> None:
        """Drop every remembered title of a person."""
        with self._lock:
            for key in [key for key in self._files if key[0] == person]:
                del self._files[key]

    def _from_texts(
        self, person: PersonId, wanted: Mapping[SubjectKey, Source], now_us: int
    ) -> tuple[dict[SubjectKey, str], int]:
        found: dict[SubjectKey, str] = {}
        damaged = 0
        with self._database.read() as session:
            for consented in consents.granted(session, person):
                subjects = [key for key, source in wanted.items() if source is consented.signal]
                for key, box in texts.find(session, consented, subjects, now_us=now_us).items():
                    subject = SubjectKey(key)
                    try:
                        found[subject] = self._vault.open(person, texts.field_of(subject), box).decode()
                    except Malformed:
                        damaged += 1
        return found, damaged

    def _from_file(self, person: PersonId, path: Path, zone: ZoneInfo, now_us: int) -> Mapping[SubjectKey, str] | None:
        """Return what a file says, or None when it is gone or cannot be read."""
        try:
            seen = path.stat()
        except OSError:
            return None
        key = (person, (str(path), seen.st_mtime_ns, seen.st_size))
        with self._lock:
            if key in self._files:
                return self._files[key]
        words = titles_of([path], person=person, vault=self._vault, zone=zone, now=from_us(now_us))
        if words.vanished:
            return None
        with self._lock:
            self._files[key] = words.by_subject
        return words.by_subject


def _wanted(row: ServedRow, consent_mask: int) -> dict[SubjectKey, Source]:
    keys: dict[SubjectKey, Source] = {}
    if consent_mask >> SOURCE_BIT[Source.TASKS] & 1:
        keys |= {SubjectKey(key): Source.TASKS for key in (*row.tasks.due_keys, *row.tasks.undated_keys)}
    if consent_mask >> SOURCE_BIT[Source.HABITS] & 1:
        keys |= {SubjectKey(key): Source.HABITS for key in row.habits.habit_keys}
    return keys
