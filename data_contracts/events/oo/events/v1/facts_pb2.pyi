from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Reaction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REACTION_UNSPECIFIED: _ClassVar[Reaction]
    REACTION_DONE: _ClassVar[Reaction]
    REACTION_NOT_NOW: _ClassVar[Reaction]
    REACTION_NOT_FOR_ME: _ClassVar[Reaction]
REACTION_UNSPECIFIED: Reaction
REACTION_DONE: Reaction
REACTION_NOT_NOW: Reaction
REACTION_NOT_FOR_ME: Reaction

class TipShown(_message.Message):
    __slots__ = ("decision", "cluster", "unsolicited")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    UNSOLICITED_FIELD_NUMBER: _ClassVar[int]
    decision: str
    cluster: str
    unsolicited: bool
    def __init__(self, decision: _Optional[str] = ..., cluster: _Optional[str] = ..., unsolicited: _Optional[bool] = ...) -> None: ...

class ReactionReceived(_message.Message):
    __slots__ = ("decision", "cluster", "reaction")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    REACTION_FIELD_NUMBER: _ClassVar[int]
    decision: str
    cluster: str
    reaction: Reaction
    def __init__(self, decision: _Optional[str] = ..., cluster: _Optional[str] = ..., reaction: _Optional[_Union[Reaction, str]] = ...) -> None: ...

class ReactionUndone(_message.Message):
    __slots__ = ("decision",)
    DECISION_FIELD_NUMBER: _ClassVar[int]
    decision: str
    def __init__(self, decision: _Optional[str] = ...) -> None: ...

class OutcomeObserved(_message.Message):
    __slots__ = ("decision", "cluster", "task")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    decision: str
    cluster: str
    task: str
    def __init__(self, decision: _Optional[str] = ..., cluster: _Optional[str] = ..., task: _Optional[str] = ...) -> None: ...

class ConsentChanged(_message.Message):
    __slots__ = ("signal", "granted")
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    GRANTED_FIELD_NUMBER: _ClassVar[int]
    signal: str
    granted: bool
    def __init__(self, signal: _Optional[str] = ..., granted: _Optional[bool] = ...) -> None: ...
