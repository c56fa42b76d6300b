"""Commands of evaluation: the decision log as data, off-policy evaluation, simulation, the gate."""

from pathlib import Path
from typing import Annotated, Any

import typer

from oo.commands.life import log_app
from oo.ui.output import AsJson, emit, rows

PLACES = 4
SHORT = 12


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    log_app.command("export")(export)
    for command in (audit, evaluate, gate, judge, rehearse, rollback, simulate):
        app.command()(command)


def export(
    to: Annotated[Path, typer.Argument(help="A .parquet file, or with --format obd a folder.")],
    layout: Annotated[str, typer.Option("--format", help="oo (Parquet) or obd (Open Bandit Dataset).")] = "oo",
    origin: Annotated[str, typer.Option(help="live or simulated; simulated rows are never evidence.")] = "live",
    as_json: AsJson = False,
) -> None:
    """Write the decision log as data: no text, no name, people as numbers."""
    from data_contracts.decisions import Origin
    from data_contracts.errors import Malformed
    from flows.learning import log_export
    from oo.runtime import opened

    writers = {"oo": log_export.export, "obd": log_export.export_open_bandit}
    if layout not in writers or origin not in set(Origin):
        raise Malformed("--format is oo or obd, --origin is live or simulated")
    with opened() as runtime:
        runtime.note_read("log_exported")
        count = writers[layout](runtime.database, to, origin=Origin(origin))
    emit({"rows": count, "path": str(to), "format": layout}, f"{count} decisions in {to}", as_json=as_json)


def audit(as_json: AsJson = False) -> None:
    """Audit learning now: does it personalise, is it better than the control, is there enough evidence to tell."""
    from flows.learning.learning_report import audit_learning
    from oo.runtime import opened

    with opened() as runtime:
        found = audit_learning(runtime.stores, actor="cli")
        runtime.note_read("learning_read")
    personal, control, holdout, power = (found[name] for name in ("personalisation", "control", "holdout", "power"))
    difference = ""
    if control["difference"] is not None:
        difference = f"{control['difference']:+.3f} [{control['low']:+.3f}, {control['high']:+.3f}]"
    clear = f"{personal['personalised']} of {personal['people']} people stand alone"
    table = [
        ("personalised", personal["verdict"], f"{clear}, {personal['by_chance']:.1f} would by chance"),
        ("against uniform", control["verdict"], difference),
        ("training holdout", holdout["verdict"], " ".join(f"{arm} {n}" for arm, n in holdout["units"].items())),
        ("power", power["verdict"], f"{power['rows']} decisions in 28 days; {power['reason']}"),
    ]
    experiment = found["experiment"]
    if experiment is not None:
        names = ("champion", "challenger", "their difference")
        means = (*experiment["arms"], experiment["difference"])
        told = [_interval(name, mean) for name, mean in zip(names, means, strict=True)]
        table.append(("experiment", experiment["verdict"], "; ".join(told)))
        units = " ".join(f"{arm} {n}" for arm, n in experiment["sample_ratio"]["units"].items())
        table.append(("its sample ratio", experiment["sample_ratio"]["verdict"], units))
    emit(found, rows(table), as_json=as_json)


def _interval(name: str, mean: dict[str, Any]) -> str:
    return f"{name} {mean['value'] or 0.0:.3f} [{mean['low']:.3f}, {mean['high']:.3f}]"


def evaluate(
    *,
    log: Annotated[Path, typer.Option("--log", help="A log from `oo log export`, or an Open Bandit CSV.")],
    policy: Annotated[str, typer.Option("--policy", help="A name, a digest, or with obd a CSV of probabilities.")],
    layout: Annotated[str, typer.Option("--format", help="oo or obd")] = "oo",
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 1,
    report: Annotated[
        Path | None, typer.Option("--report", help="Also write a page with plots (.html), or the plot (.svg, .png).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a policy would have been worth on logged decisions, how sure that is, or that it cannot be said."""
    from oo.actions.evaluation import evaluate_file
    from oo.runtime import opened

    with opened() as runtime:
        found = evaluate_file(runtime, log, policy=policy, layout=layout, seed=seed)
    if report is not None:
        from models.report.evaluation import save

        save(found, report)
    table: list[tuple[str, ...]] = [("estimator", "value", "low", "high", "ess", "n")]
    table += [
        (name, *(f"{number:.{PLACES}f}" for number in (e.value, e.low, e.high)), f"{e.ess:.0f}", str(e.n))
        for name, e in found.estimates.items()
    ]
    head = f"{found.verdict}: {found.reason}"
    emit(found, f"{head}\nlogged value {found.logged_value:.{PLACES}f}\n{rows(table)}", as_json=as_json)


def gate(
    evidence: Annotated[Path, typer.Option("--evidence", help="A JSON file with the numbers of docs/learning.md.")],
    as_json: AsJson = False,
) -> None:
    """Ask the gate about recorded numbers; exit 1 when the incumbent stays."""
    import json

    from data_contracts.errors import Malformed
    from models.promotion.gate import PROMOTE, evidence_from
    from models.promotion.gate import gate as ask

    try:
        data = json.loads(evidence.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise Malformed(f"{evidence.name} cannot be read as JSON: {error}") from error
    answer = ask(evidence_from(data))
    emit(answer, f"{answer.verdict}: {answer.reason}", as_json=as_json)
    if answer.verdict != PROMOTE:
        raise typer.Exit(1)


def judge(as_json: AsJson = False) -> None:
    """Judge the champion's rewards since its promotion; exit 1 when it was shown to be too low, and went."""
    from flows.learning.rollback import judge_champion
    from flows.learning.training import open_registry
    from oo.runtime import opened

    with opened() as runtime:
        found = judge_champion(runtime.stores, open_registry(runtime.stores), actor="cli")
    kept = "nothing is known that it has to keep up with"
    if found.reference is not None:
        kept = f"it has to keep up with {found.reference:.3f}"
    text = f"mean reward in [{found.low:.3f}, {found.high:.3f}] after {found.rewards} rewards; {kept}"
    if found.demoted is not None:
        text = f"{found.demoted.reason}; {found.demoted.digest[:SHORT]} decides again"
    emit(found, text, as_json=as_json)
    if found.demoted is not None:
        raise typer.Exit(1)


def rehearse(
    *,
    days: Annotated[int, typer.Option(min=1, max=365, help="How long the simulated people live.")] = 2,
    people: Annotated[int, typer.Option(min=2, max=1_000, help="How many, when the sandbox begins.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Of the people, when the sandbox begins.")] = 1,
    turn: Annotated[bool, typer.Option("--turn", help="From now on they dislike what they liked.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let simulated people live under the champion, in a home of their own, so that a policy's way can be tried."""
    from flows.learning.sandbox import Sandbox, begin, known, live
    from flows.learning.training import open_registry
    from oo.runtime import opened

    with opened() as runtime:
        stores = runtime.stores
        if known(runtime.settings) is None:
            begin(stores, open_registry(stores), Sandbox(people, seed))
    with opened() as runtime:  # again: the home has another clock now
        lived = live(runtime.stores, days=days, turn=turn)
    text = f"{lived.decisions} decisions of {lived.policy} in {lived.days} days: mean reward {lived.reward:.3f}"
    emit(lived._asdict(), f"{text}, silent in {lived.silence_rate:.0%}", as_json=as_json)


def rollback(
    reason: Annotated[str, typer.Option(help="Why; it is audited and shown.")] = "by hand",
    as_json: AsJson = False,
) -> None:
    """Give the champion's slot back to the policy that it replaced."""
    from flows.learning.rollback import rollback as go_back
    from flows.learning.training import open_registry
    from oo.runtime import opened

    with opened() as runtime:
        made = go_back(runtime.stores, open_registry(runtime.stores), actor="cli", reason=reason)
    emit(
        made._asdict(), f"{made.digest[:SHORT]} decides again, revision {made.revision}: {made.reason}", as_json=as_json
    )


def simulate(
    *,
    scenario: Annotated[Path, typer.Option("--scenario", help="A YAML file; examples/scenarios has some.")],
    policies: Annotated[
        str, typer.Option("--policies", help="Names, separated by commas.")
    ] = "linear_thompson,uniform",
    people: Annotated[int, typer.Option(min=2, help="How many people live in it.")] = 100,
    days: Annotated[int, typer.Option(min=1, help="How long.")] = 30,
    seed: Annotated[int, typer.Option(min=0, help="The same seed is the same world.")] = 1,
    processes: Annotated[int, typer.Option(min=1, help="Policies that live at once; the numbers stay the same.")] = 1,
    report: Annotated[
        Path | None, typer.Option("--report", help="Also write a page with plots (.html), or the plots (.svg, .png).")
    ] = None,
    record: Annotated[bool, typer.Option(help="Keep it as an MLflow run, and with PREFECT_API_URL as a flow.")] = True,
    as_json: AsJson = False,
) -> None:
    """Let policies live in one simulated world, and say what each brought; no evidence for a promotion."""
    from flows.learning.simulation import simulation_plan
    from oo.actions.simulation import lived

    wanted = simulation_plan(scenario, policies.split(","), people=people, days=days, seed=seed)
    found, run = lived(scenario, wanted, processes=processes, record=record, report=report)
    table: list[tuple[str, ...]] = [
        ("policy", "reward", "regret", "silence", "not for me", f"gain on {wanted.policies[0]}")
    ]
    for each in found:
        rates = (each.reward, each.regret, each.silence, each.not_for_me)
        gain = f"{each.gain.value:+.3f} [{each.gain.low:+.3f}, {each.gain.high:+.3f}]"
        table.append((each.policy, *(f"{rate.value:.3f}" for rate in rates), gain))
    data = {**wanted._asdict(), "origin": "simulated", "policies": found, "mlflow_run": run}
    emit(data, rows(table), as_json=as_json)


def show_counterfactuals(policy: str, person: str, since: str | None, until: str | None, *, as_json: bool) -> None:
    """Print what another policy would have said to a person; `oo replay --policy` ends here."""
    from data_contracts.identifiers import PersonId, from_us
    from oo.actions.evaluation import instant_us, policy_of
    from oo.actions.replay import FOREVER_US
    from oo.runtime import opened
    from serving.explain.counterfactual import counterfactuals

    begin, end = instant_us(since, 0), instant_us(until, FOREVER_US)
    with opened() as runtime:
        other, row = policy_of(runtime, policy), runtime.people.named(person)
        with runtime.database.read() as session:
            found = counterfactuals(session, other, PersonId(row.person), since_us=begin, until_us=end)
    same = sum(each.said == each.would_say for each in found)
    lines = [(from_us(each.at_us).strftime("%Y-%m-%d %H:%M"), each.said, each.would_say) for each in found]
    head = f"{other.name} would have said the same in {same} of {len(found)} moments"
    emit({"policy": other.name, "same": same, "moments": found}, f"{head}\n{rows(lines)}", as_json=as_json)
