from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from data_contracts.decisions import SILENCE, CandidateRef, Decision, Origin, Trigger
from data_contracts.events.codec import Event, Sequenced
from data_contracts.features import FEATURES, POSITION
from data_contracts.identifiers import ClusterId, DecisionId, PersonId, PolicyDigest, to_us
from feature_repo.feast_store.training_sets import training_set
from feature_repo.history.batch import build_history
from feature_repo.history.served_rows import History
from feature_repo.state.batch_fold import fold
from feature_repo.state.fold import known_us
from feature_repo.state.served_row import served_row
from feature_repo.vector.kernel import ALL_CONSENTS, context_vector
from tests.feature_repo.stores import applied

ZONE = "Europe/Berlin"


def mood(number: int, at: datetime, person: PersonId) -> Event:
    """Return a mood report that arrived ten minutes after it was made."""
    event = Event(id=f"m{number}", person=person, at_us=to_us(at), received_us=to_us(at + timedelta(minutes=10)))
    event.mood_reported.mood = 1 + number % 5
    return event


def decided(at: datetime, person: PersonId, events: list[Event]) -> Decision:
    """Return a decision that saw exactly what had arrived by then."""
    known = [event for event in events if known_us(event) <= to_us(at)]
    row = served_row(fold(known), max(map(known_us, known), default=0))
    seen = context_vector(row, to_us(at), ZoneInfo(ZONE), ALL_CONSENTS, quiet_start_min=1_260, quiet_end_min=420)
    one = np.ones(1)
    return Decision(
        id=DecisionId(f"d{to_us(at)}"),
        person=person,
        at_us=to_us(at),
        zone=ZONE,
        trigger=Trigger.OPEN,
        origin=Origin.LIVE,
        policy="uniform",
        policy_digest=PolicyDigest("0"),
        posterior_version=0,
        event_sequence=len(known),
        seed=1,
        feature_service_version=1,
        consent_mask=ALL_CONSENTS,
        stale_mask=seen.stale_mask,
        spent=0,
        silence_price=0.45,
        build="test",
        chosen=0,
        reason="chosen",
        fallback=None,
        expires_us=0,
        ineligible={},
        candidates=(CandidateRef(SILENCE, "", ClusterId(""), None, None, 0, None),),
        served=row,
        vector=seen.values,
        masked=seen.masked,
        ages_s=seen.ages_s,
        actions=one.reshape(1, 1),
        mu=one,
        sigma=one,
        probabilities=one,
        quiet_start_min=1_260,
        quiet_end_min=420,
    )


def test_history_gives_each_decision_what_it_saw(home: Path, person: PersonId, now: datetime) -> None:
    """Rows and vectors made from history equal the logged ones, also while a fact was on its way."""
    events = [mood(number, now + number * timedelta(hours=1), person) for number in range(6)]
    store = applied(home)
    History(home / "history").append(build_history(Sequenced(n, event) for n, event in enumerate(events, start=1)))
    decisions = [decided(now + timedelta(minutes=m), person, events) for m in (-5, 5, 15, 65, 71, 60 * 24 * 40, 130)]
    made = training_set(store, decisions)
    assert made.skew == (len(decisions), len(decisions), 0.0, {})
    assert [made.rows[index] for index in (0, 1, 2, 3, 4, 6)] == [decisions[i].served for i in (0, 1, 2, 3, 4, 6)]


def test_a_skew_is_measured_and_named(home: Path, person: PersonId, now: datetime) -> None:
    """A logged value that history cannot explain is counted under its feature."""
    events = [mood(0, now, person)]
    store = applied(home)
    History(home / "history").append(build_history([Sequenced(1, events[0])]))
    decision = decided(now + timedelta(hours=1), person, events)
    vector = decision.vector.copy()
    vector[POSITION["mood_last"]] += 1
    skew = training_set(store, [decision, replace(decision, vector=vector)]).skew
    assert (skew.decisions, skew.equal, skew.largest, skew.features) == (2, 1, 0.25, {"mood_last": 1})


def test_no_decisions_make_an_empty_set(home: Path) -> None:
    """Absence is a value."""
    made = training_set(applied(home), [])
    assert made.values.shape == (0, len(FEATURES))
    assert made.skew == (0, 0, 0.0, {})
