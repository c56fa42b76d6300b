"""Commands of the audit log: show and verify."""

from typing import Annotated

import typer

from oo.ui.output import AsJson, emit, rows

audit_log_app = typer.Typer(name="audit-log", help="Who changed what.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(audit_log_app)


@audit_log_app.command("verify")
def verify_log(as_json: AsJson = False) -> None:
    """Name entries that were edited, deleted, inserted or cut off since they were written; exit 1 if there are any."""
    from infra.database.audit.audit_verification import verify
    from infra.home.audit_anchors import Anchors
    from oo.runtime import opened

    with opened() as runtime:
        key = runtime.vault.audit_key
        report = verify(runtime.database, key, Anchors(runtime.settings.audit, key))
    data = {
        "sound": report.sound,
        "entries": report.entries,
        "newest": report.last,
        "adopted": report.adopted,
        "anchored": report.anchored,
        "findings": report.findings,
    }
    table = [(each.harm, each.sequence or "", each.entry or "", each.says) for each in report.findings]
    total = f"{report.entries} entries as they were written, anchored up to entry {report.anchored}"
    emit(data, rows(table) if table else total, as_json=as_json)
    if not report.sound:
        raise typer.Exit(1)


@audit_log_app.command("show")
def show_log(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest first.")] = 50,
    action: Annotated[str | None, typer.Option(help="Only this action, such as person_erased.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the newest entries."""
    from data_contracts.identifiers import from_us
    from infra.database.audit.audit_log import newest
    from oo.runtime import opened

    with opened() as runtime, runtime.database.read() as session:
        found = newest(session, limit, action)
    names = ("sequence", "id", "actor", "action", "detail")
    data = [{"at": from_us(row.at_us), **{name: getattr(row, name) for name in names}} for row in found]
    table = rows([(f"{from_us(row.at_us):%Y-%m-%d %H:%M}", row.sequence, row.actor, row.action) for row in found])
    emit(data, table or "no entry yet", as_json=as_json)
