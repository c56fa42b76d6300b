from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TaskState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TASK_STATE_UNSPECIFIED: _ClassVar[TaskState]
    TASK_STATE_OPEN: _ClassVar[TaskState]
    TASK_STATE_DONE: _ClassVar[TaskState]
    TASK_STATE_DELETED: _ClassVar[TaskState]

class Device(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DEVICE_UNSPECIFIED: _ClassVar[Device]
    DEVICE_PHONE: _ClassVar[Device]
    DEVICE_DESKTOP: _ClassVar[Device]
    DEVICE_TABLET: _ClassVar[Device]
    DEVICE_WATCH: _ClassVar[Device]

class Place(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PLACE_UNSPECIFIED: _ClassVar[Place]
    PLACE_HOME: _ClassVar[Place]
    PLACE_WORK: _ClassVar[Place]
    PLACE_OUT: _ClassVar[Place]
TASK_STATE_UNSPECIFIED: TaskState
TASK_STATE_OPEN: TaskState
TASK_STATE_DONE: TaskState
TASK_STATE_DELETED: TaskState
DEVICE_UNSPECIFIED: Device
DEVICE_PHONE: Device
DEVICE_DESKTOP: Device
DEVICE_TABLET: Device
DEVICE_WATCH: Device
PLACE_UNSPECIFIED: Place
PLACE_HOME: Place
PLACE_WORK: Place
PLACE_OUT: Place

class TaskChanged(_message.Message):
    __slots__ = ("task", "state", "priority", "due_us", "due_is_date", "created_us", "completed_us", "effort_min")
    TASK_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    DUE_US_FIELD_NUMBER: _ClassVar[int]
    DUE_IS_DATE_FIELD_NUMBER: _ClassVar[int]
    CREATED_US_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_US_FIELD_NUMBER: _ClassVar[int]
    EFFORT_MIN_FIELD_NUMBER: _ClassVar[int]
    task: str
    state: TaskState
    priority: int
    due_us: int
    due_is_date: bool
    created_us: int
    completed_us: int
    effort_min: int
    def __init__(self, task: _Optional[str] = ..., state: _Optional[_Union[TaskState, str]] = ..., priority: _Optional[int] = ..., due_us: _Optional[int] = ..., due_is_date: _Optional[bool] = ..., created_us: _Optional[int] = ..., completed_us: _Optional[int] = ..., effort_min: _Optional[int] = ...) -> None: ...

class EventScheduled(_message.Message):
    __slots__ = ("event", "start_us", "end_us", "busy", "all_day", "cancelled")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    START_US_FIELD_NUMBER: _ClassVar[int]
    END_US_FIELD_NUMBER: _ClassVar[int]
    BUSY_FIELD_NUMBER: _ClassVar[int]
    ALL_DAY_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    event: str
    start_us: int
    end_us: int
    busy: bool
    all_day: bool
    cancelled: bool
    def __init__(self, event: _Optional[str] = ..., start_us: _Optional[int] = ..., end_us: _Optional[int] = ..., busy: _Optional[bool] = ..., all_day: _Optional[bool] = ..., cancelled: _Optional[bool] = ...) -> None: ...

class HabitLogged(_message.Message):
    __slots__ = ("habit",)
    HABIT_FIELD_NUMBER: _ClassVar[int]
    habit: str
    def __init__(self, habit: _Optional[str] = ...) -> None: ...

class MoodReported(_message.Message):
    __slots__ = ("mood", "energy")
    MOOD_FIELD_NUMBER: _ClassVar[int]
    ENERGY_FIELD_NUMBER: _ClassVar[int]
    mood: int
    energy: int
    def __init__(self, mood: _Optional[int] = ..., energy: _Optional[int] = ...) -> None: ...

class ContextObserved(_message.Message):
    __slots__ = ("device", "place", "focus")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    FOCUS_FIELD_NUMBER: _ClassVar[int]
    device: Device
    place: Place
    focus: bool
    def __init__(self, device: _Optional[_Union[Device, str]] = ..., place: _Optional[_Union[Place, str]] = ..., focus: _Optional[bool] = ...) -> None: ...

class SourceSynced(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
