"""One write transaction: no commit means rollback, and recorded events are published only after the commit."""

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Literal, Self

from sqlalchemy.orm import Session

from data_contracts.events.codec import Event
from data_contracts.identifiers import PersonId
from infra.bus import Bus
from infra.database.events import outbox
from infra.fault_injection import crash_point
from infra.keys.audit_key import AuditKey

__all__ = ["Appended", "UnitOfWork"]

Appended = Literal["accepted", "duplicate"]


class UnitOfWork:
    """A state change and its events, committed together or not at all."""

    def __init__(
        self,
        session: Session,
        bus: Bus,
        tombstone: Callable[[PersonId], str] | None = None,
        audit_key: AuditKey | None = None,
    ) -> None:
        self.session = session
        self.tombstone = tombstone
        self.audit_key = audit_key
        self._bus = bus
        self._recorded: list[Event] = []

    def __enter__(self) -> Self:
        """Begin; the database is locked for writing only at the first statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Roll back whatever was not committed."""
        self._recorded.clear()
        self.session.close()

    def record(self, event: Event) -> bool:
        """Add one event of oO itself to this transaction; return false when it was there already."""
        return self.record_all([event]) == ["accepted"]

    def record_all(
        self, events: Sequence[Event], admit: outbox.Admit | None = None, claimed: Mapping[str, str] | None = None
    ) -> list[Appended]:
        """Add events to this transaction, each at most once per person and id.

        Raises `ErasedPerson` and `NotFound` for a person who is gone or never was, and what `admit` raises about a
        person's events; then nothing is added. `claimed` is as in `outbox.insert`.
        """
        accepted = outbox.insert(self.session, events, self.tombstone, admit, claimed)
        self._recorded += [event for event, new in zip(events, accepted, strict=True) if new]
        return ["accepted" if new else "duplicate" for new in accepted]

    def commit(self) -> None:
        """Make the transaction durable, then publish what it recorded."""
        self.session.commit()
        crash_point("after_commit")
        recorded, self._recorded = self._recorded, []
        self._bus.publish(recorded)
