"""Commands of policies: train, promote, list, replay."""

from typing import Annotated

import typer

from oo.ui.output import DEFAULT_PERSON, AsJson, PersonName, emit, rows

SHORT = 12


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (train, promote, policies, sign, replay):
        app.command()(command)


def train(
    policy: Annotated[str, typer.Option(help="How it will choose: a name of docs/policies.md.")] = "linear_thompson",
    as_json: AsJson = False,
) -> None:
    """Train a challenger from everything decided so far and register it; the simulated warm start is its prior."""
    from flows.learning.training import open_registry, retrain
    from models.policies import POLICIES
    from oo.runtime import opened
    from oo.ui.cli_errors import Misused

    if policy not in POLICIES:
        raise Misused(f"--policy is one of {', '.join(POLICIES)}, not {policy!r}")
    with opened() as runtime:
        stores = runtime.stores
        made = retrain(stores, open_registry(stores), runtime.clock(), actor="cli", policy=policy)
    word = "registered as" if made.new else "known already as"
    counted = f"{made.live_rows} live and {made.simulated_rows} simulated rows"
    text = f"{made.digest[:SHORT]} {word} version {made.version}: {counted}"
    emit(made._asdict(), text, as_json=as_json)


def promote(
    digest: Annotated[
        str | None, typer.Argument(help="A digest or its beginning; default: the newest in shadow.")
    ] = None,
    bootstrap: Annotated[bool, typer.Option("--bootstrap", help="For the very first champion only.")] = False,
    override: Annotated[str | None, typer.Option(help="Promote against the verdict, with a reason; audited.")] = None,
    as_json: AsJson = False,
) -> None:
    """Let challengers see what was decided, ask the gate, and make a policy the champion when it allows it."""
    from data_contracts.errors import PromotionRefused
    from flows.learning.champion_swap import reconcile
    from flows.learning.promotion import compare
    from flows.learning.promotion import promote as promote_policy
    from flows.learning.training import open_registry
    from oo.actions.champions import resolve
    from oo.runtime import opened

    with opened() as runtime:
        stores, registry = runtime.stores, open_registry(runtime.stores)
        reconcile(stores, registry)
        compare(stores)
        wanted = None if digest is None else resolve(runtime, digest)
        try:
            made = promote_policy(stores, registry, wanted, actor="cli", bootstrap=bootstrap, override=override)
        except PromotionRefused as refused:
            if not as_json:
                raise
            numbers = {"value": refused.value, "bound": refused.bound, "reason": refused.reason}
            emit({"verdict": "keep", "failing": refused.rule, **numbers}, "", as_json=True)
            raise typer.Exit(1) from refused
    emit(
        made._asdict(),
        f"{made.digest[:SHORT]} is the champion, revision {made.revision}: {made.reason}",
        as_json=as_json,
    )


def policies(as_json: AsJson = False) -> None:
    """List the registered policies, newest first."""
    from infra.database.policies.policies import list_all
    from oo.runtime import opened

    with opened() as runtime, runtime.database.read() as session:
        found = list_all(session)
    data = [
        {"digest": p.digest, "name": p.name, "version": p.registry_version, "stage": p.stage, "metrics": p.metrics}
        for p in found
    ]
    table = rows([(p.digest[:SHORT], p.stage, p.name, f"version {p.registry_version}") for p in found])
    emit(data, table or "no policy yet; `oo train`", as_json=as_json)


def sign(
    digest: Annotated[str, typer.Argument(help="A digest or its beginning.")],
    reason: Annotated[str, typer.Option(help="Why it is trusted; audited.")],
    as_json: AsJson = False,
) -> None:
    """Put this home's signature under a registered policy that it has not signed: after a restore, or a new key."""
    from oo.actions.champions import resolve, trust
    from oo.runtime import opened

    with opened() as runtime:
        name = trust(runtime, resolve(runtime, digest), reason)
    emit({"digest": name}, f"{name[:SHORT]} is signed: {reason}", as_json=as_json)


def replay(
    decision: Annotated[str | None, typer.Argument(help="One decision; default: all of the person.")] = None,
    *,
    verify: Annotated[bool, typer.Option("--verify", help="Exit 1 unless every replay is equal.")] = False,
    policy: Annotated[str | None, typer.Option(help="What this policy would have said: a name or a digest.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="With --policy: the first instant, with zone.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="With --policy: the instant to stop before.")] = None,
    person: PersonName = DEFAULT_PERSON,
    as_json: AsJson = False,
) -> None:
    """Make logged decisions again from the log alone, and compare; with --policy, as another would have decided."""
    if policy is not None:
        from oo.commands.lab import show_counterfactuals

        show_counterfactuals(policy, person, since, until, as_json=as_json)
        return
    from oo.actions.replay import replay_all
    from oo.runtime import opened

    with opened() as runtime:
        found = replay_all(runtime, runtime.people.named(person), decision)
    equal = sum(each.equal for each in found)
    data = {
        "decisions": len(found),
        "equal": equal,
        "different": [each for each in found if not each.equal],
    }
    emit(data, f"{equal} of {len(found)} decisions replayed equal", as_json=as_json)
    if verify and equal != len(found):
        raise typer.Exit(1)
