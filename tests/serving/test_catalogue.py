"""The laws of the catalogue: short, safe, reachable, different from one another, and all on one page."""

import random
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.features import Source
from data_contracts.tips import MAX_TEXT, Topic
from serving.candidates.catalogue import catalogue
from serving.candidates.catalogue_page import PAGE, render
from serving.candidates.eligibility import eligible, prepare
from serving.candidates.phrasing import LATE_WIDTH, clean_title, fill_early, fill_late, slots
from serving.candidates.subjects import SELECTORS
from serving.recommend.local_time import minute_of_day
from tests.serving.life import Life
from tests.serving.scenes import scene

WIDEST = {name: "8" * width for name, width in LATE_WIDTH.items()}
EARLY = {"streak": "14", "effort": "15"}
PRAISE_OR_SCOLDING = re.compile(
    r"\b(great|good job|well done|amazing|awesome|should|must|lazy|finally|already)\b|!", re.IGNORECASE
)


def test_the_catalogue_holds_at_least_sixty_tips_over_every_topic() -> None:
    """There are sixty tips or more, and no topic has fewer than five."""
    tips = catalogue().values()
    assert len(tips) >= 60
    assert min(Counter(tip.topic for tip in tips).values()) >= 5
    assert {tip.topic for tip in tips} == set(Topic)


@given(title=st.text(min_size=1, max_size=300))
def test_no_filled_tip_exceeds_ninety_characters_whatever_the_title(title: str) -> None:
    """With the widest value in every late slot a sentence is finished, within `MAX_TEXT`, and has no slot left open."""
    clean = clean_title(title)
    for tip in catalogue().values():
        text = fill_early(tip.text, {"task": clean, "habit": clean, **EARLY})
        if text is not None:
            finished = fill_late(text, WIDEST)
            assert finished is not None
            assert len(finished) <= MAX_TEXT
            assert "{" not in finished


def test_no_tip_praises_or_scolds_and_each_is_one_sentence_of_its_own() -> None:
    """No text has a word of the list, a full stop or a small first letter, and no text or reason is used twice."""
    texts = [tip.text for tip in catalogue().values()]
    assert [text for text in texts if PRAISE_OR_SCOLDING.search(text)] == []
    assert [text for text in texts if text.endswith(".") or ". " in text] == []
    assert [text for text in texts if not (text[0].isupper() or text[0] == "{")] == []
    assert len({text.casefold() for text in texts}) == len(texts)
    assert len({tip.why for tip in catalogue().values()}) == len(texts)


def test_every_tip_is_reachable_in_some_plausible_situation() -> None:
    """Among 4,000 drawn scenes each tip of the catalogue may be given at least once."""
    rng = random.Random(7)  # noqa: S311 - situations, not secrets
    missing = set(catalogue())
    for _ in range(4_000):
        if not missing:
            break
        life = scene(rng)
        pool = prepare(life.pool())
        vector = life.vector()
        found = eligible(
            pool,
            values=vector.values,
            masked=vector.masked,
            now_us=life.now_us,
            minute=minute_of_day(life.now_us, life.zone),
            free_min=720,
            blocked=(),
        )
        missing -= {pool.candidates[place].template for place in found.places}
    assert missing == set()


def test_a_slot_without_a_value_means_no_candidate() -> None:
    """Without titles no candidate is about a subject, and the only slots left open are late ones."""
    nameless = Life.on("2026-03-04T14:10")
    nameless.task("quarterly report", nameless.clock(0, "23:59"))
    nameless.streak("run", 5)
    nameless.titles.clear()
    assert [each for each in nameless.pool().candidates if each.subject is not None] == []
    assert [each.id for each in nameless.pool().candidates if slots(each.text) - LATE_WIDTH.keys()] == []


@pytest.mark.parametrize(("source", "kind"), [(Source.TASKS, "task."), (Source.HABITS, "habit.")])
def test_without_consent_nothing_is_made_of_a_source(source: Source, kind: str) -> None:
    """Tips about tasks or habits are in the pool with consent, and none of them once it is withdrawn."""
    life = Life.on("2026-03-04T14:10")
    life.task("quarterly report", life.clock(0, "23:59"))
    life.streak("run", 5)
    made = {each.template for each in life.pool().candidates}
    about = {tip.id for tip in catalogue().values() if (tip.about or "").startswith(kind)}
    assert made & about
    life.withdraw(source)
    assert not {each.template for each in life.pool().candidates} & about


def test_every_kind_of_subject_is_used_by_a_tip() -> None:
    """The catalogue names every selector, and no other."""
    assert {tip.about for tip in catalogue().values() if tip.about} == set(SELECTORS)


def test_the_page_of_tips_shows_the_catalogue_as_it_is() -> None:
    """The page in the repository is what rendering gives now, to the letter."""
    assert PAGE.read_text("utf-8") == render()
