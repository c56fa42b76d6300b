"""Requests of the page that a test holds back, and answers when and how it wants.

The page must be opened with `service_workers="block"`: a request that a worker has seen cannot be held.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Page, Route


@dataclass
class Held:
    """The requests that are waiting, oldest first, of those that the page sent with one method to one address."""

    page: Page
    method: str
    waiting: list[Route] = field(default_factory=list)
    sent: int = 0

    def take(self, route: Route) -> None:
        """Hold a request of the method, pass every other one on."""
        if route.request.method != self.method:
            route.fallback()
            return
        self.sent += 1
        self.waiting.append(route)

    def next(self) -> Route:
        """Wait for a request and return it for the test to answer."""
        for _ in range(250):
            if self.waiting:
                return self.waiting.pop(0)
            self.page.wait_for_timeout(20)
        state = self.page.evaluate("document.body.dataset.state")
        raise TimeoutError(f"the page sent no {self.method}, and its state is {state}")


@contextmanager
def held(page: Page, method: str, address: str) -> Iterator[Held]:
    """Hold the requests with this method to addresses of this pattern, until the end."""
    requests = Held(page, method)
    page.route(address, requests.take)
    yield requests
    page.unroute(address, requests.take)
