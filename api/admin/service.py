"""Totals and health, read from the database and the adapters."""

from api.accounts.session_store import Session, SessionStore
from api.admin.schemas import CheckOut, HealthOut, LearningOut, OverrideOut, StatsOut
from api.metrics import Metrics
from api.services import Services
from data_contracts.errors import NotFound
from data_contracts.identifiers import from_us, to_us
from infra.database.audit import audit_log
from infra.database.maintenance.totals import totals as count_totals
from infra.database.policies import learning_reports, policies
from infra.prober import Probe


def stats(*, services: Services, metrics: Metrics) -> StatsOut:
    """Return the totals of one snapshot; fallbacks are those of this process since its start."""
    with services.database.read() as session:
        totals = count_totals(session)
        champion = policies.champion(session)
    decisions = totals.spoken + totals.silent
    return StatsOut(
        people=totals.people,
        events=totals.events,
        quarantined=totals.quarantined,
        decisions=decisions,
        shown=totals.shown,
        silence_rate=totals.silent / decisions if decisions else None,
        reactions=totals.reactions,
        fallbacks=metrics.fallbacks(),
        champion_digest=champion.digest,
        posterior_versions=totals.updates,
        overrides=totals.overrides,
    )


def health(*, services: Services, override: Probe) -> HealthOut:
    """Say how every adapter was when it was last probed, and name a promotion that was forced."""
    report = services.health.report()
    checks = [CheckOut.model_validate(check._asdict()) for check in report.checks]
    # A database that is down is named by its own ping; it must not take the whole report with it.
    return HealthOut(status=report.status, checks=checks, override=override.value)


def note_read(*, services: Services, caller: Session, action: str) -> None:
    """Add an audit entry: an administrator reads what is about single people."""
    who = {} if caller.person is None else {"tombstone": services.vault.tombstone(caller.person)}
    with services.database.unit_of_work() as uow:
        audit_log.append(uow, at_us=to_us(services.clock()), actor="admin", action=action, detail=who)
        uow.commit()


def is_admin(sessions: SessionStore, sid: str) -> bool:
    """Whether this session still is an administrator's, as the database has it now."""
    caller = sessions.load(sid)
    return caller is not None and caller.role == "admin"


def forced_promotion(services: Services) -> OverrideOut | None:
    """Return the promotion of the champion when somebody forced it."""
    with services.database.read() as session:
        champion = policies.champion(session)
    if champion.override_reason is None:
        return None
    return OverrideOut(reason=champion.override_reason, since=from_us(champion.changed_us))


def learning(*, services: Services) -> LearningOut:
    """Return the newest audit as the flow stored it; raises `NotFound` before the first one."""
    with services.database.read() as session:
        report = learning_reports.newest(session)
    if report is None:
        raise NotFound("there is no learning report yet; the worker writes one each day, `oo audit` at once")
    return LearningOut(at=from_us(report.at_us), **report.body)
