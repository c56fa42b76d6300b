"""The page in a real browser: one sentence, three answers, why, and nothing that stays behind."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from data_contracts.identifiers import DecisionId
from infra.database.decisions import decisions
from tests.api.browsers import DESKTOP, PHONE
from tests.api.fake_serving import LEFT_OUT, TEXT
from tests.page.conftest import Home, Look, reacted

pytestmark = pytest.mark.browser
PAYLOADS = (
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "</p><svg onload=alert(1)>",
    "javascript:alert(1)",
    "{{constructor.constructor('alert(1)')()}}",
    "\u202eevil \u0000 <iframe srcdoc='<script>alert(1)</script>'>",
    '"><a href=javascript:alert(1) autofocus onfocus=alert(1)>x',
)
HIDDEN = """let unseen = true;
Object.defineProperty(document, 'hidden', {get: () => unseen});
addEventListener('appear', () => {
  unseen = false;
  document.dispatchEvent(new Event('visibilitychange'));
});"""
KEPT = """async () => {
  const kept = [];
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      const answer = await cache.match(request);
      kept.push(new URL(request.url).pathname, await answer.text());
    }
  }
  const stores = (await indexedDB.databases()).map((database) => database.name);
  return [...kept, ...stores, JSON.stringify(localStorage), JSON.stringify(sessionStorage)];
}"""


def _decision(house: Home) -> DecisionId:
    with house.api.database.read() as session:
        return DecisionId(decisions.newest(session, house.person)[0].id)


def _shown(house: Home) -> bool:
    with house.api.database.read() as session:
        return decisions.newest(session, house.person)[0].shown_us is not None


def test_a_link_opens_the_one_sentence(look: Look, house: Home) -> None:
    """Follow the link, press the one button, read the tip."""
    screen = look(signed_in=False)
    screen.open("login", f"/login/{house.api.link(house.person)}")
    screen.page.click("button")
    screen.until("tip")
    assert screen.says() == TEXT


def test_a_screen_that_is_not_signed_in_says_how(look: Look, house: Home) -> None:
    """And a link that was used says so."""
    screen = look(signed_in=False)
    screen.open("signed-out")
    assert "oo link" in screen.page.inner_text("#note")
    token = house.api.link(house.person)
    house.api.client().post(f"/login/{token}")
    screen.open("login", f"/login/{token}")
    screen.page.click("button")
    screen.until("signed-out")
    assert "was used" in screen.page.inner_text("#note")


ANSWERS = {"done": ("d", "ArrowRight"), "not_now": ("n", "ArrowLeft"), "not_for_me": ("x", "ArrowDown")}


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("way", ["tap", "letter", "arrow", "swipe"])
def test_each_answer_works_by_tap_key_and_swipe(look: Look, house: Home, kind: str, way: str) -> None:
    """Three gestures, four ways, one reaction."""
    screen = look()
    screen.open("tip")
    with screen.page.expect_response("**/api/reactions"):
        if way == "tap":
            screen.page.tap(f'[data-kind="{kind}"]')
        elif way == "swipe":
            screen.swipe(kind)
        else:
            screen.page.keyboard.press(ANSWERS[kind][way == "arrow"])
    screen.until("undo")
    assert reacted(house) == [(kind, True)]


def test_an_answer_can_be_taken_back(look: Look, house: Home) -> None:
    """Undo has the focus, and brings the sentence back."""
    screen = look(DESKTOP)
    screen.open("tip")
    screen.page.keyboard.press("d")
    screen.until("undo")
    screen.page.keyboard.press("Enter")
    screen.until("tip")
    assert (screen.says(), reacted(house)) == (TEXT, [("done", False)])


def test_after_five_seconds_the_page_is_black(look: Look, house: Home) -> None:
    """The answer stands, the sentence is gone, the reason is there for who asks."""
    screen = look()
    screen.open("tip")
    screen.page.keyboard.press("n")
    screen.until("undo")
    screen.page.wait_for_selector('body[data-screen="silence"]', timeout=8_000)
    assert (screen.page.inner_text("body").strip(), reacted(house)) == ("oO", [("not_now", True)])
    screen.page.click("#mark")
    assert "rests" in screen.page.inner_text("#because")


def test_an_answer_that_was_not_saved_is_not_pretended(look: Look) -> None:
    """Without a connection the tip comes back and says so."""
    screen = look()
    screen.open("tip")
    screen.context.set_offline(True)
    screen.page.keyboard.press("d")
    screen.page.wait_for_selector("#note:not([hidden])")
    assert (screen.says(), screen.page.inner_text("#note")) == (TEXT, "That was not saved. Please answer again.")


def test_why_reveals_the_reasons_and_what_counted(look: Look) -> None:
    """Why, why now, the receipt's rows; Escape closes it and gives the focus back."""
    screen = look(DESKTOP)
    screen.open("tip")
    screen.page.focus("#ask-why")
    screen.page.keyboard.press("Enter")
    screen.page.wait_for_selector("#rows tr")
    assert "most important" in screen.page.inner_text("#because")
    assert "meeting" in screen.page.inner_text("#timing")
    rows = screen.page.locator("#rows th").all_inner_texts()
    assert rows == ["Tasks due today", "Free gap", "Energy last", "Mood last"]
    assert "37 %" in screen.page.inner_text("#chance")
    assert screen.page.inner_text("#left-out") == LEFT_OUT
    screen.page.keyboard.press("Escape")
    assert screen.page.evaluate("[document.activeElement.id, document.getElementById('why').hidden]") == [
        "ask-why",
        True,
    ]


def test_swiping_up_asks_why(look: Look) -> None:
    """The fourth direction."""
    screen = look()
    screen.open("tip")
    screen.swipe("why")
    screen.page.wait_for_selector("#rows tr")


def test_silence_is_a_black_page_with_a_faint_mark(look: Look, house: Home) -> None:
    """No word until somebody asks."""
    house.api.serving.text, house.api.serving.reason = None, "quiet_hours"
    screen = look()
    screen.open("silence")
    assert screen.page.inner_text("body").strip() == "oO"
    screen.page.tap("#mark")
    assert screen.page.inner_text("#because") == "These are your quiet hours."


def test_a_tip_counts_as_shown_only_once_it_is_seen(look: Look, house: Home) -> None:
    """A page in the background shows nobody anything."""
    screen = look()
    screen.page.add_init_script(HIDDEN)
    screen.open("tip")
    screen.page.wait_for_timeout(300)
    assert not _shown(house)
    with screen.page.expect_response("**/shown"):
        screen.page.evaluate(
            "dispatchEvent(new Event('appear')); document.dispatchEvent(new Event('visibilitychange'))"
        )
    assert _shown(house)


def test_offline_the_shell_opens_without_a_word_about_anybody(look: Look) -> None:
    """The service worker keeps files, never answers."""
    screen = look()
    screen.open("tip")
    screen.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    screen.open("tip")
    screen.context.set_offline(True)
    screen.open("offline")
    assert screen.says() == "No connection."
    kept = screen.page.evaluate(KEPT)
    assert "/app.js" in kept
    assert not [text for text in kept if TEXT[:20] in text or text.startswith("/api/")]
    screen.context.set_offline(False)
    screen.until("tip")


def test_signing_out_leaves_nothing_behind(look: Look) -> None:
    """Neither on the screen, nor in a cache, nor a cookie."""
    screen = look()
    screen.open("tip")
    screen.page.keyboard.press("w")
    screen.page.click("#sign-out")
    screen.until("signed-out")
    assert TEXT not in screen.page.content()
    assert "most important" not in screen.page.content()
    assert screen.context.cookies() == []
    assert not [text for text in screen.page.evaluate(KEPT) if TEXT[:20] in text]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_tip_is_text_whatever_it_holds(look: Look, house: Home, payload: str) -> None:
    """No markup, no script, no complaint of the policy; the fixture fails on any dialog."""
    house.api.serving.text = house.api.serving.why = payload
    screen = look()
    screen.open("tip")
    screen.page.keyboard.press("w")
    screen.page.wait_for_selector("#rows tr")
    assert screen.page.text_content("#because") == screen.page.text_content("#sentence")
    assert screen.page.locator("#sentence *, #because *, iframe, img").count() == 0


@pytest.mark.parametrize("device", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_the_page_has_no_known_barrier(look: Look, house: Home, device: dict[str, Any]) -> None:
    """Axe, in every state that a person can meet, once nothing fades in any more."""
    screen = look(device, reduced_motion="reduce")
    screen.open("tip")
    reports = [Axe().run(screen.page)]
    screen.page.keyboard.press("w")
    screen.page.wait_for_selector("#rows tr")
    reports.append(Axe().run(screen.page))
    screen.page.keyboard.press("c")
    screen.page.wait_for_selector("#signals button")
    screen.page.wait_for_selector("#preferences:not([hidden])")
    reports.append(Axe().run(screen.page))
    screen.page.keyboard.press("Escape")
    screen.page.keyboard.press("d")
    screen.until("undo")
    reports.append(Axe().run(screen.page))
    house.api.serving.active_tips.clear()
    screen.open("silence")
    screen.page.click("#mark")
    reports.append(Axe().run(screen.page))
    screen.context.clear_cookies()
    screen.open("signed-out")
    reports.append(Axe().run(screen.page))
    screen.open("login", "/login/0123456789abcdef")
    reports.append(Axe().run(screen.page))
    found = [
        (number, violation["id"], violation["nodes"][0]["target"])
        for number, report in enumerate(reports)
        for violation in report.response["violations"]
    ]
    assert found == []


def test_the_focus_goes_through_why_and_the_answers_in_reading_order(look: Look) -> None:
    """Nothing hidden is in the way."""
    screen = look(DESKTOP)
    screen.open("tip")
    order = []
    for _ in range(4):
        screen.page.keyboard.press("Tab")
        order.append(screen.page.evaluate("document.activeElement.dataset.kind || document.activeElement.id"))
    assert order == ["ask-why", "not_now", "not_for_me", "done"]


def test_nothing_moves_for_who_asked_for_stillness(look: Look, house: Home) -> None:
    """Silence breathes; with reduced motion it does not."""
    house.api.serving.text = None
    still, moving = look(reduced_motion="reduce"), look(reduced_motion="no-preference")
    counts = []
    for screen in (still, moving):
        screen.open("silence")
        counts.append(screen.page.evaluate("document.getAnimations().length"))
    assert (counts[0], counts[1] > 0) == (0, True)


@pytest.mark.parametrize("device", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_the_longest_tip_fits_the_screen_in_large_letters(look: Look, house: Home, device: dict[str, Any]) -> None:
    """Ninety characters, readable at arm's length, without scrolling."""
    house.api.serving.text = "Write " + "extraordinarily " * 5 + "well."
    assert len(house.api.serving.text) == 91
    screen = look(device)
    screen.open("tip")
    size, overflow = screen.page.evaluate(
        "[parseFloat(getComputedStyle(document.getElementById('sentence')).fontSize),"
        " document.documentElement.scrollHeight - innerHeight + document.documentElement.scrollWidth - innerWidth]"
    )
    assert size >= 34
    assert overflow <= 0
