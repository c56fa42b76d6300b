"""The transition table: the page's own, that of docs/page.md, and what the real page does, are the same."""

import re
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, Route

from tests.api.browsers import DESKTOP
from tests.page.conftest import Look
from tests.source_tree import CHECKOUT

pytestmark = pytest.mark.browser
Table = dict[tuple[str, str], str]
READ = "import('/state.js').then((module) => module.TRANSITIONS)"
STRAY = """async () => {
  const { createMachine, TRANSITIONS } = await import('/state.js');
  const changes = [];
  const machine = createMachine((before, now) => changes.push(now.name));
  const events = new Set(Object.values(TRANSITIONS).flatMap(Object.keys));
  for (const event of events) if (!(event in TRANSITIONS.loading)) machine.send(event);
  return [events.size, changes, machine.now().name];
}"""
PROBLEM = "application/problem+json"


def documented() -> Table:
    """Return the table of docs/page.md: (state, event) → next state."""
    section = (CHECKOUT / "docs/page.md").read_text(encoding="utf-8").partition("\n## Transitions\n")[2]
    rows = re.findall(r"^\| (`.+?`) \| `(\w+)` \| `([\w-]+)`.* \|$", section.partition("\n## ")[0], re.MULTILINE)
    return {(state, event): target for states, event, target in rows for state in re.findall(r"`([\w-]+)`", states)}


def path_to(table: Table, state: str, rows: set[tuple[str, str]]) -> list[str]:
    """Return the shortest list of events that leads from a state through one of the rows."""
    waiting: deque[tuple[str, list[str]]] = deque([(state, [])])
    seen = {state}
    while waiting:
        here, events = waiting.popleft()
        for (start, event), target in table.items():
            if start != here:
                continue
            if (start, event) in rows:
                return [*events, event]
            if target not in seen:
                seen.add(target)
                waiting.append((target, [*events, event]))
    raise AssertionError(f"no way from {state} to any of {sorted(rows)}")


@dataclass
class Walk:
    """Brings the real page from state to state: presses its keys, and answers its requests in place of the server."""

    page: Page
    waiting: list[Route] = field(default_factory=list)
    decisions: int = 0

    def start(self) -> None:
        """Hold all requests to the API from now on."""
        self.page.route("**/api/**", self._take)

    def state(self) -> str:
        """Return the state that the page says it is in."""
        return str(self.page.evaluate("document.body.dataset.state"))

    def cause(self, event: str) -> None:
        """Let one event happen."""
        match event:
            case "reaction_given":
                self.page.keyboard.press("d")
            case "undo_requested":
                self.page.keyboard.press("u")
            case "window_closed":
                self.page.clock.fast_forward(5_000)
            case "reaction_saved" | "reaction_lost" | "reaction_refused":
                self._answer(
                    "/api/reactions", {"reaction_saved": 200, "reaction_lost": 0, "reaction_refused": 409}[event]
                )
            case "undo_saved" | "undo_failed":
                self._answer("/api/reactions/", 200 if event == "undo_saved" else 409)
            case "session_ended" if self.state() in {"sending", "undoable", "cancelling", "undoing"}:
                self.page.keyboard.press("c")  # the dialog is the only one that asks then
                self._answer("/api/consents", 401)
            case _:
                self._recommend(event)

    def arrive(self, state: str) -> None:
        """Wait until the page is in this state, and where it is `tip`, until it shows the newest one."""
        newest = f':has(#sentence:text-is("Tip {self.decisions}"))' if state == "tip" else ""
        self.page.wait_for_selector(f'body[data-state="{state}"]{newest}', timeout=5_000)

    def _recommend(self, event: str) -> None:
        self.page.evaluate("dispatchEvent(new Event('online'))")
        statuses = {"connection_lost": 0, "request_failed": 500, "session_ended": 401}
        if event in statuses:
            self._answer("/api/recommend", statuses[event])
            return
        self.decisions += 1
        expires_at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        tip = {"text": f"Tip {self.decisions}", "why": "", "why_now": "", "expires_at": expires_at}
        answer = {"decision_id": f"d{self.decisions}", "reason": "nothing_fits", "fallback": None}
        self._answer("/api/recommend", 200, answer | {"tip": tip if event == "tip_received" else None})

    def _answer(self, address: str, status: int, body: object = None) -> None:
        route = self._next(address)
        if status == 0:
            route.abort()
        else:
            kind = "application/json" if status < 400 else PROBLEM
            route.fulfill(status=status, content_type=kind, json=body if body is not None else {})

    def _next(self, address: str) -> Route:
        for _ in range(250):
            for route in reversed(self.waiting):  # an older one is of a reaction that nobody waits for
                path = route.request.url.partition("/api/")[2]
                if f"/api/{path}" == address or (address.endswith("/") and f"/api/{path}".startswith(address)):
                    self.waiting.remove(route)
                    return route
            self.page.wait_for_timeout(10)
        raise TimeoutError(f"no request to {address} in {self.state()}")

    def _take(self, route: Route) -> None:
        if route.request.url.endswith("/shown"):
            route.fulfill(status=204)
        else:
            self.waiting.append(route)


def test_the_page_and_its_document_have_one_table(look: Look) -> None:
    """State by state and event by event, with nothing on one side alone."""
    screen = look(DESKTOP)
    screen.open("tip")
    known: dict[str, dict[str, str]] = screen.page.evaluate(READ)
    assert documented() == {(state, event): to for state, row in known.items() for event, to in row.items()}


def test_the_document_explains_every_state() -> None:
    """The table of states and the table of transitions know the same ones, each can be reached and left."""
    text = (CHECKOUT / "docs/page.md").read_text(encoding="utf-8")
    states = re.findall(r"^\| `([\w-]+)` \|", text.partition("## States")[2].partition("\n## ")[0], re.MULTILINE)
    table = documented()
    assert set(states) == {state for state, _ in table} == set(table.values())


def test_an_event_that_a_state_does_not_list_changes_nothing(look: Look) -> None:
    """Eight of the thirteen events mean nothing to a page that is loading."""
    screen = look(DESKTOP)
    screen.open("tip")
    assert screen.page.evaluate(STRAY) == [13, [], "loading"]


def test_the_page_walks_every_row_of_the_table(look: Look) -> None:
    """Each row is gone once by the keys and requests that cause it, and ends where the document says."""
    table = documented()
    screen = look(DESKTOP, service_workers="block")
    walk = Walk(screen.page)
    walk.start()
    screen.page.clock.install()
    screen.open("loading")
    missing = set(table)
    here = "loading"
    while missing:
        for event in path_to(table, here, missing):
            walk.cause(event)
            walk.arrive(table[here, event])
            missing.discard((here, event))
            here = table[here, event]


def test_the_walk_notices_a_wrong_row() -> None:
    """The way to a row ends with it; a row that nothing leads to is an error."""
    table = {("a", "x"): "b", ("b", "y"): "a", ("c", "z"): "a"}
    assert path_to(table, "a", {("b", "y")}) == ["x", "y"]
    with pytest.raises(AssertionError, match="no way from a"):
        path_to(table, "a", {("c", "z")})
