"""When oO may speak: a form that saves what it is told."""

import pytest

from infra.database.people import people
from tests.api.browsers import DESKTOP
from tests.api.fake_serving import TEXT
from tests.page.conftest import Home, Look

pytestmark = pytest.mark.browser


def _known(house: Home) -> tuple[str, int, int, int]:
    with house.api.database.read() as session:
        row = people.get(session, house.person)
        return row.zone, row.quiet_start_min, row.quiet_end_min, row.budget


def test_when_oo_may_speak_is_shown_and_saved_at_each_change(look: Look, house: Home) -> None:
    """Quiet hours, interruptions and zone, by the labels that a person reads; the tip stays where it was."""
    screen = look(DESKTOP)
    screen.open("tip")
    screen.page.keyboard.press("c")
    screen.page.wait_for_selector("#preferences:not([hidden])")
    begin = screen.page.get_by_label("Quiet from")
    assert begin.input_value() == "22:00"
    with screen.page.expect_response("**/api/preferences"):
        begin.fill("23:30")
    with screen.page.expect_response("**/api/preferences"):
        screen.page.get_by_label("Tips a day").press("ArrowUp")
    with screen.page.expect_response("**/api/preferences"):
        screen.page.get_by_label("Time zone").select_option("Asia/Tokyo")
    assert _known(house) == ("Asia/Tokyo", 23 * 60 + 30, 480, 4)
    screen.page.keyboard.press("Escape")
    assert screen.says() == TEXT


def test_a_wish_that_was_not_saved_is_taken_off_the_screen(look: Look, house: Home) -> None:
    """Quiet hours are what the database holds; a number that no day has is not even sent."""
    screen = look()
    screen.open("tip")
    before = _known(house)
    screen.page.keyboard.press("c")
    screen.page.wait_for_selector("#preferences:not([hidden])")
    screen.page.get_by_label("Tips a day").fill("99")
    screen.page.get_by_label("Quiet from").focus()
    screen.context.set_offline(True)
    screen.page.get_by_label("Quiet until").fill("06:00")
    screen.page.wait_for_selector("#trouble:not(:empty)")
    assert screen.page.get_by_label("Quiet until").input_value() == "08:00"
    assert _known(house) == before
