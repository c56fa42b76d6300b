"""Learning reports: totals, and people without names; a flow writes them and the API reads them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from data_contracts.identifiers import from_us, new_id
from infra.database.all_tables import LearningReportRow
from infra.database.engine.unit_of_work import UnitOfWork

__all__ = ["Report", "add", "newest"]


class Report(NamedTuple):
    """One audit, in JSON's types."""

    at_us: int
    body: dict[str, Any]


def add(uow: UnitOfWork, *, at_us: int, body: Mapping[str, Any]) -> None:
    """Keep a report."""
    uow.session.add(LearningReportRow(id=new_id(from_us(at_us)), at_us=at_us, body=dict(body)))
    uow.session.flush()


def newest(session: Session) -> Report | None:
    """Return the newest report, if there was any audit."""
    statement = select(LearningReportRow).order_by(LearningReportRow.at_us.desc(), LearningReportRow.id.desc()).limit(1)
    row = session.scalars(statement).one_or_none()
    return None if row is None else Report(row.at_us, row.body)
