"""Experiments: a challenger decides on a share of person-days; one at a time, with an audit entry.

An experiment ends by command, at its date, or because the champion that it was begun against left the slot.
"""

from typing import NamedTuple

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from data_contracts.errors import Conflict
from data_contracts.identifiers import PolicyDigest
from infra.database.all_tables import ChampionSlotRow, ExperimentRow
from infra.database.audit import audit_log
from infra.database.engine.unit_of_work import UnitOfWork
from infra.database.policies.policies import SLOT

__all__ = ["BY_DATE", "Experiment", "begin", "end", "newest", "running"]

BY_DATE = "its date came"


class Experiment(NamedTuple):
    """Who decides on which share of person-days, since when and until when; `ended_us` is None while it runs."""

    id: str
    champion: PolicyDigest
    challenger: PolicyDigest
    share: float
    began_us: int
    ends_us: int
    ended_us: int | None = None
    ended_why: str | None = None


def running(session: Session, now_us: int) -> Experiment | None:
    """Return the experiment that runs at this instant."""
    row = session.scalars(_unended()).one_or_none()
    return None if row is None or not row.began_us <= now_us < row.ends_us else _experiment(row)


def newest(session: Session) -> Experiment | None:
    """Return the experiment that began last, whether it runs or not."""
    statement = select(ExperimentRow).order_by(ExperimentRow.began_us.desc(), ExperimentRow.id.desc()).limit(1)
    row = session.scalars(statement).one_or_none()
    return None if row is None else _experiment(row)


def begin(uow: UnitOfWork, wanted: Experiment, *, actor: str, override_reason: str | None = None) -> None:
    """Begin an experiment; raises `Conflict` when one runs, or its champion is not the one in the slot any more."""
    slot = uow.session.scalars(select(ChampionSlotRow).where(ChampionSlotRow.slot == SLOT).with_for_update()).one()
    end(uow, at_us=wanted.began_us, why=BY_DATE, actor=actor, only_due=True)
    if uow.session.scalars(_unended()).one_or_none() is not None:
        raise Conflict("an experiment runs already; `oo experiment end` ends it")
    if slot.digest != wanted.champion:
        raise Conflict("somebody else changed the champion meanwhile; look at the new one first")
    uow.session.add(ExperimentRow(slot=SLOT, **wanted._asdict()))
    detail = {**wanted._asdict(), "override_reason": override_reason}
    audit_log.append(uow, at_us=wanted.began_us, actor=actor, action="experiment_began", detail=detail)


def end(uow: UnitOfWork, *, at_us: int, why: str, actor: str, only_due: bool = False) -> Experiment | None:
    """End what runs, with `only_due` only when its date has come; return what ended."""
    row = uow.session.scalars(_unended().with_for_update()).one_or_none()
    if row is None or (only_due and at_us < row.ends_us):
        return None
    row.ended_us, row.ended_why = (at_us, why) if at_us < row.ends_us else (row.ends_us, BY_DATE)
    detail = {"id": row.id, "why": row.ended_why}
    audit_log.append(uow, at_us=at_us, actor=actor, action="experiment_ended", detail=detail)
    return _experiment(row)


def _unended() -> Select[ExperimentRow]:
    return select(ExperimentRow).where(ExperimentRow.slot == SLOT, ExperimentRow.ended_us.is_(None))


def _experiment(row: ExperimentRow) -> Experiment:
    return Experiment(*(getattr(row, name) for name in Experiment._fields))
