"""Flow `ingest_files`: reads everybody's known files again; what changed in them becomes events."""

from pathlib import Path
from typing import NamedTuple

from prefect import flow, task

from data_contracts.identifiers import PersonId, from_us
from flows.context import FlowContext, opened
from flows.ingest.importing import Gate, great_expectations_gate, import_files
from flows.running import RETRIES, publish_run_summary
from infra.connectors.connector import FileRefused
from infra.connectors.import_files import digest_of
from infra.database.people import people, source_files
from infra.database.people.source_files import SourceFile

TIMEOUT_S = 900


class Ingested(NamedTuple):
    """What a run did, in counts."""

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


@task(name="read_known_files", timeout_seconds=TIMEOUT_S, **RETRIES)
def read_known_files() -> Ingested:
    """Do it on the home of this process."""
    with opened() as context:
        return ingest_known_files(context)


@flow(name="ingest_files", timeout_seconds=TIMEOUT_S, persist_result=False)
def ingest_files() -> None:
    """Read known files again."""
    publish_run_summary("ingest_files", read_known_files()._asdict())
