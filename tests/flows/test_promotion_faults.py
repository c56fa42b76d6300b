"""Promotion among processes that die and processes that race: whatever happens, the next run converges."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.database.engine.database import Database
from infra.fault_injection import KILLED, PROMOTION_POINTS
from tests.source_tree import CHECKOUT


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[subprocess.Popen[str]]":
    """Start the process that makes processes."""
    with (
        (tmp_path_factory.mktemp("promoter") / "log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", "tests.flows.promoter"],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        yield process  # it ends with its input, which is closed on the way out


class Promoter:
    """Processes on one home."""

    def __init__(self, forge: "subprocess.Popen[str]", home: Path, url: str | None) -> None:
        self._forge = forge
        self._where = {"home": str(home), "url": url}

    def all(self, *actions: list[str], armed: str = "") -> list[tuple[int, Any]]:
        """Do actions at the same time, each in its process; return exit codes and what was said."""
        assert self._forge.stdin is not None
        assert self._forge.stdout is not None
        self._forge.stdin.write(json.dumps({**self._where, "armed": armed, "actions": actions}) + "\n")
        self._forge.stdin.flush()
        return [(code, told) for code, told in json.loads(self._forge.stdout.readline())]

    def do(self, *action: str, armed: str = "", code: int = 0) -> Any:
        """Do one action and return what it said."""
        ((found, told),) = self.all(list(action), armed=armed)
        assert found == code, told
        return told


@pytest.fixture
def promoter(forge: "subprocess.Popen[str]", home: Path, database: Database) -> Promoter:
    """Return processes on a sandbox, whose first champion is the uniform control."""
    url = database.url.render_as_string(hide_password=False) if database.dialect == "postgresql" else None
    made = Promoter(forge, home, url)
    made.do("begin")
    made.do("live")
    return made


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_kill_at_any_step_of_promotion_converges(promoter: Promoter) -> None:
    """After the next run one version has the digest, slot, stage and alias name the same champion, nothing is half."""
    for point in PROMOTION_POINTS[:4]:
        promoter.do("live")
        promoter.do("train", armed=f"{point}:1", code=KILLED)
        if point == "policy_registered":
            assert promoter.do("reconcile")["adopted"] == 1
        made = promoter.do("train")
        found = promoter.do("report")
        assert found["versions"].count(made["digest"]) == 1
        assert found["stages"][made["digest"]] == "shadow"
        assert found["aliases"]["challenger"] == made["digest"]
    for point in PROMOTION_POINTS[4:]:
        promoter.do("live")
        promoter.do("train")
        before = promoter.do("report")
        wanted = before["aliases"]["challenger"]
        promoter.do("promote", wanted, armed=f"{point}:1", code=KILLED)
        swapped = point == "champion_swapped"
        assert promoter.do("report")["champion"] == (wanted if swapped else before["champion"])
        promoter.do("reconcile") if swapped else promoter.do("promote", wanted)
        agree(promoter.do("report"), wanted)
    promoter.do("rollback", armed="champion_swapped:1", code=KILLED)
    promoter.do("reconcile")
    agree(promoter.do("report"), before["champion"])


def test_of_two_promoters_that_race_one_wins(promoter: Promoter) -> None:
    """Both have read the same slot: one is champion, the other is told so, and the audit has both."""
    racers = []
    for _ in range(2):
        racers.append(promoter.do("train")["digest"])
        promoter.do("live")
    before = promoter.do("report")
    ended = promoter.all(*(["race", digest] for digest in racers))
    assert sorted(code for code, _ in ended) == [0, 1]
    winner = racers[[code for code, _ in ended].index(0)]
    loser = next(told for code, told in ended if code == 1)
    assert loser.startswith("Conflict: somebody else changed the champion meanwhile")
    after = promoter.do("report")
    agree(after, winner)
    assert after["revision"] == before["revision"] + 1
    assert after["changes"].count("champion_change_refused") == 1


def agree(found: dict[str, Any], champion: str) -> None:
    """Hold slot, stages, registry and artifacts against each other."""
    assert found["champion"] == champion
    assert [digest for digest, stage in found["stages"].items() if stage == "champion"] == [champion]
    assert found["aliases"]["champion"] == champion
    assert len(set(found["versions"])) == len(found["versions"])
    assert set(found["stages"]) == set(found["versions"]) <= set(found["held"])
