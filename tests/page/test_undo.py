"""An answer, and the way back, when requests fail, are slow, or overtake each other."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Route

from tests.api.browsers import DESKTOP, Screen
from tests.api.fake_serving import TEXT
from tests.page.conftest import Home, Look, reacted
from tests.page.held_requests import held

pytestmark = pytest.mark.browser
REACTIONS = "**/api/reactions"
ONE_REACTION = "**/api/reactions/*"
DONE = '[data-kind="done"]'
RECOMMEND = "**/api/recommend"
WATCH = """addEventListener('DOMContentLoaded', () => {
  globalThis.seen = [];
  const watch = () => globalThis.seen.push(document.body.dataset.screen);
  new MutationObserver(watch).observe(document.body, {attributeFilter: ['data-screen']});
});"""


def _lose(route: Route) -> None:
    """Cut the connection before the request arrives."""
    route.abort()


def _lose_answer(route: Route) -> None:
    """Cut the connection after the server has done what it was asked for."""
    route.fetch()
    route.abort()


def _fail(route: Route) -> None:
    """Answer with a failure of the server, which did nothing."""
    route.fulfill(status=500, content_type="application/problem+json", body="{}")


def _watched(screen: Screen) -> list[str]:
    """Return every screen that was seen since the page was opened."""
    seen: list[str] = screen.page.evaluate("globalThis.seen")
    return seen


@pytest.mark.parametrize("end", [_lose, _lose_answer, _fail])
def test_an_undo_while_the_answer_fails_gives_the_tip_back(
    look: Look, house: Home, end: Callable[[Route], None]
) -> None:
    """The page never says that the person has answered, and no reaction is left standing."""
    screen = look(DESKTOP, service_workers="block")
    screen.page.add_init_script(WATCH)
    screen.open("tip")
    with held(screen.page, "POST", REACTIONS) as posts:
        screen.page.click(DONE)
        post = posts.next()
        screen.page.click("#undo")
        end(post)
        screen.until("tip")
        screen.page.wait_for_load_state("networkidle")
    assert "silence" not in _watched(screen)
    assert (screen.says(), [standing for _, standing in reacted(house)]) in ((TEXT, []), (TEXT, [False]))


def test_an_undo_without_a_connection_asks_what_stands_when_there_is_one(look: Look, house: Home) -> None:
    """Neither the answer nor the undo arrived: the page does not guess, and the tip is there again afterwards."""
    screen = look(DESKTOP, service_workers="block")
    screen.page.add_init_script(WATCH)
    screen.open("tip")
    with held(screen.page, "POST", REACTIONS) as posts:
        screen.page.click(DONE)
        post = posts.next()
        screen.page.click("#undo")
        screen.context.set_offline(True)
        _lose(post)
        screen.until("offline")
    screen.context.set_offline(False)
    screen.until("tip")
    assert ("silence" in _watched(screen), reacted(house)) == (False, [])


def test_an_undo_is_sent_once(look: Look, house: Home) -> None:
    """A second press, while the first is on its way, does nothing."""
    screen = look(DESKTOP, service_workers="block")
    screen.open("tip")
    screen.page.click(DONE)
    with held(screen.page, "DELETE", ONE_REACTION) as deletes:
        screen.page.keyboard.press("u")
        first = deletes.next()
        screen.page.keyboard.press("u")
        screen.page.click("#undo", force=True)
        screen.page.wait_for_timeout(200)
        first.continue_()
        screen.until("tip")
    assert (deletes.sent, reacted(house)) == (1, [("done", False)])


def test_an_answer_that_fails_late_is_not_pretended_either(look: Look) -> None:
    """The five seconds are over and the request is still on its way: undo is offered until its end is known."""
    screen = look(DESKTOP, service_workers="block")
    screen.page.clock.install()
    screen.open("tip")
    with held(screen.page, "POST", REACTIONS) as posts:
        screen.page.click(DONE)
        post = posts.next()
        screen.page.clock.fast_forward(6_000)
        screen.page.wait_for_timeout(100)
        _fail(post)
        screen.page.wait_for_selector("#note:not([hidden])")
    assert (screen.says(), screen.page.inner_text("#note")) == (TEXT, "That was not saved. Please answer again.")


def test_a_question_older_than_the_answer_does_not_bring_the_tip_back(look: Look) -> None:
    """What the server said before it heard the answer is dropped."""
    screen = look(DESKTOP, service_workers="block")
    screen.page.clock.install()
    screen.open("tip")
    with held(screen.page, "POST", RECOMMEND) as questions:
        screen.page.evaluate("dispatchEvent(new Event('online'))")
        old = questions.next()
        answer = old.fetch()
        with screen.page.expect_response(REACTIONS):
            screen.page.click(DONE)
        screen.page.clock.fast_forward(5_500)
        screen.until("silence")
        old.fulfill(response=answer)
        screen.page.wait_for_timeout(200)
        assert screen.says() == ""


def test_a_question_older_than_signing_out_shows_nobody_the_tip(look: Look) -> None:
    """The answer was for who was signed in."""
    screen = look(DESKTOP, service_workers="block")
    screen.open("tip")
    with held(screen.page, "POST", RECOMMEND) as questions:
        screen.page.evaluate("dispatchEvent(new Event('online'))")
        old = questions.next()
        answer = old.fetch()
        screen.page.keyboard.press("w")
        screen.page.click("#sign-out")
        screen.until("signed-out")
        old.fulfill(response=answer)
        screen.page.wait_for_timeout(200)
    assert TEXT not in screen.page.content()
