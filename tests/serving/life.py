"""A small language for one person's situation: facts become events, the real fold makes the served row."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from data_contracts.events.codec import Event
from data_contracts.events.oo.events.v1 import facts_pb2, signals_pb2
from data_contracts.features import Source
from data_contracts.identifiers import SubjectKey, to_us
from data_contracts.served import ServedRow
from feature_repo.state.fold import WorkingState
from feature_repo.state.served_row import served_row
from feature_repo.vector.kernel import ALL_CONSENTS, ContextVector, context_vector
from serving.candidates.candidates import Pool, build_pool
from serving.candidates.catalogue import Catalogue
from serving.candidates.subjects import Surroundings

DEVICES = {
    "phone": signals_pb2.DEVICE_PHONE,
    "desktop": signals_pb2.DEVICE_DESKTOP,
    "tablet": signals_pb2.DEVICE_TABLET,
    "watch": signals_pb2.DEVICE_WATCH,
}
PLACES = {"home": signals_pb2.PLACE_HOME, "work": signals_pb2.PLACE_WORK, "out": signals_pb2.PLACE_OUT}
REACTIONS = {
    "done": facts_pb2.REACTION_DONE,
    "not_now": facts_pb2.REACTION_NOT_NOW,
    "not_for_me": facts_pb2.REACTION_NOT_FOR_ME,
}


def key(title: str) -> SubjectKey:
    """Return a stable stand-in for the vault's keyed hash."""
    return SubjectKey(hashlib.sha256(title.encode()).hexdigest()[:32])


@dataclass
class Life:
    """One person at one instant; `at` is local wall-clock time in `zone`."""

    at: datetime
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Berlin"))
    quiet: tuple[int, int] = (1_320, 480)
    consent_mask: int = ALL_CONSENTS
    person: str = "00" * 16
    titles: dict[SubjectKey, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    @classmethod
    def on(cls, face: str, zone: str = "Europe/Berlin") -> "Life":
        """Return a life at a wall-clock time such as 2026-03-04T14:10."""
        return cls(datetime.fromisoformat(face), ZoneInfo(zone))

    @property
    def now(self) -> datetime:
        """The instant as aware UTC."""
        return self.at.replace(tzinfo=self.zone).astimezone(UTC)

    @property
    def now_us(self) -> int:
        """The instant in microseconds."""
        return to_us(self.now)

    def clock(self, day: int, face: str) -> int:
        """Return the instant at which the wall clock shows `face`, `day` days from the day of `at`."""
        there = datetime.combine(self.at.date() + timedelta(days=day), time.fromisoformat(face), self.zone)
        return to_us(there.astimezone(UTC))

    def ago(self, minutes: float) -> int:
        """Return the instant some minutes before now."""
        return self.now_us - int(minutes * 60_000_000)

    def _add(self, at_us: int, source: str) -> Event:
        event = Event(id=f"e{len(self.events)}", person=self.person, at_us=at_us, received_us=at_us, source=source)
        self.events.append(event)
        return event

    def task(
        self,
        title: str,
        due_us: int | None = None,
        *,
        priority: int = 4,
        effort: int = 0,
        created_days: float = 5,
        done_min_ago: float | None = None,
    ) -> SubjectKey:
        """Add a task, open unless it was done some minutes ago."""
        done = done_min_ago is not None
        body = self._add(self.ago(done_min_ago if done_min_ago is not None else 60), "todoist").task_changed
        body.task = key(title)
        body.state = signals_pb2.TASK_STATE_DONE if done else signals_pb2.TASK_STATE_OPEN
        body.priority = priority
        body.created_us = self.ago(created_days * 1_440)
        if due_us is not None:
            body.due_us = due_us
        if effort:
            body.effort_min = effort
        if done_min_ago is not None:
            body.completed_us = self.ago(done_min_ago)
        self.titles[key(title)] = title
        return key(title)

    def meeting(self, start_us: int, end_us: int, *, busy: bool = True, said_days_ago: float = 1 / 12) -> None:
        """Add a calendar event, which the calendar said some days ago."""
        body = self._add(self.ago(said_days_ago * 1_440), "ics").event_scheduled
        body.event = key(f"meeting{len(self.events)}")
        body.start_us, body.end_us, body.busy = start_us, end_us, busy

    def habit(self, label: str, *at_us: int) -> SubjectKey:
        """Add logs of a habit."""
        for each in at_us:
            self._add(each, "habits").habit_logged.habit = key(label)
        self.titles[key(label)] = label
        return key(label)

    def streak(self, label: str, days: int, *, until: int = 1, face: str = "07:30") -> SubjectKey:
        """Log a habit on `days` days in a row, the newest `until` days ago."""
        return self.habit(label, *(self.clock(-back, face) for back in range(until, until + days)))

    def mood(self, mood: int, energy: int = 0, *, hours_ago: float = 2) -> None:
        """Add a mood report."""
        body = self._add(self.ago(hours_ago * 60), "mood").mood_reported
        body.mood = mood
        if energy:
            body.energy = energy

    def context(
        self,
        device: str = "",
        place: str = "",
        *,
        focus: bool | None = None,
        since_min: float = 30,
        seen_min: float = 5,
    ) -> None:
        """Say where the person is (for how long) and what they hold."""
        if place:
            self._add(self.ago(since_min), "context").context_observed.place = PLACES[place]
        body = self._add(self.ago(min(seen_min, since_min)), "context").context_observed
        if device:
            body.device = DEVICES[device]
        if place:
            body.place = PLACES[place]
        if focus is not None:
            body.focus = focus

    def tip(self, cluster: str, *, minutes_ago: float, reaction: str = "", unsolicited: bool = False) -> None:
        """Add a tip that was seen, and its reaction a minute later."""
        shown = self._add(self.ago(minutes_ago), "oo").tip_shown
        shown.decision, shown.cluster, shown.unsolicited = f"d{len(self.events)}", cluster, unsolicited
        if reaction:
            answer = self._add(self.ago(minutes_ago - 1), "oo").reaction_received
            answer.decision, answer.cluster, answer.reaction = shown.decision, cluster, REACTIONS[reaction]

    def row(self) -> ServedRow:
        """Return the served row by the real fold."""
        state = WorkingState()
        for event in self.events:
            state.apply(event)
        return served_row(state, self.now_us)

    def vector(self) -> ContextVector:
        """Return the context vector by the real kernel."""
        start, end = self.quiet
        return context_vector(
            self.row(), self.now_us, self.zone, self.consent_mask, quiet_start_min=start, quiet_end_min=end
        )

    def surroundings(self) -> Surroundings:
        """Return what candidate sources see."""
        return Surroundings(self.row(), self.titles, self.now_us, self.zone, self.consent_mask)

    def pool(self) -> Pool:
        """Return the pool that the catalogue makes."""
        return build_pool([Catalogue()], self.surroundings())

    def withdraw(self, source: Source) -> None:
        """Take a consent back."""
        self.consent_mask &= ~(1 << list(Source).index(source))
