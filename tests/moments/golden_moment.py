"""A golden moment: a readable file becomes a life, runs through the real fold, vector, candidates and rules."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from data_contracts.decisions import CandidateRef, Trigger
from data_contracts.durations import MINUTE_US
from data_contracts.features import Source
from data_contracts.identifiers import ClusterId, PersonId
from data_contracts.rewards import SILENCE_PRICE
from models.policies.policy import Policy
from serving.candidates.candidates import build_pool
from serving.candidates.catalogue import Catalogue
from serving.candidates.eligibility import eligible, prepare
from serving.recommend.local_time import minute_of_day
from serving.recommend.scorer import Situation, actions_of, context_of
from serving.recommend.speaking_rules import Latest, Moment, closed_now, free_minutes, no_new_tip
from tests.serving.life import Life

GOLDEN = Path(__file__).parent / "golden"
TINY_MIN = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """The probability of each action; `rule` when the moment's own rules left no choice."""

    rule: str | None
    actions: tuple[tuple[CandidateRef | None, float], ...]  # None is silence

    def mass(self, accepted: list[str]) -> float:
        """Return the probability of what is accepted."""
        return sum(probability for ref, probability in self.actions if self.accepts(ref, accepted))

    def accepts(self, ref: CandidateRef | None, accepted: list[str]) -> bool:
        """Return whether an action is among the acceptable ones."""
        return any(self._is(ref, each) for each in accepted)

    def _is(self, ref: CandidateRef | None, accepted: str) -> bool:
        word, _, rest = accepted.partition(":")
        if ref is None:
            return (word == "silence" and rest in ("", self.rule)) or word == "not"
        match word:
            case "topic":
                return ref.topic is not None and ref.topic.value == rest
            case "not":
                return ref.cluster != rest
            case "unbound":
                return ref.subject is None
            case "tiny":
                return ref.subject is None and ref.effort_min <= TINY_MIN
            case _:
                return ref.cluster == accepted


def load(name: str) -> dict[str, Any]:
    """Return a golden moment by its file name."""
    return tomllib.loads((GOLDEN / f"{name}.toml").read_text("utf-8"))


def life_of(moment: dict[str, Any]) -> Life:
    """Return the life that a file tells."""
    life = Life(moment["at"], ZoneInfo(moment.get("zone", "Europe/Berlin")))
    if "quiet" in moment:
        start, end = (int(face[:2]) * 60 + int(face[3:]) for face in moment["quiet"])
        life.quiet = (start, end)
    for task in moment.get("task", []):
        title, due = task.pop("title"), task.pop("due", None)
        life.task(title, _at(life, due) if due else None, **task)
    for start, end in moment.get("events", []):
        life.meeting(_at(life, start), _at(life, end))
    for habit in moment.get("habit", []):
        life.habit(habit["label"], *(life.clock(-day, "07:30") for day in habit["days"]))
    if "mood" in moment:
        life.mood(**moment["mood"])
    if "context" in moment:
        life.context(**moment["context"])
    for tip in moment.get("tips", []):
        life.tip(**tip)
    for source in moment.get("withdrawn", []):
        life.withdraw(Source(source))
    return life


def answer(moment: dict[str, Any], policy: Policy) -> Answer:
    """Return how the whole path answers, with exact probabilities."""
    life = life_of(moment)
    row, vector = life.row(), life.vector()
    here = Moment(
        now_us=life.now_us,
        zone=life.zone,
        calendar=row.calendar,
        consent_mask=life.consent_mask,
        quiet_start_min=life.quiet[0],
        quiet_end_min=life.quiet[1],
        trigger=Trigger(moment.get("trigger", "open")),
        budget=3,
        spent=moment.get("spent", 0),
        latest=_latest(life, moment),
    )
    rule = closed_now(here) or no_new_tip(here)
    if rule is not None:
        return Answer(rule.value, ((None, 1.0),))
    pool = prepare(build_pool([Catalogue()], life.surroundings()))
    chosen = eligible(
        pool,
        values=vector.values,
        masked=vector.masked,
        now_us=life.now_us,
        minute=minute_of_day(life.now_us, life.zone),
        free_min=free_minutes(here, vector.values, vector.masked),
        blocked=[ClusterId(cluster) for cluster in moment.get("blocked", [])],
    )
    situation = Situation(PersonId(life.person), here, row, vector, pool, chosen, SILENCE_PRICE, 0)
    choice = policy.choose(context_of(vector, here.spent, SILENCE_PRICE, None), actions_of(situation), 0)
    refs = [*(pool.refs[place] for place in chosen.places.tolist()), None]
    return Answer(None, tuple(zip(refs, choice.probabilities.tolist(), strict=True)))


def _at(life: Life, face: str) -> int:
    """Return the instant of `HH:MM` today, or of `+1 HH:MM` on another day."""
    day, _, clock = face.rpartition(" ")
    return life.clock(int(day or 0), clock)


def _latest(life: Life, moment: dict[str, Any]) -> Latest | None:
    if "reacted_min_ago" not in moment:
        return None
    closed_us = life.now_us - moment["reacted_min_ago"] * MINUTE_US
    return Latest(closed_us - MINUTE_US, False, closed_us + 60 * MINUTE_US, closed_us, True)
