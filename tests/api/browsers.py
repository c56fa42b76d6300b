"""A served API and browsers that show it, for the tests that look at the page."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, sync_playwright

from oo.ui.api_client import served as served_on_loopback

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
SWIPES = {"done": (200, 0), "not_now": (-200, 0), "not_for_me": (0, 200), "why": (0, -200)}


@contextmanager
def chromium_of(path: str) -> Iterator[Browser]:
    """Start the machine's own Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve an app on a free port of this machine and give its origin."""
    with served_on_loopback(app) as address:
        yield address.replace("127.0.0.1", "localhost")


@dataclass
class Screen:
    """One page, and everything that it complained about."""

    page: Page
    context: BrowserContext
    origin: str
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Collect errors, policy violations and dialogs."""
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", self._dismiss)
        self.page.on(
            "console",
            lambda message: self.complaints.append(message.text) if "Content Security" in message.text else None,
        )

    def _dismiss(self, dialog: Dialog) -> None:
        self.complaints.append(dialog.message)
        dialog.dismiss()

    def open(self, screen: str, path: str = "/") -> None:
        """Open the page and wait until it shows this screen."""
        self.page.goto(self.origin + path)
        self.until(screen)

    def until(self, screen: str) -> None:
        """Wait until the page shows this screen."""
        self.page.wait_for_selector(f'body[data-screen="{screen}"]')

    def says(self) -> str:
        """Return the one sentence."""
        return self.page.inner_text("#sentence")

    def swipe(self, kind: str) -> None:
        """Draw one finger over the sentence."""
        dx, dy = SWIPES[kind]
        hand = self.context.new_cdp_session(self.page)
        points = [{"x": 195 + dx * step / 5, "y": 400 + dy * step / 5} for step in range(6)]
        hand.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [points[0]]})
        for point in points[1:]:
            hand.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
        hand.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
