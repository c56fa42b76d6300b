"""What oO may do: a switch a signal."""

import pytest

from data_contracts.features import CONSENT_SIGNALS, SOURCES, Source
from infra.database.people import consents
from tests.api.browsers import DESKTOP
from tests.api.fake_serving import TEXT
from tests.page.conftest import Home, Look, reacted

pytestmark = pytest.mark.browser


def _granted(house: Home) -> set[str]:
    with house.api.database.read() as session:
        return {signal.value for signal, granted in consents.state(session, house.person).items() if granted}


def test_what_oo_may_do_is_listed_with_its_purpose_and_switched_by_a_tap(look: Look, house: Home) -> None:
    """A switch a signal, from the why of a silence too; it shows what the door has recorded, also when asked anew."""
    house.api.serving.text = None
    screen = look()
    screen.open("silence")
    screen.page.tap("#mark")
    screen.page.tap("#ask-consents")
    switches = screen.page.locator("#signals").get_by_role("switch")
    screen.page.wait_for_selector("#signals button")
    assert switches.count() == len(CONSENT_SIGNALS)
    mood = screen.page.get_by_role("switch", name="Mood", exact=True)
    assert SOURCES[Source.MOOD].purpose in mood.inner_text()
    with screen.page.expect_response("**/api/consents"):
        mood.tap()
    screen.page.wait_for_selector('[data-signal="mood"][aria-checked="false"]')
    assert _granted(house) == {source.value for source in CONSENT_SIGNALS} - {"mood"}
    screen.page.tap("#close-consents")
    screen.page.keyboard.press("c")
    screen.page.wait_for_selector('[data-signal="mood"][aria-checked="false"]')


def test_what_oo_may_do_works_by_key_and_leaves_the_tip_alone(look: Look, house: Home) -> None:
    """C opens it, space switches, the letters of an answer mean nothing there, Escape gives the tip back."""
    screen = look(DESKTOP)
    screen.open("tip")
    screen.page.keyboard.press("c")
    screen.page.wait_for_selector("#signals button:focus")
    with screen.page.expect_response("**/api/consents"):
        screen.page.keyboard.press("Space")
    screen.page.wait_for_selector('[data-signal="tasks"][aria-checked="false"]')
    for key in ("d", "n", "x", "ArrowRight"):
        screen.page.keyboard.press(key)
    with screen.page.expect_response("**/api/recommend"):
        screen.page.keyboard.press("Escape")
    assert (screen.says(), reacted(house), "tasks" in _granted(house)) == (TEXT, [], False)


def test_a_switch_that_was_not_saved_stays_as_it_was_and_says_so(look: Look, house: Home) -> None:
    """Consent is what the database holds, never what a screen hoped for."""
    screen = look()
    screen.open("tip")
    screen.page.keyboard.press("c")
    screen.page.wait_for_selector("#signals button")
    screen.context.set_offline(True)
    screen.page.get_by_role("switch", name="Tasks", exact=True).tap()
    screen.page.wait_for_selector("#trouble:not(:empty)")
    assert screen.page.get_by_role("alert").inner_text() == "That was not saved. Please try again."
    assert screen.page.get_by_role("switch", name="Tasks", exact=True).get_attribute("aria-checked") == "true"
    assert "tasks" in _granted(house)
