"""Titles and due dates as words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.candidates.phrasing import clean_title, due_phrase, fill_late, shorten
from tests.serving.life import Life


@pytest.mark.parametrize(
    ("title", "clean"),
    [
        ("  quarterly\n report\t", "quarterly report"),
        ("call \u202eevil\u202c Bob\u0000", "call evil Bob"),
        ("read https://example.org/x?y=1 tonight", "read tonight"),
        ("www.example.org", ""),
        ("don't {gap} <b>", "don\u2019t gap b"),
        ("!!! --- ", ""),
        ("Zu\u0308rich", "Zürich"),
    ],
)
def test_a_title_is_safe_inside_a_sentence(title: str, clean: str) -> None:
    """Links, markup, control and bidi characters are gone, and a title without letters or digits is empty."""
    assert clean_title(title) == clean


@given(st.text(max_size=200))
def test_a_clean_title_stays_as_it_is_when_cleaned_once_more(title: str) -> None:
    """Cleaning is idempotent, for any text."""
    once = clean_title(title)
    assert clean_title(once) == once


def test_a_long_title_is_cut_at_a_word_and_says_so() -> None:
    """An ellipsis follows the last whole word, or the letters that fit where there is one word only."""
    assert shorten("finish the quarterly report for the board", 24) == "finish the quarterly…"
    assert shorten("Donaudampfschifffahrtsgesellschaft", 12) == "Donaudampfs…"


@given(st.text(max_size=200).map(clean_title), st.integers(12, 80))
def test_a_shortened_title_fits_its_room(title: str, room: int) -> None:
    """No clean title is longer than its room, ellipsis included."""
    assert len(shorten(title, room)) <= room


def test_a_late_slot_without_a_value_means_no_sentence() -> None:
    """A sentence is finished when its slot has a value, and None otherwise."""
    assert fill_late("Walk before {until}", {}) is None
    assert fill_late("Walk before {until}", {"until": "15:00"}) == "Walk before 15:00"


@pytest.mark.parametrize(
    ("day", "face", "phrase"),
    [
        (0, "23:59", "due today"),
        (0, "17:30", "due at 17:30"),
        (0, "09:00", "due since 09:00"),
        (1, "00:00", "due today"),
        (1, "12:00", "due tomorrow"),
        (-1, "23:59", "due since yesterday"),
        (-3, "12:00", "due since Sunday"),
        (-9, "12:00", "due since 23 Feb"),
        (5, "12:00", "due Monday"),
    ],
)
def test_due_dates_are_said_as_people_say_them(day: int, face: str, phrase: str) -> None:
    """An hour today, a name for near days, a date beyond a week; the very end of a day belongs to that day."""
    life = Life.on("2026-03-04T14:10")
    assert due_phrase(life.clock(day, face), life.now_us, life.zone) == phrase
