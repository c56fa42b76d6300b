"""Single letters are shortcuts that a person can switch off (WCAG 2.1.4)."""

import pytest

from tests.api.browsers import DESKTOP, Screen
from tests.page.conftest import Home, Look, reacted

pytestmark = pytest.mark.browser
LETTERS = ("d", "n", "x", "w", "?", "c", "u", "z")
ANNOUNCED = "[...document.querySelectorAll('[aria-keyshortcuts]')].map((button) => button.ariaKeyShortcuts)"


def _switch(screen: Screen, state: str) -> None:
    """Tap the switch in the dialog, reached without a key, and leave again."""
    screen.page.click("#ask-why")
    screen.page.click("#ask-consents")
    screen.page.get_by_role("switch", name="Single letters").click()
    screen.page.wait_for_selector(f'#letters[aria-checked="{state}"]')
    screen.page.click("#close-consents")
    screen.page.keyboard.press("Escape")


def test_letters_that_are_off_do_nothing_and_stay_off(look: Look, house: Home) -> None:
    """Neither now nor after the page is opened again; arrows and Escape work as before."""
    screen = look(DESKTOP)
    screen.open("tip")
    _switch(screen, "false")
    for _ in range(2):
        for letter in LETTERS:
            screen.page.keyboard.press(letter)
        assert (screen.page.locator("#why, dialog").locator("visible=true").count(), reacted(house)) == (0, [])
        screen.open("tip")
    with screen.page.expect_response("**/api/reactions"):
        screen.page.keyboard.press("ArrowRight")
    screen.until("undo")
    assert reacted(house) == [("done", True)]


def test_only_keys_that_work_are_announced(look: Look) -> None:
    """To the eye beside the buttons, and to a screen reader."""
    screen = look(DESKTOP)
    screen.open("tip")
    before = screen.page.evaluate(ANNOUNCED)
    assert (len(before), screen.page.locator("kbd:visible").all_inner_texts()) == (6, ["n", "x", "d"])
    _switch(screen, "false")
    assert screen.page.evaluate(ANNOUNCED) == ["ArrowUp", "ArrowLeft", "ArrowDown", "ArrowRight"]
    assert screen.page.locator("kbd:visible").count() == 0
    _switch(screen, "true")
    assert screen.page.evaluate(ANNOUNCED) == before


def test_a_letter_works_again_when_it_is_switched_on(look: Look) -> None:
    """The switch goes both ways."""
    screen = look(DESKTOP)
    screen.open("tip")
    _switch(screen, "false")
    _switch(screen, "true")
    screen.page.keyboard.press("w")
    screen.page.wait_for_selector("#why:not([hidden])")


def test_signing_out_forgets_the_switch(look: Look) -> None:
    """Who comes next to this browser finds it as new."""
    screen = look(DESKTOP)
    screen.open("tip")
    _switch(screen, "false")
    assert screen.page.evaluate("localStorage.length") == 1
    screen.page.click("#ask-why")
    screen.page.click("#sign-out")
    screen.until("signed-out")
    assert screen.page.evaluate("localStorage.length") == 0


def test_the_dialog_has_one_name(look: Look) -> None:
    """What opens it, its heading, what a screen reader hears, and what the documents call it."""
    screen = look(DESKTOP)
    screen.open("tip")
    screen.page.click("#ask-why")
    name = screen.page.inner_text("#ask-consents")
    screen.page.click("#ask-consents")
    assert screen.page.get_by_role("dialog", name=name, exact=True).get_by_role("heading", level=2).inner_text() == name
    assert name == "What oO may do"
