"""The stream processor on the mirror: a message names a person, and is acknowledged when their events are folded.

A person's events are folded from the event table in their order there, and the fold head, which is written in one
transaction with the working state, is the inbox: a message whose sequence is not above the head was taken in before.
So a late, doubled or shuffled message changes nothing, and a processor that takes over a share needs only its heads.
A message that cannot be read or folded is handed out `MAX_DELIVERIES` times and then becomes a dead letter; others
are not held up by it.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, Self

from data_contracts.errors import ErasedPerson, Malformed, NotFound, OOError
from data_contracts.events.codec import decode, kind
from data_contracts.identifiers import PersonId, to_us
from flows.stream.partitions import EVERYBODY, Share
from flows.stream.processor import Stream
from infra.background_loop import END, BackgroundLoop
from infra.clock import Clock
from infra.database.engine.database import Database
from infra.database.events import dead_letters, working_state
from infra.fault_injection import crash_point

__all__ = ["MAX_DELIVERIES", "FollowingState", "Follows", "Message", "MirrorConsumer", "judge"]

BATCH = 1_000
WAIT_S = 1.0
RETRY_S = (0.5,)
STOP_S = 10.0
MAX_DELIVERIES = 5
ERASED = "erased"  # not a fault: what arrives about an erased person leaves the mirror at once
logger = logging.getLogger(__name__)


class Message(Protocol):
    """One delivery."""

    @property
    def place(self) -> int:
        """Where in the mirror it lies."""

    @property
    def subject(self) -> str:
        """Kind and person, as `oo.ev.<kind>.<person>`."""

    @property
    def sequence(self) -> int:
        """Where in the event table it lies, or 0."""

    @property
    def payload(self) -> bytes:
        """The event."""

    @property
    def deliveries(self) -> int:
        """How often it was handed out, this time included."""

    async def done(self) -> None:
        """Never hand it out again."""

    async def again(self) -> None:
        """Hand it out again, later."""

    async def erase(self) -> None:
        """Take it out of the mirror, to the last byte."""


class Follows(Protocol):
    """A durable consumer."""

    async def fetch(self, limit: int, wait_s: float) -> Sequence[Message]:
        """Return new deliveries, after at most `wait_s`."""


@dataclass(slots=True)
class FollowingState:
    """What this processor has done since its start."""

    handled: int = 0
    repeated: int = 0
    dead: int = 0
    failures: int = 0


class MirrorConsumer:
    """Follows the mirror in a thread, for its share of the people."""

    def __init__(
        self,
        database: Database,
        stream: Stream,
        clock: Clock,
        connect: Callable[[], AbstractAsyncContextManager[Follows]],
        share: Share = EVERYBODY,
    ) -> None:
        self.state = FollowingState()
        self._database = database
        self._stream = stream
        self._clock = clock
        self._connect = connect
        self._share = share
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._background = BackgroundLoop(
            "oo-following", self._step, every_s=0.0, retry_s=RETRY_S, failed=self._count_failure
        )

    def __enter__(self) -> Self:
        """Begin."""
        self._background.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End; what is not acknowledged comes again."""
        self._background.stop(0)
        self._loop.call_soon_threadsafe(self._cancel)
        if self._background.stop(STOP_S):
            self._loop.close()

    def ping(self) -> str:
        """Report its state; raises `Unavailable` after an unexpected error, not while the mirror is unreachable."""
        if isinstance(self._background.failure, OOError):
            return f"waits: {self._background.failure}"
        return self._background.ping()

    def _step(self) -> object:
        """Follow the mirror over one connection, until that ends with an error or this is told to end."""
        self._task = self._loop.create_task(self._follow())
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            if not self._background.stopping:
                raise
        return END

    async def _follow(self) -> None:
        async with self._connect() as mirror:
            while not self._background.stopping:
                await self.step(mirror, WAIT_S)
                self._background.progress()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _count_failure(self, _: BaseException) -> None:
        self.state.failures += 1

    async def step(self, mirror: Follows, wait_s: float) -> int:
        """Take one batch in and return how many messages it had."""
        batch = [(message, _person(message), _broken(message)) for message in await mirror.fetch(BATCH, wait_s)]
        wanted: dict[PersonId, int] = {}
        for message, person, broken in batch:
            if broken is None and self._share.holds(person):
                wanted[person] = max(message.sequence, wanted.get(person, 0))
        heads = self._fold(wanted)
        for message, person, broken in batch:
            reason = broken
            if broken is None and person in heads:
                head, hindrance = heads[person]
                reason = hindrance if message.sequence > head else None
            await self._answer(message, reason)
        return len(batch)

    def _fold(self, wanted: Mapping[PersonId, int]) -> dict[PersonId, tuple[int, str | None]]:
        """Fold people up to a sequence each; return how far that went, and what hindered more."""
        behind = [person for person, head in self._heads(wanted).items() if head < wanted[person]]
        self.state.repeated += len(wanted) - len(behind)
        self._stream.fold_people(behind)
        found: dict[PersonId, tuple[int, str | None]] = {}
        for person, head in self._heads(wanted).items():
            reached = head >= wanted[person]
            found[person] = (head, None) if reached else _fold(self._database, self._stream, person, wanted[person])
        return found

    def _heads(self, people: Mapping[PersonId, int]) -> dict[PersonId, int]:
        with self._database.read() as session:
            return {person: head.sequence for person, head in working_state.heads(session, people).items()}

    async def _answer(self, message: Message, reason: str | None) -> None:
        if reason not in (None, ERASED) and message.deliveries < MAX_DELIVERIES:
            await message.again()
            return
        if reason is not None and reason != ERASED:
            self._bury(message, reason)
        if reason == ERASED:
            await message.erase()
        crash_point("before_ack")
        await message.done()
        self.state.handled += 1

    def _bury(self, message: Message, reason: str) -> None:
        with self._database.unit_of_work() as uow:
            dead_letters.add(
                uow,
                person=_person(message),
                place=message.place,
                digest=hashlib.sha256(message.payload).hexdigest(),
                size=len(message.payload),
                reason=reason,
                deliveries=message.deliveries,
                at_us=to_us(self._clock()),
            )
            uow.commit()
        self.state.dead += 1
        logger.warning("a message became a dead letter: %s", reason)


def judge(database: Database, stream: Stream, message: Message) -> str | None:
    """Take one message in, outside of any batch; return why that is not possible."""
    reason = _broken(message)
    if reason is not None:
        return reason
    head, hindrance = _fold(database, stream, _person(message), message.sequence)
    return hindrance if message.sequence > head else None


def _fold(database: Database, stream: Stream, person: PersonId, sequence: int) -> tuple[int, str | None]:
    try:
        stream.fold_person(person)
        head = _head(database, person)
        if head < sequence:
            with database.unit_of_work() as uow:
                working_state.lock(uow, person)
    except Malformed:
        return _head(database, person), "not_foldable"
    except ErasedPerson:
        return 0, ERASED
    except NotFound:
        return 0, "not_in_database"
    return head, "not_in_database"


def _head(database: Database, person: PersonId) -> int:
    with database.read() as session:
        return working_state.head(session, person).sequence


def _person(message: Message) -> PersonId:
    return PersonId(message.subject.rpartition(".")[2])


def _broken(message: Message) -> str | None:
    """Return the rule that a message breaks."""
    if message.sequence == 0:
        return "no_sequence"
    try:
        event = decode(message.payload)
    except Malformed:
        return "unreadable"
    return None if message.subject.split(".")[2:] == [kind(event), event.person] else "wrong_subject"
