"""A served API with one person, and browsers without errors."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser
from sqlalchemy import select

from data_contracts.identifiers import PersonId
from infra.database.all_tables import ReactionRow
from infra.database.engine.database import open_database
from tests.api.browsers import PHONE, Screen, chromium_of, served
from tests.api.conftest import ApiHarness, open_api


class Home(NamedTuple):
    """A served API and its person."""

    api: ApiHarness
    person: PersonId
    origin: str


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Return one browser for all tests of the page."""
    with chromium_of(chromium) as started:
        yield started


@pytest.fixture
def house(sqlite_path: Path, home: Path) -> Iterator[Home]:
    """Return the real app, served, with Ana in it."""
    database = open_database(sqlite_path)
    api = open_api(database, home, datetime.now(UTC))
    with served(api.app) as origin:
        yield Home(api, api.join("Ana"), origin)
    api.close()
    database.close()


Look = Callable[..., Screen]


@pytest.fixture
def look(browser: Browser, house: Home) -> Iterator[Look]:
    """Return what opens a screen, signed in unless told otherwise, and never lets it complain."""
    screens: list[Screen] = []

    def open_screen(device: dict[str, Any] = PHONE, *, signed_in: bool = True, **more: Any) -> Screen:
        context = browser.new_context(**device, **more)
        if signed_in:
            sid = house.api.sign_in(house.person)
            context.add_cookies([{"name": "sid", "value": sid, "url": house.origin, "httpOnly": True}])
        screen = Screen(context.new_page(), context, house.origin)
        screen.listen()
        screens.append(screen)
        return screen

    yield open_screen
    for screen in screens:
        screen.context.close()
    assert [complaint for screen in screens for complaint in screen.complaints] == []


def reacted(house: Home) -> list[tuple[str, bool]]:
    """Return what was answered to the first tip, and whether it stands."""
    decision = house.api.serving.first
    assert decision is not None
    with house.api.database.read() as session:
        rows = session.scalars(select(ReactionRow).where(ReactionRow.decision == decision).order_by(ReactionRow.at_us))
        return [(row.kind, row.undone_us is None) for row in rows]
