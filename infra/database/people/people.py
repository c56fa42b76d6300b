"""People: creates and finds them, and changes what they may change."""

from collections.abc import Collection
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from data_contracts.durations import DAY_MIN
from data_contracts.errors import Conflict, ErasedPerson, Malformed, NotFound
from data_contracts.identifiers import PersonId
from data_contracts.rewards import SILENCE_PRICE
from infra.database.all_tables import PersonRow, TombstoneRow
from infra.database.engine.unit_of_work import UnitOfWork

__all__ = [
    "create",
    "find",
    "find_by_name",
    "get",
    "list_all",
    "present",
    "revoke_sessions",
    "set_preferences",
    "set_role",
]

MAX_NAME = 80
MAX_BUDGET = 24  # unsolicited tips a day
ASKED_AT_ONCE = 500


def create(
    uow: UnitOfWork,
    *,
    person: PersonId,
    name: str,
    zone: str,
    created_us: int,
    role: str = "member",
    quiet_start_min: int = 1_320,
    quiet_end_min: int = 480,
    budget: int = 3,
    silence_price: float = SILENCE_PRICE,
) -> PersonRow:
    """Add a person without any consent.

    Raises `Conflict` when the name or the pseudonym is taken, `ErasedPerson` for a pseudonym that was erased,
    `Malformed` for what the contract does not allow.
    """
    row = PersonRow(
        person=person,
        name=name,
        zone=zone,
        role=role,
        quiet_start_min=quiet_start_min,
        quiet_end_min=quiet_end_min,
        budget=budget,
        silence_price=silence_price,
        consent_mask=0,
        consent_epoch=0,
        session_epoch=0,
        created_us=created_us,
        erasing=False,
        clear_ids=False,
        clear_names=False,
    )
    _check(row)
    if uow.tombstone and uow.session.get(TombstoneRow, uow.tombstone(person)):
        raise ErasedPerson("this person was erased and cannot come back under the same pseudonym")
    taken = select(exists().where((PersonRow.name == name) | (PersonRow.person == person)))
    if uow.session.scalar(taken):
        raise Conflict(f"somebody named {name!r} exists already")
    uow.session.add(row)
    uow.session.flush()
    return row


def find(session: Session, person: PersonId) -> PersonRow | None:
    """Return the person, or None."""
    return session.get(PersonRow, person)


def get(session: Session, person: PersonId) -> PersonRow:
    """Return the person; raises `NotFound`."""
    row = find(session, person)
    if row is None:
        raise NotFound("there is no such person")
    return row


def find_by_name(session: Session, name: str) -> PersonRow | None:
    """Return the person of that name, or None."""
    return session.scalars(select(PersonRow).where(PersonRow.name == name)).one_or_none()


def consent_masks(session: Session) -> dict[PersonId, int]:
    """Return what everybody consents to who is not being erased; bit i grants the source at position i."""
    statement = select(PersonRow.person, PersonRow.consent_mask).where(~PersonRow.erasing)
    return {PersonId(person): mask for person, mask in session.execute(statement)}


def present(session: Session, asked: Collection[PersonId]) -> set[PersonId]:
    """Return those of `asked` who are here and are not being erased."""
    waiting = sorted(asked)
    found: set[PersonId] = set()
    for begin in range(0, len(waiting), ASKED_AT_ONCE):
        some = waiting[begin : begin + ASKED_AT_ONCE]
        statement = select(PersonRow.person).where(PersonRow.person.in_(some), PersonRow.erasing.is_(False))
        found |= {PersonId(person) for person in session.scalars(statement)}
    return found


def list_all(session: Session) -> list[PersonRow]:
    """Return everybody who is not being erased, oldest first."""
    statement = select(PersonRow).where(~PersonRow.erasing).order_by(PersonRow.created_us, PersonRow.person)
    return list(session.scalars(statement))


def set_preferences(
    uow: UnitOfWork,
    *,
    person: PersonId,
    zone: str | None = None,
    quiet_start_min: int | None = None,
    quiet_end_min: int | None = None,
    budget: int | None = None,
    silence_price: float | None = None,
) -> PersonRow:
    """Change what is given and leave the rest; raises `NotFound` and `Malformed`."""
    row = get(uow.session, person)
    row.zone = row.zone if zone is None else zone
    row.quiet_start_min = row.quiet_start_min if quiet_start_min is None else quiet_start_min
    row.quiet_end_min = row.quiet_end_min if quiet_end_min is None else quiet_end_min
    row.budget = row.budget if budget is None else budget
    row.silence_price = row.silence_price if silence_price is None else silence_price
    _check(row)
    uow.session.flush()
    return row


def set_role(uow: UnitOfWork, *, person: PersonId, role: str) -> None:
    """Change what the person may do; sessions opened before end. Raises `NotFound` and `Malformed`."""
    row = get(uow.session, person)
    row.role = role
    _check(row)
    row.session_epoch += 1
    uow.session.flush()


def revoke_sessions(uow: UnitOfWork, *, person: PersonId) -> None:
    """End every session of the person at its next request, on every replica."""
    uow.session.execute(
        update(PersonRow).where(PersonRow.person == person).values(session_epoch=PersonRow.session_epoch + 1)
    )


def _check(row: PersonRow) -> None:
    if not 0 < len(row.name) <= MAX_NAME or row.name != row.name.strip() or not row.name.isprintable():
        raise Malformed(f"a name has 1 to {MAX_NAME} printable characters")
    if row.role not in ("member", "admin"):
        raise Malformed(f"a role is member or admin, not {row.role!r}")
    if not all(0 <= minute < DAY_MIN for minute in (row.quiet_start_min, row.quiet_end_min)):
        raise Malformed("quiet hours are minutes of the local day, 0 to 1439")
    if not 0 <= row.budget <= MAX_BUDGET:
        raise Malformed(f"the budget is 0 to {MAX_BUDGET} tips a day, not {row.budget}")
    try:
        ZoneInfo(row.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Malformed(f"{row.zone!r} is not a time zone, such as Europe/Berlin") from error
