"""Commands that compare and repair derived state: the mirror, features, dead letters."""

from typing import Annotated

import typer

from oo.ui.output import AsJson, emit, rows

mirror_app = typer.Typer(name="mirror", help="The mirror in JetStream.", no_args_is_help=True, rich_markup_mode=None)
features_app = typer.Typer(name="features", help="What is known now.", no_args_is_help=True, rich_markup_mode=None)
letters_app = typer.Typer(
    name="deadletters", help="Messages that could not be read.", no_args_is_help=True, rich_markup_mode=None
)
OnePerson = Annotated[str | None, typer.Option("--person", help="Only this person; by default everybody.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for group in (mirror_app, features_app, letters_app):
        app.add_typer(group)


@mirror_app.command("verify")
def verify_mirror(as_json: AsJson = False) -> None:
    """Compare ids and hashes of table and mirror over the mirror's window; exit 1 when they differ."""
    from oo.actions.repair import verify
    from oo.runtime import opened

    with opened() as runtime:
        counts, sound = verify(runtime)
    emit({**counts, "sound": sound}, rows(list(counts.items())), as_json=as_json)
    if not sound:
        raise typer.Exit(1)


@mirror_app.command("rebuild")
def rebuild_mirror(as_json: AsJson = False) -> None:
    """Empty the mirror and fill it again from the table."""
    from oo.actions.repair import rebuild_mirror as run
    from oo.runtime import opened

    with opened() as runtime:
        count = run(runtime)
    emit({"events": count}, f"{count} events mirrored again", as_json=as_json)


@features_app.command("rebuild")
def rebuild_features(person: OnePerson = None, as_json: AsJson = False) -> None:
    """Make features from events again, compare them with the streamed ones, and mend what differs.

    Where the online features are missing they are made for everybody.
    """
    from data_contracts.identifiers import PersonId
    from flows.stream.state_repair import rebuild
    from infra.database.people import people
    from infra.home.consistency import lacks_online
    from oo.runtime import Runtime

    with Runtime(online=False) as runtime:
        lost = lacks_online(runtime.settings)
        if person is not None and not lost:
            chosen = [runtime.people.named(person)]
        else:
            with runtime.database.read() as session:
                chosen = [row for row in people.list_all(session) if not row.erasing]
        found = {row.name: rebuild(runtime.stores, PersonId(row.person)) for row in chosen}
    data = [{"person": name, **result._asdict()} for name, result in found.items()]
    table = rows(
        [
            (name, f"{result.events} events", "equal" if result.served_equal and not result.wrong_rows else "mended")
            for name, result in found.items()
        ]
    )
    emit(data, table, as_json=as_json)


@features_app.command("restore")
def restore_features(as_json: AsJson = False) -> None:
    """Put back the events that the snapshots have and the table lost, and fold them."""
    from flows.upkeep.snapshots import restore
    from oo.runtime import opened

    with opened() as runtime:
        done = restore(runtime.stores)
    text = f"{done.events} events put back" + (
        f", {done.refused} of people who are gone left out" if done.refused else ""
    )
    emit(done._asdict(), text, as_json=as_json)


@letters_app.command("list")
def list_letters(as_json: AsJson = False) -> None:
    """Show the messages that the stream gave up on; never their content."""
    from infra.database.events import dead_letters
    from oo.runtime import opened

    with opened() as runtime, runtime.database.read() as session:
        standing = dead_letters.standing(session)
    table = rows([(letter.number, letter.reason, f"{letter.size} bytes", letter.digest[:12]) for letter in standing])
    emit([letter._asdict() for letter in standing], table, as_json=as_json)


@letters_app.command("replay")
def replay_letters(as_json: AsJson = False) -> None:
    """Read them from the mirror again, once what hindered them is gone."""
    from oo.actions.repair import replay
    from oo.runtime import opened

    with opened() as runtime:
        result = replay(runtime)
    emit(result._asdict(), f"{result.replayed} taken in, {result.standing} still stand", as_json=as_json)
