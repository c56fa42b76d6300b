"""The active tip is repeated until something ends it, and the rules that need no decision answer by their names."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from data_contracts.answers import Recommendation, TipView
from data_contracts.decisions import Trigger
from data_contracts.features import Source
from data_contracts.identifiers import CandidateId, ClusterId, DecisionId, PersonId, PolicyDigest, SubjectKey
from data_contracts.tips import TipKind, Topic
from feature_repo.online import OnlinePacket
from infra.database.decisions.decision_read import NewestDecision, PersonNow
from serving.candidates.subjects import SOURCE_BIT
from serving.recommend.active_tip import without_deciding
from serving.recommend.decision_inputs import DecisionInputs
from serving.recommend.experiment_arm import Arm
from serving.recommend.sealed_tip import Words, seal_words
from serving.recommend.speaking_rules import Latest, Moment
from tests.serving.life import Life, key

PERSON = PersonId("00" * 16)
TASKS, HABITS, MOOD = (1 << SOURCE_BIT[source] for source in (Source.TASKS, Source.HABITS, Source.MOOD))
WORDS = Words(CandidateId("c1"), "Breathe.", TipKind.ADVICE, Topic.REST, 10, "It is late.", "You have time.", MOOD)


class PlainBoxes:
    """Boxes that anybody can open, each for one person and field."""

    def seal(self, person: PersonId, field: str, text: bytes) -> bytes:
        """Return the box of a text."""
        return f"{person}/{field}/".encode() + text

    def open(self, person: PersonId, field: str, box: bytes) -> bytes:
        """Return the text of a box."""
        return box.removeprefix(f"{person}/{field}/".encode())


BOXES = PlainBoxes()


def afternoon() -> Life:
    """Return a Wednesday at 14:10 with an event in fifty minutes, two open tasks, and a habit not yet logged today."""
    life = Life.on("2026-03-04T14:10")
    life.meeting(life.clock(0, "15:00"), life.clock(0, "16:00"))
    life.task("report", life.clock(0, "18:00"))
    life.task("cellar")
    life.task("letter", done_min_ago=5)
    life.streak("run", 3)
    return life


@dataclass
class Given:
    """An active tip in a life; each test changes what it is about."""

    life: Life = field(default_factory=afternoon)
    words: Words = WORDS
    newest: dict[str, Any] = field(default_factory=dict)
    blocks: tuple[tuple[ClusterId, int], ...] = ()
    reacted: bool = False

    def answer(self) -> Recommendation | None:
        """Return what is answered without a decision."""
        life = self.life
        decision = NewestDecision(
            id=DecisionId("d1"),
            at_us=life.ago(25),
            trigger="open",
            silent=False,
            cluster=ClusterId("rest"),
            subject=None,
            policy_digest=PolicyDigest("p"),
            expires_us=life.ago(-60),
            shown_us=None,
            closed_us=None,
            closed_by=None,
            text_box=seal_words(BOXES, PERSON, DecisionId("d1"), self.words),
        )._replace(**self.newest)
        latest = Latest(decision.at_us, decision.silent, decision.expires_us, decision.closed_us, self.reacted)
        return without_deciding(self.seen(decision, latest), BOXES)

    def seen(self, newest: NewestDecision | None, latest: Latest | None) -> DecisionInputs:
        """Return what is read at the instant of the life."""
        life, row = self.life, self.life.row()
        person = PersonNow(
            person=PERSON,
            zone=life.zone.key,
            role="owner",
            quiet_start_min=life.quiet[0],
            quiet_end_min=life.quiet[1],
            budget=3,
            silence_price=0.45,
            consent_mask=life.consent_mask,
            consent_epoch=1,
            session_epoch=1,
            erasing=False,
            sequence=1,
            as_of_us=life.now_us,
            champion=None,
            champion_revision=0,
            blocks=self.blocks,
            interruptions_us=(),
            part=None,
            newest=newest,
            trial=None,
        )
        moment = Moment(
            life.now_us, life.zone, row.calendar, life.consent_mask, *life.quiet, Trigger.OPEN, 3, 0, latest
        )
        return DecisionInputs(
            life.now_us, life.zone, person, OnlinePacket(row, life.now_us, 0), moment, Arm(None, None)
        )


def stays(given: Given) -> bool:
    """Return whether the active tip is answered again; otherwise a new decision is due."""
    answer = given.answer()
    assert answer is None or answer.reason == "open_tip"
    return answer is not None


def test_an_open_tip_is_answered_as_it_was_given() -> None:
    """With its words, its decision and its expiry to the second, and as a repetition."""
    expires_at = datetime(2026, 3, 4, 14, 10, tzinfo=UTC)
    view = TipView(
        CandidateId("c1"), "Breathe.", TipKind.ADVICE, Topic.REST, 10, expires_at, "It is late.", "You have time."
    )
    assert Given().answer() == Recommendation(view, DecisionId("d1"), "open_tip", repeated=True)


@pytest.mark.parametrize(
    "newest",
    [
        {"closed_us": afternoon().ago(20)},
        {"expires_us": afternoon().now_us},
        {"text_box": None},
        {"at_us": afternoon().ago(-1)},
    ],
)
def test_a_tip_that_is_over_is_not_answered_again(newest: dict[str, Any]) -> None:
    """Closed, expired, without its words, or given later: a new decision is due."""
    assert not stays(Given(newest=newest))


def test_where_nothing_was_ever_decided_a_decision_is_due() -> None:
    """There is no tip to repeat and no silence to hold."""
    assert without_deciding(Given().seen(None, None), BOXES) is None


def test_a_withdrawn_consent_ends_the_tips_that_need_it() -> None:
    """Every source that the tip speaks from must be granted; another source does not matter."""
    life = afternoon()
    life.consent_mask = MOOD
    assert stays(Given(life, WORDS))
    assert not stays(Given(life, WORDS._replace(needs=TASKS)))
    assert not stays(Given(life, WORDS._replace(needs=TASKS | MOOD)))


def test_a_block_of_its_cluster_ends_a_tip_until_it_is_over() -> None:
    """A block that ends at this instant is over, and one of another cluster does not matter."""
    now_us = afternoon().now_us
    others = ((ClusterId("walk"), now_us + 9), (ClusterId("rest"), now_us))
    assert stays(Given(blocks=others))
    assert not stays(Given(blocks=(*others, (ClusterId("rest"), now_us + 1))))


@pytest.mark.parametrize(("effort_min", "fits"), [(50, True), (51, False)])
def test_a_tip_ends_when_too_little_time_is_left_for_it(effort_min: int, fits: bool) -> None:
    """Its effort may fill the gap, and no more."""
    assert stays(Given(words=WORDS._replace(effort_min=effort_min))) is fits


@pytest.mark.parametrize(
    ("title", "granted", "open_"),
    [
        ("report", TASKS, True),
        ("cellar", TASKS, True),
        ("letter", TASKS, False),
        ("report", HABITS, False),
        ("run", HABITS, True),
        ("run", TASKS, False),
        ("nothing", TASKS | HABITS, False),
    ],
)
def test_a_tip_about_a_subject_ends_with_it(title: str, granted: int, open_: bool) -> None:
    """A task must be open, dated or not, and a habit known, each with the consent of its own source."""
    life = afternoon()
    life.consent_mask = granted
    assert stays(Given(life, WORDS._replace(needs=0), newest={"subject": key(title)})) is open_


@pytest.mark.parametrize(("before_us", "open_"), [(0, False), (1, True)])
def test_a_habit_that_is_logged_today_ends_its_tip(before_us: int, open_: bool) -> None:
    """The day begins with the local midnight, and what was logged a microsecond before it was yesterday."""
    life = afternoon()
    life.habit("read", life.clock(0, "00:00") - before_us)
    assert stays(Given(life, newest={"subject": key("read")})) is open_
    assert stays(Given(life, newest={"subject": SubjectKey(key("run"))}))


@pytest.mark.parametrize(("face", "reason"), [("15:00", "in_event"), ("22:00", "quiet_hours")])
def test_a_rule_silences_the_open_tip_too(face: str, reason: str) -> None:
    """Nothing is said and nothing decided, whatever is open."""
    life = afternoon()
    life.at = life.at.replace(hour=int(face[:2]), minute=int(face[3:]))
    assert Given(life).answer() == Recommendation(None, None, reason)


def test_a_silence_that_holds_is_answered_with_its_decision() -> None:
    """It is the repetition of a decision; the rest after a reaction is none."""
    now_us = afternoon().now_us
    silent = Given(newest={"silent": True, "text_box": None, "at_us": now_us})
    assert silent.answer() == Recommendation(None, DecisionId("d1"), "silence_holds", repeated=True)
    resting = Given(newest={"closed_us": now_us}, reacted=True)
    assert resting.answer() == Recommendation(None, None, "resting", repeated=False)
