"""Commands of a person's day: log a signal, ask for a tip, preview a day, react."""

from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from oo.ui.output import DEFAULT_PERSON, AsJson, PersonName, emit, note, rows

log_app = typer.Typer(name="log", help="Tell oO how you are.", no_args_is_help=True, rich_markup_mode=None)
Instant = Annotated[str | None, typer.Option("--at", help="An instant with zone, such as 2026-11-25T10:40+01:00.")]
Level = Annotated[int, typer.Argument(help="1 (low) to 5 (high)", min=1, max=5)]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("import")(import_files)
    app.add_typer(log_app)
    for command in (tip, today, react, why, preferences):
        app.command()(command)


def import_files(
    files: Annotated[list[Path], typer.Argument(help="Calendars, task lists, habits, mood, context.")],
    zone: Annotated[str | None, typer.Option(help="Your time zone, when you are new here.")] = None,
    person: PersonName = DEFAULT_PERSON,
    as_json: AsJson = False,
) -> None:
    """Read files: calendars, tasks, habits, mood, context.

    The sound part is kept, the rest is named by file, line and rule.
    """
    from oo.actions.importing import import_all
    from oo.runtime import opened

    with opened() as runtime:
        report = import_all(runtime, runtime.people.settle_in(person, zone), files)
    for refused in report.quarantined:
        note(refused.message)
    if report.skipped:
        note("left out: " + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in report.skipped.items()))
    text = f"{report.accepted} accepted, {report.duplicates} known already, {len(report.quarantined)} quarantined"
    emit(report.as_json(), text, as_json=as_json)
    if report.quarantined and not report.accepted and not report.duplicates:
        raise typer.Exit(1)


@log_app.command("mood")
def log_mood(
    mood: Level,
    energy: Annotated[int | None, typer.Option(min=1, max=5, help="1 (low) to 5 (high)")] = None,
    person: PersonName = DEFAULT_PERSON,
    as_json: AsJson = False,
) -> None:
    """Report your mood, and your energy if you like."""
    data: dict[str, object] = {"mood": mood}
    if energy is not None:
        data["energy"] = energy
    _log("mood_reported", data, person, as_json=as_json)


@log_app.command("habit")
def log_habit(
    habit: Annotated[str, typer.Argument(help="Its name, such as run.")],
    person: PersonName = DEFAULT_PERSON,
    as_json: AsJson = False,
) -> None:
    """Note that you did a habit just now."""
    _log("habit_logged", {"habit": habit}, person, as_json=as_json)


@log_app.command("context")
def log_context(
    device: Annotated[str | None, typer.Option(help="phone, desktop, tablet or watch")] = None,
    place: Annotated[str | None, typer.Option(help="home, work or out")] = None,
    focus: Annotated[bool | None, typer.Option(help="Whether focus mode is on.")] = None,
    person: PersonName = DEFAULT_PERSON,
    as_json: AsJson = False,
) -> None:
    """Note where you are, what you hold, whether you want to be left alone."""
    given = {"device": device, "place": place, "focus": focus}
    _log("context_observed", {key: value for key, value in given.items() if value is not None}, person, as_json=as_json)


def _log(kind: str, data: dict[str, object], name: str, *, as_json: bool) -> None:
    from oo.actions.log_signal import log_signal
    from oo.runtime import opened

    with opened() as runtime:
        verdict = log_signal(runtime, runtime.people.settle_in(name), kind, data)
    emit(verdict, f"{kind.replace('_', ' ')}: {verdict.status.value}", as_json=as_json)


def tip(at: Instant = None, person: PersonName = DEFAULT_PERSON, as_json: AsJson = False) -> None:
    """Give the one tip of this moment, or say why there is none.

    No server is needed.
    """
    from oo.actions.tip import one_tip
    from oo.runtime import at_instant

    with at_instant(at) as runtime:
        answer = one_tip(runtime, runtime.people.named(person))
    if answer.fallback is not None:
        note(f"(without a policy of its own: {answer.fallback.replace('_', ' ')}; `oo doctor` says more)")
    if answer.tip is None:
        emit(answer, f"(silence: {answer.reason.replace('_', ' ')})", as_json=as_json)
        return
    emit(answer, answer.tip.text, as_json=as_json)
    if not as_json:
        note(f"{answer.tip.why} {answer.tip.why_now}\nAnswer: oo react done | not_now | not_for_me")


def today(
    date: Annotated[str | None, typer.Option("--date", help="A local day, such as 2026-11-25.")] = None,
    person: PersonName = DEFAULT_PERSON,
    as_json: AsJson = False,
) -> None:
    """Walk through a day: when oO would speak, and what.

    In steps of 15 minutes, without logging.
    """
    from oo.actions.tip import walk_day
    from oo.runtime import opened

    with opened() as runtime:
        steps = walk_day(runtime, runtime.people.named(person), date)
    spans = groupby(
        steps, key=lambda step: (step.tip.text if step.tip and step.speaks else "·", step.reason.replace("_", " "))
    )
    table = rows([(next(same).at.strftime("%H:%M"), *said) for said, same in spans])
    emit(steps, table, as_json=as_json)


def react(
    kind: Annotated[str, typer.Argument(help="done, not_now or not_for_me")],
    decision: Annotated[str | None, typer.Argument(help="A decision's id; default: the newest tip.")] = None,
    person: PersonName = DEFAULT_PERSON,
    as_json: AsJson = False,
) -> None:
    """Answer a tip, by default the newest."""
    from oo.actions.tip import answer
    from oo.runtime import opened

    with opened() as runtime:
        result = answer(runtime, runtime.people.named(person), kind, decision)
    text = f"reward {result.reward}, posterior version {result.posterior_version}"
    emit(result, text if result.applied else f"known already; {text}", as_json=as_json)


def why(
    decision: Annotated[str | None, typer.Argument(help="A decision's id; default: the newest.")] = None,
    person: PersonName = DEFAULT_PERSON,
    as_json: AsJson = False,
) -> None:
    """Show why: a decision's receipt.

    Its probability, and what each feature added to its score.
    """
    from oo.actions.tip import receipt_of
    from oo.runtime import opened

    with opened() as runtime:
        receipt = receipt_of(runtime, runtime.people.named(person), decision)
    told = sorted(receipt.features, key=lambda feature: -abs(feature.contribution))
    table = rows([(f.name, f"{f.contribution:+.4f}", f"{f.value:g}", "masked" if f.masked else f.source) for f in told])
    head = f"probability {receipt.probability:.4f}{', explored' if receipt.explored else ''}"
    emit(receipt, "\n".join((head, table, *receipt.left_out)), as_json=as_json)


def preferences(
    zone: Annotated[str | None, typer.Option(help="Time zone, such as Europe/Berlin.")] = None,
    quiet: Annotated[str | None, typer.Option(help="Quiet hours, such as 22:00-08:00; 00:00-00:00 for none.")] = None,
    budget: Annotated[int | None, typer.Option(help="How many tips a day may interrupt.")] = None,
    person: PersonName = DEFAULT_PERSON,
    as_json: AsJson = False,
) -> None:
    """Show when oO may speak, and change it."""
    from data_contracts.clock_face import clock_face, minute_at
    from data_contracts.identifiers import PersonId
    from infra.database.people import people
    from oo.runtime import opened
    from oo.ui.cli_errors import Misused

    begin, dash, end = (quiet or "").partition("-")
    if quiet is not None and not dash:
        raise Misused(f"--quiet takes two times of the day, such as 22:00-08:00, not {quiet!r}")
    with opened() as runtime, runtime.database.unit_of_work() as uow:
        row = people.set_preferences(
            uow,
            person=PersonId(runtime.people.named(person).person),
            zone=zone,
            quiet_start_min=minute_at(begin) if quiet else None,
            quiet_end_min=minute_at(end) if quiet else None,
            budget=budget,
        )
        uow.commit()
        known = {
            "zone": row.zone,
            "quiet": f"{clock_face(row.quiet_start_min)}-{clock_face(row.quiet_end_min)}",
            "budget": row.budget,
        }
    emit(known, rows(list(known.items())), as_json=as_json)
