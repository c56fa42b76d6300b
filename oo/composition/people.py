"""People of a home: found by name, added with a first consent, and their consents."""

import os
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from data_contracts.errors import NotFound
from data_contracts.features import Source
from data_contracts.identifiers import PersonId, new_id, new_person, to_us
from flows.context import OpenedContext
from infra.database.all_tables import PersonRow
from infra.database.people import consents, people
from oo.ui.output import note

LOCALTIME = Path("/etc/localtime")


class People:
    """The people of one home, over its stores."""

    def __init__(self, stores: OpenedContext) -> None:
        self._settings = stores.settings
        self._database = stores.database
        self._clock = stores.clock

    def named(self, name: str, *, erasing: bool = False) -> PersonRow:
        """Return a person by name, with `erasing` also one who is leaving; raises `NotFound` with the remedy."""
        row = self._find(name)
        if row is None or (row.erasing and not erasing):
            raise NotFound(
                f"this home has no person named {name!r} yet; `oo import FILES` or `oo up` adds the first one"
            )
        return row

    def settle_in(self, name: str, zone: str | None = None, role: str = "member") -> PersonRow:
        """Return the person of that name, added with the consent to learn from answers when new."""
        row = self._find(name)
        if row is not None:
            return row
        settings = self._settings
        with self._database.unit_of_work() as uow:
            row = people.create(
                uow,
                person=new_person(),
                name=name,
                zone=zone or system_zone(),
                created_us=to_us(self._clock()),
                role=role,
                quiet_start_min=settings.quiet_start_min,
                quiet_end_min=settings.quiet_end_min,
                budget=settings.budget,
                silence_price=settings.silence_price,
            )
            uow.commit()
        self.consent(PersonId(row.person), Source.TIPS, granted=True, surface="cli: first use")
        return row

    def consent(self, person: PersonId, signal: Source, *, granted: bool, surface: str) -> bool:
        """Record a consent decision and return whether it changed anything."""
        now = self._clock()
        with self._database.unit_of_work() as uow:
            changed = consents.change(
                uow,
                person=person,
                signal=signal,
                granted=granted,
                at_us=to_us(now),
                surface=surface,
                event_id=new_id(now),
            )
            uow.commit()
        return changed

    def undecided(self, person: PersonId) -> set[Source]:
        """Return the signals about which the person has never decided."""
        with self._database.read() as session:
            decided = {row.signal for row in consents.history(session, person)}
        return {source for source in Source if source is not Source.CLOCK and source.value not in decided}

    def _find(self, name: str) -> PersonRow | None:
        with self._database.read() as session:
            return people.find_by_name(session, name)


def system_zone() -> str:
    """Return the IANA name of this machine's zone, or UTC where it has none; says so when TZ is not followed."""
    named = os.environ.get("TZ", "").removeprefix(":").rpartition("zoneinfo/")[2]
    linked = str(LOCALTIME.resolve()).rpartition("zoneinfo/")[2] if LOCALTIME.is_symlink() else ""
    known = available_timezones()
    found = next((name for name in (named, linked) if name in known), "UTC")
    if named not in {"", found}:
        note(f"TZ is no zone such as Europe/Berlin, so yours is taken to be {found}; `oo preferences --zone` sets it")
    return found


def zone_of(row: PersonRow) -> ZoneInfo:
    """Return a person's zone."""
    return ZoneInfo(row.zone)
