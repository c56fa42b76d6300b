"""What the tests of connectors share: a keyed hash in place of the vault, and the person's own zone."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from data_contracts.identifiers import PersonId, SubjectKey
from infra.connectors.connector import Parsed, ReadContext, Refused
from infra.connectors.import_files import read_files

Row = Parsed | Refused
ReadAll = Callable[[Path], list[Row]]
GOLDEN = Path(__file__).parent / "golden"


class Keys:
    """A vault of one key."""

    def subject_key(self, person: PersonId, kind: str, native_id: str) -> SubjectKey:
        """Return the keyed hash."""
        text = f"{person}|{kind}|{native_id}"
        return SubjectKey(hmac.new(b"key", text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32])


@pytest.fixture
def vault() -> Keys:
    """Return a vault that every run of the tests knows."""
    return Keys()


@pytest.fixture
def zone() -> ZoneInfo:
    """Return a zone that is never UTC."""
    return ZoneInfo("Europe/Berlin")


@pytest.fixture
def context(person: PersonId, zone: ZoneInfo, now: datetime, vault: Keys) -> ReadContext:
    """Return the context of one import."""
    return ReadContext(person, zone, now, lambda kind, native: vault.subject_key(person, kind, native))


@pytest.fixture
def read_all(person: PersonId, zone: ZoneInfo, now: datetime, vault: Keys) -> ReadAll:
    """Return a reader of all rows of one file."""

    def read(path: Path) -> list[Row]:
        batches = list(read_files([path], person=person, vault=vault, zone=zone, now=now))
        rows: list[Row] = []
        for batch in batches:
            rows += batch.parsed
            rows += batch.refused
        return sorted(rows, key=lambda row: row.line)

    return read
