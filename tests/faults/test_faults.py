"""Nothing that was acknowledged is lost and nothing takes effect twice, whatever dies."""

from pathlib import Path

import pytest

from tests.faults.runs import short_run


@pytest.mark.processes
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_faults_lose_and_double_nothing(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The real api, a processor and the mirror die under load; then ledger, database, mirror and state agree."""
    url = request.getfixturevalue("postgresql_url") if kind == "postgresql" else None
    report = short_run(tmp_path, url, seed=3)
    assert report.acked >= 5 * report.per_fault.total()
    assert report.sound, report.as_json()
    assert report.dead_letters == 0
