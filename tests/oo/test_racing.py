"""Processes that race for one person at one decision point: the database lets one of them decide."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from api.signals.service import push
from data_contracts.decisions import Trigger
from data_contracts.features import CONSENT_SIGNALS
from data_contracts.identifiers import PersonId
from infra.database.decisions import decisions
from oo.runtime import Runtime
from serving.recommend.active_tip import without_deciding
from tests.oo.canaries import posted
from tests.oo.conftest import SettableClock

RACERS = 3
ASK = """
import json, sys, time
from pathlib import Path
from data_contracts.decisions import Trigger
from data_contracts.identifiers import PersonId
from oo.runtime import Runtime

person, name, racers, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
with Runtime() as runtime:
    recommender, decide = runtime.serving.recommender, runtime.serving.recommender.decide

    def decide_together(seen, made):
        decided = decide(seen, made)
        (folder / name).touch()
        deadline = time.monotonic() + 120
        while len(list(folder.iterdir())) < racers and time.monotonic() < deadline:
            time.sleep(0.001)
        return decided

    recommender.decide = decide_together
    answer = recommender.recommend_now(PersonId(person), Trigger.OPEN)
    print(json.dumps([answer.decision_id, answer.repeated, answer.tip and answer.tip.text]))
"""


def wait_for_a_choice(runtime: Runtime, person: PersonId, clock: SettableClock) -> None:
    """Move to the first quarter hour at which there is something to decide about."""
    for _ in range(60):
        seen = runtime.serving.reader.read(person, Trigger.OPEN, runtime.now_us())
        pool = runtime.serving.recommender.pool_of(seen)
        if (
            without_deciding(seen, runtime.vault) is None
            and runtime.serving.recommender.decide(seen, pool).row is not None
        ):
            return
        clock.pass_time(minutes=15)
    pytest.fail("there is nothing to decide about in fifteen hours")


def test_processes_that_decide_at_the_same_moment_make_one_decision(
    runtime: Runtime, clock: SettableClock, tmp_path: Path
) -> None:
    """Each has decided before any of them writes; one row is written, and everybody gives its answer."""
    row = runtime.people.settle_in("ada", "Europe/Vienna")
    person = PersonId(row.person)
    for source in CONSENT_SIGNALS:
        runtime.people.consent(person, source, granted=True, surface="test")
    runtime.serving.start()
    assert push(services=runtime.serving.services, person=person, items=[posted(clock.now)])[0].rule is None
    wait_for_a_choice(runtime, person, clock)
    barrier = tmp_path / "barrier"
    barrier.mkdir()
    environment = os.environ | {
        "OO_HOME": str(runtime.settings.home),
        "OO_DATABASE_URL": runtime.settings.database_url or "",
        "OO_CLOCK": f"fixed {runtime.clock().isoformat()}",
    }
    started = [
        subprocess.Popen(
            [sys.executable, "-c", ASK, person, str(number), str(RACERS), str(barrier)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(RACERS)
    ]
    said = [json.loads(process.communicate(timeout=180)[0]) for process in started]
    with runtime.database.read() as session:
        (written,) = decisions.newest(session, person, 10)
    assert len(list(barrier.iterdir())) == RACERS
    assert {decision for decision, _, _ in said} == {written.id}
    assert sorted(repeated for _, repeated, _ in said) == [False] + [True] * (RACERS - 1)
    assert len({text for _, _, text in said}) == 1
