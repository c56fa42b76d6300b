"""`oo demo`: one tip end to end, on the example month or on a person's own files, at stated instants of today.

Everything is the real thing: the connectors, the validation gate, the flows on a Prefect server, Feast, MLflow, the
API over HTTP. Only the clock is virtual, so that the example is never stale and the demo shows the same day to all.
"""

import logging
import os
import runpy
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from shlex import quote
from typing import Any
from zoneinfo import ZoneInfo

from api.app import create_app
from data_contracts.errors import Conflict, NotFound
from data_contracts.identifiers import DecisionId, PersonId
from flows.learning.promotion import promote
from flows.learning.training import open_registry
from infra.clock import system_clock
from infra.database.all_tables import PersonRow
from infra.settings import Settings
from oo.actions.importing import import_all
from oo.actions.replay import replay_all, standing_now
from oo.composition.people import system_zone, zone_of
from oo.processes.prefect_server import PrefectServer
from oo.runtime import Runtime
from oo.ui.api_client import ApiClient, served
from oo.ui.output import note, rows
from oo.ui.sign_in_link import login_url

MONTH = Path(__file__).parents[2] / "examples" / "month.py"
MARK = ".oo-demo"  # only a folder with this file is ever removed
NAME = "me"
POINT = timedelta(minutes=15)
LATEST_HOUR = 21
NOISY = ("great_expectations", "mlflow", "alembic", "py.warnings")


@dataclass
class VirtualClock:
    """A clock that stands where the demo puts it."""

    at: datetime

    def __call__(self) -> datetime:
        """Return the instant."""
        return self.at


@dataclass
class Timings:
    """How long each stage took."""

    stages: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage and say that it is done."""
        began = time.perf_counter()
        yield
        self.stages.append((name, time.perf_counter() - began))
        note(f"  {name}  {self.stages[-1][1]:.1f} s")

    def table(self) -> str:
        """Return all stages and their sum."""
        total = sum(seconds for _, seconds in self.stages)
        return rows([(name, f"{seconds:.1f} s") for name, seconds in (*self.stages, ("all", total))])


def run(files: Sequence[Path]) -> None:
    """Run the demo in a home of its own, made anew each time."""
    home = _fresh_home()
    clock = VirtualClock(system_clock())
    timings = Timings()
    zone, paths, silent_at = _material(files, home, clock)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)
    os.environ["OO_HOME"] = str(home)
    os.environ["OO_CLOCK"] = f"fixed {clock.at.isoformat()}"
    note(f"One day of one life, at {clock.at.astimezone(zone):%A %d %B %Y, %H:%M} ({zone.key}); home: {home}")
    with Runtime(Settings(), clock=clock) as runtime:
        with PrefectServer(runtime.settings.prefect) as server:
            row = runtime.people.settle_in(NAME, zone.key, role="admin")
            with timings.stage("files in: read, validated, quarantined, folded"):
                report = import_all(runtime, row, paths)
            counted = f"{report.duplicates} known already, {len(report.quarantined)} quarantined"
            for refused in report.quarantined:
                note(f"    {refused.message}")
            note(f"    {report.accepted} accepted, {counted}")
            with timings.stage("Prefect server, started meanwhile"):
                server.ready()
            _run_flows(runtime, timings)
        with timings.stage("API over HTTP"):
            _talk(runtime, row, clock, silent_at)
    note(f"\n{timings.table()}")
    oo = os.path.relpath(sys.argv[0])
    note(
        f"\nNext: OO_HOME={quote(str(home))} {oo} today    the whole day, quarter hour by quarter hour"
        f"\n      make up                      your own oO, with the page"
        f'\n      make demo FILES="my.ics tasks.csv"'
    )


def _fresh_home() -> Path:
    home = Path(os.environ.get("OO_HOME", ".demo")).absolute()
    if home.exists():
        if not (home / MARK).exists() and any(home.iterdir()):
            raise Conflict(f"{home} holds something that the demo did not make; name another OO_HOME")
        shutil.rmtree(home)
    home.mkdir(mode=0o700, parents=True)
    (home / MARK).touch()
    return home


def _material(files: Sequence[Path], home: Path, clock: VirtualClock) -> tuple[ZoneInfo, list[Path], datetime | None]:
    """Return zone, files and, for the example, an instant inside of a meeting; sets the clock."""
    if files:
        return ZoneInfo(system_zone()), list(files), None
    if not MONTH.exists():
        raise NotFound("the example month is part of the checkout; name your own files: oo demo my.ics tasks.csv")
    month: dict[str, Any] = runpy.run_path(str(MONTH))
    today = clock.at.astimezone(month["ZONE"]).date()
    clock.at = month["free_at"](today)
    return month["ZONE"], month["shift_month"](home / "example", today), month["busy_at"](today)


def _run_flows(runtime: Runtime, timings: Timings) -> None:
    """Features, the first champion, candidates: the flows, run once."""
    from flows.runs import (  # noqa: PLC0415 - Prefect reads its settings when imported
        build_features,
        expire_data,
        generate_candidates,
        ingest_files,
        promote_policy,
        retrain_policy,
    )

    with timings.stage("flow ingest_files: nothing new"):
        ingest_files()
    with timings.stage("flow build_features: history and Feast"):
        build_features()
    with timings.stage("flow retrain_policy: warm start on simulated people, into MLflow"):
        retrain_policy()
    with timings.stage("promote: the very first champion"):
        first = promote(runtime.stores, open_registry(runtime.stores), actor="demo", bootstrap=True)
    note(f"    {first.digest[:12]}: {first.reason}")
    with timings.stage("flows generate_candidates, promote_policy, expire_data"):
        generate_candidates()
        promote_policy()
        expire_data()


def _talk(runtime: Runtime, row: PersonRow, clock: VirtualClock, silent_at: datetime | None) -> None:
    """One tip, its receipt, a reaction that moves the posterior, a silence, and all of it replayed."""
    runtime.serving.start()
    person, zone = PersonId(row.person), zone_of(row)
    with served(create_app(runtime.settings, runtime.serving.services)) as address:
        client = ApiClient(login_url(runtime, person, address))
        try:
            answer = _first_tip(client, clock, zone)
            if answer["tip"] is not None:
                _react(runtime, client, row, answer)
            _silence(runtime, client, row, clock, silent_at)
        finally:
            client.close()
    replays = replay_all(runtime, row)
    note(f"\n  Replay: {sum(each.equal for each in replays)} of {len(replays)} decisions equal, bit for bit.")


def _first_tip(client: ApiClient, clock: VirtualClock, zone: ZoneInfo) -> Any:
    """Ask at each quarter hour until there is a tip, at most until the evening."""
    while True:
        answer = client.post("/api/recommend")
        local = clock.at.astimezone(zone)
        _show(local, answer)
        if answer["tip"] is not None or local.hour >= LATEST_HOUR:
            return answer
        clock.at += POINT


def _show(local: datetime, answer: Any) -> None:
    tip = answer["tip"]
    if tip is None:
        note(f"\n  {local:%H:%M}  (silence: {answer['reason'].replace('_', ' ')})")
        return
    print(f"{local:%H:%M}  {tip['text']}", flush=True)
    note(f"         {tip['why']} {tip['why_now']}")


def _react(runtime: Runtime, client: ApiClient, row: PersonRow, answer: Any) -> None:
    decision = answer["decision_id"]
    client.post(f"/api/decisions/{decision}/shown")
    receipt = client.get(f"/api/decisions/{decision}/receipt")
    before = standing_now(runtime, row, DecisionId(decision))
    result = client.post(
        "/api/reactions", {"decision_id": decision, "kind": "done", "idempotency_key": f"demo-{decision}"}
    )
    after = standing_now(runtime, row, DecisionId(decision))
    note(f"\n  Receipt: probability {receipt['probability']:.3f}, policy {receipt['policy_digest'][:12]}; strongest:")
    strongest = sorted(receipt["features"], key=lambda feature: -abs(feature["contribution"]))[:5]
    note("\n".join(f"    {each['contribution']:+.3f}  {each['name']} ({each['source']})" for each in strongest))
    note(f"\n  Reaction `done`: reward {result['reward']}, posterior version {result['posterior_version']}.")
    note("  The posterior moved. The same tip in the same situation, before and after:")
    note(f"    expected reward {before.mu:.4f} ± {before.sigma:.4f} -> {after.mu:.4f} ± {after.sigma:.4f}")
    note(f"    probability     {before.probability:.6f} -> {after.probability:.6f}")


def _silence(
    runtime: Runtime, client: ApiClient, row: PersonRow, clock: VirtualClock, silent_at: datetime | None
) -> None:
    """Go to an instant at which a rule forbids to speak, and ask."""
    zone = zone_of(row)
    if silent_at is None:
        steps = runtime.serving.day.steps(PersonId(row.person), None, clock())
        ruled = [step.at for step in steps if not step.speaks and step.at > clock()]
        silent_at = ruled[0] if ruled else clock() + POINT
    clock.at = max(silent_at, clock.at + POINT)
    _show(clock.at.astimezone(zone), client.post("/api/recommend"))
