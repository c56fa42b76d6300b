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
from oo.runtime import Household

MARK = "erasure.unfinished"  # empty: it must not say whose
HALF_COPIES = (".backup-*", ".restore-*")  # what a backup or a restore leaves that was killed


def erase(household: Household, name: str) -> dict[str, int]:
    """Erase a person by name, finish whatever was interrupted before, and return how many rows went.

    Raises `NotFound` when there is neither, `Unavailable` when it must be run again.
    """
    try:
        person = PersonId(household.person(name, erasing=True).person)
    except NotFound:
        if not mark_of(household).exists():
            raise
    else:
        files.replace(mark_of(household), b"")
        with household.database.unit_of_work() as uow:
            erasure.begin(uow, person)  # reads and writes about the person end here
            uow.commit()
    return {"rows": finish_erasures(household)}


def finish_erasures(household: Household) -> int:
    """Empty every store of everybody whose erasure has begun, and return how many rows went."""
    with household.database.read() as session:
        waiting = erasure.unfinished(session)
    if not waiting and not mark_of(household).exists():
        return 0
    rows = sum(_erase_person(household, person) for person in waiting)
    for pattern in HALF_COPIES:
        for left in household.settings.home.glob(pattern):
            shutil.rmtree(left)
    household.stores.online.checkpoint()
    erasure.scrub(household.database)
    mark_of(household).unlink(missing_ok=True)
    return rows


def mark_of(household: Household) -> Path:
    """Return the file that stands while an erasure is not finished."""
    return household.settings.home / MARK


def _erase_person(household: Household, person: PersonId) -> int:
    """Empty what is derived first, the database and the key last: until then it is known who has to be erased."""
    household.stores.stream.drop(person)
    household.pools.forget(person)
    household.stores.online.delete(person)
    History(household.settings.history).forget(person)
    Snapshots(household.settings.snapshots).forget(person)
    forget_in_mirror(household.settings, person)
    rows = erasure.erase(household.database, household.vault, person, now_us=household.now_us())
    forget_in_mirror(household.settings, person)  # a relay may have had some of the rows in its hands
    return rows
