"""Commands of live experiments: start and end. `oo audit` shows results."""

from typing import Annotated

import typer

from oo.ui.output import AsJson, emit

SHORT = 12
experiment_app = typer.Typer(
    name="experiment",
    help="Let a challenger decide on a share of days, and compare.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.add_typer(experiment_app)


@experiment_app.command("start")
def start(
    digest: Annotated[str, typer.Argument(help="The challenger: a digest of `oo policies` or its beginning.")],
    *,
    share: Annotated[float, typer.Option(help="Of all person-days, at most 0.5.")] = 0.5,
    days: Annotated[int, typer.Option(help="After so many days it ends by itself.")] = 28,
    override: Annotated[str | None, typer.Option(help="Begin against the rules of no harm, with a reason.")] = None,
    as_json: AsJson = False,
) -> None:
    """Begin an experiment: the champion against a challenger that has run in shadow, assigned by person and day."""
    from data_contracts.identifiers import from_us
    from flows.learning.experiments import begin
    from flows.learning.promotion import compare
    from flows.learning.training import open_registry
    from oo.actions.champions import resolve
    from oo.runtime import opened

    with opened() as runtime:
        stores = runtime.stores
        compare(stores)
        challenger = resolve(runtime, digest)
        made = begin(stores, open_registry(stores), challenger, share=share, days=days, actor="cli", override=override)
    until = from_us(made.ends_us).strftime("%Y-%m-%d %H:%M UTC")
    text = f"{made.challenger[:SHORT]} decides on {made.share:.0%} of person-days until {until}; `oo audit` compares"
    emit(made._asdict(), text, as_json=as_json)


@experiment_app.command("end")
def end(
    reason: Annotated[str, typer.Option(help="Why; audited.")] = "by hand",
    as_json: AsJson = False,
) -> None:
    """End the experiment: the champion decides on all days again."""
    from flows.learning.experiments import end as end_experiment
    from oo.runtime import opened

    with opened() as runtime:
        ended = end_experiment(runtime.stores, actor="cli", why=reason)
    emit(ended._asdict(), f"the champion decides on all days again: {ended.ended_why}", as_json=as_json)
