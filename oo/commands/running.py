"""Commands that start oO, sign in, and check its health."""

from pathlib import Path
from typing import Annotated

import typer

from oo.ui.output import DEFAULT_PERSON, AsJson, PersonName, emit, note, rows

serve_app = typer.Typer(name="serve", help="Run one process of oO alone.", rich_markup_mode=None)
Port = Annotated[int | None, typer.Option("--port", min=0, max=65_535, help="Port to listen on; 0 picks a free one.")]
Host = Annotated[str | None, typer.Option("--host", help="Address to listen on.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (demo, up, link, doctor):
        app.command()(command)
    app.add_typer(serve_app)


def demo(
    files: Annotated[list[Path] | None, typer.Argument(help="Your own files instead of the example.")] = None,
) -> None:
    """Walk the whole way once, on example data or your own files."""
    from oo.actions.demo import run

    run(files or [])


def up(
    *,
    port: Port = None,
    host: Host = None,
    person: PersonName = DEFAULT_PERSON,
    flows: Annotated[bool, typer.Option(help="Run the scheduled flows beside the page.")] = True,
    nats: Annotated[bool, typer.Option(help="Mirror every event to a bundled nats-server.")] = False,
    prefect_page: Annotated[bool, typer.Option(help="Serve Prefect's page, and say where it is.")] = False,
    as_json: AsJson = False,
) -> None:
    """Start the page, and all behind it, until Ctrl-C.

    That is the API, the stream and the scheduled flows.
    """
    from oo.processes.up import run

    if prefect_page and not flows:
        raise typer.BadParameter("Prefect's page needs the scheduled flows")
    run(port=port, host=host, person=person, flows=flows, nats=nats, prefect_page=prefect_page, as_json=as_json)


def link(
    port: Annotated[int | None, typer.Option(help="The port of `oo up`, when it runs at another than usual.")] = None,
    person: PersonName = DEFAULT_PERSON,
    as_json: AsJson = False,
) -> None:
    """Make a link that signs a browser in.

    It works once, within ten minutes; the QR code is for the phone.
    """
    from data_contracts.identifiers import PersonId
    from oo.runtime import opened
    from oo.ui.sign_in_link import login_url, qr_code

    with opened() as runtime:
        row = runtime.people.named(person)
        settings = runtime.settings if port is None else runtime.settings.model_copy(update={"port": port})
        url = login_url(runtime, PersonId(row.person), settings.url)
    emit({"login_url": url}, url, as_json=as_json)
    if not as_json:
        note(qr_code(url))


def doctor(person: PersonName = DEFAULT_PERSON, as_json: AsJson = False) -> None:
    """Say what is wrong with this home, and what to do.

    Exit 1 when something is.
    """
    from oo.actions.doctor import examine
    from oo.runtime import opened

    with opened() as runtime:
        findings = examine(runtime, person)
    table = rows([("ok" if finding.ok else "NOT OK", finding.part, finding.detail) for finding in findings])
    emit(findings, table, as_json=as_json)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@serve_app.command("api")
def serve_api(port: Port = None, host: Host = None) -> None:
    """Serve the page and the API, with scorer, fold and learner in the same process."""
    from oo.processes.servers import serve_api as run

    run(host=host, port=port)


@serve_app.command("scorer")
def serve_scorer(port: Port = None, host: Host = None) -> None:
    """Serve `POST /score` alone, for clients that send the credential.

    It lies in `keys/scorer.credential` and is sent as `Authorization: Bearer`.
    """
    from oo.processes.servers import serve_scorer as run

    run(host=host, port=port)


@serve_app.command("stream")
def serve_stream(
    port: Port = None,
    host: Host = None,
    share: Annotated[str | None, typer.Option(help="Which part of the people, such as 2/3.")] = None,
) -> None:
    """Fold new events into features, for an api process that does not."""
    from oo.processes.servers import serve_stream as run

    run(host=host, port=port, share=share)


@serve_app.command("nats")
def serve_nats(port: Annotated[int, typer.Option("--port", help="Port that clients know.")] = 4222) -> None:
    """Run the bundled nats-server of this home."""
    from oo.processes.servers import serve_nats as run

    run(port=port)


@serve_app.command("worker")
def serve_worker(
    port: Port = None,
    host: Host = None,
    *,
    prefect_page: Annotated[bool, typer.Option(help="Serve Prefect's page, and say where it is.")] = False,
) -> None:
    """Run the scheduled flows."""
    from oo.processes.servers import serve_worker as run

    run(host=host, port=port, prefect_page=prefect_page)


@serve_app.command("prefect")
def serve_prefect(
    port: Port = None,
    host: Host = None,
    *,
    fd: Annotated[int | None, typer.Option("--fd", help="Listening socket that was inherited.")] = None,
    page: Annotated[bool, typer.Option(help="Serve its page, too.")] = False,
) -> None:
    """Run a Prefect server on this home's schedule database.

    It wants the credential in `keys/prefect.credential`, with the user `oo`.
    """
    from oo.processes.vendor_servers import serve_prefect as run

    run(host=host, port=port, descriptor=fd, page=page)


@serve_app.command("mlflow")
def serve_mlflow(port: Port = None, host: Host = None) -> None:
    """Run MLflow's page and API over this home's registry.

    It wants the credential in `keys/mlflow.credential`, with the user `oo`.
    """
    from oo.processes.vendor_servers import serve_mlflow as run

    run(host=host, port=port)
