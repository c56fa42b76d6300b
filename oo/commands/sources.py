"""Commands of push sources: add, list, rotate, revoke."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oo.ui.output import DEFAULT_PERSON, AsJson, PersonName, emit, note, rows

if TYPE_CHECKING:
    from infra.database.engine.unit_of_work import UnitOfWork
    from oo.runtime import Runtime

sources_app = typer.Typer(
    name="sources", help="Devices and webhooks that may push.", no_args_is_help=True, rich_markup_mode=None
)
Name = Annotated[str, typer.Argument(help="The `source` that its signals bear.")]
ACTOR = "cli"


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(sources_app)


@sources_app.command("add")
def add(
    name: Name,
    kinds: Annotated[list[str], typer.Option("--kind", help="A kind of signal that it may bring; several times.")],
    webhook: Annotated[bool, typer.Option("--webhook", help="It signs what it sends, and has no token.")] = False,
    person: PersonName = DEFAULT_PERSON,
    as_json: AsJson = False,
) -> None:
    """Let a device or a webhook push; its credential is shown this once."""
    from data_contracts.identifiers import PersonId
    from data_contracts.signals.kinds import SIGNALS
    from infra.database.push_sources import push_sources
    from infra.database.push_sources.push_sources import Form
    from oo.runtime import opened
    from oo.ui.cli_errors import Misused

    if not SIGNALS.keys() >= set(kinds):
        raise Misused(f"the kinds of signals are {', '.join(SIGNALS)}")
    with opened() as runtime:
        row = runtime.people.settle_in(person)
        with runtime.database.unit_of_work() as uow:
            minted = push_sources.add(
                uow,
                runtime.vault,
                person=PersonId(row.person),
                name=name,
                form=Form.WEBHOOK if webhook else Form.TOKEN,
                kinds=kinds,
                actor=ACTOR,
                now_us=runtime.now_us(),
            )
            uow.commit()
        url = runtime.settings.url + push_sources.path_of(minted.source)
    _show(name, url, minted.credential, as_json=as_json)


@sources_app.command("list")
def list_sources(person: PersonName = DEFAULT_PERSON, as_json: AsJson = False) -> None:
    """Show what may push, what it may bring, and when it was last in use."""
    from data_contracts.identifiers import PersonId, from_us
    from infra.database.push_sources import push_sources
    from oo.runtime import opened

    with opened() as runtime:
        row = runtime.people.named(person)
        with runtime.database.read() as session:
            found = push_sources.list_for(session, runtime.vault, PersonId(row.person))
        url = runtime.settings.url
    data = [
        {
            "name": source.name,
            "form": source.form.value,
            "kinds": source.kinds,
            "push_url": url + push_sources.path_of(source),
            "seen_at": None if source.seen_us is None else from_us(source.seen_us),
        }
        for source in found
    ]
    lines = [
        (one["name"], one["form"], " ".join(source.kinds), one["seen_at"] or "never seen")
        for one, source in zip(data, found, strict=True)
    ]
    emit(data, rows(lines), as_json=as_json)


@sources_app.command("rotate")
def rotate(name: Name, person: PersonName = DEFAULT_PERSON, as_json: AsJson = False) -> None:
    """Mint a new credential; the old one works for one more day."""
    from infra.database.push_sources import push_sources

    with _changing(person) as (runtime, uow, change):
        minted = push_sources.rotate(uow, runtime.vault, name=name, **change)
        url = runtime.settings.url + push_sources.path_of(minted.source)
    _show(name, url, minted.credential, as_json=as_json)


@sources_app.command("revoke")
def revoke(name: Name, person: PersonName = DEFAULT_PERSON, as_json: AsJson = False) -> None:
    """End a source at its next push."""
    from infra.database.push_sources import push_sources

    with _changing(person) as (runtime, uow, change):
        push_sources.revoke(uow, runtime.vault, name=name, **change)
    emit({"name": name, "revoked": True}, f"{name}: revoked", as_json=as_json)


@contextmanager
def _changing(person: str) -> Iterator[tuple["Runtime", "UnitOfWork", dict[str, Any]]]:
    """Give what each change of a source takes, and commit at the end."""
    from data_contracts.identifiers import PersonId
    from oo.runtime import opened

    with opened() as runtime:
        row = runtime.people.named(person)
        with runtime.database.unit_of_work() as uow:
            yield runtime, uow, {"person": PersonId(row.person), "actor": ACTOR, "now_us": runtime.now_us()}
            uow.commit()


def _show(name: str, url: str, credential: str, *, as_json: bool) -> None:
    """Print the credential, the only time that it can be."""
    if not as_json:
        note(f"{name} pushes to {url} with this credential, which cannot be shown again:")
    emit({"name": name, "push_url": url, "credential": credential}, credential, as_json=as_json)
