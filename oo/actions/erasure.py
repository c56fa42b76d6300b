"""Erases a person from every store of a home.

Each step can be repeated. A mark in the home stands from before the first step until after the last one, so whatever
interrupts this, running it again (`oo forget`, or the next `oo up`) finishes it, also when the last row is gone and
only the log files still hold the bytes.
"""

import shutil
from pathlib import Path

from data_contracts.errors import NotFound
from data_contracts.identifiers import PersonId
from feature_repo.history.served_rows import History
from feature_repo.history.snapshots import Snapshots
from infra.database.maintenance import erasure
from infra.storage import files
from oo.processes.mirror import forget_in_mirror
from oo.runtime import Runtime

MARK = "erasure.unfinished"  # empty: it must not say whose
HALF_COPIES = (".backup-*", ".restore-*")  # what a backup or a restore leaves that was killed


def erase(runtime: Runtime, name: str) -> dict[str, int]:
    """Erase a person by name, finish whatever was interrupted before, and return how many rows went.

    Raises `NotFound` when there is neither, `Unavailable` when it must be run again.
    """
    try:
        person = PersonId(runtime.people.named(name, erasing=True).person)
    except NotFound:
        if not mark_of(runtime).exists():
            raise
    else:
        files.replace(mark_of(runtime), b"")
        with runtime.database.unit_of_work() as uow:
            erasure.begin(uow, person)  # reads and writes about the person end here
            uow.commit()
    return {"rows": finish_erasures(runtime)}


def finish_erasures(runtime: Runtime) -> int:
    """Empty every store of everybody whose erasure has begun, and return how many rows went."""
    with runtime.database.read() as session:
        waiting = erasure.unfinished(session)
    if not waiting and not mark_of(runtime).exists():
        return 0
    rows = sum(_erase_person(runtime, person) for person in waiting)
    for pattern in HALF_COPIES:
        for left in runtime.settings.home.glob(pattern):
            shutil.rmtree(left)
    runtime.stores.online.checkpoint()
    erasure.scrub(runtime.database)
    mark_of(runtime).unlink(missing_ok=True)
    return rows


def mark_of(runtime: Runtime) -> Path:
    """Return the file that stands while an erasure is not finished."""
    return runtime.settings.home / MARK


def _erase_person(runtime: Runtime, person: PersonId) -> int:
    """Empty what is derived first, the database and the key last: until then it is known who has to be erased."""
    runtime.stores.stream.drop(person)
    runtime.serving.pools.forget(person)
    runtime.stores.online.delete(person)
    History(runtime.settings.history).forget(person)
    Snapshots(runtime.settings.snapshots).forget(person)
    forget_in_mirror(runtime.settings, person)
    rows = erasure.erase(runtime.database, runtime.vault, person, now_us=runtime.now_us())
    forget_in_mirror(runtime.settings, person)  # a relay may have had some of the rows in its hands
    return rows
