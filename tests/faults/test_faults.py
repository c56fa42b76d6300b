"""Nothing that was acknowledged is lost and nothing takes effect twice, whatever dies."""

from pathlib import Path

from tests.faults.harness import run

POINTS = ("after_commit", "before_mark", "before_fold_commit")


def test_faults_lose_and_double_nothing(tmp_path: Path) -> None:
    """Three crash points, a wiped mirror, two relays: then ledger, database, mirror and state agree."""
    report = run(tmp_path, points=POINTS, rounds=0, seed=3)
    assert report.acked >= len(POINTS) + 3
    assert (report.lost, report.not_mirrored, report.foreign, report.wrong_state, report.dead_letters) == (
        0,
        0,
        0,
        0,
        0,
    )
