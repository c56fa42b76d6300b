"""Verifies the audit log, and names entries that were edited, deleted, inserted or cut off."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from data_contracts.identifiers import from_us
from infra.database.all_tables import AuditChainRow, AuditRow
from infra.database.audit import audit_chain
from infra.database.audit.audit_chain import entry_mac, state_seal
from infra.database.engine.database import Database
from infra.home.audit_anchors import Anchor, Anchors, Kind, Line
from infra.keys.audit_key import AuditKey

__all__ = ["Finding", "Harm", "Report", "anchor", "anchor_restored", "verify"]

Harm = Literal["edited", "deleted", "inserted", "renumbered", "cut_tail", "begun_anew", "state", "anchor"]
BATCH = 500
SEARCH = 64  # how far an entry is looked for from where it should be


class Finding(NamedTuple):
    """One thing that is not as it was written; `sequence` and `entry` are given where they are known."""

    harm: Harm
    says: str
    sequence: int | None = None
    entry: str | None = None


@dataclass(slots=True)
class Report:
    """What a verification saw: how many entries, the newest, those from before the chain, and what is wrong."""

    entries: int = 0
    last: int = 0
    adopted: int = 0
    anchored: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def verify(database: Database, key: AuditKey, anchors: Anchors) -> Report:
    """Return what is wrong with the audit log of a database; raises `DamagedStore` when its key is missing.

    *Limits.* Entries from before the chain are protected from its beginning on. A tail that was cut off together with
    the newest anchors is not noticed, unless the file of anchors was copied elsewhere.
    """
    earlier = anchors.read()  # before the snapshot: an anchor must not be newer than what it is held against
    with database.read() as session:
        state = session.scalars(select(AuditChainRow)).one_or_none()
        if state is None:
            return _without_chain(session, earlier)
        walk = _Walk(key, state)
        for row in session.scalars(select(AuditRow).order_by(AuditRow.sequence).execution_options(yield_per=BATCH)):
            walk.take(row)
    report = walk.finish()
    report.findings += _against_anchors(state, walk.macs, earlier)
    known = [line.anchor for line in anchors.read()]
    if None not in known and state.anchored > max((each.sequence for each in known if each), default=0):
        report.findings.append(Finding("anchor", f"no anchor names entry {state.anchored}, which was anchored"))
    return report


def anchor(database: Database, key: AuditKey, anchors: Anchors, *, now_us: int) -> Report:
    """Verify, and note the newest entry outside the database when nothing is wrong and it is not noted yet."""
    report = verify(database, key, anchors)
    if not report.sound or report.anchored >= report.last:
        return report
    report.anchored = _note(database, anchors, "head", now_us)
    return report


def anchor_restored(database: Database, anchors: Anchors, *, now_us: int) -> None:
    """Note that a backup took the place of the log: entries that were anchored behind it were given up on purpose.

    Anchors that were made with another key are set aside; nothing here can be held against them.
    """
    lines = anchors.read()
    if lines and not any(line.anchor for line in lines):
        anchors.set_aside(now_us)
    _note(database, anchors, "restored", now_us)


def _note(database: Database, anchors: Anchors, kind: Kind, now_us: int) -> int:
    with database.unit_of_work() as uow:
        state = audit_chain.lock(uow, at_us=now_us)
        anchors.append(Anchor(kind, now_us, state.chain, state.sequence, state.mac))
        state.anchored = state.sequence
        audit_chain.store(uow, state)
        uow.commit()
    return state.anchored


class _Walk:
    """One pass over the rows; the MAC of an entry tells its true place, whatever number it bears now."""

    def __init__(self, key: AuditKey, state: AuditChainRow) -> None:
        self._key, self._state = key, state
        self._report = Report(adopted=state.adopted, anchored=state.anchored)
        self._place, self._mac = state.base_sequence, state.base_mac  # of the last entry that is as it was written
        self._odd: list[AuditRow] = []  # rows behind it that are not
        self.macs = {state.base_sequence: state.base_mac}
        if state.seal != state_seal(key, state):
            self._note("state", "the state of the chain was changed by hand")

    def take(self, row: AuditRow) -> None:
        """Judge one row, in the order of the numbers that they bear."""
        self._report.entries += 1
        if row.sequence is None:
            self._note("inserted", "it has no place in the chain", row)
            return
        place = self._true_place(row, row.sequence)
        if place is None:
            self._odd.append(row)
        elif place <= self._place:
            self._note("inserted", f"it was entry {place}, which has expired or is there already", row)
        else:
            follows = place > self._place + 1 or row.previous == self._mac
            self._close_gap(place, "deleted")
            if not follows:
                self._note("edited", "it does not follow the entry before it", row)
            if place != row.sequence:
                self._note("renumbered", f"it was written as entry {place}", row)
            self._place, self._mac = place, row.mac or ""
            self.macs[place] = self._mac

    def finish(self) -> Report:
        """Compare the end with the state of the chain, and return the report."""
        if self._place > self._state.sequence:
            self._note("state", f"the state names entry {self._state.sequence} as the newest, {self._place} is there")
        self._close_gap(max(self._state.sequence, self._place) + 1, "cut_tail")
        self._report.last = self._place
        return self._report

    def _true_place(self, row: AuditRow, sequence: int) -> int | None:
        near = range(self._place + 1, self._place + SEARCH)
        return next((n for n in (sequence, *near) if row.mac == entry_mac(self._key, row, n)), None)

    def _close_gap(self, place: int, harm: Harm) -> None:
        """Name what happened between the last sound entry and the one at `place`."""
        missing = dict.fromkeys(range(self._place + 1, place))
        for row in self._odd:
            if row.sequence in missing:
                del missing[row.sequence]
                self._note("edited", "it is not what was written", row)
            else:
                self._note("inserted", "it was never written by oO", row)
        self._odd = []
        if missing:
            names = sorted(missing)
            span = f"entry {names[0]} is" if len(names) == 1 else f"entries {names[0]} to {names[-1]} are"
            self._report.findings.append(Finding(harm, f"{span} missing", names[0]))

    def _note(self, harm: Harm, says: str, row: AuditRow | None = None) -> None:
        number, entry = (None, None) if row is None else (row.sequence, row.id)
        self._report.findings.append(Finding(harm, says, number, entry))


def _without_chain(session: Session, lines: Sequence[Line]) -> Report:
    """Judge a log that has no chain yet, which is sound only where none was ever anchored."""
    report = Report(entries=session.scalar(select(func.count()).select_from(AuditRow)) or 0)
    if lines:
        report.findings.append(Finding("state", "the chain is gone, although it was anchored"))
    return report


def _against_anchors(state: AuditChainRow, macs: Mapping[int, str], lines: Sequence[Line]) -> list[Finding]:
    """Hold the entries against the anchors; what a restore gave up is asked for no more."""
    wrong = [
        Finding("anchor", f"line {line.number} was changed, or one before it is missing")
        for line in lines
        if not line.anchor
    ]
    known: list[Anchor] = []
    for line in lines:
        if line.anchor is not None:
            known = [line.anchor] if line.anchor.kind == "restored" else [*known, line.anchor]
    for each in known:
        day, last = f"{from_us(each.at_us):%Y-%m-%d}", max(macs)
        if each.chain != state.chain:
            wrong.append(Finding("begun_anew", f"the anchor of {day} belongs to a chain that is gone"))
        elif each.sequence > last:
            wrong.append(
                Finding(
                    "cut_tail",
                    f"the anchor of {day} names entry {each.sequence}, the last one is {last}",
                    each.sequence,
                )
            )
        elif macs.get(each.sequence, each.mac) != each.mac:
            wrong.append(
                Finding("anchor", f"entry {each.sequence} is not the one that was anchored on {day}", each.sequence)
            )
    return wrong
