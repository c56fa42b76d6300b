from data_contracts.events.oo.events.v1 import facts_pb2 as _facts_pb2
from data_contracts.events.oo.events.v1 import signals_pb2 as _signals_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Event(_message.Message):
    __slots__ = ("id", "person", "at_us", "received_us", "source", "task_changed", "event_scheduled", "habit_logged", "mood_reported", "context_observed", "tasks_synced", "calendar_synced", "tip_shown", "reaction_received", "reaction_undone", "outcome_observed", "consent_changed")
    ID_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    AT_US_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_US_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TASK_CHANGED_FIELD_NUMBER: _ClassVar[int]
    EVENT_SCHEDULED_FIELD_NUMBER: _ClassVar[int]
    HABIT_LOGGED_FIELD_NUMBER: _ClassVar[int]
    MOOD_REPORTED_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_OBSERVED_FIELD_NUMBER: _ClassVar[int]
    TASKS_SYNCED_FIELD_NUMBER: _ClassVar[int]
    CALENDAR_SYNCED_FIELD_NUMBER: _ClassVar[int]
    TIP_SHOWN_FIELD_NUMBER: _ClassVar[int]
    REACTION_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    REACTION_UNDONE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_OBSERVED_FIELD_NUMBER: _ClassVar[int]
    CONSENT_CHANGED_FIELD_NUMBER: _ClassVar[int]
    id: str
    person: str
    at_us: int
    received_us: int
    source: str
    task_changed: _signals_pb2.TaskChanged
    event_scheduled: _signals_pb2.EventScheduled
    habit_logged: _signals_pb2.HabitLogged
    mood_reported: _signals_pb2.MoodReported
    context_observed: _signals_pb2.ContextObserved
    tasks_synced: _signals_pb2.SourceSynced
    calendar_synced: _signals_pb2.SourceSynced
    tip_shown: _facts_pb2.TipShown
    reaction_received: _facts_pb2.ReactionReceived
    reaction_undone: _facts_pb2.ReactionUndone
    outcome_observed: _facts_pb2.OutcomeObserved
    consent_changed: _facts_pb2.ConsentChanged
    def __init__(self, id: _Optional[str] = ..., person: _Optional[str] = ..., at_us: _Optional[int] = ..., received_us: _Optional[int] = ..., source: _Optional[str] = ..., task_changed: _Optional[_Union[_signals_pb2.TaskChanged, _Mapping]] = ..., event_scheduled: _Optional[_Union[_signals_pb2.EventScheduled, _Mapping]] = ..., habit_logged: _Optional[_Union[_signals_pb2.HabitLogged, _Mapping]] = ..., mood_reported: _Optional[_Union[_signals_pb2.MoodReported, _Mapping]] = ..., context_observed: _Optional[_Union[_signals_pb2.ContextObserved, _Mapping]] = ..., tasks_synced: _Optional[_Union[_signals_pb2.SourceSynced, _Mapping]] = ..., calendar_synced: _Optional[_Union[_signals_pb2.SourceSynced, _Mapping]] = ..., tip_shown: _Optional[_Union[_facts_pb2.TipShown, _Mapping]] = ..., reaction_received: _Optional[_Union[_facts_pb2.ReactionReceived, _Mapping]] = ..., reaction_undone: _Optional[_Union[_facts_pb2.ReactionUndone, _Mapping]] = ..., outcome_observed: _Optional[_Union[_facts_pb2.OutcomeObserved, _Mapping]] = ..., consent_changed: _Optional[_Union[_facts_pb2.ConsentChanged, _Mapping]] = ...) -> None: ...
