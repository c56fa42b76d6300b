"""Commands of consent, erasure, backup and restore."""

from pathlib import Path
from typing import Annotated

import typer

from oo.ui.output import DEFAULT_PERSON, AsJson, PersonName, emit, note, rows

consent_app = typer.Typer(name="consent", help="What oO may know of you.", no_args_is_help=True, rich_markup_mode=None)
Signal = Annotated[str, typer.Argument(help="tasks, calendar, habits, mood, context or tips")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(consent_app)
    for command in (forget, backup, restore):
        app.command()(command)


@consent_app.command("list")
def list_consents(person: PersonName = DEFAULT_PERSON, as_json: AsJson = False) -> None:
    """Show each signal, whether it is granted, and what for."""
    from data_contracts.features import SOURCES
    from data_contracts.identifiers import PersonId
    from infra.database.people import consents
    from oo.runtime import opened

    with opened() as runtime:
        row = runtime.people.named(person)
        with runtime.database.read() as session:
            state = consents.state(session, PersonId(row.person))
    data = [{"signal": s.value, "granted": granted, "purpose": SOURCES[s].purpose} for s, granted in state.items()]
    table = rows([(entry["signal"], "granted" if entry["granted"] else "-", entry["purpose"]) for entry in data])
    emit(data, table, as_json=as_json)


@consent_app.command("grant")
def grant(signal: Signal, person: PersonName = DEFAULT_PERSON, as_json: AsJson = False) -> None:
    """Let oO read a signal."""
    _change(signal, person, granted=True, as_json=as_json)


@consent_app.command("withdraw")
def withdraw(signal: Signal, person: PersonName = DEFAULT_PERSON, as_json: AsJson = False) -> None:
    """Stop oO from reading a signal, from the next decision on."""
    _change(signal, person, granted=False, as_json=as_json)


def _change(signal: str, name: str, *, granted: bool, as_json: bool) -> None:
    from data_contracts.features import CONSENT_SIGNALS, Source
    from data_contracts.identifiers import PersonId
    from oo.runtime import opened
    from oo.ui.cli_errors import Misused

    if signal not in CONSENT_SIGNALS:
        raise Misused(f"there is no signal {signal!r}; the signals are {', '.join(CONSENT_SIGNALS)}")
    with opened() as runtime:
        row = runtime.people.settle_in(name)
        changed = runtime.people.consent(PersonId(row.person), Source(signal), granted=granted, surface="cli")
    word = "granted" if granted else "withdrawn"
    emit(
        {"signal": signal, "granted": granted, "changed": changed},
        f"{signal}: {word}" + ("" if changed else " already"),
        as_json=as_json,
    )


def forget(
    person: PersonName = DEFAULT_PERSON,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a person from every store, for good."""
    from oo.actions.erasure import erase
    from oo.runtime import opened

    if not yes:
        typer.confirm(f"Erase everything about {person!r}, in every store, for good?", abort=True, err=True)
    with opened() as runtime:
        report = erase(runtime, person)
    emit(report, f"Erased: {report['rows']} rows, the features, the history and the key.", as_json=as_json)


def backup(file: Annotated[Path, typer.Argument(help="The archive to write.")], as_json: AsJson = False) -> None:
    """Write everything but the keys into one archive."""
    from oo.actions.backup import write_backup
    from oo.runtime import opened

    with opened() as runtime:
        report = write_backup(runtime, file)
    note("The keys are not in it: keep a copy of the keys folder elsewhere, or this archive cannot be read.")
    emit(report, f"{file}: {report['files']} files, {report['bytes']} bytes", as_json=as_json)


def restore(
    file: Annotated[Path, typer.Argument(help="An archive that `oo backup` wrote.")],
    without_tombstones: Annotated[
        bool, typer.Option("--without-tombstones", help="Accept that people who were erased may come back.")
    ] = False,
    tombstones_of: Annotated[
        list[Path] | None,
        typer.Option("--tombstones-of", help="A newer archive of the same home: who was erased by then stays erased."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put an archive's content into an empty home; who was erased meanwhile stays erased.

    Put the keys folder of the old home there first: only with its keys can it be told who was erased.
    """
    from oo.actions.backup import restore_backup
    from oo.runtime import Runtime

    with Runtime() as runtime:
        report = restore_backup(runtime, file, tombstones_of or (), without_tombstones=without_tombstones)
    if report["without_key"]:
        note(
            f"{report['without_key']} people had no key here, so their words stay sealed:"
            f" put the keys folder of the old home into {runtime.settings.keys} and restore into an empty home."
        )
    emit(report, f"{report['files']} files restored, {report['erased']} people kept erased", as_json=as_json)
