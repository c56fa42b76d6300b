"""Imports files from the command line: asks for consent where it was never decided, then runs the shared import."""

from collections.abc import Iterable
from pathlib import Path

from data_contracts.features import Source
from data_contracts.identifiers import PersonId
from flows.ingest.importing import import_files
from infra.connectors.import_files import ImportReport
from infra.database.all_tables import PersonRow
from oo.runtime import Runtime
from oo.ui.output import note


def import_all(runtime: Runtime, row: PersonRow, files: Iterable[Path]) -> ImportReport:
    """Import the files; handing a file over is the consent to the signals in it, unless it was withdrawn before."""
    person = PersonId(row.person)

    def agree(source: Source) -> bool:
        undecided = source in runtime.people.undecided(person)
        return undecided and runtime.people.consent(person, source, granted=True, surface="cli: import")

    report = import_files(runtime.stores, person, [path.absolute() for path in files], agree=agree)
    if any(refused.rule == "consent_missing" for refused in report.quarantined):
        note("You withdrew a consent that these files need; `oo consent list` shows which.")
    return report
