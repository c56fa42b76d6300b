"""The command of the multi-class reduction."""

from pathlib import Path
from typing import Annotated

import typer

from oo.ui.output import AsJson, emit


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(reduce)


def reduce(
    *,
    data: Annotated[Path, typer.Option("--data", help="An npz file: X float32 (n, d), y int (n,).")],
    policy: Annotated[str, typer.Option("--policy", help="A name; docs/policies.md says which did best.")] = "regcb",
    seed: Annotated[int, typer.Option(min=0, help="The order of the rounds, and the policy's dice.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Run a classified set as a bandit: choose a label, pay when it is wrong, learn from that alone."""
    from models.reduction.choosing import RULES
    from models.reduction.examples import examples_from
    from models.reduction.run import reduce as run
    from oo.ui.cli_errors import Misused

    if policy not in RULES:
        raise Misused(f"--policy is one of {', '.join(RULES)}, not {policy!r}")
    found = run(examples_from(data), policy, seed)
    told = f"{found.rounds} rounds of {found.actions} actions, {found.seconds:.1f} s"
    emit(found, f"progressive loss {found.progressive_loss:.4f}: {told}", as_json=as_json)
