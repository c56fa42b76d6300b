"""When oO may speak: read and changed by whom it concerns, in the words of a clock."""

import pytest

from infra.database.people import people
from tests.api.conftest import ApiHarness

ASKED = {"zone": "Asia/Tokyo", "quiet_from": "23:30", "quiet_until": "06:05", "budget": 1}


def test_what_is_asked_for_changes_and_the_rest_stays(api: ApiHarness) -> None:
    """Each field alone, and all of them at once."""
    ana, client = api.known("Ana")
    before = client.get("/api/preferences").json()
    for name, value in ASKED.items():
        before |= {name: value}
        assert client.patch("/api/preferences", json={name: value}).json() == before
    assert client.get("/api/preferences").json() == ASKED
    with api.database.read() as session:
        row = people.get(session, ana)
        assert (row.quiet_start_min, row.quiet_end_min) == (23 * 60 + 30, 6 * 60 + 5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"zone": "Mars/Base"},
        {"zone": ""},
        {"quiet_from": "24:00"},
        {"quiet_until": "6:00"},
        {"quiet_until": "\u0661\u0662:00"},
        {"budget": 25},
        {"budget": -1},
        {"budget": True},
        {"role": "admin"},
    ],
)
def test_what_no_clock_shows_changes_nothing(api: ApiHarness, wrong: dict[str, object]) -> None:
    """One wrong field refuses the whole wish."""
    _, client = api.known("Ana")
    before = client.get("/api/preferences").json()
    assert client.patch("/api/preferences", json={"quiet_from": "23:00"} | wrong).status_code == 422
    assert client.get("/api/preferences").json() == before
